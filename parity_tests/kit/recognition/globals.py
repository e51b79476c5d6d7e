"""Parameters that are names of a module, which its functions read and may bind anew."""

import builtins
import dis
from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from types import CodeType
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class GlobalArrays(Mapping[str, Array]):
    """The arrays that a function reads from its module, as they are there at the moment.

    Parameters
    ----------
    names : list of str
        What the arrays are called.
    namespace : dict
        The module's names, in which they are looked up each time.
    """

    def __init__(self, names: list[str], namespace: dict[str, Any]) -> None:
        self._names, self._namespace = names, namespace

    def __getitem__(self, name: str) -> Array:
        if name not in self._names:
            raise KeyError(name)
        return np.asarray(self._namespace[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def global_arrays(function: Callable[..., Any]) -> GlobalArrays:
    """Return the arrays of floats that a function reads from its module, in the module's order.

    Those that functions of the same module read that it calls are among them.
    """
    namespace: dict[str, Any] = getattr(function, "__globals__", {})
    read = _names_read(function)
    arrays = [
        name
        for name, value in namespace.items()
        if name in read and isinstance(value, np.ndarray) and value.dtype.kind == "f"
    ]
    return GlobalArrays(arrays, namespace)


def missing_globals(function: Callable[..., Any]) -> list[str]:
    """Return the names that a function, or one that it calls, reads and that nothing binds.

    They are those of a part of its module that was not executed.
    """
    namespace: dict[str, Any] = getattr(function, "__globals__", {})
    known = (namespace, vars(builtins))
    return sorted(n for n in _names_read(function) if not any(n in names for names in known))


def with_globals(function: Callable[..., Any], **values: Any) -> Callable[..., Any]:
    """Return a function that finds values of these names in its module, while it is called.

    Parameters
    ----------
    function : callable
        Written in Python.
    **values
        By their names, which the module does not bind.
    """

    @wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        namespace: dict[str, Any] = getattr(function, "__globals__", {})
        namespace.update(values)
        try:
            return function(*args, **kwargs)
        finally:
            for name in values:
                namespace.pop(name, None)

    return called


def _names_read(function: Callable[..., Any]) -> set[str]:
    """Return the names that a function reads from its module, and those it calls there."""
    namespace: dict[str, Any] = getattr(function, "__globals__", {})
    read: set[str] = set()
    visited: set[str] = set()
    waiting = [function]
    while waiting:
        code = getattr(waiting.pop(), "__code__", None)
        if not isinstance(code, CodeType):
            continue
        names = {one.argval for one in dis.get_instructions(code) if one.opname == "LOAD_GLOBAL"}
        read |= names
        new = names - visited
        visited |= names
        waiting += [namespace[name] for name in sorted(new) if callable(namespace.get(name))]
    return read
