"""Functions called backward that return no gradients, but the parameters after a step."""

from typing import Any

import numpy as np
import pytest

from parity_tests.kit.check import examine
from parity_tests.kit.network import Network
from parity_tests.kit.recognition import recognize
from parity_tests.kit.tests.proposals import names_of
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, Report

FUNCTIONS = """
import numpy as np

RATE = 0.1

def init(n=12, h=9, o=10):
    return np.random.randn(n, h) / 3, np.zeros(h), np.random.randn(h, o) / 3, np.zeros(o)

def forward(x, W1, b1, W2, b2):
    a = np.maximum(0, x @ W1 + b1)
    e = np.exp(a @ W2 + b2)
    return a, e / e.sum(axis=1, keepdims=True)

def loss(x, y, W1, b1, W2, b2):
    return -np.mean(np.log(forward(x, W1, b1, W2, b2)[1][np.arange(len(y)), y]))

def backward(x, y, W1, b1, W2, b2):
    a, d = forward(x, W1, b1, W2, b2)
    d[np.arange(len(y)), y] -= 1
    d /= len(y)
    dW2, db2 = a.T @ d, d.sum(axis=0)
    d = d @ W2.T * (a > 0)
    dW1, db1 = x.T @ d, d.sum(axis=0)
    return W1 - RATE * dW1, b1 - RATE * db1, W2 - RATE * dW2, b2 - RATE * db2
"""
CLASS = """
import numpy as np

class Net:
    def __init__(self, n=12, h=9, o=3):
        self.W1, self.b1 = np.random.randn(n, h) / 3, np.zeros((1, h))
        self.W2, self.b2 = np.random.randn(h, o) / 3, np.zeros((1, o))
    def forward(self, x):
        self.a = np.tanh(x @ self.W1 + self.b1)
        return self.a @ self.W2 + self.b2
    def loss(self, x, y):
        return np.mean(np.sum((self.forward(x) - y) ** 2, axis=1))
    def backward(self, x, y):
        d = 2 * (self.forward(x) - y) / len(x)
        e = d @ self.W2.T * (1 - self.a**2)
        W1, b1 = self.W1 - 0.5 * x.T @ e, self.b1 - 0.5 * e.sum(axis=0, keepdims=True)
        W2, b2 = self.W2 - 0.5 * self.a.T @ d, self.b2 - 0.5 * d.sum(axis=0, keepdims=True)
        return W1, b1, W2, b2
"""
WITH_RATE = FUNCTIONS.replace("W2, b2):\n    a, d", "W2, b2, lr):\n    a, d").replace(
    "RATE *", "lr *"
)


def gradient_of(source: str) -> Report:
    return examine(recognize(names_of(source)).network, only="gradient")


@pytest.mark.parametrize(
    ("source", "told"),
    [(FUNCTIONS, "A rate of 0.1 gives it."), (CLASS, "A rate of 0.5 gives it.")],
    ids=["functions", "class"],
)
def test_a_rate_in_the_code_is_told(source: str, told: str) -> None:
    [verdict] = gradient_of(source).of("gradient")
    assert (verdict.status, verdict.cause) == (CONVENTION, None)
    assert verdict.message.endswith(told)


def test_a_rate_that_is_given_is_no_factor() -> None:
    [verdict] = gradient_of(WITH_RATE).of("gradient")
    assert verdict.status == EQUAL


@pytest.mark.parametrize(
    ("old", "new", "tensor", "cause"),
    [
        ("dW2, db2 = a.T @ d", "dW2, db2 = len(y) * a.T @ d", "W2", "factor-batch"),
        ("d = d @ W2.T *", "d = -d @ W2.T *", "W1", "sign"),
        ("d = d @ W2.T *", "d = 3 * d @ W2.T *", "W1", "factor-constant"),
        ("W1 - RATE", "W1 + RATE", "W1", "sign"),
    ],
    ids=["samples", "turned", "two halves", "added"],
)
def test_what_some_tensors_have_besides_an_unknown_rate(
    old: str, new: str, tensor: str, cause: str
) -> None:
    report = gradient_of(FUNCTIONS.replace(old, new))
    assert [v.cause for v in report.of("gradient") if v.status == CONVENTION] == [None]
    [verdict] = report.failures
    assert (verdict.tensor, verdict.cause) == (tensor, cause)
    assert verdict.message.startswith("besides what all have")


def test_a_fault_of_one_tensor_is_named() -> None:
    source = CLASS.replace(
        "self.b1 - 0.5 * e.sum(axis=0, keepdims=True)", "self.b1 - 0.5 * e.sum()"
    )
    report = gradient_of(source)
    assert {v.cause for v in report.failures if v.status == DIFFERS} == {"bias-collapsed"}


_NEW = "return W1 - lr * dW1, b1 - lr * db1, W2 - lr * dW2, b2 - lr * db2"
_STEP = WITH_RATE.replace("def backward(x, y", "def train(x, y").replace("d[np", "LOSS\n    d[np")
_LOSS = "loss = -np.mean(np.log(d[np.arange(len(y)), y]))"


@pytest.mark.parametrize("returned", [f"{_NEW}, loss", _NEW.replace("return", "return loss,")])
def test_a_loss_may_be_returned_beside_the_parameters(returned: str) -> None:
    source = _STEP.partition("def loss")[0] + "def train" + _STEP.partition("def train")[2]
    source = source.replace("LOSS", _LOSS).replace(_NEW, returned)
    report = examine(recognize(names_of(source)).network, only=("loss", "gradient", "optimizer"))
    assert [verdict.status for verdict in report.verdicts] == [EQUAL, EQUAL, EQUAL]
    wrong = source.replace("d /= len(y)", "d /= 2 * len(y)")
    report = examine(recognize(names_of(wrong)).network, only=("loss", "gradient"))
    assert [verdict.cause for verdict in report.failures] == ["factor-two"]


def test_parameters_may_be_a_member_of_what_is_returned() -> None:
    class Net:
        def __init__(self) -> None:
            self.p = {"W": np.zeros((12, 3)), "b": np.zeros(3)}

    def step(net: Net, x: Any, y: Any, lr: float) -> Any:
        d = (x @ net.p["W"] + net.p["b"] - y) / len(x)
        new = Net()
        new.p = {"W": net.p["W"] - lr * x.T @ d, "b": net.p["b"] - lr * d.sum(axis=0)}
        return float((d**2).sum() * len(x) / 2), new

    network = Network(
        Net,
        parameters="p.W p.b",
        forward=lambda net, x: x @ net.p["W"] + net.p["b"],
        step=step,
        labels="targets",
    )
    found = examine(network, only=("gradient", "optimizer")).verdicts
    assert {verdict.status for verdict in found} <= {EQUAL, CONVENTION}
