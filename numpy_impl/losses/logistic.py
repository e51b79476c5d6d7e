"""The logistic function and its integral, which several losses are made of."""

from __future__ import annotations

import numpy as np

from numpy_impl.arrays import FloatArray


def sigmoid(x: FloatArray) -> FloatArray:
    """Return 1 / (1 + exp(-x)); no exponent is above zero, so nothing overflows."""
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, small) / (1.0 + small)


def softplus(x: FloatArray) -> FloatArray:
    """Return log(1 + exp(x)), as max(x, 0) + log(1 + exp(-|x|))."""
    return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))
