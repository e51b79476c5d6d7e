"""Steps that forget the sum over the batch make a bias a matrix, of a row for each sample."""
# Networks are written as learners write them.
# ruff: noqa: D101, D102

from typing import Any

import numpy as np
import pytest

from parity_tests.kit.check import examine
from parity_tests.kit.network import Network
from parity_tests.kit.tests.asked import Array, softmax
from parity_tests.kit.verdicts import Verdict

NAMES = "W1 b1 W2 b2"


class OfRows:
    def __init__(self) -> None:
        rng = np.random.default_rng()
        self.W1, self.b1 = rng.normal(size=(12, 9)) / 3, np.zeros(9)
        self.W2, self.b2 = rng.normal(size=(9, 10)) / 3, np.zeros(10)

    def activation(self, z: Array) -> tuple[Array, Array]:
        a = np.tanh(z)
        return a, 1 - a**2

    def forward(self, x: Array) -> Array:
        self.a, self.slope = self.activation(x @ self.W1 + self.b1)
        return softmax(self.a @ self.W2 + self.b2)

    def loss(self, x: Array, y: Array) -> float:
        return float(-np.sum(y * np.log(self.forward(x))) / len(x))

    def of_bias(self, delta: Array) -> Array:
        return delta

    def step(self, x: Array, y: Array, lr: float) -> None:
        d2 = (self.forward(x) - y) / len(x)
        d1 = d2 @ self.W2.T * self.slope
        self.W2, self.b2 = self.W2 - lr * self.a.T @ d2, self.b2 - lr * self.of_bias(d2)
        self.W1, self.b1 = self.W1 - lr * x.T @ d1, self.b1 - lr * self.of_bias(d1)


class Turned(OfRows):
    """Rows of other samples, which add up to the same."""

    def of_bias(self, delta: Array) -> Array:
        return 0.5 * (delta[::-1] + np.roll(delta, 1, axis=0))


class Unknown(OfRows):
    """Its activation is none that is known, nor the same function in every unit."""

    def activation(self, z: Array) -> tuple[Array, Array]:
        rates = 1 + np.arange(z.shape[1]) / 20
        return np.tanh(rates * z), rates * (1 - np.tanh(rates * z) ** 2)


class UnknownAndWrong(Unknown):
    def of_bias(self, delta: Array) -> Array:
        return np.abs(delta)


class OfColumns(OfRows):
    """Samples lie in columns, and biases are columns."""

    def __init__(self) -> None:
        super().__init__()
        self.W1, self.b1 = self.W1.T.copy(), self.b1.reshape(-1, 1)
        self.W2, self.b2 = self.W2.T.copy(), self.b2.reshape(-1, 1)

    def forward(self, x: Array) -> Array:
        self.a, self.slope = self.activation(self.W1 @ x + self.b1)
        return softmax((self.W2 @ self.a + self.b2).T).T

    def loss(self, x: Array, y: Array) -> float:
        return float(-np.sum(y * np.log(self.forward(x))) / x.shape[1])

    def step(self, x: Array, y: Array, lr: float) -> None:
        d2 = (self.forward(x) - y) / x.shape[1]
        d1 = self.W2.T @ d2 * self.slope
        self.W2, self.b2 = self.W2 - lr * d2 @ self.a.T, self.b2 - lr * d2
        self.W1, self.b1 = self.W1 - lr * d1 @ x.T, self.b1 - lr * d1


def asked(make: Any, names: str = NAMES, **more: Any) -> list[Verdict]:
    network = Network(make, names, "forward", loss="loss", step="step", **more)
    return examine(network, only="gradient").failures


@pytest.mark.parametrize(
    ("make", "batch"), [(OfRows, "rows"), (Turned, "rows"), (OfColumns, "columns")]
)
def test_a_bias_of_which_each_sample_takes_its_own_is_named(make: Any, batch: str) -> None:
    [verdict] = asked(make, batch=batch)
    assert (verdict.tensor, verdict.cause) == ("b2", "bias-not-summed")
    assert "likewise on b1" in verdict.message


def test_it_is_named_by_slopes_where_the_forward_pass_is_not_known() -> None:
    [verdict] = asked(Unknown)
    assert (verdict.tensor, verdict.cause) == ("b1", "bias-not-summed")
    assert "taken from b1 and b2" in verdict.message


def test_it_is_named_where_the_parameters_form_no_chain() -> None:
    class Gained(Unknown):
        def __init__(self) -> None:
            super().__init__()
            self.gains = np.ones((2, 3))

    [verdict] = asked(Gained, "W1 b1 gains W2 b2", weights="in_out")
    assert (verdict.tensor, verdict.cause) == ("b1", "bias-not-summed")


def test_rows_that_do_not_add_up_are_another_shape() -> None:
    [verdict] = asked(UnknownAndWrong)
    assert (verdict.tensor, verdict.cause) == ("b1", "parameter-reshaped")
