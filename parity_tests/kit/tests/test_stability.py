"""What overflows is named, and what is finite is not blamed."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from parity_tests.kit import check_network
from parity_tests.kit.aspects.forward import aspect as forward
from parity_tests.kit.aspects.gradient import aspect as gradient
from parity_tests.kit.aspects.initialization import aspect as initialization
from parity_tests.kit.aspects.side_effects import aspect as side_effects
from parity_tests.kit.aspects.stability import aspect as stability
from parity_tests.kit.check import examine as examine_network
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.subject.subject import Subject
from parity_tests.kit.tests.asked import (
    Array,
    Classifier,
    LooksAhead,
    Unfused,
    ask,
    by_largest_label,
    causes,
    he,
    network,
    only,
    relu,
    sigmoid,
    softmax,
    softmax_of_all_without_shift,
    softmax_with_one_shift,
    softmax_with_one_shift_and_eps,
    softmax_without_shift,
    softmax_without_shift_and_eps,
    tanh_of_exponentials,
    variant,
)
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, UNCHECKED


def log_softmax(z: Array) -> Array:
    z = z - z.max(axis=1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=1, keepdims=True))


class _Logits(Classifier):
    """Softmax is in the loss."""

    inside: Any = staticmethod(softmax)

    def loss(self, x: Array, y: Array) -> float:
        p = self.inside(self.forward(x))
        return float(-np.mean(np.sum(y * np.log(p + 1e-9), axis=1)))

    def delta(self, x: Array, y: Array) -> Array:
        return (self.inside(self.forward(x)) - y) / len(x)


def logits(inside: Any) -> type[Classifier]:
    parts = {"inside": staticmethod(inside), "last": staticmethod(lambda z: z)}
    return type("Logits", (_Logits,), parts)


class _MadeFinite(Classifier):
    """One logarithm of 0 is the largest number, and two are infinite."""

    def loss(self, x: Array, y: Array) -> float:
        return float(-np.sum(np.nan_to_num(y * np.log(self.forward(x)))) / len(x))


class _Dropped(variant(guard=0.0)):  # type: ignore[misc]
    """Most units are left out where the loss is computed."""

    def loss(self, x: Array, y: Array) -> float:
        self.forward(x)
        kept = self.a[-2] * (np.random.random(self.a[-2].shape) < 0.1)  # noqa: NPY002
        return float(-np.sum(y * np.log(softmax(kept @ self.w[-1] + self.b[-1]))) / len(x))


@pytest.mark.parametrize(
    ("make", "cause"),
    [
        (_MadeFinite, "log-of-zero"),
        (_Dropped, "log-of-zero"),
        (variant(last=softmax_without_shift), "softmax-no-shift"),
        (variant(last=softmax_without_shift_and_eps), "softmax-no-shift"),
        (variant(last=softmax_with_one_shift), "softmax-global-shift"),
        (variant(last=softmax_with_one_shift_and_eps), "softmax-global-shift"),
        (variant(activation=sigmoid, last=softmax_without_shift), "softmax-no-shift"),
        (variant(activation=tanh_of_exponentials), "tanh-overflow"),
        (variant(last=softmax, guard=0.0), "log-of-zero"),
        (variant(last=lambda z: softmax_without_shift(-z)), "softmax-no-shift"),
        (variant(last=softmax_of_all_without_shift), "softmax-no-shift"),
        (variant(last=lambda z: softmax_without_shift(z.T).T), "softmax-no-shift"),
        (variant(last=lambda z: softmax_with_one_shift(z.T).T), "softmax-global-shift"),
        (variant(last=lambda z: softmax_without_shift(relu(z))), "softmax-no-shift"),
        (variant(last=lambda z: softmax(softmax_without_shift(z))), "softmax-no-shift"),
        (logits(softmax_without_shift), "softmax-no-shift"),
        (logits(softmax_with_one_shift), "softmax-global-shift"),
        (Unfused, "gradient-divides-by-zero"),
    ],
)
def test_instability_is_named(make: type[Classifier], cause: str) -> None:
    for seed in range(3):
        assert causes(ask(network(make), stability.examine, seed)) == [cause]


def test_two_formulas_that_overflow_are_both_named() -> None:
    make = variant(activation=tanh_of_exponentials, last=softmax_without_shift)
    found = causes(ask(network(make), stability.examine))
    assert sorted(map(str, found)) == ["softmax-no-shift", "tanh-overflow"]


def test_a_formula_has_to_explain_all_answers() -> None:
    def strange(z: Array) -> Array:
        # As exp(z) / sum(exp(z)), but for logits of both signs.
        return softmax(z) if z.min() < -500 else softmax_without_shift(z)

    verdicts = ask(network(variant(last=strange), loss=None), stability.examine)
    assert causes(verdicts) == [None]


def test_softmax_behind_logits_is_asked_by_the_gradient() -> None:
    for inside, cause in (
        (softmax_without_shift, "softmax-no-shift"),
        # With a temperature it overflows later, and not because of other samples.
        (lambda z: softmax_without_shift(z / 2), "softmax-no-shift"),
        (softmax_with_one_shift, "softmax-global-shift"),
        (softmax, None),
    ):
        declared = network(logits(inside), loss=None)
        inquiry = Inquiry.begin(Subject(declared), declared.spec, 0)
        forward.examine(inquiry)
        gradient.examine(inquiry)
        assert causes(stability.examine(inquiry)) == [cause] * (cause is not None)


@pytest.mark.parametrize(
    ("last", "status"),
    [
        (lambda z: softmax_without_shift(z / 3), DIFFERS),
        (lambda z: softmax(z / 3), UNCHECKED),
        (lambda z: np.exp(z / 3) - 1, UNCHECKED),
    ],
)
def test_probabilities_of_an_unknown_form_are_asked_for_large_logits(
    last: Callable[[Array], Array], status: str
) -> None:
    told = only(ask(network(variant(last=last)), stability.examine))
    assert (told.status, told.cause) == (status, None)


@pytest.mark.parametrize("hidden", [1, 2])
def test_dead_units_do_not_hide_what_overflows(hidden: int) -> None:
    make = variant(last=softmax_without_shift, sizes=(12, hidden, 10))
    for seed in range(12):
        assert causes(ask(network(make), stability.examine, seed)) == ["softmax-no-shift"]


def test_logits_that_cannot_be_given_are_told() -> None:
    make = variant(last=softmax_without_shift, sizes=(12, 1, 10))
    declared = network(
        make,
        parameters=lambda net: net.w,
        gradients=lambda net, x, y: net.gradients(x, y)[:2],
        bias="none",
    )
    verdict = only(ask(declared, stability.examine))
    assert verdict.status == UNCHECKED
    assert "last layer" in verdict.message


class _LargestLabel(Classifier):
    def loss(self, x: Array, y: Array) -> float:
        return super().loss(x, by_largest_label(y))

    def delta(self, x: Array, y: Array) -> Array:
        return super().delta(x, by_largest_label(y))


def test_the_largest_label_is_always_there() -> None:
    verdict = only(ask(network(_LargestLabel, labels="integers"), stability.examine))
    assert verdict.status == CONVENTION
    assert "1e-12" in verdict.message


def test_what_is_refused_for_ordinary_batches_is_not_told_again() -> None:
    declared = network(loss=lambda net, x, y: net.forward(x) * y)
    verdict = only(ask(declared, stability.examine))
    assert verdict.status == EQUAL
    assert verdict.message.startswith("outputs and gradients are finite")


def refusing(error: Exception) -> type[Classifier]:
    class Net(Classifier):
        def loss(self, x: Array, y: Array) -> float:
            if not self.forward(x).all():
                raise error
            return super().loss(x, y)

    return Net


def test_what_is_refused_for_large_logits_is_told() -> None:
    verdict = only(ask(network(refusing(ValueError("no zeros"))), stability.examine))
    assert verdict.status == UNCHECKED
    assert "no zeros" in verdict.message


def of_numbers(function: Callable[[float], float]) -> Callable[[Array], Array]:
    """Return a function of Python's numbers as one of arrays."""
    return lambda z: np.array([[function(float(v)) for v in row] for row in z])


