"""Networks in float32, and losses with a small number beside their probabilities, are right."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from parity_tests.kit.check import examine
from parity_tests.kit.network import Network
from parity_tests.kit.spec import Spec
from parity_tests.kit.tests.asked import Array, relu, sigmoid, softmax
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, UNCHECKED, Verdict

_NAMES = ("W1", "b1", "W2", "b2", "W3", "b3")


class _Small:
    """A classifier with parameters of a chosen precision."""

    def __init__(self, dtype: Any = np.float32, outputs: int = 10) -> None:
        widths = (12, 9, 8, outputs)
        rng = np.random.default_rng()
        for number, (n, m) in enumerate(pairwise(widths), start=1):
            drawn = rng.standard_normal((n, m)) * np.sqrt(2 / n)
            setattr(self, f"W{number}", drawn.astype(dtype))
            setattr(self, f"b{number}", np.zeros(m, dtype))
        self.velocity = dict.fromkeys(_NAMES, 0.0)
        self.squares = dict.fromkeys(_NAMES, 0.0)

    def __getitem__(self, name: str) -> Array:
        array: Array = getattr(self, name)
        return array

    def run(self, x: Array) -> list[Array]:
        a1 = relu(x @ self["W1"] + self["b1"])
        a2 = relu(a1 @ self["W2"] + self["b2"])
        return [x, a1, a2, a2 @ self["W3"] + self["b3"]]

    def back(self, x: Array, d: Array) -> list[Array]:
        x, a1, a2, _ = self.run(x)
        d2 = d @ self["W3"].T * (a2 > 0)
        d1 = d2 @ self["W2"].T * (a1 > 0)
        return [x.T @ d1, d1.sum(0), a1.T @ d2, d2.sum(0), a2.T @ d, d.sum(0)]


def _forward(net: _Small, x: Array) -> Array:
    p: Array = softmax(net.run(x)[-1])
    return p


def _penalized(share: float, lasso: float = 0.0) -> tuple[Any, Any]:
    def loss(net: _Small, x: Array, y: Array) -> float:
        matrices = [net[name] for name in _NAMES if name[0] == "W"]
        penalty = sum(0.5 * share * np.sum(w**2) + lasso * np.sum(np.abs(w)) for w in matrices)
        return float(-(y * np.log(_forward(net, x) + 1e-12)).sum() / len(x) + penalty)

    def gradients(net: _Small, x: Array, y: Array) -> list[Array]:
        plain = net.back(x, (_forward(net, x) - y) / len(x))
        return [
            g + share * net[name] + lasso * np.sign(net[name]) if name[0] == "W" else g
            for name, g in zip(_NAMES, plain, strict=True)
        ]

    return loss, gradients


def _network(loss: Any, gradients: Any, **more: Any) -> Network:
    made = {"make": _Small, "forward": _forward, **more}
    return Network(parameters=" ".join(_NAMES), loss=loss, gradients=gradients, **made)


def _said(network: Network, seed: int = 0) -> list[Verdict]:
    aspects = ("forward", "loss", "gradient", "optimizer")
    return list(examine(network, seed, aspects).verdicts)


_DECLARED = Spec("relu", "softmax", "cross_entropy", "mean")


@pytest.mark.parametrize("spec", [_DECLARED, Spec()])
@pytest.mark.parametrize("penalty", [(0.1, 0.0), (1e-3, 0.0), (0.0, 0.02), (0.05, 0.01)])
def test_a_penalty_that_is_summed_in_single_precision(
    penalty: tuple[float, float], spec: Spec
) -> None:
    for seed in (0, 1):
        said = _said(_network(*_penalized(*penalty), spec=spec), seed)
        assert {v.status for v in said} <= {EQUAL, CONVENTION}
        assert [v.status for v in said if v.aspect == "gradient"] == [EQUAL]


def test_a_penalty_in_single_precision_that_the_gradient_has_twice() -> None:
    loss, _ = _penalized(0.1)
    [verdict] = examine(_network(loss, _penalized(0.2)[1], spec=_DECLARED)).failures
    assert (verdict.aspect, verdict.cause) == ("gradient", "weight-decay")


def test_slopes_of_a_loss_in_single_precision() -> None:
    # Of an activation that is none of those known, slopes alone tell.
    def bent(net: _Small, x: Array) -> Array:
        a = np.tanh(x @ net["W1"] + net["b1"]) ** 3
        p: Array = softmax(np.tanh(a @ net["W2"] + net["b2"]) @ net["W3"] + net["b3"])
        return p

    def gradients(net: _Small, x: Array, y: Array, factor: float = 1.0) -> list[Array]:
        t1 = np.tanh(x @ net["W1"] + net["b1"])
        t2 = np.tanh(t1**3 @ net["W2"] + net["b2"])
        d = (bent(net, x) - y) / len(x)
        d2 = factor * (d @ net["W3"].T) * (1 - t2**2)
        d1 = d2 @ net["W2"].T * 3 * t1**2 * (1 - t1**2)
        return [x.T @ d1, d1.sum(0), (t1**3).T @ d2, d2.sum(0), t2.T @ d, d.sum(0)]

    def loss(net: _Small, x: Array, y: Array) -> float:
        return float(np.float32(-(y * np.log(bent(net, x))).sum() / len(x)))

    right = _said(_network(loss, gradients, forward=bent))
    assert [v.status for v in right if v.aspect == "gradient"] == [EQUAL]
    wrong = _network(loss, lambda *asked: gradients(*asked, 1.2), forward=bent)
    assert [v.status for v in _said(wrong) if v.aspect == "gradient"] == [DIFFERS]


def _momentum(net: _Small, name: str, g: Array, lr: float) -> Array:
    net.velocity[name] = 0.9 * net.velocity[name] + g
    return lr * np.asarray(net.velocity[name])


def _nesterov(net: _Small, name: str, g: Array, lr: float) -> Array:
    return lr * g + 0.9 * _momentum(net, name, g, lr)


def _rmsprop(net: _Small, name: str, g: Array, lr: float) -> Array:
    net.squares[name] = 0.9 * net.squares[name] + 0.1 * g**2
    return np.asarray(lr * g / (np.sqrt(net.squares[name]) + 1e-8))


def _plain(net: _Small, name: str, g: Array, lr: float) -> Array:  # noqa: ARG001
    return lr * g


Update = Callable[[_Small, str, Array, float], Array]
_UPDATES: list[tuple[Update, str, dict[str, float]]] = [
    (_plain, "sgd", {}),
    (_momentum, "momentum", {}),
    (_nesterov, "nesterov", {}),
    (_rmsprop, "rmsprop", {"alpha": 0.9}),
]


def _step(gradients: Any, update: Update) -> Any:
    def step(net: _Small, x: Array, y: Array, lr: float) -> None:
        for name, g in zip(_NAMES, gradients(net, x, y), strict=True):
            array = net[name]
            array -= update(net, name, g, lr).astype(array.dtype)

    return step


@pytest.mark.parametrize("is_alone", [False, True])
@pytest.mark.parametrize(("update", "kind", "options"), _UPDATES)
def test_steps_in_single_precision(
    update: Update, kind: str, options: dict[str, float], is_alone: bool
) -> None:
    loss, gradients = _penalized(0.0)
    spec = Spec("relu", "softmax", "cross_entropy", "mean", kind, options)
    asked = {"step": _step(gradients, update), "spec": spec}
    for seed in (0, 1):
        said = _said(_network(loss, None if is_alone else gradients, **asked), seed)
        assert not [v for v in said if v.status in (DIFFERS, UNCHECKED)]


# A small number beside the probabilities


def _one(net: _Small, x: Array) -> Array:
    p: Array = sigmoid(net.run(x)[-1])
    return p


def _guarded(epsilon: float) -> tuple[Any, Any]:
    def loss(net: _Small, x: Array, y: Array) -> float:
        p = _one(net, x)
        return -float(np.mean(y * np.log(p + epsilon) + (1 - y) * np.log(1 - p + epsilon)))

    def gradients(net: _Small, x: Array, y: Array) -> list[Array]:
        p = _one(net, x)
        slope = -(y / (p + epsilon) - (1 - y) / (1 - p + epsilon)) / len(x)
        return net.back(x, slope * p * (1 - p))

    return loss, gradients


@pytest.mark.parametrize("is_alone", [False, True])
@pytest.mark.parametrize(("update", "kind", "options"), _UPDATES)
def test_steps_are_held_to_the_loss_as_it_is_found(
    update: Update, kind: str, options: dict[str, float], is_alone: bool
) -> None:
    loss, gradients = _guarded(1e-7)
    spec = Spec("relu", "sigmoid", "binary_cross_entropy", None, kind, options)
    asked = {"make": lambda: _Small(np.float64, 1), "forward": _one, "labels": "integer_column"}
    asked |= {"step": _step(gradients, update), "spec": spec}
    for seed in (0, 1, 2):
        said = _said(_network(loss, None if is_alone else gradients, **asked), seed)
        assert not [v for v in said if v.status in (DIFFERS, UNCHECKED)]


def test_a_number_that_is_not_usual_leaves_fewer_digits() -> None:
    loss, gradients = _guarded(3e-8)
    spec = Spec("relu", "sigmoid", "binary_cross_entropy", optimizer="sgd")
    asked = {"make": lambda: _Small(np.float64, 1), "forward": _one, "labels": "integer_column"}
    said = _said(_network(loss, gradients, step=_step(gradients, _plain), spec=spec, **asked))
    assert not [v for v in said if v.status in (DIFFERS, UNCHECKED)]
