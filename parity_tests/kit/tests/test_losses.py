"""Losses and their derivatives, and which loss it is that a network reports."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from numpy_impl import InputError
from parity_tests.kit.arbiter import pytorch
from parity_tests.kit.aspects.forward import aspect as forward
from parity_tests.kit.aspects.gradient import aspect as gradient
from parity_tests.kit.aspects.loss import aspect as loss
from parity_tests.kit.aspects.walks import losses_at, right_gradient
from parity_tests.kit.candidates.any_guards import any_guards
from parity_tests.kit.candidates.outputs import output_deltas
from parity_tests.kit.catalogue.correct import CORRECT
from parity_tests.kit.check import examine
from parity_tests.kit.forward import Form, Pass, run
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.losses import (
    BINARY_HINGES,
    LOSSES,
    Guard,
    Loss,
    guarded_slope,
    huber,
    huber_threshold,
    losses_for,
)
from parity_tests.kit.network import Network
from parity_tests.kit.scales import Scale, ratio
from parity_tests.kit.spec import Spec
from parity_tests.kit.subject.subject import Batch, Layer, Subject
from parity_tests.kit.tests.asked import (
    Array,
    Classifier,
    ask,
    causes,
    network,
    only,
    relu,
    sigmoid,
    softmax,
    variant,
)
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, UNCHECKED


def _points(rng: np.random.Generator) -> tuple[Array, Array]:
    p = 2 * rng.standard_normal((6, 4))
    return p, np.eye(4)[rng.integers(4, size=6)]


@pytest.mark.parametrize(
    "loss", [*LOSSES.values(), *BINARY_HINGES.values()], ids=lambda loss: loss.name
)
def test_slopes_of_losses_are_their_differences(loss: Loss) -> None:
    p, y = _points(np.random.default_rng(3))
    found = loss.slope(p, y)
    step = 1e-6
    for place in np.ndindex(p.shape):
        moved = np.zeros_like(p)
        moved[place] = step
        ends = [loss.value(p + sign * moved, y).sum() for sign in (1, -1)]
        assert found[place] == pytest.approx((ends[0] - ends[1]) / (2 * step), abs=1e-6)


def test_the_euclidean_error_has_no_slope_at_the_target() -> None:
    _, y = _points(np.random.default_rng(4))
    assert not LOSSES["euclidean_error"].slope(y, y).any()


def test_the_largest_margin_is_one_of_all_margins() -> None:
    p, y = _points(np.random.default_rng(5))
    largest = LOSSES["categorical_hinge"].value(p, y).ravel()
    np.testing.assert_array_equal(largest, LOSSES["hinge"].value(p, y).max(axis=1))
    assert "categorical_hinge" not in losses_for(p)


class _Linear(Classifier):
    """Logits, and what is made of them is another's."""

    sizes = (12, 9, 10)
    last = staticmethod(lambda z: z)


def _norm(net: Any, x: Array, y: Array) -> float:
    """The root of all squares of a batch."""
    return float(np.linalg.norm(net.forward(x) - y))


def _direction(net: Any, x: Array, y: Array) -> Array:
    error = net.forward(x) - y
    direction: Array = error / np.linalg.norm(error)
    return direction


def _probability(net: Any, x: Array, y: Array) -> float:
    return -float(np.mean((y * net.forward(x)).sum(axis=1)))


def _through_softmax(net: Any, x: Array, y: Array) -> Array:
    p = net.forward(x)
    product: Array = p * ((y * p).sum(axis=1, keepdims=True) - y) / len(x)
    return product


def _judged(
    make: type[Classifier],
    value: Callable[..., float],
    delta: Callable[..., Array],
    spec: Spec | None = None,
) -> Any:
    class Net(make):  # type: ignore[misc, valid-type]
        sizes = (12, 9, 10)

        def delta(self, x: Array, y: Array) -> Array:
            return delta(self, x, y)

    declared = network(Net, loss=value, spec=spec or Spec())
    return [ask(declared, examine) for examine in (loss.examine, gradient.examine)]


def _root_of_mean(net: Any, x: Array, y: Array) -> float:
    return float(np.sqrt(np.mean((net.forward(x) - y) ** 2)))


def _slope_of_root(net: Any, x: Array, y: Array) -> Array:
    return np.asarray((net.forward(x) - y) / y.size / _root_of_mean(net, x, y))


def _root_of_samples(net: Any, x: Array, y: Array) -> float:
    return float(np.sqrt(np.sum((net.forward(x) - y) ** 2) / len(x)))


def _slope_of_samples(net: Any, x: Array, y: Array) -> Array:
    return np.asarray((net.forward(x) - y) / len(x) / _root_of_samples(net, x, y))


@pytest.mark.parametrize(
    ("make", "value", "delta", "cause"),
    [
        (_Linear, _norm, _direction, "loss-not-squared"),
        (_Linear, _root_of_mean, _slope_of_root, "loss-not-squared"),
        (_Linear, _root_of_samples, _slope_of_samples, "loss-not-squared"),
        (Classifier, _probability, _through_softmax, "loss-without-log"),
    ],
)
def test_what_is_a_mistake_of_a_loss_may_be_meant(
    make: type[Classifier],
    value: Callable[..., float],
    delta: Callable[..., Array],
    cause: str,
) -> None:
    of_loss, of_gradient = _judged(make, value, delta)
    assert only(of_loss).status == CONVENTION
    assert only(of_gradient).status == EQUAL
    of_loss, _ = _judged(make, value, lambda net, x, y: (net.forward(x) - y) / len(x))
    assert causes(of_loss) == [cause]


_HUBER = Spec(loss="huber", scale="mean of all")


def _slope_of_huber(threshold: float) -> Callable[..., Array]:
    return lambda net, x, y: np.clip(net.forward(x) - y, -threshold, threshold) / y.size


@pytest.mark.parametrize("threshold", [0.5, 1.35])
def test_hubers_loss_may_have_any_threshold(threshold: float) -> None:
    def value(net: Any, x: Array, y: Array) -> float:
        return float(huber(net.forward(x), y, threshold).mean())

    of_loss, of_gradient = _judged(_Linear, value, _slope_of_huber(threshold), _HUBER)
    assert only(of_loss).status == CONVENTION
    assert f"threshold of {threshold}" in only(of_loss).message
    assert only(of_gradient).status == EQUAL
    _, of_gradient = _judged(_Linear, value, _slope_of_huber(1.0), _HUBER)
    assert causes(of_gradient) == ["another-loss"]


