"""Steps of networks: beside gradients that they hand out, ahead of the parameters, without rate."""
# Networks are written as learners write them.
# ruff: noqa: D102

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from parity_tests.kit.check import examine
from parity_tests.kit.network import Network
from parity_tests.kit.spec import Spec
from parity_tests.kit.tests.faulty_rules import (
    adam_of_other_betas,
    corrected_in_place,
    decayed,
    momentum_average,
    momentum_times_rate,
    softened,
    unscaled,
    upwards,
)
from parity_tests.kit.tests.learners import HALF, Learner, summed, without_derivative
from parity_tests.kit.tests.update_rules import (
    State,
    Step,
    Update,
    adam,
    adamw,
    each,
    momentum,
    nesterov,
    rmsprop,
    sgd,
)
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, UNCHECKED

Array = NDArray[Any]
Gradients = Callable[[Learner, Array, Array], list[Array]]


def params(net: Learner) -> list[Array]:
    return [net.w1, net.b1, net.w2, net.b2]


def loss(net: Learner, x: Array, y: Array) -> float:
    return float(((net.forward(x) - y) ** 2).sum() / (2 * len(x)))


def stepping(step: Step, gradients: Gradients = Learner.gradients) -> Callable[..., None]:
    def taken(net: Learner, x: Array, y: Array, lr: float) -> None:
        net.state.lr = lr
        step(net.state, params(net), gradients(net, x, y))

    return taken


def beside(step: Callable[..., None], gradients: Any = "gradients", **more: Any) -> Network:
    told = {"loss": loss, "step": step, "gradients": gradients, **more}
    return Network(Learner, parameters="w1 b1 w2 b2", forward="forward", **told)


def found(network: Network, *aspects: str) -> list[tuple[str, str | None]]:
    report = examine(network, only=aspects or "optimizer")
    return [(v.status, v.cause) for v in report.verdicts]


# Beside gradients


@pytest.mark.parametrize("step", [sgd, momentum, nesterov, adam, adamw, rmsprop])
@pytest.mark.parametrize("reported", [loss, None])
def test_right_steps_beside_right_gradients(step: Any, reported: Any) -> None:
    network = beside(stepping(each(step)), loss=reported)
    assert found(network, "gradient", "optimizer") == [(EQUAL, None), (EQUAL, None)]


@pytest.mark.parametrize("batch", ["rows", "row"])
def test_right_steps_beside_gradients_of_batches_and_of_samples(batch: str) -> None:
    network = beside(stepping(each(momentum)), batch=batch)
    assert found(network, "gradient", "optimizer") == [(EQUAL, None), (EQUAL, None)]
    up = beside(stepping(lambda s, p, g: each(upwards)(s, p, g)), batch=batch)
    assert found(up) == [(DIFFERS, "step-sign")]


def looking_back(s: State, p: Array, g: Array, lr: float) -> None:
    """As Nesterov's with another share, and the other sign, of what is looked back on."""
    before, s.m = s.m, 0.9 * s.m - lr * g
    p += 0.7 * before + 1.9 * s.m


def test_factor_of_a_first_step_is_not_said_of_all() -> None:
    network = beside(stepping(each(looking_back)), spec=Spec(**HALF))
    assert found(network) == [(UNCHECKED, None)]


def of_signs(net: Learner, x: Array, y: Array) -> list[Array]:
    """With a penalty on absolute values."""
    return [
        g + 0.1 * np.sign(p) * (p.ndim == 2)
        for g, p in zip(net.gradients(x, y), params(net), strict=True)
    ]


class Bent(Learner):
    """The activation is none that is known, nor the same function in every unit."""

    def forward(self, x: Array) -> Array:
        self.a = self.sizes() * np.tanh(x @ self.w1 + self.b1) ** 3
        output: Array = self.a @ self.w2 + self.b2
        return output

    def gradients(self, x: Array, y: Array) -> list[Array]:
        d2 = (self.forward(x) - y) / len(x)
        t = np.cbrt(self.a / self.sizes())
        d1 = d2 @ self.w2.T * self.sizes() * 3 * t**2 * (1 - t**2)
        return [x.T @ d1, d1.sum(axis=0), self.a.T @ d2, d2.sum(axis=0)]

    def sizes(self) -> Array:
        return 1 + np.arange(len(self.w2)) / 20


def bent(step: Callable[..., None], gradients: Any = "gradients", **more: Any) -> Network:
    return replace(beside(step, gradients, **more), make=Bent)


def by_bent(step: Step) -> Callable[..., None]:
    return stepping(step, Bent.gradients)  # type: ignore[arg-type]


@pytest.mark.parametrize(("batch", "step"), [("rows", momentum), ("row", sgd)])
def test_steps_by_gradients_with_a_penalty_on_absolute_values(batch: str, step: Any) -> None:
    declared = Spec(optimizer="sgd", options={"momentum": 0.9} if step is momentum else {})
    lasso = beside(stepping(each(step), of_signs), of_signs, batch=batch, spec=declared)
    assert found(lasso) == [(EQUAL, None)]


def test_adam_by_gradients_with_a_penalty_on_absolute_values() -> None:
    lasso = beside(stepping(each(adam), of_signs), of_signs, spec=Spec(optimizer="adam"))
    assert found(lasso) == [(EQUAL, None)]


@pytest.mark.parametrize("step", [sgd, momentum, nesterov, adam, rmsprop])
def test_right_steps_beside_gradients_of_an_unknown_forward_pass(step: Any) -> None:
    assert found(bent(by_bent(each(step))), "gradient", "optimizer") == [(EQUAL, None)] * 2


