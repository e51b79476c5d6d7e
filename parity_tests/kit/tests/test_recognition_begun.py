"""Networks that have no parameters before one of their methods is called."""

from typing import Any

import pytest

from parity_tests.kit.check import examine
from parity_tests.kit.recognition import RecognitionError, recognize
from parity_tests.kit.tests.proposals import certainty, names_of
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, UNCHECKED

FITTED = """
import numpy as np

class Classifier:
    def __init__(self, hidden_size=16, n_iter=300):
        self.hidden_size, self.n_iter = hidden_size, n_iter
    def _begin(self, n_in, n_out):
        n = self.hidden_size
        self.W1_, self.b1_ = np.random.randn(n_in, n) * 0.3, np.zeros(n)
        self.W2_, self.b2_ = np.random.randn(n, n_out) * 0.3, np.zeros(n_out)
    def _forward(self, X):
        self.h = np.tanh(X @ self.W1_ + self.b1_)
        return OUTPUT(self.h @ self.W2_ + self.b2_)
    def _backward(self, X, Y, P):
        d2 = (P - Y) / len(X)
        d1 = d2 @ self.W2_.T * (1 - self.h**2)
        return X.T @ d1, d1.sum(axis=0), self.h.T @ d2, d2.sum(axis=0)
    def fit(self, X, y):
        Y = TARGETS
        BEFORE
        for _ in range(self.n_iter):
            INSIDE
            gradients = self._backward(X, Y, self._forward(X))
            for own, gradient in zip((self.W1_, self.b1_, self.W2_, self.b2_), gradients):
                own -= 0.1 * gradient
        return self
    def predict(self, X):
        return self._forward(X).argmax(axis=1)

def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)

def sigmoid(z):
    return 1 / (1 + np.exp(-z))
"""
CLASSES = {
    "OUTPUT": "softmax",
    "TARGETS": "np.eye(len(np.unique(y)))[y]",
    "BEFORE": "self._begin(X.shape[1], Y.shape[1])",
    "INSIDE": "pass",
}
ONE_HOT = {**CLASSES, "TARGETS": "y"}
BINARY = {**CLASSES, "OUTPUT": "sigmoid", "TARGETS": "y.reshape(-1, 1)"}


def code_of(parts: dict[str, str]) -> str:
    code = FITTED
    for name, text in parts.items():
        code = code.replace(name, text)
    return code


def judged(proposal: Any, *aspects: str) -> dict[str, str]:
    report = examine(proposal.network, only=aspects)
    return {own.aspect: own.status for own in report.verdicts}


@pytest.mark.parametrize(("parts", "outputs"), [(CLASSES, 10), (ONE_HOT, 10), (BINARY, 1)])
def test_parameters_may_come_with_a_training(parts: dict[str, str], outputs: int) -> None:
    proposal = recognize(names_of(code_of(parts).replace("_begin", "_of")))
    assert "(setattr(net, 'n_iter', 0), net.fit(np." in proposal.fields["make"]
    [why] = [own.why for own in proposal.conventions if own.name == "make"]
    assert why.endswith(f"12-9-{outputs}")
    assert certainty(proposal, "gradients") == "sure"
    [why] = [own.why for own in proposal.conventions if own.name == "step"]
    assert why.startswith("fit makes the parameters anew: its steps are not asked")
    found = judged(proposal, "gradient", "side effects")
    assert found == {"gradient": EQUAL, "side effects": EQUAL}


COLUMNS = """
import numpy as np

class Net:
    def __init__(self, hidden):
        self.hidden = hidden
    def setup(self, X, Y):
        self.W1 = np.random.randn(self.hidden, X.shape[0]) * 0.3
        self.W2 = np.random.randn(Y.shape[0], self.hidden) * 0.3
        assert X.shape[1] == Y.shape[1]
    def forward(self, X):
        self.h = np.tanh(self.W1 @ X)
        return np.tanh(self.W2 @ self.h)
    def backward(self, X, Y):
        out = self.forward(X)
        d2 = (out - Y) * (1 - out**2)
        d1 = self.W2.T @ d2 * (1 - self.h**2)
        return d1 @ X.T, d2 @ self.h.T
"""


def test_samples_may_lie_in_columns() -> None:
    proposal = recognize(names_of(COLUMNS))
    assert "net.setup(np.random.randn(20, 12).T, np.eye(10)[" in proposal.fields["make"]
    assert judged(proposal, "gradient") == {"gradient": CONVENTION}


def test_a_method_that_makes_parameters_is_called_before_a_training() -> None:
    names = names_of(code_of(CLASSES).replace("_begin", "_initialize"))
    proposal = recognize(names["Classifier"], names)
    assert "net._initialize(12, 10)" in proposal.fields["make"]
    assert "fit" not in proposal.fields["make"]
    assert judged(proposal, "gradient", "side effects") == {
        "gradient": EQUAL,
        "side effects": EQUAL,
    }


def test_parameters_of_a_first_round_are_not_those_that_it_begins_with() -> None:
    inside = {**CLASSES, "BEFORE": "pass", "INSIDE": "if _ == 0: self._of(X.shape[1], Y.shape[1])"}
    proposal = recognize(names_of(code_of(inside).replace("_begin", "_of")))
    assert proposal.fields["make"].startswith("uninitialized(lambda: ")
    assert "setattr(net, 'n_iter', 1)" in proposal.fields["make"]
    assert judged(proposal, "gradient", "initialization") == {
        "gradient": EQUAL,
        "initialization": UNCHECKED,
    }


def test_a_fault_shows_and_a_training_that_takes_long_is_not_run() -> None:
    wrong = code_of(ONE_HOT).replace("(1 - self.h**2)", "(1 - self.h)").replace("_begin", "_of")
    assert judged(recognize(names_of(wrong)), "gradient") == {"gradient": DIFFERS}
    slow = wrong.replace("        Y = y\n", "        Y = y\n        sum(range(10**7))\n")
    with pytest.raises(RecognitionError, match="has no matrices before it is used"):
        recognize(names_of(slow))
