"""Steps whose gradient the first one, or a long one, does not show."""
# Networks are written as learners write them.
# ruff: noqa: D102

import numpy as np
import pytest
from numpy.typing import NDArray

from parity_tests.kit.check import examine
from parity_tests.kit.network import Network
from parity_tests.kit.spec import Spec
from parity_tests.kit.tests.asked import Classifier, network, sigmoid
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, UNCHECKED

Array = NDArray[np.float64]


class Stale(Classifier):
    """The lower layer goes by the output's error of the step before."""

    sizes = (12, 9, 10)

    def __init__(self) -> None:
        super().__init__()
        self.e = np.zeros(())

    def step(self, x: Array, y: Array, lr: float) -> None:
        e = self.delta(x, y)
        before = self.e if self.e.shape == e.shape else np.zeros_like(e)
        d = (before @ self.w[1].T) * (self.a[1] > 0)
        self.e = e
        self.w[1] -= lr * self.a[1].T @ e
        self.b[1] -= lr * e.sum(axis=0)
        self.w[0] -= lr * x.T @ d
        self.b[0] -= lr * d.sum(axis=0)


class Still(Stale):
    """The lower layer never moves."""

    def step(self, x: Array, y: Array, lr: float) -> None:
        self.e = np.zeros(())
        super().step(x, y, lr)


class Late(Classifier):
    """The velocity is used before it is refreshed."""

    sizes = (12, 9, 10)

    def __init__(self) -> None:
        super().__init__()
        self.v = [np.zeros_like(p) for p in self.w + self.b]

    def step(self, x: Array, y: Array, lr: float) -> None:
        for p, v, g in zip(self.w + self.b, self.v, self.gradients(x, y), strict=True):
            p -= lr * v
            v *= 0.9
            v += g


class Repeated(Classifier):
    """The last bias is updated once for every unit below it."""

    sizes = (4, 5, 1)
    activation = staticmethod(sigmoid)
    last = staticmethod(sigmoid)

    def loss(self, x: Array, y: Array) -> float:
        return float(((self.forward(x) - y) ** 2).sum())

    def step(self, x: Array, y: Array, lr: float) -> None:
        e = 2 * (self.forward(x) - y)
        a = self.a[1]

        def error() -> Array:
            p = sigmoid(a @ self.w[1] + self.b[1])
            return e * p * (1 - p)

        for _ in range(4):
            self.b[1] -= lr * error().sum(axis=0)
        self.w[1] -= lr * a.T @ error()
        d = error() @ self.w[1].T * a * (1 - a)
        self.b[0] -= lr * d.sum(axis=0)
        self.w[0] -= lr * x.T @ d


class Added(Repeated):
    """The learning rate is added to the last bias's gradient, and not multiplied with it."""

    def step(self, x: Array, y: Array, lr: float) -> None:
        p = self.forward(x)
        a, e = self.a[1], 2 * (p - y) * p * (1 - p)
        d = e @ self.w[1].T * a * (1 - a)
        self.w[1] -= lr * a.T @ e
        self.b[1] -= lr + e.sum(axis=0)
        self.w[0] -= lr * x.T @ d
        self.b[0] -= lr * d.sum(axis=0)


def told(declared: Network) -> list[tuple[str | None, str | None, str]]:
    verdicts = examine(declared).verdicts
    return [(v.tensor, v.cause, v.message) for v in verdicts if v.status == DIFFERS]


def test_what_moves_in_later_steps_is_not_said_to_be_never_updated() -> None:
    [(tensor, cause, message)] = told(network(Stale, gradients=None))
    assert (tensor, cause) == ("W1", None)
    assert "the first step leaves it as it is, and later ones do not" in message


def test_a_velocity_that_is_refreshed_behind_the_step_is_late() -> None:
    spec = Spec("relu", "softmax", "cross_entropy", "mean", optimizer="momentum")
    declared = network(Late, gradients=None, spec=spec)
    assert [own[:2] for own in told(declared)] == [(None, "gradient-late")]


