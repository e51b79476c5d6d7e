"""What a first step tells of a gradient, and what is the optimizer's."""
# Networks are written as learners write them.
# ruff: noqa: D102

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from parity_tests.kit.aspects.first_steps.entrywise import of_entrywise
from parity_tests.kit.aspects.gradient import aspect as gradient
from parity_tests.kit.check import examine
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.network import Network
from parity_tests.kit.spec import Spec
from parity_tests.kit.subject.subject import Subject
from parity_tests.kit.tests.asked import ask, only
from parity_tests.kit.tests.faulty_rules import counted, of_first, plainly, without_eps
from parity_tests.kit.tests.learners import (
    HALF,
    Learner,
    Updating,
    falling,
    kept_as,
    summed,
    without_derivative,
)
from parity_tests.kit.tests.test_steps import beside, found, loss, stepping
from parity_tests.kit.tests.update_rules import (
    State,
    Step,
    adagrad,
    adam,
    adamw,
    each,
    lion,
    momentum,
    nadam,
    nesterov,
    rmsprop,
    sgd,
)
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, UNCHECKED

Array = NDArray[Any]
Gradients = Callable[[Any, Array, Array], list[Array]]
BOTH = ("gradient", "optimizer")
RIGHT = [(EQUAL, None), (EQUAL, None)]


def alone(step: Step, kind: str | None, gradients: Gradients = Learner.gradients, **of: Any) -> Any:
    spec = Spec(optimizer=kind, options=of.pop("options", {}), **of)
    return beside(stepping(step, gradients), None, spec=spec)


@pytest.mark.parametrize("is_right", [True, False])
def test_adaptive_steps_of_single_samples_blame_what_does_not_go_down(is_right: bool) -> None:
    def gradients(net: Learner, x: Array, y: Array) -> list[Array]:
        dw1, db1, dw2, db2 = net.gradients(x, y)
        wrong = 1.0 if is_right else 1 - 3 * net.a[0]
        return [dw1 * wrong, db1 * wrong, dw2, db2]

    network = beside(stepping(each(rmsprop), gradients), None, batch="row")
    report = examine(network, only=BOTH)
    told, *_ = report.of("gradient")
    assert (told.status, told.tensor) == ((EQUAL, None) if is_right else (DIFFERS, "W1"))
    assert "W2" not in told.message
    # What the steps account for is answered, too.
    assert (report.skipped == 0) == is_right


# Weight decay that the optimizer is declared to have


def decaying(update: Any, share: float = 0.1, biases: bool = True) -> Step:
    def step(s: State, p: Array, g: Array, lr: float) -> None:
        update(s, p, g + share * p if biases or s.matrix else g, lr)

    return each(step)


def averaged(s: State, p: Array, g: Array, lr: float) -> None:
    s.m = 0.9 * s.m + 0.1 * g
    p -= lr * s.m


def shrinking(_: State, p: Array, g: Array, lr: float) -> None:
    p -= lr * g + 0.01 * p


DECAY = {"weight_decay": 0.1}


@pytest.mark.parametrize(
    ("update", "kind"), [(sgd, "sgd"), (momentum, "momentum"), (nesterov, "nesterov")]
)
def test_declared_decay_of_steps_is_the_optimizers(update: Any, kind: str) -> None:
    network = alone(decaying(update), kind, options=DECAY)
    assert found(network, *BOTH) == RIGHT
    assert found(alone(decaying(update), kind, options=DECAY, weight_decay=0.1), *BOTH) == RIGHT
    handed = beside(stepping(decaying(update)), spec=Spec(optimizer=kind, options=DECAY))
    assert found(handed, *BOTH) == RIGHT


@pytest.mark.parametrize(
    ("step", "kind", "status", "cause"),
    [
        (decaying(averaged), "momentum", CONVENTION, "momentum-average"),
        (decaying(sgd, biases=False), "sgd", CONVENTION, "decay-matrices-only"),
        (decaying(sgd, 0.05), "sgd", DIFFERS, "another-hyperparameter"),
        (decaying(momentum, 0.2), "momentum", DIFFERS, "decay-twice"),
        (each(momentum), "momentum", DIFFERS, "decay-missing"),
    ],
)
def test_declared_decay_that_is_another_one(step: Step, kind: str, status: str, cause: str) -> None:
    network = alone(step, kind, options=DECAY)
    assert found(network, *BOTH) == [(EQUAL, None), (status, cause)]


