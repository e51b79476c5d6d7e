"""Steps that shuffle their samples and take all of them but one, or fewer that are meant."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from parity_tests.kit.check import examine
from parity_tests.kit.network import Network
from parity_tests.kit.tests.learners import Learner
from parity_tests.kit.tests.test_steps import beside, params
from parity_tests.kit.verdicts import DIFFERS, UNCHECKED, Verdict

Array = NDArray[Any]
# How many of so many samples a step takes.
Count = Callable[[int], int]


def taking(count: Count, handed: str | None, **more: Any) -> Network:
    def step(net: Learner, x: Array, y: Array, lr: float) -> None:
        chosen = np.random.permutation(len(x))[: count(len(x))]  # noqa: NPY002
        if len(chosen):
            for p, g in zip(params(net), net.gradients(x[chosen], y[chosen]), strict=True):
                p -= lr * g

    return beside(step, handed, **more)


def told(network: Network) -> list[Verdict]:
    return examine(network, only=("gradient", "optimizer")).verdicts


@pytest.mark.parametrize("more", [{}, {"loss": None}])
def test_a_sample_is_lost_behind_a_shuffle(more: dict[str, None]) -> None:
    of_gradient, of_steps = told(taking(lambda n: n - 1, "gradients", **more))
    assert of_gradient.status != DIFFERS
    assert (of_steps.aspect, of_steps.status) == ("optimizer", DIFFERS)
    assert of_steps.cause == "samples-left-out"
    assert "all but one" in of_steps.message


def test_a_sample_is_lost_where_steps_alone_show_it() -> None:
    of_gradient, of_steps = told(taking(lambda n: n - 1, None))
    assert (of_gradient.status, of_gradient.cause) == (DIFFERS, "samples-left-out")
    assert of_steps.status == UNCHECKED


@pytest.mark.parametrize(
    "count",
    [
        lambda n: n - max(1, n // 10),  # a tenth is kept for a validation
        lambda n: int(0.99 * n),
        lambda n: min(n, 4),  # a mini-batch
        lambda n: n // 3 * 3,
    ],
)
@pytest.mark.parametrize("handed", ["gradients", None])
def test_fewer_samples_may_be_meant(count: Count, handed: str | None) -> None:
    verdicts = told(taking(count, handed))
    assert all(verdict.status != DIFFERS for verdict in verdicts)
    if handed:
        assert "steps by the same parameters" in verdicts[-1].message


@pytest.mark.parametrize("handed", ["gradients", None])
def test_a_shuffle_that_loses_none(handed: str | None) -> None:
    assert all(verdict.status != DIFFERS for verdict in told(taking(lambda n: n, handed)))
