"""Arrays that a new network keeps as copies of its parameters, as ``W_last`` for a momentum."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.subject.members import walk

Array = NDArray[Any]


def copies_of(net: Any, parameters: Sequence[Array]) -> list[tuple[Array, int]]:
    """Return arrays of an object that equal a parameter without being it, with its position.

    Zeros beside biases that are zero may be copies or velocities: they are copies where what is
    kept beside them is one of a matrix, in the same list or dict or by an attribute of the like
    name (``b_last`` beside ``W_last``).
    """
    found: list[tuple[Array, int]] = []
    affixes: set[tuple[str, str]] = set()
    unsure: list[tuple[dict[Any, Array], dict[Any, Array]]] = []
    for owner, members in walk(net):
        arrays = _arrays(members)
        own = {key: a for key, a in arrays.items() if _shared(a, parameters) is not None}
        apart = {key: array for key, array in arrays.items() if key not in own}
        told = {
            key: position
            for key, array in apart.items()
            if np.ptp(array) > 0 and (position := _equal(array, parameters)) is not None
        }
        found += [(apart[key], position) for key, position in told.items()]
        rest = {key: array for key, array in apart.items() if key not in told}
        if told and not own and isinstance(owner, (Mapping, list, tuple)):
            found += _in_turn(rest.values(), parameters)
        elif not isinstance(owner, (list, tuple)):
            affixes |= {
                (before, after)
                for key, position in told.items()
                for name, array in own.items()
                for before, known, after in [str(key).partition(str(name))]
                if known and _shared(array, parameters) == position
            }
            unsure.append((own, rest))
    for own, rest in unsure:
        for name, array in own.items():
            for before, after in affixes:
                copy = rest.get(f"{before}{name}{after}")
                if copy is not None and np.array_equal(copy, array):
                    position = _shared(array, parameters)
                    assert position is not None
                    found.append((copy, position))
    return found


def _arrays(members: Mapping[Any, Any]) -> dict[Any, Array]:
    """Return those members that may be a copy of a parameter."""
    return {
        key: member
        for key, member in members.items()
        if isinstance(member, np.ndarray)
        and member.dtype.kind == "f"
        and member.size
        and member.flags.writeable
    }


def _shared(array: Array, parameters: Sequence[Array]) -> int | None:
    """Return which parameter an array is, or is a view of."""
    return next((n for n, p in enumerate(parameters) if np.may_share_memory(array, p)), None)


def _equal(array: Array, parameters: Sequence[Array]) -> int | None:
    return next((n for n, p in enumerate(parameters) if np.array_equal(array, p)), None)


def _in_turn(arrays: Iterable[Array], parameters: Sequence[Array]) -> list[tuple[Array, int]]:
    """Return arrays with the parameters that they equal, each taken once, in their order."""
    found: list[tuple[Array, int]] = []
    for array in arrays:
        taken = {position for _, position in found}
        for position, parameter in enumerate(parameters):
            if position not in taken and np.array_equal(array, parameter):
                found.append((array, position))
                break
    return found
