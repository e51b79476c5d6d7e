"""A part of a step that is the same at every learning rate."""

from collections.abc import Sequence

import numpy as np

from parity_tests.kit.aspects.observing import RATES

# How much smaller the second learning rate is, and how closely a factor is what it should be.
_LATER, _NEAR = 4, 1e-4


def constant_part(factors: Sequence[float], rate: float) -> float | None:
    r"""Return what of a step does not go with the learning rate, over what of it does.

    .. math:: \Delta\theta = -(\eta \, c + c') \, g \text{ looks like }
              -\eta \, c \Big(1 + \frac{1}{\eta} \frac{c'}{c}\Big) g

    Parameters
    ----------
    factors : sequence of three floats
        Those of the gradient in steps over their learning rate, at a rate, at a quarter of it, and
        at the second of `RATES`, which what is limited or of another power does not fit.
    rate : float
        The first one.

    Returns
    -------
    float or None
        c' / c; None if the three are of no such sum, or one of its parts is nothing but rounding.
    """
    first, second, third = factors
    if not np.isfinite(factors).all():
        return None
    constant = (second - first) * rate / (_LATER - 1)
    own = first - constant / rate
    if min(abs(own), abs(constant / rate)) <= _NEAR * abs(first):
        return None
    is_sum = abs(own + constant / RATES[1] - third) <= _NEAR * abs(third)
    return constant / own if is_sum else None
