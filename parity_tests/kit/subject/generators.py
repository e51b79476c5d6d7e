"""The generators that a network has of its own, from which it draws apart from the global ones."""

import contextlib
import random
from collections.abc import Iterator, Mapping
from types import FunctionType
from typing import Any

import numpy as np

from parity_tests.kit.subject.members import walk

_GENERATORS = (np.random.Generator, np.random.RandomState, random.Random)


def generators_of(net: Any) -> list[Any]:
    """Return the generators that an object holds, itself or in what it consists of."""
    # That of the system has no state.
    return [
        value
        for value, _ in walk(net)
        if isinstance(value, _GENERATORS) and not isinstance(value, random.SystemRandom)
    ]


def reached_by(*functions: Any) -> list[Any]:
    """Return the generators that are variables of functions' files, or of what they are made in."""
    waiting, held, seen = list(functions), [], set()
    while waiting:
        own = waiting.pop()
        held += generators_of(own)
        function = getattr(own, "__func__", own)
        if not isinstance(function, FunctionType) or id(function) in seen:
            continue
        seen.add(id(function))
        variables = function.__globals__.values()
        held += [value for value in variables if isinstance(value, _GENERATORS)]
        for cell in function.__closure__ or ():
            with contextlib.suppress(ValueError):  # one that is empty
                waiting.append(cell.cell_contents)
    return held


def states_of(net: Any) -> tuple[Any, ...]:
    """Return where the generators of an object are; the same if nothing was drawn."""
    return tuple(_plain(_state(generator)) for generator in generators_of(net))


def seed_own(net: Any, seed: int) -> None:
    """Seed the generators of an object, each in another way than the others."""
    for number, generator in enumerate(generators_of(net)):
        own = np.random.SeedSequence([seed, number])
        if isinstance(generator, np.random.Generator):
            generator.bit_generator.state = type(generator.bit_generator)(own).state
        elif isinstance(generator, np.random.RandomState):
            # Its own method takes the seed of a Mersenne Twister alone.
            kind = getattr(np.random, _state(generator)["bit_generator"])
            generator.set_state(np.random.RandomState(kind(own)).get_state(legacy=False))
        else:
            generator.seed(int(own.generate_state(1)[0]))


@contextlib.contextmanager
def seeded_own(net: Any, seed: int) -> Iterator[None]:
    """Seed the generators of an object, and put them back after."""
    with kept(net):
        seed_own(net, seed)
        yield


@contextlib.contextmanager
def kept(net: Any) -> Iterator[None]:
    """Put the generators of an object back as they were, after whatever is drawn from them."""
    before = [(generator, _state(generator)) for generator in generators_of(net)]
    try:
        yield
    finally:
        for generator, state in before:
            if isinstance(generator, np.random.Generator):
                generator.bit_generator.state = state
            elif isinstance(generator, np.random.RandomState):
                generator.set_state(state)
            else:
                generator.setstate(state)


def _state(generator: Any) -> Any:
    if isinstance(generator, np.random.Generator):
        return generator.bit_generator.state
    if isinstance(generator, np.random.RandomState):
        return generator.get_state(legacy=False)
    return generator.getstate()


def _plain(state: Any) -> Any:
    """Return a state as something that can be compared."""
    if isinstance(state, Mapping):
        return tuple((key, _plain(value)) for key, value in state.items())
    return state.tobytes() if isinstance(state, np.ndarray) else state
