"""Training loops around a step that is recognized: whether their samples keep their labels."""

from pathlib import Path

import pytest

from parity_tests.kit.check import examine
from parity_tests.kit.loading.loader import Loader, propose
from parity_tests.kit.network import Network
from parity_tests.kit.recognition import recognize
from parity_tests.kit.recognition.loop_pairs import takes_pairs
from parity_tests.kit.rendering.wording import LEFT_OUT
from parity_tests.kit.tests.proposals import names_of
from parity_tests.kit.verdicts import EQUAL, UNCHECKED

AROUND = """
import numpy as np

class Classifier:
    def __init__(self, n_in=12, n_hidden=9, n_out=10, lr=0.1, epochs=3, batch_size=4):
        self.lr, self.epochs, self.batch_size = lr, epochs, batch_size
        self.W1, self.b1 = np.random.randn(n_in, n_hidden) * 0.4, np.zeros(n_hidden)
        self.W2, self.b2 = np.random.randn(n_hidden, n_out) * 0.4, np.zeros(n_out)
        self.squares = [0.0, 0.0, 0.0, 0.0]

    def forward(self, X):
        self.a = np.tanh(X @ self.W1 + self.b1)
        e = np.exp(self.a @ self.W2 + self.b2)
        return e / e.sum(axis=1, keepdims=True)

    def backward(self, X, y):
        d2 = (self.forward(X) - np.eye(len(self.b2))[y]) / len(X)
        d1 = d2 @ self.W2.T * (1 - self.a**2)
        return X.T @ d1, d1.sum(axis=0), self.a.T @ d2, d2.sum(axis=0)

    def update_all(self, X, y):
        own = (self.W1, self.b1, self.W2, self.b2)
        for n, (p, g) in enumerate(zip(own, self.backward(X, y))):
            self.squares[n] = 0.9 * self.squares[n] + 0.1 * g**2
            p -= self.lr * g / (np.sqrt(self.squares[n]) + 1e-8)

    def fit(self, X, y):
        for _ in range(self.epochs):
            order = np.random.permutation(len(X))
            for i in range(0, len(X), self.batch_size):
                rows = order[i:i + self.batch_size]
                self.update_all(X[rows], y[rows])
        return self
"""
APART = AROUND.replace("y[rows]", "y[i:i + self.batch_size]")


def _around(source: str, old: str = "", new: str = "") -> str:
    assert old in source
    return source.replace(old, new) if old else source


# The step gives no gradients, or it is found beside some.
_HIDDEN = ("def backward", "def __others")
_CALLED = ("self.backward(", "self.__others(")


@pytest.mark.parametrize("is_hidden", [False, True])
def test_a_loop_that_shuffles_inputs_and_labels_apart_is_asked(is_hidden: bool) -> None:
    source = APART
    for old, new in (_HIDDEN, _CALLED) if is_hidden else ():
        source = _around(source, old, new)
    proposal = recognize(names_of(source)["Classifier"])
    assert "net.fit(x, y)" in proposal.fields["step"]
    report = examine(proposal.network, only=("gradient", "optimizer"))
    assert [verdict.cause for verdict in report.failures] == ["shuffled-apart"]


def test_a_right_loop_is_told_to_be_left_out() -> None:
    proposal = recognize(names_of(AROUND)["Classifier"])
    assert "fit" not in proposal.fields["step"]
    [left] = [own for own in proposal.conventions if own.name == LEFT_OUT]
    assert left.value == "fit"
    assert "not judged" in left.why
    assert not examine(proposal.network, only=("gradient", "optimizer")).failures


def _declared(source: str) -> Network:
    def step(net: object, x: object, y: object, lr: float) -> None:
        net.lr, net.epochs, net.batch_size = lr, 1, len(x)  # type: ignore[attr-defined, arg-type]
        net.fit(x, y)  # type: ignore[attr-defined]

    return Network(
        make=names_of(source)["Classifier"],
        parameters="W1 b1 W2 b2",
        forward="forward",
        step=step,
        labels="integers",
    )


_NOISY = ("(X[rows], y", "(X[rows] + 0.1 * np.random.randn(*X[rows].shape), y")


@pytest.mark.parametrize(
    ("source", "causes"),
    [(APART, ["shuffled-apart"]), (AROUND, []), (_around(AROUND, *_NOISY), [])],
)
def test_steps_of_a_loop_tell_exchanged_labels_without_a_loss(
    source: str, causes: list[str]
) -> None:
    report = examine(_declared(source), only="gradient")
    assert [verdict.cause for verdict in report.failures] == causes
    if "randn(*X[rows]" in source:
        assert [verdict.status for verdict in report.of("gradient")] == [UNCHECKED]