def test_conventions_of_steps_show_beside_gradients_of_an_unknown_forward_pass() -> None:
    average = bent(by_bent(each(momentum_average)), batch="row")
    assert found(average) == [(CONVENTION, "momentum-average")]
    looking = replace(bent(nesterov_ahead()), make=type("BentAhead", (Bent, Ahead), {}))
    assert found(looking) == [(CONVENTION, "nesterov-gradient-ahead")]


def _limited(net: Learner, x: Array, y: Array, lr: float) -> None:
    """Steps by gradients whose norms are at most 0.01 together, and none of the biases."""
    gradients = Learner.gradients(net, x, y)
    norm = np.sqrt(sum(float((g**2).sum()) for g in gradients))
    for p, g in list(zip(params(net), gradients, strict=True))[::2]:
        p -= lr * g * min(1.0, 0.01 / (norm + 1e-8))


def test_a_limit_is_one_of_what_no_step_takes_as_well() -> None:
    assert found(beside(_limited)) == [(DIFFERS, "not-updated"), (CONVENTION, "step-clipped")]


def _bent_below(net: Learner, x: Array, y: Array) -> list[Array]:
    first, *others = Learner.gradients(net, x, y)
    return [np.sin(40 * first), *others]


def _with_twice_the_last(net: Learner, x: Array, y: Array) -> list[Array]:
    *others, last = _bent_below(net, x, y)
    return [*others, 2 * last]


def test_beside_gradients_that_nothing_explains_a_fault_may_be_theirs_too() -> None:
    network = beside(stepping(each(sgd), _with_twice_the_last), _bent_below)
    [verdict] = examine(network, only="optimizer").failures
    assert verdict.message.startswith("in the step: yours = 2 x expected on b2")


def _with_sums_for_biases(net: Learner, x: Array, y: Array) -> list[Array]:
    return [g * (len(x) if g.ndim == 1 else 1) for g in Learner.gradients(net, x, y)]


def penalized(_: State, p: Array, g: Array, lr: float) -> None:
    p -= lr * (g + 0.01 * p)


@pytest.mark.parametrize(
    ("rule", "cause"), [(momentum_average, "momentum-average"), (penalized, "weight-decay")]
)
def test_a_factor_of_some_gradients_is_none_of_the_step(rule: Update, cause: str) -> None:
    network = beside(stepping(each(rule), _with_sums_for_biases), _with_sums_for_biases)
    assert found(network, "gradient") == [(DIFFERS, "bias-scaled")]
    told = found(network, "optimizer")
    assert (CONVENTION, cause) in told
    assert DIFFERS not in [status for status, _ in told]


def without_eps(s: State, p: Array, g: Array, lr: float) -> None:
    s.m, s.v = 0.9 * s.m + 0.1 * g, 0.999 * s.v + 0.001 * g**2
    p -= lr * s.m / (1 - 0.9**s.t) / np.sqrt(s.v / (1 - 0.999**s.t))


def _without_first_row(net: Learner, x: Array, y: Array) -> list[Array]:
    """Return gradients that are 0 in one row, as those of a unit that is always off."""
    first, *others = Learner.gradients(net, x, y)
    return [first * (np.arange(len(first)) > 0)[:, np.newaxis], *others]


def test_zero_over_zero_is_named_where_nothing_else_explains_it() -> None:
    step = stepping(each(without_eps), _without_first_row)
    [verdict] = examine(beside(step, _without_first_row), only="optimizer").verdicts
    assert (verdict.status, verdict.cause) == (DIFFERS, "epsilon-missing")
    assert verdict.tensor in ("W1", None)


def average_of_four(s: State, p: Any, g: Any, lr: float) -> None:
    """A moving average of which a quarter is new, as one over the number of outputs is."""
    s.m = 0.75 * s.m + 0.25 * g
    p -= lr * s.m


def divided_twice(net: Learner, x: Array, y: Array) -> list[Array]:
    return [g / len(x) for g in Learner.gradients(net, x, y)]


def test_a_moving_average_of_gradients_with_a_factor_is_no_factor_of_the_step() -> None:
    network = beside(stepping(each(average_of_four), divided_twice), divided_twice)
    assert found(network, "gradient", "optimizer") == [
        (DIFFERS, "factor-batch"),
        (CONVENTION, "momentum-average"),
    ]


def test_faults_of_steps_show_beside_gradients_of_an_unknown_forward_pass() -> None:
    declared = Spec(optimizer="adam")
    assert found(bent(by_bent(with_gaps(0.0)), spec=declared)) == [
        (DIFFERS, "adam-step-per-tensor")
    ]
    odd = with_gaps(0.0, (7, 1, 9, 4), 10)
    assert found(bent(by_bent(odd), spec=declared)) == [(DIFFERS, None)]
    assert found(bent(by_bent(each(squaring)), spec=Spec(optimizer="sgd"))) == [(DIFFERS, None)]


def test_steps_that_may_be_meant_are_no_fault_of_an_unknown_forward_pass() -> None:
    declared = Spec(optimizer="sgd")
    for step in (clipped, clipped_apart, by_samples):
        statuses = [status for status, _ in found(bent(step, spec=declared))]
        assert DIFFERS not in statuses


# Steps alone, of an unknown forward pass


@pytest.mark.parametrize("step", [sgd, momentum, nesterov])
def test_steps_alone_show_what_they_keep_of_an_unknown_forward_pass(step: Any) -> None:
    told = found(bent(by_bent(each(step)), None), "gradient", "optimizer")
    assert told == [(EQUAL, None), (EQUAL, None)]


@pytest.mark.parametrize(
    ("update", "of_steps"),
    [
        # It accounts for the factor of a first step.
        (momentum_average, (CONVENTION, "momentum-average")),
        (momentum_times_rate, (DIFFERS, "momentum-times-rate")),
    ],
)
def test_velocities_show_in_steps_alone_of_an_unknown_forward_pass(
    update: Any, of_steps: tuple[str, str]
) -> None:
    told = found(bent(by_bent(each(update)), None), "gradient", "optimizer")
    assert told == [(EQUAL, None), of_steps]


