"""Derivatives of no known form, measured by what multiplies the gradient that comes back."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from parity_tests.kit.check import examine
from parity_tests.kit.tests.any_function import Array, Function, network, sigmoid, softmax
from parity_tests.kit.verdicts import Verdict


def _relu(z: Array) -> Array:
    return np.maximum(z, 0.0)


def failure(function: Function, slope: Function, sizes: tuple[int, ...] = (12, 9, 10)) -> Verdict:
    """Return what is said of a network with a function and something for its derivative."""
    output = softmax if sizes[-1] == 10 else lambda z: z
    return examine(network(function, slope, sizes, output), only="gradient").failures[0]


@pytest.mark.parametrize(
    ("function", "slope"),
    [
        (_relu, np.sign),
        (_relu, lambda z: 1.0 * (z > 0.5)),
        (sigmoid, lambda z: sigmoid(z) * (1 - sigmoid(z)) ** 2),
        (np.tanh, lambda z: 1 - abs(np.tanh(z))),
        # Of a function that has no name either.
        (lambda z: np.sign(z) * np.log1p(abs(z)), lambda z: 1 / (1 + abs(z)) ** 3),
    ],
    ids=["sign", "threshold", "once more", "magnitude", "unnamed"],
)
def test_a_derivative_that_is_a_function_of_the_pre_activation_is_told(
    function: Function, slope: Function
) -> None:
    verdict = failure(function, slope)
    assert (verdict.tensor, verdict.cause) == ("W1", "derivative-of-another-function")
    at, _, rest = verdict.message.partition("at z1 = ")[2].partition(" it is ")
    places, came = (
        np.array([float(one) for one in part.split(", ")])
        for part in (at, rest.partition(", and ")[0])
    )
    np.testing.assert_allclose(came, slope(places), atol=0.01)


def test_it_is_told_of_the_layer_that_is_nearest_to_the_loss() -> None:
    verdict = failure(_relu, np.sign, (12, 9, 8, 5))
    assert (verdict.tensor, verdict.cause) == ("W2", "derivative-of-another-function")
    assert "at z2 = " in verdict.message


@pytest.mark.parametrize(
    "slope",
    [
        lambda z: 1.0 * (z > z.mean()),
        lambda z: (z > 0) * (z == z.max(axis=1, keepdims=True)),
        lambda z: np.broadcast_to(1.0 * (z[:1] > 0), z.shape),
        lambda z: (z > 0) * (1 + np.arange(z.shape[1]) / 9),
        lambda z: (z > 0) * (1 - (np.arange(len(z)) == 0) / 2)[:, np.newaxis],
    ],
    ids=["of other units", "of the largest", "of another sample", "of the unit", "of one sample"],
)
def test_what_is_no_function_of_the_pre_activation_stays_unknown(slope: Function) -> None:
    verdict = failure(_relu, slope)
    assert (verdict.tensor, verdict.cause) == ("W1", None)


@pytest.mark.parametrize(
    ("function", "slope"),
    [
        (lambda z: 1.7159 * np.tanh(z), lambda z: 1.7159 * (1 - (1.7159 * np.tanh(z)) ** 2)),
        (
            lambda z: 1.7159 * np.tanh(2 * z / 3),
            lambda z: 1.7159 * 2 / 3 * (1 - (1.7159 * np.tanh(2 * z / 3)) ** 2),
        ),
        (lambda z: 3 * sigmoid(z), lambda z: 9 * sigmoid(z) * (1 - 3 * sigmoid(z))),
    ],
    ids=["tanh", "tanh of two thirds", "sigmoid"],
)
def test_a_scaled_function_whose_derivative_is_given_its_own_value_has_no_factor_besides(
    function: Function, slope: Function
) -> None:
    report = examine(network(function, slope, (12, 9, 8, 5), lambda z: z), only="gradient")
    assert [(v.tensor, v.cause) for v in report.failures] == [("W2", "derivative-formula")]


@pytest.mark.parametrize(
    ("slope", "causes"),
    [(np.sign, ["derivative-of-another-function"]), (lambda z: 1.0 * (z > 0), [])],
    ids=["sign", "right"],
)
def test_a_penalty_is_taken_off_before_a_derivative_is_measured(
    slope: Function, causes: list[str]
) -> None:
    plain = network(_relu, slope)

    def penalized(net: Any, x: Array, y: Array) -> list[Array]:
        assert callable(plain.gradients)
        gradients = plain.gradients(net, x, y)
        pairs = zip(gradients, net, strict=True)
        return [own + 0.1 * value if value.ndim == 2 else own for own, value in pairs]

    report = examine(replace(plain, gradients=penalized), only="gradient")
    assert [verdict.cause for verdict in report.failures] == causes
