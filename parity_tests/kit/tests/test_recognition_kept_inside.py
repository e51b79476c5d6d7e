"""Training loops that were asked one call a step: whether what they keep meanwhile was not seen."""

import pytest

from parity_tests.kit.recognition import recognize
from parity_tests.kit.rendering.wording import KEPT_INSIDE
from parity_tests.kit.tests.proposals import names_of

SOURCE = """
import numpy as np

def init_params(n_in=12, n_hidden=9, n_out=10):
    return {"W1": np.random.randn(n_in, n_hidden) * 0.4, "b1": np.zeros(n_hidden),
            "W2": np.random.randn(n_hidden, n_out) * 0.4, "b2": np.zeros(n_out)}

def forward(params, X):
    a = np.tanh(X @ params["W1"] + params["b1"])
    e = np.exp(a @ params["W2"] + params["b2"])
    return e / e.sum(axis=1, keepdims=True), a

def gradients(params, X, Y):
    probs, a = forward(params, X)
    d2 = (probs - Y) / len(X)
    d1 = d2 @ params["W2"].T * (1 - a**2)
    return {"W1": X.T @ d1, "b1": d1.sum(axis=0), "W2": a.T @ d2, "b2": d2.sum(axis=0)}

def train(params, X, Y, epochs=20, lr=0.1, momentum=0.9, batch_size=8):
    kept = {k: 0.0 for k in params}
    for epoch in range(epochs):
        order = np.random.permutation(len(X))
        for i in range(0, len(X), batch_size):
            rows = order[i:i + batch_size]
            for k, g in gradients(params, X[rows], Y[rows]).items():
                kept[k] = momentum * kept[k] + g
                params[k] = params[k] - lr * kept[k]
    return params
"""
PLAIN = (
    ("lr=0.1, momentum=0.9,", "lr=0.1,"),
    ("kept[k] = momentum * kept[k] + g", "kept[k] = g"),
)
FALLING = (*PLAIN, ("lr * kept[k]", "lr / (1 + epoch) * kept[k]"))
BEGUN_ANEW = (
    (
        "            rows = order",
        "            kept = dict.fromkeys(params, 0.0)\n            rows = order",
    ),
)
LEFT_OUT = (("momentum * kept[k] + g", "g"),)


def _told(changes: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """Return what was recognized of the code, by its names."""
    source = SOURCE
    for old, new in changes:
        assert old in source
        source = source.replace(old, new)
    names = names_of(source)
    return {own.name: own.value for own in recognize(names, names).conventions}


@pytest.mark.parametrize("changes", [(), FALLING])
def test_what_begins_anew_in_every_call_was_not_seen(changes: tuple[tuple[str, str], ...]) -> None:
    told = _told(changes)
    assert "train(" in told["step"]
    assert told[KEPT_INSIDE] == "not seen"
    assert "momentum" not in told


def test_of_a_loop_that_keeps_nothing_all_was_seen() -> None:
    told = _told(PLAIN)
    assert "train(" in told["step"]
    assert not {KEPT_INSIDE, "momentum"} & {*told}


@pytest.mark.parametrize("changes", [BEGUN_ANEW, LEFT_OUT])
def test_a_momentum_that_does_nothing_is_told(changes: tuple[tuple[str, str], ...]) -> None:
    told = _told(changes)
    assert told["momentum"] == "0.9 changes nothing"
    assert KEPT_INSIDE not in told
