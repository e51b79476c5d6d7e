"""How close one tensor is to a multiple of another."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def fit(observed: Array, expected: Array) -> tuple[float, float]:
    """Return the factor that brings one tensor closest to another, and what is left over.

    Returns
    -------
    factor : float
        Least squares; 0 if either is zero.
    residual : float
        Norm of the difference over the norm of the observed; infinite if that is not finite.
    """
    observed, expected = observed.ravel(), expected.ravel()
    size, other = float(np.linalg.norm(observed)), float(expected @ expected)
    if not np.isfinite(size) or not np.isfinite(other):
        return np.nan, np.inf
    if size == 0:
        return 0.0, 0.0 if other == 0 else np.inf
    if other == 0:
        return 0.0, np.inf
    factor = float(observed @ expected) / other
    return factor, float(np.linalg.norm(observed - factor * expected)) / size


def are_single(numbers: Array | Sequence[float]) -> bool:
    """Whether all numbers are ones that single precision has."""
    own = np.asarray(numbers, np.float64)
    with np.errstate(over="ignore"):
        return np.array_equal(own, own.astype(np.float32).astype(np.float64))


def fits(observed: Array, expected: Array) -> tuple[Array, Array]:
    """Return what `fit` does, for each tensor of a stack at once.

    Parameters
    ----------
    observed : ndarray
        One tensor.
    expected : ndarray
        Tensors of its shape, along a first axis.
    """
    flat, rows = observed.ravel(), expected.reshape(len(expected), -1)
    size, others = float(np.linalg.norm(flat)), np.einsum("kn,kn->k", rows, rows)
    is_fitted = np.isfinite(others) & (others > 0) & np.isfinite(size) & (size > 0)
    factors = np.where(np.isfinite(others) & np.isfinite(size), 0.0, np.nan)
    residuals = np.where((others == 0) & (size == 0), 0.0, np.inf)
    rows = rows[is_fitted]
    factors[is_fitted] = rows @ flat / others[is_fitted]
    left = np.linalg.norm(flat - factors[is_fitted, np.newaxis] * rows, axis=1)
    residuals[is_fitted] = left / (size or 1.0)
    return factors, residuals
