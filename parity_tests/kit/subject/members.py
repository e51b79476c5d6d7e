"""What an object consists of."""

from collections.abc import Iterator, Mapping
from types import BuiltinMethodType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

# Objects that are looked at, and members of each; an object may hold all its samples in lists.
_MOST = 500
# They have no members that matter, and there may be many.
_LEAVES = (np.ndarray, int, float, str, type(None))


def walk(root: Any) -> Iterator[tuple[Any, dict[Any, Any]]]:
    """Yield an object and what it consists of, the nearest first, each with its own members.

    Members are those of a mapping, a list, a tuple or a set by their keys or positions, and
    attributes by their names; a bound method, as in ``self.draw = rng.random``, has its object.
    Classes, modules and functions are not looked into.
    """
    waiting, seen = [root], {id(root)}
    while waiting and len(seen) < _MOST:
        owner = waiting.pop(0)
        members = _members(owner)
        yield owner, members
        for member in members.values():
            if id(member) not in seen and not isinstance(member, _LEAVES):
                seen.add(id(member))
                waiting.append(member)


def _members(value: Any) -> dict[Any, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (list, tuple, set)):
        return dict(enumerate(list(value)[:_MOST]))
    if isinstance(value, (MethodType, BuiltinMethodType)):
        return {"__self__": value.__self__}
    if isinstance(value, (type, ModuleType, FunctionType)):
        return {}
    return dict(getattr(value, "__dict__", {}))