def test_another_threshold_is_no_fault_of_the_last_layer() -> None:
    class Net(_Linear):
        sizes = (12, 9, 10)

        def delta(self, x: Array, y: Array) -> Array:
            return _slope_of_huber(0.5)(self, x, y)

    def straight(net: Net, x: Array, y: Array) -> list[Array]:
        d = net.delta(x, y)
        # The derivative of the hidden layer is left out.
        d1 = d @ net.w[1].T
        return [x.T @ d1, net.a[1].T @ d, d1.sum(axis=0, keepdims=True), d.sum(0, keepdims=True)]

    def value(net: Any, x: Array, y: Array) -> float:
        return float(huber(net.forward(x), y, 0.5).mean())

    # What nothing reports is not known.
    of_gradient = ask(network(Net, loss=None, step=None, spec=_HUBER), gradient.examine)
    assert only(of_gradient).status == UNCHECKED
    assert "a threshold of 1" in only(of_gradient).message
    declared = network(Net, loss=value, gradients=straight, step=None, spec=_HUBER)
    assert {v.tensor for v in ask(declared, gradient.examine) if v.status == DIFFERS} <= {
        "W1",
        "b1",
    }


def test_hubers_straight_line_has_its_slope() -> None:
    def value(net: Any, x: Array, y: Array) -> float:
        error = np.abs(net.forward(x) - y)
        return float(np.where(error < 0.5, error**2 / 2, error - 0.25).mean())

    of_loss, _ = _judged(_Linear, value, _slope_of_huber(0.5), _HUBER)
    assert only(of_loss).status == DIFFERS


@pytest.mark.parametrize("threshold", [0.01, 0.5, 3.0])
def test_the_threshold_of_hubers_loss_is_solved_for(threshold: float) -> None:
    p, y = _points(np.random.default_rng(6))
    total = float(huber(p, y, threshold).sum())
    assert huber_threshold(p, y, total) == pytest.approx(threshold, rel=1e-12)
    assert huber_threshold(p, y, float(((p - y) ** 2).sum())) is None


def test_a_fault_of_the_declared_loss_comes_before_another_loss() -> None:
    def value(net: Any, x: Array, y: Array) -> float:
        return float(np.mean(np.linalg.norm(net.forward(x) - y, axis=1)))

    def delta(net: Any, x: Array, y: Array) -> Array:
        error = net.forward(x) - y
        unit: Array = error / np.linalg.norm(error, axis=1, keepdims=True) / len(x)
        return unit

    of_loss, of_gradient = _judged(_Linear, value, delta)
    assert only(of_loss).status == only(of_gradient).status == EQUAL
    of_loss, _ = _judged(_Linear, value, delta, Spec(loss="squared_error"))
    assert causes(of_loss) == ["loss-not-squared"]
    _, of_gradient = _judged(_Linear, value, lambda net, x, y: np.sign(net.forward(x) - y))
    assert "gradient-of-another-loss" in causes(of_gradient)


@pytest.mark.parametrize("shift", [True, False])
def test_a_sum_without_its_logarithm_in_log_softmax(shift: bool) -> None:
    def value(net: Any, x: Array, y: Array) -> float:
        z = net.forward(x)
        z = z - z.max(axis=1, keepdims=True) if shift else z
        return -float(np.mean((y * (z - np.exp(z).sum(axis=1, keepdims=True))).sum(axis=1)))

    def delta(net: Any, x: Array, y: Array) -> Array:
        return (softmax(net.forward(x)) - y) / len(x)

    assert causes(_judged(_Linear, value, delta)[0]) == ["loss-without-log"]


def test_a_loss_of_rates_is_no_cross_entropy() -> None:
    class Net(variant(last=lambda z: z, sizes=(6, 5, 3))):  # type: ignore[misc]
        def loss(self, x: Array, y: Array) -> float:
            z = self.forward(x)
            return float((np.exp(z) - y * z).sum() / len(x))

        def delta(self, x: Array, y: Array) -> Array:
            return np.asarray((np.exp(self.forward(x)) - y) / len(x))

    report = examine(network(Net, step=None, labels="targets"), 0, ["loss", "gradient"])
    assert [verdict.status for verdict in report.verdicts] == [UNCHECKED, EQUAL]


def test_the_sign_of_log_probabilities_is_no_missing_logarithm() -> None:
    def value(net: Any, x: Array, y: Array) -> float:
        return float(np.mean(np.sum(y * net.forward(x), axis=1)))

    def delta(net: Any, x: Array, y: Array) -> Array:
        return (np.exp(net.forward(x)) - y) / len(x)

    made = variant(last=lambda z: np.log(softmax(z)))
    assert causes(_judged(made, value, delta)[0]) == ["loss-sign"]


def test_softmax_of_probabilities_is_taken_twice() -> None:
    def value(net: Any, x: Array, y: Array) -> float:
        return float(-np.mean(np.sum(y * np.log(softmax(net.forward(x))), axis=1)))

    def delta(net: Any, x: Array, y: Array) -> Array:
        return (net.forward(x) - y) / len(x)

    assert causes(_judged(variant(last=softmax), value, delta)[0]) == ["softmax-twice"]


def test_a_softmax_that_nobody_means_may_have_a_number_beside_it() -> None:
    def shares(z: Array) -> Array:
        e = np.exp(z - z.max(axis=1, keepdims=True))
        return np.asarray(e / e.sum())

    def value(net: Any, x: Array, y: Array) -> float:
        return float(-np.mean(np.sum(y * np.log(shares(net.forward(x)) + 1e-6), axis=1)))

    def delta(net: Any, x: Array, y: Array) -> Array:
        return np.asarray((shares(net.forward(x)) - y) / len(x))

    for judged in _judged(_Linear, value, delta):
        assert causes(judged) == ["softmax-over-batch"]


# The gradient of the last pre-activation


def _pass(form: Form) -> tuple[Pass, Batch]:
    rng = np.random.default_rng(6)
    inputs = rng.standard_normal((5, 4))
    layers = [Layer(rng.standard_normal((3, 4)), rng.standard_normal(3))]
    return run(form, layers, inputs), Batch.of(inputs, rng.integers(3, size=5), 3)


@pytest.mark.parametrize(
    ("loss", "value", "also"),
    [
        # It is the derivative of squared error, and of binary cross-entropy.
        ("binary_cross_entropy", lambda p, y: (p - y) * p * (1 - p), "derivative-twice"),
        ("squared_error", lambda p, y: p - y, "output-derivative-missing"),
    ],
)
def test_the_gradient_of_another_loss_may_be_a_fault_in_the_derivative(
    loss: str, value: Callable[[Array, Array], Array], also: str
) -> None:
    form = Form((), "sigmoid")
    passed, batch = _pass(form)
    wanted = value(passed.output, batch.targets)
    deltas = output_deltas(form, passed, batch, loss)
    same, *_ = [d for d in deltas if np.allclose(d.value, wanted, rtol=1e-9, atol=0)]
    assert (same.causes, same.loss != loss) == ((), True)
    assert also in same.also
    # Where no loss is known, that one is as good as any.
    deltas = output_deltas(form, passed, batch, None)
    same, *_ = [d for d in deltas if np.allclose(d.value, wanted, rtol=1e-9, atol=0)]
    assert same.also == []


