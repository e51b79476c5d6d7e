"""Code of functions, with that of the functions within them."""

from collections.abc import Iterator
from types import CodeType
from typing import Any


def codes_in(code: Any) -> Iterator[CodeType]:
    """Yield code and what is defined within it; nothing for what is no code."""
    if isinstance(code, CodeType):
        yield code
        for constant in code.co_consts:
            yield from codes_in(constant)
