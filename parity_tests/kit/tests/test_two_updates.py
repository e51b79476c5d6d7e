"""Matrices that are updated once before errors are carried back through them, and once more."""

import pytest

from parity_tests.kit.check import examine
from parity_tests.kit.network import Network
from parity_tests.kit.tests.learners import Learner
from parity_tests.kit.tests.update_rules import Array
from parity_tests.kit.verdicts import CONVENTION, DIFFERS


class _Twice(Learner):
    """The first update of the last matrix is behind the backward pass, or before it."""

    is_early = True

    def __init__(self, decay: float, scale: float) -> None:
        super().__init__()
        self.decay, self.scale = decay, scale

    def loss(self, x: Array, y: Array) -> float:
        return float(0.5 * ((self.forward(x) - y) ** 2).sum() / len(x))

    def step(self, x: Array, y: Array, lr: float) -> None:
        p = self.forward(x)
        d2 = self.scale * (p - y) * p * (1 - p) / len(x)
        g2 = self.a.T @ d2
        if self.is_early:
            self.w2 -= lr * g2
        d1 = d2 @ self.w2.T * self.a * (1 - self.a)
        if self.is_early:
            self.w2 -= lr * (g2 + self.decay * self.w2)
        else:
            self.w2 -= lr * (g2 + self.decay * self.w2)
            self.w2 -= lr * g2
        self.b2 -= lr * d2.sum(axis=0)
        self.w1 -= lr * (x.T @ d1 + self.decay * self.w1)
        self.b1 -= lr * d1.sum(axis=0)


class _TwiceBehind(_Twice):
    is_early = False


def _told(
    make: type[_Twice], decay: float, scale: float
) -> list[tuple[str | None, str | None, float | None]]:
    network = Network(
        lambda: make(decay, scale), "w1 b1 w2 b2", "forward", loss="loss", step="step"
    )
    verdicts = examine(network, only="gradient").verdicts
    return [(v.tensor, v.cause, v.factor) for v in verdicts if v.status == DIFFERS]


@pytest.mark.parametrize("decay", [0.0, 0.01, 0.3])
def test_a_matrix_is_twice_what_is_expected_and_nothing_else_has_a_factor(decay: float) -> None:
    early, factor = _told(_Twice, decay, 1.0)
    assert early == ("W1", "update-order", None)
    assert factor == ("W2", "factor-two", pytest.approx(2.0))


def test_a_factor_of_all_is_told_besides() -> None:
    early, *factors = _told(_Twice, 0.01, 3.0)
    assert early == ("W1", "update-order", None)
    assert {name: factor for name, _, factor in factors} == {
        "W2": pytest.approx(6.0),
        "b2": pytest.approx(3.0),
    }


def test_two_updates_behind_the_backward_pass_are_in_order() -> None:
    [own] = _told(_TwiceBehind, 0.01, 1.0)
    assert (own[0], own[2]) == ("W2", pytest.approx(2.0, rel=0.01))


def test_what_is_between_both_updates_is_said() -> None:
    network = Network(lambda: _Twice(0.01, 1.0), "w1 b1 w2 b2", "forward", loss="loss", step="step")
    verdicts = examine(network, only="gradient").verdicts
    told = " ".join(v.message for v in verdicts if v.status == DIFFERS)
    assert "W2 after the first of two updates" in told
    assert [v.cause for v in verdicts if v.status == CONVENTION] == ["weight-decay"]
