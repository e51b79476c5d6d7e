"""Networks whose parameters form no chain of layers, as those with a normalization between."""
# Networks are written as learners write them.
# ruff: noqa: D101, D102

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from parity_tests.kit.check import examine
from parity_tests.kit.network import Network
from parity_tests.kit.tests.asked import softmax
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, UNCHECKED, Report

Array = NDArray[Any]
NAMES = "W1 b1 g s W2 b2"


class Normalized:
    """A gain and a shift between two layers, over the units or over the batch."""

    axis = 1
    evaluates = False

    def __init__(self) -> None:
        rng = np.random.default_rng()
        self.W1, self.b1 = rng.normal(size=(12, 9)) / 3, np.zeros(9)
        self.g, self.s = np.ones(9), np.zeros(9)
        self.W2, self.b2 = rng.normal(size=(9, 10)) / 3, np.zeros(10)
        self.means: Any = 0.0
        self.memory: dict[str, Any] = {}

    def run(self, x: Array, train: bool) -> Array:
        self.x = x
        z = x @ self.W1 + self.b1
        middle = z.mean(self.axis, keepdims=True)
        if train and self.axis == 0:
            self.means = 0.9 * self.means + 0.1 * middle
        elif self.evaluates:
            middle = self.means
        self.sd = np.sqrt(z.var(self.axis, keepdims=True) + 1e-5)
        self.h = (z - middle) / self.sd
        self.n = self.g * self.h + self.s
        self.a = np.maximum(self.n, 0)
        return softmax(self.a @ self.W2 + self.b2)

    def forward(self, x: Array) -> Array:
        return self.run(x, not self.evaluates)

    def loss(self, x: Array, y: Array) -> float:
        return float(-np.log((self.forward(x) * y).sum(axis=1)).mean())

    def carried(self, u: Array) -> Array:
        return self.back(u * self.g)

    def back(self, u: Array) -> Array:
        mean = u.mean(self.axis, keepdims=True)
        return (u - mean - self.h * (u * self.h).mean(self.axis, keepdims=True)) / self.sd

    def gradients(self, x: Array, y: Array) -> list[Array]:
        d2 = (self.run(x, True) - y) / len(x)
        dn = (d2 @ self.W2.T) * (self.n > 0)
        d1 = self.carried(dn)
        below = [x.T @ d1, d1.sum(axis=0), (dn * self.h).sum(axis=0), dn.sum(axis=0)]
        return [*below, self.a.T @ d2, d2.sum(axis=0)]

    def step(self, x: Array, y: Array, lr: float) -> None:
        for name, gradient in zip(NAMES.split(), self.gradients(x, y), strict=True):
            getattr(self, name)[...] -= lr * gradient

    def adam(self, x: Array, y: Array, lr: float) -> None:
        self.memory["t"] = t = self.memory.get("t", 0) + 1
        for name, g in zip(NAMES.split(), self.gradients(x, y), strict=True):
            m, v = self.memory.get(name, (0.0, 0.0))
            m, v = self.memory[name] = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
            getattr(self, name)[...] -= lr * m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)


class OfBatch(Normalized):
    axis = 0


class Evaluating(OfBatch):
    """Its loss is that of an evaluation, with the mean of training."""

    evaluates = True


class WrongSide(Normalized):
    """The gain is multiplied by after the Jacobian."""

    def carried(self, u: Array) -> Array:
        return self.back(u) * self.g


class WrongBelow(OfBatch):
    """The bias in front of the normalization has no gradient, right as it is; the matrix is off."""

    def gradients(self, x: Array, y: Array) -> list[Array]:
        first, *others = super().gradients(x, y)
        return [np.abs(first), *others]


class LessGain(Normalized):
    def gradients(self, x: Array, y: Array) -> list[Array]:
        found = super().gradients(x, y)
        return [*found[:2], found[2] / len(x), *found[3:]]


def asked(make: Callable[[], Any], seed: int = 0, **declared: Any) -> Report:
    told = {"loss": "loss", "gradients": "gradients", **declared}
    return examine(Network(make, NAMES, "forward", **told), seed)


def statuses(report: Report, *aspects: str) -> list[tuple[str, str | None, str | None]]:
    return [(v.status, v.cause, v.tensor) for a in aspects for v in report.of(a)]


