"""Judging by counts, where single figures are a matter of luck."""

import functools
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from parity_tests.checks.check import Check
from parity_tests.measures import Comparison, require

# How rarely equals may fail: with a thousand judgements in a run, once in a million runs.
_FALSE_ALARM = 1e-9


def rarely_farther(name: str, excess: Sequence[float]) -> None:
    """Raise AssertionError if numbers are positive more often than a fair coin would have it.

    Ties are left out.

    Parameters
    ----------
    name : str
        What is judged.
    excess : sequence of float
        Our error less PyTorch's, for independent cases.
    """
    farther, closer = sum(e > 0 for e in excess), sum(e < 0 for e in excess)
    limit = most_heads(farther + closer)
    assert farther <= limit, (
        f"{name}: NumPy's error is the larger one {farther} times and PyTorch's {closer} times, "
        f"of {len(excess)}; by chance at most {limit}"
    )


def rarely_farther_over(draws: int, excess: Callable[[int], Mapping[str, float]]) -> None:
    """Judge as `rarely_farther` over so many draws, but draw only while the verdict is open.

    Once even draws that are all farther could not make a failure of it, the rest is left out.
    The verdict is the one of all draws; equals take some three of forty.

    Parameters
    ----------
    draws : int
        How many at most.
    excess : callable
        From the number of a draw, from 0, to our error less PyTorch's, by the name of what is
        judged.

    Raises
    ------
    AssertionError
        As `rarely_farther`.
    """
    drawn: dict[str, list[float]] = {}
    for draw in range(draws):
        for name, difference in excess(draw).items():
            drawn.setdefault(name, []).append(difference)
        if not any(_is_open(differences, draws - draw - 1) for differences in drawn.values()):
            return
    for name, differences in drawn.items():
        rarely_farther(name, differences)


def _is_open(differences: Sequence[float], left: int) -> bool:
    # The limit grows by at most one with every draw: if not all of the rest can reach it, no part.
    signs = Counter(np.sign(differences))
    return signs[1] + left > most_heads(signs[1] + left + signs[-1])


# Of the same kind of input, where PyTorch's error is small by luck.
_MORE_DRAWS = 20


def by_the_worst(draw: Callable[[int], Iterable[Comparison]]) -> list[Comparison]:
    """Return the float32 comparisons of one draw, held to PyTorch's worst error if need be.

    Where that is small by luck and ours is not, ours may still be at most twice PyTorch's worst
    over some more draws, and one unit.

    Parameters
    ----------
    draw : callable
        From the number of a draw, from 0, to comparisons of the same tensors.
    """
    first = list(draw(0))
    if all(comparison.passed or comparison.theirs is None for comparison in first):
        return first
    worst: dict[str, float] = {}
    for number in range(1, 1 + _MORE_DRAWS):
        for comparison in draw(number):
            theirs = comparison.theirs or 0.0
            worst[comparison.tensor] = max(theirs, worst.get(comparison.tensor, 0.0))
    return [
        comparison
        if comparison.theirs is None
        else replace(comparison, limit=max(comparison.limit, 2 * worst[comparison.tensor] + 1))
        for comparison in first
    ]


def judged_by_counts(
    name: str, batches: Callable[[], Iterable[Iterable[Comparison]]], draws: int
) -> Check:
    """Return a check of float32 comparisons of many batches, with every tensor judged by counts.

    Its verdict is the one of all batches, by as many as it needs.

    Parameters
    ----------
    name : str
        The id.
    batches : callable
        Returns the comparisons of so many batches, the same ones each time.
    draws : int
        How many.
    """

    def measure() -> list[Comparison]:
        every = [list(batch) for batch in batches()]
        for tensor, differences in _excess(every).items():
            rarely_farther(tensor, differences)
        return [comparison for batch in every for comparison in batch]

    def verdict() -> None:
        drawn = iter(batches())

        def excess(_draw: int) -> dict[str, float]:
            batch = list(next(drawn))
            require(batch)
            return {tensor: difference for tensor, (difference,) in _excess([batch]).items()}

        rarely_farther_over(draws, excess)

    return Check(name, measure, verdict)


def _excess(batches: Iterable[Iterable[Comparison]]) -> dict[str, list[float]]:
    """Return our errors less PyTorch's, of every tensor."""
    excess: dict[str, list[float]] = {}
    for batch in batches:
        for comparison in batch:
            assert comparison.theirs is not None
            excess.setdefault(comparison.tensor, []).append(comparison.ours - comparison.theirs)
    return excess


@functools.cache
def most_heads(tosses: int) -> int:
    """Return how many heads of so many tosses of a fair coin are still a matter of luck."""
    tail, heads = 0, tosses
    while heads >= 0 and (tail := tail + math.comb(tosses, heads)) <= _FALSE_ALARM * 2**tosses:
        heads -= 1
    return heads
