"""A loss that is another function than the gradient's, beside faults that are below it."""

from typing import Any

import numpy as np
import pytest

from parity_tests.kit.aspects.gradient import aspect as gradient
from parity_tests.kit.check import examine
from parity_tests.kit.spec import Spec
from parity_tests.kit.tests.asked import Array, Classifier, ask, network
from parity_tests.kit.verdicts import Verdict

_ANOTHER = "gradient-of-another-loss"
_MISSING = "activation-derivative-missing"


class _WithoutMask(Classifier):
    """The derivative of the first hidden layer is left out."""

    def gradients(self, x: Array, y: Array) -> list[Array]:
        found = super().gradients(x, y)
        d3 = self.delta(x, y)
        d1 = ((d3 @ self.w[2].T) * (self.a[2] > 0)) @ self.w[1].T
        return [x.T @ d1, *found[1:3], d1.sum(axis=0, keepdims=True), *found[4:]]


class _OfTurnedLabels(_WithoutMask):
    """The loss takes the probability of another class."""

    def loss(self, x: Array, y: Array) -> float:
        return float(-np.mean(np.sum(y[:, ::-1] * np.log(self.forward(x)), axis=1)))


class _Focal(_WithoutMask):
    """-(1 - p) log p, a loss of no known name, and its gradient."""

    def loss(self, x: Array, y: Array) -> float:
        p = (y * self.forward(x)).sum(axis=1)
        return float(-np.mean((1 - p) * np.log(p)))

    def delta(self, x: Array, y: Array) -> Array:
        p = self.forward(x)
        own = (y * p).sum(axis=1, keepdims=True)
        slope = np.log(own) - (1 - own) / own
        return slope * own * (y - p) / len(x)


class _RightFocal(_Focal):
    def gradients(self, x: Array, y: Array) -> list[Array]:
        return Classifier.gradients(self, x, y)


def _failures(make: type[Classifier], **declared: Any) -> list[Verdict]:
    return examine(network(make, step=None, **declared), only="gradient").failures


def test_a_loss_that_is_another_function_is_told_beside_a_fault_below() -> None:
    told = _failures(_OfTurnedLabels)
    assert [(v.tensor, v.cause) for v in told] == [("dL/dz3", _ANOTHER), ("W1", _MISSING)]


def test_a_loss_that_is_not_the_one_declared_is_told_beside_a_fault_below() -> None:
    spec = Spec("relu", "softmax", "cross_entropy", "mean")
    found = ask(network(_OfTurnedLabels, step=None, spec=spec), gradient.examine)
    told = {(v.aspect, v.cause) for v in found}
    assert {("loss", "another-loss"), ("gradient", _MISSING)} <= told


@pytest.mark.parametrize("make", [_WithoutMask, _Focal])
def test_a_loss_whose_gradient_it_is_is_not_blamed(make: type[Classifier]) -> None:
    told = _failures(make)
    assert told
    assert _ANOTHER not in {v.cause for v in told}


def test_a_right_gradient_of_a_loss_of_no_name_is_right() -> None:
    assert not _failures(_RightFocal)
