"""Errors that are carried back through matrices whose decay has been taken off already."""

from collections.abc import Sequence

import numpy as np

from parity_tests.kit.aspects.gradient.measured_factors import Factor
from parity_tests.kit.backprop.findings import Explanation
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.scales import NEAR, Scale
from parity_tests.kit.verdicts import Verdict, named


def of_decayed_matrices(
    inquiry: Inquiry,
    first: Explanation,
    factors: Sequence[Factor],
    expected: Scale,
    rate: float | None,
) -> list[Verdict]:
    r"""Return that decay comes before the backward pass, if that gives the factors of all tensors.

    .. math:: \delta_l = (1 - \eta \lambda_{l+1}) (\delta_{l+1} W_{l+1}) \odot f_l'(z_l)

    Parameters
    ----------
    first : Explanation
        Of the steps on the first batch.
    factors : sequence of Factor
        Of all tensors.
    expected : Scale
        What their factors should be.
    rate : float or None
        The learning rate, where steps show the gradient.
    """
    shares = [
        first.decays.get(f"W{number}", {}).get("squares", 0.0)
        for number in range(2, len(inquiry.layers) + 1)
    ]
    if rate is None or not any(shares) or len(factors) < len(first.findings):
        return []
    # What the layers above have left of the error, from the last layer down.
    left = np.cumprod([1.0, *(1 - rate * share for share in reversed(shares))])[::-1]
    unit = expected.at(len(inquiry.batches[0]))
    for factor in factors:
        wanted = left[int(factor.finding.tensor[1:]) - 1] * unit
        if factor.finding.causes or not abs(factor.finding.factor - wanted) <= NEAR * abs(wanted):
            return []
    number = max(n for n, share in enumerate(shares, start=2) if share)
    seen = (
        f"the layers below W{number} have {left[number - 2]:.6g} x expected, which is what its "
        f"decay leaves of it at a rate of {rate:.6g}: it is taken off before the backward pass"
    )
    return [named("gradient", "update-order", seen, f"dL/dz{number - 1}")]
