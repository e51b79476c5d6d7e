"""Huber's loss with one threshold in the loss and another one in the gradient: both are told."""

import numpy as np
import pytest

from parity_tests.kit.check import examine
from parity_tests.kit.tests.asked import Array, Classifier, network


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
