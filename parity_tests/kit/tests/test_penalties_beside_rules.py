"""Penalties whose share is seen in first steps that are no single multiple of the gradient."""

from typing import Any

import pytest
from numpy.typing import NDArray

from parity_tests.kit.check import examine
from parity_tests.kit.network import Network
from parity_tests.kit.spec import Spec
from parity_tests.kit.tests.learners import HALF, Learner
from parity_tests.kit.tests.test_factors_beside_rules import average, fall
from parity_tests.kit.tests.test_steps import beside, loss, params, stepping
from parity_tests.kit.tests.update_rules import State, each, momentum, nesterov
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, UNCHECKED, Verdict

Array = NDArray[Any]
_DECAY = 0.01


def decayed(net: Learner, x: Array, y: Array) -> list[Array]:
    pairs = zip(net.gradients(x, y), params(net), strict=True)
    return [g + _DECAY * p * (p.ndim == 2) for g, p in pairs]


def with_penalty(coefficient: float) -> Any:
    def value(net: Learner, x: Array, y: Array) -> float:
        squares = sum(float((p**2).sum()) for p in params(net) if p.ndim == 2)
        return loss(net, x, y) + coefficient / 2 * squares

    return value


def of_penalty(network: Network) -> list[Verdict]:
    """Return what is said besides that all is equal, or that steps are of a rule with a share."""
    verdicts = examine(network, only=("gradient", "optimizer")).verdicts
    assert all(verdict.status != UNCHECKED for verdict in verdicts)
    return [v for v in verdicts if v.status != EQUAL and v.cause not in (None, "momentum-average")]


@pytest.mark.parametrize("rule", [nesterov, average, fall])
def test_the_share_of_a_first_step_is_no_part_of_the_penalty(rule: Any) -> None:
    step = stepping(each(rule), decayed)
    for handed in (None, "gradients"):
        [verdict] = of_penalty(beside(step, handed))
        assert (verdict.status, verdict.cause) == (CONVENTION, "weight-decay")
        assert "0.01 x the matrix itself added: a penalty of 0.005 x" in verdict.message
    # What is handed out has it: then the step adds nothing.
    [verdict] = of_penalty(beside(step, decayed))
    assert verdict.aspect == "gradient"


@pytest.mark.parametrize("rule", [nesterov, average])
def test_a_penalty_as_it_is_declared_or_reported_beside_a_share(rule: Any) -> None:
    step = stepping(each(rule), decayed)
    declared = Spec(**HALF, weight_decay=_DECAY)
    assert not of_penalty(beside(step, None, loss=None, spec=declared))
    assert not of_penalty(beside(step, None, loss=with_penalty(_DECAY)))
    of_two = [
        *of_penalty(beside(step, None, loss=None, spec=Spec(**HALF, weight_decay=2 * _DECAY))),
        *of_penalty(beside(step, None, loss=with_penalty(2 * _DECAY))),
    ]
    assert [(v.status, v.cause) for v in of_two] == [(DIFFERS, "weight-decay")] * 2
    assert [v.factor for v in of_two] == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize("rule", [nesterov, average, momentum])
def test_what_is_beside_a_velocity_has_no_share_of_it(rule: Any) -> None:
    def shrinking(s: State, p: Array, g: Array, lr: float) -> None:
        taken = lr * _DECAY * p
        rule(s, p, g, lr)
        p -= taken

    of_gradient, of_steps = of_penalty(beside(stepping(each(shrinking)), None))
    assert (of_gradient.status, of_gradient.cause) == (CONVENTION, "weight-decay")
    assert "0.01 x the parameter itself added" in of_gradient.message
    assert (of_steps.status, of_steps.cause) == (CONVENTION, "decay-decoupled")
