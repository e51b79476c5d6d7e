"""The state of a NumPy random generator: what it will draw next."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from numpy_impl.errors import InputError


def random_state(rng: np.random.Generator) -> dict[str, Any]:
    """Return the state of a generator: integers, strings, and for some kinds arrays."""
    return dict(rng.bit_generator.state)


def set_random_state(name: str, rng: np.random.Generator, state: object) -> None:
    """Let a generator go on from a state that `random_state` returned.

    Raises
    ------
    InputError
        If it is no state of this kind of generator. The generator is as it was then.
    """
    before = rng.bit_generator.state
    kind = before["bit_generator"]
    if not isinstance(state, Mapping) or state.get("bit_generator") != kind:
        got = state.get("bit_generator") if isinstance(state, Mapping) else state
        raise InputError(name, f"a state of {kind}", repr(got)[:100])
    try:
        rng.bit_generator.state = dict(state)
    except (KeyError, TypeError, ValueError, OverflowError, IndexError) as error:
        rng.bit_generator.state = before
        raise InputError(name, f"a state of {kind}", repr(error)[:200]) from None
