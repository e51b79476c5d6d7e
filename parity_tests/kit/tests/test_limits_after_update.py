"""Steps of which entries reach a limit, beside inputs computed anew after an update."""

import numpy as np
import pytest

from parity_tests.kit.backprop.clipping import own_limit
from parity_tests.kit.check import examine
from parity_tests.kit.tests.asked import Array, Classifier, network
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, Report


class _FromBelow(Classifier):
    """Errors are carried back first; then every layer is updated, from the first to the last."""

    limit = np.inf
    anew = True

    def step(self, x: Array, y: Array, lr: float) -> None:
        d = self.delta(x, y)
        inputs, errors = list(self.a), [d]
        for n in (2, 1):
            d = (d @ self.w[n].T) * (self.a[n] > 0)
            errors.insert(0, d)
        for n, error in enumerate(errors):
            if self.anew:
                self.forward(x)
                inputs = self.a
            self.w[n] -= lr * np.clip(inputs[n].T @ error, -self.limit, self.limit)
            self.b[n] -= lr * error.sum(axis=0, keepdims=True)


class _FromBelowAndClipped(_FromBelow):
    limit = 0.2


class _AllFirst(_FromBelow):
    anew = False


class _AllFirstAndClipped(_FromBelowAndClipped):
    anew = False


def _report(make: type[Classifier]) -> Report:
    return examine(network(make, gradients=None), only="gradient")


@pytest.mark.parametrize("make", [_FromBelow, _FromBelowAndClipped])
def test_inputs_that_are_computed_anew_are_named(make: type[Classifier]) -> None:
    [verdict] = [v for v in _report(make).verdicts if v.status == DIFFERS]
    assert verdict.cause == "forward-after-update"
    assert (verdict.tensor, "likewise on W2" in verdict.message) == ("W3", True)


def test_the_same_with_all_gradients_first_is_right() -> None:
    assert not _report(_AllFirst).failures


def test_clipping_alone_is_a_convention() -> None:
    report = _report(_AllFirstAndClipped)
    assert not report.failures
    assert [(v.status, v.cause) for v in report.verdicts if v.cause] == [
        (CONVENTION, "step-clipped")
    ]


@pytest.mark.parametrize(
    ("largest", "entries", "limit"),
    [
        (0.5, 20, 0.5),
        (100.0, 20, 100.0),
        (0.3, 20, 0.3),
        (1.5, 20, 1.5),
        (0.5123, 20, None),
        (0.5, 4, None),
    ],
)
def test_one_entry_reaches_a_limit_if_it_is_a_round_number_and_there_are_many(
    largest: float, entries: int, limit: float | None
) -> None:
    observed = largest * np.linspace(-0.9, 1.0, entries)
    assert own_limit(observed, None, 1e-9) == limit
