"""A backward pass that returns the loss beside the gradients, which is asked as well."""

import pytest

from parity_tests.kit.check import examine
from parity_tests.kit.recognition import recognize
from parity_tests.kit.tests.proposals import certainty, names_of

SOURCE = """
import numpy as np

class MLP:
    def __init__(self, n_in=12, n_hidden=9, n_out=10):
        self.params = {
            "W1": np.random.randn(n_in, n_hidden) * 0.3, "b1": np.zeros(n_hidden),
            "W2": np.random.randn(n_hidden, n_out) * 0.3, "b2": np.zeros(n_out),
        }
    def forward(self, X):
        a = np.tanh(X @ self.params["W1"] + self.params["b1"])
        e = np.exp(a @ self.params["W2"] + self.params["b2"])
        return e / e.sum(axis=1, keepdims=True), a
    def backward(self, X, y):
        p, a = self.forward(X)
        Y = np.eye(p.shape[1])[y]
        loss = -np.mean(np.sum(Y * np.log(p), axis=1))
        rate = np.mean(p.argmax(axis=1) == y) + 0.1 * p[0, 0]
        d2 = (p - Y) / len(X)
        d1 = d2 @ self.params["W2"].T * (1 - a**2)
        grads = {"W1": X.T @ d1, "b1": d1.sum(axis=0), "W2": a.T @ d2, "b2": d2.sum(axis=0)}
        return loss, grads
"""
_MEAN_OF_ALL = ("np.mean(np.sum(Y * np.log(p), axis=1))", "np.mean(Y * np.log(p))")


@pytest.mark.parametrize(
    ("returned", "place"),
    [
        ("loss, grads", "g[0]"),
        ("grads, loss", "g[1]"),
        ("float(loss), grads", "g[0]"),
        ("grads, float(loss)", "g[-1]"),
    ],
)
@pytest.mark.parametrize("causes", [[], ["factor-classes"]])
def test_a_loss_that_comes_with_gradients_is_asked(
    returned: str, place: str, causes: list[str]
) -> None:
    source = SOURCE.replace("return loss, grads", f"return {returned}")
    source = source.replace(*_MEAN_OF_ALL) if causes else source
    proposal = recognize(names_of(source)["MLP"])
    assert f"(lambda g: {place})" in proposal.fields["loss"]
    assert certainty(proposal, "loss") == "sure"
    report = examine(proposal.network, only=("loss", "gradient"))
    assert [verdict.cause for verdict in report.failures] == causes


@pytest.mark.parametrize("returned", ["float(rate), grads", "rate, grads", "grads"])
def test_another_number_beside_gradients_is_no_loss(returned: str) -> None:
    source = SOURCE.replace("return loss, grads", f"return {returned}")
    assert "loss" not in recognize(names_of(source)["MLP"]).fields


# As in a course's exercises: the forward pass gives scores, and the loss has the backward pass.
SCORES = """
import numpy as np

class TwoLayerNet:
    def __init__(self, n_in=12, n_hidden=9, n_out=10):
        self.params = {
            "W1": np.random.randn(n_in, n_hidden) * 0.3, "b1": np.zeros(n_hidden),
            "W2": np.random.randn(n_hidden, n_out) * 0.3, "b2": np.zeros(n_out),
        }
    def scores(self, X):
        self.hidden = np.maximum(0, X @ self.params["W1"] + self.params["b1"])
        return self.hidden @ self.params["W2"] + self.params["b2"]
    def loss(self, X, y, reg=0.0):
        z, N = self.scores(X), len(X)
        z = z - z.max(axis=1, keepdims=True)
        d2 = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        loss = -np.log(d2[np.arange(N), y]).mean() + reg * (self.params["W2"] ** 2).sum()
        d2[np.arange(N), y] -= 1
        d2 /= N
        d1 = d2 @ self.params["W2"].T * (self.hidden > 0)
        grads = {"W2": self.hidden.T @ d2 + 2 * reg * self.params["W2"], "b2": d2.sum(axis=0)}
        grads["W1"], grads["b1"] = X.T @ d1, d1.sum(axis=0)
        return loss, grads
"""
_NOT_DIVIDED = ("        d2 /= N\n", "")
_NO_MASK = (" * (self.hidden > 0)", "")


@pytest.mark.parametrize("name", ["scores", "get_scores", "logits", "compute_logits"])
@pytest.mark.parametrize(
    ("change", "causes"),
    [
        (("", ""), []),
        (_NO_MASK, ["activation-derivative-missing"]),
        (_NOT_DIVIDED, ["factor-batch"]),
    ],
)
def test_scores_are_a_forward_pass_beside_a_loss_that_goes_back(
    name: str, change: tuple[str, str], causes: list[str]
) -> None:
    source = SCORES.replace("scores(", f"{name}(").replace(*change)
    proposal = recognize(names_of(source)["TwoLayerNet"])
    assert f"net.{name}(x)" in proposal.fields["forward"]
    assert certainty(proposal, "loss") == "sure"
    report = examine(proposal.network, only=("loss", "gradient"))
    assert [verdict.cause for verdict in report.failures] == causes


def test_what_gives_probabilities_comes_before_what_gives_scores() -> None:
    told = "        e = np.exp(self.scores(X))\n        return e / e.sum(axis=1, keepdims=True)\n"
    source = SCORES.replace("    def loss(", f"    def predict(self, X):\n{told}    def loss(")
    proposal = recognize(names_of(source)["TwoLayerNet"])
    assert "net.predict(x)" in proposal.fields["forward"]
    assert not examine(proposal.network, only=("loss", "gradient")).failures
