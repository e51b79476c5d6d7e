"""Gradients of all parameters that are handed out in one vector."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from parity_tests.kit.check import examine
from parity_tests.kit.network import Network
from parity_tests.kit.recognition import recognize
from parity_tests.kit.spec import Spec
from parity_tests.kit.tests.learners import HALF, Learner, without_derivative
from parity_tests.kit.tests.proposals import names_of
from parity_tests.kit.verdicts import EQUAL

CLASS = """
import numpy as np

class Net:
    def __init__(self, n_in=8, n_hidden=5, n_out=4):
        self.W1, self.b1 = np.random.randn(n_in, n_hidden), np.zeros(n_hidden)
        self.W2, self.b2 = np.random.randn(n_hidden, n_out), np.zeros(n_out)
    def forward(self, X):
        self.a1 = np.tanh(X @ self.W1 + self.b1)
        return self.a1 @ self.W2 + self.b2
    def loss(self, X, y):
        return np.sum((self.forward(X) - y) ** 2) / 2 / len(X)
    def compute_gradients(self, X, y):
        d2 = (self.forward(X) - y) / len(X)
        d1 = d2 @ self.W2.T * (1 - self.a1**2)
        W1, b1 = (X.T @ d1).ravel(), d1.sum(axis=0)
        W2, b2 = (self.a1.T @ d2).ravel(), d2.sum(axis=0)
        return np.concatenate([{order}])
"""


@pytest.mark.parametrize(
    ("gradients", "causes"),
    [(Learner.gradients, []), (without_derivative, ["activation-derivative-missing"])],
)
def test_one_vector_is_read_in_the_order_of_the_parameters(
    gradients: Callable[..., list[Any]], causes: list[str]
) -> None:
    network = Network(
        Learner,
        parameters="w1 b1 w2 b2",
        forward="forward",
        gradients=lambda net, x, y: np.concatenate([np.ravel(g) for g in gradients(net, x, y)]),
        spec=Spec(**HALF),
    )
    assert [v.cause for v in examine(network, only="gradient").failures] == causes


@pytest.mark.parametrize("order", ["W1, b1, W2, b2", "W1, W2, b1, b2"])
def test_the_order_in_one_vector_is_found(order: str) -> None:
    code = CLASS.replace("{order}", order)
    proposal = recognize(names_of(code))
    assert proposal.fields["parameters"] == repr(order.replace(",", ""))
    assert {v.status for v in examine(proposal.network, only="gradient").verdicts} == {EQUAL}


def test_a_fault_is_found_in_one_vector_and_another_order_is_none() -> None:
    code = CLASS.replace("{order}", "W1, b1, W2, b2").replace(" * (1 - self.a1**2)", "")
    report = examine(recognize(names_of(code)).network, only="gradient")
    assert [verdict.cause for verdict in report.failures] == ["activation-derivative-missing"]
    reversed_order = CLASS.replace("{order}", "b2, W2, b1, W1")
    assert "gradients" not in recognize(names_of(reversed_order)).fields
