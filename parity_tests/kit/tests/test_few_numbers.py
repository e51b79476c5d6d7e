"""Penalties on matrices of two entries, of which one batch alone would show one in any numbers."""

from collections.abc import Callable

import numpy as np
import pytest

from parity_tests.kit.check import examine
from parity_tests.kit.tests.asked import Array, Classifier, network, sigmoid
from parity_tests.kit.verdicts import DIFFERS, Report

Change = Callable[["_Small", Array, int], Array]


class _Small(Classifier):
    """2-2-1, with half the squares."""

    sizes = (2, 2, 1)
    activation = staticmethod(sigmoid)
    last = staticmethod(sigmoid)

    def loss(self, x: Array, y: Array) -> float:
        return float(((self.forward(x) - y) ** 2).mean() / 2)

    def delta(self, x: Array, y: Array) -> Array:
        p = self.forward(x)
        return (p - y) * p * (1 - p) / len(x)


def _report(change: Change) -> Report:
    class Net(_Small):
        def gradients(self, x: Array, y: Array) -> list[Array]:
            first, second, *biases = super().gradients(x, y)
            return [first, change(self, second, len(x)), *biases]

    return examine(network(Net, step=None, labels="targets"), only="gradient")


@pytest.mark.parametrize(
    "change",
    [
        lambda _net, g, _n: np.repeat(g[:1], 2, axis=0),
        lambda _net, g, _n: g[::-1],
        lambda _net, g, _n: g * [[1.0], [0.5]],
    ],
    ids=["the first one's", "exchanged", "half of one"],
)
def test_no_penalty_is_told_of_two_numbers_that_are_wrong(change: Change) -> None:
    report = _report(change)
    [verdict] = [v for v in report.verdicts if v.aspect == "gradient"]
    assert (verdict.status, verdict.tensor, verdict.cause) == (DIFFERS, "W2", None)


@pytest.mark.parametrize(
    "change",
    [lambda net, g, _n: g + 0.01 * net.w[1], lambda net, g, n: g + 0.01 * net.w[1] / n],
    ids=["of all", "of the mean"],
)
def test_a_penalty_that_both_batches_have_is_told(change: Change) -> None:
    report = _report(change)
    assert not report.failures
    assert "weight-decay" in {verdict.cause for verdict in report.verdicts}


def test_two_numbers_that_are_right_are_right() -> None:
    assert not _report(lambda _net, g, _n: g).failures
