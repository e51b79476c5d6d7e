"""Every fault of these aspects is named, and what is right or meant is not blamed."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from numpy_impl import InputError
from parity_tests.kit.aspects import (
    data,
    forward,
    gradient,
    initialization,
    loss,
    side_effects,
    stability,
)
from parity_tests.kit.causes.aspects import ASPECT_CAUSES
from parity_tests.kit.initialization import Drawn, mistakes, scheme
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.network import Network
from parity_tests.kit.spec import Spec
from parity_tests.kit.subject import Subject
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, UNCHECKED, Verdict

Array = NDArray[Any]
Draw = Callable[[int, int], Array]

SIZES = (12, 9, 8, 10)


def softmax(z: Array) -> Array:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def softmax_without_shift(z: Array) -> Array:
    return np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)


def softmax_with_one_shift(z: Array) -> Array:
    e = np.exp(z - z.max())
    return e / e.sum(axis=1, keepdims=True)


def softmax_with_one_shift_and_eps(z: Array) -> Array:
    e = np.exp(z - z.max())
    return e / (e.sum(axis=1, keepdims=True) + 1e-12)


def softmax_of_all_without_shift(z: Array) -> Array:
    return np.exp(z) / np.exp(z).sum()


def sigmoid(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


def tanh_of_exponentials(z: Array) -> Array:
    return (np.exp(z) - np.exp(-z)) / (np.exp(z) + np.exp(-z))


def relu(z: Array) -> Array:
    return np.maximum(z, 0)


def he(fan_in: int, fan_out: int) -> Array:
    return np.random.randn(fan_in, fan_out) * np.sqrt(2 / fan_in)  # noqa: NPY002


def normal(std: Callable[[int, int], float]) -> Draw:
    return lambda fan_in, fan_out: (
        std(fan_in, fan_out)
        * np.random.randn(  # noqa: NPY002
            fan_in, fan_out
        )
    )


def uniform(bound: Callable[[int, int], float]) -> Draw:
    return lambda fan_in, fan_out: np.random.uniform(  # noqa: NPY002
        -bound(fan_in, fan_out), bound(fan_in, fan_out), (fan_in, fan_out)
    )


SLOPES: dict[Any, Callable[[Array], Array]] = {
    relu: lambda a: (a > 0).astype(float),
    sigmoid: lambda a: a * (1 - a),
    np.tanh: lambda a: 1 - a**2,
    tanh_of_exponentials: lambda a: 1 - a**2,
}


class _Net:
    """A right network, whose parts can be replaced."""

    draw: Draw = staticmethod(he)
    activation: Any = staticmethod(relu)
    last: Any = staticmethod(softmax)
    sizes: tuple[int, ...] = SIZES
    guard = 1e-12

    def __init__(self) -> None:
        pairs = list(zip(self.sizes, self.sizes[1:], strict=False))
        self.w = [type(self).draw(a, b) for a, b in pairs]
        self.b = [np.zeros((1, b)) for _, b in pairs]
        self.a: list[Array] = []

    def forward(self, x: Array) -> Array:
        self.a = [x]
        for w, b in zip(self.w[:-1], self.b[:-1], strict=True):
            self.a.append(self.activation(self.a[-1] @ w + b))
        self.a.append(self.last(self.a[-1] @ self.w[-1] + self.b[-1]))
        return self.a[-1]

    def loss(self, x: Array, y: Array) -> float:
        return float(-np.mean(np.sum(y * np.log(self.forward(x) + self.guard), axis=1)))

    def delta(self, x: Array, y: Array) -> Array:
        return (self.forward(x) - y) / len(x)

    def gradients(self, x: Array, y: Array) -> list[Array]:
        d = self.delta(x, y)
        dw, db = [], []
        for n in reversed(range(len(self.w))):
            dw.insert(0, self.a[n].T @ d)
            db.insert(0, d.sum(axis=0, keepdims=True))
            if n:
                d = (d @ self.w[n].T) * SLOPES[self.activation](self.a[n])
        return dw + db

    def step(self, x: Array, y: Array, lr: float) -> None:
        for p, g in zip(self.w + self.b, self.gradients(x, y), strict=True):
            p -= lr * g


def variant(**parts: Any) -> type[_Net]:
    plain = {
        name: staticmethod(part) if name in ("draw", "activation", "last") else part
        for name, part in parts.items()
    }
    return type("Variant", (_Net,), plain)


def network(make: Callable[[], Any] = _Net, **more: Any) -> Network:
    declared = Network(
        make,
        lambda net: net.w + net.b,
        "forward",
        gradients=lambda net, x, y: net.gradients(x, y),
        loss="loss",
        step="step",
    )
    return replace(declared, **more)


def ask(declared: Network, examine: Callable[[Inquiry], list[Verdict]], seed: int = 0) -> Any:
    inquiry = Inquiry.begin(Subject(declared), declared.spec, seed)
    forward.examine(inquiry)
    loss.examine(inquiry)
    return examine(inquiry)


def only(verdicts: list[Verdict]) -> Verdict:
    assert len(verdicts) == 1, verdicts
    return verdicts[0]


def causes(verdicts: list[Verdict]) -> list[str | None]:
    return [verdict.cause for verdict in verdicts if verdict.status == DIFFERS]


# Initialization


def ones(fan_in: int, fan_out: int) -> Array:
    return np.full((fan_in, fan_out), 0.1)


INITIAL: list[tuple[Draw, str | None, str]] = [
    (normal(lambda n, _: 1 / np.sqrt(2 / n)), None, "initialization-scale-inverted"),
    (normal(lambda n, _: np.sqrt(n)), None, "initialization-scale-inverted"),
    (normal(lambda n, _: 1 / np.sqrt(2 / n)), "he_normal", "initialization-scale-inverted"),
    (normal(lambda _, m: np.sqrt(2 / m)), "he", "initialization-fans-swapped"),
    (normal(lambda n, _: 2 / n), "he", "initialization-root-missing"),
    (normal(lambda n, m: (2 / (n + m)) ** 0.25), "xavier", "initialization-root-twice"),
    (normal(lambda n, _: np.sqrt(np.sqrt(2 / n) / 0.8796)), "he", "initialization-root-twice"),
    (uniform(lambda n, _: np.sqrt(2 / n)), "he", "initialization-bound-for-std"),
    (normal(lambda n, m: np.sqrt(6 / (n + m))), "glorot", "initialization-bound-for-std"),
    (normal(lambda n, _: np.sqrt(1 / n)), "kaiming_normal", "initialization-another-scheme"),
    (normal(lambda n, m: np.sqrt(2 / (n + m))), "he", "initialization-another-scheme"),
    (normal(lambda n, m: np.sqrt(4 / (n + m))), "he", "initialization-another-scheme"),
    (normal(lambda n, m: np.sqrt(1 / (n + m))), "xavier", "initialization-factor-two"),
    (normal(lambda n, _: 2 / np.sqrt(n)), "he", "initialization-factor-two"),
    (normal(lambda _n, _m: np.sqrt(2 / 12)), "he", "initialization-wrong-fan"),
    (lambda n, m: np.zeros((n, m)), None, "initialization-zeros"),
    (ones, None, "initialization-alike"),
    (normal(lambda _n, _m: 50.0), None, "initialization-exploding"),
    (normal(lambda _n, _m: 1e-9), None, "initialization-vanishing"),
]


@pytest.mark.parametrize(("draw", "declared", "cause"), INITIAL)
def test_initialization_is_named(draw: Draw, declared: str | None, cause: str) -> None:
    subject = network(variant(draw=draw), spec=Spec(initialization=declared))
    verdict = only(ask(subject, initialization.examine))
    assert (verdict.status, verdict.cause) == (DIFFERS, cause), verdict


def test_weights_of_one_sign_are_named_behind_many_inputs() -> None:
    def draw(n: int, m: int) -> Array:
        return np.random.rand(n, m)  # noqa: NPY002

    verdict = only(ask(network(variant(draw=draw, sizes=(64, 9, 10))), initialization.examine))
    assert verdict.cause == "initialization-one-signed"
    few = only(ask(network(variant(draw=draw, sizes=(2, 3, 4))), initialization.examine))
    assert few.status == CONVENTION


def test_inverted_scale_has_its_factor() -> None:
    draw = normal(lambda n, _: 1 / np.sqrt(2 / n))
    verdict = only(ask(network(variant(draw=draw, sizes=(784, 128, 10))), initialization.examine))
    assert verdict.cause == "initialization-scale-inverted"
    assert verdict.factor == pytest.approx(784 / 2, rel=0.02)


@pytest.mark.parametrize(
    ("draw", "declared", "status"),
    [
        (he, None, EQUAL),
        (he, "he_normal", EQUAL),
        (uniform(lambda n, _: np.sqrt(6 / n)), "he", EQUAL),
        (uniform(lambda n, _: np.sqrt(6 / n)), "he_normal", CONVENTION),
        (uniform(lambda n, m: np.sqrt(6 / (n + m))), "xavier_uniform", EQUAL),
        (uniform(lambda n, _: 1 / np.sqrt(n)), None, EQUAL),
        (uniform(lambda n, _: 1 / np.sqrt(n)), "pytorch", EQUAL),
        (normal(lambda n, _: 1 / np.sqrt(n)), "lecun", EQUAL),
        (normal(lambda _n, _m: 0.01), None, CONVENTION),
        (normal(lambda _n, _m: 0.01), "normal:0.01", EQUAL),
        (normal(lambda _n, _m: 1e-4), None, CONVENTION),
        (normal(lambda _n, _m: 1.0), None, CONVENTION),
        (uniform(lambda _n, _m: 1.0), None, CONVENTION),
        (uniform(lambda _n, _m: 0.5), "uniform:0.5", EQUAL),
        (normal(lambda n, _: 2 / n), None, CONVENTION),
    ],
)
@pytest.mark.parametrize("sizes", [SIZES, (3, 2, 1), (784, 16, 10), (5, 3), (8, 8, 8)])
def test_initialization_that_is_meant_is_not_blamed(
    draw: Draw, declared: str | None, status: str, sizes: tuple[int, ...]
) -> None:
    subject = network(variant(draw=draw, sizes=sizes), spec=Spec(initialization=declared))
    verdict = only(ask(subject, initialization.examine))
    assert verdict.status != DIFFERS, verdict
    # Small matrices do not tell schemes from fixed scales.
    assert sizes != SIZES or verdict.status == status, verdict


def test_a_fixed_scale_is_not_taken_for_a_scheme() -> None:
    # 1 / sqrt(12), which is LeCun's for the first matrix.
    declared = network(variant(draw=uniform(lambda _n, _m: 0.5)))
    verdict = only(ask(declared, initialization.examine))
    assert verdict.status == CONVENTION
    assert "LeCun" not in verdict.message


def test_a_scale_that_nothing_explains_has_no_cause() -> None:
    draw = normal(lambda n, _: 1.2345 * np.sqrt(2 / n))
    subject = network(variant(draw=draw), spec=Spec(initialization="he"))
    verdict = only(ask(subject, initialization.examine))
    assert (verdict.status, verdict.cause) == (DIFFERS, None)
    assert verdict.factor == pytest.approx(1.2345, rel=0.05)


def test_a_mistake_has_to_explain_all_matrices() -> None:
    def draw(n: int, m: int) -> Array:
        return he(n, m) * (np.sqrt(n / (n + m)) if m == SIZES[-1] else 1)

    subject = network(variant(draw=draw), spec=Spec(initialization="he"))
    verdict = only(ask(subject, initialization.examine))
    assert (verdict.status, verdict.cause, verdict.tensor) == (DIFFERS, None, "W3")


def test_a_mistake_is_not_told_from_a_round_scale() -> None:
    # sqrt(2 / 8) with the fan of the first layer, or 0.5 with none.
    make = variant(draw=normal(lambda _n, _m: 0.5), sizes=(8, 9, 12, 10))
    verdict = only(ask(network(make, spec=Spec(initialization="he")), initialization.examine))
    assert (verdict.status, verdict.cause) == (DIFFERS, None)
    assert "8 for fan_in" in verdict.message


def test_a_mistake_is_not_named_from_a_few_entries() -> None:
    def draw(n: int, m: int) -> Array:
        return np.random.default_rng(5).standard_normal((n, m)) * np.sqrt(2 / m)

    for declared in ("he", None):
        subject = network(variant(draw=draw), spec=Spec(initialization=declared))
        verdict = only(ask(subject, initialization.examine))
        assert verdict.cause is None
        assert verdict.status == (UNCHECKED if declared else CONVENTION)


def test_few_entries_do_not_confirm_a_scheme() -> None:
    def draw(n: int, m: int) -> Array:
        return np.random.default_rng(3).standard_normal((n, m)) * np.sqrt(2 / n)

    declared = network(variant(draw=draw), spec=Spec(initialization="he"))
    assert only(ask(declared, initialization.examine)).status == UNCHECKED
    verdict = only(ask(network(variant(draw=draw)), initialization.examine))
    assert verdict.status == CONVENTION
    assert "He" not in verdict.message


@pytest.mark.parametrize(
    ("std", "text"),
    [
        (lambda n, m: np.sqrt(1 / (n + m)), "all are sqrt(1 / (fan_in + fan_out))"),
        (lambda n, _: 2 / np.sqrt(n), "all are sqrt(4 / fan_in)"),
        (lambda _, m: 1 / np.sqrt(m), "all are sqrt(1 / fan_out)"),
        (lambda n, m: (n + m) ** -0.3, "W1"),
    ],
)
def test_formulas_without_a_name_are_told(std: Callable[[int, int], float], text: str) -> None:
    verdict = only(ask(network(variant(draw=normal(std))), initialization.examine))
    assert verdict.status == CONVENTION
    assert text in verdict.message
    assert ("all are" in text) == ("all are" in verdict.message)


def test_truncated_normal_weights_are_those_of_the_scheme() -> None:
    def draw(n: int, m: int) -> Array:
        values = np.random.randn(40, n, m)  # noqa: NPY002
        inside = np.where(np.abs(values) < 2, values, np.nan)
        first = np.argmax(~np.isnan(inside), axis=0)[np.newaxis]
        return np.sqrt(2 / n) * np.take_along_axis(inside, first, axis=0)[0]

    verdict = only(
        ask(network(variant(draw=draw), spec=Spec(initialization="he")), initialization.examine)
    )
    assert verdict.status == EQUAL


def test_seeded_constructions_are_told_and_the_global_state_is_kept() -> None:
    def draw(n: int, m: int) -> Array:
        return np.random.default_rng(3).standard_normal((n, m)) / np.sqrt(n)

    state = np.random.get_state()  # noqa: NPY002
    verdict = only(ask(network(variant(draw=draw, sizes=(64, 32, 10))), initialization.examine))
    assert verdict.status == EQUAL
    assert "same numbers" in verdict.message
    np.testing.assert_array_equal(state[1], np.random.get_state()[1])  # noqa: NPY002


def test_seeded_constructions_off_the_scheme_without_a_cause_are_not_judged() -> None:
    def draw(n: int, m: int) -> Array:
        return 3.3 * np.random.default_rng(3).standard_normal((n, m)) / np.sqrt(n)

    subject = network(variant(draw=draw, sizes=(64, 32, 10)), spec=Spec(initialization="he"))
    assert only(ask(subject, initialization.examine)).status == UNCHECKED


def test_a_network_that_is_not_made_anew_is_not_judged() -> None:
    net = _Net()
    assert only(ask(network(lambda: net), initialization.examine)).status == UNCHECKED


def test_parameters_are_restored_after_initialization() -> None:
    declared = network()
    inquiry = Inquiry.begin(Subject(declared), declared.spec, 0)
    initialization.examine(inquiry)
    for now, then in zip(inquiry.subject.get(), inquiry.layers, strict=True):
        np.testing.assert_array_equal(now.weight, then.weight)


def test_last_layer_of_zeros_is_allowed() -> None:
    def draw(n: int, m: int) -> Array:
        return np.zeros((n, m)) if m == SIZES[-1] else he(n, m)

    assert only(ask(network(variant(draw=draw)), initialization.examine)).status != DIFFERS


def test_unknown_scheme_is_told() -> None:
    with pytest.raises(InputError, match="initialization"):
        scheme("best")
    with pytest.raises(InputError, match="initialization"):
        scheme("normal:-1")
    verdict = only(ask(network(spec=Spec(initialization="best")), initialization.examine))
    assert verdict.status == UNCHECKED


def test_tolerance_covers_the_estimate() -> None:
    rng = np.random.default_rng(0)
    outside = 0
    for size in (4, 20, 100, 1000):
        for _ in range(500):
            drawn = Drawn(0.3 * rng.standard_normal(size), 7, 5)
            outside += size > 4 and not drawn.has_std(0.3)
    assert outside <= 2


def test_mistakes_have_causes() -> None:
    assert {mistake.cause for mistake in mistakes(scheme("he"), 12)} <= set(ASPECT_CAUSES)


# Stability


def log_softmax(z: Array) -> Array:
    z = z - z.max(axis=1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=1, keepdims=True))


class _Logits(_Net):
    """Softmax is in the loss."""

    inside: Any = staticmethod(softmax)

    def loss(self, x: Array, y: Array) -> float:
        p = self.inside(self.forward(x))
        return float(-np.mean(np.sum(y * np.log(p + 1e-9), axis=1)))

    def delta(self, x: Array, y: Array) -> Array:
        return (self.inside(self.forward(x)) - y) / len(x)


def logits(inside: Any) -> type[_Net]:
    parts = {"inside": staticmethod(inside), "last": staticmethod(lambda z: z)}
    return type("Logits", (_Logits,), parts)


class _Unfused(_Net):
    """The derivative of the loss divides by the probability."""

    guard = 1e-300

    def delta(self, x: Array, y: Array) -> Array:
        p = self.forward(x)
        upstream = -y / p
        return p * (upstream - (upstream * p).sum(axis=1, keepdims=True)) / len(x)


@pytest.mark.parametrize(
    ("make", "cause"),
    [
        (variant(last=softmax_without_shift), "softmax-no-shift"),
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
        (_Unfused, "gradient-divides-by-zero"),
    ],
)
def test_instability_is_named(make: type[_Net], cause: str) -> None:
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
        (softmax_with_one_shift, "softmax-global-shift"),
        (softmax, None),
    ):
        declared = network(logits(inside), loss=None)
        inquiry = Inquiry.begin(Subject(declared), declared.spec, 0)
        forward.examine(inquiry)
        gradient.examine(inquiry)
        assert causes(stability.examine(inquiry)) == [cause] * (cause is not None)


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


class _LargestLabel(_Net):
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


def refusing(error: Exception) -> type[_Net]:
    class Net(_Net):
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


class _LogOfNumbers(_Net):
    def loss(self, x: Array, y: Array) -> float:
        p = self.forward(x)
        return -sum(math.log(v) for v in p[y > 0]) / len(x)


class _DividesNumbers(_Unfused):
    def delta(self, x: Array, y: Array) -> Array:
        p = self.forward(x)
        upstream = np.array(
            [
                [-float(t) / float(v) for t, v in zip(*rows, strict=True)]
                for rows in zip(y, p, strict=True)
            ]
        )
        return p * (upstream - (upstream * p).sum(axis=1, keepdims=True)) / len(x)


class _OverflowsInBackward(_Net):
    def delta(self, x: Array, y: Array) -> Array:
        if not self.forward(x).all():
            math.exp(1000)
        return super().delta(x, y)


one_over = of_numbers(lambda v: 1 / (1 + math.exp(-v)))
power_over = of_numbers(lambda v: math.exp(v) / (1 + math.exp(v)))
either = of_numbers(lambda v: 1 / (1 + math.exp(-v)) if v > 0 else math.exp(v) / (1 + math.exp(v)))
of_both = of_numbers(lambda v: 1 / (1 + math.exp(-v)) + 0 * math.exp(v))
SLOPES |= {one_over: SLOPES[sigmoid], power_over: SLOPES[sigmoid]}


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
def test_arithmetic_that_raises_is_told_once(make: type[_Net], cause: str | None) -> None:
    for seed in range(3):
        assert causes(ask(network(make), stability.examine, seed)) == [cause]


@pytest.mark.parametrize("last", [either, shifted_softmax_of_numbers])
def test_arithmetic_that_does_not_raise_is_not_blamed(last: Any) -> None:
    assert not causes(ask(network(variant(last=last)), stability.examine))


def test_formulas_that_raise_and_that_give_nan_are_both_named() -> None:
    make = variant(activation=one_over, last=softmax_without_shift)
    found = causes(ask(network(make), stability.examine))
    assert sorted(map(str, found)) == ["exponential-overflow", "softmax-no-shift"]


class _LooksAhead(_Net):
    """The forward pass is that of the parameters after the next step of the velocity."""

    def __init__(self) -> None:
        super().__init__()
        self.v = [np.zeros_like(p) for p in self.w + self.b]

    def forward(self, x: Array) -> Array:
        own = self.w + self.b
        count = len(self.w)
        ahead = [p + 0.6 * v for p, v in zip(own, self.v, strict=True)]
        self.w, self.b = ahead[:count], ahead[count:]
        try:
            return super().forward(x)
        finally:
            self.w, self.b = own[:count], own[count:]

    def step(self, x: Array, y: Array, lr: float) -> None:
        for p, v, g in zip(self.w + self.b, self.v, self.gradients(x, y), strict=True):
            v *= 0.6
            v -= lr * g
            p += v


def test_what_training_leaves_does_not_hide_the_logarithm_of_zero() -> None:
    make = type("Net", (_LooksAhead,), {"guard": 0.0})
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
def test_stable_networks_are_not_blamed(make: type[_Net]) -> None:
    for seed in range(3):
        assert not causes(ask(network(make), stability.examine, seed))


def by_clipping(g: float) -> type[_Net]:
    class Net(_Net):
        def loss(self, x: Array, y: Array) -> float:
            return float(-np.sum(y * np.log(np.clip(self.forward(x), g, 1 - g))))

    return Net


def by_bound(g: float) -> type[_Net]:
    class Net(_Net):
        def loss(self, x: Array, y: Array) -> float:
            return float(-np.mean(y * np.log(np.maximum(self.forward(x), g))))

    return Net


def binary(g: float) -> type[_Net]:
    class Net(variant(last=sigmoid)):  # type: ignore[misc]
        def loss(self, x: Array, y: Array) -> float:
            p = self.forward(x)
            return float(-np.mean(y * np.log(p + g) + (1 - y) * np.log(1 - p + g)))

    return Net


def penalized(g: float) -> type[_Net]:
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
    make: Callable[[float], type[_Net]], guard: float
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


# Side effects


class _ScalesInputs(_Net):
    def forward(self, x: Array) -> Array:
        x *= 0.5
        return super().forward(x)


class _WritesLabels(_Net):
    def delta(self, x: Array, y: Array) -> Array:
        p = self.forward(x)
        y -= p
        return -y / len(x)


class _Shrinks(_Net):
    def forward(self, x: Array) -> Array:
        for w in self.w:
            w *= 0.99
        return super().forward(x)


class _Accumulates(_Net):
    def __init__(self) -> None:
        super().__init__()
        self.g = [np.zeros_like(p) for p in self.w + self.b]

    def gradients(self, x: Array, y: Array) -> list[Array]:
        for kept, g in zip(self.g, super().gradients(x, y), strict=True):
            kept += g
        return self.g


class _AccumulatesAsMeant(_Accumulates):
    def zero_grad(self) -> None:
        for g in self.g:
            g[...] = 0


class _AccumulatesBetweenSteps(_Accumulates):
    def step(self, x: Array, y: Array, lr: float) -> None:
        for g in self.g:
            g[...] = 0
        super().step(x, y, lr)


class _Remembers(_Net):
    known: list[Array] | None = None

    def gradients(self, x: Array, y: Array) -> list[Array]:
        self.known = self.known or super().gradients(x, y)
        return self.known


class _FixedBuffer(_Net):
    buffer: Array | None = None

    def forward(self, x: Array) -> Array:
        if self.buffer is None:
            self.buffer = np.empty_like(x)
        self.buffer[...] = x
        return super().forward(self.buffer)


class _Squeezes(_Net):
    def forward(self, x: Array) -> Array:
        return super().forward(x.squeeze())[:, :]

    def delta(self, x: Array, y: Array) -> Array:
        p = self.forward(x).squeeze()
        if p.ndim == 1:
            raise IndexError("axis 1 is out of bounds")
        return (p - y) / len(x)


class _KeepsActivations(_Net):
    """Quantities of all batches are in one list, and the first ones are taken from it."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[Array] = []

    def delta(self, x: Array, y: Array) -> Array:
        found = super().delta(x, y)
        self.kept += self.a
        self.a = self.kept[: len(self.a)]
        return found