@pytest.mark.parametrize("make", [Normalized, OfBatch])
def test_a_right_network_is_equal_by_slopes_and_steps(make: type[Normalized]) -> None:
    for seed in range(2):
        report = asked(make, seed, step="step")
        equal = [(EQUAL, None, None)] * 2
        assert statuses(report, "gradient", "optimizer") == equal
        assert report.failures == []
    [verdict] = report.of("forward")
    assert verdict.status == UNCHECKED
    assert "check_layer" in verdict.message
    assert report.exit_code == 2
    # Widths of inputs and outputs are none of layers.
    assert not {"sizes", "weights"} & set(report.spec)
    assert statuses(asked(make, step="adam"), "optimizer") == [(EQUAL, None, None)]


class Guarded(Normalized):
    """The loss has a small number beside its probabilities, and the gradient does not."""

    def loss(self, x: Array, y: Array) -> float:
        return float(-np.log((self.forward(x) * y).sum(axis=1) + 1e-7).mean())


class GuardedLess(Guarded, LessGain):
    """One gradient is another multiple besides."""


@pytest.mark.parametrize("seed", range(6))
def test_a_small_number_in_the_loss_is_no_fault_of_the_gradient(seed: int) -> None:
    assert statuses(asked(Guarded, seed), "gradient") == [(EQUAL, None, None)]
    [(status, *_)] = statuses(asked(GuardedLess, seed), "gradient")
    assert status == DIFFERS


def test_steps_alone_are_judged_as_far_as_they_show() -> None:
    report = asked(Normalized, gradients=None, step="step")
    assert statuses(report, "gradient", "optimizer") == [(EQUAL, None, None)] * 2
    assert asked(Normalized, gradients=None, step="adam").failures == []


@pytest.mark.parametrize("gradients", ["gradients", None])
def test_a_loss_of_an_evaluation_is_no_measure(gradients: str | None) -> None:
    report = asked(Evaluating, gradients=gradients, step="step")
    assert report.failures == []
    assert statuses(report, "gradient") == [(UNCHECKED, None, None)]


def test_a_fault_is_told_by_the_name_of_its_parameter() -> None:
    for seed in range(2):
        assert statuses(asked(WrongSide, seed), "gradient") == [(DIFFERS, None, "b1")]
    assert statuses(asked(WrongBelow), "gradient") == [(DIFFERS, None, "W1")]
    report = asked(LessGain)
    assert statuses(report, "gradient") == [(DIFFERS, "factor-batch", "g")]
    assert "on g and not on the others" in next(report.of("gradient")).message
    assert report.exit_code == 1


class Dropping(Normalized):
    """Units are dropped behind the normalization; on the way back, those kept are not scaled."""

    def run(self, x: Array, train: bool) -> Array:
        super().run(x, train)
        self.a *= np.random.binomial(1, 0.8, self.a.shape) / 0.8  # noqa: NPY002
        self.n = self.a
        return softmax(self.a @ self.W2 + self.b2)


def test_a_loss_with_dropout_depends_on_nothing_that_training_leaves() -> None:
    [verdict] = asked(Dropping).of("gradient")
    assert (verdict.status, verdict.cause) == (DIFFERS, "factor-constant")
    assert verdict.factor == pytest.approx(0.8)


def test_a_penalty_may_be_meant() -> None:
    def penalized(net: Normalized, x: Array, y: Array) -> list[Array]:
        first, *others = net.gradients(x, y)
        return [first + 0.1 * net.W1, *others]

    report = asked(Normalized, gradients=penalized)
    assert statuses(report, "gradient") == [(CONVENTION, "weight-decay", None)]


def test_a_network_that_takes_no_inputs_of_a_known_width_is_not_asked() -> None:
    def refusing(_net: Any, x: Array) -> Array:
        np.ones((12, 9)).T @ x.T
        raise ValueError("of the right width")

    report = examine(Network(Normalized, NAMES, refusing, gradients="gradients"))
    [verdict] = report.verdicts
    assert (verdict.aspect, verdict.status) == ("forward", UNCHECKED)
    assert "do not form a chain" in verdict.message
    assert "with inputs of width 12 it raises ValueError: of the right width" in verdict.message
    assert (verdict.cause, report.exit_code) == ("call-raises", 2)
