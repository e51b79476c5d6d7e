"""Factors that some tensors have, where a first step has one of its own for all of them."""

from collections.abc import Callable
from typing import Any

import pytest
from numpy.typing import NDArray

from parity_tests.kit.check import examine
from parity_tests.kit.tests.learners import Learner
from parity_tests.kit.tests.test_steps import Gradients, beside, stepping
from parity_tests.kit.tests.update_rules import State, Step, each, momentum, nesterov
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, Verdict

Array = NDArray[Any]
_BOTH = ("gradient", "optimizer")


def warm_up(s: State, p: Array, g: Array, lr: float) -> None:
    p -= lr * min(1.0, s.t / 5) * g


def fall(s: State, p: Array, g: Array, lr: float) -> None:
    p -= lr * 0.95**s.t * g


def average(s: State, p: Array, g: Array, lr: float) -> None:
    s.m = 0.9 * s.m + 0.1 * g
    p -= lr * s.m


def with_factor(factor: Callable[[int], float], *which: int) -> Gradients:
    """Return gradients of which some have a factor that goes by the number of samples."""

    def gradients(net: Learner, x: Array, y: Array) -> list[Array]:
        own = net.gradients(x, y)
        return [factor(len(x)) * g if k in which else g for k, g in enumerate(own)]

    return gradients


def asked(step: Step, gradients: Gradients) -> list[Verdict]:
    return examine(beside(stepping(step, gradients), None), only=_BOTH).verdicts


@pytest.mark.parametrize("rule", [warm_up, fall, nesterov, average])
def test_a_tensor_that_is_not_divided_beside_a_rule_with_a_share(rule: Any) -> None:
    of_gradient, of_steps = asked(each(rule), with_factor(float, 2))
    assert (of_gradient.status, of_gradient.cause) == (DIFFERS, "factor-batch")
    assert (of_gradient.tensor, of_gradient.factor) == ("W2", pytest.approx(7))
    assert "W1" not in of_gradient.message
    assert "b" not in of_gradient.message.partition(":")[0]
    assert of_steps.status in (EQUAL, CONVENTION)
    # Without the factor nothing is left of the gradient.
    right, _ = asked(each(rule), Learner.gradients)
    assert right.status == EQUAL


@pytest.mark.parametrize("rule", [warm_up, nesterov])
def test_sums_of_biases_and_a_number_of_a_matrix_beside_a_share(rule: Any) -> None:
    verdict, _ = asked(each(rule), with_factor(float, 1, 3))
    assert (verdict.cause, verdict.factor) == ("bias-scaled", pytest.approx(7))
    verdict, _ = asked(each(rule), with_factor(lambda _: 1.3, 2))
    assert (verdict.cause, verdict.tensor) == ("factor-constant", "W2")
    assert verdict.factor == pytest.approx(1.3)


def test_no_step_tells_which_half_of_the_tensors_has_the_share() -> None:
    [verdict, _] = asked(each(warm_up), with_factor(lambda _: 0.1, 0, 2))
    assert verdict.status == DIFFERS
    assert "No step tells whether a first one takes 0.02 or 0.2 x" in verdict.message
    # What a momentum shows besides tells it.
    [verdict, _] = asked(each(nesterov), with_factor(lambda _: 0.1, 0, 2))
    assert verdict.factor == pytest.approx(0.1)
    assert "No step tells" not in verdict.message


def test_a_rule_without_a_share_leaves_factors_as_they_are() -> None:
    verdict, _ = asked(each(momentum), with_factor(float, 2))
    assert (verdict.tensor, verdict.factor) == ("W2", pytest.approx(7))


@pytest.mark.parametrize("rule", [warm_up, nesterov, momentum])
def test_a_factor_of_a_tensor_in_steps_beside_right_gradients(rule: Any) -> None:
    step = stepping(each(rule), with_factor(float, 2))
    of_gradient, *of_steps = examine(beside(step), only=_BOTH).verdicts
    assert of_gradient.status == EQUAL
    [verdict] = [own for own in of_steps if own.status == DIFFERS]
    assert (verdict.tensor, verdict.factor) == ("W2", pytest.approx(7))
    assert verdict.message.startswith("in the step, not in the gradients beside it: yours = 7 x")
