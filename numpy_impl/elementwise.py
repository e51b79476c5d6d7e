"""Functions of one entry at a time, over arrays of any size and shape.

Infinities and NaN come and go as IEEE arithmetic has it, without warnings, as in PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from numpy_impl.arrays import FloatArray

Function = Callable[..., FloatArray]

# Entries computed at a time: in float64, with the few temporary arrays that a formula makes, they
# stay in the cache of a core, and no array of the size of the whole is ever made.
BLOCK = 8192


def quiet() -> np.errstate:
    """Return a context in which overflow, invalid operations and division by zero do not warn."""
    return np.errstate(over="ignore", invalid="ignore", divide="ignore")


def in_blocks(function: Function, out: FloatArray, *arrays: FloatArray, wide: bool) -> None:
    """Write a function of the entries of some arrays, block by block.

    Parameters
    ----------
    function : callable
        From arrays of one axis to a new array of the same length.
    out : ndarray
        C-contiguous. It may be one of `arrays` itself.
    *arrays : ndarray
        Of the shape of `out`, in any memory layout.
    wide : bool
        Whether the function is computed in float64 whatever the arrays are, and rounded once.
    """
    result = out.reshape(-1)
    with quiet():
        for part, entries in _blocks(arrays, np.float64 if wide else out.dtype):
            result[part] = function(*entries)


def sum_in_blocks(function: Function, *arrays: FloatArray) -> float:
    """Return the sum of a function of the entries of some arrays, computed in float64.

    Parameters
    ----------
    function : callable
        From arrays of one axis to an array of the same length.
    *arrays : ndarray
        Of one shape, in any memory layout.
    """
    with quiet():
        return float(sum(function(*entries).sum() for _, entries in _blocks(arrays, np.float64)))


def _blocks(
    arrays: Sequence[FloatArray], dtype: np.dtype[np.floating] | type[np.floating]
) -> Iterator[tuple[slice, list[FloatArray]]]:
    flat = [array.reshape(-1) for array in arrays]
    for start in range(0, len(flat[0]), BLOCK):
        part = slice(start, start + BLOCK)
        yield part, [array[part].astype(dtype, copy=False) for array in flat]
