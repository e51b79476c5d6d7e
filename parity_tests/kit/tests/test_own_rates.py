"""Learning rates that a network changes before its first step."""
# Networks are written as learners write them.
# ruff: noqa: D102

from collections.abc import Callable
from typing import Any

import pytest
from numpy.typing import NDArray

from parity_tests.kit.check import examine
from parity_tests.kit.network import Network
from parity_tests.kit.tests.learners import Learner, summed
from parity_tests.kit.tests.test_steps import loss, params
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, Verdict

Array = NDArray[Any]


class Scheduled(Learner):
    """Its learning rate is changed at the start of every epoch, which a step is one of."""

    rate = 0.0

    def fit(self, x: Array, y: Array, share: float) -> None:
        self.rate *= share
        self.descend(self.rate, self.gradients(x, y))

    def descend(self, rate: float, gradients: list[Array]) -> None:
        for array, gradient in zip(params(self), gradients, strict=True):
            array -= rate * gradient


def stepping(step: Callable[..., None]) -> Network:
    more: Any = {"forward": "forward", "loss": loss, "step": step}
    return Network(Scheduled, parameters="w1 b1 w2 b2", **more)


def of_gradient(step: Callable[..., None]) -> Verdict:
    [verdict] = examine(stepping(step), only="gradient").verdicts
    return verdict


@pytest.mark.parametrize("share", [0.9, 0.5, 1.1])
def test_a_schedule_that_has_begun_is_no_factor_of_the_gradient(share: float) -> None:
    def step(net: Scheduled, x: Array, y: Array, lr: float) -> None:
        net.rate = lr
        net.fit(x, y, share)

    verdict = of_gradient(step)
    assert (verdict.status, verdict.cause) == (CONVENTION, None)
    assert verdict.factor == pytest.approx(share)
    assert "as rate" in verdict.message


def test_a_factor_that_is_no_rate_is_one_of_the_gradient() -> None:
    def step(net: Scheduled, x: Array, y: Array, lr: float) -> None:
        # What it keeps is 0.9 at the first rate by chance, and no multiple of it.
        net.rate = 0.9 * 0.37
        net.descend(0.9 * lr, net.gradients(x, y))

    verdict = of_gradient(step)
    assert (verdict.status, verdict.cause) == (DIFFERS, "factor-constant")
    assert "learning rate" in verdict.message


def test_a_factor_of_the_batch_is_no_rate() -> None:
    def step(net: Scheduled, x: Array, y: Array, lr: float) -> None:
        net.rate = lr * len(x)
        net.descend(lr, summed(net, x, y))

    assert (of_gradient(step).status, of_gradient(step).cause) == (DIFFERS, "factor-batch")
