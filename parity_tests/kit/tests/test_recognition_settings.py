"""Networks that keep in how many rounds they train, and on how many samples at a time."""

import pytest

from parity_tests.kit.check import examine
from parity_tests.kit.recognition import recognize
from parity_tests.kit.tests.proposals import names_of
from parity_tests.kit.verdicts import CONVENTION, EQUAL

FITTED = """
import numpy as np

class MLP:
    def __init__(self, n_in=12, n_hidden=9, n_out=10, lr=0.1, epochs=1, batch_size=5):
        self.lr, self.epochs, self.batch_size = lr, epochs, batch_size
        self.W1, self.b1 = np.random.randn(n_in, n_hidden) * 0.4, np.zeros(n_hidden)
        self.W2, self.b2 = np.random.randn(n_hidden, n_out) * 0.4, np.zeros(n_out)
    def forward(self, X):
        self.a = np.tanh(X @ self.W1 + self.b1)
        e = np.exp(self.a @ self.W2 + self.b2)
        return e / e.sum(axis=1, keepdims=True)
    def loss(self, X, y):
        return -np.log(self.forward(X)[np.arange(len(y)), y]).mean()
    def fit(self, X, y):
        Y = np.eye(len(self.b2))[y]
        for _ in range(self.epochs):
            order = np.random.permutation(len(X))
            for i in range(0, len(X), self.batch_size):
                rows = order[i:i + self.batch_size]
                d2 = (self.forward(X[rows]) - Y[rows]) / len(rows)
                d1 = d2 @ self.W2.T * (1 - self.a**2)
                self.W2 -= self.lr * self.a.T @ d2
                self.b2 -= self.lr * d2.sum(axis=0)
                self.W1 -= self.lr * X[rows].T @ d1
                self.b1 -= self.lr * d1.sum(axis=0)
        return self
"""
DERIVATIVE = (" * (1 - self.a**2)", "")
SEVERAL_ROUNDS = ("epochs=1, batch_size=5", "epochs=3, batch_size=64")
IN_ORDER = ("np.random.permutation(len(X))", "np.arange(len(X))")


@pytest.mark.parametrize("changes", [[], [SEVERAL_ROUNDS], [SEVERAL_ROUNDS, IN_ORDER]])
@pytest.mark.parametrize("fault", [None, DERIVATIVE])
def test_a_network_is_told_to_take_all_samples_once(
    changes: list[tuple[str, str]], fault: tuple[str, str] | None
) -> None:
    source = FITTED
    for old, new in [*changes, *([fault] if fault else [])]:
        assert old in source
        source = source.replace(old, new)
    proposal = recognize(names_of(source)["MLP"])
    report = examine(proposal.network, only=("gradient", "optimizer"))
    if fault is None:
        assert {verdict.status for verdict in report.of("gradient")} <= {EQUAL, CONVENTION}
        assert not report.failures
    else:
        causes = {verdict.cause for verdict in report.of("gradient")}
        assert causes == {"activation-derivative-missing"}
    # That it divides its samples otherwise is told, and that nothing is said of it.
    told = [own.why for own in proposal.conventions if own.name == "batch_size"]
    assert bool(told) == (not changes)


def test_updates_in_an_order_of_their_own_are_asked_as_they_are() -> None:
    proposal = recognize(names_of(FITTED.replace(*IN_ORDER))["MLP"])
    assert "batch_size" not in proposal.fields["step"]
    assert not examine(proposal.network, only="gradient").failures


@pytest.mark.parametrize(
    ("samples", "causes"),
    [
        ("X[rows]", []),
        ("X[np.random.permutation(len(X))]", ["shuffled-apart"]),
        ("X[rows[::-1]]", ["shuffled-apart"]),
        ("X[rows] + 0.1 * np.random.randn(*X.shape)", []),
    ],
)
def test_samples_that_are_shuffled_without_their_labels_are_named(
    samples: str, causes: list[str]
) -> None:
    own = f"Xb = {samples}\n{16 * ' '}d2 = (self.forward(Xb)"
    source = FITTED.replace("d2 = (self.forward(X[rows])", own).replace("X[rows].T", "Xb.T")
    if "permutation(len(X))]" in samples or "randn(*X" in samples:
        source = source.replace("batch_size=5", "batch_size=64")
    report = examine(recognize(names_of(source)["MLP"]).network, only="gradient")
    assert [verdict.cause for verdict in report.failures] == causes


def test_a_rate_in_single_precision_is_set_as_any_other() -> None:
    single = FITTED.replace("= lr, epochs", "= np.float32(lr), epochs")
    assert single != FITTED
    proposal = recognize(names_of(single)["MLP"])
    assert "setattr(net, 'lr', lr)" in proposal.fields["step"]
    report = examine(proposal.network, only="gradient")
    assert [verdict.status for verdict in report.verdicts] == [EQUAL]
    half = single.replace("self.lr * self.a.T @ d2", "0.5 * self.lr * self.a.T @ d2")
    report = examine(recognize(names_of(half)["MLP"]).network, only="gradient")
    assert [(verdict.tensor, verdict.factor) for verdict in report.failures] == [
        ("W2", pytest.approx(0.5))
    ]
