"""Functions that make parameters and train them are told not to train."""

import numpy as np

from parity_tests.kit.recognition import Proposal, recognize
from parity_tests.kit.tests.proposals import names_of

_BEGUN = """
    n_x, n_h, n_y = X.shape[1], hidden, Y.shape[1]
    params = {"W1": np.random.randn(n_x, n_h) * 0.3, "b1": np.zeros(n_h),
              "W2": np.random.randn(n_h, n_y) * 0.3, "b2": np.zeros(n_y)}
"""
_SOURCE = """
import numpy as np

def initialize(n_x, n_h, n_y):
    params = {"W1": np.random.randn(n_x, n_h) * 0.3, "b1": np.zeros(n_h),
              "W2": np.random.randn(n_h, n_y) * 0.3, "b2": np.zeros(n_y)}
    return params

def forward(X, params):
    A1 = np.tanh(X @ params["W1"] + params["b1"])
    A2 = 1 / (1 + np.exp(-(A1 @ params["W2"] + params["b2"])))
    return A2, A1

def backward(X, Y, params):
    A2, A1 = forward(X, params)
    d2 = (A2 - Y) / len(X)
    d1 = d2 @ params["W2"].T * (1 - A1**2)
    return {"W1": X.T @ d1, "b1": d1.sum(axis=0), "W2": A1.T @ d2, "b2": d2.sum(axis=0)}

rounds = []

def build_model(X, Y, hidden=9, learning_rate=0.5, num_iterations=5000):
    params = initialize(X.shape[1], hidden, Y.shape[1])
    for _ in range(num_iterations):
        rounds.append(1)
        grads = backward(X, Y, params)
        params = {name: own - learning_rate * grads[name] for name, own in params.items()}
    return params
"""
_ALONE = _SOURCE.replace(
    _SOURCE[_SOURCE.index("def initialize") : _SOURCE.index("def forward")], ""
).replace("\n    params = initialize(X.shape[1], hidden, Y.shape[1])\n", _BEGUN)


def _proposed(source: str) -> tuple[Proposal, int]:
    """Return what `build_model` is taken for, and how many rounds it was trained."""
    names = names_of(source)
    proposal = recognize(names["build_model"], names)
    made = proposal.network.make()
    if "num_iterations=1" not in proposal.fields["make"]:
        assert not np.any(made["b1"])
    return proposal, len(names["rounds"])


def test_what_a_training_calls_makes_the_network() -> None:
    proposal, rounds = _proposed(_SOURCE)
    assert proposal.fields["make"].startswith("lambda: initialize(")
    assert "the lines of build_model() itself" in {own.value for own in proposal.conventions}
    assert not rounds


def test_a_training_that_begins_by_itself_is_told_not_to_train() -> None:
    proposal, rounds = _proposed(_ALONE)
    assert proposal.fields["make"].startswith("lambda: build_model(")
    assert proposal.fields["make"].endswith(", num_iterations=0)")
    assert not rounds


def test_one_that_needs_a_round_has_nothing_said_of_its_beginning() -> None:
    needs = _ALONE.replace("    return params\n", "    return dict(params) if grads else None\n")
    proposal, rounds = _proposed(needs)
    assert proposal.fields["make"].startswith("uninitialized(lambda: build_model(")
    assert proposal.fields["make"].endswith(", num_iterations=1))")
    assert 0 < rounds < 5000
