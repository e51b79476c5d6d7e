"""Nested states, such as an optimizer's, as plain JSON beside named arrays, and back.

JSON has no tuples, no keys but strings, no infinities and no arrays. What stands for these is an
object with the key ``$``, which says what it is:

==========================================  ======================================================
JSON                                        Python
==========================================  ======================================================
``{"$": "array", "name": "optimizer/..."}``  the array of that name
``{"$": "float", "value": "inf"}``           ``inf``, ``-inf`` or ``nan``
``{"$": "tuple", "items": [...]}``           a tuple
``{"$": "dict", "items": [[k, v], ...]}``    a dictionary with other keys than strings, or ``$``
==========================================  ======================================================
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numpy_impl.errors import InputError

Arrays = dict[str, NDArray[Any]]

_TAG = "$"
# Levels of lists and dictionaries in each other.
_DEEPEST = 100


def pack(name: str, state: object, arrays: Arrays, *, level: int = 0) -> Any:
    """Return a state as JSON values; its arrays go into `arrays`, under names that begin `name`.

    Parameters
    ----------
    name : str
        Of the state.
    state : object
        Dictionaries, lists and tuples of arrays, strings, integers, floats, booleans and None.
        NumPy's scalars become Python's numbers.
    arrays : dict of str to ndarray
        Takes the arrays, not copies of them.
    level : int, default 0
        How many lists and dictionaries it is in.

    Raises
    ------
    InputError
        If there is a value of another kind, an array of anything but numbers, or more than 100
        levels.
    """
    _check_level(name, level)
    level += 1
    if isinstance(state, np.generic):
        state = state.item()
    if state is None or isinstance(state, bool | str | int):
        return state
    if isinstance(state, float):
        return state if math.isfinite(state) else {_TAG: "float", "value": repr(state)}
    if isinstance(state, np.ndarray):
        return _pack_array(name, state, arrays)
    if isinstance(state, list | tuple):
        items = [pack(f"{name}/{i}", value, arrays, level=level) for i, value in enumerate(state)]
        return items if isinstance(state, list) else {_TAG: "tuple", "items": items}
    if isinstance(state, Mapping):
        if all(isinstance(key, str) for key in state) and _TAG not in state:
            return {
                key: pack(f"{name}/{key}", value, arrays, level=level)
                for key, value in state.items()
            }
        pairs = [
            [
                pack(f"{name}/key", key, arrays, level=level),
                pack(f"{name}/{key}", value, arrays, level=level),
            ]
            for key, value in state.items()
        ]
        return {_TAG: "dict", "items": pairs}
    raise InputError(
        name, "arrays, numbers, strings, and lists or dictionaries of them", type(state).__name__
    )


def unpack(name: str, packed: object, arrays: Mapping[str, NDArray[Any]], *, level: int = 0) -> Any:
    """Return the state that `pack` was given.

    Parameters
    ----------
    name : str
        Of the state, for errors.
    packed : object
        What `pack` returned, or what came of it through JSON.
    arrays : mapping of str to ndarray
        All that `pack` put there.
    level : int, default 0
        How many lists and dictionaries it is in.

    Raises
    ------
    InputError
        If something in it is not as `pack` makes it.
    """
    _check_level(name, level)
    level += 1
    if packed is None or isinstance(packed, bool | str | int | float):
        return packed
    if isinstance(packed, list):
        return [unpack(f"{name}/{i}", value, arrays, level=level) for i, value in enumerate(packed)]
    if not isinstance(packed, dict):
        raise InputError(name, "JSON values", type(packed).__name__)
    if _TAG not in packed:
        return {
            key: unpack(f"{name}/{key}", value, arrays, level=level)
            for key, value in packed.items()
        }
    match packed:
        case {"$": "array", "name": str() as key} if len(packed) == 2 and key in arrays:
            return arrays[key]
        case {"$": "float", "value": "inf" | "-inf" | "nan" as value} if len(packed) == 2:
            return float(value)
        case {"$": "tuple", "items": list() as items} if len(packed) == 2:
            return tuple(unpack(name, items, arrays, level=level))
        case {"$": "dict", "items": list() as items} if len(packed) == 2:
            return _unpack_pairs(name, items, arrays, level)
    raise InputError(name, "an array, float, tuple or dict that is there", f"{packed}"[:200])


def _pack_array(name: str, array: NDArray[Any], arrays: Arrays) -> dict[str, str]:
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise InputError(name, "numbers of up to 8 bytes", f"an array of {array.dtype}")
    name = "".join(c if c.isprintable() else "?" for c in name)
    while name in arrays:
        name += "'"
    arrays[name] = array
    return {_TAG: "array", "name": name}


def _unpack_pairs(
    name: str, pairs: list[Any], arrays: Mapping[str, NDArray[Any]], level: int
) -> dict[Any, Any]:
    try:
        return {
            unpack(name, k, arrays, level=level): unpack(f"{name}/{k}", v, arrays, level=level)
            for k, v in pairs
        }
    except InputError:
        raise
    except (TypeError, ValueError):
        raise InputError(name, "pairs of a key and a value", "something else") from None


def _check_level(name: str, level: int) -> None:
    if level > _DEEPEST:
        raise InputError(name[:200], f"at most {_DEEPEST} levels", "more")