def test_no_number_is_found_beside_probabilities_where_none_is_needed() -> None:
    form = Form((), "sigmoid")
    passed, batch = _pass(form)
    p, y = passed.output, batch.targets
    for epsilon, count in ((1e-14, 0), (1e-6, 1)):
        delta = p * (1 - p) * guarded_slope(Guard("cross_entropy", epsilon, "added"), p, y)
        observed = delta.T @ passed.activations[-2]
        found = list(any_guards(form, passed, batch, "cross_entropy", observed, 1e-10))
        assert len(found) == count


@pytest.mark.parametrize("inner", ["relu", "sigmoid", "tanh"])
@pytest.mark.parametrize("loss", [None, "cross_entropy", "binary_cross_entropy"])
def test_p_minus_y_is_no_diagonal_of_a_jacobian(inner: str, loss: str | None) -> None:
    form = Form((), f"softmax of {inner}")
    passed, batch = _pass(form)
    wanted = passed.output - batch.targets
    deltas = output_deltas(form, passed, batch, loss)
    same, *_ = [d for d in deltas if np.allclose(d.value, wanted, rtol=1e-9, atol=1e-15)]
    assert "softmax-jacobian-diagonal" not in (*same.causes, *same.also)
    if loss != "binary_cross_entropy":
        assert same.causes == ("inner-derivative-missing",)


@pytest.mark.parametrize("loss", [None, "cross_entropy"])
def test_the_diagonal_behind_p_minus_y_is_not_said_to_be_the_jacobian(loss: str | None) -> None:
    form = Form((), "softmax")
    passed, batch = _pass(form)
    p = passed.output
    wanted = (p - batch.targets) * p * (1 - p)
    deltas = output_deltas(form, passed, batch, loss)
    same, *_ = [d for d in deltas if np.allclose(d.value, wanted, rtol=1e-9, atol=1e-15)]
    assert same.causes == ("softmax-jacobian-diagonal",)
    # The whole Jacobian in its place gives other numbers.
    assert "softmax-jacobian-twice" not in same.also


def test_a_wrong_derivative_within_softmax_is_named() -> None:
    form = Form((), "softmax of tanh")
    passed, batch = _pass(form)
    a = np.tanh(passed.logits[-1])
    wanted = (passed.output - batch.targets) * (1 - a) ** 2
    deltas = output_deltas(form, passed, batch, None)
    same, *_ = [d for d in deltas if np.allclose(d.value, wanted, rtol=1e-9, atol=1e-15)]
    assert same.causes == ("derivative-formula",)


@pytest.mark.parametrize("output", ["identity", "sigmoid", "softmax"])
def test_squares_that_are_carried_back_have_no_factor(output: str) -> None:
    last = {"identity": lambda z: z, "softmax": softmax, "sigmoid": lambda z: 1 / (1 + np.exp(-z))}

    class Net(Classifier):
        sizes = (12, 9, 10)

        def delta(self, x: Array, y: Array) -> Array:
            square: Array = -((self.forward(x) - y) ** 2)
            return square

        def loss(self, x: Array, y: Array) -> float:
            return float(np.mean((self.forward(x) - y) ** 2))

    Net.last = staticmethod(last[output])
    assert causes(ask(network(Net), gradient.examine)) == ["loss-as-gradient"]


@pytest.mark.parametrize(
    ("last", "error", "cause"),
    [
        (softmax, lambda p, y: np.where(y == 1, -1, p), "labels-written"),
        (sigmoid, lambda p, y: np.where(y == 1, -1, p), "labels-written"),
        (sigmoid, lambda p, y: -np.abs(p - y), "error-without-sign"),
        (softmax, lambda p, y: np.abs(p - y), "error-without-sign"),
    ],
)
def test_a_wrong_error_is_one_of_all_that_comes_of_it(last: Any, error: Any, cause: str) -> None:
    class Net(variant(last=last, sizes=(12, 9, 10))):  # type: ignore[misc]
        def loss(self, x: Array, y: Array) -> float:
            p = self.forward(x)
            others = np.log(1 - p) * (1 - y) if last is sigmoid else 0
            return -float(np.mean(np.sum(y * np.log(p) + others, axis=1)))

        def delta(self, x: Array, y: Array) -> Array:
            return np.asarray(error(self.forward(x), y) / len(x))

    def apart(net: Classifier, x: Array, y: Array) -> list[Array]:
        wrong, right = net.delta(x, y), Classifier.delta(net, x, y)
        d1 = (right @ net.w[1].T) * (net.a[1] > 0)
        return [x.T @ d1, net.a[1].T @ wrong, d1.sum(axis=0), right.sum(axis=0)]

    declared = network(Net, step=None)
    assert causes(ask(declared, gradient.examine)) == [cause]
    without = {"gradients": lambda *asked: apart(*asked)[:2], "parameters": lambda net: net.w}
    for of_product in ({"gradients": apart}, without):
        told = ask(replace(declared, **of_product), gradient.examine)
        assert [(v.tensor, v.cause) for v in told if v.status == DIFFERS] == [("W2", None)]


def test_the_status_of_a_loss_that_is_meant_is_kept_for_the_gradient() -> None:
    inquiry: list[Inquiry] = []

    def examine(given: Inquiry) -> list[Any]:
        inquiry.append(given)
        return []

    class Net(_Linear):
        def delta(self, x: Array, y: Array) -> Array:
            return _direction(self, x, y)

    ask(network(Net, loss=_norm), examine)
    assert inquiry[0].is_loss_unknown
    ask(network(Net, loss=_norm, gradients=None, step=None), examine)
    assert not inquiry[1].is_loss_unknown
    verdict = only(ask(network(Net, loss=_norm, gradients=None, step=None), loss.examine))
    assert (verdict.status, verdict.cause) == (DIFFERS, "loss-not-squared")


def test_a_loss_with_a_penalty_is_not_taken_for_another_one_by_chance() -> None:
    # With this seed the squared hinge is 41/61 x the loss of both batches, to 1e-5.
    [ridge] = [correct for correct in CORRECT if correct.name == "stored gradients ridge"]
    assert examine(ridge.network, seed=1050).failures == []


def _smoothed(y: Array, smoothing: float) -> Array:
    return (1 - smoothing) * y + smoothing / y.shape[1]


