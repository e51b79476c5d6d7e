"""A bias that a layer does not have is none, and no reason to ask nothing."""

from typing import Any

import numpy as np
import pytest

from parity_tests.kit.arbiter import pytorch
from parity_tests.kit.check import examine
from parity_tests.kit.network import Network
from parity_tests.kit.spec import Spec
from parity_tests.kit.subject.subject import NoChainError, Subject
from parity_tests.kit.tests.asked import Array, sigmoid, softmax
from parity_tests.kit.verdicts import DIFFERS, EQUAL

Shapes = list[tuple[int, ...]]


def _subject(shapes: Shapes, **more: Any) -> Subject:
    def make() -> list[Array]:
        return [np.random.randn(*shape) for shape in shapes]  # noqa: NPY002

    return Subject(Network(make, lambda net: net, len, **more))


@pytest.mark.parametrize(
    ("shapes", "sizes", "biases"),
    [
        ([(12, 9), (9,), (9, 10)], [12, 9, 10], [1, None]),
        ([(12, 9), (1, 9), (9, 10)], [12, 9, 10], [1, None]),
        ([(9, 12), (9, 1), (10, 9)], [12, 9, 10], [1, None]),
        ([(12, 9), (9, 10), (1, 10)], [12, 9, 10], [None, 2]),
        ([(9,), (12, 9), (9, 10)], [12, 9, 10], [0, None]),
        # Biases after all matrices.
        ([(12, 9), (9, 8), (8, 10), (9,), (10,)], [12, 9, 8, 10], [3, None, 4]),
        # That of the layer before it, where it may be of each.
        ([(9, 9), (9, 9), (9,), (9, 9)], [9, 9, 9, 9], [None, 2, None]),
        # Weights of a layer with one output are no bias.
        ([(12, 9), (9,), (9, 1)], [12, 9, 1], [1, None]),
        ([(12, 9), (9, 8), (8,), (8, 1)], [12, 9, 8, 1], [None, 2, None]),
    ],
)
def test_layers_with_and_without_a_bias_form_a_chain(
    shapes: Shapes, sizes: list[int], biases: list[int | None]
) -> None:
    subject = _subject(shapes)
    assert subject.sizes == sizes
    arrays = subject.arrays()
    for layer, position in zip(subject.get(), biases, strict=True):
        if position is None:
            assert layer.bias is None
        else:
            assert layer.bias is not None
            assert np.array_equal(layer.bias, np.ravel(arrays[position]))


@pytest.mark.parametrize(
    ("shapes", "more"),
    [
        ([(12, 9), (8,), (9, 10)], {}),
        ([(12, 9), (9,), (8, 10)], {}),
        ([(12, 9), (9,), (9,), (9, 10)], {}),
        ([(12, 9), (9,), (9, 10)], {"bias": "none"}),
    ],
)
def test_what_fits_no_layer_is_no_bias(shapes: Shapes, more: dict[str, Any]) -> None:
    with pytest.raises(NoChainError):
        _subject(shapes, **more)


class _OneBias:
    """A right network with a bias in its first layer alone."""

    def __init__(self) -> None:
        self.w = [np.random.randn(*s) * 0.3 for s in ((12, 9), (9, 10))]  # noqa: NPY002
        self.b = np.zeros(9)

    def forward(self, x: Array) -> Array:
        self.a = sigmoid(x @ self.w[0] + self.b)
        return softmax(self.a @ self.w[1])

    def slope(self) -> Array:
        return self.a * (1 - self.a)

    def gradients(self, x: Array, y: Array) -> list[Array]:
        d = (self.forward(x) - y) / len(x)
        h = (d @ self.w[1].T) * self.slope()
        return [x.T @ h, h.sum(axis=0), self.a.T @ d]

    def step(self, x: Array, y: Array, lr: float) -> None:
        for p, g in zip([self.w[0], self.b, self.w[1]], self.gradients(x, y), strict=True):
            p -= lr * g


class _SlopeOfTheActivation(_OneBias):
    def slope(self) -> Array:
        return sigmoid(self.a) * (1 - sigmoid(self.a))


def _statuses(make: type[_OneBias]) -> dict[str, tuple[str, str | None]]:
    declared = Network(
        make,
        lambda net: [net.w[0], net.b, net.w[1]],
        "forward",
        gradients=lambda net, x, y: net.gradients(x, y),
        step="step",
        spec=Spec("sigmoid", "softmax", "cross_entropy", "mean", "sgd"),
    )
    report = examine(declared, arbiter=pytorch())
    return {verdict.aspect: (verdict.status, verdict.cause) for verdict in report.verdicts}


def test_a_right_network_with_one_bias_is_right() -> None:
    told = _statuses(_OneBias)
    for aspect in ("forward", "gradient", "optimizer", "side effects"):
        assert told[aspect] == (EQUAL, None)


def test_a_fault_in_a_network_with_one_bias_is_named() -> None:
    status, cause = _statuses(_SlopeOfTheActivation)["gradient"]
    assert (status, cause) == (DIFFERS, "derivative-on-activation")