def softmax_of_numbers(z: Array) -> Array:
    rows = [[math.exp(v) for v in row] for row in z]
    return np.array([[v / sum(row) for v in row] for row in rows])


def shifted_softmax_of_numbers(z: Array) -> Array:
    return softmax_of_numbers(z - z.max(axis=1, keepdims=True))


class _LogOfNumbers(Classifier):
    def loss(self, x: Array, y: Array) -> float:
        p = self.forward(x)
        return -sum(math.log(v) for v in p[y > 0]) / len(x)


class _DividesNumbers(Unfused):
    def delta(self, x: Array, y: Array) -> Array:
        p = self.forward(x)
        upstream = np.array(
            [
                [-float(t) / float(v) for t, v in zip(*rows, strict=True)]
                for rows in zip(y, p, strict=True)
            ]
        )
        return p * (upstream - (upstream * p).sum(axis=1, keepdims=True)) / len(x)


class _OverflowsInBackward(Classifier):
    def delta(self, x: Array, y: Array) -> Array:
        if not self.forward(x).all():
            math.exp(1000)
        return super().delta(x, y)


one_over = of_numbers(lambda v: 1 / (1 + math.exp(-v)))

power_over = of_numbers(lambda v: math.exp(v) / (1 + math.exp(v)))

either = of_numbers(lambda v: 1 / (1 + math.exp(-v)) if v > 0 else math.exp(v) / (1 + math.exp(v)))