def _of_smoothed(smoothing: float, decimals: int | None = None) -> Callable[..., float]:
    def value(net: Any, x: Array, y: Array) -> float:
        p = net.forward(x) + 1e-12
        found = -np.mean((_smoothed(y, smoothing) * np.log(p)).sum(axis=1))
        return float(found) if decimals is None else round(float(found) * len(x), decimals)

    return value


def _delta_of(smoothing: float) -> type[Classifier]:
    class Smooth(Classifier):
        def delta(self, x: Array, y: Array) -> Array:
            return np.asarray((self.forward(x) - _smoothed(y, smoothing)) / len(x))

    return Smooth


@pytest.mark.parametrize("smoothing", [0.1, 0.05, 0.123])
def test_labels_may_be_smoothed_in_the_loss(smoothing: float) -> None:
    declared = network(_delta_of(smoothing), loss=_of_smoothed(smoothing))
    report = examine(declared, arbiter=pytorch())
    assert report.failures == []
    [of_loss], [of_gradient] = report.of("loss"), report.of("gradient")
    assert (of_loss.status, of_gradient.status) == (CONVENTION, EQUAL)
    assert f"labels of which {smoothing:g} is spread" in of_loss.message


def test_a_gradient_of_the_labels_as_given_is_that_of_another_loss() -> None:
    report = examine(network(Classifier, loss=_of_smoothed(0.1)))
    assert [v.cause for v in report.failures] == ["gradient-of-another-loss"]
    report = examine(network(_delta_of(0.2), loss=_of_smoothed(0.1)))
    [failure] = report.failures
    assert (failure.aspect, failure.cause) == ("gradient", "error-of-another-form")


@pytest.mark.parametrize("decimals", [2, 3])
def test_a_loss_may_be_rounded(decimals: int) -> None:
    for seed in (0, 1, 2):
        report = examine(network(loss=_of_smoothed(0.0, decimals)), seed)
        [verdict] = report.of("loss")
        assert verdict.status == CONVENTION
        assert f"rounded to {decimals} digits" in verdict.message
        assert not [v for v in report.failures if v.cause == "gradient-of-another-loss"]


def _scaled(scale: float, power: int) -> Network:
    def loss(net: Classifier, x: Array, y: Array) -> float:
        return float(scale * ((net.forward(x) - y) ** 2).sum() / len(x) ** power)

    return network(variant(last=lambda z: z), loss=loss, gradients=None, step=None)


@pytest.mark.parametrize(
    ("constant", "power", "scale", "told"),
    [
        (0.1, 1, "mean of all", "the mean of all squares"),
        (0.05, 1, "half mean of all", "half the mean of all squares"),
        (1.0, 1, "mean", "the mean over the samples of the sum of squares"),
        (0.5, 1, "half mean", "the mean over the samples of half the sum of squares"),
        (1.0, 0, "sum", "the sum of all squares"),
        (0.5, 0, "half sum", "half the sum of all squares"),
    ],
)
def test_a_loss_as_declared_is_equal(constant: float, power: int, scale: str, told: str) -> None:
    declared = replace(_scaled(constant, power), spec=Spec(loss="squared_error", scale=scale))
    verdict = only(ask(declared, loss.examine))
    assert (verdict.status, verdict.message) == (
        EQUAL,
        f"it is the squared error: {told}, as declared",
    )
    undeclared = only(ask(_scaled(constant, power), loss.examine))
    assert undeclared.status == (EQUAL if scale == "half mean" else CONVENTION)
    assert undeclared.message == f"it is the squared error: {told}"
    another = replace(declared, spec=Spec(loss="squared_error", scale="half sum"))
    assert only(ask(another, loss.examine)).status == (EQUAL if scale == "half sum" else DIFFERS)


class _OfOneSample(Classifier):
    """Vectors go through it one at a time, and the loss is a multiple of the cross-entropy."""

    times = 1.0

    def forward(self, x: Array) -> Array:
        return super().forward(x[np.newaxis])[0]

    def loss(self, x: Array, y: Array) -> float:
        return float(-self.times * np.sum(y * np.log(self.forward(x) + self.guard)))


@pytest.mark.parametrize("scale", ["mean", "sum", "mean of all"])
@pytest.mark.parametrize("times", [1.0, 0.1, 0.3])
def test_a_declared_scale_is_held_against_the_loss_of_single_samples(
    scale: str, times: float
) -> None:
    make = type("Made", (_OfOneSample,), {"times": times})
    spec = Spec(loss="cross_entropy", scale=scale)
    declared = network(make, batch="vector", gradients=None, step=None, spec=spec)
    verdict = only(ask(declared, loss.examine))
    factor = times * (10 if scale == "mean of all" else 1)
    assert verdict.status == (EQUAL if factor == 1 else DIFFERS)
    assert verdict.factor == (None if factor == 1 else pytest.approx(factor))


@pytest.mark.parametrize("epsilon", [1e-8, 1e-9, 1e-10, 0.0])
@pytest.mark.parametrize("scale", ["mean", None])
def test_a_number_beside_probabilities_is_told_as_it_is(epsilon: float, scale: str | None) -> None:
    made = variant(guard=epsilon)
    spec = Spec(loss="cross_entropy", scale=scale)
    message = only(ask(network(made, spec=spec), loss.examine)).message
    told = f"{', as declared' if scale else ''}, with {epsilon:g} beside the probabilities"
    assert message.endswith(told if epsilon else f"samples{', as declared' if scale else ''}")


def test_a_number_that_is_not_among_those_tried_is_about_one_of_them() -> None:
    def entropy(net: Classifier, x: Array, y: Array) -> float:
        p = net.forward(x)
        return float(-np.mean(y * np.log(p + 2e-8) + (1 - y) * np.log(1 - p + 2e-8)))

    made = variant(last=sigmoid, sizes=(12, 9, 8, 1))
    message = only(ask(network(made, loss=entropy), loss.examine)).message
    assert message.endswith("with something small beside the probabilities, such as 1e-08")


class _Likelihood(Classifier):
    """Reports the mean of the logarithms, and hands out its slope."""

    def loss(self, x: Array, y: Array) -> float:
        return -Classifier.loss(self, x, y)

    def delta(self, x: Array, y: Array) -> Array:
        return -super().delta(x, y)

    def step(self, x: Array, y: Array, lr: float) -> None:
        super().step(x, y, -lr)


class _WithoutSlope(_Likelihood):
    def gradients(self, x: Array, y: Array) -> list[Array]:
        found = super().gradients(x, y)
        hidden = self.a[2] > 0
        assert not hidden.all()
        d = self.delta(x, y) @ self.w[2].T
        return [*found[:1], self.a[1].T @ d, *found[2:]]