def test_what_never_moves_is_said_to_be_never_updated() -> None:
    assert [own[:2] for own in told(network(Still, gradients=None))] == [("W1", "not-updated")]


class Bent(Classifier):
    """The error is carried back with a power of the output, and the loss may have another slope."""

    sizes = (4, 5, 1)
    activation = staticmethod(np.tanh)
    last = staticmethod(sigmoid)
    is_carried = True

    def loss(self, x: Array, y: Array) -> float:
        return float(0.5 * ((self.forward(x) - y) ** 2).sum())

    def slope(self, e: Array) -> Array:
        return e

    def back(self, a: Array) -> Array:
        return np.asarray(1 - a**2)

    def taken(self, g: Array) -> Array:
        return g

    def step(self, x: Array, y: Array, lr: float) -> None:
        p = self.forward(x)
        a = self.a[1]
        e = self.slope(p - y) * p * (1 - p)
        d = e * (p**3 if self.is_carried else 1) @ self.w[1].T * self.back(a)
        self.w[1] -= lr * self.taken(a.T @ e)
        self.b[1] -= lr * self.taken(e.sum(axis=0))
        self.w[0] -= lr * self.taken(x.T @ d)
        self.b[0] -= lr * self.taken(d.sum(axis=0))


class BentAbove(Bent):
    """The loss alone has another slope."""

    is_carried = False

    def slope(self, e: Array) -> Array:
        return np.asarray(np.sin(3 * e))


class BentTwice(BentAbove):
    """The loss has another slope, and the hidden layer another derivative."""

    sizes = (1, 4, 1)

    def back(self, a: Array) -> Array:
        return np.asarray(1 - np.tanh(a) ** 2)


class Evened(Bent):
    """A right gradient, whose entries are made as large as one another and kept nowhere."""

    sizes = (1, 4, 1)
    is_carried = False

    def taken(self, g: Array) -> Array:
        return np.asarray(g / np.sqrt(g**2 + 1e-2))


class Clipped(Classifier):
    """The norm of a right gradient is clipped."""

    sizes = (4, 5, 3)
    activation = staticmethod(np.tanh)
    limit = 0.5

    def step(self, x: Array, y: Array, lr: float) -> None:
        found = self.gradients(x, y)
        norm = np.sqrt(sum((g**2).sum() for g in found))
        for p, g in zip(self.w + self.b, found, strict=True):
            p -= lr * min(1, self.limit / norm) * g


class Growing(Classifier):
    """A step adds an array to the parameters."""

    sizes = (4, 5, 1)

    def step(self, x: Array, y: Array, lr: float) -> None:
        self.w.insert(0, lr * x.T @ y)


def test_parameters_that_become_more_have_no_other_shapes() -> None:
    [verdict] = examine(network(Growing, gradients=None, batch="row"), only="gradient").verdicts
    assert (verdict.status, verdict.cause) == (UNCHECKED, None)
    assert "there are 5 arrays after a step, and were 4" in verdict.message


@pytest.mark.parametrize(
    ("made", "seen"),
    [(Repeated, "short steps show is 4 x that expected on b2"), (Added, "b2: not")],
)
def test_a_bias_of_several_updates_is_seen_from_short_steps(made: type, seen: str) -> None:
    spec = Spec(hidden="sigmoid", output="sigmoid", loss="squared_error")
    declared = network(made, gradients=None, spec=spec, labels="targets", batch="row")
    [(tensor, cause, message)] = told(declared)
    assert (tensor, cause) == ("b2", None)
    assert seen in message


@pytest.mark.parametrize(
    ("made", "loss", "tensor", "seen"),
    [
        (Bent, "loss", "W1", "x that expected on W1 and b1 with another"),
        (Bent, None, None, "x that of W2 on W1 and b1 with another"),
        (BentAbove, "loss", "dL/dz2", "x that expected on all tensors with another"),
    ],
)
def test_a_factor_that_changes_with_the_sample_is_none(
    made: type, loss: str | None, tensor: str | None, seen: str
) -> None:
    declared = network(made, gradients=None, loss=loss, labels="targets", batch="row")
    report = examine(declared, only="gradient")
    [verdict] = [v for v in report.verdicts if v.status == DIFFERS]
    assert (verdict.tensor, verdict.cause, verdict.factor) == (tensor, None, None)
    assert seen in verdict.message


