"""What counts as an acceptable array, decided in one place.

Checks run once, at the door of each public call; the code behind them trusts
its arrays. Each check costs well under a microsecond or is a single pass.
"""

# Annotations are not evaluated, and what only they need is not loaded: who predicts does not wait
# for it.
from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from numpy_impl.errors import InputError

if TYPE_CHECKING:
    from typing import TypeGuard

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
    return f"{type(value).__name__} {in_words(value)}"[:120]


def in_words(value: object) -> str:
    """Say on one line what a value is, as Python writes it; dtype and shape of an array."""
    if isinstance(value, np.ndarray):
        return describe(value)
    try:
        return " ".join(repr(value)[:1000].split())[:120]
    except Exception:  # it is the caller's, and may do anything; Python writes no huge integers
        return "of no description"


def as_float_dtype(dtype: DTypeLike) -> np.dtype[Any]:
    """Return `dtype` as a NumPy dtype if it is float32 or float64; raise InputError otherwise."""
    try:
        # NumPy takes None for float64.
        resolved = np.dtype(np.void if dtype is None else dtype)
    except (TypeError, ValueError):
        raise InputError("dtype", "float32 or float64", in_words(dtype)) from None
    if resolved not in FLOAT_DTYPES:
        got = "None" if dtype is None else str(resolved)
        raise InputError("dtype", "float32 or float64", got)
    return resolved


