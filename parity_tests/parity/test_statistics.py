"""Judging by counts, itself tested."""

import math
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import pytest

from parity_tests.checks.statistics import (
    by_the_worst,
    judged_by_counts,
    most_heads,
    rarely_farther,
    rarely_farther_over,
)
from parity_tests.measures import Comparison

DRAWS = 40


def test_a_fair_coin_passes_and_a_false_one_fails() -> None:
    limit = most_heads(DRAWS)
    assert sum(math.comb(DRAWS, heads) for heads in range(limit + 1, DRAWS + 1)) <= 1e-9 * 2**DRAWS
    assert sum(math.comb(DRAWS, heads) for heads in range(limit, DRAWS + 1)) > 1e-9 * 2**DRAWS
    rarely_farther("as far as chance goes", [1.0] * limit + [-1.0] * (DRAWS - limit))
    with pytest.raises(AssertionError, match=rf"too far.* {limit + 1} times"):
        rarely_farther("too far", [1.0] * (limit + 1) + [-1.0] * (DRAWS - limit - 1))


def _verdict(judge: Callable[[], None]) -> str:
    try:
        judge()
    except AssertionError:
        return "farther"
    return "equal"


@pytest.mark.parametrize("signs", [(1, 1), (-1, 1), (-1, 0), (1, 0), (0, 0), (-1, 0, 1)])
def test_the_verdict_of_some_draws_is_that_of_all(signs: tuple[int, ...]) -> None:
    rng = np.random.default_rng(3)
    for share in np.linspace(0, 0.3, 60):
        rare = rng.random((DRAWS, 2)) < share
        table = np.where(rare, rng.choice(signs, (DRAWS, 2)), signs[-1]).astype(float)
        draws = [dict(zip(("one", "other"), row, strict=True)) for row in table.tolist()]
        whole = {_verdict(partial(rarely_farther, "", column)) for column in table.T.tolist()}
        expected = "farther" if "farther" in whole else "equal"
        assert _verdict(partial(rarely_farther_over, DRAWS, draws.__getitem__)) == expected


def test_no_more_is_drawn_than_the_verdict_needs() -> None:
    drawn = []

    def excess(draw: int) -> dict[str, float]:
        drawn.append(draw)
        return {"": 1.0 if draw % 2 else -1.0}

    rarely_farther_over(DRAWS, excess)
    needed = DRAWS - most_heads(DRAWS)
    assert needed <= len(drawn) <= 2 * needed


def test_luck_of_pytorch_is_not_asked_of_us() -> None:
    drawn = []

    def draw(number: int, ours: float) -> list[Comparison]:
        drawn.append(number)
        theirs = (0.25, 0.5, 1.0)[number % 3]
        return [Comparison("output", ours, theirs, 2 * theirs + 1)]

    for ours, passed, draws in ((1.5, True, 1), (2.9, True, 21), (3.1, False, 21)):
        drawn.clear()
        [comparison] = by_the_worst(partial(draw, ours=ours))
        assert (comparison.passed, len(drawn)) == (passed, draws)
        assert (comparison.ours, comparison.theirs) == (ours, 0.25)


@pytest.mark.parametrize(
    ("farther", "over", "failure"),
    [
        (0, None, None),
        (DRAWS // 2, None, None),
        (DRAWS, None, f"grad: NumPy's error is the larger one {DRAWS} times"),
        (DRAWS // 2, 0, "OVER"),
    ],
)
def test_a_check_by_counts_gives_one_verdict_both_ways(
    farther: int, over: int | None, failure: str | None
) -> None:
    def batches() -> Iterator[list[Comparison]]:
        for draw in range(DRAWS):
            ours = 4.0 if draw == over else 1.5 if draw < farther else 0.5
            yield [Comparison("output", 0.5, 1.0, 3.0), Comparison("grad", ours, 1.0, 3.0)]

    check = judged_by_counts("accuracy/x", batches, DRAWS)
    ways: tuple[Callable[[], None], ...] = (check.run, lambda: check.judge(check.compare()))
    for judge in ways:
        if failure is None:
            judge()
        else:
            with pytest.raises(AssertionError, match=failure):
                judge()


def test_a_check_by_counts_draws_no_more_than_it_needs() -> None:
    drawn = []

    def batches() -> Iterator[list[Comparison]]:
        for draw in range(DRAWS):
            drawn.append(draw)
            yield [Comparison("output", 0.5, 1.0, 3.0)]

    check = judged_by_counts("accuracy/x", batches, DRAWS)
    check.run()
    assert len(drawn) == DRAWS - most_heads(DRAWS)
    assert len(check.compare()) == DRAWS
