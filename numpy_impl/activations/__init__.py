"""Activations, each with its formula and its derivative."""

from numpy_impl.activations.relu import ReLU

__all__ = ["ReLU"]