def test_declared_decay_that_is_not_scaled_has_one_cause() -> None:
    network = alone(each(shrinking), "sgd", options={"weight_decay": 0.01})
    assert found(network, *BOTH) == [(EQUAL, None), (DIFFERS, "decay-not-scaled")]


def test_declared_decay_may_stand_beside_the_penalty_in_the_loss() -> None:
    def penalized(net: Learner, x: Array, y: Array) -> float:
        squares = sum(float((array**2).sum()) for array in (net.w1, net.b1, net.w2, net.b2))
        return loss(net, x, y) + 0.05 * squares

    spec = Spec(optimizer="sgd", options=DECAY)
    for share in (0.1, 0.2):
        network = beside(stepping(decaying(sgd, share)), None, loss=penalized, spec=spec)
        assert found(network, *BOTH) == RIGHT


class OneOutput(Learner):
    """With a bias of one number at the end."""

    def __init__(self) -> None:
        super().__init__()
        rng = np.random.default_rng(4)
        self.w2, self.b2 = rng.standard_normal((5, 1)), np.zeros(1)


def test_decay_of_a_bias_of_one_number_is_that_of_the_matrices() -> None:
    spec = Spec(optimizer="sgd", options=DECAY)
    network = replace(beside(stepping(decaying(sgd)), None, spec=spec), make=OneOutput)
    assert found(network, *BOTH) == RIGHT


@pytest.mark.parametrize(
    ("slope", "aspect", "cause"),
    [(lambda p: p, "optimizer", "decay-not-scaled"), (np.sign, "gradient", "weight-decay")],
)
def test_what_does_not_go_with_the_rate_is_told_by_step(
    slope: Any, aspect: str, cause: str
) -> None:
    def step(_: State, p: Array, g: Array, lr: float) -> None:
        p -= lr * g + 0.01 * slope(p)

    report = examine(alone(each(step), None), only=("gradient", "optimizer"))
    [verdict] = report.of(aspect)
    assert (verdict.status, verdict.cause) == (CONVENTION, cause)
    assert "a step takes 0.01 x " in verdict.message
    assert "whatever the learning rate is" in verdict.message
    assert not any(own.cause == "weight-decay" for own in report.of("optimizer"))


# Adaptive steps


def collapsed(net: Learner, x: Array, y: Array) -> list[Array]:
    w1, b1, w2, b2 = net.gradients(x, y)
    return [w1, np.full_like(b1, b1.sum()), w2, np.full_like(b2, b2.sum())]


def turned(net: Learner, x: Array, y: Array) -> list[Array]:
    w1, b1, w2, b2 = net.gradients(x, y)
    return [-w1, b1, w2, b2]


def still(net: Learner, x: Array, y: Array) -> list[Array]:
    w1, b1, w2, b2 = net.gradients(x, y)
    return [0 * w1, b1, w2, b2]


def mixed(net: Learner, x: Array, y: Array) -> list[Array]:
    w1, b1, w2, b2 = net.gradients(x, y)
    return [w1[::-1, ::-1], b1, w2, b2]


def reordered(net: Learner, x: Array, y: Array) -> list[Array]:
    w1, b1, w2, b2 = net.gradients(x, y)
    return [w1[:, ::-1], b1, w2, b2]


def thrice_b1(net: Learner, x: Array, y: Array) -> list[Array]:
    w1, b1, w2, b2 = net.gradients(x, y)
    return [w1, 3 * b1, w2, b2]


def lion_of_digits(s: State, p: Array, g: Array, lr: float) -> None:
    lion(s, p, g, lr)
    p[...] = np.round(p, 6)


def adam_of_digits(s: State, p: Array, g: Array, lr: float) -> None:
    adam(s, p, g, lr)
    p[...] = np.round(p, 9)


