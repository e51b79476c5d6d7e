"""What is small beside the gradient of a matrix is not left out, nor taken for something else."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from parity_tests.kit.check import examine
from parity_tests.kit.tests.asked import Array, network, variant
from parity_tests.kit.verdicts import DIFFERS, Verdict

# What is done to the gradient of the last matrix, by the weights.
Change = Callable[[Array, Array], Array]


def _failures(change: Change, penalty: float = 0.0) -> list[Verdict]:
    def gradients(net: Any, x: Array, y: Array) -> list[Array]:
        found: list[Array] = net.gradients(x, y)
        for number, w in enumerate(net.w):
            found[number] += 2 * penalty * w if number + 1 < len(net.w) else 0.0
        last = len(net.w) - 1
        found[last] = change(found[last], net.w[last])
        return found

    def loss(net: Any, x: Array, y: Array) -> float:
        squares = sum(float((w**2).sum()) for w in net.w)
        return float(type(net).loss(net, x, y)) + penalty * squares

    made = variant(activation=np.tanh, sizes=(12, 9, 10))
    declared = network(made, gradients=gradients, loss=loss, step=None)
    return examine(declared, only="gradient").failures


_NUMBER = 1e-6


@pytest.mark.parametrize(
    "change",
    [
        lambda g, _: g + _NUMBER,
        lambda g, w: g + 2 * _NUMBER * np.abs(np.cos(w)),
        lambda g, w: g - 2 * _NUMBER * np.sign(w) * np.sin(3 * w) ** 2,
    ],
    ids=["one number", "near to the magnitudes", "near to a penalty"],
)
@pytest.mark.parametrize("penalty", [0.0, 1e-3])
def test_a_small_part_of_no_known_form_is_of_no_known_cause(change: Change, penalty: float) -> None:
    [verdict] = _failures(change, penalty)
    assert (verdict.status, verdict.tensor, verdict.cause) == (DIFFERS, "W2", None)
    assert "is 1 x, which leaves" in verdict.message
    assert "nothing added" not in verdict.message


def test_a_small_share_of_the_magnitudes_is_named_where_it_is_all() -> None:
    [verdict] = _failures(lambda g, w: g + _NUMBER * np.abs(w))
    assert verdict.cause == "penalty-of-magnitudes"
    assert "1e-06 x |W2|" in verdict.message


@pytest.mark.parametrize(
    "change",
    [lambda g, _: g, lambda g, _: g.astype(np.float32).astype(float)],
    ids=["as it is", "in single precision"],
)
def test_the_rounding_of_single_precision_is_no_small_part(change: Change) -> None:
    assert not _failures(change)
