"""Methods of a network that note how they are called from within its other methods."""

import contextlib
from collections.abc import Callable
from inspect import ismethod
from typing import Any

from parity_tests.kit.network import Access

Note = Callable[[tuple[Any, ...], Any], None]


def record_forward(net: Any, forward: Access, note: Note) -> None:
    """Let the methods that a forward pass is, or calls, hand arguments and result to a function.

    Parameters
    ----------
    net : object
        A network that nobody else asks: its methods are replaced.
    forward : str or callable
        As it is declared.
    note : callable
        ``f(arguments, result)``.
    """
    code = getattr(forward, "__code__", None)
    names = [forward] if isinstance(forward, str) else list(getattr(code, "co_names", ()))
    for name in names:
        method = getattr(net, name, None)
        if not ismethod(method):
            continue

        def recorded(*arguments: Any, _method: Any = method, **more: Any) -> Any:
            result = _method(*arguments, **more)
            note(arguments, result)
            return result

        # A class with slots takes no attribute, and is not asked.
        with contextlib.suppress(AttributeError):
            setattr(net, name, recorded)