@pytest.mark.parametrize("update", [lion, lion_of_digits, adam_of_digits])
@pytest.mark.parametrize(
    ("gradients", "tensors"),
    [(collapsed, "b1 b2"), (turned, "W1"), (still, "W1"), (mixed, "W1")],
)
@pytest.mark.parametrize("is_declared", [True, False])
def test_no_cause_is_concluded_from_signs(
    update: Any, gradients: Gradients, tensors: str, is_declared: bool
) -> None:
    kind = update.__name__.partition("_")[0] if is_declared else None
    verdict = only(ask(alone(each(update), kind, gradients), gradient.examine))
    assert (verdict.status, verdict.cause) == (DIFFERS, None)
    assert verdict.tensor in tensors.split()
    assert "W2" not in verdict.message


@pytest.mark.parametrize(
    ("update", "kind"),
    [
        (adam, "adam"),
        (adam, None),
        (rmsprop, "rmsprop"),
        (rmsprop, None),
        (adagrad, "adagrad"),
        (nadam, "nadam"),
    ],
)
@pytest.mark.parametrize(
    ("gradients", "cause", "tensor"),
    [
        (without_derivative, "activation-derivative-missing", "W1"),
        (collapsed, "bias-collapsed", "b2"),
        (turned, "sign", "W1"),
        (still, "not-updated", "W1"),
        (thrice_b1, "bias-scaled", "b1"),
        (mixed, None, "W1"),
        (reordered, "units-reordered", "W1"),
    ],
)
def test_what_eps_takes_away_tells_sizes(
    update: Any, kind: str | None, gradients: Gradients, cause: str | None, tensor: str
) -> None:
    verdict = only(ask(alone(each(update), kind, gradients), gradient.examine))
    assert (verdict.status, verdict.cause, verdict.tensor) == (DIFFERS, cause, tensor)


def test_decay_beside_the_gradient_is_taken_off_before_sizes_are_solved() -> None:
    verdict = only(ask(alone(each(adamw), "adamw", without_derivative), gradient.examine))
    assert (verdict.status, verdict.cause) == (DIFFERS, "activation-derivative-missing")


def test_adaptive_steps_of_another_gradient_are_not_judged() -> None:
    network = alone(each(adam), "adam", turned)
    assert found(network) == [(UNCHECKED, None)]


@pytest.mark.parametrize(
    ("update", "cause", "other"),
    [
        (sgd, "activation-derivative-missing", "another-optimizer"),
        (momentum, "activation-derivative-missing", "another-optimizer"),
    ],
)
def test_plain_steps_are_named_though_others_are_declared(
    update: Any, cause: str, other: str
) -> None:
    network = alone(each(update), "adam", without_derivative)
    assert found(network, *BOTH) == [(DIFFERS, cause), (DIFFERS, other)]


def test_several_adaptive_steps_in_one_are_not_blamed_for_one() -> None:
    def step(net: Learner, x: Array, y: Array, lr: float) -> None:
        for number in range(len(x)):
            one = slice(number, number + 1)
            stepping(each(adam))(net, x[one], y[one], lr)

    network = beside(step, None, spec=Spec(optimizer="adam"))
    assert DIFFERS not in [status for status, _ in found(network, "gradient")]


@pytest.mark.parametrize(
    ("is_beside", "declared"), [(True, None), (False, None), (False, "rmsprop")]
)
def test_a_first_step_that_is_not_finite_tells_nothing_of_the_gradient(
    is_beside: bool, declared: str | None
) -> None:
    def over_zero(_: State, p: Array, g: Array, lr: float) -> None:
        with np.errstate(all="ignore"):
            p -= lr * g / (np.abs(g) + 1) / 0.0

    gradients = "gradients" if is_beside else None
    network = beside(stepping(each(over_zero)), gradients, spec=Spec(optimizer=declared))
    [verdict] = examine(network, only=BOTH).failures
    assert (verdict.aspect, verdict.cause) == ("optimizer", None)
    assert "the first step is not finite: W1 in" in verdict.message


def subtracted(s: State, p: Array, g: Array, lr: float) -> None:
    """Adam whose squares go below zero, so that every root is NaN."""
    s.m = 0.9 * s.m + 0.1 * g
    s.v = 0.999 * s.v - 0.001 * g**2
    p -= lr * s.m / (1 - 0.9**s.t) / (np.sqrt(s.v / (1 - 0.999**s.t)) + 1e-8)