def test_a_likelihood_with_its_own_slope_is_ascended() -> None:
    report = examine(network(_Likelihood, step=None), arbiter=pytorch())
    assert report.failures == []
    statuses = {v.aspect: v.status for v in report.verdicts}
    assert statuses["loss"] == statuses["gradient"] == CONVENTION
    [told] = report.of("gradient")
    assert "right if the update adds" in told.message
    adding = examine(network(_Likelihood), arbiter=pytorch())
    assert adding.failures == []


def test_what_is_turned_alone_or_wrong_besides_is_still_told() -> None:
    def of(make: type[Classifier], **more: Any) -> set[tuple[str, str | None]]:
        failures = examine(network(make, **more)).failures
        return {(v.aspect, v.cause) for v in failures if v.aspect != "stability"}

    def right(net: Any, x: Array, y: Array) -> list[Array]:
        return [-one for one in net.gradients(x, y)]

    def thrice(net: Any, x: Array, y: Array) -> list[Array]:
        return [3 * one for one in net.gradients(x, y)]

    assert of(_Likelihood, step=None, gradients=right) == {("loss", "loss-sign")}

    def cubed(net: Any, x: Array, y: Array) -> list[Array]:
        return [one**3 for one in net.gradients(x, y)]

    assert ("loss", "loss-sign") in of(_Likelihood, step=None, gradients=cubed)
    assert of(_Likelihood, step=None, gradients=thrice) == {("gradient", "factor-constant")}
    missing = of(_WithoutSlope, step=None)
    assert missing == {("gradient", "activation-derivative-missing")}
    down = of(_Likelihood, step=lambda net, x, y, lr: Classifier.step(net, x, y, lr))
    assert {("loss", "loss-sign"), ("gradient", "sign")} <= down
    declared = of(_Likelihood, step=None, spec=Spec(loss="cross_entropy"))
    assert ("loss", "loss-sign") in declared


def _of_squares(net: Any, x: Array, y: Array) -> Array:
    p = net.forward(x)
    slope = (p - y) / len(x)
    return np.asarray(p * (slope - (slope * p).sum(axis=1, keepdims=True)))


@pytest.mark.parametrize(
    ("delta", "told"),
    [
        (_of_squares, ["gradient-of-another-loss"]),
        (lambda net, x, y: net.forward(x) - y, ["factor-batch"]),
        (lambda net, x, y: (net.forward(x) - y) / len(x), []),
    ],
)
def test_a_gradient_is_held_to_a_loss_without_its_sign_as_with_it(
    delta: Callable[..., Array], told: list[str]
) -> None:
    of_loss, of_gradient = _judged(Classifier, _Likelihood.loss, delta)
    assert causes(of_loss) == ["loss-sign"]
    assert causes(of_gradient) == told


def test_one_more_than_a_width_is_no_nominal_batch() -> None:
    inputs = [12, 9, 10]
    of_columns = ratio(Scale(1 / 13, 0), Scale(1.0, 1), inputs, 1e-9)
    assert of_columns is not None
    assert of_columns.causes[0] == "factor-batch"
    nominal = ratio(Scale(1 / 32, 0), Scale(1.0, 1), inputs, 1e-9)
    assert nominal is not None
    assert nominal.causes == ("factor-nominal-batch",)
    # Nor is what comes of the widths and a two as well.
    either = ratio(Scale(1 / 24, 0), Scale(1.0, 1), inputs, 1e-9)
    assert either is not None
    assert either.causes == ("factor-batch", "factor-constant")
    assert either.text.startswith("batch size / 24 (2 x 12 (inputs), or ")


@pytest.mark.parametrize("width", [9, 32])
def test_a_hidden_width_is_not_taken_for_a_nominal_batch(width: int) -> None:
    either = ratio(Scale(1 / width, 0), Scale(1.0, 1), [12, width, 10], 1e-9)
    assert either is not None
    assert either.causes == ("factor-batch", "factor-constant")
    assert either.text == (
        f"batch size / {width} (width of a hidden layer, or a batch size that is written down)"
    )


def test_large_factors_are_one_whatever_is_rounded() -> None:
    near = (1e15, 1e15 - 0.5, 1e15 + 0.25)
    ratios = [ratio(Scale(value, 1), Scale(1.0, 1), [12, 9, 10], 1e-9) for value in near]
    assert {between.text for between in ratios if between} == {"1e+15"}


@pytest.mark.parametrize(
    ("spec", "status"),
    [(Spec("relu", "softmax", "cross_entropy", "mean"), DIFFERS), (Spec(), UNCHECKED)],
)
def test_a_loss_of_arrays_that_are_not_trained_is_not_one_of_dropout(
    spec: Spec, status: str
) -> None:
    class Made(Classifier):
        def __init__(self) -> None:
            super().__init__()
            self.other = Classifier()

        def loss(self, x: Array, y: Array) -> float:
            return self.other.loss(x, y)

    verdict = only(ask(network(Made, spec=spec), loss.examine))
    assert (verdict.status, "not depend on the parameters" in verdict.message) == (status, True)


def test_a_word_in_the_place_of_a_loss_does_not_end_the_examination() -> None:
    class Wordy(Classifier):
        def loss(self, x: Array, y: Array) -> Any:
            return "infinite" if (self.forward(x) <= 0).any() else super().loss(x, y)

    report = examine(network(variant(loss=lambda *_: "no number")))
    [verdict] = report.of("loss")
    assert verdict.status == UNCHECKED
    assert "it is no number, but 'no number'" in verdict.message
    assert {v.status for v in examine(network(Wordy), only="gradient").verdicts} == {EQUAL}


@pytest.mark.parametrize(
    ("sign", "reduce", "text"),
    [
        (1, np.mean, "1 x the sum of the squares of the errors of every output with every label, "),
        (1, np.sum, "1 x the sum of the squares of the errors of every output with every label. "),
        (-1, np.sum, "-1 x the sum of the squares of the errors with this fault. "),
    ],
)
def test_a_wrong_loss_is_told_in_full(sign: int, reduce: Callable[..., Any], text: str) -> None:
    class Net(variant(last=sigmoid, sizes=(12, 9, 1))):  # type: ignore[misc]
        def loss(self, x: Array, y: Array) -> float:
            labels = y.ravel() if sign > 0 else y
            return float(sign * reduce((self.forward(x) - labels) ** 2))

    declared = network(Net, gradients=None, step=None)
    assert text in only(ask(declared, loss.examine)).message


class _Hinge(variant(activation=np.tanh, last=lambda z: z)):  # type: ignore[misc]
    """A hinge of each output, of labels of -1 and 1."""

    sizes = (6, 5, 1)
    is_masked, is_inverted, is_of_both_sides = True, False, False
    margin, times = 1.0, 1

    def loss(self, x: Array, y: Array) -> float:
        return float(np.maximum(0, 1 - (2 * y - 1) * self.forward(x)).sum() / len(x))

    def delta(self, x: Array, y: Array) -> Array:
        signs, outputs = 2 * y - 1, self.forward(x)
        inside = np.abs(outputs) if self.is_of_both_sides else signs * outputs
        missed = (inside < self.margin) != self.is_inverted if self.is_masked else 1
        return np.asarray(-signs * missed / len(x) ** self.times)


