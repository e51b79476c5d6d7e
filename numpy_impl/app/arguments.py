"""From the text of a command-line argument to its value, or an error in the library's words."""

import argparse
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from numpy_impl.arrays import check_number


def integer(low: int, high: int | None = None) -> Callable[[str], int]:
    """Return a converter to an integer from `low` to `high`, both included."""
    bounds = f"of at least {low}" if high is None else f"from {low} to {high}"

    def convert(text: str) -> int:
        with suppress(ValueError):
            value = int(text)
            if low <= value and (high is None or value <= high):
                return value
        raise _refused(f"an integer {bounds}", text)

    return convert


def positive_number(text: str) -> float:
    """Return a finite number above 0."""
    with suppress(ValueError):
        return check_number("", float(text), exclude_low=True)
    raise _refused("a finite number above 0", text)


def one_of(names: Sequence[str]) -> Callable[[str], str]:
    """Return a converter that lets only these names pass."""

    def convert(text: str) -> str:
        if text in names:
            return text
        raise _refused(f"one of {', '.join(names)}", text)

    return convert


def path(text: str) -> Path:
    """Return a path; an empty text is not one, though pathlib takes it for the current folder."""
    if not text:
        raise _refused("a path", text)
    return Path(text)


def _refused(expected: str, text: str) -> argparse.ArgumentTypeError:
    # argparse puts its own words in place of any other ValueError's.
    return argparse.ArgumentTypeError(f"expected {expected}, got {text!r}")