@pytest.mark.parametrize(
    ("step", "cause"), [(each(subtracted), None), (counted(lambda t: t - 1), "adam-step-from-zero")]
)
@pytest.mark.parametrize("is_beside", [True, False])
@pytest.mark.parametrize("declared", ["adam", None])
def test_steps_without_a_number_are_counted_from_zero_if_the_second_has_one(
    step: Step, cause: str | None, declared: str | None, is_beside: bool
) -> None:
    gradients = "gradients" if is_beside else None
    network = beside(stepping(step), gradients, spec=Spec(optimizer=declared))
    first, *others = found(network, *BOTH)
    if is_beside:
        assert [first, *others] == [(EQUAL, None), (DIFFERS, cause if declared else None)]
    else:
        # Where no optimizer is declared, what is NaN may be the gradient as well.
        assert first[1] is None
        assert (DIFFERS, cause) in [first, *others]


def over_root_of_mean(s: State, p: Array, g: Array, lr: float) -> None:
    s.v = 0.9 * s.v + 0.1 * np.mean(g**2)
    p -= lr * g / (np.sqrt(s.v) + 1e-8)


def test_one_number_for_each_array_is_the_optimizers() -> None:
    network = alone(each(over_root_of_mean), None)
    assert found(network, *BOTH) == [(EQUAL, None), (DIFFERS, "second-moment-scalar")]


def at_most(_: State, p: Array, g: Array, lr: float) -> None:
    p -= lr * g * min(1, 0.02 / np.linalg.norm(g))


def test_a_limit_to_each_norm_may_be_reached_by_some() -> None:
    network = alone(each(at_most), None)
    assert found(network, *BOTH) == [(CONVENTION, "step-clipped"), (EQUAL, None)]


def test_a_factor_is_not_judged_while_momentum_is_warmed_up() -> None:
    def warming(s: State, p: Array, g: Array, lr: float) -> None:
        s.m = 0.9 * s.m + g
        p -= lr * min(1, s.t / 3) * s.m

    told = examine(alone(each(warming), None), only=BOTH).verdicts
    assert [(v.status, v.cause) for v in told] == [(UNCHECKED, None)] * 2
    assert "1, 2, 3, 3 x as much as the first" in told[0].message


def test_right_gradients_tell_nothing_of_signs() -> None:
    network = alone(each(sgd), None)
    inquiry = Inquiry.begin(Subject(network), network.spec, 0)
    assert of_entrywise(inquiry, inquiry.layers, "squared_error", is_known=True) == []


def rmsprop_with_large_eps(s: State, p: Array, g: Array, lr: float) -> None:
    s.v = 0.9 * s.v + 0.1 * g**2
    p -= lr * g / np.sqrt(s.v + 1.3e-6)


@pytest.mark.parametrize("is_faulty", [False, True])
def test_what_grows_with_the_gradient_is_not_blamed_for_sizes(is_faulty: bool) -> None:
    def handed(net: Learner, x: Array, y: Array) -> list[Array]:
        w1, b1, w2, b2 = net.gradients(x, y)
        return [w1 + 0.1 * net.w1, b1, w2 + 0.1 * net.w2, b2]

    def penalized(net: Learner, x: Array, y: Array) -> float:
        return loss(net, x, y) + 0.05 * float((net.w1**2).sum() + (net.w2**2).sum())

    def taken(net: Learner, x: Array, y: Array) -> list[Array]:
        w1, b1, w2, b2 = handed(net, x, y)
        return [w1, -b1 if is_faulty else b1, w2, b2]

    step = stepping(each(rmsprop_with_large_eps), taken)
    told = examine(beside(step, handed, loss=penalized), only="optimizer").verdicts
    blamed = [(v.status, v.tensor) for v in told if v.status == DIFFERS]
    assert blamed == ([(DIFFERS, "b1")] if is_faulty else [])


def fallen_through(s: State, p: Array, g: Array, lr: float) -> None:
    """As with `if` in the place of `elif` after a branch that knows a state of matrices alone."""
    if s.matrix:
        rmsprop(s, p, g, lr)
    else:
        p -= lr * g
    p -= lr * g


def averaged_if_matrix(s: State, p: Array, g: Array, lr: float) -> None:
    (averaged if s.matrix else sgd)(s, p, g, lr)


