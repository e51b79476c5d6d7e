"""Parameters to which nothing can be written: arrays of integers, and single numbers.

Such are ``np.zeros(9, dtype=int)``, ``np.array(0.0)``, which a step makes a number, and ``0.0``.
"""

import contextlib
from collections.abc import Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.network import Access, look_up
from parity_tests.kit.subject.members import walk

Array = NDArray[Any]


def are_integers(array: Array) -> bool:
    """Return whether an array holds integers, to which no fractions can be written."""
    return array.dtype.kind in "iu"


def is_number(value: Any) -> bool:
    """Return whether a value is a single number, and no array."""
    return isinstance(value, (float, int, np.number)) and not isinstance(value, bool)


def is_writable(array: Array) -> bool:
    """Return whether fractions can be written to an array, and it stays one in a step."""
    return not are_integers(array) and array.ndim > 0


def with_writable(net: Any, access: Access, parameters: Sequence[Array]) -> Any:
    """Return a network with arrays of floats in the place of parameters that are not writable.

    Parameters
    ----------
    net : object
        The network; it is written to, but for a tuple, which is made anew.
    access : str or callable
        Where the parameters are; numbers are found where they are named.
    parameters : sequence of ndarray
        The parameters themselves.

    An array stays where it is kept neither by an attribute nor in a dict, a list or a tuple.
    """
    for path in access.split() if isinstance(access, str) else ():
        value = look_up(net, path)
        if is_number(value):
            above, _, key = path.rpartition(".")
            owner = look_up(net, above) if above else net
            _put(owner, key, np.array([float(value)]))
    instead = {id(array): _in_floats(array) for array in parameters if not is_writable(array)}
    for owner, members in walk(net):
        for key, member in members.items():
            new = _instead(member, instead)
            if new is not member:
                with contextlib.suppress(AttributeError, TypeError):
                    _put(owner, key, new)
    return _instead(net, instead)


def _in_floats(array: Array) -> Array:
    return np.array(array, np.float64 if are_integers(array) else array.dtype, ndmin=1)


def _instead(value: Any, arrays: Mapping[int, Array]) -> Any:
    if isinstance(value, np.ndarray):
        return arrays.get(id(value), value)
    if not isinstance(value, tuple):
        return value
    members = [_instead(member, arrays) for member in value]
    if all(new is old for new, old in zip(members, value, strict=True)):
        return value
    # A named tuple takes its members one by one.
    return type(value)(*members) if hasattr(value, "_fields") else type(value)(members)


def _put(owner: Any, key: Any, value: Any) -> None:
    if isinstance(owner, MutableSequence):
        owner[int(key)] = value
    elif isinstance(owner, MutableMapping):
        owner[key] = value
    elif not isinstance(owner, (tuple, set)):
        setattr(owner, key, value)