class _KeepsOutput(_Net):
    output: Array | None = None

    def delta(self, x: Array, y: Array) -> Array:
        p = self.forward(x)
        if self.output is None or len(self.output) != len(p):
            self.output = p
        return (self.output - y) / len(x)


class _MixesBatches(_Net):
    """The derivative of the loss is averaged over all batches of one size."""

    mean: Array | None = None

    def delta(self, x: Array, y: Array) -> Array:
        own = super().delta(x, y)
        same = self.mean is not None and self.mean.shape == own.shape
        self.mean = (own + self.mean) / 2 if same else own
        return self.mean


class _Aliases(_Net):
    def gradients(self, x: Array, y: Array) -> list[Array]:
        grads = super().gradients(x, y)
        self.w[0] = grads[0].copy()
        return [self.w[0], *grads[1:]]


@pytest.mark.parametrize(
    ("make", "cause"),
    [
        (_ScalesInputs, "inputs-changed"),
        (_WritesLabels, "labels-changed"),
        (_Shrinks, "parameters-changed"),
        (_Accumulates, "gradient-accumulated"),
        (_Remembers, "gradient-stale"),
        (_KeepsActivations, "activations-kept"),
        (_KeepsOutput, "activations-kept"),
        (_MixesBatches, None),
        (_FixedBuffer, "batch-size-kept"),
        (_Squeezes, "one-sample-raises"),
        (_Aliases, "gradient-aliases-parameter"),
    ],
)
def test_side_effects_are_named(make: type[_Net], cause: str | None) -> None:
    assert cause in causes(ask(network(make), side_effects.examine))


