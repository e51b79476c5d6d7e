"""A function that calls what was recognized stands for that, but for its own lines."""

from pathlib import Path

import numpy as np
import pytest

from parity_tests.kit.child import examine_apart
from parity_tests.kit.recognition import RecognitionError, recognize
from parity_tests.kit.recognition.callers import parts_called
from parity_tests.kit.rendering.wording import LEFT_OUT
from parity_tests.kit.tests.proposals import names_of

FUNCTIONS = """
import numpy as np

def init_params(n_in=12, n_hidden=9, n_out=10):
    return {"W1": np.random.randn(n_in, n_hidden) * 0.1, "b1": np.zeros(n_hidden),
            "W2": np.random.randn(n_hidden, n_out) * 0.1, "b2": np.zeros(n_out)}

def forward(X, params):
    A1 = np.tanh(X @ params["W1"] + params["b1"])
    return A1 @ params["W2"] + params["b2"], A1

def backward(X, Y, params, out, A1):
    d2 = (out - Y) / len(X)
    d1 = d2 @ params["W2"].T * (1 - A1**2)
    return {"dW1": X.T @ d1, "db1": d1.sum(axis=0), "dW2": A1.T @ d2, "db2": d2.sum(axis=0)}

def update(params, grads, lr):
    for name in params:
        params[name] = params[name] - lr * grads["d" + name]
    return params

def epoch(X, Y, params, lr):
    out, A1 = forward(X, params)
    return update(params, backward(X, Y, params, out, A1), lr)

def train(X, Y, epochs, lr):
    params = init_params(X.shape[1], 9, Y.shape[1])
    for _ in range(epochs):
        params = epoch(X, Y, params, lr)
    return params

def predict_classes(X, params):
    return forward(X, params)[0].argmax(axis=1)

def accuracy(p, y):
    return (p.argmax(axis=1) == y).mean()
"""

OBJECT = """
import numpy as np

class Net:
    def __init__(self, n=12, h=9, o=10):
        self.W1, self.b1 = np.random.randn(n, h) / 3, np.zeros(h)
        self.W2, self.b2 = np.random.randn(h, o) / 3, np.zeros(o)
    def forward(self, x):
        self.a = np.tanh(x @ self.W1 + self.b1)
        return self.a @ self.W2 + self.b2
    def train_step(self, x, y, lr):
        d2 = (self.forward(x) - y) / len(x)
        d1 = d2 @ self.W2.T * (1 - self.a**2)
        self.W2 -= lr * self.a.T @ d2
        self.b2 -= lr * d2.sum(axis=0)
        self.W1 -= lr * x.T @ d1
        self.b1 -= lr * d1.sum(axis=0)

def run(net, X, y, lr):
    net.train_step(X, y, lr)
    return net.forward(X)

def build_and_run(X, y, lr):
    return run(Net(X.shape[1]), X, y, lr)

def only_forward(net, X):
    return net.forward(X)
"""


@pytest.mark.parametrize(
    ("code", "name", "called"),
    [
        (FUNCTIONS, "train", "backward, forward, update"),
        (OBJECT, "run", "forward, train_step"),
        (OBJECT, "build_and_run", "Net"),
    ],
)
def test_what_a_function_calls_is_recognized_in_its_place(
    code: str, name: str, called: str
) -> None:
    namespace = names_of(code)
    proposal = recognize(namespace[name], namespace)
    assert proposal.fields == recognize(namespace).fields
    told = [c for c in proposal.conventions if c.name == LEFT_OUT][-1]
    assert told.value == f"the lines of {name}() itself"
    assert told.why == f"what was checked is what it calls: {called}"


@pytest.mark.parametrize(
    ("code", "name", "parts"),
    [
        (FUNCTIONS, "accuracy", "init_params, forward, backward, update"),
        # It calls the forward pass alone.
        (FUNCTIONS, "predict_classes", "init_params, forward, backward, update"),
        (OBJECT, "only_forward", "Net"),
    ],
)
def test_a_function_that_calls_less_is_told_what_to_give(code: str, name: str, parts: str) -> None:
    namespace = names_of(code)
    with pytest.raises(RecognitionError, match=f"give one of {parts}, or no name"):
        recognize(namespace[name], namespace)


def test_only_names_of_the_module_are_parts() -> None:
    def run(x: object) -> object:
        return np.tanh(x)

    fields = {"make": "lambda: np.ones(3)", "forward": "lambda net, x: np.tanh(x)"}
    assert parts_called(run, fields, {"np": np, "run": run}) == []


def test_the_command_examines_what_is_called(tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    file.write_text(FUNCTIONS, encoding="utf-8")
    assert examine_apart(f"{file}:train").exit_code == 0
