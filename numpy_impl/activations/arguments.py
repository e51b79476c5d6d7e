"""What constructors of activations check."""

from __future__ import annotations

import math

import numpy as np

from numpy_impl.arrays import describe
from numpy_impl.errors import InputError


def check_finite(name: str, value: object) -> float:
    """Return `value` as a float if it is a finite number of any sign; InputError otherwise."""
    is_number = isinstance(value, int | float | np.integer | np.floating)
    if isinstance(value, bool | np.bool_) or not is_number or not math.isfinite(value):  # type: ignore[arg-type]
        raise InputError(name, "a finite number", describe(value))
    return float(value)  # type: ignore[arg-type]


def check_not_zero(name: str, value: object) -> float:
    """Return `value` as a float if it is a finite number other than 0; InputError otherwise."""
    number = check_finite(name, value)
    if number == 0:
        raise InputError(name, "a finite number other than 0", repr(number))
    return number
