"""Huber's loss with one threshold in the loss and another one in the gradient: both are told."""

import numpy as np
import pytest

from parity_tests.kit.check import examine
from parity_tests.kit.tests.asked import Array, Classifier, network
from parity_tests.kit.verdicts import DIFFERS, EQUAL


class _Huber(Classifier):
    """Numbers by Huber's loss, whose gradient is the error clipped."""

    sizes = (12, 9, 3)
    threshold = 0.5
    limit = 0.5

    @staticmethod
    def last(z: Array) -> Array:
        return z

    def loss(self, x: Array, y: Array) -> float:
        off = np.abs(self.forward(x) - y)
        line = self.threshold * (off - self.threshold / 2)
        return float(np.where(off < self.threshold, off**2 / 2, line).sum() / len(x))

    def delta(self, x: Array, y: Array) -> Array:
        return np.asarray(np.clip(self.forward(x) - y, -self.limit, self.limit) / len(x))


@pytest.mark.parametrize("threshold", [0.5, 0.3])
def test_a_gradient_by_another_threshold_is_told_with_both(threshold: float) -> None:
    make = type("Net", (_Huber,), {"threshold": threshold, "limit": 1.0})
    report = examine(network(make, step=None, labels="targets"), only=("loss", "gradient"))
    [verdict] = report.failures
    assert verdict.cause == "gradient-of-another-loss"
    assert "it is that of the huber with a threshold of 1, and the loss" in verdict.message
    assert f"reported is the huber with a threshold of {threshold}. Look" in verdict.message


def test_a_gradient_by_the_threshold_of_the_loss_is_right() -> None:
    report = examine(network(_Huber, step=None, labels="targets"), only=("loss", "gradient"))
    assert not report.failures


class _Stepped(_Huber):
    """The gradient that is handed out is right, by the slopes of the loss."""

    sizes = (3, 2, 1)

    def of_bias(self, g: Array) -> Array:
        return g

    def step(self, x: Array, y: Array, lr: float) -> None:
        found = self.gradients(x, y)
        for w, g in zip(self.w, found, strict=False):
            w -= lr * g
        for b, g in zip(self.b, found[len(self.w) :], strict=True):
            b -= lr * self.of_bias(g)


class _Inverted(_Stepped):
    def of_bias(self, g: Array) -> Array:
        return 1 / (g + 0.01)


@pytest.mark.parametrize(("make", "status"), [(_Stepped, EQUAL), (_Inverted, DIFFERS)])
def test_steps_beside_a_gradient_that_is_right_by_slopes_are_asked(
    make: type[_Stepped], status: str
) -> None:
    [verdict] = examine(network(make, labels="targets"), only="optimizer").verdicts
    assert verdict.status == status
    assert ("in the step, not in the gradients beside it" in verdict.message) == (status == DIFFERS)