@pytest.mark.parametrize("step", [adam, rmsprop])
@pytest.mark.parametrize("declared", [True, False])
def test_adaptive_steps_alone_are_no_wrong_gradient(step: Any, declared: bool) -> None:
    spec = Spec(optimizer=step.__name__ if declared else None)
    told = found(bent(by_bent(each(step)), None, spec=spec), "gradient", "optimizer")
    assert {status for status, _ in told} == {UNCHECKED}


def dropping(update: Any) -> Callable[..., float]:
    """Steps by gradients of a pass with dropout, of which they tell the loss."""

    def step(net: Learner, x: Array, y: Array, lr: float) -> float:
        mask = 2.0 * (np.random.random((len(x), 5)) < 0.5)  # noqa: NPY002
        net.forward(x)
        kept = net.a * mask
        p = 1 / (1 + np.exp(-(kept @ net.w2 + net.b2)))
        d2 = (p - y) * p * (1 - p) / len(x)
        d1 = d2 @ net.w2.T * mask * net.a * (1 - net.a)
        net.state.lr = lr
        gradients = [x.T @ d1, d1.sum(axis=0), kept.T @ d2, d2.sum(axis=0)]
        each(update)(net.state, params(net), gradients)
        return float(((p - y) ** 2).sum() / (2 * len(x)))

    return step


@pytest.mark.parametrize("update", [adam, momentum_average])
def test_what_steps_keep_is_no_wrong_gradient_where_it_is_random(update: Any) -> None:
    assert found(beside(dropping(update), None), "gradient") == [(UNCHECKED, None)]


def test_a_fault_shows_in_steps_alone_of_an_unknown_forward_pass() -> None:
    wrong = bent(stepping(each(sgd), lambda *asked: map(np.abs, Bent.gradients(*asked))), None)  # type: ignore[arg-type,return-value]
    assert found(wrong, "gradient") == [(DIFFERS, None)]


# Counts


def squaring(_: Any, p: Array, g: Array, lr: float) -> None:
    p -= lr * g**2


def with_gaps(weight_decay: float, starts: tuple[int, ...] = (2, 3, 5, 6), stride: int = 5) -> Step:
    """Adam that counts what has no parameters, too."""

    def step(state: Any, parameters: list[Array], grads: list[Array]) -> None:
        state.t = getattr(state, "t", 0)
        moments = state.__dict__.setdefault("moments", {})
        for k, (p, g) in enumerate(zip(parameters, grads, strict=True)):
            g = g + weight_decay * p
            t = stride * state.t + starts[k]
            m, v = moments.get(k, (0.0, 0.0))
            m, v = moments[k] = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
            p -= state.lr * m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        state.t += 1

    return step


@pytest.mark.parametrize(
    ("weight_decay", "starts", "stride", "cause"),
    [
        (0.3, (2, 3, 5, 6), 5, "adam-step-per-tensor"),
        (0.0, (10, 12, 14, 16), 20, "adam-step-per-tensor"),
        (0.0, (4, 4, 2, 2), 4, "adam-step-per-layer"),
        (0.0, (7, 1, 9, 4), 10, None),
    ],
)
def test_counts_with_gaps_are_told_by_the_first_steps(
    weight_decay: float, starts: tuple[int, ...], stride: int, cause: str | None
) -> None:
    spec = Spec(**HALF, optimizer="adam", options={"weight_decay": weight_decay})
    step = stepping(with_gaps(weight_decay, starts, stride))
    assert found(beside(step, spec=spec)) == [(DIFFERS, cause)]


def scaled(*factors: float) -> Callable[..., None]:
    def taken(net: Learner, x: Array, y: Array, lr: float) -> None:
        for array, gradient, factor in zip(params(net), net.gradients(x, y), factors, strict=True):
            array -= factor * lr * gradient

    return taken


def of_batch(net: Learner, x: Array, y: Array, lr: float) -> None:
    scaled(*[float(len(x))] * 4)(net, x, y, lr)


def in_order(net: Learner, x: Array, y: Array, lr: float) -> None:
    p = net.forward(x)
    d2 = (p - y) * p * (1 - p) / len(x)
    net.w2 -= lr * net.a.T @ d2
    net.b2 -= lr * d2.sum(axis=0)
    d1 = d2 @ net.w2.T * net.a * (1 - net.a)
    net.w1 -= lr * x.T @ d1
    net.b1 -= lr * d1.sum(axis=0)


def without_rate(taken: float = 1.0) -> Callable[..., None]:
    def step(net: Learner, x: Array, y: Array, lr: float) -> None:
        for array, gradient in zip(params(net), net.gradients(x, y), strict=True):
            array -= (lr if array.ndim == 2 else taken) * gradient

    return step


@pytest.mark.parametrize(
    ("step", "cause"),
    [
        (scaled(-1, -1, -1, -1), "step-sign"),
        (scaled(2, 2, 2, 2), "step-scaled"),
        (of_batch, "step-scaled"),
        (scaled(0, 1, 1, 1), "not-updated"),
        (scaled(0, 0, 0, 0), "not-updated"),
        (in_order, "update-order"),
        (without_rate(), "step-without-rate"),
        (stepping(each(sgd), without_derivative), "activation-derivative-missing"),
        (stepping(each(corrected_in_place)), "moments-kept-corrected"),
    ],
)
def test_faults_of_steps_beside_right_gradients(step: Callable[..., None], cause: str) -> None:
    assert found(beside(step), "gradient") == [(EQUAL, None)]
    assert found(beside(step)) == [(DIFFERS, cause)]


