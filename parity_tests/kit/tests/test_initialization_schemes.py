"""What is said of initial weights: schemes, their variants, and where nothing can be said."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from parity_tests.kit.aspects.initialization import aspect as initialization
from parity_tests.kit.initialization import SCHEMES, scheme, variants
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.network import Network
from parity_tests.kit.recognition import uninitialized
from parity_tests.kit.spec import Spec
from parity_tests.kit.subject.subject import Subject
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, UNCHECKED, Verdict

Std = Callable[[int, int], float]
SIZES = (64, 40, 30, 10)


def judged(make: Callable[[], Any], declared: str | None = None) -> Verdict:
    network = Network(
        make=make,
        parameters=lambda net: net,
        forward=lambda _, x: x,
        bias="none",
        spec=Spec(initialization=declared),
    )
    inquiry = Inquiry.begin(Subject(network), network.spec, 0)
    [verdict] = initialization.examine(inquiry)
    return verdict


def drawn(std: Std, kind: str, sizes: tuple[int, ...] = SIZES) -> Callable[[], Any]:
    def make() -> Any:
        rng = np.random.default_rng(np.random.randint(2**31))  # noqa: NPY002
        return [
            rng.standard_normal((n, m)) * std(n, m)
            if kind == "normal"
            else rng.uniform(-1, 1, (n, m)) * std(n, m) * np.sqrt(3)
            for n, m in pairwise(sizes)
        ]

    return make


def constant() -> Any:
    return [np.ones((n, m)) for n, m in pairwise(SIZES)]


def test_nothing_is_said_of_placeholders() -> None:
    assert judged(constant).status == DIFFERS
    verdict = judged(uninitialized(constant))
    assert verdict.status == UNCHECKED
    assert "placeholders" in verdict.message


VARIANTS: dict[str, Std] = {
    "bias counted": lambda n, m: np.sqrt(2 / (1 + n + m)),
    "gain of the sigmoid": lambda n, m: 4 * np.sqrt(2 / (n + m)),
    "gain of tanh": lambda n, m: 5 / 3 * np.sqrt(2 / (n + m)),
}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("kind", ["uniform", "normal"])
@pytest.mark.parametrize("declared", [None, "xavier", "glorot_uniform"])
def test_variants_of_xavier_are_a_convention(variant: str, kind: str, declared: str | None) -> None:
    sizes = (6, 4, 3, 2) if variant == "bias counted" else SIZES
    verdict = judged(drawn(VARIANTS[variant], kind, sizes), declared)
    assert verdict.status == CONVENTION
    assert "Xavier" in verdict.message
    assert variant.split()[-1] in verdict.message


def test_a_gain_may_be_that_of_one_activation_alone() -> None:
    def make() -> Any:
        first, *others = drawn(lambda n, m: np.sqrt(2 / (n + m)), "uniform")()
        return [5 / 3 * first, *others]

    verdict = judged(make, "glorot_uniform")
    assert verdict.status == CONVENTION
    assert "W1 alone: the standard deviation is that of 5/3 x Xavier's" in verdict.message


def test_another_gain_differs() -> None:
    verdict = judged(drawn(lambda n, m: 5 * np.sqrt(2 / (n + m)), "normal"), "xavier")
    assert verdict.status == DIFFERS
    assert len(list(variants(SCHEMES["he_normal"]))) == 1
    assert len(list(variants(scheme("glorot")))) == 3


def test_squares_that_are_the_scheme_itself_are_no_squares() -> None:
    he = drawn(lambda n, _: np.sqrt(2 / n), "normal", (2, 2, 2))
    verdict = judged(he)
    assert "root" not in verdict.message
    assert "or a fixed 1" in verdict.message
    squares = judged(drawn(lambda n, _: 1 / n, "normal"))
    assert squares.status == CONVENTION
    assert "the root may be missing" in squares.message


def test_scales_without_a_root_are_blamed_in_several_matrices_alone() -> None:
    verdict = judged(drawn(lambda n, _: np.sqrt(2) / n, "normal"))
    assert "is sqrt(2) / fan_in, the root of the number alone" in verdict.message
    # Of one matrix that says nothing, and another number is none of a scheme.
    for std, sizes in ((np.sqrt(2), (64, 40)), (2, (64, 40)), (1.3, SIZES), (2.2, SIZES)):
        other = judged(drawn(lambda n, _, own=std: own / n, "normal", sizes))
        assert other.status == CONVENTION


@pytest.mark.parametrize("kind", ["normal", "uniform"])
@pytest.mark.parametrize("number", [1.6, 0.3])
def test_scales_that_go_up_with_the_widths_by_another_number_are_not_blamed(
    number: float, kind: str
) -> None:
    verdict = judged(drawn(lambda n, _: np.sqrt(number * n) / 2, kind))
    assert verdict.cause in (None, "initialization-exploding")


def test_what_is_told_does_not_contradict_itself() -> None:
    verdict = judged(drawn(lambda _, m: np.sqrt(3 / m), "normal"), "he")
    assert verdict.status == DIFFERS
    assert "may be" not in verdict.message
    assert verdict.message.endswith("They are those of sqrt(3 / fan_out). The cause is unknown")
    # sqrt(2 / 8) with the fan of the first layer, or 0.5 with none.
    several = judged(drawn(lambda _n, _m: 0.5, "normal", (8, 9, 12, 10)), "he")
    assert several.cause is None
    assert "cause is unknown" not in several.message


@pytest.mark.parametrize("factor", [1.107, 2.3, 0.8])
def test_a_multiple_of_the_scheme_declared_is_named(factor: float) -> None:
    verdict = judged(drawn(lambda n, m: factor * np.sqrt(2 / (n + m)), "uniform"), "xavier")
    assert (verdict.status, verdict.cause) == (DIFFERS, "initialization-scaled")
    assert verdict.factor == pytest.approx(factor, rel=0.02)


def test_one_scale_is_no_multiple_of_a_scheme() -> None:
    assert judged(drawn(lambda _n, _m: 0.2, "normal"), "xavier").cause is None