# The loop is a function beside the class, which is given what it trains, and batches by a name
# that says nothing.
_BESIDE = """
def train(model, X, y, epochs=10, batch=4):
    for _ in range(epochs):
        order = np.random.permutation(len(X))
        X, y = X[order], y[order]
        for i in range(0, len(X), batch):
            model.update_all(X[i:i + batch], y[i:i + batch])

def relu_backward(x):
    return x > 0
"""
_APART = ("y = X[order], y[order]", "y = X[order], y[np.random.permutation(len(y))]")


def _beside(*change: str) -> str:
    """Return the class without its loop, and one beside it."""
    return AROUND[: AROUND.index("    def fit")] + _around(_BESIDE, *change)


@pytest.mark.parametrize(("change", "causes"), [((), []), (_APART, ["shuffled-apart"])])
def test_a_function_that_trains_an_object_is_asked(
    change: tuple[str, ...], causes: list[str]
) -> None:
    names = names_of(_beside(*change))
    proposal = recognize(names["Classifier"], names)
    assert ("train(net, x, y" in proposal.fields["step"]) == bool(causes)
    report = examine(proposal.network, only=("gradient", "optimizer"))
    assert [verdict.cause for verdict in report.failures] == causes
    left = [own.value for own in proposal.conventions if own.name == LEFT_OUT]
    assert left == ([] if causes else ["train"])


# A batch is a list of samples with their labels, each of them a column.
PAIRS = """
import numpy as np

def sigmoid(z):
    return 1 / (1 + np.exp(-z))

def softmax(z):
    e = np.exp(z - z.max())
    return e / e.sum()

class Network:
    def __init__(self, sizes):
        self.biases = [np.random.randn(n, 1) for n in sizes[1:]]
        self.weights = [np.random.randn(n, m) / 3 for m, n in zip(sizes, sizes[1:])]

    def feedforward(self, a):
        for w, b in zip(self.weights[:-1], self.biases[:-1]):
            a = sigmoid(w @ a + b)
        return softmax(self.weights[-1] @ a + self.biases[-1])

    def update_mini_batch(self, mini_batch, eta):
        for x, y in mini_batch:
            nabla_w, nabla_b = self.backprop(x, y)
            self.weights = [w - eta * g for w, g in zip(self.weights, nabla_w)]
            self.biases = [b - eta * g for b, g in zip(self.biases, nabla_b)]

    def backprop(self, x, y):
        activations = [x]
        for w, b in zip(self.weights[:-1], self.biases[:-1]):
            activations.append(sigmoid(w @ activations[-1] + b))
        delta = softmax(self.weights[-1] @ activations[-1] + self.biases[-1]) - y
        nabla_w, nabla_b = [delta @ activations[-1].T], [delta]
        for n in range(len(self.weights) - 1, 0, -1):
            a = activations[n]
            delta = self.weights[n].T @ delta * a * (1 - a)
            nabla_w.insert(0, delta @ activations[n - 1].T)
            nabla_b.insert(0, delta)
        return nabla_w, nabla_b
"""
_RAISING = ("self.weights[n].T @ delta", "self.weights[n] @ delta")
_BATCHES = ("for x, y in mini_batch:", "for x, y in [mini_batch]:")


@pytest.mark.parametrize(
    ("source", "is_right"),
    [
        (PAIRS, True),
        (_around(PAIRS, *_RAISING), True),
        # Nothing tells of one that takes a batch whole that it is given one sample.
        (_around(_around(PAIRS, *_RAISING), *_BATCHES), False),
    ],
)
def test_a_softmax_of_one_sample_is_right_where_a_loop_goes_from_pair_to_pair(
    source: str, is_right: bool, tmp_path: Path
) -> None:
    file = tmp_path / "pairs.py"
    file.write_text(source, encoding="utf-8")
    with Loader() as loader:
        proposal = propose(loader.load(f"{file}:Network"))
    [verdict] = examine(proposal.network, only="forward").of("forward")
    assert (verdict.status == EQUAL) == is_right, verdict
    assert is_right or verdict.cause == "softmax-over-batch"


def _goes_through_samples(mini_batch: list[tuple[float, float]]) -> float:
    return sum(x * y for x, y in mini_batch)


def _goes_through_parameters(params: list[tuple[float, float]], x: float) -> float:
    for w, b in params:
        x = w * x + b
    return x


def test_parameters_in_pairs_are_no_samples() -> None:
    assert takes_pairs(_goes_through_samples)
    assert not takes_pairs(_goes_through_parameters)
