"""Parameters that are made as arrays of integers, as of ``np.zeros(9, dtype=int)``."""

import contextlib
from collections.abc import Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.members import walk

Array = NDArray[Any]


def are_integers(array: Array) -> bool:
    """Return whether an array holds integers, to which no fractions can be written."""
    return array.dtype.kind in "iu"


def with_floats(net: Any, parameters: Sequence[Array]) -> Any:
    """Return a network with arrays of floats in the place of those parameters that are integers.

    Parameters
    ----------
    net : object
        The network; it is written to, but for a tuple, which is made anew.
    parameters : sequence of ndarray
        Its parameters themselves.

    An array stays where it is kept neither by an attribute nor in a dict, a list or a tuple.
    """
    floats = {id(array): array.astype(np.float64) for array in parameters if are_integers(array)}
    for owner, members in walk(net):
        for key, member in members.items():
            instead = _instead(member, floats)
            if instead is not member:
                with contextlib.suppress(AttributeError, TypeError):
                    _put(owner, key, instead)
    return _instead(net, floats)


def _instead(value: Any, floats: Mapping[int, Array]) -> Any:
    if isinstance(value, np.ndarray):
        return floats.get(id(value), value)
    if not isinstance(value, tuple):
        return value
    members = [_instead(member, floats) for member in value]
    if all(new is old for new, old in zip(members, value, strict=True)):
        return value
    # A named tuple takes its members one by one.
    return type(value)(*members) if hasattr(value, "_fields") else type(value)(members)


def _put(owner: Any, key: Any, value: Any) -> None:
    if isinstance(owner, (MutableMapping, MutableSequence)):
        owner[key] = value
    elif not isinstance(owner, (tuple, set)):
        setattr(owner, key, value)
