"""Gradients held to the function that they belong to, by differences and without any framework."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numpy_impl import InputError
from parity_tests.differences import central_difference, complex_step
from parity_tests.kit.causes import CAUSES
from parity_tests.kit.fitting import are_single, fit
from parity_tests.kit.subject.subject import quiet
from parity_tests.kit.verdicts import DIFFERS, EQUAL, UNCHECKED, Verdict

Array = NDArray[Any]
Function = Callable[[list[Array]], Any]

# Of each array, more are drawn at random: what is wrong is hardly ever wrong in so few entries.
_ENTRIES = 100
# The step of `central_difference`, and how far its two differences may disagree.
_STEP = 1e-4
# What arrays are multiplied by to see whether a function's values are rounded to single precision.
_STRETCHES = (1.0, 0.917, 1.093)


@dataclass(frozen=True)
class Numeric:
    """The gradient of an array in some of its entries.

    Attributes
    ----------
    indices : ndarray of int
        Positions in the flat array; those near a kink are left out.
    values : ndarray
    tolerance : float
        How far they can be from the truth.
    exact : bool
        Whether they are complex steps.
    """

    indices: Array
    values: Array
    tolerance: float
    exact: bool

    def distance(self, gradient: Array) -> float:
        """Return the norm of the difference over the norm of the values."""
        size = float(np.linalg.norm(self.values))
        difference = float(np.linalg.norm(gradient.ravel()[self.indices] - self.values))
        return difference / size if size else difference


def numeric_gradients(
    function: Function, point: Sequence[Array], rng: np.random.Generator
) -> list[Numeric | None]:
    """Return the gradient of a function with respect to each array.

    Parameters
    ----------
    function : callable
        From a list of float64 arrays to a number.
    point : sequence of ndarray
    rng : numpy.random.Generator
        Draws the entries of arrays with more than 100.

    Returns
    -------
    list of Numeric or None
        None where all entries are near a kink, or not finite.
    """
    return [_of_array(function, point, number, rng) for number in range(len(point))]


def _of_array(
    function: Function, point: Sequence[Array], number: int, rng: np.random.Generator
) -> Numeric | None:
    size = point[number].size
    indices = np.arange(size)
    if size > _ENTRIES:
        indices = np.sort(rng.choice(size, _ENTRIES, replace=False))
    given = point[number].astype(np.float64).ravel()[indices]

    def along(entries: Array) -> Any:
        arrays = [np.array(array, np.float64) for array in point]
        changed = arrays[number].astype(entries.dtype).ravel()
        changed[indices] = entries
        arrays[number] = changed.reshape(point[number].shape)
        return function(arrays)

    def real(entries: Array) -> float:
        return float(np.real(along(entries)))

    with quiet():
        values, _ = central_difference(real, given)
        smooth = np.isfinite(values) & _is_smooth(real, given)
        level = abs(real(given))
    if not smooth.any():
        return None
    kept, values = indices[smooth], values[smooth]
    top = float(np.abs(values).max())
    # Rounding of f over the step, and the fourth power of the step.
    tolerance = 1e-10 * level + 1e-7 * top + 1e-12
    exact = _complex(along, given)
    if exact is not None and np.abs(exact[smooth] - values).max() <= tolerance:
        return Numeric(kept, exact[smooth], 1e-11 * top + 1e-14 * level + 1e-300, True)
    return Numeric(kept, values, tolerance, False)


def _complex(function: Callable[[Array], Any], given: Array) -> Array | None:
    """Return complex steps, None if the code does not take complex numbers."""
    with quiet():
        try:
            gradient = complex_step(function, given)
        except Exception:  # strangers' code may raise whatever it likes
            return None
    return gradient if np.isfinite(gradient).all() else None


def _is_smooth(function: Callable[[Array], float], given: Array) -> Array:
    """Return where the second difference falls as a smooth function's does.

    Over h it is h f'', half as much for half the step; beside a kink within the step it is not.
    """
    point, middle = given.copy(), function(given)
    smooth = np.empty(given.shape, bool)
    noise = 1e-10 * (1 + abs(middle))
    for index in range(given.size):
        bends = []
        for step in (_STEP, _STEP / 2, _STEP / 4):
            sides = []
            for offset in (step, -step):
                point[index] = given[index] + offset
                sides.append(function(point))
            bends.append((sides[0] - 2 * middle + sides[1]) / step)
        point[index] = given[index]
        halved = [abs(a - 2 * b) for a, b in pairwise(bends)]
        smooth[index] = max(halved) <= 1e-2 * max(map(abs, bends)) + noise
    return smooth


def examine_gradients(
    function: Function,
    gradient: Callable[[list[Array]], Sequence[Array]],
    point: Sequence[Array],
    seed: int = 0,
) -> list[Verdict]:
    """Return whether the gradients that are claimed are those of a function.

    By central differences in float64, by complex steps where the code takes complex numbers.
    Entries near a kink are left out; of large arrays 100 entries are looked at.

    Parameters
    ----------
    function : callable
        ``f(arrays)`` returning a number.
    gradient : callable
        ``g(arrays)`` returning an array of the same shape for each.
    point : sequence of ndarray
        Where; floating-point numbers, converted to float64.
    seed : int, default 0
        Of the choice of entries.

    Raises
    ------
    InputError
        If `point` is not a sequence of such arrays, or `function` gives no number there.
    """
    arrays = _read_point(point)
    given = [array.copy() for array in arrays]
    with quiet():
        values = [np.asarray(function([a.copy() for a in arrays])) for _ in range(2)]
        claimed = [np.asarray(a) for a in gradient(given)]
    if values[0].size != 1 or values[0].dtype.kind not in "fiu":
        raise InputError("function", "a number", f"an array of shape {values[0].shape}")
    if not np.array_equal(values[0], values[1], equal_nan=True):
        return [Verdict("gradient", UNCHECKED, "the function gives another value at every call")]
    if not np.isfinite(values[0]).all():
        return [Verdict("gradient", UNCHECKED, "the function is not finite at this point")]
    if values[0].dtype == np.float32 or _is_single(function, arrays):
        message = "the function computes in float32, where differences show nothing"
        return [Verdict("gradient", UNCHECKED, message)]
    wanted, came = [a.shape for a in arrays], [a.shape for a in claimed]
    if len(wanted) != len(came) or [_size(s) for s in wanted] != [_size(s) for s in came]:
        message = f"the gradients have the shapes {came}, and the arrays {wanted}"
        return [Verdict("gradient", DIFFERS, message)]
    numeric = numeric_gradients(function, arrays, np.random.default_rng(seed))
    verdicts = _judge(arrays, claimed, numeric)
    changed = [n for n, (a, b) in enumerate(zip(arrays, given, strict=True)) if (a != b).any()]
    if changed:
        named = CAUSES["input-edited"]
        message = f"{named.title}: gradient changes array {changed[0]}. Look at {named.advice}."
        name = f"array {changed[0]}"
        verdicts.append(Verdict("side effects", DIFFERS, message, name, "input-edited"))
    return verdicts


def _is_single(function: Function, arrays: list[Array]) -> bool:
    """Whether numbers in float64 are those of single precision, wherever the function is asked."""
    with quiet():
        several = [float(np.real(function([s * a for a in arrays]))) for s in _STRETCHES]
    told = {value for value in several if value and np.isfinite(value)}
    return len(told) == len(_STRETCHES) and are_single([*told])


def _size(shape: tuple[int, ...]) -> int:
    return int(np.prod(shape, dtype=int))


def _read_point(point: Sequence[Array]) -> list[Array]:
    if isinstance(point, np.ndarray) or not isinstance(point, Sequence) or not len(point):
        raise InputError("point", "a sequence of arrays", type(point).__name__)
    arrays = []
    for array in point:
        if np.asarray(array).dtype.kind != "f":
            raise InputError("point", "floating-point arrays", str(np.asarray(array).dtype))
        arrays.append(np.array(array, np.float64))
    return arrays


def _judge(
    arrays: list[Array], claimed: list[Array], numeric: list[Numeric | None]
) -> list[Verdict]:
    checked = [n for n, truth in enumerate(numeric) if truth is not None]
    if not checked:
        message = "all entries are near a kink: choose another point"
        return [Verdict("gradient", UNCHECKED, message)]
    wrong = [n for n in checked if not _agrees(claimed[n], numeric[n])]
    if not wrong:
        exact = all(truth.exact for truth in numeric if truth is not None)
        how = "complex steps" if exact else "central differences"
        looked = sum(len(truth.indices) for truth in numeric if truth is not None)
        left = sum(a.size for a in arrays) - looked
        told = f"{len(checked)} of {len(arrays)} arrays agree with {how} in {looked} entries"
        told += f"; {left} were left out" if left else ""
        return [Verdict("gradient", EQUAL, told)]
    factors = {n: _factor(claimed[n], numeric[n]) for n in wrong}
    first = factors[wrong[0]]
    if first is not None and len(wrong) == len([n for n in checked if _is_nonzero(numeric[n])]):
        others = [factors[n] for n in wrong]
        if all(f is not None and abs(f - first) <= 1e-5 * abs(first) for f in others):
            return [_scaled(first, arrays, wrong, "all arrays")]
    verdicts = []
    for n in wrong:
        factor = factors[n]
        truth = numeric[n]
        assert truth is not None
        if factor is not None:
            verdicts.append(_scaled(factor, arrays, [n], f"array {n} and not on all"))
        else:
            verdicts.append(_unlike(n, arrays[n], claimed[n], truth))
    return verdicts


def _agrees(claimed: Array, truth: Numeric | None) -> bool:
    assert truth is not None
    difference = np.abs(claimed.ravel()[truth.indices] - truth.values)
    # A gradient that is right to fewer digits than a complex step is right all the same.
    allowed = max(truth.tolerance, 1e-9 * float(np.abs(truth.values).max(initial=0.0)))
    return bool((difference <= allowed).all())


def _is_nonzero(truth: Numeric | None) -> bool:
    return truth is not None and bool(np.any(np.abs(truth.values) > truth.tolerance))


def _factor(claimed: Array, truth: Numeric | None) -> float | None:
    """Return the constant between both, None if there is none."""
    assert truth is not None
    if truth.values.size < 2:
        return None
    factor, residual = fit(claimed.ravel()[truth.indices].astype(np.float64), truth.values)
    allowed = max(10 * truth.tolerance / float(np.abs(truth.values).max(initial=1e-300)), 1e-8)
    return factor if factor and residual <= allowed else None


def _scaled(factor: float, arrays: list[Array], where: list[int], which: str) -> Verdict:
    fraction = Fraction(factor).limit_denominator(1000)
    is_fraction = abs(float(fraction) - factor) <= 1e-6 * abs(factor)
    text = str(fraction) if is_fraction else f"{factor:.6g}"
    known = {-1: "sign", 2: "factor-two", Fraction(1, 2): "factor-two"}
    cause = known.get(fraction, "factor-constant") if is_fraction else "factor-constant"
    message = f"yours = {text} x the derivative on {which}"
    size = max(fraction.numerator, fraction.denominator)
    axes = [
        f"axis {axis} of array {n}"
        for n, array in enumerate(arrays)
        for axis, length in enumerate(array.shape)
        if is_fraction
        and length == size > 2
        and 1 in (abs(fraction.numerator), fraction.denominator)
    ]
    message += f"; {size} is the length of {', '.join(axes)}" if axes else ""
    message += f". Look at {CAUSES[cause].advice}."
    return Verdict("gradient", DIFFERS, message, f"array {where[0]}", cause, factor)


def _unlike(number: int, array: Array, claimed: Array, truth: Numeric) -> Verdict:
    name = f"array {number}"
    came = claimed.ravel()[truth.indices]
    residual = truth.distance(claimed)
    if not came.any():
        named = CAUSES["gradient-zero"]
        message = f"{named.title} on {name}. Look at {named.advice}."
        return Verdict("gradient", DIFFERS, message, name, "gradient-zero", 0.0, residual)
    if array.ndim == 2 and array.shape[0] == array.shape[1] > 1:
        transposed = claimed.reshape(array.shape).T
        if _agrees(transposed, truth):
            named_ = CAUSES["gradient-transposed"]
            message = f"{named_.title} on {name}. Look at {named_.advice}."
            return Verdict("gradient", DIFFERS, message, name, "gradient-transposed")
    off = np.abs(came - truth.values) > truth.tolerance
    place = int(np.argmax(off | ~np.isfinite(came)))
    index = tuple(map(int, np.unravel_index(int(truth.indices[place]), array.shape)))
    message = (
        f"{name} differs in {int(off.sum())} of {off.size} entries, first at {index}: yours is "
        f"{came[place]:.8g}, the derivative {truth.values[place]:.8g}. The cause is unknown."
    )
    return Verdict("gradient", DIFFERS, message, name, residual=residual)
