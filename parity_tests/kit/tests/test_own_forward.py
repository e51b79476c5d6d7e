"""Training steps that go through the layers once more, and do not as the forward pass does."""
# Networks are written as learners write them.
# ruff: noqa: NPY002

from dataclasses import replace

import numpy as np
import pytest

from parity_tests.kit.check import examine
from parity_tests.kit.network import Network
from parity_tests.kit.tests.asked import Array, softmax
from parity_tests.kit.verdicts import DIFFERS, EQUAL, Report


class _Twice:
    """A right network whose step computes the forward pass once more."""

    def __init__(self) -> None:
        self.w1, self.b1 = np.random.randn(8, 7) / 2, np.random.randn(7) / 2
        self.w2, self.b2 = np.random.randn(7, 5) / 2, np.random.randn(5) / 2

    def forward(self, x: Array) -> Array:
        return softmax(np.maximum(x @ self.w1 + self.b1, 0) @ self.w2 + self.b2)

    def loss(self, x: Array, y: Array) -> float:
        return float(-np.mean(np.sum(y * np.log(self.forward(x) + 1e-12), axis=1)))

    def hidden(self, x: Array) -> Array:
        return x @ self.w1 + self.b1

    def function(self, z: Array) -> tuple[Array, Array]:
        """Return the activation of the hidden layer, and its derivative."""
        return np.maximum(z, 0), np.asarray(z > 0)

    def last(self, a: Array) -> Array:
        return a @ self.w2 + self.b2

    def output(self, z: Array) -> Array:
        return softmax(z)

    def step(self, x: Array, y: Array, lr: float) -> None:
        a, slope = self.function(self.hidden(x))
        d2 = (self.output(self.last(a)) - y) / len(x)
        d1 = d2 @ self.w2.T * slope
        self.w2 -= lr * a.T @ d2
        self.b2 -= lr * d2.sum(axis=0)
        self.w1 -= lr * x.T @ d1
        self.b1 -= lr * d1.sum(axis=0)


class _WithoutFirstBias(_Twice):
    def hidden(self, x: Array) -> Array:
        return x @ self.w1


class _WithoutLastBias(_Twice):
    def last(self, a: Array) -> Array:
        return a @ self.w2


class _OfAnotherFunction(_Twice):
    def function(self, z: Array) -> tuple[Array, Array]:
        return np.tanh(z), 1 - np.tanh(z) ** 2


class _NotDivided(_Twice):
    def output(self, z: Array) -> Array:
        return np.asarray(np.exp(z - z.max(axis=1, keepdims=True)))


class _ShiftedByClass(_Twice):
    def output(self, z: Array) -> Array:
        e = np.exp(z - z.max(axis=0, keepdims=True))
        return np.asarray(e / e.sum(axis=1, keepdims=True))


NETWORK = Network(_Twice, "w1 b1 w2 b2", "forward", loss="loss", step="step")


def judged(make: type[_Twice]) -> Report:
    return examine(replace(NETWORK, make=make), only=("gradient", "optimizer"))


@pytest.mark.parametrize(
    ("make", "seen"),
    [
        (_WithoutFirstBias, "without the bias of layer 1"),
        (_WithoutLastBias, "without the bias of layer 2"),
        (_OfAnotherFunction, "with tanh in layer 1"),
        (_NotDivided, "with exponential of shifted logits"),
        (_ShiftedByClass, "with softmax shifted by class"),
    ],
)
def test_another_forward_pass_in_a_step_is_named(make: type[_Twice], seen: str) -> None:
    first = judged(make).failures[0]
    assert (first.aspect, first.cause) == ("gradient", "forward-of-its-own")
    assert f"the gradient is that of a network {seen}" in first.message


def test_a_right_forward_pass_in_a_step_is_equal() -> None:
    report = judged(_Twice)
    assert report.failures == []
    assert {verdict.status for verdict in report.of("gradient")} == {EQUAL}


class _OfNeither(_WithoutFirstBias):
    """A bias that is left out, and a derivative with it."""

    def function(self, z: Array) -> tuple[Array, Array]:
        return np.maximum(z, 0), np.ones_like(z)


def test_a_forward_pass_is_not_blamed_where_the_backward_pass_is_wrong_as_well() -> None:
    found = judged(_OfNeither).failures
    assert found
    assert {verdict.status for verdict in found} == {DIFFERS}
    assert "forward-of-its-own" not in {verdict.cause for verdict in found}
