"""Steps on inputs so large that a rectifier reaches its upper end."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from parity_tests.kit.check import examine
from parity_tests.kit.tests.asked import Array, Classifier, network
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, Report

# How a gradient is taken off: ``f(gradients, step)``.
Limit = Callable[[list[Array], int], list[Array]]


class _Bounded(Classifier):
    """A rectifier with an upper end, and steps alone."""

    sizes = (12, 9, 10)
    top = 6.0
    is_right = True
    limit: Limit = staticmethod(lambda found, _: found)

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def activation(self, z: Array) -> Array:
        return np.clip(z, 0, self.top)

    def gradients(self, x: Array, y: Array) -> list[Array]:
        d = self.delta(x, y)
        a = self.a[1]
        below = (d @ self.w[1].T) * (a > 0) * ((a < self.top) | (not self.is_right))
        return [x.T @ below, a.T @ d, *(own.sum(axis=0, keepdims=True) for own in (below, d))]

    def step(self, x: Array, y: Array, lr: float) -> None:
        self.count += 1
        found = type(self).limit(self.gradients(x, y), self.count)
        for own, gradient in zip(self.w + self.b, found, strict=True):
            own -= lr * gradient


def _by_norm(found: list[Array], _: int) -> list[Array]:
    size = np.sqrt(sum(float((own**2).sum()) for own in found))
    return [own * min(1.0, 3.0 / size) for own in found]


_LIMITS: dict[str, Limit] = {
    "as they are": lambda found, _: found,
    "entries": lambda found, _: [np.clip(own, -1.0, 1.0) for own in found],
    "norm": _by_norm,
    "growing rate": lambda found, count: [min(1.0, count / 10) * own for own in found],
}


def _report(**parts: Any) -> Report:
    made = type("Net", (_Bounded,), parts)
    return examine(network(made, gradients=None), 0, ["forward", "loss", "gradient", "optimizer"])


@pytest.mark.parametrize("limit", ["as they are", "norm", "growing rate"])
def test_a_mask_without_its_upper_end_is_told_of_steps(limit: str) -> None:
    report = _report(is_right=False, limit=staticmethod(_LIMITS[limit]))
    [verdict] = report.of("gradient")
    assert (verdict.status, verdict.tensor, verdict.cause) == (DIFFERS, "W1", None)
    assert "no multiple of the slopes of its loss there by W1 and b1" in verdict.message


@pytest.mark.parametrize("limit", _LIMITS)
def test_a_rectifier_with_an_upper_end_is_told_and_right(limit: str) -> None:
    report = _report(limit=staticmethod(_LIMITS[limit]))
    assert not [verdict for verdict in report.failures if verdict.aspect != "optimizer"]
    [forward] = report.of("forward")
    assert forward.status == CONVENTION
    assert "it has an end that usual values do not reach" in forward.message


@pytest.mark.parametrize("limit", _LIMITS)
def test_a_plain_rectifier_has_no_end(limit: str) -> None:
    report = _report(top=np.inf, limit=staticmethod(_LIMITS[limit]))
    assert not any("larg" in verdict.message for verdict in report.verdicts)


def test_steps_that_are_limited_tell_nothing_of_a_mask() -> None:
    report = _report(is_right=False, limit=staticmethod(_LIMITS["entries"]))
    assert not any("mask" in verdict.message for verdict in report.of("gradient"))
