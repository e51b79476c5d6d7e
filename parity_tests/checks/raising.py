"""Errors that must be raised."""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy_impl as ours

E = TypeVar("E", bound=Exception)


def raised(kind: type[E], call: Callable[..., Any], *arguments: Any, **options: Any) -> E:
    """Return the error of this kind that a call raises; AssertionError if it raises none."""
    try:
        call(*arguments, **options)
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__} from {call}")


def refused(name: str, call: Callable[..., Any], *arguments: Any, **options: Any) -> None:
    """Raise AssertionError unless a call raises an InputError for the argument of this name."""
    error = raised(ours.InputError, call, *arguments, **options)
    assert error.argument == name, str(error)
