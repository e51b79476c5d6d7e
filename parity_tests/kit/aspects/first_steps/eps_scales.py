"""Which factor a gradient has, by the little that eps takes away of adaptive steps."""

from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from numpy_impl import InputError
from parity_tests.kit.aspects.first_steps.shares import expected_of
from parity_tests.kit.aspects.first_steps.solved import solved_with_units
from parity_tests.kit.aspects.observing import is_inferred
from parity_tests.kit.aspects.walks import right_gradient
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.scales import MEAN, Scale, scale_of
from parity_tests.kit.subject.subject import flat

# How closely a factor is solved for, the largest that is taken for one, and its denominator.
_NEAR, _LARGEST, _DENOMINATOR = 1e-4, 1000, 64


def scales_by_eps(inquiry: Inquiry, loss: str) -> Iterator[Scale]:
    r"""Yield the scales that the gradient of a loss may have, by the first steps on both batches.

    .. math:: \frac{\theta_0 - \theta_1}{\eta} = A \, \frac{c \, g}{|c \, g| + \epsilon}

    tells :math:`c / \epsilon`, and with the usual :math:`\epsilon` the factor. The number beside
    the power of the batch size is a simple fraction of the one expected: steps are recomputed more
    closely than it is solved for.
    """
    gradients = [answer.gradients for answer in inquiry.evidence.answers]
    if not is_inferred(inquiry) or any(own is None for own in gradients):
        return
    expected = expected_of(inquiry) or MEAN
    try:
        right = [flat(right_gradient(inquiry, loss, inquiry.layers, b)) for b in inquiry.batches]
    except InputError:
        return
    samples = [len(batch) for batch in inquiry.batches]
    seen = [own for own in gradients if own is not None]
    for found, units in solved_with_units(inquiry, seen):
        with np.errstate(all="ignore"):
            several = [flat(own) / g for own, g in zip(found, right, strict=True)]
        several = [own[np.isfinite(own)] for own in several]
        if not all(own.size for own in several):
            continue
        factors = [float(np.median(own)) for own in several]
        scale = scale_of(factors, samples, _NEAR, expected)
        if scale is None or scale.power == expected.power:
            continue
        for unit in units:
            ratio = abs(scale.constant / expected.constant) * unit
            nearest = Fraction(ratio).limit_denominator(_DENOMINATOR)
            if 1 / _LARGEST < ratio < _LARGEST and abs(nearest - ratio) <= _NEAR * ratio:
                yield Scale(float(nearest) * expected.constant, scale.power)
