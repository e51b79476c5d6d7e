"""Faults of training steps: a rate that comes twice, shapes, and wrong optimizers."""
# Networks are written as learners write them.
# ruff: noqa: D102

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from parity_tests.kit.check import examine
from parity_tests.kit.network import Network
from parity_tests.kit.optimizers.asking import RATES
from parity_tests.kit.spec import Spec
from parity_tests.kit.tests.faulty_rules import overwritten
from parity_tests.kit.tests.learners import HALF, Learner, without_derivative
from parity_tests.kit.tests.test_steps import beside, params, stepping
from parity_tests.kit.tests.update_rules import State, adam, each, momentum, rmsprop
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, UNCHECKED

Array = NDArray[Any]
Told = list[tuple[str, str | None, str | None]]


def told(network: Network, *aspects: str) -> Told:
    return [(v.status, v.tensor, v.cause) for v in examine(network, only=aspects).verdicts]


# The rate twice


def rated(factors: tuple[float, ...], *twice: int, decay: float = 0.0) -> Callable[..., None]:
    def step(net: Learner, x: Array, y: Array, lr: float) -> None:
        pairs = zip(params(net), net.gradients(x, y), factors, strict=True)
        for number, (array, gradient, factor) in enumerate(pairs):
            own = lr ** (1 + twice.count(number))
            array -= own * (factor * gradient + decay * array)

    return step


ONES = (1.0, 1.0, 1.0, 1.0)
ALL = (0, 1, 2, 3)


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (rated(ONES, 2), [(DIFFERS, "W2", "rate-twice")]),
        (rated(ONES, *ALL), [(DIFFERS, "dL/dz2", "rate-twice")]),
        (
            rated((2.0, 2.0, 2.0, 2.0), 0, 1),
            [(DIFFERS, "W1", "rate-twice"), (DIFFERS, "dL/dz2", "factor-two")],
        ),
        # It may be multiplied with in every layer.
        (rated(ONES, 0, 0, 1, 1, 2), [(DIFFERS, "W2", "rate-twice")]),
        # It is no factor that the gradient has.
        (rated((0.5, 0.5, 0.5, 0.5)), [(DIFFERS, "dL/dz2", "factor-two")]),
    ],
)
def test_rate_that_comes_twice_shows_in_steps(step: Callable[..., None], expected: Told) -> None:
    assert told(beside(step, None), "gradient") == expected


def test_what_is_added_is_told_without_the_second_rate() -> None:
    first, second = examine(beside(rated(ONES, *ALL, decay=0.1), None), only="gradient").verdicts
    assert (first.tensor, first.cause) == ("dL/dz2", "rate-twice")
    assert (second.status, second.cause) == (CONVENTION, "weight-decay")
    assert "0.1 x the parameter itself" in second.message


def test_rate_that_comes_twice_beside_gradients() -> None:
    network = beside(rated(ONES, 2, 3))
    assert told(network, "gradient", "optimizer") == [
        (EQUAL, None, None),
        (DIFFERS, "W2", "rate-twice"),
    ]


def adam_of_rate_twice(s: State, p: Array, g: Array, lr: float) -> None:
    adam(s, p, g, lr**2)


def test_rate_that_comes_twice_in_an_adaptive_step() -> None:
    network = beside(stepping(each(adam_of_rate_twice)), spec=Spec(**HALF, optimizer="adam"))
    assert told(network, "optimizer") == [(DIFFERS, None, "rate-twice")]


def adam_scaled_by_chance(s: State, p: Array, g: Array, lr: float) -> None:
    adam(s, p, g, RATES["sgd"] * lr)


def test_factor_that_is_the_rate_by_chance_is_not_taken_for_it() -> None:
    step = stepping(each(adam_scaled_by_chance))
    network = beside(step, spec=Spec(**HALF, optimizer="adam"))
    assert told(network, "optimizer") == [(DIFFERS, None, "step-scaled")]


