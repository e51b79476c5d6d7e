"""A bias that is one number for a whole layer is a bias of that layer."""
# Networks are written as learners write them.
# ruff: noqa: D101, D102

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from parity_tests.kit.arbiter import pytorch
from parity_tests.kit.check import examine
from parity_tests.kit.network import Network
from parity_tests.kit.recognition import recognize
from parity_tests.kit.subject.subject import Subject
from parity_tests.kit.tests.asked import Array, sigmoid, softmax
from parity_tests.kit.verdicts import CONVENTION, EQUAL, UNCHECKED

NAMES = "W1 b1 W2 b2"


class OneNumber:
    """A tanh layer and a last one, each with one number for a bias."""

    last: Any = staticmethod(sigmoid)

    def __init__(self, n_in: int = 12, n_hidden: int = 9, n_out: int = 10) -> None:
        self.W1 = np.random.randn(n_in, n_hidden) / np.sqrt(n_in)  # noqa: NPY002
        self.W2 = np.random.randn(n_hidden, n_out) / np.sqrt(n_hidden)  # noqa: NPY002
        self.b1, self.b2 = self.biases()

    def biases(self) -> Any:
        return np.zeros(1), np.zeros((1, 1))

    def forward(self, x: Array) -> Array:
        self.a = np.tanh(x @ self.W1 + self.b1)
        return np.asarray(self.last(self.a @ self.W2 + self.b2))

    def loss(self, x: Array, y: Array) -> float:
        p = self.forward(x)
        return float(-np.sum(y * np.log(p + 1e-12) + (1 - y) * np.log(1 - p + 1e-12)) / len(x))

    def summed(self, delta: Array) -> Any:
        return delta.sum()

    def gradients(self, x: Array, y: Array) -> list[Any]:
        d2 = (self.forward(x) - y) / len(x)
        d1 = d2 @ self.W2.T * (1 - self.a**2)
        return [x.T @ d1, self.summed(d1), self.a.T @ d2, self.summed(d2)]

    def step(self, x: Array, y: Array, lr: float) -> None:
        for name, gradient in zip(NAMES.split(), self.gradients(x, y), strict=True):
            setattr(self, name, getattr(self, name) - lr * gradient)


class OfClasses(OneNumber):
    """A bias for all classes has no effect behind softmax, and no gradient but rounding."""

    last = staticmethod(softmax)

    def loss(self, x: Array, y: Array) -> float:
        return float(-np.sum(y * np.log(self.forward(x) + 1e-12)) / len(x))


class WithoutAxis(OneNumber):
    def biases(self) -> Any:
        return np.array(0.0), np.array(0.1)


class Plain(OneNumber):
    def biases(self) -> Any:
        return 0.0, 0


class OneOfTwo(OneNumber):
    """The first layer has one number alone."""

    def biases(self) -> Any:
        return np.zeros(1), np.zeros(10)

    def summed(self, delta: Array) -> Any:
        return delta.sum() if delta.shape[1] == self.W1.shape[1] else delta.sum(axis=0)


def of(make: Callable[[], Any], **more: Any) -> Network:
    declared = {"loss": "loss", "gradients": "gradients", "step": "step", **more}
    return Network(make, NAMES, "forward", **declared)


def faulty(summed: Callable[[Array], Any]) -> type[OneNumber]:
    return type("Faulty", (OneNumber,), {"summed": staticmethod(summed)})


@pytest.mark.parametrize("make", [OneNumber, OfClasses, WithoutAxis, Plain, OneOfTwo])
@pytest.mark.parametrize("gradients", ["gradients", None])
def test_a_right_network_is_equal(make: type[OneNumber], gradients: str | None) -> None:
    report = examine(of(make, gradients=gradients), arbiter=pytorch())
    assert report.failures == []
    for aspect in ("forward", "loss", "gradient", "optimizer"):
        assert {v.status for v in report.of(aspect)} == {EQUAL}


def test_biases_that_are_one_number_belong_to_their_layers() -> None:
    for make, sizes in ((OneNumber, (1, 1)), (WithoutAxis, (1, 1)), (OneOfTwo, (1, 10))):
        subject = Subject(of(make))
        assert subject.sizes == [12, 9, 10]
        layers = subject.get()
        assert [np.shape(layer.bias) for layer in layers] == [(size,) for size in sizes]
        assert [layer.has_shared_bias for layer in layers] == [size == 1 for size in sizes]


@pytest.mark.parametrize(
    ("summed", "expected"),
    [
        (lambda delta: delta[0].sum(), "bias-of-one-sample"),
        (lambda delta: delta[-1].sum(), "bias-of-one-sample"),
        (lambda delta: delta.sum(axis=0), "bias-not-summed"),
        (lambda delta: delta.sum() / len(delta), "bias-scaled"),
        (lambda delta: 3 * delta.sum(), "bias-scaled"),
        (lambda delta: 0.0 * delta[0, :1], "not-updated"),
    ],
)
def test_a_fault_in_its_sum_is_named(summed: Callable[[Array], Any], expected: str) -> None:
    report = examine(of(faulty(summed)), only="gradient")
    assert {v.cause for v in report.failures} == {expected}
    assert {v.tensor for v in report.failures} <= {"b1", "b2"}


def test_it_is_recognized() -> None:
    class Net(OneNumber):
        def backward(self, x: Array, y: Array, lr: float) -> None:
            self.step(x, y, lr)

    network = recognize(Net).network
    assert network.parameters == NAMES
    report = examine(network)
    assert report.failures == []
    assert {v.status for v in report.of("gradient")} <= {EQUAL, CONVENTION}


def _make_columns() -> list[Array]:
    rng = np.random.default_rng()
    return [rng.standard_normal(shape) for shape in ((9, 12), (1, 1), (1, 9), (1, 1))]


def _forward_columns(p: list[Array], x: Array) -> Array:
    return sigmoid(p[2] @ sigmoid(p[0] @ x + p[1]) + p[3])


def _gradients_columns(p: list[Array], x: Array, y: Array) -> list[Array]:
    a = sigmoid(p[0] @ x + p[1])
    d2 = (_forward_columns(p, x) - y) / x.shape[1]
    d1 = p[2].T @ d2 * a * (1 - a)
    return [d1 @ x.T, d1.sum(axis=1, keepdims=True), d2 @ a.T, d2.sum(axis=1, keepdims=True)]


_OF_UNITS = Network(
    _make_columns, lambda p: p, _forward_columns, gradients=_gradients_columns, batch="columns"
)


def test_a_gradient_of_each_unit_is_no_gradient_of_one_number() -> None:
    report = examine(_OF_UNITS, arbiter=pytorch())
    assert [v.status for v in report.of("forward")] == [EQUAL]
    [verdict] = report.failures
    assert (verdict.aspect, verdict.tensor, verdict.cause) == ("gradient", "b1", "bias-not-summed")


def test_it_is_asked_on_where_the_forward_pass_is_not_known() -> None:
    network = replace(_OF_UNITS, forward=lambda p, x: _forward_columns(p, x) ** 2 / 3)
    report = examine(network)
    assert [v.status for v in report.of("forward")] == [UNCHECKED]
    assert report.of("side effects")
