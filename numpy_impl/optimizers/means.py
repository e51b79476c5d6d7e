"""Running means and shrinking, in place and accurate in the precision of the vectors.

A mean is moved by a share of its distance from what it averages. With a factor for what is kept
and another one for what is taken, both rounded, the two would not add up to 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from numpy_impl.arrays import FloatArray

STEPS_PER_FLUSH = 64

# A mean that moves farther is rounded less if it is taken from where it goes to.
_MOST = 0.5


def number(value: float, dtype: np.dtype[Any]) -> FloatArray:
    """Return a number as an array without axes, which NumPy takes faster than a float."""
    return np.array(value, dtype)


def approach(mean: FloatArray, target: FloatArray, share: FloatArray, scratch: FloatArray) -> None:
    """Move a mean by a share of its distance from the target."""
    if share > _MOST:
        mean -= target
        mean *= 1 - share
        mean += target
        return
    np.subtract(target, mean, out=scratch)
    scratch *= share
    mean += scratch


def approach_square(
    mean: FloatArray, root: FloatArray, share: FloatArray, scratch: FloatArray
) -> None:
    """Move a mean by a share of its distance from the square of `root`."""
    np.multiply(root, root, out=scratch)
    if share > _MOST:
        approach(mean, scratch, share, scratch)
        return
    scratch -= mean
    scratch *= share
    mean += scratch


def between(first: FloatArray, second: FloatArray, share: float) -> FloatArray:
    """Return what lies a share of the way from the first to the second."""
    if share > _MOST:
        return second + (1 - share) * (first - second)
    return first + share * (second - first)


def shrink(value: FloatArray, share: float, scratch: FloatArray) -> None:
    """Take a share of itself from a value.

    As a factor, ``1 - share`` would be rounded alike at every step, and the error would add up.
    """
    np.multiply(value, share, out=scratch)
    value -= scratch


def flush(mean: FloatArray, beta: float, scratch: FloatArray) -> None:
    """Set to zero what would decay below the normal numbers before the next flush.

    Where a gradient stays zero (a pixel that is never lit), its mean decays for ever: by rounding,
    the smallest positive number times 0.9 is itself. Arithmetic on numbers so small is many times
    slower, and next to eps they move nothing.

    Parameters
    ----------
    mean : ndarray
        A running mean.
    beta : float
        What it is multiplied by at every step, at most 1.
    scratch : ndarray
        Of the same length, free to use.
    """
    # The factor 1e8 bounds what is taken for nothing: 1e-30, in float32.
    limit = float(np.finfo(mean.dtype).tiny) * min(beta**-STEPS_PER_FLUSH if beta else 1.0, 1e8)
    np.abs(mean, out=scratch)
    np.greater_equal(scratch, limit, out=scratch)
    mean *= scratch
