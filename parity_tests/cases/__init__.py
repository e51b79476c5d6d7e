"""The registry: one declaration per operation, read by every check.

The report, the benchmarks and the mapping guide read it as well. A new operation is one declaration
and its formula in `numpy_impl`; nothing else has to be edited.
"""
