"""A factor of the gradient beside momentum, which may be a sum or a moving average."""
# ruff: noqa: D102

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from parity_tests.kit.check import examine
from parity_tests.kit.network import Network
from parity_tests.kit.spec import Spec
from parity_tests.kit.tests.asked import Classifier, network
from parity_tests.kit.verdicts import DIFFERS, EQUAL

Array = NDArray[Any]


class Averaging(Classifier):
    """The gradient of the sum goes into a moving average; ten outputs make up for that."""

    scale = 10.0

    def __init__(self) -> None:
        super().__init__()
        self.v = [np.zeros_like(p) for p in self.w + self.b]

    def step(self, x: Array, y: Array, lr: float) -> None:
        for p, v, g in zip(self.w + self.b, self.v, self.gradients(x, y), strict=True):
            v *= 0.9
            v += 0.1 * self.scale * len(x) * g
            p -= lr * v


def alone(make: Any) -> Network:
    return network(make, gradients=None, spec=Spec(optimizer="momentum"))


def test_factor_that_a_moving_average_may_hide_is_told_both_ways() -> None:
    told = examine(alone(Averaging), only=("gradient", "optimizer")).verdicts
    assert [(v.status, v.cause) for v in told] == [(DIFFERS, "factor-batch"), (EQUAL, None)]
    for account in ("7 x the gradient expected: batch size, if", "70 x: batch size x 10 (outputs)"):
        assert account in told[0].message


def test_factor_of_one_meaning_is_told_alone() -> None:
    narrow = type("Narrow", (Averaging,), {"sizes": (12, 9, 8, 6)})
    told = examine(alone(narrow), only="gradient").verdicts
    assert [(v.cause, v.factor) for v in told] == [("factor-batch", pytest.approx(7))]
    assert "moving average" not in told[0].message
