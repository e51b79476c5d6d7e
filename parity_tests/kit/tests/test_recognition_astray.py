"""Steps and losses that are there, and are no step and no loss that is known, are asked as well."""

from typing import Any

import pytest

from parity_tests.kit.check import examine
from parity_tests.kit.recognition import Proposal, recognize
from parity_tests.kit.tests.proposals import found, names_of
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, UNCHECKED, Verdict

NET = """
import numpy as np

def sigmoid(z):
    return 1 / (1 + np.exp(-z))

class Net:
    def __init__(self):
        self.w1, self.b1 = np.random.randn(20, 16) * 0.2, np.zeros(16)
        self.w2, self.b2 = np.random.randn(16, 12) * 0.2, np.zeros(12)

    def forward(self, x):
        self.h = np.tanh(x @ self.w1 + self.b1)
        return sigmoid(self.h @ self.w2 + self.b2)

    def loss(self, x, y):
        return np.sum((self.forward(x) - y) ** 2) / (2 * len(x))

    def backward(self, x, y):
        p = self.forward(x)
        d = (p - y) * p * (1 - p) / len(x)
        e = d @ self.w2.T * (1 - self.h**2)
        return x.T @ e, e.sum(axis=0), self.h.T @ d, d.sum(axis=0)
"""

STEP = """
    def step(self, x, y, lr):
        for p, g in zip((self.w1, self.b1, self.w2, self.b2), self.backward(x, y)):
            p -= lr * g
"""

UPDATE = """
    def update(self, grads, lr):
        for p, g in zip((self.w1, self.b1, self.w2, self.b2), grads):
            p -= lr * g
"""

FUNCTIONS = """
import numpy as np

def init_params():
    return [np.random.randn(20, 16), np.zeros(16), np.random.randn(16, 12) * 0.2, np.zeros(12)]

def forward(params, x):
    w1, b1, w2, b2 = params
    h = np.tanh(x @ w1 + b1)
    return h, h @ w2 + b2

def loss(params, x, y):
    return ((forward(params, x)[1] - y) ** 2).sum() / (2 * len(x))

def backward(params, x, y):
    h, out = forward(params, x)
    d = (out - y) / len(x)
    e = d @ params[2].T * (1 - h**2)
    return [x.T @ e, e.sum(axis=0), h.T @ d, d.sum(axis=0)]

def sgd(params, grads, lr=0.1):
    return [p - lr * g for p, g in zip(params, grads)]
"""


def of(proposal: Proposal, aspect: str) -> Verdict:
    [verdict] = examine(proposal.network, only=aspect).of(aspect)
    return verdict


def replaced(source: str, old: str, new: str) -> dict[str, Any]:
    assert old in source
    return names_of(source.replace(old, new))


@pytest.mark.parametrize(
    ("source", "old", "new"),
    [
        (NET + STEP, "lr * g", "lr * scale * g"),
        (NET + UPDATE, "lr * g", "lr * self.b1 * g"),
        (FUNCTIONS, "lr * g", "rate * g"),
    ],
    ids=["step", "update", "function"],
)
def test_a_step_that_raises_is_not_checked(source: str, old: str, new: str) -> None:
    proposal = recognize(replaced(source, old, new))
    verdict = of(proposal, "optimizer")
    assert (verdict.status, verdict.cause) == (UNCHECKED, "call-raises")
    right = recognize(names_of(source))
    assert of(right, "optimizer").status == EQUAL


def test_an_update_that_changes_nothing_differs() -> None:
    verdict = of(recognize(replaced(NET + UPDATE, "lr * g", "lr * np.zeros_like(g)")), "optimizer")
    assert (verdict.status, verdict.cause) == (DIFFERS, "not-updated")


@pytest.mark.parametrize(
    ("source", "call"),
    [
        (NET + UPDATE, "net.update(g, lr)"),
        (NET + STEP, "net.step(x, y, lr)"),
        (FUNCTIONS, "sgd(net, g, lr)"),
    ],
    ids=["update", "step", "function"],
)
def test_a_step_that_goes_elsewhere_is_asked(source: str, call: str) -> None:
    # What differs, and how far, takes long to be told.
    assert call in recognize(replaced(source, "lr * g", "lr / g")).fields["step"]


@pytest.mark.parametrize(
    "method",
    [
        """
    def update_learning_rate(self, lr):
        self.rate = lr
""",
        """
    def train(self, x, y, lr=0.1):
        for i in range(0, len(x) - 31, 32):
            part = slice(i, i + 32)
            for p, g in zip((self.w1, self.b1, self.w2, self.b2), self.backward(x[part], y[part])):
                p -= lr * g
""",
    ],
    ids=["setting", "batches"],
)
def test_what_changes_nothing_of_few_samples_is_no_step(method: str) -> None:
    proposal = recognize(names_of(NET + method))
    assert found(proposal, "step") == "not found"
    assert examine(proposal.network, only=("gradient", "optimizer")).failures == []


