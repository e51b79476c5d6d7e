"""Passes that are told to train, each by a switch of its own."""

import pytest

from parity_tests.kit.check import examine
from parity_tests.kit.recognition import recognize
from parity_tests.kit.tests.proposals import names_of
from parity_tests.kit.verdicts import EQUAL

SWITCHED = """
import numpy as np

class Net:
    def __init__(self, d=12, h=9, c=10, keep=0.8):
        self.W1, self.b1 = np.random.randn(d, h) * np.sqrt(2 / d), np.zeros(h)
        self.W2, self.b2 = np.random.randn(h, c) * np.sqrt(2 / h), np.zeros(c)
        self.keep, self.v = keep, [0.0] * 4
    def forward(self, x, training=False):
        self.z, self.mask = x @ self.W1 + self.b1, 1.0
        if training:
            self.mask = (np.random.rand(*self.z.shape) < self.keep) / self.keep
        self.a = np.maximum(self.z, 0) * self.mask
        z = self.a @ self.W2 + self.b2
        e = np.exp(z - z.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)
    def loss(self, x, y, training=False):
        return -np.mean(np.sum(y * np.log(self.forward(x, training) + 1e-12), axis=1))
    def gradients(self, x, y, training=False):
        d2 = (self.forward(x, training) - y) / len(x)
        d1 = d2 @ self.W2.T * self.mask * (self.z > 0)
        return [x.T @ d1, d1.sum(axis=0), self.a.T @ d2, d2.sum(axis=0)]
    def train_step(self, x, y, lr=0.1):
        own = self.W1, self.b1, self.W2, self.b2
        for n, (p, g) in enumerate(zip(own, self.gradients(x, y, True))):
            self.v[n] = 0.9 * self.v[n] + g
            p -= lr * self.v[n]
"""


@pytest.mark.parametrize(
    ("old", "new", "cause"),
    [
        ("", "", None),
        (" * self.mask * (", " * (", "dropout-not-in-backward"),
        (" / self.keep", "", "dropout-not-inverted"),
        ("0.9 * self.v[n] + g", "self.v[n] + g", "step-of-accumulated"),
    ],
)
def test_every_pass_is_told_to_train(old: str, new: str, cause: str | None) -> None:
    proposal = recognize(names_of(SWITCHED.replace(old, new)))
    assert "net.gradients(x, y, training=True)" in proposal.fields["training"]
    report = examine(proposal.network, only=("forward", "gradient", "optimizer"))
    assert [verdict.cause for verdict in report.failures] == ([cause] if cause else [])
    if not cause:
        assert {verdict.status for verdict in report.verdicts} == {EQUAL}
