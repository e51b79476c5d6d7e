"""Code of functions, with that of the functions within them."""

from collections.abc import Iterator
from types import CodeType
from typing import Any


def code_of(function: Any) -> CodeType | None:
    """Return the code of a function or of a bound method's; None of what is not written in Python.

    A class or static method as its class holds it counts as bound.
    """
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    return code if isinstance(code, CodeType) else None


def codes_in(code: Any) -> Iterator[CodeType]:
    """Yield code and what is defined within it; nothing for what is no code."""
    if isinstance(code, CodeType):
        yield code
        for constant in code.co_consts:
            yield from codes_in(constant)
