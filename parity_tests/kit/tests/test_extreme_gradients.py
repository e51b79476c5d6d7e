"""Derivatives that overflow are named, and gradients that are finite are not blamed."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from parity_tests.kit.aspects.forward import aspect as forward
from parity_tests.kit.aspects.gradient import aspect as gradient
from parity_tests.kit.aspects.loss import aspect as loss
from parity_tests.kit.aspects.stability import aspect as stability
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.subject.subject import Subject
from parity_tests.kit.tests.asked import Array, Classifier, causes, network, only, sigmoid
from parity_tests.kit.verdicts import DIFFERS, EQUAL, UNCHECKED, Verdict


def _by_exponentials(z: Array) -> Array:
    return np.exp(z) / (1 + np.exp(z)) ** 2


def _by_negative_exponentials(z: Array) -> Array:
    return np.exp(-z) / (1 + np.exp(-z)) ** 2


def _by_value(z: Array) -> Array:
    return sigmoid(z) * (1 - sigmoid(z))


def _tanh_by_value(z: Array) -> Array:
    return 1 - np.tanh(z) ** 2


def _tanh_by_exponentials(z: Array) -> Array:
    up, down = np.exp(z), np.exp(-z)
    return 1 - ((up - down) / (up + down)) ** 2


def _strange(z: Array) -> Array:
    # Not finite where neither of the formulas with exponentials is.
    return np.where(np.abs(z) > 900, np.nan, _by_value(z))


class _Network(Classifier):
    """Sigmoid units, and the derivatives of the hidden ones and of the outputs by themselves."""

    sizes = (7, 5, 3)
    activation = staticmethod(sigmoid)
    slope: Callable[[Array], Array] = staticmethod(_by_value)
    last_slope: Callable[[Array], Array] | None = None

    def forward(self, x: Array) -> Array:
        self.z = x @ self.w[0] + self.b[0]
        self.a = self.activation(self.z)
        self.z2 = self.a @ self.w[1] + self.b[1]
        return sigmoid(self.z2) if self.last_slope else self.last(self.z2)

    def loss(self, x: Array, y: Array) -> float:
        if self.last_slope:
            return float(((self.forward(x) - y) ** 2).sum() / len(x))
        return super().loss(x, y)

    def gradients(self, x: Array, y: Array) -> list[Array]:
        d2 = (self.forward(x) - y) / len(x)
        if self.last_slope:
            d2 = 2 * d2 * self.last_slope(self.z2)
        d1 = d2 @ self.w[1].T * self.slope(self.z)
        return [x.T @ d1, self.a.T @ d2, d1.sum(axis=0), d2.sum(axis=0)]


def _told(**parts: Any) -> list[Verdict]:
    functions = {name: staticmethod(part) for name, part in parts.items()}
    return _told_of(type("Net", (_Network,), functions))


def _told_of(make: type[_Network]) -> list[Verdict]:
    declared = network(make, step=None)
    inquiry = Inquiry.begin(Subject(declared), declared.spec, 0)
    for aspect in (forward, loss, gradient):
        aspect.examine(inquiry)
    return stability.examine(inquiry)


_OF_TANH = {"activation": np.tanh}


@pytest.mark.parametrize(
    ("parts", "tensor"),
    [
        ({"slope": _by_exponentials}, "W1"),
        ({"slope": _by_negative_exponentials}, "W1"),
        ({"slope": _by_value, "last_slope": _by_exponentials}, "W2"),
        ({"slope": _by_value, "last_slope": _by_negative_exponentials}, "W2"),
        ({"slope": _by_exponentials, "last_slope": _by_exponentials}, "W2"),
        (_OF_TANH | {"slope": _tanh_by_exponentials}, "W1"),
    ],
)
def test_a_derivative_that_overflows_is_named(parts: dict[str, Any], tensor: str) -> None:
    verdict = only([v for v in _told(**parts) if v.status == DIFFERS])
    assert (verdict.cause, verdict.tensor) == ("derivative-overflow", tensor)


@pytest.mark.parametrize(
    "parts", [{}, {"last_slope": _by_value}, _OF_TANH | {"slope": _tanh_by_value}]
)
def test_derivatives_by_the_activation_are_finite(parts: dict[str, Any]) -> None:
    assert not causes(_told(**parts))


def test_what_no_formula_explains_has_no_cause() -> None:
    assert causes(_told(slope=_strange)) == [None]


class _Refuses(_Network):
    """It asserts what large numbers do not have."""

    def forward(self, x: Array) -> Array:
        output = super().forward(x)
        assert np.abs(self.z2).max() < 900
        return output


def test_a_forward_pass_that_raises_is_told_once() -> None:
    verdict = only([v for v in _told_of(_Refuses) if v.status == UNCHECKED])
    assert verdict.message.startswith("outputs for large logits")


def test_what_is_asked_is_told() -> None:
    verdict = only(_told(last_slope=_by_value))
    assert verdict.status == EQUAL
    assert verdict.message.startswith("outputs, losses and gradients are finite")
