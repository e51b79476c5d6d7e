"""The tests that prove `numpy_impl` equal to PyTorch, and keep its promises."""
