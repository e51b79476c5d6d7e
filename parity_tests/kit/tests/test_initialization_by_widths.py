"""Where large weights and weights of one sign are a convention, and where they are a fault."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from parity_tests.kit.aspects.initialization import aspect as initialization
from parity_tests.kit.tests.asked import (
    Draw,
    ask,
    network,
    normal,
    only,
    relu,
    sigmoid,
    uniform,
    variant,
)
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, Verdict


def judged(draw: Draw, activation: Any = relu, sizes: tuple[int, ...] = (12, 9, 8, 10)) -> Verdict:
    make = variant(draw=draw, activation=activation, sizes=sizes)
    return only(ask(network(make), initialization.examine))


def positive(bound: Callable[[int, int], float]) -> Draw:
    return lambda n, m: np.random.uniform(0, bound(n, m), (n, m))  # noqa: NPY002


def absolute(std: Callable[[int, int], float]) -> Draw:
    return lambda n, m: np.abs(normal(std)(n, m))


@pytest.mark.parametrize(
    ("draw", "fan"),
    [
        (normal(lambda _, m: 4 * np.sqrt(2 / m)), "fan_out"),
        (normal(lambda n, _: 4 * np.sqrt(2 / n)), "fan_in"),
        (uniform(lambda n, _: 10 / np.sqrt(n)), "fan_in"),
        (uniform(lambda n, m: 8 * np.sqrt(6 / (n + m))), "(fan_in + fan_out)"),
    ],
)
@pytest.mark.parametrize("sizes", [(12, 9, 8, 10), (40, 30, 10)])
def test_multiples_of_all_schemes_by_the_widths_are_a_fault(
    draw: Draw, fan: str, sizes: tuple[int, ...]
) -> None:
    verdict = judged(draw, sizes=sizes)
    assert (verdict.status, verdict.cause) == (DIFFERS, "initialization-multiplied"), verdict
    assert f" / {fan})" in verdict.message
    assert verdict.factor is not None
    assert verdict.factor > 3


@pytest.mark.parametrize(
    ("draw", "activation", "status"),
    [
        (normal(lambda n, _: np.sqrt(2 / n)), relu, EQUAL),
        (normal(lambda _, m: np.sqrt(2 / m)), relu, CONVENTION),
        (normal(lambda n, _: 2 / np.sqrt(n)), relu, CONVENTION),
        (uniform(lambda n, m: 4 * np.sqrt(6 / (n + m))), relu, CONVENTION),
        # The slope of the sigmoid is 1/4.
        (normal(lambda n, _: 4 * np.sqrt(2 / n)), sigmoid, CONVENTION),
        # Whatever is fixed was written as it is.
        (normal(lambda _n, _m: 1.0), relu, CONVENTION),
        (normal(lambda _n, _m: 2.0), relu, CONVENTION),
        (normal(lambda n, _: 2.0 if n == 12 else 1.0), relu, CONVENTION),
        (normal(lambda _n, _m: 0.01), relu, CONVENTION),
    ],
)
def test_scales_that_are_meant_are_no_fault(draw: Draw, activation: Any, status: str) -> None:
    verdict = judged(draw, activation)
    assert (verdict.status, verdict.cause) == (status, None), verdict


def test_the_line_of_fixed_numbers_is_told_where_they_are_large() -> None:
    large = judged(normal(lambda _n, _m: 1.0), sizes=(64, 30, 10))
    assert large.status == CONVENTION
    assert "a fault above a standard deviation of 3" in large.message
    assert "W1 is 5.6" in large.message
    assert "fault" not in judged(normal(lambda _n, _m: 0.01)).message


@pytest.mark.parametrize(
    "draw",
    [
        positive(lambda n, m: np.sqrt(6 / (n + m))),
        positive(lambda n, _: 1 / np.sqrt(n)),
        absolute(lambda n, _: np.sqrt(2 / n)),
        lambda n, m: -positive(lambda n, _: np.sqrt(2 / n))(n, m),
    ],
)
def test_one_sign_is_a_fault_where_the_scale_goes_with_the_widths(draw: Draw) -> None:
    verdict = judged(draw)
    assert (verdict.status, verdict.cause) == (DIFFERS, "initialization-one-signed"), verdict
    assert "the scale goes down with the root of" in verdict.message


@pytest.mark.parametrize(
    "draw",
    [
        positive(lambda _n, _m: 1.0),
        positive(lambda _n, _m: 0.1),
        positive(lambda n, _: 0.5 if n == 12 else 0.2),
        # Means of what comes in.
        positive(lambda n, _: 2 / n),
    ],
)
def test_one_sign_is_a_convention_where_the_scale_is_fixed(draw: Draw) -> None:
    verdict = judged(draw)
    assert (verdict.status, verdict.cause) == (CONVENTION, "initialization-one-signed"), verdict
    assert "it is a fault above 10" in verdict.message