@pytest.mark.parametrize(
    ("make", "cause"),
    [
        (_Accumulates, "gradient-accumulated"),
        (_Remembers, "gradient-stale"),
        (_KeepsActivations, "activations-kept"),
    ],
)
def test_memory_shows_in_steps_alone(make: type[_Net], cause: str) -> None:
    declared = network(make, gradients=None, loss=None)
    assert causes(ask(declared, side_effects.examine)) == [cause]


def test_gradients_that_are_meant_to_add_up_are_a_convention() -> None:
    for make, step in ((_AccumulatesAsMeant, None), (_AccumulatesBetweenSteps, "step")):
        verdicts = ask(network(make, step=step), side_effects.examine)
        assert not causes(verdicts)
        assert "gradient-accumulated" in [verdict.cause for verdict in verdicts]
    assert causes(ask(network(_AccumulatesAsMeant), side_effects.examine))


class _Momentum(_Net):
    def __init__(self) -> None:
        super().__init__()
        self.v = [np.zeros_like(p) for p in self.w + self.b]

    def step(self, x: Array, y: Array, lr: float) -> None:
        for p, v, g in zip(self.w + self.b, self.v, self.gradients(x, y), strict=True):
            v *= 0.9
            v += g
            p -= lr * v


class _Updates(_Net):
    def gradients(self, x: Array, y: Array) -> list[Array]:
        grads = super().gradients(x, y)
        for p, g in zip(self.w + self.b, grads, strict=True):
            p -= 0.1 * g
        return grads


