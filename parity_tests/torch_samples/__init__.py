"""PyTorch's own sample inputs, run through the classes of `numpy_impl` of the same names.

PyTorch tests itself with three databases: of modules, of functions and of optimizers. Every sample
that they have for a class of ours runs here as well, or is left out by one of the rules in
`parity_tests.torch_samples.rules`. ``python -m parity_tests.torch_samples`` prints how many.
"""
