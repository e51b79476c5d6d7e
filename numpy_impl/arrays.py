"""What counts as an acceptable array, decided in one place.

Checks run once, at the door of each public call; the code behind them trusts
its arrays. Each check costs well under a microsecond or is a single pass.
"""

# Annotations are not evaluated, and what only they need is not loaded: who predicts does not wait
# for it.
from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from numpy_impl.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike, NDArray

    FloatArray = NDArray[np.floating[Any]]
    IntArray = NDArray[np.integer[Any]]
else:
    FloatArray = IntArray = np.ndarray


FLOAT_DTYPES = (np.dtype(np.float32), np.dtype(np.float64))


def describe(value: object) -> str:
    """Say in a few words what an argument is: dtype and shape of an array, type otherwise."""
    if isinstance(value, np.ndarray):
        return f"{value.dtype} array of shape {value.shape}"
    return f"{type(value).__name__} {value!r}"[:120]


def as_float_dtype(dtype: DTypeLike) -> np.dtype[Any]:
    """Return `dtype` as a NumPy dtype if it is float32 or float64; raise InputError otherwise."""
    try:
        resolved = np.dtype(dtype)
    except TypeError:
        raise InputError("dtype", "float32 or float64", repr(dtype)) from None
    if resolved not in FLOAT_DTYPES:
        raise InputError("dtype", "float32 or float64", str(resolved))
    return resolved


def as_float_array(name: str, value: ArrayLike, dtype: np.dtype[Any] | None = None) -> FloatArray:
    """Return `value` as a floating-point array, copying only where a conversion is due.

    Parameters
    ----------
    name : str
        The caller's name for the argument, used in errors.
    value : array_like
        Real floating-point numbers of any shape.
    dtype : numpy.dtype, optional
        float32 or float64. Without it, float32 and float64 arrays stay as they are and
        other floating types become float32 if that holds them, else float64.

    Returns
    -------
    ndarray
        `value` itself where nothing had to be converted. Never write to it.

    Raises
    ------
    InputError
        For integers (pixels must be scaled first, and silently casting them hides that),
        booleans, complex numbers, strings, objects and ragged lists.
    """
    if type(value) is np.ndarray and (
        (value.dtype is dtype or value.dtype == dtype)
        if dtype is not None
        else value.dtype in FLOAT_DTYPES
    ):
        return value
    try:
        array = np.asarray(value)
    except ValueError:
        raise InputError(name, "an array of floating-point numbers", "a ragged list") from None
    if array.dtype.kind != "f":
        hint = " (scale integer pixels to floats first)" if array.dtype.kind in "iu" else ""
        raise InputError(name, f"floating-point numbers{hint}", describe(array))
    if dtype is None:
        dtype = np.result_type(array.dtype.newbyteorder("="), np.float32)
        if dtype not in FLOAT_DTYPES:
            dtype = np.dtype(np.float64)
    return array.astype(dtype, copy=False)


def as_array_like(name: str, value: ArrayLike, target: NDArray[Any]) -> NDArray[Any]:
    """Return `value` as an array of the type of `target`; InputError if it is of another kind."""
    if target.dtype.kind == "f":
        return as_float_array(name, value, target.dtype)
    array = np.asarray(value)
    if array.dtype.kind not in "iu":
        raise InputError(name, "integers", describe(array))
    return array.astype(target.dtype, copy=False)


def check_features(name: str, array: FloatArray, features: int) -> None:
    """Raise InputError unless the last axis of `array` has `features` entries."""
    if array.ndim == 0 or array.shape[-1] != features:
        raise InputError(name, f"shape (..., {features})", f"shape {array.shape}")


def check_shape(name: str, array: FloatArray, shape: tuple[int, ...]) -> None:
    """Raise InputError unless `array` has exactly this shape."""
    if array.shape != shape:
        raise InputError(name, f"shape {shape}", f"shape {array.shape}")


