"""What a loss hands out whose value is known begins the gradient, right or wrong, and not ours."""

import pytest

from parity_tests.kit.check import examine
from parity_tests.kit.recognition import recognize
from parity_tests.kit.rendering.wording import OWN_DELTA
from parity_tests.kit.tests.proposals import found, names_of
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL

MODEL = """
import numpy as np

class Affine:
    def __init__(self, i, o):
        self.w, self.b = np.random.randn(i, o) / np.sqrt(i), np.zeros(o)
    def forward(self, x):
        self.x = x
        return x @ self.w + self.b
    def backward(self, g):
        self.dw, self.db = self.x.T @ g, g.sum(axis=0)
        return g @ self.w.T

class Tanh:
    def forward(self, x):
        self.a = np.tanh(x)
        return self.a
    def backward(self, g):
        return g * (1 - self.a**2)

class Model:
    def __init__(self):
        self.layers = [Affine(12, 9), Tanh(), Affine(9, 10)]
    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x
    def backward(self, g):
        for layer in reversed(self.layers):
            g = layer.backward(g)
"""
CLASSES = """
class CrossEntropy:
    def __call__(self, logits, y):
        z = logits - logits.max(axis=1, keepdims=True)
        self.log_p, self.y = z - np.log(np.exp(z).sum(axis=1, keepdims=True)), y
        return -self.log_p[np.arange(len(y)), y].mean()
    def backward(self):
        g = np.exp(self.log_p)
        g[np.arange(len(self.y)), self.y] -= 1
        return g / len(self.y)
"""
FUNCTIONS = """
def mse(true, predicted):
    return np.mean((true - predicted) ** 2)
def mse_prime(true, predicted):
    return 2 * (predicted - true) / true.size
"""
ABSOLUTE = """
def mae(true, predicted):
    return np.mean(np.abs(true - predicted))
def mae_prime(true, predicted):
    return np.sign(predicted - true) / true.size
"""


@pytest.mark.parametrize(
    ("losses", "old", "new", "cause"),
    [
        (CLASSES, "self.y] -= 1", "self.y] -= 1", None),
        (CLASSES, "self.y] -= 1", "self.y] -= 0", "labels-left-out"),
        (FUNCTIONS, "2 * (predicted - true)", "2 * (predicted - true)", None),
        (FUNCTIONS, "2 * (predicted - true)", "2 * (predicted + true)", "error-of-another-form"),
        (FUNCTIONS, "2 * (predicted - true)", "2 * predicted", "labels-left-out"),
    ],
)
def test_a_fault_of_what_a_loss_hands_out(
    losses: str, old: str, new: str, cause: str | None
) -> None:
    proposal = recognize(names_of(MODEL + losses.replace(old, new)))
    assert OWN_DELTA not in [told.name for told in proposal.conventions]
    verdicts = examine(proposal.network, only="gradient").verdicts
    assert [(v.status, v.cause) for v in verdicts] == [(DIFFERS if cause else EQUAL, cause)]


def test_one_of_several_that_is_right_is_meant() -> None:
    wrong = ABSOLUTE.replace("np.sign(predicted - true)", "np.sign(predicted + true)")
    proposal = recognize(names_of(MODEL + wrong + FUNCTIONS))
    assert examine(proposal.network, only="gradient").failures == []


def test_a_derivative_of_no_loss_that_is_known_is_not_taken() -> None:
    # It may be one of something else: ours is asked in its place, and that is told.
    strange = ABSOLUTE.replace("np.abs(", "np.sin(").replace("np.sign(predicted", "np.cos(true")
    assert found(recognize(names_of(MODEL + strange)), OWN_DELTA) == "p - y"


def test_a_loss_of_another_last_layer_than_was_chosen_is_not_taken() -> None:
    probabilities = """
class BinaryCrossEntropy:
    def __call__(self, p, y):
        self.p, self.y = np.clip(p, 1e-12, 1 - 1e-12), y
        return -np.mean(y * np.log(self.p) + (1 - y) * np.log(1 - self.p))
    def backward(self):
        return (self.p - self.y) / (self.p * (1 - self.p)) / self.p.size
"""
    given = MODEL.replace("__init__(self):\n        self.layers = [Affine(12, 9), Tanh(), ", "")
    given = given.replace("Affine(9, 10)]", "__init__(self, layers):\n        self.layers = layers")
    proposal = recognize(names_of(given + probabilities))
    assert found(proposal, OWN_DELTA) == "p - y"
    assert examine(proposal.network, only="gradient").failures == []


METHODS = """
    def compute_loss(self, A, Y):
        return np.mean((A - Y) ** 2)
    def compute_loss_gradient(self, A, Y):
        return 2 * (A - Y) / A.size
"""
BESIDE = """
    def loss(self, scores, labels):
        return softmax_loss(scores, labels)
    def train(self, x, labels, lr=0.1):
        for _ in range(ROUNDS):
            _, d = self.loss(self.forward(x), labels)
            self.backward(d)
            for layer in self.layers[::2]:
                layer.w -= lr * layer.dw
                layer.b -= lr * layer.db

def softmax_loss(x, y):
    x, n = x - x.max(axis=1, keepdims=True), np.arange(len(x))
    log_p = x - np.log(np.exp(x).sum(axis=1, keepdims=True))
    dx = np.exp(log_p)
    dx[n, y] -= 1
    return -log_p[n, y].mean(), dx / len(x)
"""


@pytest.mark.parametrize(
    ("losses", "old", "new", "cause"),
    [
        (METHODS, "", "", None),
        (METHODS, "2 * (A - Y)", "2 * A", "labels-left-out"),
        (BESIDE, "", "", None),
        (BESIDE, "dx[n, y] -= 1", "dx[n, y] -= 0", "labels-left-out"),
    ],
)
def test_what_a_network_has_of_its_own(losses: str, old: str, new: str, cause: str | None) -> None:
    proposal = recognize(names_of(MODEL + losses.replace(old, new).replace("ROUNDS", "1")))
    assert OWN_DELTA not in [told.name for told in proposal.conventions]
    report = examine(proposal.network, only=("loss", "gradient"))
    assert [v.cause for v in report.failures] == ([cause] if cause else [])
    assert [v.status for v in report.of("loss")] in ([EQUAL], [CONVENTION])


@pytest.mark.parametrize(("rounds", "is_step"), [("1", True), ("10", False)])
def test_a_loop_of_several_rounds_is_no_step(rounds: str, is_step: bool) -> None:
    proposal = recognize(names_of(MODEL + BESIDE.replace("ROUNDS", rounds)))
    assert ("step" in proposal.fields) == is_step
    assert examine(proposal.network).failures == []
