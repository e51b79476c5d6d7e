"""Biases that are right but for a penalty of their own, beside matrices that are not known."""

import numpy as np
import pytest

from parity_tests.kit.candidates.decayed import beside_decay
from parity_tests.kit.check import examine
from parity_tests.kit.network import Network
from parity_tests.kit.tests.learners import Learner
from parity_tests.kit.tests.update_rules import Array
from parity_tests.kit.verdicts import CONVENTION, DIFFERS


class _Squared(Learner):
    """What is added to a matrix is the square of it, and to a bias a share of that itself."""

    widths = (9, 8)

    def __init__(self) -> None:
        rng = np.random.default_rng()
        hidden, outputs = self.widths
        self.w1, self.b1 = rng.standard_normal((6, hidden)), np.zeros(hidden)
        self.w2, self.b2 = rng.standard_normal((hidden, outputs)), np.zeros(outputs)

    def loss(self, x: Array, y: Array) -> float:
        return float(0.5 * ((self.forward(x) - y) ** 2).sum() / len(x))

    def of_bias(self, right: Array, bias: Array) -> Array:
        return right + 0.01 * bias

    def gradients(self, x: Array, y: Array) -> list[Array]:
        w1, b1, w2, b2 = super().gradients(x, y)
        b1, b2 = self.of_bias(b1, self.b1), self.of_bias(b2, self.b2)
        return [w1 + 0.01 * self.w1**2, b1, w2 + 0.01 * self.w2**2, b2]


class _SquaredBias(_Squared):
    def of_bias(self, right: Array, bias: Array) -> Array:
        return right + 0.01 * bias**2


def _told(make: type[_Squared]) -> tuple[list[str], list[str]]:
    network = Network(make, "w1 b1 w2 b2", "forward", gradients="gradients", loss="loss")
    verdicts = examine(network, only="gradient").verdicts
    differs = [v.message.partition(":")[0] for v in verdicts if v.status == DIFFERS]
    return differs, [v.message for v in verdicts if v.status == CONVENTION]


def test_biases_are_not_listed_with_what_is_not_known() -> None:
    differs, conventions = _told(_Squared)
    assert differs == ["W2, likewise on W1"]
    [beside] = conventions
    assert "0.01 x b1, 0.01 x b2 added" in beside


def test_biases_that_have_something_else_added_are_listed() -> None:
    differs, conventions = _told(_SquaredBias)
    assert differs == ["W2, likewise on b2 and W1 and b1"]
    assert not conventions


@pytest.mark.parametrize(("entries", "is_told"), [(8, True), (6, True), (5, False)])
def test_a_factor_and_a_share_are_told_of_enough_entries(entries: int, is_told: bool) -> None:
    bias, total = np.random.default_rng(0).standard_normal((2, entries))
    found = beside_decay(3 * total + 0.2 * bias, bias, total, 1e-9)
    assert (found is not None) == is_told
    if found is not None:
        assert found[0] == pytest.approx(3)
        assert found[1]["squares"] == pytest.approx(0.2)


def test_what_has_nothing_added_has_no_share() -> None:
    bias, total = np.random.default_rng(0).standard_normal((2, 8))
    assert beside_decay(3 * total, bias, total, 1e-9) is None
    assert beside_decay(total * bias, bias, total, 1e-9) is None
