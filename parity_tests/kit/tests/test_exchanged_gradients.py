"""Gradients of matrices that are those of other ones of their shape."""

from typing import Any

import numpy as np
import pytest

from parity_tests.kit.check import examine
from parity_tests.kit.tests.asked import Array, network, variant
from parity_tests.kit.verdicts import Report

_SIZES = (12, 9, 9, 9, 10)


def _report(order: list[int], scale: float = 1.0, sizes: tuple[int, ...] = _SIZES) -> Report:
    """Return what is said of a network whose parameters get the gradients of others."""

    def gradients(net: Any, x: Array, y: Array) -> list[Array]:
        found = net.gradients(x, y)
        return [scale * found[number] for number in order]

    made = variant(sizes=sizes, activation=np.tanh)
    return examine(network(made, gradients=gradients, step=None), only="gradient")


@pytest.mark.parametrize(
    ("order", "tensor", "told"),
    [
        ([0, 1, 1, 3, 4, 5, 6, 7], "W3", "that of W2, on W3 ("),
        ([0, 2, 2, 3, 4, 5, 6, 7], "W2", "that of W3, on W2 ("),
        (
            [0, 2, 1, 3, 4, 5, 6, 7],
            "W3",
            "that of W2 and that of W3, in this order, on W3, likewise on W2 (",
        ),
        (
            [0, 1, 1, 3, 4, 5, 5, 7],
            "W3",
            "that of W2 and that of b2, in this order, on W3, likewise on b3 (",
        ),
    ],
)
@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_the_gradient_of_another_parameter_is_named(
    order: list[int], tensor: str, told: str, scale: float
) -> None:
    first, *others = _report(order, scale).failures
    assert (first.tensor, first.cause) == (tensor, "gradient-of-another-parameter")
    assert f"Yours is {told}" in first.message
    # Nothing that lies below is blamed, and a factor of all is told as one.
    assert [verdict.cause for verdict in others] == ["factor-two"] * (scale != 1)


@pytest.mark.parametrize("sizes", [_SIZES, (9, 9, 9)])
def test_layers_of_one_shape_have_their_own_gradients(sizes: tuple[int, ...]) -> None:
    assert not _report(list(range(2 * len(sizes) - 2)), sizes=sizes).failures


def test_what_else_a_matrix_has_is_not_that_of_another() -> None:
    def gradients(net: Any, x: Array, y: Array) -> list[Array]:
        found: list[Array] = net.gradients(x, y)
        found[2] = found[1] + 0.1 * np.abs(found[2])
        return found

    made = variant(sizes=_SIZES, activation=np.tanh)
    [verdict] = examine(network(made, gradients=gradients, step=None), only="gradient").failures
    assert (verdict.tensor, verdict.cause) == ("W3", None)
