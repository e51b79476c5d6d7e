"""A forward pass that is given the labels, too, and returns the loss, alone or with its output."""

import pytest

from parity_tests.kit.check import examine
from parity_tests.kit.recognition import RecognitionError, recognize
from parity_tests.kit.tests.proposals import names_of
from parity_tests.kit.verdicts import EQUAL

CLASS = """
import numpy as np

class Net:
    def __init__(self, n_in=12, n_hidden=9, n_out=10):
        self.W1, self.b1 = np.random.randn(n_in, n_hidden) * 0.3, np.zeros(n_hidden)
        self.W2, self.b2 = np.random.randn(n_hidden, n_out) * 0.3, np.zeros(n_out)
    def forward(self, X, y):
        self.X, self.y = X, y
        self.h = np.maximum(0, X @ self.W1 + self.b1)
        s = self.h @ self.W2 + self.b2
        e = np.exp(s - s.max(axis=1, keepdims=True))
        self.probs = e / e.sum(axis=1, keepdims=True)
        loss = -np.mean(np.log(self.probs[np.arange(len(y)), y] + 1e-12))
        return {returned}
    def backward(self):
        n = len(self.y)
        d = self.probs.copy()
        d[np.arange(n), self.y] -= 1
        d /= n
        self.dW2, self.db2 = self.h.T @ d, d.sum(axis=0)
        d = (d @ self.W2.T) * (self.h > 0)
        self.dW1, self.db1 = self.X.T @ d, d.sum(axis=0)
    def update(self, lr):
        self.W1 -= lr * self.dW1
        self.b1 -= lr * self.db1
        self.W2 -= lr * self.dW2
        self.b2 -= lr * self.db2
"""

FUNCTIONS = """
import numpy as np

def init_params(n_in=12, n_hidden=9, n_out=10):
    return {"W1": np.random.randn(n_hidden, n_in) * 0.3, "b1": np.zeros((n_hidden, 1)),
            "W2": np.random.randn(n_out, n_hidden) * 0.3, "b2": np.zeros((n_out, 1))}

def forward(X, Y, params):
    A1 = np.tanh(params["W1"] @ X + params["b1"])
    Z2 = params["W2"] @ A1 + params["b2"]
    A2 = 1 / (1 + np.exp(-Z2))
    cost = np.sum((A2 - Y) ** 2) / (2 * X.shape[1])
    return A2, A1, cost

def backward(X, Y, params, A1, A2):
    m = X.shape[1]
    dZ2 = (A2 - Y) * A2 * (1 - A2) / m
    dZ1 = params["W2"].T @ dZ2 * (1 - A1**2)
    return {"dW1": dZ1 @ X.T, "db1": dZ1.sum(axis=1, keepdims=True),
            "dW2": dZ2 @ A1.T, "db2": dZ2.sum(axis=1, keepdims=True)}
"""


def of_class(returned: str) -> str:
    return CLASS.replace("{returned}", returned)


@pytest.mark.parametrize(
    ("code", "labels", "aspects"),
    [
        (of_class("loss"), "integers", ("loss", "gradient", "optimizer")),
        (of_class("self.probs, loss"), "integers", ("loss", "gradient", "optimizer")),
        (of_class("loss, self.probs"), "integers", ("loss", "gradient", "optimizer")),
        (FUNCTIONS, "one_hot", ("gradient",)),
    ],
)
def test_its_output_and_its_loss_are_found(
    code: str, labels: str, aspects: tuple[str, ...]
) -> None:
    network = recognize(names_of(code)).network
    assert network.labels == labels
    assert network.batch == ("columns" if code == FUNCTIONS else "rows")
    report = examine(network)
    assert report.failures == []
    for aspect in ("forward", *aspects):
        assert {v.status for v in report.of(aspect)} == {EQUAL}


def test_a_wrong_gradient_is_found_there() -> None:
    code = of_class("loss").replace("d[np.arange(n), self.y] -= 1", "d[np.arange(n), self.y] += 1")
    report = examine(recognize(names_of(code)).network)
    assert [verdict.aspect for verdict in report.failures] == ["gradient"]


@pytest.mark.parametrize(
    "of_labels", ["s = y[:, np.newaxis] + X[:, :1] * self.h", "s = (1 + y[:, np.newaxis]) * self.h"]
)
def test_an_output_of_which_labels_are_a_part_is_none(of_labels: str) -> None:
    code = of_class("loss").replace("s = self.h", of_labels)
    with pytest.raises(RecognitionError, match="no forward pass was found"):
        recognize(names_of(code))
