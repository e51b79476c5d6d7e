"""Gradients are read from what a training step leaves, where the step itself tells too little."""

import pytest

from parity_tests.kit.check import examine
from parity_tests.kit.recognition import Proposal, recognize
from parity_tests.kit.tests.proposals import names_of
from parity_tests.kit.verdicts import DIFFERS, EQUAL, Report

NETWORK = """
import numpy as np

class Dense:
    def __init__(self, n, m):
        self.W, self.b = np.random.randn(n, m) / np.sqrt(n), np.zeros(m)
    def forward(self, x):
        self.x = x
        return x @ self.W + self.b
    def backward(self, d):
        self.dW, self.db = self.x.T @ d, d.sum(axis=0)
        return d @ self.W.T

class Tanh:
    def forward(self, x):
        self.a = np.tanh(x)
        return self.a
    def backward(self, d):
        return d * (1 - self.a**2)

class AdamW:
    def __init__(self, layers, lr=0.01, decay=0.1):
        self.layers, self.lr, self.decay, self.t, self.moments = layers, lr, decay, 0, {}
    def step(self):
        self.t += 1
        for number, layer in enumerate(self.layers):
            for name in ("W", "b"):
                p, g = getattr(layer, name), getattr(layer, "d" + name)
                m, v = self.moments.get((number, name), (0.0, 0.0))
                m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
                self.moments[number, name] = m, v
                p *= 1 - self.lr * self.decay
                m, v = m / (1 - 0.9**self.t), v / (1 - 0.999**self.t)
                p -= self.lr * m / (np.sqrt(v) + 1e-8)

class Net:
    def __init__(self):
        self.layers = [Dense(12, 9), Tanh(), Dense(9, 10)]
        self.optimizer = AdamW([self.layers[0], self.layers[2]])
    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        e = np.exp(x - x.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)
    def loss(self, x, y):
        return -np.mean(np.log(np.sum(self.forward(x) * y, axis=1) + 1e-12))
    def train_step(self, x, y):
        d = (self.forward(x) - y) / len(x)
        for layer in reversed(self.layers):
            d = layer.backward(d)
        self.optimizer.step()
"""
WITHOUT_DECAY = ("p *= 1 - self.lr * self.decay", "pass")


def of(*changes: tuple[str, str]) -> tuple[Proposal, Report]:
    code = NETWORK
    for old, new in changes:
        assert old in code
        code = code.replace(old, new)
    proposal = recognize(names_of(code)["Net"])
    return proposal, examine(proposal.network)


@pytest.mark.parametrize("changes", [(), (WITHOUT_DECAY,), (("self.lr * m", "0.01 * m"),)])
def test_a_right_step_is_right(changes: tuple[tuple[str, str], ...]) -> None:
    proposal, report = of(*changes)
    assert "net.layers[0].dW" in proposal.fields["gradients"]
    assert report.failures == []
    assert {v.status for v in report.of("gradient")} == {EQUAL}


@pytest.mark.parametrize(
    ("aspect", "cause", "old", "new"),
    [
        ("optimizer", "decay-not-scaled", "1 - self.lr * self.decay", "1 - self.decay"),
        ("optimizer", "adam-step-from-two", "lr, decay, 0, {}", "lr, decay, 1, {}"),
        (
            "side effects",
            "gradient-accumulated",
            "self.dW, self.db = self.x.T @ d, d.sum(axis=0)",
            "self.dW = getattr(self, 'dW', 0) + self.x.T @ d\n"
            "        self.db = getattr(self, 'db', 0) + d.sum(axis=0)",
        ),
        (
            "side effects",
            "activations-kept",
            "        self.a = np.tanh(x)\n        return self.a",
            "        if not hasattr(self, 'a'): self.a = np.tanh(x)\n        return np.tanh(x)",
        ),
    ],
)
def test_what_is_wrong_is_told_apart_from_the_gradient(
    aspect: str, cause: str, old: str, new: str
) -> None:
    _, report = of((old, new))
    assert {v.status for v in report.of("gradient")} == {EQUAL}
    assert (DIFFERS, cause) in {(v.status, v.cause) for v in report.of(aspect)}


APPENDING = """
import numpy as np

class Net:
    def __init__(self):
        self.W1, self.b1 = np.random.randn(12, 9) / 3, np.zeros(9)
        self.W2, self.b2 = np.random.randn(9, 10) / 3, np.zeros(10)
        self.found = []
    def forward(self, x):
        self.a = np.tanh(x @ self.W1 + self.b1)
        return self.a @ self.W2 + self.b2
    def loss(self, x, y):
        self.expected = np.eye(10)[y]
        return float(np.sum((self.forward(x) - self.expected) ** 2) / 2)
    def backward(self, x, y):
        self.expected = np.eye(10)[y]
        d2 = self.forward(x) - self.expected
        d1 = self.W2 @ d2 * (1 - self.a**2)
        self.found.append([np.outer(x, d1), d1, np.outer(self.a, d2), d2])
"""


def test_gradients_are_the_last_that_were_added_to_a_list_and_no_labels() -> None:
    proposal = recognize(names_of(APPENDING)["Net"])
    places = "found.-1.0 found.-1.1 found.-1.2 found.-1.3"
    assert proposal.fields["gradients"] == repr(places)
    report = examine(proposal.network, only=("gradient", "side effects"))
    assert {verdict.status for verdict in report.verdicts} == {EQUAL}
