"""Factors that may be meant beside faults, and divisors that are the size of another batch."""

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
from parity_tests.kit.tests.learners import Learner
from parity_tests.kit.tests.test_steps import beside, loss, params
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, Verdict

Array = NDArray[Any]
# How many times each parameter's gradient is taken, by the size of the batch.
Times = Callable[[int], tuple[float, float, float, float]]


def taking(times: Times, **more: Any) -> list[Verdict]:
    def gradients(net: Learner, x: Array, y: Array) -> list[Array]:
        own = zip(net.gradients(x, y), times(len(x)), strict=True)
        return [factor * gradient for gradient, factor in own]

    return of_gradient(beside(lambda *_: None, gradients, **more))


def of_gradient(network: Network) -> list[Verdict]:
    return list(examine(network, only="gradient").verdicts)


@pytest.mark.parametrize(
    ("times", "tensor", "cause", "names"),
    [
        (lambda n: (2, 2 * n, 2, 2 * n), "b2", "bias-scaled", "b2, b1"),
        (lambda n: (2 * n, 2, 2 * n, 2), "W2", "factor-batch", "W2, W1"),
        (lambda n: (2, 2, 2, 2 * n), "b2", "bias-scaled", "b2"),
    ],
)
def test_what_may_be_meant_is_no_fault_beside_one(
    times: Times, tensor: str, cause: str, names: str
) -> None:
    convention, fault = taking(times, loss=None)
    assert convention.status == CONVENTION
    assert convention.factor == pytest.approx(2)
    assert (fault.status, fault.tensor, fault.cause) == (DIFFERS, tensor, cause)
    assert fault.factor == pytest.approx(7)
    assert f"besides what all have, {names} " in fault.message


def test_what_a_loss_says_is_not_meant_is_a_fault() -> None:
    found = taking(lambda n: (2, 2 * n, 2, 2 * n))
    assert [(v.status, v.cause) for v in found] == [
        (DIFFERS, "factor-two"),
        (DIFFERS, "bias-scaled"),
    ]


@pytest.mark.parametrize("limit", [np.inf, 10.0])
def test_a_factor_that_steps_make_up_for_is_none_of_larger_outputs(limit: float) -> None:
    def outputs(net: Learner, x: Array) -> Array:
        net.a = np.tanh(x @ net.w1 + net.b1)
        return np.asarray(net.a @ net.w2 + net.b2)

    def gradients(net: Learner, x: Array, y: Array) -> list[Array]:
        d2 = np.clip(2 * (outputs(net, x) - y), -limit, limit)
        d1 = d2 @ net.w2.T * (1 - net.a**2)
        return [x.T @ d1, d1.sum(axis=0), net.a.T @ d2, d2.sum(axis=0)]

    def step(net: Learner, x: Array, y: Array, lr: float) -> None:
        for own, gradient in zip(params(net), gradients(net, x, y), strict=True):
            own -= lr / len(x) * gradient

    network = beside(step, gradients, labels="targets")
    squares = lambda net, x, y: ((outputs(net, x) - y) ** 2).sum() / len(x)  # noqa: E731
    found = of_gradient(replace(network, forward=outputs, loss=squares))
    if np.isinf(limit):
        assert [(v.status, v.cause) for v in found] == [(CONVENTION, "factor-batch")]
    else:
        assert DIFFERS in [v.status for v in found]


def test_a_right_gradient_with_a_convention_is_told_alone() -> None:
    [verdict] = taking(lambda _: (2, 2, 2, 2), loss=None)
    assert (verdict.status, verdict.cause) == (CONVENTION, "factor-two")


class Primed(Learner):
    """It is asked for seven samples as it is made, and may keep how many these were."""

    kept = 7

    def divided(self, x: Array, y: Array, *kept: int) -> list[Array]:
        own = enumerate(self.gradients(x, y))
        return [g * len(x) / (self.kept if n in kept else len(x)) for n, g in own]


@pytest.mark.parametrize(
    ("kept", "names"), [((0, 2), "on W2, W1 and not"), ((0, 1, 2, 3), "on all 4 tensors")]
)
def test_the_size_of_an_earlier_batch_is_no_factor_of_one(kept: Any, names: str) -> None:
    network = Network(
        Primed,
        parameters=params,
        forward="forward",
        gradients=lambda net, x, y: net.divided(x, y, *kept),
        loss=loss,
    )
    [verdict] = of_gradient(network)
    assert (verdict.status, verdict.cause) == (DIFFERS, "factor-nominal-batch")
    assert verdict.factor == pytest.approx(3 / 7)
    assert "0.428571 x expected with a batch of 3, and as expected with one of 7" in verdict.message
    assert names in verdict.message
    assert "batch size / 7" in verdict.message


def test_the_size_of_each_batch_is_right() -> None:
    network = Network(
        Primed,
        parameters=params,
        forward="forward",
        gradients=lambda net, x, y: net.divided(x, y),
        loss=loss,
    )
    assert [verdict.status for verdict in of_gradient(network)] == [EQUAL]


def test_biases_have_their_own_factor_where_all_matrices_are_wrong() -> None:
    def outputs(net: Learner, x: Array) -> Array:
        net.a = np.tanh(x @ net.w1 + net.b1)
        e = np.exp(net.a @ net.w2 + net.b2)
        return np.asarray(e / e.sum(axis=1, keepdims=True))

    def gradients(net: Learner, x: Array, y: Array) -> list[Array]:
        p = outputs(net, x)
        d2 = (p - y) * p * (1 - p)
        d1 = d2 @ net.w2.T * (1 - np.tanh(net.a) ** 2)
        # Steps show factors to some six digits.
        near = [d1.mean(axis=0) * (1 + 8e-7), d2.mean(axis=0) * (1 - 8e-7)]
        return [x.T @ d1, near[0], net.a.T @ d2, near[1]]

    spec = Spec(output="softmax", loss="squared_error", scale="half sum")
    network = replace(beside(lambda *_: None, gradients, loss=None, spec=spec), forward=outputs)
    *of_matrices, of_biases = of_gradient(network)
    assert [(v.tensor, v.cause) for v in of_matrices] == [
        ("W2", "softmax-jacobian-diagonal"),
        ("W1", "derivative-on-activation"),
    ]
    assert (of_biases.tensor, of_biases.cause) == ("b2", "bias-scaled")
    assert of_biases.factor == pytest.approx(1 / 7)
    assert "on b2, b1 and not on the others" in of_biases.message