@pytest.mark.parametrize(("rate", "cause"), [(0.3, "rate-twice"), (0.5, None)])
def test_factor_that_is_the_fixed_rate_is_told(rate: float, cause: str | None) -> None:
    def step(net: Learner, x: Array, y: Array, lr: float) -> None:  # noqa: ARG001
        rated(ONES, *ALL)(net, x, y, rate)

    report = examine(beside(step, None, lr=rate), only="gradient")
    assert [(v.status, v.cause) for v in report.verdicts] == [(DIFFERS, cause)]
    assert f"{rate:g} = lr" in report.verdicts[0].message


def test_replaced_parameters_beside_a_rate_that_comes_twice() -> None:
    def step(net: Learner, x: Array, y: Array, lr: float) -> None:
        w1, b1, w2, b2 = net.gradients(x, y)
        net.w1 -= lr * w1
        net.b1 -= lr * b1
        net.w2[...] = -lr * lr * w2
        net.b2 -= lr * b2

    expected = [(DIFFERS, "W2", "rate-twice"), (DIFFERS, "W2", "weights-replaced")]
    assert told(beside(step, None), "gradient") == expected


@pytest.mark.parametrize("gradients", [None, "gradients"])
def test_a_bias_that_is_assigned_is_no_decay_of_all(gradients: str | None) -> None:
    def step(net: Learner, x: Array, y: Array, lr: float) -> None:
        w1, b1, w2, b2 = net.gradients(x, y)
        net.w1 -= lr * w1
        net.b1[...] = lr * b1
        net.w2 -= lr * w2
        net.b2 -= lr * b2

    verdicts = examine(beside(step, gradients), only=("gradient", "optimizer")).verdicts
    differing = {(v.tensor, v.cause) for v in verdicts if v.status == DIFFERS}
    assert differing == {("b1", "weights-replaced"), ("b1", "sign")}
    assert not any(v.status == CONVENTION for v in verdicts)


def test_a_decay_of_some_parameters_is_said_of_those() -> None:
    def step(net: Learner, x: Array, y: Array, lr: float) -> None:
        for array, gradient in zip(params(net), net.gradients(x, y), strict=True):
            array -= lr * gradient + (0.01 * array if array is net.w2 else 0.0)

    messages = [v.message for v in examine(beside(step), only="optimizer").verdicts]
    assert any("takes 0.01 x W2 away" in message for message in messages)


def test_a_declared_decay_without_the_rate_is_told_as_that() -> None:
    def step(net: Learner, x: Array, y: Array, lr: float) -> None:
        for array, gradient in zip(params(net), net.gradients(x, y), strict=True):
            array -= lr * gradient + (0.1 * array if array.ndim == 2 else 0.0)

    declared = Spec(weight_decay=0.1)
    assert told(beside(step, None, spec=declared), "gradient") == [
        (DIFFERS, "W1", "decay-not-scaled")
    ]
    fixed = beside(lambda net, x, y, _lr: step(net, x, y, 0.01), None, spec=declared, lr=0.01)
    assert told(fixed, "gradient") == [(DIFFERS, "W1", "decay-not-scaled")]


def test_steps_by_a_factor_that_is_handed_out_make_up_for_nothing() -> None:
    def summed(net: Learner, x: Array, y: Array) -> list[Array]:
        return [len(x) * gradient for gradient in net.gradients(x, y)]

    def step(net: Learner, x: Array, y: Array, lr: float) -> None:
        for array, gradient in zip(params(net), summed(net, x, y), strict=True):
            array -= lr * gradient

    def entropy(net: Learner, x: Array, y: Array) -> float:
        p = net.forward(x)
        return float(-(y * np.log(p) + (1 - y) * np.log(1 - p)).sum() / len(x))

    declared = Spec(loss="binary_cross_entropy", scale="mean")
    found = told(beside(step, summed, loss=entropy, spec=declared), "gradient")
    assert [(status, cause) for status, _, cause in found] == [
        (DIFFERS, "gradient-of-another-loss"),
        (DIFFERS, "factor-batch"),
    ]


def test_steps_that_divide_what_is_handed_out_have_the_loss_of_that() -> None:
    def summed(net: Learner, x: Array, y: Array) -> list[Array]:
        return [len(x) * gradient for gradient in net.gradients(x, y)]

    def entropy(net: Learner, x: Array, y: Array) -> float:
        p = net.forward(x)
        return float(-(y * np.log(p) + (1 - y) * np.log(1 - p)).sum() / len(x))

    report = examine(beside(rated(ONES), summed, loss=entropy), only="optimizer")
    assert "gradient-of-another-loss" not in {v.cause for v in report.verdicts}
    # The factor of some steps is not one of what is handed out.
    found = told(beside(rated((2.0, 1.0, 2.0, 1.0)), summed), "gradient")
    assert found == [(CONVENTION, None, "factor-batch")]


