"""The global generators, from which strangers' code draws."""

import contextlib
import random
from collections.abc import Iterator
from typing import Any

import numpy as np


@contextlib.contextmanager
def preserved() -> Iterator[None]:
    """Put both generators back as they were, after whatever is drawn from them."""
    theirs, pythons = np.random.get_state(), random.getstate()  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(theirs)  # noqa: NPY002
        random.setstate(pythons)


def states() -> tuple[Any, ...]:
    """Return where NumPy's and Python's global generator are; the same if nothing was drawn."""
    name, keys, *others = np.random.get_state(legacy=True)  # noqa: NPY002
    return name, np.asarray(keys).tobytes(), *others, random.getstate()


def seed_both(seed: int) -> None:
    """Seed NumPy's and Python's global generator; within `preserved`."""
    np.random.seed(seed % 2**32)  # noqa: NPY002
    random.seed(seed)


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed NumPy's and Python's global generator, and put both back after."""
    with preserved():
        seed_both(seed)
        yield