of_both = of_numbers(lambda v: 1 / (1 + math.exp(-v)) + 0 * math.exp(v))


@pytest.mark.parametrize(
    ("make", "cause"),
    [
        (variant(last=one_over), "exponential-overflow"),
        (variant(last=power_over), "sigmoid-overflow"),
        (variant(activation=one_over), "exponential-overflow"),
        (variant(activation=power_over), "sigmoid-overflow"),
        (variant(last=softmax_of_numbers), "softmax-no-shift"),
        (logits(softmax_of_numbers), "softmax-no-shift"),
        (_LogOfNumbers, "log-of-zero"),
        (refusing(FloatingPointError("log(0)")), "log-of-zero"),
        (refusing(OverflowError("math range error")), None),
        (_DividesNumbers, "gradient-divides-by-zero"),
        (_OverflowsInBackward, None),
        (variant(last=of_both), None),
    ],
)
def test_arithmetic_that_raises_is_told_once(make: type[Classifier], cause: str | None) -> None:
    for seed in range(3):
        assert causes(ask(network(make), stability.examine, seed)) == [cause]


@pytest.mark.parametrize("last", [either, shifted_softmax_of_numbers])
def test_arithmetic_that_does_not_raise_is_not_blamed(last: Any) -> None:
    assert not causes(ask(network(variant(last=last)), stability.examine))


def test_formulas_that_raise_and_that_give_nan_are_both_named() -> None:
    make = variant(activation=one_over, last=softmax_without_shift)
    found = causes(ask(network(make), stability.examine))
    assert sorted(map(str, found)) == ["exponential-overflow", "softmax-no-shift"]


def test_what_training_leaves_does_not_hide_the_logarithm_of_zero() -> None:
    make = type("Net", (LooksAhead,), {"guard": 0.0})
    for seed in range(12):
        declared = network(make, gradients=None)
        assert causes(ask(declared, stability.examine, seed)) == ["log-of-zero"]


def test_overflowing_softplus_is_named() -> None:
    def overflowing(z: Array) -> Array:
        return np.log(1 + np.exp(z))

    make = variant(activation=overflowing)
    declared = network(make, loss=None, gradients=None, step=None)
    assert causes(ask(declared, stability.examine)) == ["exponential-overflow"]