def check_positive_int(name: str, value: object) -> int:
    """Return `value` as an int if it is an integer of at least 1; raise InputError otherwise."""
    if type(value) is int and value >= 1:
        return value
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer) or value < 1:
        raise InputError(name, "an integer of at least 1", describe(value))
    return int(value)


def check_int(name: str, value: object) -> int:
    """Return `value` as an int if it is an integer; raise InputError otherwise."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
        raise InputError(name, "an integer", describe(value))
    return int(value)


def check_bool(name: str, value: object) -> bool:
    """Return `value` as a bool if it is True or False; raise InputError otherwise."""
    if not isinstance(value, bool | np.bool_):
        raise InputError(name, "True or False", describe(value))
    return bool(value)


def check_choice(name: str, value: object, choices: Sequence[object]) -> None:
    """Raise InputError unless `value` is one of some choices."""
    if value not in choices:
        raise InputError(name, f"one of {list(choices)}", repr(value))


def check_fraction(name: str, value: object) -> float:
    """Return `value` as a float if it is a number from 0 to 1; raise InputError otherwise."""
    number = check_number(name, value)
    if number > 1:
        raise InputError(name, "a number from 0 to 1", repr(value))
    return number


def check_number(
    name: str,
    value: object,
    *,
    low: float = 0.0,
    below: float = np.inf,
    exclude_low: bool = False,
) -> float:
    """Return `value` as a float if it is a number with low <= value < below.

    With `exclude_low` the lower bound itself is refused too. NaN is always refused.
    Raises InputError.
    """
    bound = f"{'above' if exclude_low else 'at least'} {low:g}"
    expected = (
        f"a finite number {bound}" if below == np.inf else f"a number {bound}, below {below:g}"
    )
    if isinstance(value, bool | np.bool_) or not isinstance(
        value, int | float | np.integer | np.floating
    ):
        raise InputError(name, expected, describe(value))
    try:
        number = float(value)
    except OverflowError:
        raise InputError(name, expected, "an integer of more than 300 digits") from None
    if not low <= number < below or (exclude_low and number == low):
        raise InputError(name, expected, repr(number))
    return number


def prepare_out(
    out: FloatArray | None,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    *arguments: FloatArray,
) -> FloatArray:
    """Return the array a result is written to: `out` after checking it, else a new one.

    Parameters
    ----------
    out : ndarray or None
        The caller's buffer.
    shape, dtype
        What the result needs.
    *arguments : ndarray
        The arrays the result is computed from. `out` must not overlap them, because an
        argument is never written to.

    Raises
    ------
    InputError
        If `out` has another shape or dtype, is not C-contiguous or writable, or overlaps.
    """
    if out is None:
        return np.empty(shape, dtype)
    if (
        not isinstance(out, np.ndarray)
        or out.shape != shape
        or out.dtype != dtype
        or not out.flags.c_contiguous
        or not out.flags.writeable
    ):
        raise InputError(
            "out", f"a writable, C-contiguous {dtype} array of shape {shape}", describe(out)
        )
    for argument in arguments:
        if np.may_share_memory(out, argument):
            raise InputError("out", "memory of its own", "an array that overlaps an argument")
    return out


CACHE_LINE = 64  # bytes


def new_array(shape: int | tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Return an array of zeros that begins where a cache line does.

    NumPy aligns to 16 bytes. The widest vector registers hold 64, and take those from two lines
    wherever an array begins elsewhere: a step of Adam then takes an eighth longer.
    """
    dtype = np.dtype(dtype)
    size = math.prod(np.atleast_1d(shape).tolist()) * dtype.itemsize
    memory = np.zeros(size + CACHE_LINE, np.uint8)
    first = -memory.ctypes.data % CACHE_LINE
    return memory[first : first + size].view(dtype).reshape(shape)


def part_of(length: int, index: int, count: int) -> slice:
    """Return part `index`, from 0, of a range cut into `count` parts of nearly equal length."""
    return slice(length * index // count, length * (index + 1) // count)