def test_wrong_steps_beside_right_gradients_differ_though_no_cause_is_known() -> None:
    declared = beside(stepping(each(softened)), spec=Spec(optimizer="rmsprop"))
    assert found(declared) == [(DIFFERS, None)]
    assert found(beside(stepping(each(softened)))) == [(UNCHECKED, None)]


def test_fault_that_gradients_have_is_not_said_of_the_steps_again() -> None:
    network = beside(stepping(each(momentum), without_derivative), without_derivative)
    assert found(network) == [(EQUAL, None)]
    assert found(network, "gradient") == [(DIFFERS, "activation-derivative-missing")]
    network = beside(stepping(each(momentum_average), without_derivative), without_derivative)
    assert found(network) == [(CONVENTION, "momentum-average")]
    network = beside(stepping(each(momentum), summed), summed)
    assert found(network) == [(EQUAL, None)]
    assert found(network, "gradient") == [(DIFFERS, "factor-batch")]


def test_bias_gradient_of_one_number_is_not_said_of_the_steps_again() -> None:
    def collapsed(net: Learner, x: Array, y: Array) -> list[Any]:
        w1, b1, w2, b2 = net.gradients(x, y)
        return [w1, b1.sum(keepdims=True), w2, b2.sum(keepdims=True)]

    network = beside(stepping(each(sgd), collapsed), collapsed)
    assert {cause for _, cause in found(network, "gradient")} == {"bias-collapsed"}
    assert DIFFERS not in [status for status, _ in found(network)]


def test_sum_beside_a_mean_may_be_meant_where_no_loss_says_it() -> None:
    network = beside(stepping(each(sgd)), summed, loss=None)
    assert found(network) == [(EQUAL, None), (CONVENTION, "factor-batch")]
    network = beside(scaled(2, 2, 2, 2), loss=None)
    assert found(network) == [(DIFFERS, "step-scaled")]


@pytest.mark.parametrize("reported", [loss, None])
def test_gradients_may_point_the_other_way_if_steps_add_them(reported: Any) -> None:
    def ascent(net: Learner, x: Array, y: Array) -> list[Array]:
        return [-gradient for gradient in net.gradients(x, y)]

    network = beside(stepping(each(sgd)), ascent, loss=reported)
    told = found(network, "gradient", "optimizer")
    assert told == [(CONVENTION, "sign"), (EQUAL, None)]
    network = beside(stepping(each(sgd), ascent), ascent, loss=reported)
    assert DIFFERS in [status for status, _ in found(network, "gradient", "optimizer")]


def test_what_a_step_adds_to_the_gradients_is_a_convention() -> None:
    assert found(beside(stepping(each(momentum_average)))) == [(CONVENTION, "momentum-average")]
    assert found(beside(stepping(each(unscaled)))) == [(CONVENTION, "decay-not-scaled")]
    of_decay = [(EQUAL, None), (CONVENTION, "weight-decay")]
    assert found(beside(stepping(each(decayed)))) == of_decay


def clipped(net: Learner, x: Array, y: Array, lr: float) -> None:
    gradients = net.gradients(x, y)
    norm = float(np.sqrt(sum((gradient**2).sum() for gradient in gradients)))
    for array, gradient in zip(params(net), gradients, strict=True):
        array -= lr * min(1, 0.05 / norm) * gradient


def clipped_apart(net: Learner, x: Array, y: Array, lr: float) -> None:
    for array, gradient in zip(params(net), net.gradients(x, y), strict=True):
        array -= lr * np.clip(gradient, -0.05, 0.05)


def with_own_rate(net: Learner, x: Array, y: Array, _: float) -> None:
    scaled(1, 1, 1, 1)(net, x, y, 0.07)


def by_samples(net: Learner, x: Array, y: Array, lr: float) -> None:
    for number in range(len(x)):
        one = slice(number, number + 1)
        scaled(1, 1, 1, 1)(net, x[one], y[one], lr)


def with_dropout(net: Learner, x: Array, y: Array, lr: float) -> None:
    mask = np.random.random((len(x), 5)) < 0.5  # noqa: NPY002
    net.forward(x)
    kept = net.a * mask * 2
    p = 1 / (1 + np.exp(-(kept @ net.w2 + net.b2)))
    d2 = (p - y) * p * (1 - p) / len(x)
    d1 = d2 @ net.w2.T * mask * 2 * net.a * (1 - net.a)
    gradients = x.T @ d1, d1.sum(axis=0), kept.T @ d2, d2.sum(axis=0)
    for array, gradient in zip(params(net), gradients, strict=True):
        array -= lr * gradient


def norms_clipped(net: Learner, x: Array, y: Array, lr: float) -> None:
    for array, gradient in zip(params(net), net.gradients(x, y), strict=True):
        array -= lr * min(1, 0.002 / np.linalg.norm(gradient)) * gradient


@pytest.mark.parametrize(
    ("step", "told"),
    [
        (clipped, "the norm of all gradients together"),
        (clipped_apart, "clipped to 0.05"),
        (norms_clipped, "the norm of every gradient is 0.002"),
    ],
)
def test_clipping_in_a_step_may_be_meant(step: Callable[..., None], told: str) -> None:
    [verdict] = examine(beside(step), only="optimizer").verdicts
    assert (verdict.status, verdict.cause) == (CONVENTION, "step-clipped")
    assert told in verdict.message


@pytest.mark.parametrize("step", [with_own_rate, by_samples, with_dropout])
def test_steps_that_are_meant_otherwise_are_no_fault(step: Callable[..., None]) -> None:
    assert DIFFERS not in [status for status, _ in found(beside(step))]


# Without the learning rate


@pytest.mark.parametrize(("batch", "taken"), [("rows", 1.0), ("rows", 0.01), ("row", 0.01)])
def test_biases_without_the_learning_rate_have_no_other_factor(batch: str, taken: float) -> None:
    network = beside(without_rate(taken), None, batch=batch)
    assert found(network) == [(DIFFERS, "step-without-rate")]
    assert found(network, "gradient") == [(EQUAL, None)]