def test_overflowing_sigmoid_is_named() -> None:
    def overflowing(z: Array) -> Array:
        return np.exp(z) / (1 + np.exp(z))

    declared = network(variant(last=overflowing), loss=None, gradients=None, step=None)
    assert causes(ask(declared, stability.examine)) == ["sigmoid-overflow"]


def test_instability_that_nothing_explains_has_no_cause() -> None:
    def strange(z: Array) -> Array:
        p = softmax(z)
        return np.where(np.abs(z).max() > 100, np.nan, p)

    verdicts = ask(network(variant(last=strange), loss=None), stability.examine)
    assert causes(verdicts) == [None]


@pytest.mark.parametrize(
    "make",
    [
        variant(),
        variant(activation=sigmoid),
        variant(activation=np.tanh),
        variant(sizes=(12, 10)),
        logits(softmax),
        variant(last=sigmoid),
        variant(last=lambda z: z),
        variant(last=softmax, guard=1e-8),
    ],
)
def test_stable_networks_are_not_blamed(make: type[Classifier]) -> None:
    for seed in range(3):
        assert not causes(ask(network(make), stability.examine, seed))


def by_clipping(g: float) -> type[Classifier]:
    class Net(Classifier):
        def loss(self, x: Array, y: Array) -> float:
            return float(-np.sum(y * np.log(np.clip(self.forward(x), g, 1 - g))))

    return Net


def by_bound(g: float) -> type[Classifier]:
    class Net(Classifier):
        def loss(self, x: Array, y: Array) -> float:
            return float(-np.mean(y * np.log(np.maximum(self.forward(x), g))))

    return Net


def binary(g: float) -> type[Classifier]:
    class Net(variant(last=sigmoid)):  # type: ignore[misc]
        def loss(self, x: Array, y: Array) -> float:
            p = self.forward(x)
            return float(-np.mean(y * np.log(p + g) + (1 - y) * np.log(1 - p + g)))

    return Net


def penalized(g: float) -> type[Classifier]:
    class Net(variant(guard=g)):  # type: ignore[misc]
        def loss(self, x: Array, y: Array) -> float:
            return float(super().loss(x, y) + 0.01 * sum((w**2).sum() for w in self.w))

    return Net


@pytest.mark.parametrize(
    ("make", "guard"),
    [(make, guard) for make in (by_clipping, by_bound, binary) for guard in (1e-300, 3e-8, 2e-4)]
    # The penalty has to be known.
    + [(penalized, 1e-300), (penalized, 1e-12)],
)
def test_guards_of_all_forms_are_measured(
    make: Callable[[float], type[Classifier]], guard: float
) -> None:
    verdict = only(ask(network(make(guard)), stability.examine))
    assert (verdict.status, verdict.cause) == (CONVENTION, None)
    assert f"kept from 0 by {guard:.2g}" in verdict.message


def test_a_loss_of_logits_has_no_guard() -> None:
    class Net(variant(last=lambda z: z)):  # type: ignore[misc]
        def loss(self, x: Array, y: Array) -> float:
            return float(-np.mean(np.sum(y * log_softmax(self.forward(x)), axis=1)))

        def delta(self, x: Array, y: Array) -> Array:
            return (softmax(self.forward(x)) - y) / len(x)

    assert only(ask(network(Net), stability.examine)).status == EQUAL


def test_log_softmax_is_not_blamed() -> None:
    declared = network(variant(last=log_softmax), loss=None, gradients=None, step=None)
    assert not causes(ask(declared, stability.examine))


def test_guard_of_a_logarithm_is_measured() -> None:
    verdicts = ask(network(variant(guard=3e-10)), stability.examine)
    assert only(verdicts).status == CONVENTION
    assert "3e-10" in only(verdicts).message


