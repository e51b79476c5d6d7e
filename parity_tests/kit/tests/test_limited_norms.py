"""Networks that shorten their weights behind a step."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from parity_tests.kit.check import examine
from parity_tests.kit.spec import Spec
from parity_tests.kit.tests.learners import HALF, Learner, updating, without_derivative
from parity_tests.kit.tests.update_rules import (
    Array,
    State,
    Step,
    Update,
    adam,
    each,
    momentum,
    sgd,
)
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, UNCHECKED

Change = Callable[[Array], Array]


def behind(update: Update, change: Change) -> Step:
    """A step whose matrices are changed behind it."""

    def step(state: State, params: list[Array], grads: list[Array]) -> None:
        each(update)(state, params, grads)
        for p in params[::2]:
            p *= change(p)

    return step


def limited(norm: float, axis: int | None = 0) -> Change:
    return lambda p: np.minimum(1, norm / np.linalg.norm(p, axis=axis, keepdims=True))


def clipped(p: Array) -> Array:
    with np.errstate(all="ignore"):
        return np.minimum(1, 0.3 / np.abs(p))


def divided(p: Array) -> Array:
    return 1 / np.linalg.norm(p, axis=0, keepdims=True)


_SHORTENED = [("gradient", EQUAL, None), ("optimizer", CONVENTION, "norm-limited")]
_NOT_KNOWN = [("gradient", UNCHECKED, None), ("optimizer", UNCHECKED, None)]


@pytest.mark.parametrize(
    ("update", "change", "handed", "told"),
    [
        (sgd, limited(0.5), None, _SHORTENED),
        (sgd, limited(0.5), "gradients", _SHORTENED),
        (momentum, limited(0.5, 1), None, _SHORTENED),
        # Some of each matrix taken away looks like a penalty.
        (sgd, limited(0.5, None), None, _SHORTENED),
        (sgd, clipped, None, _SHORTENED),
        (momentum, clipped, "gradients", _SHORTENED),
        # By a step that is as long for small gradients all are at the limit.
        (adam, limited(0.5), None, _NOT_KNOWN),
        (sgd, divided, None, _NOT_KNOWN),
    ],
)
def test_a_limit_on_norms_is_no_fault_of_the_gradient(
    update: Update, change: Change, handed: str | None, told: list[tuple[str, str, str | None]]
) -> None:
    network = updating(behind(update, change), Learner.gradients)
    network = replace(network, gradients=handed, spec=Spec(**HALF))
    verdicts = examine(network, only=("gradient", "optimizer")).verdicts
    assert [(v.aspect, v.status, v.cause) for v in verdicts] == told


def test_a_faulty_gradient_shows_by_weights_below_the_limit() -> None:
    network = updating(behind(sgd, limited(0.5)), without_derivative)
    network = replace(network, spec=Spec(**HALF))
    verdicts = examine(network, only="gradient").verdicts
    assert [(v.status, v.cause) for v in verdicts] == [(DIFFERS, "activation-derivative-missing")]


def test_equal_vectors_show_no_limit() -> None:
    def step(state: State, params: list[Array], grads: list[Array]) -> None:
        each(sgd)(state, params, grads)
        params[0][:] = params[0].mean(axis=1, keepdims=True)

    verdicts = examine(updating(step, Learner.gradients), only="gradient").verdicts
    assert DIFFERS in [verdict.status for verdict in verdicts]
