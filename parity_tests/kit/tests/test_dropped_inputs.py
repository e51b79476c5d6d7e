"""Inputs that a training pass drops, and what it multiplies the others with."""
# ruff: noqa: NPY002

from typing import Any

import numpy as np
import pytest

from parity_tests.kit.check import examine
from parity_tests.kit.tests.asked import Array, Classifier, network
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, Report


class _Dropping(Classifier):
    """A right network that drops inputs, as it is told so."""

    sizes = (12, 9, 10)
    kept, factor, evaluated = 0.8, 1 / 0.8, 1.0
    trains = False

    def forward(self, x: Array) -> Array:
        return super().forward(x * (self.mask(x.shape) if self.trains else self.evaluated))

    def mask(self, shape: tuple[int, ...]) -> Any:
        return (np.random.rand(*shape) < self.kept) * self.factor

    def in_training(self, what: str, *given: Array) -> Any:
        self.trains = True
        try:
            return getattr(self, what)(*given)
        finally:
            self.trains = False


class _OfTheOther(_Dropping):
    factor = 1 / 0.2


class _Unscaled(_Dropping):
    factor = 1.0


class _InEvaluation(_Dropping):
    factor, evaluated = 1.0, 0.8


class _OfSingleInputs(_Dropping):
    """No two inputs are multiplied with one number."""

    def mask(self, shape: tuple[int, ...]) -> Any:
        return 1 + 0.3 * np.random.randn(*shape)


class _Linear(_Dropping):
    sizes = (12, 10)


def _report(make: type[Classifier], **more: Any) -> Report:
    training = {
        "forward": lambda net, x: net.in_training("forward", x),
        "loss": lambda net, x, y: net.in_training("loss", x, y),
        "gradients": lambda net, x, y: net.in_training("gradients", x, y),
    }
    declared = network(make, step=None, **{"training": training, **more})
    return examine(declared, only=("forward", "gradient"))


@pytest.mark.parametrize("make", [_Dropping, _Linear])
def test_inputs_that_keep_their_mean_are_equal(make: type[Classifier]) -> None:
    found = _report(make).verdicts
    assert {own.status for own in found} == {EQUAL}
    assert "of the inputs are kept in training and multiplied by 1.25" in found[-1].message


def test_a_share_that_is_dropped_does_not_divide_inputs() -> None:
    [verdict] = _report(_OfTheOther).failures
    assert (verdict.aspect, verdict.tensor, verdict.cause) == ("forward", "x", "dropout-scale")
    assert "multiplied by 5, and evaluation multiplies all by 1" in verdict.message
    assert "that is 1 / the share that is dropped" in verdict.message


def test_inputs_that_are_not_scaled_may_be_noise() -> None:
    verdict, *others = _report(_Unscaled).verdicts
    assert (verdict.aspect, verdict.status, verdict.tensor) == ("forward", CONVENTION, "x")
    assert {own.status for own in others} == {EQUAL}
    assert "noise that is meant, or dropout that is not divided by 1 - p" in verdict.message


def test_nothing_is_said_of_inputs_that_evaluation_scales_by_itself() -> None:
    found = _report(_InEvaluation).verdicts
    assert not [own for own in found if own.tensor == "x" or own.status == DIFFERS]


def test_noise_of_every_input_is_no_dropout() -> None:
    found = _report(_OfSingleInputs).verdicts
    assert {own.status for own in found} == {EQUAL}
    assert "of the inputs" not in found[-1].message


def test_an_autoencoder_may_be_kept_from_its_inputs() -> None:
    class OfInputs(_Unscaled):
        sizes = (12, 9, 12)
        last = staticmethod(lambda z: z)

        def delta(self, x: Array, _y: Array) -> Array:
            return np.asarray((self.forward(x) - x) / len(x))

        def loss(self, x: Array, _y: Array) -> float:
            return float(((self.forward(x) - x) ** 2).sum() / len(x) / 2)

    found = _report(OfInputs, labels="targets").verdicts
    assert {own.status for own in found} == {EQUAL}
    assert "of the inputs" not in found[-1].message
