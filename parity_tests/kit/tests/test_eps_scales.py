"""The factor of a gradient that adaptive steps show by eps alone."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from parity_tests.kit.check import examine
from parity_tests.kit.tests.learners import Learner
from parity_tests.kit.tests.test_first_steps import BOTH, alone
from parity_tests.kit.tests.test_steps import found
from parity_tests.kit.tests.update_rules import State, adam, each, rmsprop
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL

Array = NDArray[Any]


def summed_times(number: float) -> Any:
    """Return the gradient, that often, of the sum where the loss is a mean."""

    def gradients(net: Learner, x: Array, y: Array) -> list[Array]:
        return [number * len(x) * g for g in net.gradients(x, y)]

    return gradients


def adam_uncorrected(s: State, p: Array, g: Array, lr: float) -> None:
    s.m = 0.9 * s.m + 0.1 * g
    s.v = 0.999 * s.v + 0.001 * g**2
    p -= lr * s.m / (np.sqrt(s.v) + 1e-8)


@pytest.mark.parametrize(
    ("update", "kind"), [(adam, "adam"), (rmsprop, "rmsprop"), (adam, None), (rmsprop, None)]
)
@pytest.mark.parametrize("number", [10.0, 0.25])
def test_adaptive_steps_of_a_multiple_are_right_and_the_multiple_is_told(
    update: Any, kind: str | None, number: float
) -> None:
    network = alone(each(update), kind, summed_times(number))
    assert found(network, *BOTH) == [(DIFFERS, "factor-batch"), (EQUAL, None)]
    [factor] = [v.factor for v in examine(network).verdicts if v.cause == "factor-batch"]
    assert factor == pytest.approx(7 * number, rel=1e-9)


def test_fault_of_the_optimizer_is_named_beside_the_factor() -> None:
    network = alone(each(adam_uncorrected), "adam", summed_times(10.0))
    assert found(network, *BOTH) == [
        (DIFFERS, "factor-batch"),
        (DIFFERS, "adam-no-bias-correction"),
    ]


def test_factor_of_all_batches_may_be_another_eps() -> None:
    def doubled(net: Learner, x: Array, y: Array) -> list[Array]:
        return [2 * g for g in net.gradients(x, y)]

    network = alone(each(adam), "adam", doubled)
    assert found(network, *BOTH) == [(EQUAL, None), (CONVENTION, None)]
    [verdict] = examine(network, only="optimizer").verdicts
    assert "2 x the gradient with an eps of 1e-08" in verdict.message