class _SquaredHinge(_Hinge):
    """Its square."""

    def loss(self, x: Array, y: Array) -> float:
        return float((np.maximum(0, 1 - (2 * y - 1) * self.forward(x)) ** 2).sum() / len(x))

    def delta(self, x: Array, y: Array) -> Array:
        signs = 2 * y - 1
        missed = self.margin - signs * self.forward(x)
        mask = (missed > 0) != self.is_inverted if self.is_masked else 1
        return np.asarray(-2 * signs * missed * mask / len(x))


@pytest.mark.parametrize("make", [_Hinge, _SquaredHinge])
@pytest.mark.parametrize(
    ("changed", "status", "cause", "seed"),
    [
        ({}, EQUAL, None, 2),
        ({"is_masked": False}, DIFFERS, "hinge-mask-missing", 3),
        ({"is_masked": False}, DIFFERS, "hinge-mask-missing", 5),
        ({"is_masked": False}, DIFFERS, "hinge-mask-missing", 7),
        ({"margin": 0.0}, DIFFERS, "hinge-margin-missing", 2),
        ({"margin": 0.0}, DIFFERS, "hinge-margin-missing", 4),
        ({"is_inverted": True}, DIFFERS, "derivative-inverted", 2),
    ],
)
def test_margins_are_kept_and_missed(
    make: type[_Hinge], changed: dict[str, Any], status: str, cause: str | None, seed: int
) -> None:
    declared = network(type("Net", (make,), changed), step=None)
    report = examine(declared, seed, "gradient", arbiter=pytorch())
    assert [(verdict.status, verdict.cause) for verdict in report.verdicts] == [(status, cause)]


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"margin": 0.0}, ["hinge-margin-missing"]),
        (
            {"margin": 0.0, "is_inverted": True, "times": 0, "sizes": (6, 5, 1)},
            ["derivative-inverted", "hinge-margin-missing"],
        ),
        ({"is_of_both_sides": True}, [None]),
        ({}, []),
    ],
)
def test_a_condition_of_large_outputs_is_told_of_none_that_coincides(
    changed: dict[str, Any], expected: list[str | None], seed: int
) -> None:
    deeper = {"sizes": (12, 9, 8, 1), **changed}
    declared = network(type("Net", (_Hinge,), deeper), gradients=None)
    failures = examine(declared, seed, "gradient").failures
    assert list(dict.fromkeys(verdict.cause for verdict in failures)) == expected


@pytest.mark.parametrize(("activation", "seed"), [(np.tanh, 6), (relu, 4)])
def test_steps_by_a_hinge_that_is_not_known_can_be_asked(activation: Any, seed: int) -> None:
    changed = {"is_of_both_sides": True, "activation": staticmethod(activation)}
    report = examine(network(type("Net", (_Hinge,), changed)), seed, "optimizer")
    assert not report.failures


class _Rival(variant(activation=np.tanh, last=lambda z: z)):  # type: ignore[misc]
    """A hinge of the class that comes nearest, behind two hidden layers."""

    sizes = (6, 5, 4, 5)
    is_masked = True
    by_missed, is_loss_so = False, False

    def _margins(self, x: Array, y: Array) -> tuple[Array, Array]:
        p = self.forward(x)
        nearest = np.eye(p.shape[1])[np.where(y > 0, -np.inf, p).argmax(axis=1)]
        return 1 + (p * (nearest - y)).sum(axis=1, keepdims=True), nearest - y

    def _number(self, margins: Array, *, by_missed: bool) -> int:
        return max(1, int((margins > 0).sum())) if by_missed else len(margins)

    def loss(self, x: Array, y: Array) -> float:
        margins, _ = self._margins(x, y)
        number = self._number(margins, by_missed=self.is_loss_so)
        return float(np.maximum(0, margins).sum() / number)

    def delta(self, x: Array, y: Array) -> Array:
        margins, slopes = self._margins(x, y)
        mask = (margins > 0) | (not self.is_masked)
        return np.asarray(slopes * mask / self._number(margins, by_missed=self.by_missed))


@pytest.mark.parametrize(
    ("changed", "cause", "text"),
    [
        ({}, None, ""),
        ({"is_masked": False}, "hinge-mask-missing", "of every class"),
        ({"by_missed": True}, None, "it is divided by the number of samples that miss a margin"),
        ({"by_missed": True, "is_loss_so": True}, None, ""),
    ],
)
def test_a_margin_of_few_samples_is_kept(changed: dict[str, Any], cause: str, text: str) -> None:
    declared = network(type("Net", (_Rival,), changed), step=None)
    failures = examine(declared, 0, ["loss", "gradient"]).failures
    assert {verdict.cause for verdict in failures} == ({cause} if text else set())
    assert all(text in verdict.message for verdict in failures)


@pytest.mark.parametrize("base", [_SquaredHinge, _Rival])
def test_steps_that_go_through_a_batch_are_no_gradient_of_it(base: type[Classifier]) -> None:
    class Net(base):  # type: ignore[misc, valid-type]
        def step(self, x: Array, y: Array, lr: float) -> None:
            for n in range(len(x)):
                super().step(x[n : n + 1], y[n : n + 1], lr)

    assert not examine(network(Net, gradients=None), 0, "gradient").failures


@pytest.mark.parametrize("times", [0, 2])
def test_a_factor_of_a_hinge_is_no_other_loss(times: int) -> None:
    declared = network(type("Net", (_Hinge,), {"times": times}), step=None)
    assert causes(examine(declared, 2, "gradient").verdicts) == ["factor-batch"]


def test_what_slopes_judge_is_no_absolute_error_to_pytorch() -> None:
    small = {"sizes": (5, 4, 1), "activation": staticmethod(sigmoid)}
    declared = replace(
        network(type("Net", (_Hinge,), small), step=None),
        parameters=lambda net: net.w,
        gradients=lambda net, x, y: net.gradients(x, y)[:2],
        bias="none",
    )
    report = examine(declared, 12, "gradient", arbiter=pytorch())
    assert [verdict.status for verdict in report.verdicts] == [EQUAL]


class _Perceptron(_Hinge):
    """max(0, -t p): of samples on their side it has no gradient."""

    def loss(self, x: Array, y: Array) -> float:
        return float(np.maximum(0, (1 - 2 * y) * self.forward(x)).sum() / len(x))

    def delta(self, x: Array, y: Array) -> Array:
        signs = 2 * y - 1
        return np.asarray(-signs * (signs * self.forward(x) < 0) / len(x))


