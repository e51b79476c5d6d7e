r"""Matrices that begin with the very same random numbers.

Where every layer seeds a generator of its own with one number, the draws of one are those of all
others, each times its own scale: :math:`W_k = c_k \, r`, entry by entry in the order in which they
lie in memory. Units of two layers are then no independent draws.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.subject.subject import Layers

Array = NDArray[Any]

# Entries from which no two draws are proportional by chance, and how closely: in float32, too.
_FEWEST, _CLOSE = 6, 1e-5


def with_same_numbers(layers: Layers) -> list[str]:
    """Return the names of matrices that share their random numbers with another, up to a factor.

    Of matrices of different sizes, the longer one begins with the numbers of the shorter. What is
    no draw, as an identity or a constant, has few different entries and is not counted.

    Parameters
    ----------
    layers : list of Layer
        Parameters as the network begins with them.

    Returns
    -------
    list of str
        ``["W1", "W2", ...]``; empty if there are none.
    """
    # Either the matrix or its transpose lies in memory as it was drawn.
    orders = [[layer.weight for layer in layers], [layer.weight.T for layer in layers]]
    found = {number for matrices in orders for number in _of_one_stream(matrices)}
    return [f"W{number + 1}" for number in sorted(found)]


def repeated_numbers(layers: Layers) -> dict[str, str]:
    """Return the names of matrices that repeat one row or one column, and what each number is of.

    What is constant as a whole repeats nothing that was drawn.

    Parameters
    ----------
    layers : list of Layer
        Parameters as the network begins with them.

    Returns
    -------
    dict of str to str
        ``{"W1": "input, the same in all units"}``; empty if there are none.
    """
    found = {}
    for number, layer in enumerate(layers, start=1):
        weight = layer.weight
        if min(weight.shape) < 2 or not np.ptp(weight):
            continue
        if not np.ptp(weight, axis=0).any():
            found[f"W{number}"] = "input, the same in all units"
        elif not np.ptp(weight, axis=1).any():
            found[f"W{number}"] = "unit, the same for all its inputs"
    return found


def _of_one_stream(matrices: Sequence[Array]) -> set[int]:
    numbered = enumerate(np.ravel(matrix) for matrix in matrices)
    found: set[int] = set()
    for (one, first), (other, second) in combinations(numbered, 2):
        count = min(first.size, second.size)
        if _are_proportional(first[:count], second[:count]):
            found |= {one, other}
    return found


def _are_proportional(one: Array, other: Array) -> bool:
    if one.size < _FEWEST or 2 * len(np.unique(one)) < one.size or not other.any():
        return False
    factor = (one @ other) / (other @ other)
    return bool(np.linalg.norm(one - factor * other) <= _CLOSE * np.linalg.norm(one))
