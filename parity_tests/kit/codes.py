"""Code of functions, with that of the functions within them."""

import dis
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


def hands_on(function: Any, name: str) -> bool:
    """Return whether a function gives an argument to what it calls, and does not only set it.

    What sets an attribute may set one that nothing reads.
    """
    code = code_of(function)
    if code is None or name not in code.co_varnames[: code.co_argcount]:
        return False
    instructions = [*dis.get_instructions(code)]
    sets = any(one.opname in ("STORE_ATTR", "STORE_SUBSCR") for one in instructions)
    if sets or "setattr" in code.co_names:
        return False
    loaded = (one.argval for one in instructions if one.opname.startswith("LOAD_FAST"))
    return any(name in (own if isinstance(own, tuple) else (own,)) for own in loaded)
