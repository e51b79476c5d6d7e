"""A loss that is another function than the gradient's, beside faults that are below it."""

from typing import Any

import numpy as np
import pytest

from parity_tests.kit.aspects.gradient import aspect as gradient
from parity_tests.kit.check import examine
from parity_tests.kit.spec import Spec
from parity_tests.kit.tests.asked import Array, Classifier, ask, network, sigmoid
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


class _Entropy(Classifier):
    """AdaGrad's steps by the gradient of the cross entropy of every output."""

    sizes = (6, 5, 4)
    activation = staticmethod(sigmoid)
    last = staticmethod(sigmoid)

    def __init__(self) -> None:
        super().__init__()
        self.squares = [np.zeros_like(p) for p in self.w + self.b]

    def loss(self, x: Array, y: Array) -> float:
        p = self.forward(x)
        return float(-(y * np.log(p) + self.others(y) * np.log(1 - p)).sum() / len(x))

    def others(self, y: Array) -> Array:
        return 1 - y

    def step(self, x: Array, y: Array, lr: float) -> None:
        for p, s, g in zip(self.w + self.b, self.squares, self.gradients(x, y), strict=True):
            s += g * g
            p -= lr * g / (np.sqrt(s) + 1e-10)


class _OfOneClass(_Entropy):
    """The loss takes the logarithms of the label's own class alone."""

    def others(self, y: Array) -> Array:
        return y


@pytest.mark.parametrize(("make", "told"), [(_Entropy, []), (_OfOneClass, [("dL/dz2", _ANOTHER)])])
def test_adaptive_steps_by_the_gradient_of_another_loss_are_told(
    make: type[_Entropy], told: list[tuple[str, str]]
) -> None:
    report = examine(network(make, gradients=None), only=("loss", "gradient", "optimizer"))
    assert [(v.tensor, v.cause) for v in report.failures] == told
    [verdict] = report.of("optimizer")
    assert "those of adagrad" in verdict.message
