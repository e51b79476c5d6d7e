"""Labels that are made wrongly of the classes, and subtracted from what is no output."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from parity_tests.kit.arbiter import pytorch
from parity_tests.kit.check import examine
from parity_tests.kit.tests.asked import Array, Classifier, network, sigmoid, softmax, variant

Hot = Callable[[Array], Array]


def _one_hot(y: Array) -> Array:
    return np.eye(10)[y]


def _of_all_rows(y: Array) -> Array:
    made = np.zeros((len(y), 10))
    made[:, y] = 1
    return made


def _told(make: type[Classifier], **more: Any) -> list[tuple[str, str | None]]:
    report = examine(network(make, **more), only=("loss", "gradient"), arbiter=pytorch())
    return [(verdict.aspect, verdict.cause) for verdict in report.failures]


def _labelled(of_loss: Hot, of_gradient: Hot) -> type[Classifier]:
    """Return a network that makes its labels one-hot, in two ways."""

    class Labelled(Classifier):
        def loss(self, x: Array, y: Array) -> float:
            return super().loss(x, of_loss(y))

        def delta(self, x: Array, y: Array) -> Array:
            return super().delta(x, of_gradient(y))

    return Labelled


_OF_LOSS, _OF_GRADIENT = [(part, "labels-of-whole-batch") for part in ("loss", "gradient")]


@pytest.mark.parametrize(
    ("of_loss", "of_gradient", "told"),
    [
        (_one_hot, _one_hot, []),
        (_one_hot, _of_all_rows, [_OF_GRADIENT]),
        (_of_all_rows, _one_hot, [_OF_LOSS]),
        (_of_all_rows, _of_all_rows, [_OF_LOSS, _OF_GRADIENT]),
    ],
)
def test_labels_of_the_whole_batch_are_told(
    of_loss: Hot, of_gradient: Hot, told: list[tuple[str, str]]
) -> None:
    assert _told(_labelled(of_loss, of_gradient), labels="integers") == told


def test_errors_less_one_at_the_labels_of_all_samples_are_told() -> None:
    class Subtracted(Classifier):
        def delta(self, x: Array, y: Array) -> Array:
            p = self.forward(x).copy()
            p[:, y.argmax(axis=1)] -= 1
            return p / len(x)

    assert _told(Subtracted) == [_OF_GRADIENT]


def test_logarithms_at_the_labels_of_all_samples_are_told() -> None:
    class Summed(Classifier):
        def loss(self, x: Array, y: Array) -> float:
            return float(-np.log(self.forward(x)[:, y.argmax(axis=1)] + self.guard).sum() / len(x))

    assert _told(Summed) == [_OF_LOSS]


@pytest.mark.parametrize("last", [softmax, sigmoid])
@pytest.mark.parametrize("with_slope", [False, True])
def test_labels_subtracted_from_logits_are_told(last: Any, with_slope: bool) -> None:
    class OfLogits(Classifier):
        def delta(self, x: Array, y: Array) -> Array:
            p = self.forward(x)
            error = self.a[-2] @ self.w[-1] + self.b[-1] - y
            if with_slope:
                back = p * (error - (p * error).sum(axis=1, keepdims=True))
                error = back if last is softmax else error * p * (1 - p)
            return np.asarray(error / len(x))

    report = examine(network(variant(last=last), loss=None), only="gradient")
    assert not report.failures
    changed = type("Changed", (OfLogits,), {"last": staticmethod(last)})
    [verdict] = examine(network(changed, loss=None), only="gradient").failures
    assert (verdict.tensor, verdict.cause) == ("W3", "logits-for-outputs")
    assert "(z - y)" in verdict.message


def test_what_is_subtracted_from_logits_themselves_is_right() -> None:
    def numbers(z: Array) -> Array:
        return z

    made = variant(last=numbers)
    assert not examine(network(made, loss=None), only="gradient").failures


def test_an_error_of_pre_activations_is_none_of_the_outputs() -> None:
    class OfPreActivations(Classifier):
        def delta(self, x: Array, y: Array) -> Array:
            self.forward(x)
            return np.asarray((np.arctan(self.a[-2] @ self.w[-1] + self.b[-1]) - y) / len(x))

    [verdict] = examine(network(OfPreActivations), only="gradient").failures
    assert (verdict.tensor, verdict.cause) == ("W3", None)
