"""What a first step has of a rule, or of a rate that changes, is no factor of the gradient."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from parity_tests.kit.check import examine
from parity_tests.kit.network import Network
from parity_tests.kit.spec import Spec
from parity_tests.kit.tests.faulty_rules import accumulated
from parity_tests.kit.tests.learners import HALF, Learner
from parity_tests.kit.tests.test_steps import Gradients, beside, found, params, stepping
from parity_tests.kit.tests.update_rules import State, Step, each, momentum, nesterov, sgd
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL

Array = NDArray[Any]
_BOTH = ("gradient", "optimizer")
_HALF = Spec(**HALF)


def _at_rate(rate: Callable[[int], float]) -> Step:
    def update(s: State, p: Array, g: Array, lr: float) -> None:
        p -= lr * rate(s.t) * g

    return each(update)


def _alone(step: Step, gradients: Gradients = Learner.gradients, spec: Spec = _HALF) -> Network:
    return replace(beside(stepping(step, gradients), None, loss=None), spec=spec)


def _of_matrices(one: Any, other: Any) -> Step:
    def update(s: State, p: Array, g: Array, lr: float) -> None:
        (one if s.matrix else other)(s, p, g, lr)

    return each(update)


@pytest.mark.parametrize(
    "rate",
    [
        lambda t: 0.95**t,
        lambda t: 1 / (1 + 0.1 * t),
        lambda t: min(1.0, t / 10),
        lambda t: 1 / np.sqrt(t + 1),
        lambda t: t**-2.0,
    ],
)
def test_a_rate_that_changes_is_no_factor_of_the_gradient(rate: Callable[[int], float]) -> None:
    network = _alone(_at_rate(rate))
    report = examine(network, only=(*_BOTH, "side effects"))
    assert [v.status for v in report.verdicts] == [EQUAL, CONVENTION, EQUAL]
    handed = replace(network, gradients="gradients")
    assert [status for status, _ in found(handed, *_BOTH)] == [EQUAL, CONVENTION]


def test_what_else_the_gradient_has_is_told_beside_a_rate_that_changes() -> None:
    def summed(net: Learner, x: Array, y: Array) -> list[Array]:
        return [g * len(x) for g in net.gradients(x, y)]

    for rate in (lambda t: 0.95**t, lambda t: t / 10):
        verdicts = found(_alone(_at_rate(rate), summed), *_BOTH)
        assert verdicts[0] == (DIFFERS, "factor-batch")
        assert verdicts[1][0] == CONVENTION
    halved = _at_rate(lambda _: 0.5)
    assert found(_alone(halved), *_BOTH) == [(DIFFERS, "factor-two"), (EQUAL, None)]


@pytest.mark.parametrize("kind", ["momentum", None])
def test_rules_that_begin_with_other_steps(kind: str | None) -> None:
    spec = replace(_HALF, optimizer=kind)
    apart = _of_matrices(nesterov, momentum)
    assert found(_alone(apart, spec=spec), *_BOTH) == [(EQUAL, None), (DIFFERS, "rules-apart")]
    # A factor of the gradient is told where the rule is the same.
    scaled = _alone(each(momentum), _of_weights(1.9), spec)
    assert [cause for _, cause in found(scaled, *_BOTH)] == ["factor-constant", None]


def _of_weights(factor: float) -> Gradients:
    def gradients(net: Learner, x: Array, y: Array) -> list[Array]:
        w1, b1, w2, b2 = net.gradients(x, y)
        return [factor * w1, b1, factor * w2, b2]

    return gradients


def test_nesterov_is_not_the_momentum_that_is_declared() -> None:
    spec = replace(_HALF, optimizer="momentum")
    network = _alone(each(nesterov), spec=spec)
    assert found(network, *_BOTH) == [(EQUAL, None), (DIFFERS, "another-optimizer")]
    assert found(_alone(each(sgd), spec=_HALF), *_BOTH) == [(EQUAL, None), (EQUAL, None)]


def _clipped(limit: float, whole: bool) -> Gradients:
    def gradients(net: Learner, x: Array, y: Array) -> list[Array]:
        own = net.gradients(x, y)
        norms = [np.linalg.norm(g) for g in own]
        norms = [np.linalg.norm(norms)] * len(own) if whole else norms
        return [g * min(1.0, limit / norm) for g, norm in zip(own, norms, strict=True)]

    return gradients


@pytest.mark.parametrize("whole", [True, False])
def test_a_norm_that_is_clipped_is_told(whole: bool) -> None:
    clipped = _clipped(1e-3, whole)
    alone = _alone(each(sgd), clipped)
    assert found(alone, *_BOTH) == [(CONVENTION, "step-clipped"), (EQUAL, None)]
    handed = replace(alone, step=None, gradients=clipped)
    [verdict] = examine(handed, only="gradient").verdicts
    assert (verdict.status, verdict.cause) == (DIFFERS, "gradient-clipped")
    assert ("together" in verdict.message) == whole
    # A limit that is kept takes nothing away.
    assert found(replace(handed, gradients=_clipped(1e3, whole)), "gradient") == [(EQUAL, None)]


def test_one_number_at_a_rate_that_grows_is_no_sum_of_gradients() -> None:
    def step(net: Learner, _: Array, __: Array, lr: float) -> None:
        net.state.t = getattr(net.state, "t", 0) + 1
        for array in params(net):
            array -= lr * min(1.0, net.state.t / 10)

    report = examine(beside(step, None), only=("gradient", "optimizer"))
    assert [v.aspect for v in report.failures] == ["gradient"]
    report = examine(beside(stepping(each(accumulated)), None), only="optimizer")
    assert [v.cause for v in report.failures] == ["step-of-accumulated"]
