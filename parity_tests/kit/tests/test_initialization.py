"""Wrong beginnings are named, and what is right or meant is not blamed."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

from numpy_impl import InputError
from parity_tests.kit.aspects.initialization import aspect as initialization
from parity_tests.kit.causes.aspects import ASPECT_CAUSES
from parity_tests.kit.initialization import Drawn, mistakes, scheme
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.spec import Spec
from parity_tests.kit.subject.subject import Subject
from parity_tests.kit.tests.asked import (
    SIZES,
    Array,
    Classifier,
    Draw,
    ask,
    he,
    network,
    normal,
    only,
    relu,
    sigmoid,
    softmax,
    uniform,
    variant,
)
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, UNCHECKED


@cache
def _stored(seed: int, n: int, m: int) -> Array:
    return np.random.default_rng(seed).standard_normal((n, m))


def _kept(seed: int, n: int, m: int) -> Array:
    """Return weights that are no draw of the network's, as those of a file."""
    return _stored(seed, n, m).copy()


def ones(fan_in: int, fan_out: int) -> Array:
    return np.full((fan_in, fan_out), 0.1)


INITIAL: list[tuple[Draw, str | None, str]] = [
    (normal(lambda n, _: 1 / np.sqrt(2 / n)), None, "initialization-scale-inverted"),
    (normal(lambda n, _: np.sqrt(n)), None, "initialization-scale-inverted"),
    (normal(lambda n, _: 1 / np.sqrt(2 / n)), "he_normal", "initialization-scale-inverted"),
    (uniform(lambda n, _: np.sqrt(n)), None, "initialization-scale-inverted"),
    (uniform(lambda n, m: np.sqrt((n + m) / 6)), None, "initialization-scale-inverted"),
    (uniform(lambda n, _: np.sqrt(n / 6)), "he_uniform", "initialization-scale-inverted"),
    (normal(lambda n, _: np.sqrt(2 * n)), None, "initialization-fan-multiplied"),
    (normal(lambda n, m: np.sqrt(2 * (n + m))), None, "initialization-fan-multiplied"),
    (uniform(lambda n, _: np.sqrt(6 * n)), "he", "initialization-fan-multiplied"),
    (normal(lambda n, _: np.sqrt(2) / n), "he", "initialization-root-of-number"),
    (uniform(lambda n, m: np.sqrt(6) / (n + m)), "xavier", "initialization-root-of-number"),
    (normal(lambda _, m: np.sqrt(2 / m)), "he", "initialization-fans-swapped"),
    (normal(lambda n, _: np.sqrt(2) / n), None, "initialization-root-of-number"),
    (normal(lambda n, _: 2 / n), "he", "initialization-root-missing"),
    (normal(lambda n, _: 2 / n), None, "initialization-root-missing"),
    (normal(lambda n, m: 2 / (n + m)), None, "initialization-root-missing"),
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
    (normal(lambda n, m: np.sqrt(2.45 / (n + m))), "xavier", "initialization-scaled"),
    (uniform(lambda n, _: np.sqrt(8 / n)), "he", "initialization-scaled"),
    (lambda n, m: np.zeros((n, m)), None, "initialization-zeros"),
    (ones, None, "initialization-alike"),
    # Before a softmax one number for each input is none at all.
    (lambda n, m: he(n, 1) + np.zeros(m), None, "initialization-alike"),
    (normal(lambda _n, _m: 50.0), None, "initialization-exploding"),
    (normal(lambda _n, _m: 1e-9), None, "initialization-vanishing"),
    (
        normal(lambda n, m: 1 / np.sqrt(n + m / 2)),
        "xavier_normal",
        "initialization-without-brackets",
    ),
    (
        uniform(lambda n, m: np.sqrt(6 / n + m)),
        "xavier_uniform",
        "initialization-without-brackets",
    ),
    (normal(lambda n, m: np.sqrt(4 / n + m)), None, "initialization-without-brackets"),
]


@pytest.mark.parametrize(("draw", "declared", "cause"), INITIAL)
def test_initialization_is_named(draw: Draw, declared: str | None, cause: str) -> None:
    subject = network(variant(draw=draw), spec=Spec(initialization=declared))
    verdict = only(ask(subject, initialization.examine))
    assert (verdict.status, verdict.cause) == (DIFFERS, cause), verdict


