"""Decimals to which a loss is told."""

import numpy as np

from parity_tests.kit.aspects.gradient.held_to_slopes.met import Loss
from parity_tests.kit.fitting import are_single
from parity_tests.kit.inquiry import Inquiry

# Decimals that single precision has of a loss of about 1, and what parameters are multiplied by to
# see to how many a loss is rounded.
OF_SINGLE, _STRETCHES = 7, (1.0, 0.9, 1.1)


def decimals_of(inquiry: Inquiry, loss: Loss) -> int | None:
    """Return how many decimals a loss is rounded to, None if to none."""
    values = set()
    with inquiry.elsewhere():
        for stretch in _STRETCHES:
            inquiry.subject.set([layer.times(stretch) for layer in inquiry.layers])
            values |= {loss(batch) for batch in inquiry.batches}
    told = [value for value in values if value and np.isfinite(value)]
    if len(told) < len(_STRETCHES):
        return None
    for decimals in range(OF_SINGLE):
        if all(round(value, decimals) == value for value in told):
            return decimals
    return OF_SINGLE if are_single(told) else None
