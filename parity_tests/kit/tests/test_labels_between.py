"""Derivatives that are taken at the labels, which are zero for labels of 0 and 1."""

from typing import Any

import numpy as np
import pytest

from parity_tests.kit.check import examine
from parity_tests.kit.recognition import recognize
from parity_tests.kit.tests.asked import Array, Classifier, network, sigmoid, variant
from parity_tests.kit.tests.proposals import names_of
from parity_tests.kit.verdicts import Report


class _OfLabels(Classifier):
    """The derivative is one of values, as f(z) is one."""

    def slope(self, a: Array) -> Array:
        return a * (1 - a) if self.last is sigmoid else 1 - a**2

    def delta(self, x: Array, y: Array) -> Array:
        return np.asarray((self.forward(x) - y) * self.slope(y) / len(x))


class _OfOutputs(_OfLabels):
    def delta(self, x: Array, y: Array) -> Array:
        p = self.forward(x)
        return np.asarray((p - y) * self.slope(p) / len(x))


class _OfNothing(Classifier):
    def delta(self, x: Array, y: Array) -> Array:
        return np.zeros_like(self.forward(x) - y)


def _report(make: type[Classifier], last: Any) -> Report:
    made = type("Made", (make,), {"last": staticmethod(last)})
    return examine(network(made, loss=None, step=None), only="gradient")


@pytest.mark.parametrize("last", [sigmoid, np.tanh])
def test_a_derivative_of_labels_is_told(last: Any) -> None:
    assert not _report(_OfOutputs, last).failures
    [verdict] = _report(_OfLabels, last).failures
    assert (verdict.tensor, verdict.cause) == ("W3", "derivative-on-labels")
    assert "' from the labels).T @ a2, on W3 (residual" in verdict.message


def test_what_no_labels_update_is_never_updated() -> None:
    [verdict] = _report(_OfNothing, sigmoid).failures
    assert verdict.cause == "not-updated"


def test_right_derivatives_of_one_output_are_right() -> None:
    made = variant(sizes=(12, 9, 1), last=sigmoid)
    assert not examine(network(made, loss=None, step=None), only="gradient").failures


_SOURCE = """
import numpy as np

class Net:
    def __init__(self, d_in=12, d_hidden=9, d_out=10):
        self.w1, self.b1 = np.random.randn(d_in, d_hidden) / 3, np.zeros((1, d_hidden))
        self.w2, self.b2 = np.random.randn(d_hidden, d_out) / 3, np.zeros((1, d_out))
    def slope(self, s):
        return s * (1 - s)
    def forward(self, X):
        self.h = 1 / (1 + np.exp(-(X @ self.w1 + self.b1)))
        self.o = 1 / (1 + np.exp(-(self.h @ self.w2 + self.b2)))
        return self.o
    def backward(self, X, y, learning_rate):
        d2 = (y - self.o) * self.slope(AT)
        d1 = d2 @ self.w2.T * self.slope(self.h)
        for p, g in ((self.w2, self.h.T @ d2), (self.b2, d2.sum(axis=0, keepdims=True)),
                     (self.w1, X.T @ d1), (self.b1, d1.sum(axis=0, keepdims=True))):
            p += learning_rate * g
"""


@pytest.mark.parametrize(("at", "cause"), [("self.o", []), ("y", ["derivative-on-labels"])])
def test_a_step_that_no_class_moves_is_recognized(at: str, cause: list[str]) -> None:
    names = names_of(_SOURCE.replace("AT", at))
    proposal = recognize(names["Net"], names)
    assert proposal.network.labels == "one_hot"
    assert "net.backward(x, y, lr)" in proposal.fields["step"]
    told = {own.why for own in proposal.conventions if own.name == "step"}
    moves = "labels of 0 and 1 move no parameter, and labels between them do"
    assert told == ({moves} if cause else {"it moves the parameters"})
    assert [own.cause for own in examine(proposal.network, only="gradient").failures] == cause
