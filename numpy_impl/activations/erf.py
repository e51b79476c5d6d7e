r"""The error function, without SciPy.

.. math:: \operatorname{erf}(x) = \frac{2}{\sqrt\pi} \int_0^x e^{-s^2}\, ds

Near 0 by Taylor's series. Farther out by an expansion at the nearest a of 1/32, 2/32, ...

.. math:: \operatorname{erf}(a + d) = \operatorname{erf}(a)
    + \frac{2}{\sqrt\pi}\, e^{-a^2} \int_0^d e^{-2as - s^2}\, ds

Both are a large term that is exact, or known to twice the digits of float64, and a small rest whose
rounding errors do not count. What is left is little more than the rounding of their sum.
"""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from functools import cache

import numpy as np

from numpy_impl.arrays import FloatArray

_PER_UNIT = 32
# Up to here the series at 0, beyond there erf is 1 in float64.
_NEAR, _END = 0.25, 6.0
# 2 / sqrt(pi); what it has beyond 1, which x is multiplied with apart from that 1; and what float64
# does not hold of it.
_SLOPE, _BEYOND, _REST = 1.1283791670955126, 0.12837916709551256, 1.533545961316588e-17
# (-1)^k / (k! (2k + 1)): erf(x) is 2 x / sqrt(pi) times one plus these times x^(2k), k from 1.
_SERIES = tuple((-1) ** k / (math.factorial(k) * (2 * k + 1)) for k in range(1, 11))
# Powers of d, at most 1/64, that count beside 1 in float64.
_POWERS = 9


def erf(x: FloatArray) -> FloatArray:
    """Return the error function of every entry, in float64.

    The error is at most 0.65 units in the last place; rounded to float32 it is at most half a unit.

    Parameters
    ----------
    x : ndarray
        float32 or float64, of any shape.

    References
    ----------
    https://docs.pytorch.org/docs/stable/special.html#torch.special.erf
    """
    size: FloatArray = np.minimum(np.abs(x.astype(np.float64)), _END)
    result = np.where(size < _NEAR, _near_zero(size), _near_node(size))
    return np.copysign(result, x)


def _near_zero(x: FloatArray) -> FloatArray:
    x = np.minimum(x, _NEAR)
    square = x * x
    rest = np.full_like(x, _SERIES[-1])
    for coefficient in reversed(_SERIES[:-1]):
        rest *= square
        rest += coefficient
    rest *= square
    rest *= _SLOPE
    rest += _REST
    rest *= x
    rest += _BEYOND * x
    rest += x
    return rest


def _near_node(x: FloatArray) -> FloatArray:
    high, low, slopes = _nodes()
    place = np.rint(np.where(np.isnan(x), 0.0, x) * _PER_UNIT).astype(np.intp)
    a = place / _PER_UNIT
    d: FloatArray = x - a
    # exp(-2 a s - s^2) = the sum of g_k s^k, with (k + 1) g_{k+1} = -2 (a g_k + g_{k-1}).
    before, now, power = np.zeros_like(d), np.ones_like(d), d.copy()
    integral = d.copy()
    for k in range(_POWERS):
        before, now = now, -2.0 * (a * now + before) / (k + 1)
        power *= d
        integral += now * power / (k + 2)
    result: FloatArray = slopes[place] * integral
    result += low[place]
    result += high[place]
    return result


@cache
def _nodes() -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return erf at the nodes as sums of two numbers, and its slopes there.

    By Taylor's series at 0, in decimal arithmetic: its terms reach 1e15 before they fall, and 50
    digits leave 30 of the sum.
    """
    with localcontext() as context:
        context.prec = 50
        slope = 2 / _pi().sqrt()
        values, slopes = [], []
        for place in range(int(_END * _PER_UNIT) + 1):
            a = Decimal(place) / _PER_UNIT
            term, total, k = a, Decimal(0), 0
            while abs(term) > Decimal("1e-40"):
                total += term / (2 * k + 1)
                k += 1
                term *= -a * a / k
            values.append(slope * total)
            slopes.append(slope * (-a * a).exp())
        high = np.array([float(value) for value in values])
        low = np.array([float(v - Decimal(float(v))) for v in values])
    return high, low, np.array([float(slope) for slope in slopes])


def _pi() -> Decimal:
    """Return pi in the present precision, as 16 arctan(1/5) - 4 arctan(1/239) (Machin)."""
    return 16 * _arctan_of_one_over(5) - 4 * _arctan_of_one_over(239)


def _arctan_of_one_over(n: int) -> Decimal:
    total, power, k = Decimal(0), Decimal(1) / n, 0
    while power > Decimal("1e-60"):
        total += (-1) ** k * power / (2 * k + 1)
        power /= n * n
        k += 1
    return total
