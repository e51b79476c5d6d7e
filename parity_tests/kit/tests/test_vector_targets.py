"""Targets of a network whose single output is a vector: of shape (n,), as the output is."""
# ruff: noqa: D102

from collections.abc import Callable

import numpy as np
import pytest

from parity_tests.kit.check import examine
from parity_tests.kit.network import Network
from parity_tests.kit.tests.update_rules import Array
from parity_tests.kit.verdicts import DIFFERS


class Regression:
    """A network of one output, whose predictions are a vector."""

    def __init__(self) -> None:
        rng = np.random.default_rng()
        self.W1, self.b1 = rng.standard_normal((6, 5)), np.zeros(5)
        self.W2, self.b2 = rng.standard_normal((5, 1)), np.zeros(1)

    def column(self, x: Array) -> Array:
        self.a = np.tanh(x @ self.W1 + self.b1)
        output: Array = self.a @ self.W2 + self.b2
        return output

    def predict(self, x: Array) -> Array:
        return self.column(x)[:, 0]

    def back(self, x: Array, error: Array) -> list[Array]:
        d2 = 2 * error / len(x)
        d1 = d2 @ self.W2.T * (1 - self.a**2)
        return [x.T @ d1, d1.sum(axis=0), self.a.T @ d2, d2.sum(axis=0)]


Loss = Callable[[Regression, Array, Array], float]
Gradients = Callable[[Regression, Array, Array], list[Array]]


def of_vectors(net: Regression, x: Array, y: Array) -> float:
    return float(((net.predict(x) - y) ** 2).mean())


def by_vectors(net: Regression, x: Array, y: Array) -> list[Array]:
    return net.back(x, (net.predict(x) - y)[:, np.newaxis])


def by_half(net: Regression, x: Array, y: Array) -> list[Array]:
    return [gradient / 2 for gradient in by_vectors(net, x, y)]


def of_columns(net: Regression, x: Array, y: Array) -> float:
    return float(((net.column(x) - y) ** 2).mean())


def by_columns(net: Regression, x: Array, y: Array) -> list[Array]:
    return net.back(x, net.column(x) - y)


def summed_up(net: Regression, x: Array, y: Array) -> float:
    return float(((net.column(x).sum(axis=1) - y) ** 2).mean())


@pytest.mark.parametrize(
    ("forward", "loss", "gradients", "wrong"),
    [
        ("predict", of_vectors, by_vectors, []),
        ("predict", of_vectors, by_half, ["gradient"]),
        # What predicts a vector may still compute with columns, and so may all of it.
        ("predict", of_columns, by_columns, []),
        ("column", of_columns, by_columns, []),
        # The output is a column: a vector beside it is the network's own.
        ("column", summed_up, by_columns, ["loss"]),
    ],
)
def test_targets_are_of_the_shape_of_the_output(
    forward: str, loss: Loss, gradients: Gradients, wrong: list[str]
) -> None:
    network = Network(
        make=Regression,
        parameters="W1 b1 W2 b2",
        forward=forward,
        loss=loss,
        gradients=gradients,
        labels="targets",
    )
    report = examine(network, only=("loss", "gradient"))
    assert [v.aspect for v in report.verdicts if v.status == DIFFERS] == wrong
    is_vector = loss is of_vectors
    assert report.spec["labels"] == (
        "targets (a vector, as the output is)" if is_vector else "targets"
    )


def test_a_gradient_alone_tells_the_shape_of_targets() -> None:
    def step(net: Regression, x: Array, y: Array, lr: float) -> None:
        for parameter, gradient in zip(
            (net.W1, net.b1, net.W2, net.b2), by_vectors(net, x, y), strict=True
        ):
            parameter -= lr * gradient

    network = Network(
        make=Regression,
        parameters="W1 b1 W2 b2",
        forward="predict",
        step=step,
        labels="targets",
    )
    report = examine(network, only="gradient")
    assert not report.failures
    assert report.spec["labels"] == "targets (a vector, as the output is)"
