"""Parameters that are made as integers are asked as floats, and what steps lose of them is told."""
# Networks are written as learners write them.
# ruff: noqa: D102

from collections import namedtuple
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from parity_tests.kit.check import examine
from parity_tests.kit.network import Network
from parity_tests.kit.recognition import recognize
from parity_tests.kit.subject.writable import with_writable
from parity_tests.kit.tests.asked import Array, Classifier, network
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL

_CAUSE = "parameters-of-integers"
_Pair = namedtuple("_Pair", ["weight", "bias"])


def test_integers_are_replaced_wherever_they_are_kept() -> None:
    first, second, third, other = (np.arange(3) + n for n in range(4))
    rest = np.ones(2)
    net = SimpleNamespace(
        b=first,
        same=first,
        layers=[second, {"pair": _Pair(rest, third)}],
        sizes=other,
    )
    given = with_writable(net, str, [first, second, third, rest])
    assert given is net
    assert net.b is net.same
    pair = net.layers[1]["pair"]
    for now, then in ((net.b, first), (net.layers[0], second), (pair.bias, third)):
        assert now.dtype == np.float64
        assert np.array_equal(now, then)
    assert isinstance(pair, _Pair)
    assert pair.weight is rest
    assert net.sizes is other
    made, kept = with_writable((first, rest), str, [first, rest])
    assert made.dtype == np.float64
    assert kept is rest


def test_what_holds_no_integers_stays() -> None:
    net = ({"b": np.ones(2)}, np.arange(2))
    assert with_writable(net, str, [net[0]["b"]]) is net


class OfIntegers(Classifier):
    """Biases are made of a list of integers."""

    def __init__(self) -> None:
        super().__init__()
        self.b = [np.array([0] * b.size) for b in self.b]

    def rebind(self, x: Array, y: Array, lr: float) -> None:
        count = len(self.w)
        moved = [p - lr * g.reshape(p.shape) for p, g in self.pairs(x, y)]
        self.w, self.b = moved[:count], moved[count:]

    def write(self, x: Array, y: Array, lr: float) -> None:
        for p, g in self.pairs(x, y):
            p[...] = p - lr * g.reshape(p.shape)

    def add(self, x: Array, y: Array, lr: float) -> None:
        for p, g in self.pairs(x, y):
            p -= lr * g.reshape(p.shape)

    def pairs(self, x: Array, y: Array) -> Any:
        return zip(self.w + self.b, self.gradients(x, y), strict=True)


@pytest.mark.parametrize("gradients", [lambda net, x, y: net.gradients(x, y), None])
@pytest.mark.parametrize(
    ("step", "told"), [("add", "the step raises"), ("write", "cuts off the fractions")]
)
def test_a_step_on_integers_is_told_and_all_else_is_asked(
    step: str, told: str, gradients: Any
) -> None:
    report = examine(network(OfIntegers, gradients=gradients, step=step))
    [verdict] = report.failures
    assert (verdict.aspect, verdict.cause, verdict.tensor) == ("optimizer", _CAUSE, "b1")
    assert told in verdict.message
    assert [v.status for v in report.of("forward")] == [EQUAL]
    assert [v.status for v in report.of("gradient")] == [EQUAL]


@pytest.mark.parametrize("step", ["rebind", None])
def test_integers_that_no_step_writes_to_are_noted(step: str | None) -> None:
    report = examine(network(OfIntegers, step=step))
    assert report.failures == []
    assert [v.status for v in report.of("gradient")] == [EQUAL]
    [*_, note] = report.of("initialization")
    assert note.status == CONVENTION
    assert note.message.startswith("b1 (int64), b2 (int64), b3 (int64): made as arrays of integers")
    assert "in-place" in note.message


def test_only_floats_are_nothing_to_tell() -> None:
    said = [verdict.message for verdict in examine(network()).verdicts]
    assert not any("integers" in message for message in said)


def test_integers_of_a_named_parameter_are_recognized() -> None:
    class Net:
        def __init__(self, n_in: int = 12, n_hidden: int = 9, n_out: int = 10) -> None:
            self.sizes = np.array([n_in, n_hidden, n_out])
            self.W1, self.W2 = np.random.randn(n_in, n_hidden), np.random.randn(n_hidden, n_out)  # noqa: NPY002
            self.b1, self.b2 = np.zeros(n_hidden, dtype=int), np.zeros(n_out)

        def forward(self, x: Array) -> Array:
            self.a = np.tanh(x @ self.W1 + self.b1)
            return np.asarray(self.a @ self.W2 + self.b2)

        def train(self, x: Array, y: Array, lr: float) -> None:
            d2 = (self.forward(x) - y) / len(x)
            d1 = d2 @ self.W2.T * (1 - self.a**2)
            self.W2 -= lr * self.a.T @ d2
            self.b2 -= lr * d2.sum(axis=0)
            self.W1 -= lr * x.T @ d1
            self.b1 -= lr * d1.sum(axis=0)

    declared = recognize(Net).network
    assert declared.parameters == "W1 b1 W2 b2"
    [verdict] = examine(declared).failures
    assert (verdict.status, verdict.cause) == (DIFFERS, _CAUSE)


def test_integers_out_of_reach_are_refused_as_before() -> None:
    hidden = np.zeros(9, dtype=int)
    net = Network(
        lambda: (np.ones((12, 9)), np.ones((9, 10)), np.zeros(10)),
        lambda net: [net[0], hidden, *net[1:]],
        lambda net, x: x @ net[0] @ net[1],
    )
    [verdict] = examine(net).verdicts
    assert "expected floating point numbers, got int64" in verdict.message
