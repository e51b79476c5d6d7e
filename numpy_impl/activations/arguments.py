"""What constructors of activations check."""

from __future__ import annotations

import math
from contextlib import suppress

import numpy as np

from numpy_impl.arrays import describe
from numpy_impl.errors import InputError


def check_finite(name: str, value: object) -> float:
    """Return `value` as a float if it is a finite number of any sign; InputError otherwise."""
    is_number = isinstance(value, int | float | np.integer | np.floating)
    if not isinstance(value, bool) and is_number:
        with suppress(OverflowError):  # an integer may be larger than any float
            if math.isfinite(number := float(value)):  # type: ignore[arg-type]
                return number
    raise InputError(name, "a finite number", describe(value))


def check_not_zero(name: str, value: object) -> float:
    """Return `value` as a float if it is a finite number other than 0; InputError otherwise."""
    number = check_finite(name, value)
    if number == 0:
        raise InputError(name, "a finite number other than 0", repr(number))
    return number