def test_factor_of_the_matrices_shows_beside_biases_without_rate() -> None:
    def step(net: Learner, x: Array, y: Array, lr: float) -> None:
        for array, gradient in zip(params(net), net.gradients(x, y), strict=True):
            array -= (2 * lr if array.ndim == 2 else 1) * gradient

    network = beside(step, None)
    assert found(network, "gradient") == [(DIFFERS, "factor-two")]
    assert found(network) == [(DIFFERS, "step-without-rate")]


def without_rate_beside(
    lost: tuple[int, ...], *factors: float, rate: float | None = None
) -> Callable[..., None]:
    def step(net: Learner, x: Array, y: Array, lr: float) -> None:
        pairs = zip(params(net), net.gradients(x, y), factors, strict=True)
        for number, (array, gradient, factor) in enumerate(pairs):
            array -= factor * (1 if number in lost else rate or lr) * gradient

    return step


@pytest.mark.parametrize("batch", ["rows", "row"])
@pytest.mark.parametrize(
    ("lost", "factors", "others"),
    [
        ((0,), (1, 0, 1, 1), {"not-updated"}),
        ((0,), (1, 1, 1, 0), {"not-updated"}),
        ((2,), (1, 0, 1, 0), {"not-updated"}),
        ((0, 1), (1, 1, 1, 0), {"not-updated"}),
        ((0,), (1, 1, 1, 3), {"bias-scaled"}),
    ],
)
def test_lost_rate_beside_another_fault_is_no_factor(
    batch: str, lost: tuple[int, ...], factors: tuple[float, ...], others: set[str]
) -> None:
    network = beside(without_rate_beside(lost, *factors), None, batch=batch)
    told = found(network, "gradient", "optimizer")
    assert {cause for status, cause in told if status == DIFFERS} == {"step-without-rate", *others}


@pytest.mark.parametrize("partly", [(0, 2), (0, 1, 2, 3)])
@pytest.mark.parametrize(
    ("gradients", "cause"),
    [(Learner.gradients, "factor-two"), (without_derivative, "activation-derivative-missing")],
)
def test_a_part_without_the_learning_rate_is_no_factor(
    partly: tuple[int, ...], gradients: Gradients, cause: str
) -> None:
    def step(net: Learner, x: Array, y: Array, lr: float) -> None:
        own = 2 if cause == "factor-two" else 1
        for number, (array, g) in enumerate(zip(params(net), gradients(net, x, y), strict=True)):
            array -= (own * lr + 0.9 * (number in partly)) * g

    told = [(DIFFERS, cause), (DIFFERS, "step-without-rate")]
    assert found(beside(step, None), "gradient", "optimizer") == told


def test_a_limited_change_is_no_lost_rate() -> None:
    def step(net: Learner, x: Array, y: Array, lr: float) -> None:
        for array, gradient in zip(params(net), net.gradients(x, y), strict=True):
            limit = 1e-3 if array is net.w1 else np.inf
            norm = float(np.linalg.norm(lr * gradient))
            array -= lr * gradient * min(1.0, limit / norm) * (array is not net.b1)

    told = found(beside(step, None), "gradient", "optimizer")
    assert "step-without-rate" not in [cause for _, cause in told]


def test_lost_rate_beside_a_fault_without_a_name_is_no_factor() -> None:
    def step(net: Learner, x: Array, y: Array, lr: float) -> None:
        w1, b1, w2, b2 = net.gradients(x, y)
        gradients = w1, b1, w2, b2**2 + 0.1
        for array, gradient in zip(params(net), gradients, strict=True):
            array -= (1 if array is net.w1 else lr) * gradient

    told = found(beside(step, None), "gradient", "optimizer")
    assert {cause for status, cause in told if status == DIFFERS} == {None, "step-without-rate"}


@pytest.mark.parametrize("lost", [(0,), (1, 3), (0, 1, 2, 3)])
def test_one_over_a_fixed_rate_is_told(lost: tuple[int, ...]) -> None:
    for rate, cause in ((0.07, "step-without-rate"), (0.5, None)):
        step = without_rate_beside(lost, 1, 1, 1, 1, rate=rate)
        report = examine(beside(step, None, lr=rate))
        [verdict] = [v for v in report.of("gradient") if v.status == DIFFERS]
        # Twice may have other reasons.
        assert verdict.cause == cause
        assert f"{1 / rate:.6g} = 1 / lr" in verdict.message
    step = without_rate_beside((), 3, 1, 1, 1, rate=0.07)
    verdicts = examine(beside(step, None, lr=0.07), only="gradient").verdicts
    assert {v.cause for v in verdicts if v.status == DIFFERS} == {"factor-constant"}


def test_two_rates_are_no_lost_rate() -> None:
    network = beside(scaled(1, 2, 1, 2), None)
    assert "step-without-rate" not in [cause for _, cause in found(network)]
    assert found(network, "gradient") == [(DIFFERS, "bias-scaled")]


@pytest.mark.parametrize(
    ("arrays", "own", "cause"),
    [
        ((0, 1, 2, 3), "rate", "decay-after-step"),
        ((0, 2), "rate", "decay-after-step"),
        ((0, 1, 2, 3), "none", "decay-not-scaled"),
        ((0, 2), "none", "decay-not-scaled"),
    ],
)
def test_decay_after_the_step_shows_in_steps(arrays: tuple[int, ...], own: str, cause: str) -> None:
    def step(net: Learner, x: Array, y: Array, lr: float) -> None:
        scaled(1, 1, 1, 1)(net, x, y, lr)
        for number in arrays:
            params(net)[number][...] *= 1 - 0.01 * (lr if own == "rate" else 1)

    network = beside(step, None)
    assert (CONVENTION, cause) in found(network)
    assert (CONVENTION, "decay-after-step") in found(network)
    assert DIFFERS not in [status for status, _ in found(network, "gradient", "optimizer")]