def test_the_worst_samples_are_not_left_out_of_a_loss() -> None:
    class Net(Classifier):
        def loss(self, x: Array, y: Array) -> float:
            p = self.forward(x)
            return float(-np.mean(np.sum(y * np.log(np.where(p > 0, p, 1)), axis=1)))

    verdict = only(ask(network(Net), stability.examine))
    assert (verdict.status, verdict.tensor) == (DIFFERS, "loss")
    assert "samples whose own probability is 0 cost nothing" in verdict.message


def test_float32_network_is_not_blamed() -> None:
    def draw(n: int, m: int) -> Array:
        return he(n, m).astype(np.float32)

    class Single(variant(draw=draw)):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.b = [b.astype(np.float32) for b in self.b]

        def forward(self, x: Array) -> Array:
            return super().forward(x.astype(np.float32))

    declared = network(Single)
    for examine in (stability.examine, side_effects.examine, initialization.examine):
        assert not causes(ask(declared, examine))


def test_a_loss_in_float32_is_kept_finite_by_no_number_that_float32_has_not() -> None:
    class Single(variant(draw=lambda n, m: he(n, m).astype(np.float32))):  # type: ignore[misc]
        last: Any = staticmethod(log_softmax)

        def __init__(self) -> None:
            super().__init__()
            self.b = [b.astype(np.float32) for b in self.b]

        def forward(self, x: Array) -> Array:
            return super().forward(x.astype(np.float32))

        def loss(self, x: Array, y: Array) -> float:
            return float(-self.forward(x)[np.arange(len(y)), y.argmax(axis=1)].mean())

    assert only(ask(network(Single), stability.examine)).status == EQUAL


def test_what_a_wrong_softmax_leaves_is_not_put_down_to_a_logarithm() -> None:
    def over_samples(z: Array) -> Array:
        e = np.exp(z - z.max(axis=1, keepdims=True))
        return np.asarray(e / e.sum(axis=0, keepdims=True))

    class OverSamples(_Logits):
        last: Any = staticmethod(lambda z: z)
        inside: Any = staticmethod(over_samples)

        def loss(self, x: Array, y: Array) -> float:
            p = np.clip(self.inside(self.forward(x)), 1e-12, 1)
            return float(-np.mean(np.log(p[np.arange(len(y)), y.argmax(axis=1)])))

    report = examine_network(network(OverSamples, loss="loss", gradients="gradients"))
    assert "softmax-over-samples" in {verdict.cause for verdict in report.failures}
    told = list(report.of("stability"))
    assert {verdict.status for verdict in told} == {UNCHECKED}
    assert all("softmax" in verdict.message for verdict in told)


def test_stability_without_a_form_is_not_checked() -> None:
    declared = network()
    inquiry = Inquiry.begin(Subject(declared), declared.spec, 0)
    assert only(stability.examine(inquiry)).status == UNCHECKED


def test_parameters_are_restored_after_stability() -> None:
    declared = network()
    inquiry = Inquiry.begin(Subject(declared), declared.spec, 0)
    forward.examine(inquiry)
    stability.examine(inquiry)
    for now, then in zip(inquiry.subject.get(), inquiry.layers, strict=True):
        np.testing.assert_array_equal(now.weight, then.weight)
    assert causes(gradient.examine(inquiry)) == []


class _SquaresOfSigmoid(Classifier):
    """The derivative of its last function is infinity over infinity; no probability divides."""

    last: Any = staticmethod(sigmoid)

    def loss(self, x: Array, y: Array) -> float:
        return float(((self.forward(x) - y) ** 2).sum() / (2 * len(x)))

    def delta(self, x: Array, y: Array) -> Array:
        error = self.forward(x) - y
        e = np.exp(-(self.a[-2] @ self.w[-1] + self.b[-1]))
        return np.asarray(error * (e / (1 + e) ** 2) / len(x))


def test_squares_divide_by_no_probability() -> None:
    assert causes(ask(network(_SquaresOfSigmoid), stability.examine)) == [None]