class _Buffers(_Net):
    out = np.zeros((0, 0))

    def forward(self, x: Array) -> Array:
        p = super().forward(x)
        if self.out.shape != p.shape:
            self.out = np.empty_like(p)
        self.out[...] = p
        return self.out


class _Noisy(_Net):
    def gradients(self, x: Array, y: Array) -> list[Array]:
        noise = np.random.randn()  # noqa: NPY002
        return [g * (1 + 0.1 * noise) for g in super().gradients(x, y)]


class _Drops(_Net):
    def forward(self, x: Array) -> Array:
        return super().forward(x * (np.random.rand(*x.shape) > 0.3))  # noqa: NPY002


class _BatchNormalized(_Net):
    def forward(self, x: Array) -> Array:
        return super().forward((x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-5))


@pytest.mark.parametrize(
    ("make", "status"),
    [
        (_Net, EQUAL),
        (variant(activation=sigmoid), EQUAL),
        (_Momentum, EQUAL),
        (_Updates, CONVENTION),
        (_Buffers, CONVENTION),
        (_BatchNormalized, CONVENTION),
        (_Noisy, UNCHECKED),
        (_Drops, UNCHECKED),
        (_LooksAhead, CONVENTION),
    ],
)
def test_conventions_are_no_side_effects(make: type[_Net], status: str) -> None:
    verdicts = ask(network(make), side_effects.examine)
    assert {verdict.status for verdict in verdicts} == {status}, verdicts