def test_layers_may_have_schemes_of_their_own() -> None:
    def draw(n: int, m: int) -> Array:
        return np.random.randn(n, m) * np.sqrt((1 if m == SIZES[-1] else 2) / n)  # noqa: NPY002

    def judged(*names: str) -> Any:
        declared = network(variant(draw=draw), spec=Spec(initialization=names))
        return ask(declared, initialization.examine)

    assert [v.status for v in judged("he_normal", "he_normal", "lecun_normal")] == [EQUAL, EQUAL]
    first, last = judged("he_normal", "lecun_normal", "lecun_normal")
    assert (first.status, last.status, last.tensor) == (EQUAL, DIFFERS, "W2")
    assert only(judged("he_normal", "he_normal")).status == UNCHECKED


@pytest.mark.parametrize(
    ("wrong", "std", "cause"),
    [
        (12, lambda _, m: np.sqrt(2 / m), "initialization-fans-swapped"),
        (8, lambda n, _: 2 / n, "initialization-root-missing"),
        (9, lambda n, _: np.sqrt(1 / n), "initialization-another-scheme"),
        # Round numbers, and those that nothing explains.
        (12, lambda _n, _m: 0.6, None),
        (9, lambda _n, _m: 0.77, None),
    ],
)
def test_mistake_in_one_matrix_is_named(wrong: int, std: Any, cause: str | None) -> None:
    def draw(n: int, m: int) -> Array:
        return normal(std)(n, m) if n == wrong else he(n, m)

    declared = network(variant(draw=draw, sizes=SIZES), spec=Spec(initialization="he_normal"))
    verdict = only(ask(declared, initialization.examine))
    name = f"W{SIZES.index(wrong) + 1}"
    assert (verdict.status, verdict.cause, verdict.tensor) == (DIFFERS, cause, name), verdict
    assert ("are right" in verdict.message) == (cause is not None)


def test_weights_of_one_sign_are_named_behind_many_inputs() -> None:
    def draw(n: int, m: int) -> Array:
        return np.random.rand(n, m)  # noqa: NPY002

    verdict = only(ask(network(variant(draw=draw, sizes=(64, 9, 10))), initialization.examine))
    assert verdict.cause == "initialization-one-signed"
    few = only(ask(network(variant(draw=draw, sizes=(2, 3, 4))), initialization.examine))
    assert few.status == CONVENTION


@pytest.mark.parametrize(
    ("first", "others", "cause"),
    [
        # The others are of a scheme, be it another one.
        (lambda n: 1 / np.sqrt(2 / n), lambda n: 1 / np.sqrt(n), "initialization-scale-inverted"),
        (lambda n: 1 / np.sqrt(2 / n), lambda n: np.sqrt(2 / n), "initialization-scale-inverted"),
        (lambda n: np.sqrt(2 / n), lambda n: 1 / np.sqrt(n), None),
        # By the widths of another layer, as where one number is taken for all.
        (lambda n: 1 / np.sqrt(1 / n), lambda _: 1 / np.sqrt(12), "initialization-scale-inverted"),
        # They are of none, and no second matrix tells that it is no number by chance.
        (lambda n: 1 / np.sqrt(2 / n), lambda n: 0.77 / np.sqrt(n), None),
    ],
)
def test_one_matrix_of_an_inverted_scale_is_named_beside_a_scheme(
    first: Callable[[int], float], others: Callable[[int], float], cause: str | None
) -> None:
    def draw(n: int, m: int) -> Array:
        return normal(lambda n, _: first(n) if n == SIZES[0] else others(n))(n, m)

    verdict = only(ask(network(variant(draw=draw)), initialization.examine))
    assert verdict.cause == cause, verdict
    assert verdict.tensor == ("W1" if cause else None)


_SQUARED = normal(lambda n, _: 2 / n if n == 9 else np.sqrt(2 / n))
_UNDIVIDED = normal(lambda n, _: np.sqrt(2) if n == 9 else np.sqrt(2 / n))


