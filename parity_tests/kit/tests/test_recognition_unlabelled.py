"""Backward passes that are given no labels, and functions with a flag for zeros."""

import pytest

from parity_tests.kit.check import examine
from parity_tests.kit.recognition import recognize
from parity_tests.kit.tests.proposals import found, names_of
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, UNCHECKED

# The loss is another network's.
AUTOENCODER = """
import numpy as np

def cross_entropy_loss(y_true, y_pred):
    return -np.sum(y_true * np.log(np.clip(y_pred, 1e-10, 1))) / len(y_true)

class Autoencoder:
    def __init__(self, input_size, hidden_size, learning_rate):
        self.learning_rate = learning_rate
        self.W_enc = np.random.randn(input_size, hidden_size) * 0.01
        self.b_enc = np.zeros((1, hidden_size))
        self.W_dec = np.random.randn(hidden_size, input_size) * 0.01
        self.b_dec = np.zeros((1, input_size))
    def forward(self, X):
        self.X, self.Z = X, X @ self.W_enc + self.b_enc
        self.H = np.maximum(0, self.Z)
        return 1 / (1 + np.exp(-(self.H @ self.W_dec + self.b_dec)))
    def backward(self, X_reconstructed, X_true):
        d = (X_reconstructed - X_true) * 2 / len(X_true)
        d = d * X_reconstructed * (1 - X_reconstructed)
        d1 = d @ self.W_dec.T * (self.Z > 0)
        db1, db2 = d1.sum(axis=0, keepdims=True), d.sum(axis=0, keepdims=True)
        return self.X.T @ d1, db1, self.H.T @ d, db2
"""
# What it is held to is what goes in, and nothing else can be given.
CLOSED = AUTOENCODER.replace("X_true):", "X):").replace("X_true", "X").replace("self.X.T", "X.T")


@pytest.mark.parametrize("name", ["X_reconstructed", "X_hat", "output"])
def test_an_autoencoder_is_held_to_targets(name: str) -> None:
    proposal = recognize(names_of(AUTOENCODER.replace("X_reconstructed", name)))
    assert found(proposal, "labels") == "targets"
    assert "net.backward(out, y)" in proposal.fields["gradients"]
    assert "loss" not in proposal.fields
    report = examine(proposal.network)
    assert report.failures == []
    assert {verdict.status for verdict in report.of("gradient")} == {CONVENTION}


def test_a_gradient_that_is_given_no_labels_is_not_judged() -> None:
    proposal = recognize(names_of(CLOSED))
    assert found(proposal, "gradients") == "not found"
    [told] = [c.why for c in proposal.conventions if c.name == "gradients"]
    assert "backward is given no labels" in told
    assert {v.status for v in examine(proposal.network, only="gradient").verdicts} == {UNCHECKED}


FLAG = """
import numpy as np

def init_params(zero):
    r = np.zeros if zero else lambda shape: np.random.standard_normal(shape)
    return r((1, 4)), r((1, 1)), r((4, 8)), r((1, 1)), r((8, 16)), r((1, 1))

def sigmoid(z):
    return 1 / (1 + np.exp(-z))

def forward_prop(W3, b3, W2, b2, W1, b1, A0):
    A1 = sigmoid(W1 @ A0 + b1)
    A2 = sigmoid(W2 @ A1 + b2)
    A3 = sigmoid(W3 @ A2 + b3)
    return A3, A2, A1
"""


@pytest.mark.parametrize("flag", ["zero", "zeros", "init_zero", "use_zeros"])
def test_a_flag_for_zeros_is_not_set(flag: str) -> None:
    proposal = recognize(
        names_of(FLAG.replace("zero)", f"{flag})").replace("if zero", f"if {flag}"))
    )
    assert proposal.fields["make"] == "lambda: init_params(False)"
    # All matrices are used, and each has the bias of its own name.
    assert proposal.network.parameters == "4 5 2 3 0 1"
    assert proposal.fields["forward"].endswith("[0]")
    report = examine(proposal.network)
    assert report.spec["sizes"] == [16, 8, 4, 1]
    assert DIFFERS not in {verdict.status for verdict in report.verdicts}