def test_what_is_random_is_told_so_and_nothing_else() -> None:
    for make, what in ((_Drops, "outputs"), (_Noisy, "gradients")):
        verdict = only(ask(network(make, step=None), side_effects.examine))
        assert f"other {what}" in verdict.message
        assert "random, by dropout or noise" in verdict.message


class _Shuffles(_Net):
    """A step updates after every sample, in a random order."""

    def step(self, x: Array, y: Array, lr: float) -> None:
        for n in np.random.permutation(len(x)):  # noqa: NPY002
            super().step(x[n : n + 1], y[n : n + 1], lr)


def test_a_random_order_is_not_called_dropout() -> None:
    verdict = only(ask(network(_Shuffles, gradients=None), side_effects.examine))
    assert verdict.status == UNCHECKED
    assert "random order" in verdict.message


class _DrawsBeside(_Net):
    def __init__(self) -> None:
        super().__init__()
        self.beside = np.random.randn(12)  # noqa: NPY002

    def forward(self, x: Array) -> Array:
        return super().forward(x + self.beside)


def test_what_is_drawn_beside_the_parameters_is_not_called_dropout() -> None:
    verdict = only(ask(network(_DrawsBeside), side_effects.examine))
    assert verdict.status == UNCHECKED
    assert "drawn anew" in verdict.message


