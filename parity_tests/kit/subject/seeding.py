"""The generators from which strangers' code draws, and how they are seeded."""

import contextlib
import random
from collections.abc import Callable, Iterator
from itertools import count
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


@contextlib.contextmanager
def reseeded(number: int) -> Iterator[None]:
    """Let generators be seeded with other numbers than the code says.

    Each seed gives another one for every ``number``, so that code which draws the same each time
    draws anew. Where nothing is seeded, nothing changes; names that a module has imported from
    ``numpy.random`` seed as they are.
    """

    def changed(seed: Any) -> Any:
        if isinstance(seed, bool) or not isinstance(seed, int | np.integer):
            return seed
        return int(np.random.SeedSequence([abs(int(seed)), number]).generate_state(1)[0])

    with _seeding(changed):
        yield


@contextlib.contextmanager
def seeded_throughout(seed: int) -> Iterator[None]:
    """Seed both global generators and put them back after, and seed those made without a seed."""
    numbers = count()

    def changed(own: Any) -> Any:
        if own is not None:
            return own
        return int(np.random.SeedSequence([seed, next(numbers)]).generate_state(1)[0])

    with seeded(seed), _seeding(changed):
        yield


@contextlib.contextmanager
def _seeding(changed: Callable[[Any], Any]) -> Iterator[None]:
    """Let generators be seeded with other numbers than the code says."""

    def seeding(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(seed: Any = None, *others: Any, **named: Any) -> Any:
            return function(changed(seed), *others, **named)

        return call

    class RandomState(np.random.RandomState):
        # It stays a class: NumPy and others ask what is one.
        def __init__(self, seed: Any = None) -> None:
            super().__init__(changed(seed))

    replaced = (
        (np.random, "seed", seeding(np.random.seed)),
        (np.random, "default_rng", seeding(np.random.default_rng)),
        (np.random, "RandomState", RandomState),
        (random, "seed", seeding(random.seed)),
    )
    with contextlib.ExitStack() as stack:
        for module, name, instead in replaced:
            stack.callback(setattr, module, name, getattr(module, name))
            setattr(module, name, instead)
        yield