@pytest.mark.parametrize(
    ("draw", "cause"),
    [
        (_SQUARED, "initialization-root-missing"),
        (_UNDIVIDED, "initialization-fan-missing"),
        (normal(lambda n, _: 2 / n if n == 9 else 1 / np.sqrt(n)), None),
        (normal(lambda n, _: 1 / n if n == 9 else 1 / np.sqrt(n)), "initialization-root-missing"),
        (normal(lambda n, m: 1 / n if m == 10 else 1 / np.sqrt(n)), None),
        (normal(lambda n, _: 1.0 if n == 9 else 1 / np.sqrt(n)), None),
        (uniform(lambda n, _: 1 / n if n == 9 else 1 / np.sqrt(n)), None),
        (uniform(lambda n, _: np.sqrt(6) if n == 9 else np.sqrt(6 / n)), None),
    ],
)
def test_one_matrix_beside_others_of_a_scheme(draw: Draw, cause: str | None) -> None:
    verdict = only(ask(network(variant(draw=draw)), initialization.examine))
    assert (verdict.cause, verdict.tensor) == (cause, "W2" if cause else None), verdict


def test_a_number_of_one_digit_is_meant_in_one_matrix() -> None:
    # It is 1 / sqrt(2 / 18), too.
    draw = normal(lambda n, _: 3.0 if n == 18 else np.sqrt(2 / n))
    verdict = only(ask(network(variant(draw=draw, sizes=(18, 9, 10))), initialization.examine))
    assert verdict.cause is None, verdict


@pytest.mark.parametrize(
    ("sizes", "is_named"),
    [
        ((12, 9, 8, 10), True),
        # Two of one size tell no more than one.
        ((8, 8, 8, 10), False),
    ],
)
def test_widths_multiplied_with_in_two_matrices_are_named_beside_any_other(
    sizes: tuple[int, ...], is_named: bool
) -> None:
    def bound(n: int, m: int) -> float:
        return float(np.sqrt(6 * (n + m)) if m != sizes[-1] else np.sqrt(2 / n))

    verdict = only(ask(network(variant(draw=uniform(bound), sizes=sizes)), initialization.examine))
    assert (verdict.cause == "initialization-fan-multiplied") == is_named, verdict


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
        (normal(lambda n, _: 1 / n), None, CONVENTION),
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
    draw = normal(lambda n, m: 0.6 * n / m)
    subject = network(variant(draw=draw), spec=Spec(initialization="he"))
    verdict = only(ask(subject, initialization.examine))
    assert (verdict.status, verdict.cause) == (DIFFERS, None)
    assert verdict.factor == pytest.approx(0.8 / np.sqrt(2 / 12), rel=0.05)


def test_a_mistake_has_to_explain_all_matrices_that_deviate() -> None:
    def draw(n: int, m: int) -> Array:
        return he(n, m) * {12: 1, 9: np.sqrt(2 / n), 8: np.sqrt(n / (n + m))}[n]

    subject = network(variant(draw=draw, sizes=SIZES), spec=Spec(initialization="he"))
    verdict = only(ask(subject, initialization.examine))
    assert (verdict.status, verdict.cause, verdict.tensor) == (DIFFERS, None, "W2")


def test_a_mistake_is_not_told_from_a_round_scale() -> None:
    # sqrt(2 / 8) with the fan of the first layer, or 0.5 with none.
    make = variant(draw=normal(lambda _n, _m: 0.5), sizes=(8, 9, 12, 10))
    verdict = only(ask(network(make, spec=Spec(initialization="he")), initialization.examine))
    assert (verdict.status, verdict.cause) == (DIFFERS, None)
    assert "8 for fan_in" in verdict.message


def test_a_mistake_is_not_named_from_a_few_entries() -> None:
    def draw(n: int, m: int) -> Array:
        return _kept(5, n, m) * np.sqrt(2 / m)

    for declared in ("he", None):
        subject = network(variant(draw=draw), spec=Spec(initialization=declared))
        verdict = ask(subject, initialization.examine)[0]
        assert verdict.cause is None
        assert verdict.status == (UNCHECKED if declared else CONVENTION)


def test_few_entries_do_not_confirm_a_scheme() -> None:
    def draw(n: int, m: int) -> Array:
        return _kept(3, n, m) * np.sqrt(2 / n)

    for name in ("he", "xavier"):
        for sizes in (SIZES, (2, 3, 2)):
            declared = network(variant(draw=draw, sizes=sizes), spec=Spec(initialization=name))
            assert ask(declared, initialization.examine)[0].status == UNCHECKED
    for sizes in (SIZES, (2, 3, 2)):
        verdict = ask(network(variant(draw=draw, sizes=sizes)), initialization.examine)[0]
        assert verdict.status == CONVENTION
        assert "He" not in verdict.message