def test_an_output_that_training_moves_beside_the_parameters_is_told() -> None:
    verdict = only(ask(network(_LooksAhead), side_effects.examine))
    assert (verdict.status, verdict.tensor) == (CONVENTION, "output")
    assert "velocity" in verdict.message


def test_gradients_that_update_are_told() -> None:
    verdict = only(ask(network(_Updates), side_effects.examine))
    assert verdict.cause == "gradient-updates"


def test_momentum_in_steps_alone_is_no_side_effect() -> None:
    verdicts = ask(network(_Momentum, gradients=None), side_effects.examine)
    assert only(verdicts).status == EQUAL


def test_what_cannot_be_asked_is_not_checked() -> None:
    declared = network(gradients=lambda net, x, y: net.nothing(x, y), step=None)
    assert not causes(ask(declared, side_effects.examine))


def one_at_a_time(base: type[_Net]) -> type[_Net]:
    class Net(base):  # type: ignore[misc,valid-type]
        def gradients(self, x: Array, y: Array) -> list[Array]:
            if len(x) > 1:
                raise ValueError("non-broadcastable output operand")
            return super().gradients(x, y)

    return Net


def test_networks_whose_gradients_refuse_batches_are_asked_with_one_sample() -> None:
    for base, wanted in ((_Net, []), (_Accumulates, ["gradient-accumulated"])):
        declared = network(one_at_a_time(base), step=None)
        assert causes(ask(declared, side_effects.examine)) == wanted
    declared = network(one_at_a_time(_Unfused), step=None)
    assert causes(ask(declared, stability.examine)) == ["gradient-divides-by-zero"]


def test_gradients_that_are_refused_are_not_said_to_be_asked() -> None:
    declared = network(gradients=lambda net, x, y: net.nothing(x, y), step=None)
    verdict = only(ask(declared, side_effects.examine))
    assert verdict.status == EQUAL
    assert "not asked" in verdict.message