def test_samples_without_a_gradient_of_an_unknown_loss_are_not_left_out() -> None:
    report = examine(network(_Perceptron, step=None), 2, "gradient")
    assert [verdict.status for verdict in report.verdicts] == [EQUAL]


class _HingeOfSigns(_Hinge):
    """The same of labels that are as they are given: of a label of 0 it has no slope."""

    def loss(self, x: Array, y: Array) -> float:
        return super().loss(x, (y + 1) / 2)

    def delta(self, x: Array, y: Array) -> Array:
        return super().delta(x, (y + 1) / 2)


class _Bent(_HingeOfSigns):
    """Of a forward pass that is not known."""

    def forward(self, x: Array) -> Array:
        return np.asarray(9 * np.arcsinh(super().forward(x)))

    def delta(self, x: Array, y: Array) -> Array:
        return np.asarray(9 * super().delta(x, y) / np.cosh(self.forward(x) / 9))


@pytest.mark.parametrize(
    ("make", "told", "seed"),
    [
        (_Hinge, "the binary hinge", 2),
        (_HingeOfSigns, "the hinge of signs", 0),
        (_HingeOfSigns, "the hinge of signs", 6),
        (_Bent, "the loss reported", 4),
    ],
)
def test_a_hinge_of_one_output_is_right(make: type[_Hinge], told: str, seed: int) -> None:
    loss = "loss" if make is _Bent else None
    declared = network(make, step=None, loss=loss, labels="targets")
    if make is not _Bent:
        reported = replace(declared, loss="loss")
        assert told in only(examine(reported, seed, "loss").verdicts).message
    verdict = only(examine(declared, seed, "gradient", arbiter=pytorch()).verdicts)
    assert verdict.status == EQUAL
    assert told in verdict.message


@pytest.mark.parametrize(
    ("declared", "is_masked", "loss", "expected"),
    [
        ("hinge", True, "loss", [(EQUAL, None), (EQUAL, None)]),
        ("hinge", False, "loss", [(EQUAL, None), (DIFFERS, "hinge-mask-missing")]),
        ("squared_hinge", True, "loss", [(DIFFERS, "another-loss"), (EQUAL, None)]),
        ("squared_hinge", True, None, [(DIFFERS, "gradient-of-another-loss")]),
    ],
)
def test_a_hinge_that_is_declared_of_one_output_is_a_binary_one(
    declared: str, is_masked: bool, loss: str | None, expected: list[Any]
) -> None:
    make = type("Net", (_Hinge,), {"is_masked": is_masked})
    meant = network(make, step=None, loss=loss, spec=Spec(loss=declared))
    report = examine(meant, 5, ["loss", "gradient"])
    assert [(verdict.status, verdict.cause) for verdict in report.verdicts] == expected


def test_margins_that_are_not_looked_at_are_no_hinge_by_chance() -> None:
    make = type("Net", (_Hinge,), {"is_masked": False})
    report = examine(network(make, step=None, loss=None), 13, "gradient")
    assert not {EQUAL, CONVENTION} & {verdict.status for verdict in report.verdicts}


class _Decided(Classifier):
    """The error is that of the decision, and not of the output."""

    sizes = (5, 4, 3)
    activation = staticmethod(sigmoid)
    last = staticmethod(sigmoid)

    def delta(self, x: Array, y: Array) -> Array:
        p = self.forward(x)
        return np.asarray(((p > 0.5) - y) * p * (1 - p))


def test_errors_of_one_size_are_of_no_loss_by_a_few_samples() -> None:
    def step(net: Classifier, x: Array, y: Array, lr: float) -> None:
        net.step(x[None], y[None], lr)

    declared = network(_Decided, gradients=None, loss=None, step=step, batch="vector")
    [verdict] = examine(declared, 0, "gradient", arbiter=pytorch()).verdicts
    assert verdict.status == UNCHECKED
    assert "with some parameters it is that of the" in verdict.message


def test_exponentials_of_one_output_are_rates() -> None:
    declared = network(variant(last=np.exp, sizes=(6, 5, 1)), gradients=None, step=None, loss=None)
    assert [v.status for v in examine(declared, 0, "forward").verdicts] == [EQUAL]
    declared = replace(declared, spec=Spec(output="sigmoid"))
    assert [v.cause for v in examine(declared, 0, "forward").verdicts] == ["another-output"]


class _Rates(variant(last=np.exp, sizes=(6, 5, 3))):  # type: ignore[misc]
    """Poisson's loss of rates."""

    def loss(self, x: Array, y: Array) -> float:
        p = self.forward(x)
        return float((p - y * np.log(p)).sum() / len(x))

    def delta(self, x: Array, y: Array) -> Array:
        return np.asarray((self.forward(x) - y) / len(x))


class _RatesAndMore(_Rates):
    """A loss of rates that has no name."""

    def loss(self, x: Array, y: Array) -> float:
        p = self.forward(x)
        return float((p**2 / 2 - y * p).sum() / len(x))

    def delta(self, x: Array, y: Array) -> Array:
        p = self.forward(x)
        return np.asarray((p - y) * p / len(x))


@pytest.mark.parametrize("make", [_Rates, _RatesAndMore])
def test_exponentials_of_classes_are_rates_by_a_loss_of_their_own(make: Any) -> None:
    report = examine(network(make, step=None), 0, ["forward", "gradient"], arbiter=pytorch())
    assert [v.status for v in report.verdicts] == [CONVENTION, EQUAL]
    assert report.verdicts[0].cause == "softmax-not-normalized"


def test_the_loss_of_rates_is_known() -> None:
    step = {"step": None, "labels": "targets"}
    for spec in (Spec(), Spec(loss="poisson", output="exponential")):
        right = examine(network(_Rates, spec=spec, **step), 0, ["forward", "loss", "gradient"])
        assert {v.status for v in right.verdicts} <= {EQUAL, CONVENTION}
        assert all("poisson" in verdict.message for verdict in right.of("loss"))

    class Twice(_Rates):
        def delta(self, x: Array, y: Array) -> Array:
            p = self.forward(x)
            return np.asarray(2 * (p - y) / len(x))

    class Squares(_Rates):
        def delta(self, x: Array, y: Array) -> Array:
            p = self.forward(x)
            return np.asarray((p - y) * p / len(x))

    for make, cause in ((Twice, "factor-two"), (Squares, "gradient-of-another-loss")):
        wrong = examine(network(make, step=None), 0, ["forward", "loss", "gradient"])
        assert [v.cause for v in wrong.failures] == [cause]