@pytest.mark.parametrize(
    ("left_out", "expected", "divided"),
    [
        ((1, 3), [(DIFFERS, "b2", "bias-scaled")], "W1, W2"),
        ((0,), [(DIFFERS, "W1", "factor-batch")], "b1, W2, b2"),
    ],
)
def test_steps_that_divide_some_of_what_is_handed_out(
    left_out: Any, expected: Told, divided: str
) -> None:
    def summed(net: Learner, x: Array, y: Array) -> list[Array]:
        return [len(x) * gradient for gradient in net.gradients(x, y)]

    def step(net: Learner, x: Array, y: Array, lr: float) -> None:
        for n, (array, gradient) in enumerate(zip(params(net), summed(net, x, y), strict=True)):
            array -= lr * gradient / (1 if n in left_out else len(x))

    verdicts = examine(beside(step, summed), only="optimizer").verdicts
    assert [(v.status, v.tensor, v.cause) for v in verdicts] == expected
    # The gradients that are handed out have the factor, too.
    seen = f"a first step takes 1 / batch size x what is handed out of {divided}, and what"
    assert verdicts[0].message.startswith(seen)


def test_factor_of_one_tensor_that_gradients_have_is_not_said_of_the_steps_again() -> None:
    def doubled(net: Learner, x: Array, y: Array) -> list[Array]:
        w1, b1, w2, b2 = net.gradients(x, y)
        return [w1, b1, 2 * w2, b2]

    def step(net: Learner, x: Array, y: Array, lr: float) -> None:
        pairs = zip(params(net), doubled(net, x, y), (0.5, 1, 1, 1), strict=True)
        for array, gradient, share in pairs:
            array -= share * lr * gradient

    assert told(beside(step, doubled), "optimizer") == [(DIFFERS, "W1", "factor-two")]


# Sample by sample


def total_loss(net: Learner, x: Array, y: Array) -> float:
    return float(((net.forward(x) - y) ** 2).sum() / 2)


def one_by_one(step: Callable[..., None]) -> Callable[..., None]:
    def taken(net: Learner, x: Array, y: Array, lr: float) -> None:
        for n in range(len(x)):
            step(net, x[n : n + 1], y[n : n + 1], lr / len(x))

    return taken


def test_steps_of_samples_may_be_divided_by_the_batch() -> None:
    def divided(net: Learner, x: Array, y: Array, lr: float) -> None:  # noqa: ARG001
        one_by_one(rated(ONES))(net, x, y, 0.1)

    expected = [(EQUAL, None, None), (CONVENTION, None, "factor-batch")]
    assert told(beside(divided, None, lr=0.1, loss=total_loss), "gradient") == expected


def shuffled(step: Callable[..., None]) -> Callable[..., None]:
    def taken(net: Learner, x: Array, y: Array, lr: float) -> None:
        for n in np.random.permutation(len(x)):  # noqa: NPY002
            step(net, x[n : n + 1], y[n : n + 1], lr)

    return taken


@pytest.mark.parametrize(
    ("kind", "status", "cause"),
    [("sgd", EQUAL, None), ("momentum", DIFFERS, "momentum-without-effect")],
)
def test_optimizer_shows_in_steps_of_shuffled_samples(
    kind: str, status: str, cause: str | None
) -> None:
    network = beside(shuffled(rated(ONES)), None, spec=Spec(optimizer=kind))
    assert told(network, "optimizer") == [(status, None, cause)]


def in_turn(step: Callable[..., None]) -> Callable[..., float]:
    def taken(net: Learner, x: Array, y: Array, lr: float) -> float:
        losses = []
        for n in range(len(x)):
            losses.append(total_loss(net, x[n : n + 1], y[n : n + 1]))
            step(net, x[n : n + 1], y[n : n + 1], lr)
        return float(np.mean(losses))

    return taken