@pytest.mark.parametrize(
    ("step", "kind", "cause"),
    [
        (plainly(rmsprop, "b"), "rmsprop", "biases-by-plain-descent"),
        (plainly(adam, "W"), "adam", "matrices-by-plain-descent"),
        (plainly(momentum, "b"), "momentum", "biases-by-plain-descent"),
        (plainly(adam, "bW", True), "adam", "plain-step-added"),
        (plainly(adam, "b", True), None, "plain-step-added"),
        (each(fallen_through), "rmsprop", "plain-step-added"),
        (of_first, None, "rules-apart"),
        (each(averaged_if_matrix), None, "rules-apart"),
    ],
)
def test_plain_descent_of_some_parameters_is_named(
    step: Step, kind: str | None, cause: str
) -> None:
    assert found(alone(step, kind), *BOTH) == [(EQUAL, None), (DIFFERS, cause)]


@pytest.mark.parametrize("gradients", [None, "gradients"])
def test_factors_that_steps_may_have_of_a_gradient_are_told(gradients: str | None) -> None:
    def step(s: State, p: Array, g: Array, lr: float) -> None:
        (averaged if s.matrix else momentum)(s, p, g, lr)

    [verdict] = examine(beside(stepping(each(step)), gradients), only=BOTH).failures
    assert verdict.cause == "rules-apart"
    # Gradients that are handed out have none.
    assert ("no step tells which" in verdict.message) == (gradients is None)


def test_factor_shows_in_what_goes_by_plain_descent() -> None:
    def thrice(net: Learner, x: Array, y: Array) -> list[Array]:
        return [3 * gradient for gradient in net.gradients(x, y)]

    for gradients, cause in ((summed, "factor-batch"), (thrice, "factor-constant")):
        network = alone(plainly(rmsprop, "b"), "rmsprop", gradients)
        told = [(DIFFERS, cause), (DIFFERS, "biases-by-plain-descent")]
        assert found(network, *BOTH) == told
    network = alone(each(averaged_if_matrix), None, thrice)
    assert found(network, *BOTH) == [(DIFFERS, "factor-constant"), (DIFFERS, "rules-apart")]


@pytest.mark.parametrize("times", [1, 3])
def test_long_steps_are_asked_before_something_is_said_of_them(times: int) -> None:
    def step(net: Learner, x: Array, y: Array, lr: float) -> None:
        for _ in range(times):
            p = net.forward(x)
            d2 = (p - y) * p * (1 - p)
            d1 = d2 @ net.w2.T * net.a * (1 - net.a)
            d1, d2 = (delta / np.linalg.norm(delta) for delta in (d1, d2))
            gradients = (x.T @ d1, d1.sum(axis=0), net.a.T @ d2, d2.sum(axis=0))
            for array, g in zip((net.w1, net.b1, net.w2, net.b2), gradients, strict=True):
                array -= lr * g

    verdicts = examine(beside(step, None), only="gradient").verdicts
    told = " ".join(verdict.message for verdict in verdicts)
    assert ("another one for each batch" in told) == (times == 1)
    assert ("updated several times" in told) == (times > 1)


# What steps keep, where the gradient is not known


def strangely(change: Callable[..., Array], kind: str | None) -> Network:
    def step(net: Updating, x: Array, y: Array, lr: float) -> None:
        p = net.forward(x)
        d2 = (p - y) * p * (1 - p) / len(x)
        d1 = d2 @ net.w2.T * np.cos(3 * net.a.sum(axis=1, keepdims=True))
        gradients = {"w1": x.T @ d1, "b1": d1.sum(axis=0), "w2": net.a.T @ d2, "b2": d2.sum(axis=0)}
        for name, g in gradients.items():
            setattr(net, name, getattr(net, name) - lr * change(net, name, g))

    spec = Spec(**HALF, optimizer=kind)
    return Network(Updating, parameters="w1 b1 w2 b2", forward="forward", step=step, spec=spec)


@pytest.mark.parametrize("kind", [None, "momentum"])
def test_average_is_no_mean_over_ten_outputs_beside_a_fault_without_name(kind: str | None) -> None:
    network = strangely(kept_as(0.9, 0.1), kind)
    assert found(network, *BOTH) == [(DIFFERS, None), (CONVENTION, "momentum-average")]
    network = strangely(kept_as(0.9, 0.1, True), "nesterov")
    assert found(network, *BOTH) == [(DIFFERS, None), (CONVENTION, "momentum-average")]


