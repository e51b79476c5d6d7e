"""What an error is carried back through, if that is not the matrix: a constant, or one unit's."""

from collections.abc import Callable

import numpy as np
import pytest

from parity_tests.kit.check import examine
from parity_tests.kit.network import Network
from parity_tests.kit.tests.asked import Array, Classifier, network, sigmoid
from parity_tests.kit.verdicts import Verdict

Carry = Callable[[Array, Array], Array]


def _network(carry: Carry, sizes: tuple[int, ...]) -> Network:
    """Return sigmoid and half the squares, with something for the product with the last matrix.

    Parameters
    ----------
    carry : callable
        ``f(d, w)``, what meets the derivative of the hidden layer, for w (units, outputs).
    """

    class Net(Classifier):
        activation = staticmethod(sigmoid)
        last = staticmethod(sigmoid)

        def loss(self, x: Array, y: Array) -> float:
            return float(((self.forward(x) - y) ** 2).sum(axis=1).mean() / 2)

        def gradients(self, x: Array, y: Array) -> list[Array]:
            p = self.forward(x)
            d2 = (p - y) * p * (1 - p) / len(x)
            d1 = carry(d2, self.w[1]) * self.a[1] * (1 - self.a[1])
            products = (self.a[0].T @ d1, self.a[1].T @ d2)
            return [*products, *(d.sum(axis=0, keepdims=True) for d in (d1, d2))]

    Net.sizes = sizes
    return network(Net, step=None, labels="targets" if sizes[-1] == 1 else "one_hot")


def _failures(carry: Carry, sizes: tuple[int, ...]) -> list[Verdict]:
    return examine(_network(carry, sizes), only="gradient").failures


@pytest.mark.parametrize("sizes", [(2, 2, 1), (12, 9, 1), (12, 9, 10)])
def test_one_units_weights_for_all_units_are_named(sizes: tuple[int, ...]) -> None:
    [verdict] = _failures(lambda d, w: d @ np.repeat(w[[1]], len(w), axis=0).T, sizes)
    assert (verdict.tensor, verdict.cause) == ("W1", "weight-of-one-unit")
    assert verdict.factor is None


@pytest.mark.parametrize("sizes", [(2, 2, 1), (12, 9, 1)])
def test_a_constant_in_the_place_of_a_matrix_is_not_called_a_missing_one(
    sizes: tuple[int, ...],
) -> None:
    failures = _failures(lambda d, w: d @ np.full_like(w, 0.37).T, sizes)
    assert failures
    assert {verdict.cause for verdict in failures} == {None}


@pytest.mark.parametrize("times", [1.0, 2.0])
def test_a_missing_matrix_of_one_output_is_named(times: float) -> None:
    first, *_ = _failures(lambda d, w: times * d @ np.ones_like(w).T, (12, 9, 1))
    assert (first.tensor, first.cause) == ("W1", "weight-missing")


@pytest.mark.parametrize("sizes", [(2, 2, 1), (12, 9, 1), (12, 9, 10)])
def test_errors_that_are_carried_back_rightly_are_right(sizes: tuple[int, ...]) -> None:
    assert not _failures(lambda d, w: d @ w.T, sizes)