@pytest.mark.parametrize(
    ("limit", "expected"), [(0.5, (CONVENTION, "step-clipped")), (1.5, (EQUAL, None))]
)
def test_a_norm_that_is_clipped_in_some_samples_is_no_fault(
    limit: float, expected: tuple[str, str | None]
) -> None:
    make = type("Net", (Clipped,), {"limit": limit})
    declared = network(make, gradients=None, batch="row")
    [verdict] = examine(declared, only="gradient").verdicts
    assert (verdict.status, verdict.cause) == expected


@pytest.mark.parametrize(
    ("made", "status", "causes"),
    [(BentTwice, DIFFERS, {"error-of-another-form", None}), (Evened, UNCHECKED, {None})],
)
def test_plain_steps_of_two_faults_are_no_adaptive_optimizer(
    made: type, status: str, causes: set[str | None]
) -> None:
    declared = network(made, gradients=None, labels="targets", batch="row")
    verdicts = examine(declared, only="gradient").verdicts
    assert {(v.status, v.cause) for v in verdicts} == {(status, cause) for cause in causes}


class _Tolerant(Classifier):
    """Small errors count for nothing, and outputs of usual parameters have none."""

    sizes = (12, 9, 10)
    last = staticmethod(sigmoid)
    tolerance = 0.1

    def delta(self, x: Array, y: Array) -> Array:
        p = self.forward(x)
        error = np.where(np.abs(p - y) < self.tolerance, 0.0, p - y)
        return np.asarray(error * p * (1 - p))


@pytest.mark.parametrize(("tolerance", "status"), [(0.03, DIFFERS), (0.0, EQUAL)])
def test_a_condition_that_usual_outputs_do_not_meet_is_seen(tolerance: float, status: str) -> None:
    make = type("Net", (_Tolerant,), {"tolerance": tolerance})
    declared = network(make, gradients=None, batch="row", loss=None)
    [verdict] = examine(declared, 1, only="gradient").verdicts
    assert (verdict.status, verdict.cause) == (status, None)
    assert ("with larger outputs" in verdict.message) == (status == DIFFERS)


class _Cut(_Tolerant):
    """Outputs have a limit, and no gradient behind it, that those of usual parameters keep."""

    limit, tolerance = 7.0, 0.0

    def forward(self, x: Array) -> Array:
        self.whole = super().forward(x)
        return np.clip(self.whole, -self.limit, self.limit)

    def delta(self, x: Array, y: Array) -> Array:
        return np.asarray((self.forward(x) - y) * (np.abs(self.whole) < self.limit))


@pytest.mark.parametrize("seed", [0, 1])
def test_outputs_that_are_cut_blame_no_gradient(seed: int) -> None:
    make = type("Net", (_Cut,), {"last": staticmethod(lambda z: z)})
    declared = network(make, gradients=None, labels="targets", loss=None)
    [verdict] = examine(declared, seed, only="gradient").verdicts
    assert verdict.status in (EQUAL, CONVENTION)


class _PartlyWithoutRate(_Tolerant):
    """Of the matrices' steps a part is the same at every learning rate."""

    sizes, tolerance = (6, 5, 1), 0.0

    def step(self, x: Array, y: Array, lr: float) -> None:
        for n, (p, g) in enumerate(zip(self.w + self.b, self.gradients(x, y), strict=True)):
            p -= (lr + 0.9 * (n < len(self.w))) * g


@pytest.mark.parametrize("seed", [0, 1])
def test_a_bias_of_one_number_says_nothing_by_larger_outputs(seed: int) -> None:
    declared = network(_PartlyWithoutRate, gradients=None, batch="row", loss=None)
    report = examine(declared, seed, only=("gradient", "optimizer"))
    assert not [verdict for verdict in report.of("gradient") if verdict.status == DIFFERS]
