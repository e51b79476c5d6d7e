"""A factor of the gradient beside momentum, which may be a sum or a moving average."""
# ruff: noqa: D102

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from parity_tests.kit.aspects.first_steps.shares import by_what_is_kept
from parity_tests.kit.aspects.optimizer.handed_shares import ONCE
from parity_tests.kit.check import examine
from parity_tests.kit.network import Network
from parity_tests.kit.scales import Scale
from parity_tests.kit.spec import Spec
from parity_tests.kit.tests.asked import Classifier, network, softmax
from parity_tests.kit.tests.learners import HALF, learner
from parity_tests.kit.tests.update_rules import each, sgd
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL

Array = NDArray[Any]


class Averaging(Classifier):
    """The gradient of the sum goes into a moving average; ten outputs make up for that."""

    momentum = 0.9

    def __init__(self) -> None:
        super().__init__()
        self.v = [np.zeros_like(p) for p in self.w + self.b]

    def step(self, x: Array, y: Array, lr: float) -> None:
        for p, v, g in zip(self.w + self.b, self.v, self.gradients(x, y), strict=True):
            v *= self.momentum
            v += self.added(len(x)) * g
            p -= lr * v

    def added(self, samples: int) -> float:
        return 0.1 * 10 * samples


class Adding(Averaging):
    """Half the gradient of the mean over ten outputs goes into a sum, or that of the mean."""

    momentum = 0.5
    share = 5.0

    def added(self, samples: int) -> float:  # noqa: ARG002
        return self.share


def alone(make: Any) -> Network:
    return network(make, gradients=None)


@pytest.mark.parametrize(
    ("make", "cause", "accounts"),
    [
        (
            Averaging,
            "factor-batch",
            ("7 x the gradient expected: batch size, if", "70 x: batch size x 10 (outputs)"),
        ),
        (
            Adding,
            "factor-classes",
            ("5 x the gradient expected: 10 (outputs) x 1/2, if", "10 x: 10 (outputs), if"),
        ),
    ],
)
def test_factor_that_a_moving_average_may_hide_is_told_both_ways(
    make: type[Averaging], cause: str, accounts: tuple[str, str]
) -> None:
    told = examine(alone(make), only=("gradient", "optimizer")).verdicts
    assert [(v.status, v.cause) for v in told] == [(DIFFERS, cause), (EQUAL, None)]
    assert all(account in told[0].message for account in accounts)


def test_half_a_gradient_may_be_the_share_of_an_average() -> None:
    half = type("Half", (Adding,), {"share": 0.5})
    told = examine(alone(half), only=("gradient", "optimizer")).verdicts
    assert [(v.status, v.cause) for v in told] == [(EQUAL, None), (CONVENTION, "momentum-average")]
    assert "a sum of gradients that are 0.5 x those expected (1/2)" in told[1].message


def test_factor_of_one_meaning_is_told_alone() -> None:
    narrow = type("Narrow", (Averaging,), {"sizes": (12, 9, 8, 6)})
    told = examine(alone(narrow), only="gradient").verdicts
    assert [(v.cause, v.factor) for v in told] == [("factor-batch", pytest.approx(7))]
    assert "moving average" not in told[0].message


class Ahead(Classifier):
    """Nesterov's steps, by the gradient of a softmax whose output is not divided by the sum."""

    sizes = (5, 3)
    momentum = 0.9

    def __init__(self) -> None:
        super().__init__()
        self.v = [np.zeros_like(p) for p in self.w + self.b]

    @staticmethod
    def last(z: Array) -> Array:
        return np.asarray(np.exp(z - z.max(axis=1, keepdims=True)))

    def delta(self, x: Array, y: Array) -> Array:
        self.forward(x)
        return (softmax(x @ self.w[0] + self.b[0]) - y) / len(x)

    def step(self, x: Array, y: Array, lr: float) -> None:
        for p, v, g in zip(self.w + self.b, self.v, self.gradients(x, y), strict=True):
            v *= self.momentum
            v += g
            p -= lr * (g + self.momentum * v)


def test_the_first_step_of_nesterov_is_no_factor_beside_a_gradient_that_is_not_known() -> None:
    [verdict] = examine(network(Ahead), only="optimizer").verdicts
    assert verdict.status == EQUAL
    assert "Nesterov's momentum of 0.9, whatever the gradient is" in verdict.message


def test_a_share_is_that_of_what_is_kept_where_that_leaves_no_number() -> None:
    inquiry = learner(each(sgd), Spec(**HALF))
    assert by_what_is_kept(inquiry, Scale(1.9, 0), ONCE) == Scale(1.9, 0)
    inquiry.possible_shares = (1.9, 0.19)
    assert by_what_is_kept(inquiry, Scale(1.9, 0), ONCE) == ONCE
    twice = by_what_is_kept(inquiry, Scale(3.8, 0), ONCE)
    assert twice.constant == pytest.approx(2)
