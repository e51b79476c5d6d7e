"""Parameters that are not stepped as all others are."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from parity_tests.kit.check import examine
from parity_tests.kit.optimizers.rules import examine_rule
from parity_tests.kit.spec import Spec
from parity_tests.kit.tests.faulty_rules import (
    corrected_by_usual_betas,
    first_by_beta2,
    first_summed,
)
from parity_tests.kit.tests.learners import HALF, Learner, updating, without_derivative
from parity_tests.kit.tests.test_steps import beside, found, params, stepping
from parity_tests.kit.tests.update_rules import (
    State,
    Step,
    Update,
    adam,
    each,
    momentum,
    rmsprop,
    rule,
    sgd,
)
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, UNCHECKED

Array = NDArray[Any]


def _of_some(one: Update, other: Update, *, first: bool) -> Step:
    """Step the first parameter, or all matrices, by one rule, and the rest by another."""

    def step(state: State, params: list[Array], grads: list[Array]) -> None:
        def update(own: State, p: Array, g: Array, lr: float) -> None:
            is_one = p is params[0] if first else own.matrix
            (one if is_one else other)(own, p, g, lr)

        each(update)(state, params, grads)

    return step


def _without_memory(s: State, p: Array, g: Array, lr: float) -> None:
    """What is kept is the mean of the velocity, and not the velocity."""
    s.v = 0.9 * np.mean(s.v) + g
    p -= lr * s.v


@pytest.mark.parametrize(("first", "kind"), [(True, "adam"), (False, None)])
def test_the_fault_of_some_parameters_is_named(first: bool, kind: str | None) -> None:
    step = _of_some(first_summed, adam, first=first)
    [verdict] = examine_rule(rule(step, kind), 0)
    assert (verdict.status, verdict.cause) == (DIFFERS, "first-moment-summed")
    assert verdict.tensor == "parameter 1"
    assert "all others are stepped by adam" in verdict.message
    verdicts = [(EQUAL, None), (DIFFERS, "first-moment-summed")]
    assert found(beside(stepping(step)), "gradient", "optimizer") == verdicts


def _of_one(one: Update, other: Update, number: int) -> Step:
    def step(state: State, params: list[Array], grads: list[Array]) -> None:
        def update(own: State, p: Array, g: Array, lr: float) -> None:
            (one if p is params[number] else other)(own, p, g, lr)

        each(update)(state, params, grads)

    return step


@pytest.mark.parametrize("entries", [1, 3])
def test_a_fault_of_few_entries_is_named_by_the_formula_of_all_others(entries: int) -> None:
    step = rule(_of_one(first_by_beta2, adam, 3), "adam")
    [verdict] = examine_rule(step, 0, [(5, 4), (4,), (4, 6), (entries,)])
    assert (verdict.status, verdict.cause) == (DIFFERS, "first-moment-by-beta2")
    assert verdict.tensor == "parameter 4"


def _eps_uncorrected(s: State, p: Array, g: Array, lr: float, share: float = 0.001) -> None:
    s.m, s.v = 0.9 * s.m + 0.1 * g, 0.999 * s.v + share * g**2
    rate = lr * np.sqrt(1 - 0.999**s.t) / (1 - 0.9**s.t)
    p -= rate * s.m / (np.sqrt(s.v) + 1e-8)


def _squares_by_beta1(s: State, p: Array, g: Array, lr: float) -> None:
    _eps_uncorrected(s, p, g, lr, 0.1)


def test_steps_alone_name_a_fault_of_some_beside_a_convention_of_all() -> None:
    step = _of_some(_squares_by_beta1, _eps_uncorrected, first=False)
    network = replace(updating(step, Learner.gradients), spec=Spec(**HALF, optimizer="adam"))
    verdicts = examine(network, only=("gradient", "optimizer")).verdicts
    assert [(v.status, v.cause) for v in verdicts] == [
        (EQUAL, None),
        (DIFFERS, "squares-by-beta1"),
    ]
    assert verdicts[1].message.startswith("the second moment takes the squares in by 1 - beta1: W1")
    right = replace(updating(each(_eps_uncorrected), Learner.gradients), spec=network.spec)
    assert not examine(right, only=("gradient", "optimizer")).failures


def test_a_fault_of_biases_beside_another_beta_is_named() -> None:
    step = _of_some(adam, corrected_by_usual_betas, first=False)
    [verdict] = examine_rule(rule(step, None), 0)
    assert (verdict.status, verdict.cause) == (DIFFERS, "adam-correction-of-other-betas")
    assert verdict.tensor == "parameter 2"


def test_parameters_of_no_formula_are_told_where_others_of_their_kind_have_one() -> None:
    step = _of_some(_without_memory, momentum, first=True)
    [verdict] = examine_rule(rule(step, None), 0)
    assert (verdict.status, verdict.cause, verdict.tensor) == (DIFFERS, None, "parameter 1")
    assert "parameter 1: stepped by no formula that is known" in verdict.message
    # An optimizer that is not known may step all matrices otherwise.
    step = _of_some(_without_memory, momentum, first=False)
    [verdict] = examine_rule(rule(step, None), 0)
    assert verdict.status == UNCHECKED
    # One that is declared does not, in parameters of a few entries either.
    step = _of_some(momentum, _without_memory, first=False)
    [verdict] = examine_rule(rule(step, "momentum"), 0)
    assert (verdict.status, verdict.tensor) == (DIFFERS, "parameter 2")
    assert "parameter 2, parameter 4: stepped by no formula" in verdict.message


def _twice(s: State, p: Array, g: Array, lr: float) -> None:
    rmsprop(s, p, g, 2 * lr)


def test_a_rate_of_some_parameters_alone_is_told_of_few_entries() -> None:
    class Small(Learner):
        def __init__(self) -> None:
            super().__init__()
            self.w2, self.b2 = self.w2[:, :2], np.zeros(2)

    step = stepping(_of_some(rmsprop, _twice, first=False))
    network = replace(beside(step), make=Small)
    [verdict] = examine(network, only="optimizer").verdicts
    assert (verdict.status, verdict.cause, verdict.tensor) == (DIFFERS, "step-scaled", "b1")
    assert "b1, b2 by rmsprop" in verdict.message


def _rmsprop_of_weights(s: State, p: Array, g: Array, lr: float) -> None:
    s.v = 0.9 * s.v + 0.1 * p**2
    p -= lr * g / (np.sqrt(s.v) + 1e-8)


def test_parameters_of_an_adaptive_formula_are_not_blamed_for_others() -> None:
    network = beside(stepping(_of_some(_rmsprop_of_weights, rmsprop, first=False)))
    [verdict] = examine(network, only="optimizer").verdicts
    assert (verdict.status, verdict.cause, verdict.tensor) == (DIFFERS, None, "W1")
    assert verdict.message.startswith("W1, W2: stepped by no formula that is known; all others")


def _decaying(decay: float, rule: Update = rmsprop) -> Update:
    def update(s: State, p: Array, g: Array, lr: float) -> None:
        before = p.copy()
        rule(s, p, g, lr)
        p -= lr * decay * before

    return update


def test_decay_of_one_parameter_may_be_meant() -> None:
    network = beside(stepping(_of_some(_decaying(0.1), rmsprop, first=True)), batch="row")
    [verdict] = examine(network, only="optimizer").verdicts
    assert verdict.status == CONVENTION
    assert "W1 by rmsprop (alpha 0.99, eps 1e-08, momentum 0, weight_decay 0.1)" in verdict.message


def test_a_decay_that_makes_parameters_grow_is_not_meant() -> None:
    step = stepping(_of_some(_decaying(-0.9, momentum), momentum, first=False))
    verdicts = examine(beside(step, batch="row"), only="optimizer").verdicts
    assert CONVENTION not in {verdict.status for verdict in verdicts}


class _Few(Learner):
    """It has two outputs, so that their bias tells no formula by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.w2, self.b2 = self.w2[:, :2], np.zeros(2)


