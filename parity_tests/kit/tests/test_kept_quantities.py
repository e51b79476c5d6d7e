"""What a network keeps of the first batch, and whether that may be its optimizer's memory."""

from typing import Any

import numpy as np
import pytest

from parity_tests.kit.aspects.side_effects import aspect as side_effects
from parity_tests.kit.check import examine
from parity_tests.kit.tests.asked import Array, Classifier, ask, network, relu, softmax
from parity_tests.kit.verdicts import DIFFERS, EQUAL, UNCHECKED, Verdict

_STEPS: dict[str, Any] = {"gradients": None}


def _told(make: type[Classifier], **declared: Any) -> list[Verdict]:
    found: list[Verdict] = ask(network(make, **declared), side_effects.examine)
    return found


class _CachesOnce(Classifier):
    """Layers keep what they are first given; the loss takes the output of the batch."""

    sizes = (12, 9, 10)
    kept: tuple[Array, Array, Array] | None = None

    def gradients(self, x: Array, y: Array) -> list[Array]:
        p = self.forward(x)
        hidden = relu(x @ self.w[0] + self.b[0])
        self.kept = self.kept or (x, hidden, softmax(hidden @ self.w[1] + self.b[1]))
        x1, a1, p1 = self.kept
        slope = -y / np.maximum(p, 1e-300) / len(x)
        d2 = p1 * (slope - (slope * p1).sum(axis=1, keepdims=True))
        d1 = (d2 @ self.w[1].T) * (a1 > 0)
        sums = (d.sum(axis=0, keepdims=True) for d in (d1, d2))
        return [x1.T @ d1, a1.T @ d2, *sums]


class _KeepsSize(Classifier):
    """Matrices are divided by the size of the first batch, biases by that of their own."""

    size = 0

    def gradients(self, x: Array, y: Array) -> list[Array]:
        found = super().gradients(x, y)
        self.size = self.size or len(x)
        return [g * len(x) / self.size if n < len(self.w) else g for n, g in enumerate(found)]


class _MixesInHiddenUnits(Classifier):
    """The first batch's mean of a hidden layer is added to that of every other one."""

    mean: Array | None = None

    def gradients(self, x: Array, y: Array) -> list[Array]:
        found = super().gradients(x, y)
        first = self.mean is None
        self.mean = self.a[1].mean(axis=0) if self.mean is None else self.mean
        return found if first or self._is_first() else [found[0] * self.mean, *found[1:]]

    def _is_first(self) -> bool:
        return bool(np.allclose(self.a[1].mean(axis=0), self.mean))


class _MeanOfGradients(Classifier):
    """Steps by a mean of gradients that begins with the first one."""

    mean: list[Array] | None = None

    def step(self, x: Array, y: Array, lr: float) -> None:
        found = self.gradients(x, y)
        old = self.mean or found
        self.mean = [0.9 * m + 0.1 * g for m, g in zip(old, found, strict=True)]
        for p, m in zip(self.w + self.b, self.mean, strict=True):
            p -= lr * m


@pytest.mark.parametrize("declared", [{}, _STEPS], ids=["gradients", "steps"])
def test_quantities_that_are_kept_once_are_named(declared: dict[str, Any]) -> None:
    [verdict] = _told(_CachesOnce, **declared)
    assert (verdict.status, verdict.cause) == (DIFFERS, "activations-kept")
    assert "inputs, activations, pre-activations, last pre-activation." in verdict.message


@pytest.mark.parametrize("declared", [{}, _STEPS], ids=["gradients", "steps"])
def test_tensors_that_are_divided_by_the_first_batchs_size_are_named(
    declared: dict[str, Any],
) -> None:
    [verdict] = _told(_KeepsSize, **declared)
    assert (verdict.status, verdict.cause) == (DIFFERS, "divisor-of-first-batch")
    assert "W1 and W2 and W3" in verdict.message
    assert verdict.factor == pytest.approx(5 / 7)


@pytest.mark.parametrize("declared", [{}, _STEPS], ids=["gradients", "steps"])
def test_what_is_kept_and_not_known_is_a_fault_too(declared: dict[str, Any]) -> None:
    [verdict] = _told(_MixesInHiddenUnits, **declared)
    assert (verdict.status, verdict.cause) == (DIFFERS, None)


def test_a_mean_of_gradients_may_be_the_optimizers() -> None:
    [verdict] = _told(_MeanOfGradients, **_STEPS)
    assert verdict.status == UNCHECKED


@pytest.mark.parametrize("declared", [{}, _STEPS], ids=["gradients", "steps"])
def test_what_keeps_nothing_is_right(declared: dict[str, Any]) -> None:
    [verdict] = _told(Classifier, **declared)
    assert verdict.status == EQUAL


def test_a_fault_that_shows_after_another_batch_alone_is_a_failure() -> None:
    report = examine(network(_CachesOnce, **_STEPS), only="side effects")
    assert [verdict.cause for verdict in report.failures] == ["activations-kept"]
