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


def central_difference(
    function: Callable[[Array], float], x: Array, *, curvature: float = 0.0
) -> tuple[Array, Array]:
    """Return the gradient of a function of a float64 array, and where it can be trusted.

    Two central differences, with steps h and h/2, combined by Richardson's rule: the error is of
    order h^4, plus eps |f| / h from rounding. With half of these steps it comes out the same, or
    else the curvature jumps within the step.

    Parameters
    ----------
    function : callable
        From a float64 array of the shape of `x` to a number.
    x : ndarray of float64
    curvature : float, default 0
        Bound of the second derivative along each axis; 0 for what is linear between kinks.

    Returns
    -------
    gradient : ndarray
    smooth : ndarray of bool
        False where the one-sided slopes differ by more than the curvature explains, or where half
        of the step gives another slope: there is a kink, or a jump of the curvature, within it.
    """
    step = 1e-4
    gradient, smooth = np.empty(x.shape), np.empty(x.shape, bool)
    point = x.astype(np.float64)
    middle = function(point)
    for index in np.ndindex(x.shape):
        ends, slopes = [], []
        for size in (step, step / 2, step / 4):
            values = []
            for offset in (size, -size):
                point[index] = x[index] + offset
                values.append(function(point))
            ends.append(values)
            slopes.append((values[0] - values[1]) / (2 * size))
        point[index] = x[index]
        gradient[index], again = ((4 * slopes[k + 1] - slopes[k]) / 3 for k in range(2))
        bend = abs(sum(ends[0]) - 2 * middle) / step
        is_straight = bend <= step * curvature + 1e-8 * (1 + abs(middle))
        smooth[index] = is_straight and abs(gradient[index] - again) <= _jump(middle, again)
    return gradient, smooth


def _jump(middle: float, slope: float) -> float:
    """Return by how much slopes of two steps may differ: rounding, and h^4 of what is smooth."""
    return 1e-9 * (1 + abs(middle) + abs(slope))