class _Samples:
    """One sample at a time, in columns."""

    def __init__(self) -> None:
        self.w = [he(9, 12), he(10, 9)]
        self.b = [np.zeros((9, 1)), np.zeros((10, 1))]

    def forward(self, x: Array) -> Array:
        self.a = sigmoid(self.w[0] @ x + self.b[0])
        return sigmoid(self.w[1] @ self.a + self.b[1])

    def gradients(self, x: Array, y: Array) -> list[Array]:
        d = self.forward(x) - y
        e = (self.w[1].T @ d) * self.a * (1 - self.a)
        return [e @ x.T, d @ self.a.T, e, d]


def test_single_samples_are_not_blamed() -> None:
    declared = Network(
        _Samples, lambda net: net.w + net.b, "forward", lambda n, x, y: n.gradients(x, y),
        batch="column",
    )  # fmt: skip
    for examine in (side_effects.examine, stability.examine, initialization.examine):
        assert not causes(ask(declared, examine))


# Gradient


class _Smoothed(_Net):
    """Labels are mixed with 1 / classes, in the loss and in the gradient."""

    keep = 0.9

    def mixed(self, y: Array, keep: float) -> Array:
        return keep * y + (1 - keep) / y.shape[1]

    def loss(self, x: Array, y: Array) -> float:
        return float(-np.mean(np.sum(self.mixed(y, 0.9) * np.log(self.forward(x)), axis=1)))

    def gradients(self, x: Array, y: Array) -> list[Array]:
        return super().gradients(x, self.mixed(y, self.keep))


class _SmoothedLess(_Smoothed):
    keep = 0.8


def test_a_gradient_of_a_loss_that_is_not_known_is_held_to_its_slopes() -> None:
    for make, status in ((_Smoothed, EQUAL), (_SmoothedLess, DIFFERS)):
        verdicts = ask(network(make), gradient.examine)
        assert {verdict.status for verdict in verdicts} == {status}, verdicts


def test_a_gradient_that_drops_units_is_not_judged() -> None:
    def dropped(net: Any, x: Array, y: Array) -> list[Array]:
        mask = np.random.rand(*x.shape) > 0.5  # noqa: NPY002
        return list(net.gradients(x * mask, y))

    verdict = only(ask(network(gradients=dropped), gradient.examine))
    assert (verdict.status, verdict.cause) == (UNCHECKED, None)
    assert "another one each time" in verdict.message


def _fixed(factor: float) -> Callable[..., None]:
    """Return a step that takes no learning rate."""

    def step(net: Any, x: Array, y: Array, _lr: float) -> None:
        for parameter, one in zip(net.w + net.b, net.gradients(x, y), strict=True):
            parameter -= factor * one

    return step


def test_a_learning_rate_that_nobody_can_set_is_no_factor_of_the_gradient() -> None:
    verdict = only(ask(network(gradients=None, step=_fixed(0.05)), gradient.examine))
    assert (verdict.status, verdict.cause) == (CONVENTION, None)
    assert causes(ask(network(gradients=None, step=_fixed(-0.05)), gradient.examine)) == ["sign"]
    given = network(gradients=None, step=_fixed(0.05), lr=0.1)
    assert causes(ask(given, gradient.examine)) == ["factor-two"]


def test_biases_that_go_up_are_not_said_to_be_averaged() -> None:
    def turned(net: Any, x: Array, y: Array) -> list[Array]:
        found = net.gradients(x, y)
        return [*found[:3], *(-one for one in found[3:])]

    assert causes(ask(network(gradients=turned), gradient.examine)) == ["sign"]


# Data


def by_largest_label(labels: Array) -> Array:
    return np.eye(labels.max() + 1)[labels]


def by_labels_present(labels: Array) -> Array:
    return (labels[:, np.newaxis] == np.unique(labels)).astype(float)


@pytest.mark.parametrize(
    ("one_hot", "status", "cause"),
    [
        (by_largest_label, DIFFERS, "one-hot-by-largest-label"),
        (by_labels_present, DIFFERS, "one-hot-by-labels-present"),
        (lambda labels: np.eye(10)[labels - 1], DIFFERS, "one-hot-shifted"),
        (lambda labels: np.eye(10)[9 - labels], DIFFERS, "one-hot-wrong"),
        (lambda labels: np.eye(10)[labels].T, CONVENTION, None),
        (lambda labels: np.eye(10)[labels], EQUAL, None),
        (lambda labels: np.eye(10)[labels.reshape(-1)][:, :, np.newaxis], EQUAL, None),
        (lambda labels: np.where(np.eye(10)[labels] > 0, 0.99, 0.01), EQUAL, None),
        (lambda labels: labels.nothing, UNCHECKED, None),
    ],
)
def test_one_hot_labels(one_hot: Any, status: str, cause: str | None) -> None:
    verdict = only(ask(network(one_hot=one_hot), data.examine))
    assert (verdict.status, verdict.cause) == (status, cause), verdict


def test_a_label_that_is_no_class_is_told() -> None:
    def compared(labels: Array) -> Array:
        return (labels[:, np.newaxis] == np.arange(10)).astype(float)

    verdict = only(ask(network(one_hot=compared), data.examine))
    assert verdict.status == EQUAL
    assert "without an error" in verdict.message


Pairs = Iterator[tuple[Array, Array]]


def right(x: Array, y: Array, size: int) -> Pairs:
    order = np.random.permutation(len(x))  # noqa: NPY002
    for start in range(0, len(x), size):
        yield x[order[start : start + size]], y[order[start : start + size]]


