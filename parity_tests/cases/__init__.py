"""The registry: one declaration per operation, read by every check.

A new operation is one entry here and its formula in `numpy_impl`; nothing else has to be edited.
"""
