"""Steps that make up for a factor of the gradient that is handed out."""

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.aspects.gradient.measured_factors import MORE, Factor
from parity_tests.kit.aspects.observing import RATES, is_inferred, precision_of
from parity_tests.kit.aspects.walks import ends, walk_on
from parity_tests.kit.fitting import fit
from parity_tests.kit.inquiry import CLOSE, Inquiry
from parity_tests.kit.scales import MEAN, NEAR, Scale
from parity_tests.kit.subject.subject import Layers, SubjectError

Array = NDArray[Any]


def made_up_for(
    inquiry: Inquiry, handed_out: Factor, expected: Scale | None
) -> tuple[float, int] | None:
    r"""Return how many times the gradient expected steps take, whatever is handed out.

    All of them do, plainly or with momentum: one may come to the same by chance. It is once, or as
    often with batches of all sizes where the factor is nothing but a power of these.

    .. math:: v_t = \mu v_{t-1} + k \frac{m}{c} g_t, \qquad \theta_{t+1} = \theta_t - \eta v_t

    Returns
    -------
    tuple of (float, int) or None
        How many times, and what is added to the number of samples that they divide by; None if
        steps do not make up for the factor.
    """
    subject = inquiry.subject
    if is_inferred(inquiry) or subject.network.step is None:
        return None
    one, other = ends(inquiry.batches[0]) if subject.single else inquiry.batches
    rate = subject.network.lr or RATES[0]
    handed = []
    try:
        walk = walk_on(inquiry, [one, other, one], rate)
        for layers, batch in zip(walk.layers, walk.batches, strict=False):
            subject.begin(layers)
            handed.append(_matrices(subject.gradients(batch)))
    except SubjectError:
        return None
    places = [_matrices(layers) for layers in walk.layers]
    steps = [(before - after) / rate for before, after in pairwise(places)]
    if any(gradient.shape != step.shape for gradient, step in zip(handed, steps, strict=False)):
        return None
    rounding = 4 * precision_of(inquiry) * float(np.linalg.norm(places[0])) / rate
    before = [np.zeros_like(steps[0]), *steps]
    samples = [len(inquiry.batches[0])] * 3 if subject.single else [len(b) for b in walk.batches]
    scale, reference = handed_out.scale, expected or MEAN
    assert scale is not None
    assert handed_out.ratio is not None
    # Any other factor of steps may be that of what is handed out.
    is_of_batch = handed_out.ratio.causes == ("factor-batch",)
    # Where no loss says it, a sum over the samples may be meant.
    tried = [(0, 0), (1, 0)] if expected is None else [(0, 0), *((0, more) for more in MORE)]
    for power, more in tried if min(samples) > 1 else tried[:1]:
        shares = [n**power * n / (n + more) * reference.at(n) / scale.at(n) for n in samples]
        if all(abs(share - 1) <= NEAR for share in shares):
            continue  # steps by what is handed out make up for nothing
        own = [share * gradient for share, gradient in zip(shares, handed, strict=True)]
        times, left = fit(steps[0], own[0])
        is_told = is_of_batch and max(shares) - min(shares) > NEAR * max(shares)
        if not (is_told and left <= CLOSE and times > 0):
            times = 1.0
        own = [times * gradient for gradient in own]
        momentum, _ = fit(steps[1] - own[1], steps[0])
        if -CLOSE <= momentum <= 1 + CLOSE and all(
            np.linalg.norm(step - momentum * last - gradient)
            <= CLOSE * np.linalg.norm(step) + rounding
            for step, last, gradient in zip(steps, before, own, strict=False)
        ):
            return times, more
    return None


def _matrices(layers: Layers) -> Array:
    return np.concatenate([layer.weight.ravel() for layer in layers])
