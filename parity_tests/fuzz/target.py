"""What is fuzzed."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Target:
    """A reader, and how its files are made.

    Attributes
    ----------
    name : str
        Of the target.
    make : callable
        From a generator and a bool to the content of a file: a right one, or one that is damaged in
        the way of the format, if the bool is true.
    read : callable
        The reader: from a path to whatever is in the file.
    refusals : tuple of type
        The errors that it may raise.
    check : callable
        Takes the content of a file and what the reader made of it; an AssertionError if another
        way to read the file gives something else.
    memory : callable
        From the content of a file to the most bytes that the reader may take.
    """

    name: str
    make: Callable[[np.random.Generator, bool], bytes]
    read: Callable[[Path], Any]
    refusals: tuple[type[Exception], ...]
    check: Callable[[bytes, Any], None]
    memory: Callable[[bytes], int]
