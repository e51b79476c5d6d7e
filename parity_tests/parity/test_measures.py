"""The measures themselves: they must see what is there, and only that."""

import math
from functools import partial
from typing import Any

import numpy as np
import pytest

import numpy_impl as ours
from parity_tests.checks.check import FLOAT64
from parity_tests.checks.layers import CASES, check_special_values
from parity_tests.differences import central_difference, complex_step
from parity_tests.inputs import LAYOUTS, gradient_sequence, mixed
from parity_tests.measures import (
    Comparison,
    compare_float32,
    compare_float64,
    require,
    scaled_error,
)

EPS = float(np.finfo(np.float32).eps)
ONE = np.ones(3)


def test_error_in_units_of_eps_times_the_condition() -> None:
    actual = np.array([1.0, 2.0 + 4 * EPS, -3.0])
    truth = np.array([1.0, 2.0, -3.0])
    assert scaled_error(actual, truth, ONE, np.float32) == pytest.approx(4.0)
    assert scaled_error(actual, truth, 8 * ONE, np.float32) == pytest.approx(0.5)
    assert scaled_error(truth, truth, ONE, np.float32) == 0.0


@pytest.mark.parametrize(
    ("actual", "truth", "condition", "error"),
    [
        ([np.nan], [np.nan], [1.0], 0.0),
        ([np.nan], [1.0], [1.0], math.inf),
        ([1.0], [np.nan], [1.0], math.inf),
        ([np.inf], [np.inf], [np.inf], 0.0),
        ([np.inf], [-np.inf], [np.inf], math.inf),
        ([np.inf], [1.0], [1.0], math.inf),
        ([1e-30], [0.0], [0.0], math.inf),
        ([0.0], [-0.0], [0.0], 0.0),
        ([1.0, 1.0], [1.0], [1.0], math.inf),
        ([], [], [], 0.0),
    ],
)
def test_special_values(
    actual: list[float], truth: list[float], condition: list[float], error: float
) -> None:
    arrays = (np.array(actual), np.array(truth), np.array(condition))
    assert scaled_error(*arrays, np.float32) == error


def test_float64_is_held_to_two_sums() -> None:
    eps = float(np.finfo(np.float64).eps)
    within = compare_float64("t", ONE + 10 * eps, ONE, ONE, terms=4)
    beyond = compare_float64("t", ONE + 12 * eps, ONE, ONE, terms=4)
    assert (within.passed, beyond.passed) == (True, False)


def test_float32_is_judged_by_pytorch() -> None:
    theirs = ONE + 3 * EPS
    within = compare_float32("t", ONE + 7 * EPS, theirs, ONE, ONE)
    beyond = compare_float32("t", ONE + 8 * EPS, theirs, ONE, ONE)
    assert (within.passed, beyond.passed) == (True, False)


def test_every_tensor_is_reported() -> None:
    good, bad = Comparison("a", 1.0, 1.0, 3.0), Comparison("b", 4.0, None, 3.0)
    require([good])
    with pytest.raises(AssertionError, match=r"(?s)ok +a: NumPy 1, PyTorch 1.*OVER +b: NumPy 4"):
        require([good, bad])
    with pytest.raises(AssertionError, match="nothing was compared"):
        require([])


def test_a_slope_that_cancels_above_other_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    # One unit is on in every row, so that what a normalization hands down to it cancels: PyTorch's
    # gradient is as far from the truth as ours. Of a draw that has this among its small inputs.
    case = next(case for case in CASES if case.operation is ours.Residual)
    make = partial(case.make, "inside")
    require(list(check_special_values(case, make, FLOAT64, seed=4206)))

    def smaller(self: ours.Linear, *args: Any, **kwargs: Any) -> None:
        backward_into(self, *args, **kwargs)
        self.weight.grad *= 1 - 1e-4

    backward_into = ours.Linear.backward_into
    monkeypatch.setattr(ours.Linear, "backward_into", smaller)
    with pytest.raises(AssertionError, match=r"OVER +0.0.weight.grad"):
        require(list(check_special_values(case, make, FLOAT64, seed=4206))[5:])


def test_complex_step_is_exact() -> None:
    x = np.array([0.3, -1.7, 2.0])
    gradient = complex_step(lambda z: (np.exp(z) * np.sin(z)).sum(), x)
    np.testing.assert_allclose(gradient, np.exp(x) * (np.sin(x) + np.cos(x)), rtol=1e-15)


def test_central_difference_knows_its_kinks() -> None:
    x = np.array([1.0, -1.0, 0.5e-4, 0.0])
    gradient, smooth = central_difference(lambda z: float(np.abs(z).sum()), x)
    assert smooth.tolist() == [True, True, False, False]
    np.testing.assert_allclose(gradient[:2], [1, -1], atol=1e-10)
    # A kink that is small next to everything else is one.
    _, smooth = central_difference(lambda z: float((z**2).sum() + 1e-4 * np.abs(z).sum()), x)
    assert smooth.tolist() == [True, True, False, False]
    cubes, smooth = central_difference(lambda z: float((z**3).sum()), x)
    assert smooth.all()
    np.testing.assert_allclose(cubes, 3 * x**2, atol=1e-9)
    # No kink, but the curvature jumps at zero.
    _, smooth = central_difference(lambda z: float((np.maximum(z, 0) ** 2).sum()), x)
    assert smooth.tolist() == [True, True, False, False]


def test_inputs_hold_what_they_promise() -> None:
    rng = np.random.default_rng(0)
    x = mixed(rng, (50, 50))
    assert (x > 0).any()
    assert (x < 0).any()
    assert ((x == 0) & np.signbit(x)).any()
    assert ((x == 0) & ~np.signbit(x)).any()
    assert (np.abs(x[x != 0]) < 1e-5).any()
    assert (np.abs(x) > 100).any()
    for layout in LAYOUTS.values():
        np.testing.assert_array_equal(layout(x), x)
    gradients = np.abs(gradient_sequence(rng, 10, 300, np.dtype(np.float64)))
    for k, size in enumerate((1.0, 1e-4, 1e-7)):
        assert gradients[0, k::3].mean() == pytest.approx(0.8 * size, rel=0.2)
    assert (gradients[5:, ::5] == 0).all()
