"""Where a loss is a sum, steps alone do not tell its gradient over the batch size from a mean."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from parity_tests.kit.arbiter import pytorch
from parity_tests.kit.check import examine
from parity_tests.kit.network import Network
from parity_tests.kit.tests.learners import Learner, summed, without_derivative
from parity_tests.kit.tests.update_rules import Array
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL

Gradients = Callable[[Learner, Array, Array], list[Array]]
ON_MEAN = (CONVENTION, "factor-batch", None)


def total(net: Learner, x: Array, y: Array) -> float:
    return float(np.sum((net.forward(x) - y) ** 2) / 2)


def stepping(gradients: Gradients, times: tuple[float, ...] = (1, 1, 1, 1)) -> Network:
    def step(net: Learner, x: Array, y: Array, lr: float) -> None:
        arrays = (net.w1, net.b1, net.w2, net.b2)
        for array, gradient, number in zip(arrays, gradients(net, x, y), times, strict=True):
            array -= lr * number * gradient

    return Network(Learner, parameters="w1 b1 w2 b2", forward="forward", loss=total, step=step)


def told(network: Network) -> list[tuple[str, str | None, str | None]]:
    return [(v.status, v.cause, v.tensor) for v in examine(network, only="gradient").verdicts]


def test_the_mean_of_a_sum_is_a_convention_of_steps() -> None:
    report = examine(stepping(Learner.gradients), arbiter=pytorch())
    assert report.failures == []
    [verdict] = report.of("gradient")
    assert (verdict.status, verdict.cause) == (CONVENTION, "factor-batch")
    assert verdict.factor == pytest.approx(1 / 7)
    assert "No step tells a sum that is divided by the batch size" in verdict.message


def test_steps_on_the_sum_are_those_of_the_loss() -> None:
    assert told(stepping(summed)) == [(EQUAL, None, None)]


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        (stepping(Learner.gradients, (2, 2, 2, 2)), (DIFFERS, "factor-two", "dL/dz2")),
        (stepping(Learner.gradients, (-1, -1, -1, -1)), (DIFFERS, "sign", "dL/dz2")),
        (stepping(Learner.gradients, (1, 3, 1, 3)), (DIFFERS, "bias-scaled", "b2")),
        (stepping(without_derivative), (DIFFERS, "activation-derivative-missing", "W1")),
    ],
)
def test_what_else_is_wrong_is_told_beside_it(network: Network, expected: Any) -> None:
    assert told(network) == [expected, ON_MEAN]


def test_a_sum_of_some_tensors_is_no_mean() -> None:
    def averaged_in_part(net: Learner, x: Array, y: Array) -> list[Array]:
        w1, b1, w2, b2 = net.gradients(x, y)
        return [len(x) * w1, len(x) * b1, w2, b2]

    found = told(stepping(averaged_in_part))
    assert DIFFERS in [status for status, *_ in found]
    assert ON_MEAN not in found


def test_gradients_that_are_handed_out_tell_the_sum() -> None:
    network = replace(stepping(Learner.gradients), gradients="gradients")
    assert told(network) == [(DIFFERS, "factor-batch", "dL/dz2")]
