"""Gradients in another order of their units, with |W| beside them, and of exchanged arguments."""

from collections.abc import Callable

import numpy as np
import pytest

from parity_tests.kit.aspects.gradient import aspect as gradient
from parity_tests.kit.aspects.loss import aspect as loss
from parity_tests.kit.backprop.reordered import reordered_vector, reorderings
from parity_tests.kit.candidates.decayed import with_magnitudes
from parity_tests.kit.tests.asked import (
    Array,
    Classifier,
    Unfused,
    ask,
    causes,
    network,
    only,
)
from parity_tests.kit.verdicts import DIFFERS

Change = Callable[[list[Array]], list[Array]]


def _changed(change: Change) -> type[Classifier]:
    class Changed(Classifier):
        def gradients(self, x: Array, y: Array) -> list[Array]:
            return change(super().gradients(x, y))

    return Changed


@pytest.mark.parametrize(
    ("change", "tensor", "text"),
    [
        (lambda g: [g[0][:, ::-1], *g[1:]], "W1", "its rows the other way round"),
        (lambda g: [g[0][::-1], *g[1:]], "W1", "its columns the other way round"),
        (lambda g: [*g[:2], np.roll(g[2], 1, axis=1), *g[3:]], "W3", "its rows rolled by 1"),
        (lambda g: [*g[:2], g[2][:, [1, 0, *range(2, 10)]], *g[3:]], "W3", "in another order"),
        (lambda g: [*g[:5], g[5][:, ::-1]], "b3", "the units in another order"),
    ],
)
def test_units_in_another_order_are_named(change: Change, tensor: str, text: str) -> None:
    verdict = only(ask(network(_changed(change), step=None), gradient.examine))
    assert (verdict.status, verdict.cause) == (DIFFERS, "units-reordered")
    assert verdict.tensor == tensor
    assert text in verdict.message


def test_an_order_is_found_besides_units_without_gradient() -> None:
    rng = np.random.default_rng(0)
    expected = rng.standard_normal((6, 5))
    expected[2] = 0
    order = [3, 2, 0, 5, 4, 1]
    [(text, found)] = reorderings(-2 * expected[order], expected)
    assert text == "its rows in another order"
    np.testing.assert_array_equal(found, expected[order])
    assert list(reorderings(3 * expected, expected)) == []
    assert list(reorderings(rng.standard_normal((6, 5)), expected)) == []
    assert list(reorderings(expected[:2], expected[1::-1])) == []
    bias = expected[0]
    found = reordered_vector(-2 * bias[::-1], bias, None, 1e-9)
    assert found == pytest.approx((-2, 0), abs=1e-9)
    assert reordered_vector(2 * bias[::-1], bias, 1.0, 1e-9) is None
    assert reordered_vector(bias + 1, bias, None, 1e-9) is None


def test_weights_without_their_signs_are_no_penalty() -> None:
    class Decayed(Classifier):
        def gradients(self, x: Array, y: Array) -> list[Array]:
            found = super().gradients(x, y)
            return [g + 0.03 * np.abs(w) for g, w in zip(found, self.w, strict=False)] + found[3:]

    verdict = only(ask(network(Decayed, step=None), gradient.examine))
    assert verdict.cause == "penalty-of-magnitudes"
    assert "and 0.03 x |W3|" in verdict.message
    assert "likewise on W2 and W1" in verdict.message
    # A last matrix may have a few entries.
    expected, weight = np.random.default_rng(1).standard_normal((2, 1, 4))
    added = with_magnitudes(2 * expected + 0.1 * np.abs(weight), expected, weight)
    assert added is not None
    assert (added.factor, added.share, added.residual) == pytest.approx((2, 0.1, 0), abs=1e-9)


def _of_labels(epsilon: float, *, is_clipped: bool) -> type[Classifier]:
    class Exchanged(Classifier):
        def loss(self, x: Array, y: Array) -> float:
            way = np.clip(y, epsilon, 1 - epsilon) if is_clipped else y + epsilon
            return float(-np.mean(np.sum(self.forward(x) * np.log(way), axis=1)))

    return Exchanged


@pytest.mark.parametrize("epsilon", [1e-12, 1e-6])
@pytest.mark.parametrize("is_clipped", [False, True])
def test_labels_that_are_given_for_outputs_are_named(epsilon: float, *, is_clipped: bool) -> None:
    declared = network(_of_labels(epsilon, is_clipped=is_clipped), step=None)
    verdict = only(ask(declared, loss.examine))
    assert (verdict.status, verdict.cause) == (DIFFERS, "loss-arguments-exchanged")
    assert "the value is 1 x" in verdict.message


class _DerivativeOfLabels(Unfused):
    def delta(self, x: Array, y: Array) -> Array:
        p = self.forward(x)
        upstream = -p / (y + 1e-12)
        return np.asarray(p * (upstream - (upstream * p).sum(axis=1, keepdims=True)) / len(x))


def test_a_derivative_that_is_given_labels_for_outputs_is_named() -> None:
    found = ask(network(_DerivativeOfLabels, step=None), gradient.examine)
    assert causes(found) == ["loss-arguments-exchanged"]
