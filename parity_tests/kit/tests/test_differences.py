"""Claimed gradients, right and wrong, held to differences."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from numpy_impl import InputError
from parity_tests.kit.differences import examine_gradients, numeric_gradients
from parity_tests.kit.verdicts import DIFFERS, EQUAL, UNCHECKED, Verdict

Array = NDArray[Any]
X = np.random.default_rng(0).standard_normal((7, 5))


def point(seed: int = 1) -> list[Array]:
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((5, 5)), rng.standard_normal(5)]


def value(arrays: list[Array]) -> Any:
    return (np.tanh(X @ arrays[0] + arrays[1]) ** 2).sum() / len(X)


def gradient(arrays: list[Array]) -> list[Array]:
    h = np.tanh(X @ arrays[0] + arrays[1])
    delta = 2 * h * (1 - h**2) / len(X)
    return [X.T @ delta, delta.sum(axis=0)]


def real_value(arrays: list[Array]) -> float:
    return float(np.real(value([np.real(a) for a in arrays])))


def relu_value(arrays: list[Array]) -> float:
    return float(np.maximum(X @ arrays[0] + arrays[1], 0).sum())


def relu_gradient(arrays: list[Array]) -> list[Array]:
    delta = (X @ arrays[0] + arrays[1] > 0).astype(float)
    return [X.T @ delta, delta.sum(axis=0)]


def constant(_: list[Array]) -> float:
    return 3.0


@pytest.mark.parametrize(
    ("function", "claimed"),
    [
        (value, gradient),
        (real_value, gradient),
        (relu_value, relu_gradient),
        (constant, lambda arrays: [np.zeros_like(a) for a in arrays]),
    ],
    ids=["complex", "real", "kinks", "constant"],
)
@pytest.mark.parametrize("seed", range(5))
def test_right_gradients_are_equal(
    function: Callable[..., Any], claimed: Callable[..., Any], seed: int
) -> None:
    (verdict,) = examine_gradients(function, claimed, point(seed), seed)
    assert verdict.status == EQUAL, verdict.message


def test_complex_steps_are_taken_where_they_can_be() -> None:
    rng = np.random.default_rng(0)
    assert all(n is not None and n.exact for n in numeric_gradients(value, point(), rng))
    assert not any(n is None or n.exact for n in numeric_gradients(real_value, point(), rng))


def test_a_value_that_complex_numbers_lose_is_not_believed() -> None:
    def lossy(arrays: list[Array]) -> Any:
        return np.abs(arrays[0]).sum() + 0j

    numeric = numeric_gradients(lossy, [np.array([1.0, -2.0])], np.random.default_rng(0))[0]
    assert numeric is not None
    assert not numeric.exact
    assert np.allclose(numeric.values, [1, -1])


def test_entries_near_a_kink_are_left_out() -> None:
    given = [np.array([1.0, 2e-5, 0.0, -1.0])]
    numeric = numeric_gradients(
        lambda a: float(np.maximum(a[0], 0).sum()), given, np.random.default_rng(0)
    )[0]
    assert numeric is not None
    assert numeric.indices.tolist() == [0, 3]
    (verdict,) = examine_gradients(
        lambda a: float(np.abs(a[0]).sum()), lambda _: [np.zeros(2)], [np.zeros(2)]
    )
    assert verdict.status == UNCHECKED


def changed(number: int, change: Callable[[Array], Array]) -> Callable[..., Any]:
    def claimed(arrays: list[Array]) -> list[Array]:
        found = gradient(arrays)
        found[number] = change(found[number])
        return found

    return claimed


def one_entry(array: Array) -> Array:
    array[3, 1] += 1e-4
    return array


@pytest.mark.parametrize("function", [value, real_value], ids=["complex", "real"])
@pytest.mark.parametrize(
    ("claimed", "cause", "factor", "text"),
    [
        (lambda a: [7 * g for g in gradient(a)], "factor-constant", 7, "7 x the derivative on all"),
        (lambda a: [g / 5 for g in gradient(a)], "factor-constant", 0.2, "axis 0 of array 0"),
        (lambda a: [2 * g for g in gradient(a)], "factor-two", 2, "on all arrays"),
        (lambda a: [-g for g in gradient(a)], "sign", -1, "on all arrays"),
        (changed(1, lambda g: 3 * g), "factor-constant", 3, "array 1 and not on all"),
        (changed(0, lambda g: g.T), "gradient-transposed", None, "array 0"),
        (changed(1, np.zeros_like), "gradient-zero", 0, "array 1"),
        (changed(0, one_entry), None, None, "first at (3, 1)"),
        (changed(1, np.sin), None, None, "cause is unknown"),
        (changed(1, lambda g: g[:, np.newaxis] * [1, 1]), None, None, "shapes"),
    ],
)
def test_wrong_gradients_are_found(
    function: Callable[..., Any],
    claimed: Callable[..., Any],
    cause: str | None,
    factor: float | None,
    text: str,
) -> None:
    (verdict,) = examine_gradients(function, claimed, point())
    assert verdict.status == DIFFERS
    assert verdict.cause == cause, verdict.message
    assert text in verdict.message
    assert verdict.factor == (None if factor is None else pytest.approx(factor))


def test_what_cannot_be_judged_says_why() -> None:
    rng = np.random.default_rng(0)

    def status(function: Callable[..., Any]) -> Verdict:
        (verdict,) = examine_gradients(function, gradient, point())
        assert verdict.status == UNCHECKED
        return verdict

    assert "every call" in status(lambda a: value(a) + rng.random()).message
    assert "finite" in status(lambda _: np.inf).message
    assert "float32" in status(lambda a: np.float32(value(a))).message
    assert "float32" in status(lambda a: float(np.float32(value(a)))).message


def test_arguments_that_are_written_to_are_told() -> None:
    def claimed(arrays: list[Array]) -> list[Array]:
        found = gradient(arrays)
        arrays[1] -= 0.1
        return found

    verdicts = examine_gradients(value, claimed, point())
    assert [v.cause for v in verdicts if v.status == DIFFERS] == ["input-edited"]


def test_large_arrays_are_sampled() -> None:
    big = [np.random.default_rng(0).standard_normal((30, 40))]
    (verdict,) = examine_gradients(
        lambda a: (a[0] ** 2).sum() / 2, lambda a: [a[0].copy()], big, seed=3
    )
    assert verdict.status == EQUAL
    assert "100 entries; 1100 were left out" in verdict.message


@pytest.mark.parametrize("bad", [[], X, [np.arange(3)], None])
def test_the_point_is_checked(bad: Any) -> None:
    with pytest.raises(InputError, match=r"^point: "):
        examine_gradients(value, gradient, bad)


def test_the_function_is_checked() -> None:
    with pytest.raises(InputError, match=r"^function: "):
        examine_gradients(lambda a: a[0], gradient, point())