# Ahead


class Ahead(Learner):
    """Nesterov's momentum, as the textbooks have it or with the velocity added twice."""

    def __init__(self) -> None:
        super().__init__()
        self.velocity = [np.zeros_like(array) for array in params(self)]


def nesterov_ahead(
    momentum: float = 0.9, twice: bool = False, share: float = 1.0
) -> Callable[..., None]:
    def step(net: Ahead, x: Array, y: Array, lr: float) -> None:
        start = [array.copy() for array in params(net)]
        for array, velocity in zip(params(net), net.velocity, strict=True):
            array += momentum * velocity
        gradients = net.gradients(x, y)
        for array, before, velocity, gradient in zip(
            params(net), start, net.velocity, gradients, strict=True
        ):
            velocity[...] = momentum * velocity - share * lr * gradient
            array[...] = (array if twice else before) + velocity

    return step


def ahead(step: Callable[..., None], gradients: Any = None, **options: Any) -> Network:
    optimizer = options.pop("optimizer", "nesterov")
    spec = Spec(**HALF, optimizer=optimizer, options=options)
    return replace(beside(step, gradients), make=Ahead, spec=spec)


@pytest.mark.parametrize("gradients", [None, "gradients"])
@pytest.mark.parametrize("momentum", [0.9, 0.87])
def test_gradient_at_the_place_ahead_is_a_convention(
    momentum: float, gradients: str | None
) -> None:
    network = ahead(nesterov_ahead(momentum), gradients, momentum=momentum)
    assert found(network) == [(CONVENTION, "nesterov-gradient-ahead")]
    network = replace(network, spec=Spec(**HALF))
    assert found(network) == [(CONVENTION, "nesterov-gradient-ahead")]
    assert found(network, "gradient") == [(EQUAL, None)]


def test_momentum_applied_twice_is_named() -> None:
    assert found(ahead(nesterov_ahead(twice=True))) == [(DIFFERS, "nesterov-ahead-kept")]
    assert found(ahead(nesterov_ahead(0.5, twice=True))) == [(DIFFERS, "nesterov-ahead-kept")]


def test_velocity_that_is_an_average_ahead_explains_its_factor() -> None:
    network = ahead(nesterov_ahead(share=0.1))
    told = [(CONVENTION, "nesterov-gradient-ahead"), (CONVENTION, "momentum-average")]
    assert found(network) == told
    assert found(network, "gradient") == [(EQUAL, None)]


def test_steps_ahead_that_are_not_as_declared() -> None:
    plain = ahead(nesterov_ahead(), optimizer="momentum")
    assert found(plain) == [(DIFFERS, "another-optimizer")]
    other = ahead(nesterov_ahead(0.8), momentum=0.9)
    assert found(other) == [(DIFFERS, "another-hyperparameter")]


def test_steps_ahead_that_are_not_known_get_no_name() -> None:
    def step(net: Ahead, x: Array, y: Array, lr: float) -> None:
        nesterov_ahead()(net, x, y, lr)
        net.velocity[0][...] = np.roll(net.velocity[0], 1, axis=0)

    assert found(ahead(step)) == [(DIFFERS, None)]


# Moments, where no loss is told


class Line(Learner):
    """The same with an output of its own, for numbers."""

    def forward(self, x: Array) -> Array:
        self.a = 1 / (1 + np.exp(-(x @ self.w1 + self.b1)))
        output: Array = self.a @ self.w2 + self.b2
        return output

    def gradients(self, x: Array, y: Array) -> list[Array]:
        d2 = 2 * (self.forward(x) - y)
        d1 = d2 @ self.w2.T * self.a * (1 - self.a)
        return [x.T @ d1, d1.sum(axis=0), self.a.T @ d2, d2.sum(axis=0)]


@pytest.mark.parametrize("gradients", [None, "gradients"])
@pytest.mark.parametrize("optimizer", ["adam", None])
def test_adam_is_right_whatever_the_loss_is(gradients: str | None, optimizer: str | None) -> None:
    step = stepping(each(adam), lambda net, x, y: net.gradients(x, y))
    network = replace(
        beside(step, gradients, loss=None, labels="targets"),
        make=Line,
        spec=Spec(optimizer=optimizer),
    )
    assert found(network) == [(EQUAL, None)]
    assert found(network, "gradient") == [(CONVENTION, "factor-batch")]


def test_optimizer_is_not_called_wrong_where_the_loss_is_not_known() -> None:
    step = stepping(each(softened), lambda net, x, y: net.gradients(x, y))
    network = replace(
        beside(step, None, loss=None, labels="targets"), make=Line, spec=Spec(optimizer="adam")
    )
    assert found(network) == [(UNCHECKED, None)]


def test_gradients_that_are_handed_out_tell_the_scale_of_eps() -> None:
    def many(net: Learner, x: Array, y: Array) -> list[Array]:
        return [14 * gradient for gradient in net.gradients(x, y)]

    network = beside(stepping(each(adam), many), many, spec=Spec(optimizer="adam"))
    assert found(network) == [(EQUAL, None)]
    betas = Spec(optimizer="adam", options={"betas": (0.9, 0.999)})
    network = beside(stepping(each(adam_of_other_betas)), spec=betas)
    assert found(network) == [(DIFFERS, "another-hyperparameter")]


_BOTH = ("gradient", "optimizer")