def _summing(gradients: Any, share: float = 1.0) -> Any:
    """Return gradients of which that of the last bias has a share of what is kept of it added."""

    def kept(net: Learner, x: Array, y: Array) -> list[Array]:
        *others, own = gradients(net, x, y)
        net.state.kept = share * net.state.__dict__.get("kept", 0.0) + own
        return [*others, net.state.kept]

    return kept


@pytest.mark.parametrize(
    ("gradients", "kind", "is_handed"),
    [
        (Learner.gradients, None, False),
        (Learner.gradients, "sgd", True),
        (without_derivative, None, False),
    ],
)
def test_a_gradient_of_few_numbers_that_adds_up_shows_in_steps(
    gradients: Any, kind: str | None, is_handed: bool
) -> None:
    kept = _summing(gradients)
    network = beside(stepping(each(sgd), kept), kept if is_handed else None)
    network = replace(network, make=_Few, spec=Spec(optimizer=kind))
    verdicts = examine(network, only=("optimizer", "side effects")).verdicts
    assert [(verdict.cause, verdict.tensor) for verdict in verdicts] == [
        ("step-of-accumulated", "b2"),
        ("gradient-accumulated", "b2"),
    ]
    assert "in the second call for the same batch b2 is 2 x the first" in verdicts[1].message


def test_what_gradients_keep_is_not_the_optimizers() -> None:
    kept = _summing(Learner.gradients, 0.5)
    network = beside(stepping(each(sgd), kept), kept)
    assert found(network) == [(UNCHECKED, None)]
    declared = replace(beside(stepping(each(sgd))), spec=Spec(optimizer="momentum"))
    assert found(declared) == [(DIFFERS, "momentum-without-effect")]


def _shrinking(*shares: float, lost: int | None = None) -> Callable[..., None]:
    """Return a step after which matrices shrink; one parameter may be stepped without the rate."""

    def step(net: Learner, x: Array, y: Array, lr: float) -> None:
        triples = zip(params(net), net.gradients(x, y), shares, strict=True)
        for number, (array, gradient, share) in enumerate(triples):
            array -= (1.0 if number == lost else lr) * share * gradient
        for matrix in (net.w1, net.w2):
            matrix *= 1 - 0.001 * lr

    return step


@pytest.mark.parametrize(
    ("shares", "wrong"),
    [
        ((1, 1, 1, 1), []),
        ((1, -1, 1, 1), [("sign", "b1")]),
        ((1, 0, 1, 1), [("not-updated", "b1")]),
        ((1, 1, 1, 2), [("bias-scaled", "b2")]),
        ((1, -1, 3, 1), [("factor-constant", "W2"), ("sign", "b1")]),
    ],
)
def test_what_shrinks_after_the_step_is_no_factor_beside_another_fault(
    shares: tuple[float, ...], wrong: list[tuple[str, str]]
) -> None:
    failures = examine(beside(_shrinking(*shares), None), only=("gradient", "optimizer")).failures
    assert sorted((str(v.cause), str(v.tensor)) for v in failures) == wrong


@pytest.mark.parametrize(("lost", "tensor"), [(0, "W1"), (2, "W2")])
def test_a_matrix_without_rate_that_shrinks_with_it_has_no_other_sign(
    lost: int, tensor: str
) -> None:
    network = beside(_shrinking(1, 1, 1, 1, lost=lost), None)
    failures = examine(network, only=("gradient", "optimizer")).failures
    assert [(v.cause, v.tensor) for v in failures] == [("step-without-rate", tensor)]
