"""Methods of a network that note how they are called from within its other methods."""

import contextlib
import sys
from collections.abc import Callable
from inspect import ismethod
from types import CodeType
from typing import Any

from parity_tests.kit.network import Access

# What is called with arguments, result and the code that has called.
Note = Callable[[tuple[Any, ...], Any, CodeType], None]


def record_forward(net: Any, forward: Access, note: Note) -> None:
    """Let the methods that a forward pass is, or calls, hand arguments and result to a function.

    Parameters
    ----------
    net : object
        A network that nobody else asks: its methods are replaced.
    forward : str or callable
        As it is declared.
    note : callable
        ``f(arguments, result, caller)``.
    """
    code = getattr(forward, "__code__", None)
    names = [forward] if isinstance(forward, str) else list(getattr(code, "co_names", ()))
    for name in names:
        method = getattr(net, name, None)
        if not ismethod(method):
            continue

        def recorded(*arguments: Any, _method: Any = method, **more: Any) -> Any:
            result = _method(*arguments, **more)
            note(arguments, result, sys._getframe(1).f_code)
            return result

        # A class with slots takes no attribute, and is not asked.
        with contextlib.suppress(AttributeError):
            setattr(net, name, recorded)