@pytest.mark.parametrize(
    "generator",
    [
        lambda: np.random.default_rng(3),
        lambda: np.random.RandomState(np.int64(3)),
        lambda: np.random.seed(3) or np.random.mtrand._rand,  # type: ignore[attr-defined] # noqa: NPY002
        lambda: np.random.default_rng(np.random.RandomState(3)),
    ],
)
def test_constructions_that_are_seeded_are_made_with_other_seeds(generator: Any) -> None:
    def of(share: float) -> Draw:
        return lambda n, m: generator().normal(0, np.sqrt(share / n), (n, m))

    for share, status in ((2, EQUAL), (1, DIFFERS)):
        make = variant(draw=of(share), sizes=(5, 3, 2))
        given = network(make, spec=Spec(initialization="he"))
        verdict = ask(given, initialization.examine)[0]
        assert verdict.status == status
    assert np.random.seed.__name__ == "seed"


def test_constructions_that_refuse_other_seeds_are_taken_as_they_are() -> None:
    def draw(n: int, m: int) -> Array:
        rng = np.random.RandomState(3)
        assert rng.randint(1000) == 874
        return rng.randn(n, m)

    declared = network(variant(draw=draw), spec=Spec(initialization="he"))
    assert ask(declared, initialization.examine)[0].status == UNCHECKED


@pytest.mark.parametrize("scheme_name", [None, "he"])
def test_weights_of_one_sign_are_named_behind_few_inputs(scheme_name: str | None) -> None:
    def draw(n: int, m: int) -> Array:
        return -0.1 * np.random.rand(n, m)  # noqa: NPY002

    declared = network(variant(draw=draw), spec=Spec(initialization=scheme_name))
    verdict = only(ask(declared, initialization.examine))
    assert verdict.cause == "initialization-one-signed"
    assert verdict.status == (DIFFERS if scheme_name else CONVENTION)
    assert "between -0.1 and 0" in verdict.message


@pytest.mark.parametrize("inputs", [12, 8])
def test_weights_of_one_sign_are_a_fault_where_others_have_both(inputs: int) -> None:
    def draw(n: int, m: int) -> Array:
        return 0.1 * np.random.rand(n, m) if n == inputs else he(n, m)  # noqa: NPY002

    verdict = only(ask(network(variant(draw=draw)), initialization.examine))
    assert (verdict.status, verdict.cause) == (DIFFERS, "initialization-one-signed")
    assert "and the others are not" in verdict.message


def test_a_scheme_that_is_a_round_number_for_these_widths_may_be_that() -> None:
    unit = normal(lambda _n, _m: 1.0)
    verdict = only(ask(network(variant(draw=unit, sizes=(2, 2, 2))), initialization.examine))
    assert verdict.status == CONVENTION
    assert "or a fixed 1" in verdict.message
    declared = network(variant(draw=unit, sizes=(2, 3, 4)), spec=Spec(initialization="xavier"))
    verdict = only(ask(declared, initialization.examine))
    assert (verdict.status, verdict.cause) == (DIFFERS, None)
    assert "It is 1 in all" in verdict.message


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


def test_clipped_normal_weights_are_those_of_the_scheme() -> None:
    def draw(n: int, m: int) -> Array:
        return np.sqrt(2 / n) * np.clip(np.random.randn(n, m), -2, 2)  # noqa: NPY002

    for declared in ("he", None):
        spec = Spec(initialization=declared)
        verdict = only(ask(network(variant(draw=draw), spec=spec), initialization.examine))
        assert verdict.status == EQUAL
        assert "bias counted" not in verdict.message


def test_seeded_constructions_are_told_and_the_global_state_is_kept() -> None:
    def draw(n: int, m: int) -> Array:
        return np.random.default_rng(3).standard_normal((n, m)) / np.sqrt(n)

    state = np.random.get_state()  # noqa: NPY002
    verdict = ask(network(variant(draw=draw, sizes=(64, 32, 10))), initialization.examine)[0]
    assert verdict.status == EQUAL
    assert "right after one another give the same numbers" in verdict.message
    np.testing.assert_array_equal(state[1], np.random.get_state()[1])  # noqa: NPY002


