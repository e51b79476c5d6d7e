"""What is said of a cross-entropy that weighs its classes, which is a loss of no known form."""
# Networks are written as learners write them.
# ruff: noqa: D102, NPY002

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from parity_tests.kit.check import examine
from parity_tests.kit.network import Network
from parity_tests.kit.tests.asked import Array, softmax
from parity_tests.kit.verdicts import DIFFERS, EQUAL


class Weighing:
    """The mean over the samples is weighted, as PyTorch has it."""

    def __init__(self) -> None:
        # More units than samples: the gradient of the last matrix tells the error of each sample.
        self.w1, self.b1 = np.random.randn(5, 12) / 2, np.zeros(12)
        self.w2, self.b2 = np.random.randn(12, 4) / 4, np.zeros(4)
        self.shares = np.linspace(0.5, 2, 4)

    def forward(self, x: Array) -> Array:
        self.x, self.h = x, np.maximum(x @ self.w1 + self.b1, 0)
        return np.asarray(np.log(softmax(self.h @ self.w2 + self.b2)))

    def weights(self, y: Array) -> Array:
        return np.asarray(self.shares[y] / self.shares[y].sum())

    def loss(self, x: Array, y: Array) -> float:
        return float(-(self.weights(y) * self.forward(x)[np.arange(len(y)), y]).sum())

    def carried(self, d: Array) -> Array:
        """Return the error of the hidden layer from that of its output."""
        return np.asarray(d * (self.h > 0))

    def backward(self, x: Array, y: Array) -> None:
        d = (np.exp(self.forward(x)) - np.eye(4)[y]) * self.weights(y)[:, None]
        self.dw2, self.db2 = self.h.T @ d, d.sum(axis=0)
        d = self.carried(d @ self.w2.T)
        self.dw1, self.db1 = self.x.T @ d, d.sum(axis=0)


class _WithoutDerivative(Weighing):
    def carried(self, d: Array) -> Array:
        return d


class _OfAnotherShare(_WithoutDerivative):
    """The last layer weighs by other shares than the loss."""

    def backward(self, x: Array, y: Array) -> None:
        self.shares = np.linspace(0.5, 4, 4)
        super().backward(x, y)
        self.shares = np.linspace(0.5, 2, 4)


def stepping(*without_rate: str) -> Callable[[Weighing, Array, Array, float], None]:
    """Return steps in which some parameters are updated without the learning rate."""

    def step(net: Weighing, x: Array, y: Array, lr: float) -> None:
        net.backward(x, y)
        for name in ("w1", "b1", "w2", "b2"):
            array = getattr(net, name)
            array -= (1.0 if name in without_rate else lr) * getattr(net, f"d{name}")

    return step


NETWORK = Network(
    Weighing,
    "w1 b1 w2 b2",
    "forward",
    backward="backward",
    gradients="dw1 db1 dw2 db2",
    loss="loss",
    step=stepping(),
    labels="integers",
)


@pytest.mark.parametrize(
    ("make", "status", "cause", "tensor"),
    [
        (Weighing, EQUAL, None, None),
        (_WithoutDerivative, DIFFERS, "activation-derivative-missing", "W1"),
    ],
)
def test_a_derivative_below_a_right_last_layer_is_named(
    make: type[Weighing], status: str, cause: str | None, tensor: str | None
) -> None:
    [verdict] = examine(replace(NETWORK, make=make), only="gradient").of("gradient")
    assert (verdict.status, verdict.cause, verdict.tensor) == (status, cause, tensor), verdict


def test_nothing_below_is_named_where_the_last_layer_is_wrong() -> None:
    failures = examine(replace(NETWORK, make=_OfAnotherShare), only="gradient").failures
    assert failures
    assert "activation-derivative-missing" not in {verdict.cause for verdict in failures}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ((), [(EQUAL, None, None)]),
        (("w2",), [(DIFFERS, "step-without-rate", "W2")]),
    ],
)
def test_a_step_without_the_rate_is_named(
    names: tuple[str, ...], expected: list[tuple[str, str | None, str | None]]
) -> None:
    report = examine(replace(NETWORK, step=stepping(*names)), only=("gradient", "optimizer"))
    assert [verdict.status for verdict in report.of("gradient")] == [EQUAL]
    found = [(v.status, v.cause, v.tensor) for v in report.of("optimizer")]
    assert found == expected