def test_steps_of_samples_may_have_a_velocity_and_tell_their_loss() -> None:
    network = beside(in_turn(stepping(each(momentum))), None, loss=None)
    assert told(network, "loss", "gradient", "optimizer") == [
        (UNCHECKED, "loss", None),
        (EQUAL, None, None),
        (CONVENTION, None, None),
        (EQUAL, None, None),
    ]


def test_fault_shows_in_steps_of_samples_that_are_divided() -> None:
    network = beside(one_by_one(rated((1.0, 2.0, 1.0, 1.0), 3)), None)
    assert told(network, "gradient") == [
        (DIFFERS, "b2", "rate-twice"),
        (DIFFERS, "b1", "bias-scaled"),
        (CONVENTION, None, "factor-batch"),
    ]


# Shapes


def reshaping(name: str, change: Callable[[Array], Array]) -> Callable[..., None]:
    def step(net: Learner, x: Array, y: Array, lr: float) -> None:
        names = ("w1", "b1", "w2", "b2")
        for own, gradient in zip(names, net.gradients(x, y), strict=True):
            taken = lr * (change(gradient) if own == name else gradient)
            setattr(net, own, getattr(net, own) - taken)

    return step


def thrice(gradient: Array) -> Array:
    return np.repeat(gradient[np.newaxis], 3, axis=0)


def column(gradient: Array) -> Array:
    return gradient.reshape(-1, 1)


@pytest.mark.parametrize(("name", "change", "tensor"), [("w2", thrice, "W2"), ("b2", column, "b2")])
def test_step_that_leaves_another_shape(
    name: str, change: Callable[[Array], Array], tensor: str
) -> None:
    step = reshaping(name, change)
    reshaped = (DIFFERS, tensor, "parameter-reshaped")
    assert told(beside(step, None), "gradient", "optimizer") == [
        reshaped,
        (UNCHECKED, None, None),
    ]
    assert told(beside(step), "gradient", "optimizer") == [(EQUAL, None, None), reshaped]


def test_row_for_a_vector_is_no_other_shape() -> None:
    step = reshaping("b2", lambda gradient: gradient.reshape(1, -1))
    assert told(beside(step, None), "gradient", "optimizer") == [(EQUAL, None, None)] * 2


class OneOutput(Learner):
    """Labels are a vector, so that p - y has a column for each sample."""

    def __init__(self) -> None:
        super().__init__()
        self.w2, self.b2 = self.w2[:, :1].copy(), self.b2[:1].copy()

    def step(self, x: Array, y: Array, lr: float) -> None:
        d2 = (self.forward(x) - y) / len(x)
        d1 = d2.sum(axis=1, keepdims=True) @ self.w2.T * self.a * (1 - self.a)
        self.w2 = self.w2 - lr * self.a.T @ d2
        self.b2 = self.b2 - lr * d2.sum(axis=0)
        self.w1 -= lr * x.T @ d1
        self.b1 -= lr * d1.sum(axis=0)


def test_labels_that_are_a_vector_give_a_matrix_more_columns() -> None:
    network = Network(
        OneOutput, parameters="w1 b1 w2 b2", forward="forward", step="step", labels="integers"
    )
    [verdict] = examine(network, only="gradient").verdicts
    assert (verdict.tensor, verdict.cause) == ("W2", "parameter-reshaped")
    assert "was of shape (5, 1) and is of (5, 7)" in verdict.message


# Optimizers that are wrong, beside gradients that are


def of_rows(s: State, p: Array, g: Array, lr: float) -> None:
    s.v = 0.99 * s.v + 0.01 * (g**2).sum(axis=-1, keepdims=True)
    p -= lr * g / (np.sqrt(s.v) + 1e-8)


@pytest.mark.parametrize(
    ("update", "gradients", "kind", "expected"),
    [
        (of_rows, without_derivative, "rmsprop", (DIFFERS, "parameter 1", None)),
        (rmsprop, Learner.gradients, "rmsprop", (EQUAL, None, None)),
        (overwritten(), without_derivative, "adagrad", (DIFFERS, None, "state-overwritten")),
        (overwritten(), Learner.gradients, "adagrad", (DIFFERS, None, "state-overwritten")),
    ],
)
def test_optimizer_beside_gradients_with_a_fault(
    update: Any, gradients: Any, kind: str, expected: tuple[str, str | None, str | None]
) -> None:
    step = stepping(each(update), gradients)
    network = beside(step, without_derivative, spec=Spec(**HALF, optimizer=kind))
    assert told(network, "optimizer") == [expected]