def test_seeded_constructions_off_the_scheme_without_a_cause_are_not_judged() -> None:
    def draw(n: int, m: int) -> Array:
        return 3.3 * _kept(3, n, m) / np.sqrt(n)

    subject = network(variant(draw=draw, sizes=(64, 32, 10)), spec=Spec(initialization="he"))
    assert ask(subject, initialization.examine)[0].status == UNCHECKED


def test_a_network_that_is_not_made_anew_is_not_judged() -> None:
    net = Classifier()
    assert only(ask(network(lambda: net), initialization.examine)).status == UNCHECKED


def test_parameters_are_restored_after_initialization() -> None:
    declared = network()
    inquiry = Inquiry.begin(Subject(declared), declared.spec, 0)
    initialization.examine(inquiry)
    for now, then in zip(inquiry.subject.get(), inquiry.layers, strict=True):
        np.testing.assert_array_equal(now.weight, then.weight)


@pytest.mark.parametrize(
    ("activation", "value", "cause"),
    [
        (np.tanh, 0.0, None),
        (np.tanh, 0.1, None),
        (relu, 0.1, None),
        # Their slope at 0 is 0: nothing comes back to what is before them.
        (relu, 0.0, "initialization-zeros"),
    ],
)
def test_units_that_begin_alike_part_by_what_is_behind_them(
    activation: Any, value: float, cause: str | None
) -> None:
    def draw(n: int, m: int) -> Array:
        return np.full((n, m), value) if n == SIZES[0] else he(n, m)

    make = variant(draw=draw, activation=activation)
    verdict = only(ask(network(make), initialization.examine))
    assert verdict.cause == cause


@pytest.mark.parametrize(
    ("shape", "last", "text"),
    [
        (lambda n, _: (n, 1), sigmoid, "input, the same in all units"),
        (lambda _, m: (1, m), softmax, "unit, the same for all its inputs"),
    ],
)
def test_a_row_that_is_repeated_is_told(shape: Any, last: Any, text: str) -> None:
    def draw(n: int, m: int) -> Array:
        return 0.1 * np.random.randn(*shape(n, m)) + np.zeros((n, m))  # noqa: NPY002

    told = ask(network(variant(draw=draw, last=last)), initialization.examine)
    assert {verdict.status for verdict in told} == {CONVENTION}
    seen = [v.message for v in told if v.tensor == "W1"]
    assert seen == [f"W1 begins with one number for each {text}, as what is broadcast has"]


def test_layers_that_draw_the_same_numbers_are_told() -> None:
    def draw(n: int, m: int) -> Array:
        return np.random.RandomState(0).randn(n, m) * np.sqrt(2 / n)

    make = variant(draw=draw, sizes=(9, 9, 8, 10))
    spec = Spec(initialization="he_normal")
    judged, alike = ask(network(make, spec=spec), initialization.examine)
    assert judged.status == EQUAL
    assert alike.status == CONVENTION
    assert "W1, W2 and W3 begin with the same random numbers" in alike.message


def test_last_layer_of_zeros_is_allowed() -> None:
    def draw(n: int, m: int) -> Array:
        return np.zeros((n, m)) if m == SIZES[-1] else he(n, m)

    assert only(ask(network(variant(draw=draw)), initialization.examine)).status != DIFFERS


def test_unknown_scheme_is_told() -> None:
    with pytest.raises(InputError, match="initialization"):
        scheme("best")
    with pytest.raises(InputError, match="initialization"):
        scheme("normal:-1")


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


class _Blank(variant(draw=lambda n, m: np.zeros((n, m)))):  # type: ignore[misc]
    """What trains draws the weights."""

    def init_weights(self) -> None:
        self.w = [he(*w.shape) for w in self.w]


def _drawn() -> _Blank:
    net = _Blank()
    net.init_weights()
    return net


class _BlankFromTheStart(_Blank):
    def __init__(self) -> None:
        super().__init__()
        self.init_weights()

    def init_weights(self) -> None:
        self.w = [0 * w for w in self.w]


@pytest.mark.parametrize(
    ("make", "status"),
    [(_Blank, UNCHECKED), (_drawn, EQUAL), (_BlankFromTheStart, DIFFERS)],
)
def test_weights_that_a_method_draws_later_are_not_blamed(
    make: Callable[[], Any], status: str
) -> None:
    verdict = only(ask(network(make), initialization.examine))
    assert verdict.status == status
    if status == UNCHECKED:
        assert "init_weights" in verdict.message