@pytest.mark.parametrize(
    ("update", "status"), [(adam, EQUAL), (rmsprop, EQUAL), (adam_of_other_betas, DIFFERS)]
)
def test_a_factor_of_some_tensors_is_not_told_of_adaptive_steps(
    update: Update, status: str
) -> None:
    def divided_again(net: Learner, x: Array, y: Array) -> list[Array]:
        w1, b1, *others = net.gradients(x, y)
        return [w1 / len(x), b1 / len(x), *others]

    network = beside(stepping(each(update), divided_again), divided_again)
    options = {"betas": (0.9, 0.999)} if update is adam_of_other_betas else {}
    spec = Spec(optimizer="adam", options=options) if options else Spec()
    report = examine(replace(network, spec=spec), only=_BOTH)
    of_gradient, of_steps = ([v for v in report.verdicts if v.aspect == a] for a in _BOTH)
    assert [(v.status, v.cause) for v in of_gradient] == [(DIFFERS, "factor-batch")]
    assert [v.status for v in of_steps] == [status]
    assert "factor-batch" not in [v.cause for v in of_steps]


def test_steps_that_change_nothing_or_go_up_are_not_called_right() -> None:
    assert found(beside(scaled(0, 0, 0, 0), None)) == [(UNCHECKED, None)]
    assert found(beside(scaled(-1, -1, -1, -1), None)) == [(UNCHECKED, None)]


def test_update_after_the_first_sample_is_no_update_after_every_sample() -> None:
    def first_and_rest(net: Learner, x: Array, y: Array, lr: float) -> None:
        for part in (slice(0, 1), slice(1, None)):
            if len(x[part]):
                stepping(each(sgd))(net, x[part], y[part], lr)

    network = beside(first_and_rest, None)
    assert (DIFFERS, None) in found(network, "gradient")


def test_right_steps_are_not_blamed_for_gradients_whose_fault_is_not_known() -> None:
    def odd(net: Learner, x: Array, y: Array) -> list[Array]:
        w1, *others = net.gradients(x, y)
        return [np.sinh(3 * w1), *others]

    network = beside(stepping(each(adam), odd), odd, spec=Spec(optimizer="adam"))
    assert found(network, "gradient") == [(DIFFERS, None)]
    assert DIFFERS not in [status for status, _ in found(network)]


# Methods that always raise


class Forgetful(Learner):
    """An update that reads what its constructor does not keep."""

    def update(self, x: Array, y: Array, lr: float) -> None:
        for array, gradient in zip(params(self), self.gradients(x, y), strict=True):
            array -= lr * gradient + self.momentum  # type: ignore[attr-defined]

    def remembering(self, _x: Array, _y: Array, lr: float) -> None:
        self.w1 -= lr * self.remembered

    def remember(self, x: Array) -> None:
        self.remembered = x


@pytest.mark.parametrize("gradients", [None, "gradients"])
def test_a_method_that_reads_what_is_never_set_differs(gradients: str | None) -> None:
    network = replace(beside(Forgetful.update, gradients), make=Forgetful)
    report = examine(network)
    told = [v for v in report.failures if "nothing sets what it reads" in v.message]
    assert {v.aspect for v in told} >= {"optimizer"}
    assert all(v.line and "self.momentum" in v.line.code for v in told)


@pytest.mark.parametrize(
    "step",
    [
        Forgetful.remembering,
        lambda net, _x, _y, _lr: net.no_such_method(),
        lambda net, x, y, lr: Forgetful.update(net, x, y[:1, :1] @ x, lr),
    ],
)
def test_what_may_be_an_error_of_the_declaration_is_not_checked(step: Any) -> None:
    report = examine(replace(beside(step, None), make=Forgetful))
    assert report.failures == []


def averaged_last(s: Any, p: Array, g: Array, lr: float) -> None:
    """The mean of two gradients, which is no momentum."""
    p -= lr * (0.2 * g + 0.8 * s.m)
    s.m = g


def averaged_last_of_tenths(s: Any, p: Array, g: Array, lr: float) -> None:
    p -= lr * (0.9 * s.m + 0.1 * g)
    s.m = g


def averaged_last_of_hundredths(s: Any, p: Array, g: Array, lr: float) -> None:
    p -= lr * (0.37 * s.m + 0.63 * g)
    s.m = g


@pytest.mark.parametrize(
    "update", [averaged_last, averaged_last_of_tenths, averaged_last_of_hundredths]
)
def test_mean_of_two_gradients_is_no_momentum(update: Any) -> None:
    spec = Spec(**HALF)
    for network in (
        beside(stepping(each(update)), spec=spec),
        beside(stepping(each(update)), gradients=None, spec=spec),
    ):
        assert found(network) == [(DIFFERS, "momentum-of-last-gradient")]
        assert found(network, "gradient") == [(EQUAL, None)]


def test_steps_make_up_for_a_factor_only_if_all_do() -> None:
    def of_tenth(net: Learner, x: Array, y: Array) -> float:
        return loss(net, x, y) / 10

    step = stepping(each(averaged_last_of_tenths))
    told = found(beside(step, loss=of_tenth), "gradient", "optimizer")
    assert [status for status, _ in told] == [DIFFERS, DIFFERS]
    assert told[1] == (DIFFERS, "momentum-of-last-gradient")
    right = beside(scaled(0.1, 0.1, 0.1, 0.1), loss=of_tenth)
    assert [status for status, _ in found(right, "gradient", "optimizer")] == [CONVENTION, EQUAL]


def test_a_factor_of_the_first_step_is_not_said_of_all() -> None:
    def of_three(s: Any, p: Array, g: Array, lr: float) -> None:
        before = getattr(s, "before", [])
        p -= lr * (0.3 * g + sum((0.5 * b for b in before), 0.0))
        s.before = [g, *before][:2]

    network = beside(stepping(each(of_three)), spec=Spec(**HALF, optimizer="momentum"))
    [verdict] = examine(network, only="optimizer").verdicts
    assert (verdict.status, verdict.cause) == (DIFFERS, None)
    assert verdict.message.startswith("a first step takes 0.3 x the gradient expected; step 2")


