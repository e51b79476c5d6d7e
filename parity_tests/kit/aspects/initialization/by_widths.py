r"""Scales that go with the layers' widths by a number of their own.

A scale that goes down with the root of the widths is written to keep the size of a signal: that is
what He, Xavier and LeCun derive, for weights on both sides of 0 and functions of slope 1,

.. math:: s = \sqrt{c / n}, \qquad c \le 2 \text{ for } n = n_{in} \text{ or } n_{out}, \qquad
          c \le 4 \text{ for } n = n_{in} + n_{out}

A function whose slope is 1/4, as the sigmoid's, is given four times as much. A fixed number says
nothing of the kind, and is whatever was meant.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from parity_tests.kit.forward import Form, functions
from parity_tests.kit.initialization import FANS, Drawn

# The largest number over each of the fans that a scheme has under its root.
_LARGEST = {"fan_in": 2.0, "(fan_in + fan_out)": 4.0, "fan_out": 2.0}
# The largest gain that a scheme has for a function: the sigmoid's, of slope 1/4.
_MOST = 4.0
# Numbers that are written as they are.
_ROUND = tuple(digit * 10.0**power for power in range(-4, 2) for digit in (1, 2, 5))
# Where the slope of a function is looked for.
_WHERE = np.linspace(-4.0, 4.0, 81)


@dataclass(frozen=True)
class ByWidths:
    """A scale by the widths.

    Attributes
    ----------
    fan : str
        What the variance goes down with.
    number : float
        What it is over the fan.
    """

    fan: str
    number: float

    @property
    def largest(self) -> float:
        """The largest number that a scheme has over that fan."""
        return _LARGEST[self.fan]

    @property
    def factor(self) -> float:
        """The standard deviation over that of the largest such scheme."""
        return math.sqrt(self.number / self.largest)


def by_widths(weights: Sequence[Drawn]) -> list[ByWidths]:
    """Return the scales by the widths that all matrices may have, whatever their means.

    Parameters
    ----------
    weights : sequence of Drawn
        Entries of each matrix. Those of one scale, or of round numbers, have none.
    """
    if len(weights) < 2 or all(_is_round(drawn) for drawn in weights):
        return []
    return list(_fitting(weights))


def _fitting(weights: Sequence[Drawn]) -> Iterator[ByWidths]:
    closest = min(weights, key=lambda drawn: drawn.tolerance)
    for fan, count in FANS:
        number = closest.std**2 * count(closest.fan_in, closest.fan_out)
        stds = [math.sqrt(number / count(drawn.fan_in, drawn.fan_out)) for drawn in weights]
        differ = max(stds) > min(stds) * (1 + 4 * max(drawn.tolerance for drawn in weights))
        if differ and all(d.has_std(s) for d, s in zip(weights, stds, strict=True)):
            yield ByWidths(fan, number)


def _is_round(drawn: Drawn) -> bool:
    """Whether the standard deviation, or the bound of a uniform one, is 1, 2 or 5 of its decade."""
    share = 1.0
    if drawn.distribution == "uniform":
        share = math.sqrt(12 if drawn.is_one_signed else 3)
    return any(drawn.has_std(number / share) for number in _ROUND)


def gain_of(form: Form | None) -> float:
    """Return what a scale may be multiplied by for the hidden functions: 1 over their slope.

    Of functions that are not known it is the largest gain of any scheme.
    """
    if form is None or form.unnamed is not None:
        return _MOST
    slopes = [float(np.nanmax(np.abs(own.slope(_WHERE)))) for own in functions(form)[0]]
    return min(_MOST, max((1 / slope for slope in slopes if slope), default=1.0))