def test_exponentials_of_classes_have_no_sum_where_no_loss_of_rates_goes_with_them() -> None:
    def entropy(net: Any, x: Array, y: Array) -> float:
        return float(-np.mean(np.log(net.forward(x)[y == 1])))

    made = type("Net", (_Rates,), {"loss": entropy})
    report = examine(network(made, step=None), 0, ["forward", "gradient"])
    assert report.failures[0].cause == "softmax-not-normalized"


@pytest.mark.parametrize(
    "denominator",
    [
        lambda p: (p + 1e-5) * (1 - p),
        lambda p: p * (1 - p + 1e-5),
        lambda p: (p + 3e-6) * (1 - p),
        lambda p: p * (1 - p) + 2e-4,
    ],
)
def test_a_denominator_may_be_kept_from_zero_in_any_way(denominator: Any) -> None:
    class Net(variant(last=sigmoid, sizes=(6, 5, 3))):  # type: ignore[misc]
        def delta(self, x: Array, y: Array) -> Array:
            p = self.forward(x)
            return np.asarray((p - y) / denominator(p) * p * (1 - p) / len(x))

    for spec in (Spec(), Spec(loss="binary_cross_entropy")):
        declared = network(Net, loss=None, step=None, spec=spec)
        report = examine(declared, 0, "gradient", arbiter=pytorch())
        assert [verdict.status for verdict in report.verdicts] == [EQUAL]


def test_what_is_beside_probabilities_in_the_loss_is_in_a_wrong_gradient_too() -> None:
    class Net(variant(sizes=(6, 5, 4))):  # type: ignore[misc]
        guard = 1e-5

        def delta(self, x: Array, y: Array) -> Array:
            return np.asarray(-y / (self.forward(x) + self.guard) / len(x))

    report = examine(network(Net, step=None), 0, "gradient")
    assert [verdict.cause for verdict in report.verdicts] == ["output-derivative-missing"]


def test_one_output_has_no_softmax() -> None:
    plain = variant(sizes=(5, 4, 1), last=lambda z: z)
    inquiry = Inquiry.begin(Subject(network(plain, labels="targets")), Spec(), 0)
    forward.examine(inquiry)
    assert "binary_cross_entropy" in losses_at(inquiry)
    assert "cross_entropy" not in losses_at(inquiry)
    with pytest.raises(InputError, match=r"loss: expected one of .*squared_error.*cross_entropy"):
        right_gradient(inquiry, "cross_entropy", inquiry.layers, inquiry.batches[0])


@pytest.mark.parametrize(("scale", "status"), [("mean", CONVENTION), ("sum", DIFFERS)])
def test_a_step_may_report_the_loss_after_it(scale: str, status: str) -> None:
    def step(net: Classifier, x: Array, y: Array, lr: float) -> float:
        net.step(x, y, lr)
        return net.loss(x, y)

    spec = Spec(loss="cross_entropy", scale=scale)
    declared = network(gradients=None, loss=None, step=step, spec=spec)
    [verdict] = examine(declared, 0, "loss").verdicts
    assert verdict.status == status
    assert "by the parameters after the step" in verdict.message


class _Autoencoder(variant(activation=np.tanh, last=lambda z: z, sizes=(6, 5, 6))):  # type: ignore[misc]
    """The target is the input, whatever the labels are."""

    def delta(self, x: Array, _y: Array) -> Array:
        return np.asarray((self.forward(x) - x) / len(x))


class _Unmasked(_Autoencoder):
    def gradients(self, x: Array, y: Array) -> list[Array]:
        d = self.delta(x, y)
        below = d @ self.w[1].T
        sums = [own.sum(axis=0, keepdims=True) for own in (below, d)]
        return [x.T @ below, self.a[1].T @ d, *sums]


@pytest.mark.parametrize("batch", ["rows", "row"])
@pytest.mark.parametrize(
    ("make", "cause"), [(_Autoencoder, None), (_Unmasked, "activation-derivative-missing")]
)
def test_an_autoencoder_is_held_to_its_inputs(
    make: type[Classifier], cause: str | None, batch: str
) -> None:
    declared = network(make, gradients=None, loss=None, labels="targets", batch=batch)
    report = examine(declared, only="gradient")
    assert [v.cause for v in report.verdicts] == [cause]
    assert report.spec["labels"] == "the inputs"


def test_a_loss_of_targets_has_no_gradient_of_inputs() -> None:
    def loss(net: Classifier, x: Array, y: Array) -> float:
        return float(((net.forward(x) - y) ** 2).sum() / len(x) / 2)

    declared = network(_Autoencoder, step=None, loss=loss, labels="targets")
    report = examine(declared, only="gradient")
    assert {v.status for v in report.verdicts} == {DIFFERS}


@pytest.mark.parametrize("step", [1, -1])
@pytest.mark.parametrize("is_cut", [False, True])
def test_labels_that_are_one_class_off_are_told(step: int, is_cut: bool) -> None:
    def off(y: Array) -> Array:
        rolled = np.roll(y, step, axis=1)
        if is_cut:
            rolled[:, 0 if step > 0 else -1] = 0
        return rolled

    class Off(Classifier):
        def loss(self, x: Array, y: Array) -> float:
            return super().loss(x, off(y))

    class OffInAll(Off):
        def delta(self, x: Array, y: Array) -> Array:
            p = self.forward(x)
            return np.asarray((p * off(y).sum(axis=1, keepdims=True) - off(y)) / len(x))

    def told(make: type[Classifier]) -> list[tuple[str, str | None]]:
        report = examine(network(make), only=("loss", "gradient"), arbiter=pytorch())
        return [(verdict.aspect, verdict.cause) for verdict in report.failures]

    assert told(Off) == [("loss", "labels-shifted")]
    assert told(OffInAll) == [("loss", "labels-shifted"), ("gradient", "labels-shifted")]


@pytest.mark.parametrize("penalty", [0.0, 0.02])
@pytest.mark.parametrize("labels", ["integers", "integer_column"])
def test_labels_that_a_network_makes_one_class_off_are_told_once(
    penalty: float, labels: str
) -> None:
    class Off(Classifier):
        def loss(self, x: Array, y: Array) -> float:
            squares = sum(float((w**2).sum()) for w in self.w)
            return super().loss(x, np.eye(10)[np.ravel(y) - 1]) + penalty * squares

        def gradients(self, x: Array, y: Array) -> list[Array]:
            own = super().gradients(x, np.eye(10)[np.ravel(y) - 1])
            added = [g + 2 * penalty * w for g, w in zip(own, self.w, strict=False)]
            return added + own[len(self.w) :]

    report = examine(network(Off, labels=labels), only=("loss", "gradient"), arbiter=pytorch())
    told = [(verdict.aspect, verdict.status, verdict.cause) for verdict in report.verdicts]
    assert told == [("loss", DIFFERS, "labels-shifted"), ("gradient", EQUAL, None)]
