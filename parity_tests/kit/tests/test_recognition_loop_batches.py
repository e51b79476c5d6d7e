"""Training loops whose steps cannot be compared: whether their samples keep their labels."""

import numpy as np
import pytest

from parity_tests.kit.check import examine
from parity_tests.kit.recognition import followed, recognize
from parity_tests.kit.tests.proposals import names_of, pasted

FUNCTIONS = """
import numpy as np

def init_params(dims):
    return {f"W{n}": np.random.randn(a, b) * np.sqrt(1 / a)
            for n, (a, b) in enumerate(zip(dims, dims[1:]), 1)}

def one_hot(y, classes):
    return np.eye(classes)[y]

def forward(X, params, training=True):
    a = np.tanh(X @ params["W1"])
    mask = (np.random.rand(*a.shape) < 0.8) / 0.8 if training else np.ones_like(a)
    e = np.exp(a * mask @ params["W2"])
    return e / e.sum(axis=1, keepdims=True), (X, a, mask)

def backward(probs, y, params, cache):
    X, a, mask = cache
    d2 = probs.copy()
    d2[np.arange(len(y)), y] -= 1
    d2 /= len(y)
    d1 = (d2 @ params["W2"].T) * mask * (1 - a**2)
    return {"dW1": X.T @ d1, "dW2": (a * mask).T @ d2}

def update_params(params, grads, lr):
    for name in params:
        params[name] -= lr * grads["d" + name]
    return params

def train(X, y, dims, lr=0.1, epochs=20, batch_size=8):
    params = init_params(dims)
    for epoch in range(epochs):
        order = np.random.permutation(len(X))
        X_s, y_s = X[order], y[order]
        for i in range(0, len(X), batch_size):
            xb, yb = X_s[i:i + batch_size], y_s[i:i + batch_size]
            probs, cache = forward(xb, params)
            params = update_params(params, backward(probs, yb, params, cache), lr)
        probs, _ = forward(X, params, training=False)
        print((probs.argmax(axis=1) == y).mean())
    return params
"""
ONE_HOT = (
    (
        "d2 = probs.copy()\n    d2[np.arange(len(y)), y] -= 1\n    d2 /= len(y)",
        "d2 = (probs - y) / len(y)",
    ),
    ("params = init_params(dims)\n", "params = init_params(dims)\n    y = one_hot(y, dims[-1])\n"),
    ("== y)", "== y.argmax(axis=1))"),
)
ALL_AT_ONCE = (
    (
        "        for i in range(0, len(X), batch_size):\n"
        "            xb, yb = X_s[i:i + batch_size], y_s[i:i + batch_size]\n",
        "        for _ in range(1):\n            xb, yb = X_s, y_s\n",
    ),
    (", batch_size=8", ""),
)
METHODS = """
import numpy as np

class Classifier:
    def __init__(self, n_in=12, n_hidden=9, n_out=10, lr=0.1):
        self.lr, self.training = lr, False
        self.W1 = np.random.randn(n_in, n_hidden) * 0.4
        self.W2 = np.random.randn(n_hidden, n_out) * 0.4

    def forward(self, X):
        self.a = np.tanh(X @ self.W1)
        self.mask = np.random.rand(*self.a.shape) < 0.8 if self.training else 0.8
        e = np.exp(self.a * self.mask @ self.W2)
        return e / e.sum(axis=1, keepdims=True)

    def backward(self, X, y):
        d2 = (self.forward(X) - np.eye(self.W2.shape[1])[y]) / len(X)
        d1 = d2 @ self.W2.T * self.mask * (1 - self.a**2)
        return X.T @ d1, (self.a * self.mask).T @ d2

    def train_batch(self, X, y):
        for p, g in zip((self.W1, self.W2), self.backward(X, y)):
            p -= self.lr * g

    def fit(self, X, y, epochs=5, batch_size=8):
        self.training = True
        for _ in range(epochs):
            order = np.random.permutation(len(X))
            X_s, y_s = X[order], y[order]
            for i in range(0, len(X), batch_size):
                self.train_batch(X_s[i:i + batch_size], y_s[i:i + batch_size])
        self.training = False
"""
APART = ("X_s, y_s = X[order], y[order]", "X_s, y_s = X[order], y[np.random.permutation(len(y))]")
LEFT = ("X_s, y_s = X[order], y[order]", "X_s, y_s = X[order], y")
NOISY = ("probs, cache = forward(xb,", "probs, cache = forward(xb + np.random.randn(*xb.shape),")


def _with(source: str, *changes: tuple[str, str]) -> str:
    for old, new in changes:
        assert old in source
        source = source.replace(old, new)
    return source


@pytest.mark.parametrize("shuffle", [(), (APART,), (LEFT,)])
@pytest.mark.parametrize("changes", [(), ONE_HOT, ALL_AT_ONCE])
def test_a_loop_of_functions_that_draws_masks_is_followed(
    changes: tuple[tuple[str, str], ...], shuffle: tuple[tuple[str, str], ...]
) -> None:
    names = names_of(_with(FUNCTIONS, *shuffle, *changes))
    proposal = recognize(names["train"], names)
    assert ("batches" in proposal.fields) == bool(shuffle)
    report = examine(pasted(proposal, names), only="data")
    assert [verdict.cause for verdict in report.failures] == ["shuffled-apart"] * len(shuffle)


@pytest.mark.parametrize("shuffle", [(), (APART,), (LEFT,)])
def test_a_method_that_drops_units_is_followed(shuffle: tuple[tuple[str, str], ...]) -> None:
    names = names_of(_with(METHODS, *shuffle))
    proposal = recognize(names["Classifier"], names)
    report = examine(proposal.network, only="data")
    assert [verdict.cause for verdict in report.failures] == ["shuffled-apart"] * len(shuffle)


def test_of_samples_that_are_changed_on_the_way_nothing_is_said() -> None:
    names = names_of(_with(FUNCTIONS, APART, NOISY))
    assert "batches" not in recognize(names["train"], names).fields


def test_what_is_watched_is_put_back_and_rounds_end() -> None:
    names = names_of(_with(FUNCTIONS, ("range(epochs)", "iter(int, 1)")))
    x, y = np.arange(60.0).reshape(20, 3), np.arange(20) % 4
    own = names["forward"], names["backward"]
    pairs = list(followed(lambda: names["train"](x, y, [3, 5, 4]), x, y, own))
    assert [len(samples) for samples, _ in pairs] == [8, 8, 4]
    assert (names["forward"], names["backward"]) == own
    for samples, labels in pairs:
        assert np.array_equal(samples[:, 0] // 3 % 4, labels)
