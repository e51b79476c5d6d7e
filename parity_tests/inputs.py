"""Inputs in which faults show.

Tolerances matter less than what is compared: a mask on the wrong side passes on inputs that are
all positive, a missing factor passes on gradients that are all zero. Everything here has both
signs, exact zeros, tiny and huge entries; dimensions are distinct primes, so that a wrong factor
of 7 means the batch and no transposed product fits by accident.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

BATCH, FEATURES, HIDDEN, CLASSES = 7, 13, 11, 5
MANY_CLASSES = 37


def shape_name(shape: tuple[int, ...]) -> str:
    """Return a shape as part of an id."""
    return "x".join(map(str, shape)) or "scalar"


def normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Standard normal."""
    return rng.standard_normal(shape)


def mixed(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Normal entries, and among them exact zeros of both signs, tiny and large ones."""
    values = rng.standard_normal(shape)
    kinds = rng.integers(0, 10, shape)
    values[kinds == 0] = 0.0
    values[kinds == 1] = -0.0
    values[kinds == 2] *= 1e-6
    values[kinds == 3] *= 1e3
    return values


def huge(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Normal times 1e4, one row beyond what exp can take in any precision, one row of equals."""
    values = 1e4 * rng.standard_normal(shape)
    values[0] = 1e5
    values[-1] = -3.0
    return values


DRAWS: Mapping[str, Callable[[np.random.Generator, tuple[int, ...]], Array]] = {
    "normal": normal,
    "mixed": mixed,
}


def as_is(array: Array) -> Array:
    """C-contiguous."""
    return np.ascontiguousarray(array)


def fortran(array: Array) -> Array:
    """Column-major."""
    return np.asfortranarray(array)


def strided(array: Array) -> Array:
    """Every second column of a wider array, which has NaN in between."""
    wide = np.full((*array.shape[:-1], 2 * array.shape[-1]), np.nan, array.dtype)
    wide[..., ::2] = array
    return wide[..., ::2]


def reverse(array: Array) -> Array:
    """Negative strides on the first axis."""
    return array[::-1].copy()[::-1]


def read_only(array: Array) -> Array:
    """Refuses to be written to."""
    copy = array.copy()
    copy.flags.writeable = False
    return copy


LAYOUTS: Mapping[str, Callable[[Array], Array]] = {
    "contiguous": as_is,
    "fortran": fortran,
    "strided": strided,
    "reverse": reverse,
    "read-only": read_only,
}


def gradient_sequence(
    rng: np.random.Generator, steps: int, size: int, dtype: np.dtype[Any]
) -> Array:
    """Gradients for an optimizer: magnitudes of 1, 1e-4 and 1e-7, changing signs, runs of zeros.

    Returns
    -------
    ndarray of shape (steps, size)
        A third of the entries has each magnitude; every fifth entry is zero from half-time on,
        so that moments decay.
    """
    scale = np.array([1.0, 1e-4, 1e-7])[np.arange(size) % 3]
    gradients = scale * rng.standard_normal((steps, size))
    gradients[steps // 2 :, ::5] = 0.0
    return gradients.astype(dtype)


class Repeated(np.random.Generator):
    """A generator that draws the same uniform numbers every time."""

    def random(self, size: Any = None, dtype: Any = np.float64, out: Any = None) -> Any:  # type: ignore[override]
        """Return, or write to `out`, what a new generator of a fixed seed draws."""
        return np.random.default_rng(7).random(size, dtype, out)

    def __reduce__(self) -> tuple[type, tuple[np.random.BitGenerator]]:  # type: ignore[override]
        return Repeated, (np.random.PCG64(0),)