def in_order(x: Array, y: Array, size: int) -> Pairs:
    for start in range(0, len(x), size):
        yield x[start : start + size], y[start : start + size]


def overlapping(x: Array, y: Array, size: int) -> Pairs:
    for start in range(len(x) // size):
        yield x[start : start + size], y[start : start + size]


def overlapping_by_one(x: Array, y: Array, size: int) -> Pairs:
    for start in range(0, len(x), size - 1):
        yield x[start : start + size], y[start : start + size]


def one_less(x: Array, y: Array, size: int) -> Pairs:
    for start in range(0, len(x), size):
        yield x[start : start + size - 1], y[start : start + size - 1]


def without_the_last_batch(x: Array, y: Array, size: int) -> Pairs:
    for start in range(0, len(x) - size, size):
        yield x[start : start + size], y[start : start + size]


def without_the_last_sample(x: Array, y: Array, size: int) -> Pairs:
    yield from in_order(x[:-1], y[:-1], size)


def drop_last(x: Array, y: Array, size: int) -> Pairs:
    for n in range(len(x) // size):
        yield x[n * size : (n + 1) * size], y[n * size : (n + 1) * size]


def shuffled_apart(x: Array, y: Array, size: int) -> Pairs:
    np.random.shuffle(x)  # noqa: NPY002
    np.random.shuffle(y)  # noqa: NPY002
    yield from in_order(x, y, size)


def out_of_step(x: Array, y: Array, size: int) -> Pairs:
    yield from in_order(x, np.roll(y, 1, axis=0), size)


def with_replacement(x: Array, y: Array, size: int) -> Pairs:
    for _ in range(len(x) // size):
        chosen = np.random.choice(len(x), size)  # noqa: NPY002
        yield x[chosen], y[chosen]


def filled_up(x: Array, y: Array, size: int) -> Pairs:
    for start in range(0, len(x), size):
        chosen = np.arange(start, start + size) % len(x)
        yield x[chosen], y[chosen]


def whole_only(x: Array, y: Array, size: int) -> Pairs:
    return zip(x.reshape(-1, size, x.shape[1]), y.reshape(-1, size, y.shape[1]), strict=True)


def two_lists(x: Array, y: Array, size: int) -> Any:
    xs, ys = zip(*in_order(x, y, size), strict=True)
    return list(xs), list(ys)


def scaling(x: Array, y: Array, size: int) -> Pairs:
    yield from in_order(x / 255, y, size)


BATCHES: list[tuple[Any, str, str | None]] = [
    (overlapping, DIFFERS, "batches-overlap"),
    (overlapping_by_one, DIFFERS, "batches-overlap"),
    (one_less, DIFFERS, "batches-drop-samples"),
    (without_the_last_batch, DIFFERS, "batches-drop-samples"),
    (without_the_last_sample, DIFFERS, "batches-drop-samples"),
    (shuffled_apart, DIFFERS, "shuffled-apart"),
    (out_of_step, DIFFERS, None),
    (drop_last, CONVENTION, "batches-drop-samples"),
    (with_replacement, CONVENTION, None),
    (filled_up, CONVENTION, None),
    (whole_only, CONVENTION, None),
    (right, EQUAL, None),
    (in_order, EQUAL, None),
    (two_lists, EQUAL, None),
    (scaling, UNCHECKED, None),
    (lambda x, y, size: [(x, y)], UNCHECKED, None),  # noqa: ARG005
    (lambda x, y, size: x.nothing, UNCHECKED, None),  # noqa: ARG005
]


@pytest.mark.parametrize(("batches", "status", "cause"), BATCHES)
def test_batches(batches: Any, status: str, cause: str | None) -> None:
    for seed in range(3):
        verdict = only(ask(network(batches=batches), data.examine, seed))
        assert (verdict.status, verdict.cause) == (status, cause), verdict


@pytest.mark.parametrize("labels", ["integers", "integer_column", "one_hot", "soft"])
@pytest.mark.parametrize("sizes", [SIZES, (5, 4, 1), (20, 5)])
def test_batches_in_all_layouts(labels: str, sizes: tuple[int, ...]) -> None:
    make = variant(sizes=sizes)
    for batches, cause in ((right, None), (shuffled_apart, "shuffled-apart")):
        verdict = only(ask(network(make, batches=batches, labels=labels), data.examine))
        assert verdict.cause == cause, verdict


@pytest.mark.parametrize("labels", ["integer_column", "one_hot"])
def test_batches_in_columns(labels: str) -> None:
    def columns(x: Array, y: Array, size: int) -> Pairs:
        order = np.random.permutation(x.shape[1])  # noqa: NPY002
        for start in range(0, len(order), size):
            yield x[:, order[start : start + size]], y[:, order[start : start + size]]

    declared = network(lambda: _turned(), weights="out_in", batch="columns", labels=labels)
    assert only(ask(replace(declared, batches=columns), data.examine)).status == EQUAL


def _turned() -> Any:
    net = _Net()
    net.w = [w.T.copy() for w in net.w]
    net.b = [b.T.copy() for b in net.b]
    return net


def test_nothing_is_asked_where_nothing_is_declared() -> None:
    assert ask(network(), data.examine) == []


def test_every_cause_is_planted() -> None:
    tested = {*(cause for _, _, cause in INITIAL), *(cause for _, _, cause in BATCHES)}
    with Path(__file__).open(encoding="utf-8") as text:
        source = text.read()
    missing = [
        cause for cause in ASPECT_CAUSES if cause not in tested and f'"{cause}"' not in source
    ]
    assert not missing
