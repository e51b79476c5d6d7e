"""Paths as arguments."""

import os
from pathlib import Path

from numpy_impl.arrays import describe
from numpy_impl.errors import InputError


def as_path(name: str, value: object) -> Path:
    """Return `value` as a path; InputError if it is none, or one that no system takes."""
    if not isinstance(value, str | os.PathLike):
        raise InputError(name, "a path", describe(value))
    text = os.fspath(value)
    if not isinstance(text, str) or "\0" in text:
        raise InputError(name, "a path of characters other than 0", repr(text)[:100])
    return Path(text)
