"""Errors of the outputs of no known form, measured where the gradient begins with them."""

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from parity_tests.kit.check import examine
from parity_tests.kit.spec import Spec
from parity_tests.kit.tests.any_function import Array, Error, Function, network, sigmoid, softmax
from parity_tests.kit.verdicts import CONVENTION, Report, Verdict


def failure(error: Error, outputs: int = 10, output: Function = softmax) -> Verdict:
    """Return what is said of a network that begins its backward pass with an error."""
    return judged(error, outputs, output).failures[0]


def judged(error: Error, outputs: int, output: Function, **more: Any) -> Report:
    made = network(np.tanh, lambda z: 1 - np.tanh(z) ** 2, (12, 9, outputs), output, error=error)
    return examine(replace(made, **more), only="gradient")


def _numbers(text: str) -> Array:
    return np.array([float(one) for one in re.findall(r"-?[0-9.]+(?:e-?[0-9]+)?", text)])


@pytest.mark.parametrize(
    "error",
    [
        lambda p, y: p - 2 * y,
        lambda p, y: p - y - 0.3 * np.sign(p - 0.5),
        lambda p, y: p - y + 0.1,
    ],
    ids=["twice the labels", "away from the middle", "shifted"],
)
@pytest.mark.parametrize(
    ("outputs", "output"),
    [(10, softmax), (1, sigmoid), (3, lambda z: z)],
    ids=["softmax", "one sigmoid", "numbers"],
)
def test_an_error_that_goes_by_output_and_label_is_told(
    error: Error, outputs: int, output: Function
) -> None:
    verdict = failure(error, outputs, output)
    assert (verdict.tensor, verdict.cause) == ("W2", "error-of-another-form")
    pairs, _, rest = verdict.message.partition("for (p, y) = ")[2].partition(" it is ")
    p, y = _numbers(pairs).reshape(-1, 2).T
    came = _numbers(rest.partition(", and that of the loss is ")[0])
    np.testing.assert_allclose(came, error(p, y), rtol=0.02, atol=0.02)
    assert {*y} == {0.0, 1.0}


@pytest.mark.parametrize(
    "error",
    [lambda p, y: np.clip(p - y, -0.3, 0.3), lambda p, y: (p - y) ** 3],
    ids=["clipped", "cubed"],
)
def test_an_error_of_the_difference_may_be_that_of_a_loss_where_none_is_reported(
    error: Error,
) -> None:
    [verdict] = judged(error, 3, _numbers_as_they_are).verdicts
    assert verdict.status == CONVENTION
    assert "no loss is reported" in verdict.message

    def loss(net: Any, x: Array, y: Array) -> float:
        outputs = np.tanh(x @ net[0] + net[1]) @ net[2] + net[3]
        return float(np.mean(np.sum((outputs - y) ** 2, axis=1)) / 2)

    for several in (
        judged(error, 3, _numbers_as_they_are, spec=Spec(loss="squared_error")),
        judged(error, 3, _numbers_as_they_are, loss=loss),
        judged(error, 3, softmax),
    ):
        assert [v.tensor for v in several.failures] == ["W2"]


def _numbers_as_they_are(z: Array) -> Array:
    return z


@pytest.mark.parametrize(
    "error",
    [
        lambda p, y: (p - y) * p.max(axis=1, keepdims=True),
        lambda p, y: 2 * p - y - np.roll(y, 2, axis=1),
        lambda p, y: (p - y) * np.arange(1, p.shape[1] + 1) ** 0.3,
    ],
    ids=["of the largest output", "of other labels", "of the class"],
)
def test_what_goes_by_more_stays_unknown(error: Error) -> None:
    verdict = failure(error)
    assert (verdict.tensor, verdict.cause) == ("W2", None)
