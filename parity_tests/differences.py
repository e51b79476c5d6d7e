"""Derivatives without any framework: complex steps and central differences."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def complex_step(function: Callable[[Array], Any], x: Array) -> Array:
    """Return the gradient of a real function of an array, to rounding error.

    f(x + i h) = f(x) + i h f'(x) + O(h^2): the imaginary part over h is the derivative, without a
    difference and so without cancellation, whatever the size of h.

    Parameters
    ----------
    function : callable
        From a complex array of the shape of `x` to a complex number; analytic code without abs,
        conjugation, or comparison of imaginary parts.
    x : ndarray of float64

    References
    ----------
    Squire and Trapp (1998), Using complex variables to estimate derivatives of real functions,
    https://doi.org/10.1137/S003614459631241X
    """
    step = 1e-200
    gradient = np.empty(x.shape)
    point = x.astype(np.complex128)
    for index in np.ndindex(x.shape):
        point[index] += 1j * step
        gradient[index] = np.imag(function(point)) / step
        point[index] = x[index]
    return gradient


def central_difference(function: Callable[[Array], float], x: Array) -> tuple[Array, Array]:
    """Return the gradient of a function of a float64 array, and where it can be trusted.

    Two central differences, with steps h and h/2, combined by Richardson's rule: the error is of
    order h^4, plus eps |f| / h from rounding.

    Parameters
    ----------
    function : callable
        From a float64 array of the shape of `x` to a number.
    x : ndarray of float64

    Returns
    -------
    gradient : ndarray
    smooth : ndarray of bool
        False where there is a kink within the step, or a jump of the curvature: with half of the
        steps another slope comes out, or with a quarter of the step other than a sixteenth of the
        second difference. So a kink shows at the point itself, too, where slopes are symmetric.
    """
    step = 1e-4
    gradient, smooth = np.empty(x.shape), np.empty(x.shape, bool)
    point = x.astype(np.float64)
    middle = function(point)
    for index in np.ndindex(x.shape):
        slopes, bends = [], []
        for size in (step, step / 2, step / 4):
            ends = []
            for offset in (size, -size):
                point[index] = x[index] + offset
                ends.append(function(point))
            slopes.append((ends[0] - ends[1]) / (2 * size))
            bends.append((sum(ends) - 2 * middle) / size**2)
        point[index] = x[index]
        gradient[index], again = ((4 * slopes[k + 1] - slopes[k]) / 3 for k in range(2))
        rounding = _ROUNDING * (1 + abs(middle) + abs(again))
        is_same = abs(gradient[index] - again) <= rounding
        smooth[index] = is_same and abs(bends[0] - bends[2]) * step <= 10 * rounding
    return gradient, smooth


# Next to the size of a function, what its values are rounded by over the smallest step.
_ROUNDING = 2e-10
