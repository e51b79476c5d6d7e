"""Layers: the contract that all of them keep, and those with parameters.

Each operation stands here twice: as a plain function that is the formula, written to be read,
and as a `Layer` that computes the same in place. The tests hold one against the other.

One rule about memory: *what you receive is yours, unless you passed* ``out``. A layer remembers
its input by reference between `forward` and `backward`, so leave that unchanged in between.
"""

from numpy_impl.layers.dropout import Dropout
from numpy_impl.layers.layer import Layer
from numpy_impl.layers.linear import Linear
from numpy_impl.layers.normalization import BatchNorm1d, LayerNorm, RMSNorm
from numpy_impl.layers.residual import Residual
from numpy_impl.layers.shape import Flatten, Identity

__all__ = [
    "BatchNorm1d",
    "Dropout",
    "Flatten",
    "Identity",
    "Layer",
    "LayerNorm",
    "Linear",
    "RMSNorm",
    "Residual",
]