@pytest.mark.parametrize("step", [sgd, momentum])
def test_steps_that_divide_by_the_batch_make_up_for_a_sum(step: Any) -> None:
    network = beside(stepping(each(step)), summed)
    told = found(network, "gradient", "optimizer")
    assert told == [(CONVENTION, "factor-batch"), (EQUAL, None)]


def test_a_step_that_raises_is_no_loss() -> None:
    report = examine(replace(beside(Forgetful.update, loss=None), make=Forgetful))
    assert list(report.of("loss")) == []


def test_steps_of_training_passes_ask_for_their_loss() -> None:
    def dropped(net: Learner, x: Array, y: Array) -> list[Array]:
        kept = np.random.rand(len(net.w2)) < 0.5  # noqa: NPY002
        w1, b1, w2, b2 = net.gradients(x, y)
        return [w1, b1, w2 * kept[:, np.newaxis], b2]

    report = examine(beside(None, dropped))  # type: ignore[arg-type]
    [verdict] = report.of("gradient")
    assert verdict.status == UNCHECKED
    assert "declare the loss of the training pass" in verdict.message


# A learning rate without effect


def _sized(keep: float, share: float, rate: float | None, eps: float) -> Update:
    """Return steps of gradients that are multiplied with the rate first, or have their own."""

    def update(s: Any, p: Array, g: Array, lr: float) -> None:
        whole = lr * g if rate is None else g
        s.m = keep * s.m + share * whole**2
        p -= (1.0 if rate is None else rate) * whole / (np.sqrt(s.m) + eps)

    return update


@pytest.mark.parametrize("handed", ["gradients", None])
@pytest.mark.parametrize(
    ("update", "kind"),
    [
        (_sized(1.0, 1.0, None, 1e-10), "adagrad"),
        (_sized(1.0, 1.0, None, 0.0), "adagrad"),
        (_sized(0.99, 0.01, None, 1e-8), "rmsprop"),
    ],
)
def test_a_learning_rate_that_cancels(update: Update, kind: str, handed: str | None) -> None:
    spec = Spec(loss="squared_error", scale="half mean", optimizer=kind)
    declared = beside(stepping(each(update)), gradients=handed, spec=spec)
    told = [own for own in found(declared) if own[0] == DIFFERS]
    assert told[:1] == [(DIFFERS, "rate-without-effect")]


def _by_magnitudes(s: Any, p: Array, g: Array, lr: float) -> None:
    whole = lr * g
    s.m = 0.7 * s.m + np.abs(whole)
    p -= 0.01 * whole / (s.m + 1e-12)


def test_steps_of_no_known_kind_are_said_to_be_the_same_at_every_rate() -> None:
    spec = Spec(loss="squared_error", scale="half mean", optimizer="rmsprop")
    step = stepping(each(_by_magnitudes))
    [verdict] = examine(beside(step, spec=spec), only="optimizer").verdicts
    assert (verdict.status, verdict.cause) == (DIFFERS, None)
    assert verdict.message.endswith("Steps are much the same at every learning rate.")


@pytest.mark.parametrize("rate", [0.01, 0.3])
def test_a_rate_of_its_own_is_no_fault(rate: float) -> None:
    spec = Spec(loss="squared_error", scale="half mean", optimizer="adagrad")
    step = stepping(each(_sized(1.0, 1.0, rate, 1e-10)))
    [verdict] = examine(beside(step, spec=spec), only="optimizer").verdicts
    assert (verdict.status, verdict.cause) == (CONVENTION, None)
    assert f"A rate of {rate:g} gives it" in verdict.message
    given = beside(step, spec=spec, lr=rate)
    assert found(given) == [(EQUAL, None)]


def test_steps_that_are_described_tell_what_they_are_multiples_of() -> None:
    def thrice(s: State, p: Array, g: Array, lr: float) -> None:
        s.m = 0.9 * s.m + g
        p -= lr * (s.m + 2 * g)

    [verdict] = examine(beside(stepping(each(thrice))), only="optimizer").verdicts
    assert verdict.message.startswith("a first step takes 3 x the gradient that is handed out")
    assert "(0.27 g1 + 0.3 g2 + 1 g3), with what a first step takes for g" in verdict.message


@pytest.mark.parametrize(
    ("step", "told"),
    [
        (lambda net, x, y, lr: net.moved(x, y, lr), (DIFFERS, "step-without-rate")),
        # What is set may be read by no step.
        (lambda net, x, y, lr: (setattr(net, "lr", lr), net.moved(x, y))[-1], (CONVENTION, None)),
        (lambda net, x, y, lr: net.moved(x, y), (CONVENTION, None)),  # noqa: ARG005
    ],
)
def test_a_rate_that_is_given_has_an_effect(
    step: Callable[..., None], told: tuple[str, str | None]
) -> None:
    class Unrated(Learner):
        def moved(self, x: Array, y: Array, lr: float = 0.0) -> None:  # noqa: ARG002
            for p, g in zip(params(self), self.gradients(x, y), strict=True):
                p -= g

    assert told in found(replace(beside(step), make=Unrated))


def test_a_rate_has_an_effect_behind_a_limit_as_well() -> None:
    class Limited(Learner):
        def moved(self, x: Array, y: Array, lr: float) -> None:  # noqa: ARG002
            gradients = self.gradients(x, y)
            norm = np.sqrt(sum(float((g**2).sum()) for g in gradients))
            for p, g in zip(params(self), gradients, strict=True):
                p -= g * min(1.0, 0.01 / norm)

    declared = beside(lambda net, x, y, lr: net.moved(x, y, lr))
    assert (DIFFERS, "step-without-rate") in found(replace(declared, make=Limited))