def as_array(name: str, value: object, expected: str = "an array of numbers") -> NDArray[Any]:
    """Return `value` as an array of NumPy's own class, whatever it is made of.

    Parameters
    ----------
    name : str
        The caller's name for the argument, used in errors.
    value : array_like
        An array, nested lists, or what gives an array by its array protocol: a frame of pandas, a
        tensor of torch.
    expected : str
        What would have been accepted, used in errors.

    Raises
    ------
    InputError
        For ragged lists, arrays with masked entries, which NumPy would take for numbers, and
        whatever fails to give an array.
    """
    if type(value) is np.ndarray:
        return value
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise InputError(name, f"{expected}, none of them masked", describe(value))
    try:
        return np.asarray(value)
    except Exception as error:  # the array protocol runs the caller's code
        ragged = isinstance(value, list | tuple) and isinstance(error, ValueError)
        got = "a ragged list" if ragged else f"{type(value).__name__}: {error}"
        raise InputError(name, expected, " ".join(got.split())[:200]) from None


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
        Row by row in memory, so that the order in memory changes no bit of a result. `value`
        itself where nothing had to be converted. Never write to it.

    Raises
    ------
    InputError
        For integers (pixels must be scaled first, and silently casting them hides that),
        booleans, complex numbers, strings, objects, ragged lists, arrays with masked entries, and
        numbers that the dtype cannot hold.
    """
    if (
        type(value) is np.ndarray
        and (
            (value.dtype is dtype or value.dtype == dtype)
            if dtype is not None
            else value.dtype in FLOAT_DTYPES
        )
        and value.flags.c_contiguous
    ):
        return value
    array = as_array(name, value, "an array of floating-point numbers")
    if array.dtype.kind != "f":
        hint = " (scale integer pixels to floats first)" if array.dtype.kind in "iu" else ""
        raise InputError(name, f"floating-point numbers{hint}", describe(array))
    if dtype is None:
        dtype = np.result_type(array.dtype.newbyteorder("="), np.float32)
        if dtype not in FLOAT_DTYPES:
            dtype = np.dtype(np.float64)
    return cast(name, array, dtype)


def as_array_like(name: str, value: ArrayLike, target: NDArray[Any]) -> NDArray[Any]:
    """Return `value` as an array of the type of `target`; InputError if it is of another kind."""
    if target.dtype.kind == "f":
        return as_float_array(name, value, target.dtype)
    array = as_array(name, value, "integers")
    if array.dtype.kind not in "iu" or not np.can_cast(array.dtype, target.dtype):
        raise InputError(name, f"integers of type {target.dtype}", describe(array))
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
    if type(value) is int and 1 <= value <= _LARGEST:
        return value
    if not _is_int(value) or value < 1:
        raise InputError(name, "an integer of at least 1", describe(value))
    return check_int(name, value)


def check_int(name: str, value: object) -> int:
    """Return `value` as an int if it is an integer; raise InputError otherwise."""
    if not _is_int(value):
        raise InputError(name, "an integer", describe(value))
    if not -_LARGEST <= value <= _LARGEST:
        raise InputError(name, "an integer of at most 64 bits", describe(value))
    return int(value)


# Nothing is counted that far.
_LARGEST = sys.maxsize


def _is_int(value: object) -> TypeGuard[int]:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def check_bool(name: str, value: object) -> bool:
    """Return `value` as a bool if it is True or False; raise InputError otherwise."""
    if value is True or value is False:
        return value
    if not isinstance(value, np.bool_):
        raise InputError(name, "True or False", describe(value))
    return bool(value)


def check_choice(name: str, value: object, choices: Sequence[object]) -> None:
    """Raise InputError unless `value` is one of some choices."""
    # An array compares entry by entry.
    if isinstance(value, np.ndarray) or value not in choices:
        raise InputError(name, f"one of {list(choices)}", in_words(value))


def check_instance(name: str, value: object, kind: type, expected: str) -> None:
    """Raise InputError unless `value` is an object of a class."""
    if not isinstance(value, kind):
        raise InputError(name, expected, describe(value))


def check_generator(name: str, value: object) -> None:
    """Raise InputError unless `value` is a generator of random numbers."""
    check_instance(name, value, np.random.Generator, "a numpy.random.Generator")


def check_function(name: str, value: object) -> Any:
    """Return `value` if it can be called; raise InputError otherwise."""
    if not callable(value):
        raise InputError(name, "a function", describe(value))
    return value


def cast(name: str, array: FloatArray, dtype: np.dtype[Any]) -> FloatArray:
    """Return an array in float32 or float64; InputError if that cannot hold its numbers."""
    with np.errstate(over="raise", under="ignore"):
        try:
            return np.asarray(array, dtype, order="C")
        except FloatingPointError:
            raise InputError(name, f"numbers that {dtype} can hold", "larger ones") from None


def check_mapping(name: str, value: object, *keys: str) -> Mapping[str, Any]:
    """Return `value` if it is a mapping whose keys are strings, these among them.

    Raises InputError.
    """
    if not isinstance(value, Mapping):
        raise InputError(name, "a dictionary", describe(value))
    for key in value:
        if not isinstance(key, str):
            raise InputError(name, "keys that are strings", describe(key))
    missing = [key for key in keys if key not in value]
    if missing:
        raise InputError(name, f"the keys {list(keys)}", f"{sorted(value)}")
    return value


def as_plain(value: Any) -> Any:
    """Return a number or a string of NumPy as Python's own, and anything else as it is."""
    if isinstance(value, np.floating):
        return float(value)
    return value.item() if isinstance(value, np.generic) else value


def check_fraction(name: str, value: object) -> float:
    """Return `value` as a float if it is a number from 0 to 1; raise InputError otherwise."""
    number = check_number(name, value)
    if number > 1:
        raise InputError(name, "a number from 0 to 1", repr(number))
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
        raise InputError(name, expected, describe(value)) from None
    if not low <= number < below or (exclude_low and number == low):
        raise InputError(name, expected, repr(number))
    # No negative zero, where no number is negative.
    return abs(number) if low == 0 else number


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
        If `out` has another shape or dtype, is not C-contiguous, aligned or writable, is of
        another class (whose operators may do other things), or overlaps.
    """
    if out is None:
        return np.empty(shape, dtype)
    if (
        type(out) not in (np.ndarray, np.memmap)
        or out.shape != shape
        or out.dtype != dtype
        # Row by row, aligned and writeable.
        or not out.flags.carray
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
