"""Tests of the sums that bias gradients are held against."""

from dataclasses import replace

import numpy as np
import pytest

from parity_tests.kit.backprop.asked import Asked
from parity_tests.kit.backprop.bias_sums import matching_sums
from parity_tests.kit.backprop.biases import of_bias
from parity_tests.kit.backprop.findings import Finding
from parity_tests.kit.candidates.candidate import Candidate
from parity_tests.kit.subject.subject import Layer

RNG = np.random.default_rng(5)
DELTA = Candidate(RNG.standard_normal((7, 3)), "p - y")
OTHERS = [Candidate(RNG.standard_normal((7, 3)), f"d{number}") for number in range(4)]
# What is done to (samples, units), and the name of it.
SUMS = {
    "right": (lambda d: d.sum(axis=0), ()),
    "one number": (lambda d: np.full(3, d.sum()), ("bias-collapsed",)),
    "samples": (lambda d: d, ("bias-not-summed",)),
    "columns": (lambda d: d.T, ("bias-not-summed",)),
    "first": (lambda d: d[0], ("bias-of-one-sample",)),
    "last": (lambda d: d[-1], ("bias-of-one-sample",)),
    "units": (lambda d: d.sum(axis=1), ("bias-wrong-axis",)),
    "spread": (lambda d: np.repeat(d.sum(axis=1)[:, None], 3, axis=1), ("bias-wrong-axis",)),
}


@pytest.mark.parametrize("name", SUMS)
def test_each_sum_is_found_among_others(name: str) -> None:
    of, causes = SUMS[name]
    found = list(matching_sums(of(DELTA.value) / 7, [*OTHERS, DELTA], 1e-9))
    # One number is a multiple of any other.
    assert len(found) == 1 or name == "one number"
    match = found[-1]
    assert match.delta is DELTA
    assert match.causes == causes
    assert match.factor == pytest.approx(1 / 7)


def test_what_is_no_sum_is_not_found() -> None:
    assert not list(matching_sums(RNG.standard_normal(3), [DELTA, *OTHERS], 1e-9))
    assert not list(matching_sums(DELTA.value[1], [DELTA, *OTHERS], 1e-9))
    assert not list(matching_sums(DELTA.value.sum(axis=0), [], 1e-9))


def test_the_first_of_equals_comes_first() -> None:
    again = replace(DELTA, text="y - p", value=-DELTA.value)
    found = list(matching_sums(DELTA.value.sum(axis=0), [again, DELTA], 1e-9))
    assert [match.text for match in found] == [
        "sum of y - p over the samples",
        "sum of p - y over the samples",
    ]
    assert [match.factor for match in found] == pytest.approx([-1, 1])


def test_a_bias_after_the_function_has_the_gradient_of_the_output() -> None:
    outside = replace(DELTA, upstream=RNG.standard_normal((7, 3)))
    (right,) = matching_sums(outside.upstream.sum(axis=0), [outside], 1e-9)
    assert (right.causes, right.text) == (
        (),
        "sum of the gradient of the layer's output over the samples",
    )
    (wrong,) = matching_sums(DELTA.value.sum(axis=0), [outside], 1e-9)
    assert wrong.causes == ("bias-outside-activation",)


def test_half_precision_is_summed_in_it_where_the_gradient_has_it() -> None:
    half = replace(DELTA, causes=("half-precision",))
    total = half.value.astype(np.float16).sum(axis=0).astype(np.float64)
    (match,) = matching_sums(total, [half], 1e-9)
    assert match.causes == ("half-precision",)
    assert not list(matching_sums(total, [DELTA], 1e-9))


@pytest.mark.parametrize(("signs", "cause"), [((1, -1, 0), ()), ((1, 1, 0), ("not-updated",))])
def test_a_bias_without_a_gradient_is_right_where_the_sum_is_zero(
    signs: tuple[int, ...], cause: tuple[str, ...]
) -> None:
    own = Layer(np.ones((1, 2)), np.ones(1))
    delta = Candidate(np.array([signs], float).T, "sign(p - y)")
    asked = Asked(0, replace(own, bias=np.zeros(1)), own, [], 1e-9)
    finding = of_bias(asked, [delta], delta, Finding("W1", (), True, 1.0, 0.0, ""))
    assert (finding.known, finding.causes) == (True, cause)
