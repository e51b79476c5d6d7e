"""Networks of one output whose last weights are a vector, and no matrix of one column."""

from typing import Any

import numpy as np
import pytest

from parity_tests.kit.check import examine
from parity_tests.kit.network import Network
from parity_tests.kit.recognition import recognize
from parity_tests.kit.subject.subject import NoChainError, Subject
from parity_tests.kit.tests.asked import Array
from parity_tests.kit.tests.proposals import names_of
from parity_tests.kit.verdicts import EQUAL

SOURCE = """
import numpy as np

class BinaryNet:
    def __init__(self, n_in=12, n_hidden=9):
        self.W1, self.b1 = np.random.randn(n_in, n_hidden) * 0.4, np.zeros(n_hidden)
        self.w2, self.b2 = np.random.randn(n_hidden) * 0.3, {bias}

    def predict_proba(self, X):
        self.a1 = np.tanh(X @ self.W1 + self.b1)
        return 1 / (1 + np.exp(-(self.a1 @ self.w2 + self.b2)))

    def loss(self, X, y):
        p = self.predict_proba(X)
        return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))

    def grads(self, X, y):
        d = (self.predict_proba(X) - y) / len(y)
        h = np.outer(d, self.w2) * (1 - self.a1**2)
        return X.T @ h, h.sum(0), self.a1.T @ d, d.sum()

    def train_step(self, X, y, lr=0.1):
        gW1, gb1, gw2, gb2 = self.grads(X, y)
        self.W1 -= lr * gW1
        self.b1 -= lr * gb1
        self.w2 -= lr * gw2
        self.b2 -= lr * gb2
"""
_DERIVATIVE = (" * (1 - self.a1**2)", "", ["activation-derivative-missing"])
_TWICE = ("self.a1.T @ d", "2 * self.a1.T @ d", ["factor-two"])


@pytest.mark.parametrize("bias", ["np.zeros(())", "np.zeros(1)", "0.0"])
@pytest.mark.parametrize("fault", [("", "", []), _DERIVATIVE, _TWICE])
def test_a_class_with_a_vector_for_its_last_weights_is_recognized(
    bias: str, fault: tuple[str, str, list[str]]
) -> None:
    old, new, causes = fault
    source = SOURCE.replace("{bias}", bias)
    source = source.replace(old, new) if old else source
    proposal = recognize(names_of(source)["BinaryNet"])
    assert proposal.fields["parameters"] == "'W1 b1 w2 b2'"
    report = examine(proposal.network, only=("forward", "loss", "gradient"))
    assert report.spec["sizes"] == [12, 9, 1]
    assert [verdict.cause for verdict in report.failures] == causes


LOGITS = """
import numpy as np

class LogitNet:
    def __init__(self):
        self.W1, self.b1 = np.random.randn(8, 6) * 0.4, np.zeros(6)
        self.w2, self.b2 = np.random.randn(6) * 0.3, np.zeros(1)

    def forward(self, X):
        return np.maximum(X @ self.W1 + self.b1, 0) @ self.w2 + self.b2

    def loss(self, X, y):
        z = self.forward(X)
        return np.mean(np.logaddexp(0, z) - y * z)

    def loss_of_two_shapes(self, X, y):
        z = self.forward(X)
        return np.mean(np.logaddexp(0, z) - y[:, None] * z)
"""


def test_labels_are_those_with_which_a_loss_is_known_where_no_gradient_tells_them() -> None:
    proposal = recognize(names_of(LOGITS))
    assert proposal.fields["labels"] == "'integers'"
    report = examine(proposal.network, only="loss")
    assert [verdict.status for verdict in report.of("loss")] == [EQUAL]
    crossed = LOGITS.partition("    def loss(")[0] + LOGITS[LOGITS.index("    def loss_of_two") :]
    proposal = recognize(names_of(crossed.replace("loss_of_two_shapes", "loss")))
    [fault] = examine(proposal.network, only="loss").failures
    assert fault.cause == "labels-broadcast"


def _of_columns(factor: float) -> Network:
    """Declare a network with matrices of (outputs, inputs) and no biases."""

    def forward(net: list[Array], x: Array) -> Array:
        return np.asarray(net[1] @ np.tanh(net[0] @ x))

    def gradients(net: list[Array], x: Array, y: Array) -> list[Array]:
        a = np.tanh(net[0] @ x)
        d = net[1] @ a - y.ravel()
        return [np.outer(net[1], d) * (1 - a**2) @ x.T, factor * a @ d]

    def make() -> list[Array]:
        rng = np.random.default_rng(0)
        return [0.4 * rng.standard_normal((9, 12)), 0.3 * rng.standard_normal(9)]

    return Network(
        make=make,
        parameters=lambda net: net,
        forward=forward,
        gradients=gradients,
        loss=lambda net, x, y: float(((forward(net, x) - y.ravel()) ** 2).sum() / 2),
        batch="columns",
        labels="targets",
        bias="none",
    )


@pytest.mark.parametrize(("factor", "causes"), [(1.0, []), (2.0, ["factor-two"])])
def test_a_vector_of_weights_may_stand_on_the_left(factor: float, causes: list[str]) -> None:
    report = examine(_of_columns(factor), only=("forward", "loss", "gradient"))
    assert report.spec["sizes"] == [12, 9, 1]
    assert [verdict.cause for verdict in report.failures] == causes


@pytest.mark.parametrize(
    ("shapes", "sizes"),
    [
        ([(12, 9), (9,)], [12, 9]),
        ([(12, 9), (9, 8), (8,)], [12, 9, 8]),
        ([(12, 9), (9,), (9,), (9,)], None),
        ([(12, 9), (9,), (8,), ()], None),
        ([(12, 9), (9,), (9,), (1,)], [12, 9, 1]),
    ],
)
def test_vectors_are_weights_only_where_nothing_else_fits(
    shapes: list[tuple[int, ...]], sizes: list[int] | None
) -> None:
    def unused(net: Any, x: Array) -> Array:
        raise NotImplementedError

    def make() -> list[Array]:
        return [np.ones(shape) for shape in shapes]

    declared = Network(make=make, parameters=lambda net: net, forward=unused, gradients=unused)
    if sizes is None:
        with pytest.raises(NoChainError):
            Subject(declared)
    else:
        assert Subject(declared).sizes == sizes
