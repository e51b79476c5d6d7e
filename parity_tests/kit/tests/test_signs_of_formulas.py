"""Formulas that are told without a factor have the sign of the network's own numbers."""

import numpy as np
import pytest

from parity_tests.kit.check import examine
from parity_tests.kit.tests.asked import Array, network, sigmoid
from parity_tests.kit.tests.test_losses import variant


class _Binary(variant(last=sigmoid, sizes=(12, 9, 10))):  # type: ignore[misc]
    """The two terms of its error have one sign, which is given."""

    sign = 1.0

    def loss(self, x: Array, y: Array) -> float:
        p = self.forward(x)
        return -float(np.mean(np.sum(y * np.log(p) + (1 - y) * np.log(1 - p), axis=1)))

    def delta(self, x: Array, y: Array) -> Array:
        p = self.forward(x)
        return np.asarray(self.sign * (y / p + (1 - y) / (1 - p)) * p * (1 - p) / len(x))


@pytest.mark.parametrize(("sign", "told"), [(1.0, "Yours is (J |"), (-1.0, "Yours is (-J |")])
def test_an_error_of_one_sign_is_told_with_it(sign: float, told: str) -> None:
    make = type("Net", (_Binary,), {"sign": sign})
    [verdict] = examine(network(make, step=None), only="gradient").failures
    assert verdict.cause == "error-without-sign"
    assert told in verdict.message


def test_an_error_of_both_signs_is_right() -> None:
    class Net(_Binary):
        def delta(self, x: Array, y: Array) -> Array:
            return np.asarray((self.forward(x) - y) / len(x))

    assert not examine(network(Net, step=None), only="gradient").failures
