"""Errors that are centred over the batch, and bias gradients that are zero for that or another."""

from typing import Any

import numpy as np
import pytest

from parity_tests.kit.check import examine
from parity_tests.kit.tests.asked import Array, Classifier, network, variant
from parity_tests.kit.verdicts import Verdict


def _failures(declared: Any) -> list[Verdict]:
    return examine(declared, only="gradient").failures


class _Centred(Classifier):
    """The mean over the batch is taken away from the error."""

    def delta(self, x: Array, y: Array) -> Array:
        delta = super().delta(x, y)
        return np.asarray(delta - delta.mean(axis=0))


@pytest.mark.parametrize("outputs", [3, 10])
def test_centred_errors_are_named_and_what_follows_is_not_blamed(outputs: int) -> None:
    made = type("Net", (_Centred,), {"sizes": (12, 9, 8, outputs)})
    [verdict] = _failures(network(made, step=None))
    assert (verdict.tensor, verdict.cause) == ("W3", "error-centred")
    assert "((p - y) less its mean over the samples).T @ a2, on W3" in verdict.message


def test_errors_that_are_not_centred_are_right() -> None:
    assert not _failures(network(variant(sizes=(12, 9, 8, 3)), step=None))


def test_centred_inputs_of_a_layer_are_no_centred_errors() -> None:
    def gradients(net: Any, x: Array, y: Array) -> list[Array]:
        found: list[Array] = net.gradients(x, y)
        found[1] = (net.a[1] - net.a[1].mean(axis=0)).T @ net.delta(x, y)
        return found

    made = variant(sizes=(12, 9, 10))
    told = [(v.tensor, v.cause) for v in _failures(network(made, gradients=gradients, step=None))]
    assert told == [("W2", None)]


def test_rounding_that_differs_from_unit_to_unit_is_not_one_number() -> None:
    def gradients(net: Any, x: Array, y: Array) -> list[Array]:
        *found, _ = net.gradients(x, y)
        return [*found, 1e-17 * np.arange(-4, 6)]

    [verdict] = _failures(network(gradients=gradients, step=None))
    assert (verdict.tensor, verdict.cause) == (f"b{len(Classifier().w)}", None)
    assert "nothing of what was expected is in it" in verdict.message


def test_a_sum_over_samples_and_units_is_one_number() -> None:
    def gradients(net: Any, x: Array, y: Array) -> list[Array]:
        *found, last = net.gradients(x, y)
        return [*found, np.full_like(last, net.delta(x, y).sum())]

    [verdict] = _failures(network(gradients=gradients, step=None))
    assert (verdict.tensor, verdict.cause) == (f"b{len(Classifier().w)}", "bias-collapsed")