def test_mean_over_ten_outputs_is_named_where_steps_keep_nothing() -> None:
    network = strangely(kept_as(0.0, 0.1), "sgd")
    assert found(network, "gradient") == [(DIFFERS, None), (DIFFERS, "factor-classes")]


def test_factor_is_not_named_where_steps_keep_what_is_not_known() -> None:
    network = strangely(falling, None)
    assert found(network, *BOTH) == [(DIFFERS, None), (UNCHECKED, None), (UNCHECKED, None)]


# The size of another batch


class Sized(Learner):
    """One that divides by the number of samples that it was first given."""

    size: int | None = None

    def sized(self, x: Array, y: Array) -> list[Array]:
        self.size = self.size or len(x)
        return [gradient * len(x) / self.size for gradient in self.gradients(x, y)]


@pytest.mark.parametrize("update", [sgd, momentum])
def test_divisor_of_the_first_batch_is_named(update: Any) -> None:
    step = stepping(each(update), Sized.sized)  # type: ignore[arg-type]
    network = replace(beside(step, None), make=Sized)
    assert found(network, *BOTH) == [(EQUAL, None), (DIFFERS, "divisor-of-first-batch")]
    handed = replace(beside(step, "sized"), make=Sized)
    assert (DIFFERS, "divisor-of-first-batch") in found(handed, "side effects")
    [verdict] = [v for v in examine(handed, only="side effects").verdicts if v.status == DIFFERS]
    assert verdict.factor == 3 / 7


# Nesterov's gradient behind the parameters


@pytest.mark.parametrize("is_kept", [True, False])
@pytest.mark.parametrize("mu", [0.9, 0.85])
def test_gradient_behind_the_parameters_is_named(is_kept: bool, mu: float) -> None:
    def step(net: Learner, x: Array, y: Array, lr: float) -> None:
        arrays = [net.w1, net.b1, net.w2, net.b2]
        if not hasattr(net.state, "v"):
            net.state.v = [np.zeros_like(array) for array in arrays]
        before = [array.copy() for array in arrays]
        for array, v in zip(arrays, net.state.v, strict=True):
            array += mu * v
        gradients = net.gradients(x, y)
        for array, v, g, old in zip(arrays, net.state.v, gradients, before, strict=True):
            v *= mu
            v += lr * g
            array[...] = (array if is_kept else old) - v

    network = beside(step, None, spec=Spec(optimizer="nesterov"))
    assert found(network, *BOTH) == [(EQUAL, None), (DIFFERS, "nesterov-look-behind")]


def shrinking_beside_momentum(s: State, p: Array, g: Array, lr: float) -> None:
    s.m = 0.8 * s.m - lr * g
    p += s.m - 0.02 * p


def test_decay_beside_a_velocity_is_in_none_of_what_it_takes_in() -> None:
    told = [(CONVENTION, "decay-decoupled"), (CONVENTION, "decay-not-scaled")]
    assert found(beside(stepping(each(shrinking_beside_momentum)))) == told


# One sample at a time


def adagrad_guarded(s: State, p: Array, g: Array, lr: float) -> None:
    s.v = s.v + g**2
    p -= lr * g / np.where(s.v == 0, 1, np.sqrt(s.v))


def over_norm(_: State, p: Array, g: Array, lr: float) -> None:
    p -= lr * g / (np.linalg.norm(g) + 1e-8)


@pytest.mark.parametrize(
    ("update", "gradients", "told"),
    [
        (adam, None, (EQUAL, None)),
        (over_norm, None, (CONVENTION, "gradient-normalized")),
        (adagrad_guarded, "gradients", (CONVENTION, "epsilon-missing")),
        (without_eps, "gradients", (DIFFERS, "epsilon-missing")),
    ],
)
def test_steps_of_single_samples(update: Any, gradients: str | None, told: tuple[str, str]) -> None:
    network = beside(stepping(each(update)), gradients, batch="row")
    assert found(network, *BOTH) == [(EQUAL, None), told]


def test_the_moments_of_steps_alone_are_no_side_effect() -> None:
    # The same step comes twice, and another one after that of another batch.
    [verdict] = examine(alone(each(adam), None)).of("side effects")
    assert verdict.status == EQUAL
