"""One seed, and the generators that are drawn from it."""

from typing import NamedTuple

import numpy as np


class Generators(NamedTuple):
    """Independent generators, so that drawing more of one leaves the others as they are."""

    data: np.random.Generator
    weights: np.random.Generator
    order: np.random.Generator


def generators(seed: int) -> Generators:
    """Return the generators for the data, the initial weights and the order of the batches.

    Parameters
    ----------
    seed : int
        At least 0.
    """
    return Generators(*map(np.random.default_rng, np.random.SeedSequence(seed).spawn(3)))