class Single(Classifier):
    """Parameters and activations in float32, of samples in float64."""

    def __init__(self) -> None:
        super().__init__()
        self.w = [w.astype(np.float32) for w in self.w]
        self.b = [b.astype(np.float32) for b in self.b]

    @staticmethod
    def activation(z: Array) -> Array:
        """Return tanh."""
        return tanh_of_exponentials(z).astype(np.float32)

    last = staticmethod(softmax_without_shift)


@pytest.mark.parametrize("seed", range(4))
def test_overflow_in_float32_is_named(seed: int) -> None:
    verdicts = ask(network(Single, gradients=None, step=None), stability.examine, seed)
    assert {"tanh-overflow", "softmax-no-shift"} <= set(causes(verdicts))


class _OfSeven(Classifier):
    """The number of samples is written into the loss."""

    def loss(self, x: Array, y: Array) -> float:
        p = self.forward(x)
        terms = [np.sum(y[n] * np.log(p[n] + self.guard)) for n in range(7)]
        return float(-np.mean(terms))


class _OfThree(Classifier):
    """The gradient needs more than two samples."""

    def gradients(self, x: Array, y: Array) -> list[Array]:
        assert len(x) > 2
        return super().gradients(x, y)


@pytest.mark.parametrize("make", [_OfSeven, _OfThree])
def test_more_samples_are_asked_where_two_are_refused(make: type[Classifier]) -> None:
    declared = network(make, step=None)
    verdict = only(ask(declared, stability.examine))
    assert (verdict.status, verdict.cause) == (CONVENTION, None)
    assert "kept from 0 by 1e-12" in verdict.message
    naive = type("Naive", (make,), {"guard": 0.0})
    assert causes(ask(network(naive, step=None), stability.examine)) == ["log-of-zero"]


class _Broadcast(Classifier):
    """Outputs are a column and labels a row, so that each meets every other."""

    sizes = (12, 9, 1)
    last: Any = staticmethod(sigmoid)

    def loss(self, x: Array, y: Array) -> float:
        p, labels = self.forward(x), y.ravel()
        yes, no = np.log(p + self.guard), np.log(1 - p + self.guard)
        return float(-np.mean(labels * yes + (1 - labels) * no))


def test_a_guard_is_that_of_the_loss_as_it_is() -> None:
    verdict = only(ask(network(_Broadcast, step=None), stability.examine))
    assert "kept from 0 by 1e-12" in verdict.message

    class Exchanged(Classifier):
        def loss(self, x: Array, y: Array) -> float:
            terms = self.forward(x) * np.log(y + self.guard)
            return float(-np.mean(terms.sum(axis=1)))

    class Quartic(Classifier):
        last: Any = staticmethod(sigmoid)

        def loss(self, x: Array, y: Array) -> float:
            return float(0.5 * np.sum((self.forward(x) - y) ** 4))

    for made in (Exchanged, Quartic):
        verdict = only(ask(network(made, gradients=None, step=None), stability.examine))
        assert (verdict.status, "kept from 0" in verdict.message) == (EQUAL, False)


def test_no_guard_is_told_of_probabilities_that_do_not_come_to_zero() -> None:
    class OfSigmoids(Classifier):
        """Softmax is taken of outputs between 0 and 1, so that the loss is bounded."""

        sizes = (12, 9, 10)
        last: Any = staticmethod(sigmoid)

        def loss(self, x: Array, y: Array) -> float:
            s = self.forward(x)
            return float(-np.sum(y * (s - np.log(np.exp(s).sum(axis=1, keepdims=True)))) / len(x))

    verdict = only(ask(network(OfSigmoids, gradients=None, step=None), stability.examine))
    assert (verdict.status, "kept from 0" in verdict.message) == (EQUAL, False)