@pytest.mark.parametrize(
    ("new", "status", "cause"),
    [
        ("np.sum(y) / len(x)", DIFFERS, "loss-without-parameters"),
        ("np.sum((self.forward(x) - y) ** 2) - np.log(0)", DIFFERS, None),
        ("np.sum((self.forward(x)[len(x)] - y) ** 2)", UNCHECKED, "call-raises"),
        ("np.sum((self.forward(x) - y) ** 2) / len(x)", CONVENTION, None),
    ],
    ids=["one number", "infinite", "raises", "right"],
)
def test_a_loss_of_no_use_is_asked(new: str, status: str, cause: str | None) -> None:
    proposal = recognize(replaced(NET, "np.sum((self.forward(x) - y) ** 2) / (2 * len(x))", new))
    assert "net.loss(x, y)" in proposal.fields["loss"]
    verdict = of(proposal, "loss")
    assert (verdict.status, verdict.cause) == (status, cause)


LATE = """
    count = 0

    def train_step(self, x, y):
        p = self.forward(x)
        d = (p - y) * p * (1 - p) / len(x)
        e = d @ self.w2.T * (1 - self.h**2)
        rate, self.count = 0.1 * self.count, self.count + 1
        self.w1, self.b1 = self.w1 - rate * x.T @ e, self.b1 - rate * e.sum(axis=0)
        self.w2, self.b2 = self.w2 - rate * self.h.T @ d, self.b2 - rate * d.sum(axis=0)
"""


@pytest.mark.parametrize(
    ("rate", "told"),
    [
        ("0.1 * self.count", "changes no parameter, and does when it is called again"),
        ("0.0 * self.count", "changes no parameter"),
    ],
)
def test_a_step_that_changes_nothing_at_first_is_told(rate: str, told: str) -> None:
    source = NET.partition("    def backward")[0] + LATE.replace("0.1 * self.count", rate)
    [gradients] = [
        own for own in recognize(names_of(source)).conventions if own.name == "gradients"
    ]
    assert gradients.value == "not found"
    assert gradients.why.endswith(f"train_step(x, y) {told}")


def test_a_loop_that_divides_by_a_part_of_its_rounds_is_not_asked() -> None:
    fit = """
    def fit(self, x, y, epochs=3000, lr=0.1):
        for epoch in range(epochs):
            for p, g in zip((self.w1, self.b1, self.w2, self.b2), self.backward(x, y)):
                p -= lr * g
            if epoch % (epochs // 10) == 0:
                print(epoch)
"""
    assert found(recognize(names_of(NET + fit)), "step") == "not found"


ONE_BY_ONE = """
import numpy as np

class Net:
    def __init__(self):
        self.w1, self.b1 = np.random.randn(9, 12) * 0.4, np.zeros(9)
        self.w2, self.b2 = np.random.randn(10, 9) * 0.4, np.zeros(10)
        self.squares, self.eta = [0.0] * 4, 0.1

    def forward(self, x):
        return self.w2 @ np.maximum(self.w1 @ x + self.b1, 0) + self.b2

    def backward(self, x, y):
        h = np.maximum(self.w1 @ x + self.b1, 0)
        d = self.w2 @ h + self.b2 - y
        e = self.w2.T @ d * (h > 0)
        return np.outer(e, x), e, np.outer(d, h), d

    def learn(self, x, y):
        own = self.w1, self.b1, self.w2, self.b2
        for n, (p, g) in enumerate(zip(own, self.backward(x, y))):
            self.squares[n] = 0.9 * self.squares[n] + 0.1 * g**2
            p -= self.eta * g / np.sqrt(self.squares[n])
"""


@pytest.mark.parametrize(
    ("old", "new", "cause"),
    [
        ("", "", "epsilon-missing"),
        ("/ np.sqrt(self.squares[n])", "/ (np.sqrt(self.squares[n]) + 1e-8)", None),
    ],
)
def test_a_step_of_any_name_that_leaves_what_is_not_finite(
    old: str, new: str, cause: str | None
) -> None:
    proposal = recognize(replaced(ONE_BY_ONE, old, new))
    assert of(proposal, "optimizer").cause == cause


def test_a_step_that_may_diverge_by_a_rate_of_its_own_is_not_asked() -> None:
    without = ONE_BY_ONE.replace(", self.eta = [0.0] * 4, 0.1", " = [0.0] * 4")
    proposal = recognize(replaced(without, "self.eta * g", "0.1 * g"))
    assert found(proposal, "step") == "not found"
