"""Networks that shorten their weights behind a step."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from parity_tests.kit.check import examine
from parity_tests.kit.network import Network
from parity_tests.kit.spec import Spec
from parity_tests.kit.tests.learners import HALF, Learner, updating, without_derivative
from parity_tests.kit.tests.update_rules import (
    Array,
    State,
    Step,
    Update,
    adam,
    each,
    momentum,
    sgd,
)
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, UNCHECKED

Change = Callable[[Array], Array]


def behind(update: Update, change: Change) -> Step:
    """A step whose matrices are changed behind it."""

    def step(state: State, params: list[Array], grads: list[Array]) -> None:
        each(update)(state, params, grads)
        for p in params[::2]:
            p *= change(p)

    return step


def limited(norm: float, axis: int | None = 0) -> Change:
    return lambda p: np.minimum(1, norm / np.linalg.norm(p, axis=axis, keepdims=True))


def clipped(p: Array) -> Array:
    with np.errstate(all="ignore"):
        return np.minimum(1, 0.3 / np.abs(p))


def divided(p: Array) -> Array:
    return 1 / np.linalg.norm(p, axis=0, keepdims=True)


_SHORTENED = [("gradient", EQUAL, None), ("optimizer", CONVENTION, "norm-limited")]
_NOT_KNOWN = [("gradient", UNCHECKED, None), ("optimizer", UNCHECKED, None)]


@pytest.mark.parametrize(
    ("update", "change", "handed", "told"),
    [
        (sgd, limited(0.5), None, _SHORTENED),
        (sgd, limited(0.5), "gradients", _SHORTENED),
        (momentum, limited(0.5, 1), None, _SHORTENED),
        # Some of each matrix taken away looks like a penalty.
        (sgd, limited(0.5, None), None, _SHORTENED),
        (sgd, clipped, None, _SHORTENED),
        (momentum, clipped, "gradients", _SHORTENED),
        # By a step that is as long for small gradients all are at the limit.
        (adam, limited(0.5), None, _NOT_KNOWN),
        (sgd, divided, None, _NOT_KNOWN),
    ],
)
def test_a_limit_on_norms_is_no_fault_of_the_gradient(
    update: Update, change: Change, handed: str | None, told: list[tuple[str, str, str | None]]
) -> None:
    network = updating(behind(update, change), Learner.gradients)
    network = replace(network, gradients=handed, spec=Spec(**HALF))
    verdicts = examine(network, only=("gradient", "optimizer")).verdicts
    assert [(v.aspect, v.status, v.cause) for v in verdicts] == told


def test_a_faulty_gradient_shows_by_weights_below_the_limit() -> None:
    network = updating(behind(sgd, limited(0.5)), without_derivative)
    network = replace(network, spec=Spec(**HALF))
    verdicts = examine(network, only="gradient").verdicts
    assert [(v.status, v.cause) for v in verdicts] == [(DIFFERS, "activation-derivative-missing")]


def test_equal_vectors_show_no_limit() -> None:
    def step(state: State, params: list[Array], grads: list[Array]) -> None:
        each(sgd)(state, params, grads)
        params[0][:] = params[0].mean(axis=1, keepdims=True)

    verdicts = examine(updating(step, Learner.gradients), only="gradient").verdicts
    assert DIFFERS in [verdict.status for verdict in verdicts]


class _OfOneOutput:
    """A network whose weights are shortened behind a step; its last matrix is one vector."""

    def __init__(self, last: str, limit: float, axis: int | None = 0) -> None:
        rng = np.random.default_rng()
        self.w1, self.b1 = rng.standard_normal((6, 5)), np.zeros(5)
        self.w2, self.b2 = rng.standard_normal((5, 1)), np.zeros(1)
        self.last, self.limited = last, limited(limit, axis)

    def hidden(self, x: Array) -> tuple[Array, Array]:
        z = x @ self.w1 + self.b1
        return np.tanh(z), 1 - np.tanh(z) ** 2

    def forward(self, x: Array) -> Array:
        self.a, self.slope = self.hidden(x)
        z: Array = self.a @ self.w2 + self.b2
        return np.tanh(z) if self.last == "tanh" else z

    def error(self, x: Array, y: Array) -> tuple[float, Array]:
        """The loss of a batch, and its slopes by the last pre-activations."""
        p, t = self.forward(x), 2 * y - 1
        if self.last == "hinge":
            margins = np.maximum(0, 1 - t * p)
            return float(margins.sum() / len(x)), -t * (margins > 0) / len(x)
        if self.last == "quartic":
            return float(((p - t) ** 4).sum() / len(x)), 4 * (p - t) ** 3 / len(x)
        return float(((p - t) ** 2).sum() / len(x)), 2 * (p - t) * (1 - p**2) / len(x)

    def loss(self, x: Array, y: Array) -> float:
        return self.error(x, y)[0]

    def back(self, d: Array) -> Array:
        product: Array = d @ self.w2.T * self.slope
        return product

    def step(self, x: Array, y: Array, lr: float) -> None:
        d = self.error(x, y)[1]
        d1 = self.back(d)
        changes = x.T @ d1, d1.sum(axis=0), self.a.T @ d, d.sum(axis=0)
        for p, g in zip((self.w1, self.b1, self.w2, self.b2), changes, strict=True):
            p -= lr * g
        for p in (self.w1, self.w2):
            p *= self.limited(p)


class _Centered(_OfOneOutput):
    """The pre-activations of every sample are centered: no form of the forward pass is known."""

    def hidden(self, x: Array) -> tuple[Array, Array]:
        z = x @ self.w1 + self.b1
        z = z - z.mean(axis=1, keepdims=True)
        return np.tanh(z), 1 - np.tanh(z) ** 2

    def back(self, d: Array) -> Array:
        d1 = super().back(d)
        centered: Array = d1 - d1.mean(axis=1, keepdims=True)
        return centered


class _CenteredOnce(_Centered):
    """The error does not go through the mean."""

    def back(self, d: Array) -> Array:
        return _OfOneOutput.back(self, d)


class _HalfCarriedBack(_OfOneOutput):
    def back(self, d: Array) -> Array:
        return 0.5 * super().back(d)


def _of_one_output(
    last: str,
    limit: float,
    axis: int | None = 0,
    make: type[_OfOneOutput] = _OfOneOutput,
    lr: float | None = None,
) -> list[tuple[str, str]]:
    network = Network(
        lambda: make(last, limit, axis),
        "w1 b1 w2 b2",
        "forward",
        loss="loss",
        step="step" if lr is None else lambda net, x, y, _: net.step(x, y, lr),
        lr=lr,
    )
    verdicts = examine(network, only=("gradient", "optimizer")).verdicts
    return [(v.aspect, v.status) for v in verdicts if v.status in (DIFFERS, UNCHECKED)]


@pytest.mark.parametrize(
    ("last", "limit", "axis", "lr"),
    [
        # With targets of -1 and 1 it is a hinge as well, which is asked where outputs are larger.
        ("tanh", 3.0, 0, None),
        ("tanh", 5.0, None, None),
        ("hinge", 1.2, 0, 0.05),
        # One of two batches alone reaches it.
        ("quartic", 3.0, 0, 0.05),
        ("quartic", 2.0, 0, 0.05),
    ],
)
def test_one_output_has_no_other_one_of_the_same_norm(
    last: str, limit: float, axis: int | None, lr: float | None
) -> None:
    assert ("gradient", DIFFERS) not in _of_one_output(last, limit, axis, lr=lr)


@pytest.mark.parametrize("axis", [0, None])
def test_a_forward_pass_of_no_known_form_is_asked_with_shorter_weights(axis: int | None) -> None:
    assert _of_one_output("quartic", 0.6, axis, _Centered) == [("optimizer", UNCHECKED)]
    assert ("gradient", DIFFERS) in _of_one_output("quartic", 0.6, axis, _CenteredOnce)


@pytest.mark.parametrize(("last", "limit"), [("tanh", 3.0), ("tanh", 1.0), ("quartic", 1.0)])
def test_a_fault_beside_a_limit_shows_with_one_output(last: str, limit: float) -> None:
    assert ("gradient", DIFFERS) in _of_one_output(last, limit, make=_HalfCarriedBack)


class _WithoutLastDerivative(_OfOneOutput):
    def error(self, x: Array, y: Array) -> tuple[float, Array]:
        p, t = self.forward(x), 2 * y - 1
        return float(((p - t) ** 2).sum() / len(x)), 2 * (p - t) / len(x)


def test_squares_of_what_tanh_is_off_its_signs_are_asked_for_faults() -> None:
    network = Network(
        lambda: _WithoutLastDerivative("tanh", np.inf),
        "w1 b1 w2 b2",
        "forward",
        loss="loss",
        step="step",
    )
    verdicts = examine(network, only="gradient").verdicts
    assert [(v.status, v.cause) for v in verdicts] == [(DIFFERS, "output-derivative-missing")]