class _OfMargins(variant(last=lambda z: z, sizes=(6, 5, 1))):  # type: ignore[misc]
    """A loss of one logit, and of labels of -1 and 1."""

    value: Any = staticmethod(np.exp)
    slope: Any = staticmethod(np.exp)

    def loss(self, x: Array, y: Array) -> float:
        return float(self.value((1 - 2 * y) * self.forward(x)).sum() / len(x))

    def delta(self, x: Array, y: Array) -> Array:
        signs = 1 - 2 * y
        return np.asarray(signs * self.slope(signs * self.forward(x)) / len(x))


@pytest.mark.parametrize(
    ("parts", "found"),
    [
        # It is infinite itself, and nothing is wrong about that.
        ({}, []),
        # The exponential is, of which nothing is a probability.
        (
            {"value": lambda u: np.log(1 + np.exp(u)), "slope": lambda u: 1 / (1 + np.exp(-u))},
            [None],
        ),
    ],
)
def test_an_infinite_loss_of_a_logit_is_no_logarithm_of_zero(
    parts: dict[str, Any], found: list[None]
) -> None:
    make = type("Net", (_OfMargins,), {name: staticmethod(part) for name, part in parts.items()})
    report = check_network(network(make, step=None), only="stability", on_fail="report")
    assert causes(report.verdicts) == found


class _LogCosh(variant(last=lambda z: z, sizes=(6, 5, 1))):  # type: ignore[misc]
    def loss(self, x: Array, y: Array) -> float:
        return float(np.log(np.cosh(self.forward(x) - y)).sum() / len(x))


def test_a_loss_of_numbers_that_overflows_has_no_probability() -> None:
    declared = network(_LogCosh, gradients=None, step=None)
    [verdict] = check_network(declared, only="stability", on_fail="report").verdicts
    assert "with an output of -800, the loss is inf, as it overflows" in verdict.message


def test_what_is_refused_is_told_once() -> None:
    def gradients(net: Any, x: Array, y: Array) -> list[Array]:
        if max(np.abs(p).max() for p in net.w + net.b) > 20:
            raise IndexError
        return list(net.gradients(x, y))

    declared = network(variant(sizes=(12, 9, 3)), gradients=gradients, step=None)
    verdicts = check_network(declared, only=("gradient", "stability"), on_fail="report").verdicts
    messages = [verdict.message for verdict in verdicts]
    assert sum("gradients for large logits" in message for message in messages) == 1


class _Rates(variant(last=np.exp)):  # type: ignore[misc]
    """Counts by Poisson's loss, whose logarithm is taken of the rate."""

    def logarithm(self, rates: Array) -> Array:
        return np.asarray(np.log(rates))

    def loss(self, x: Array, y: Array) -> float:
        rates = self.forward(x)
        return float(np.mean(np.sum(rates - y * self.logarithm(rates), axis=1)))


class _RatesKeptAboveZero(_Rates):
    def logarithm(self, rates: Array) -> Array:
        return np.asarray(np.log(np.maximum(rates, 1e-12)))


@pytest.mark.parametrize(
    ("make", "cause"), [(_Rates, "log-of-zero-rate"), (_RatesKeptAboveZero, None)]
)
def test_rates_of_zero_are_no_probabilities(make: type[Classifier], cause: str | None) -> None:
    verdicts = ask(network(make, step=None, labels="targets"), stability.examine)
    assert causes(verdicts) == [cause] * bool(cause)
    assert not any(
        "probabilit" in verdict.message or "logit" in verdict.message
        for verdict in verdicts
        if verdict.cause
    )


@pytest.mark.parametrize("in_place", [False, True])
def test_the_loss_that_a_step_returns_is_finite(in_place: bool) -> None:
    class Net(Classifier):
        def step(self, x: Array, y: Array, lr: float) -> float:  # type: ignore[override]
            super().step(x, y, lr)
            p = self.forward(x)
            error = p if in_place else p.copy()
            error -= y
            return float(-np.mean(np.sum(y * np.log(p + self.guard), axis=1)))

    cause = "step-loss-not-finite"
    assert causes(ask(network(Net), stability.examine)) == [cause] * in_place
