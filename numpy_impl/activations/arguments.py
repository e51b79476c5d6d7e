"""What constructors of activations check."""

from __future__ import annotations

import math

import numpy as np

from numpy_impl.arrays import describe
from numpy_impl.errors import InputError


def check_finite(name: str, value: object) -> float:
    """Return `value` as a float if it is a finite number of any sign; InputError otherwise."""
    if isinstance(value, bool | np.bool_) or not isinstance(
        value, int | float | np.integer | np.floating
    ):
        raise InputError(name, "a finite number", describe(value))
    try:
        number = float(value)
    except OverflowError:
        raise InputError(name, "a finite number", "an integer of more than 300 digits") from None
    if not math.isfinite(number):
        raise InputError(name, "a finite number", describe(value))
    return number


def check_not_zero(name: str, value: object) -> float:
    """Return `value` as a float if it is a finite number other than 0; InputError otherwise."""
    number = check_finite(name, value)
    if number == 0:
        raise InputError(name, "a finite number other than 0", repr(number))
    return number
