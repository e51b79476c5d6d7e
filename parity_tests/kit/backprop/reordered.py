"""Gradients whose units are in another order than those of their parameters."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.fitting import fit

Array = NDArray[Any]

# Units from which an order is told from a sign, and how closely two of them are one.
_ENOUGH, _ONE = 3, 1e-6

REORDERED = ("units-reordered",)


def reorderings(observed: Array, expected: Array) -> Iterator[tuple[str, Array]]:
    """Yield an array with its rows, or its columns, in the order of those of another one.

    Parameters
    ----------
    observed, expected : ndarray of shape (rows, columns)

    Yields
    ------
    text : str
        What the order is.
    reordered : ndarray
        Of the expected; nothing is yielded where there is no such order, or no other one.
    """
    for which, of, like in (("rows", observed, expected), ("columns", observed.T, expected.T)):
        order = _order(of, like)
        if order is not None and not np.array_equal(order, np.arange(len(order))):
            value = like[order]
            yield _told(order, which), value if which == "rows" else value.T


def reordered_vector(
    observed: Array, expected: Array, factor: float | None, tolerance: float
) -> tuple[float, float] | None:
    """Return the factor and the residual of a vector that has the entries of another one.

    Parameters
    ----------
    observed, expected : ndarray of shape (units,)
    factor : float or None
        What the entries are multiplied with; None if their sizes tell it.
    tolerance : float
        The largest residual that passes.
    """
    if observed.shape != expected.shape or observed.ndim != 1 or len(observed) < _ENOUGH:
        return None
    size = float(np.linalg.norm(expected))
    if not size or not np.isfinite(observed).all():
        return None
    whole = float(np.linalg.norm(observed)) / size
    for own in (whole, -whole) if factor is None else (factor,):
        ordered = np.empty_like(expected)
        ordered[np.argsort(observed)] = np.sort(own * expected)
        found, residual = fit(observed, ordered)
        if residual <= tolerance and abs(found - 1) <= max(tolerance, _ONE):
            return own, residual
    return None


def _order(observed: Array, expected: Array) -> Array | None:
    """Return which rows of an array those of another one are, up to one factor; None if none."""
    if observed.shape != expected.shape or len(observed) < _ENOUGH or observed.shape[1] < _ENOUGH:
        return None
    sizes, wanted = (np.linalg.norm(array, axis=1) for array in (observed, expected))
    rows, among = np.flatnonzero(sizes), np.flatnonzero(wanted)
    if len(rows) != len(among) or not len(rows) or not np.isfinite(sizes).all():
        return None
    ones, others = observed[rows] / sizes[rows, None], expected[among] / wanted[among, None]
    cosines = np.abs(ones @ others.T)
    nearest = cosines.argmax(axis=1)
    if len(set(nearest)) < len(rows) or cosines.max(axis=1).min() < 1 - _ONE:
        return None
    order = np.empty(len(observed), int)
    order[rows] = among[nearest]
    order[np.flatnonzero(sizes == 0)] = np.flatnonzero(wanted == 0)
    return order


def _told(order: Array, which: str) -> str:
    count = len(order)
    first = int(order[0])
    if np.array_equal(order, np.arange(count)[::-1]):
        return f"its {which} the other way round"
    if np.array_equal(order, (np.arange(count) + first) % count):
        return f"its {which} rolled by {min(count - first, first)}"
    return f"its {which} in another order"