def of_signs(net: Learner, x: Array, y: Array) -> list[Array]:
    return carried(net, x, 2 * np.sign(net.forward(x) - y) / len(x))


def normed(net: Learner, x: Array, y: Array) -> list[Array]:
    error = net.forward(x) - y
    return carried(net, x, error / np.abs(error).sum())


def carried(net: Learner, x: Array, slope: Array) -> list[Array]:
    p = net.forward(x)
    d2 = slope * p * (1 - p)
    d1 = d2 @ net.w2.T * net.a * (1 - net.a)
    return [x.T @ d1, d1.sum(axis=0), net.a.T @ d2, d2.sum(axis=0)]


@pytest.mark.parametrize("gradients", [of_signs, normed])
def test_steps_of_what_is_handed_out_are_not_wrong_as_it_is(gradients: Any) -> None:
    # Of another loss than the one reported, or with another factor for each batch.
    declared = Spec(loss="squared_error", optimizer="adam")
    network = beside(stepping(each(adam), gradients), gradients, spec=declared)
    assert [status for status, *_ in told(network, "gradient")][:1] == [DIFFERS]
    assert told(network, "optimizer") == [(EQUAL, None, None)]


# Signs


class Negated(Learner):
    """Its sigmoid is that of the negated argument."""

    def forward(self, x: Array) -> Array:
        self.a = 1 / (1 + np.exp(x @ self.w1 + self.b1))
        output: Array = 1 / (1 + np.exp(self.a @ self.w2 + self.b2))
        return output


def signed(sign: float) -> Network:
    def step(net: Learner, x: Array, y: Array, lr: float) -> None:
        rated((sign,) * 4)(net, x, y, lr)

    return Network(Negated, parameters="w1 b1 w2 b2", forward="forward", step=step)


@pytest.mark.parametrize(
    ("sign", "told_of"), [(1.0, "the sign is right"), (-1.0, "all tensors have -1 x")]
)
def test_signs_that_follow_from_a_negated_argument_are_told(sign: float, told_of: str) -> None:
    verdicts = examine(signed(sign), only="gradient").verdicts
    signs = [verdict for verdict in verdicts if verdict.cause == "sign"]
    assert signs
    assert all(told_of in verdict.message for verdict in signs)


def test_sign_of_a_step_that_follows_from_a_negated_argument_is_told() -> None:
    def ascent(net: Learner, x: Array, y: Array) -> list[Array]:
        return [-gradient for gradient in net.gradients(x, y)]

    network = Network(
        Negated,
        parameters="w1 b1 w2 b2",
        forward="forward",
        gradients=ascent,
        step=signed(1.0).step,
        spec=Spec(**HALF),
    )
    [verdict] = [v for v in examine(network, only="optimizer").verdicts if v.status == DIFFERS]
    assert verdict.cause == "step-sign"
    assert "the sign is right" in verdict.message


def negated_sums(net: Learner, x: Array, y: Array) -> list[Array]:
    return [-len(x) * gradient for gradient in net.gradients(x, y)]


def by_means(net: Learner, x: Array, y: Array, lr: float) -> None:
    for array, gradient in zip(params(net), negated_sums(net, x, y), strict=True):
        array -= lr * gradient / len(x)


def test_sign_that_gradients_have_is_not_told_again_of_steps_by_means() -> None:
    assert told(beside(by_means, negated_sums), "gradient", "optimizer") == [
        (DIFFERS, "dL/dz2", "sign"),
        (UNCHECKED, None, None),
    ]


def test_a_factor_of_the_step_is_not_looked_for_on_the_way_back() -> None:
    [verdict] = examine(beside(rated((1.0, 1.0, 1.0, 3.0))), only="optimizer").failures
    assert (verdict.tensor, verdict.cause) == ("b2", "bias-scaled")
    assert verdict.message.endswith("Look at what the step multiplies with.")
