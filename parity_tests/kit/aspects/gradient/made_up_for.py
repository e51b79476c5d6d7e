"""Steps that make up for a factor of the gradient that is handed out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.aspects.forward.dropped import in_training
from parity_tests.kit.aspects.gradient.measured_factors import MORE, Factor
from parity_tests.kit.aspects.observing import RATES, is_inferred, precision_of
from parity_tests.kit.aspects.walks import ends, walk_on
from parity_tests.kit.fitting import fit
from parity_tests.kit.inquiry import CLOSE, Inquiry
from parity_tests.kit.scales import MEAN, NEAR, Scale
from parity_tests.kit.subject.subject import Layers, SubjectError

Array = NDArray[Any]
_ANY_SEED = 0


def made_up_for(
    inquiry: Inquiry, handed_out: Factor, expected: Scale | None
) -> tuple[float, int] | None:
    r"""Return how many times the gradient expected steps take, whatever is handed out.

    All of them do, plainly or with momentum: one may come to the same by chance. It is once, or as
    often with batches of all sizes where the factor is nothing but a power of these.

    .. math:: v_t = \mu v_{t-1} + k \frac{m}{c} g_t, \qquad \theta_{t+1} = \theta_t - \eta v_t

    or, as Nesterov's are, :math:`\theta_{t+1} = \theta_t - \eta (\frac{m}{c} g_t + \mu v_t)`.

    Returns
    -------
    tuple of (float, int) or None
        How many times, and what is added to the number of samples that they divide by; None if
        steps do not make up for the factor.
    """
    walk = _walked(inquiry)
    if walk is None:
        return None
    samples = walk.samples
    factors, reference = _of_each(handed_out, samples), expected or MEAN
    if not factors:
        return None
    assert handed_out.ratio is not None
    # Any other factor of steps may be that of what is handed out.
    is_of_batch = handed_out.ratio.causes == ("factor-batch",)
    # Where no loss says it, a sum over the samples may be meant.
    tried = [(0, 0), (1, 0)] if expected is None else [(0, 0), *((0, more) for more in MORE)]
    for power, more in tried if min(samples) > 1 else tried[:1]:
        shares = [
            n**power * n / (n + more) * reference.at(n) / factor
            for n, factor in zip(samples, factors, strict=True)
        ]
        times = walk.taken(shares, is_of_batch=is_of_batch)
        if times is not None:
            return times, more
    return None


def _of_each(handed_out: Factor, samples: Sequence[int]) -> list[float]:
    """Return the factor of each batch of a walk, which no power of its size need explain."""
    if handed_out.scale is not None:
        return [handed_out.scale.at(n) for n in samples]
    if handed_out.other is None or not (handed_out.finding.factor and handed_out.other.factor):
        return []
    one, other = handed_out.finding.factor, handed_out.other.factor
    return [one, other, one]


def are_made_up_for(inquiry: Inquiry, factors: tuple[float, float]) -> bool:
    """Whether steps divide the gradients handed out by the factors that both batches have."""
    walk = None if inquiry.subject.single else _walked(inquiry)
    if walk is None or not all(factors):
        return False
    one, other = (1 / factor for factor in factors)
    return walk.taken([one, other, one], is_of_batch=True) is not None


@dataclass(frozen=True)
class _Walk:
    """Steps on both batches in turn, beside the gradients that are handed out.

    Attributes
    ----------
    steps, handed : list of ndarray
        Over the learning rate, and as they are; of the matrices.
    samples : list of int
        The size of each batch.
    rounding : float
        How far rounding of the parameters puts a step off.
    """

    steps: list[Array]
    handed: list[Array]
    samples: list[int]
    rounding: float

    def taken(self, shares: Sequence[float], *, is_of_batch: bool) -> float | None:
        """Return how many times steps take so many shares of what is handed out, if they do.

        Parameters
        ----------
        is_of_batch : bool
            Whether shares are made of nothing but the sizes of the batches.
        """
        if all(abs(share - 1) <= NEAR for share in shares):
            return None  # steps by what is handed out make up for nothing
        own = [share * gradient for share, gradient in zip(shares, self.handed, strict=True)]
        if self._are_ahead(own):
            return 1.0
        times, left = fit(self.steps[0], own[0])
        is_told = is_of_batch and max(shares) - min(shares) > NEAR * max(shares)
        momentum, _ = fit(self.steps[1] - times * own[1], self.steps[0])
        # The first step of a moving average takes as little of the gradient as it is to keep.
        is_average = abs(momentum + times - 1) <= CLOSE and momentum > CLOSE
        if not ((is_told or is_average) and left <= CLOSE and times > 0):
            times = 1.0
        own = [times * gradient for gradient in own]
        momentum, _ = fit(self.steps[1] - own[1], self.steps[0])
        before = [np.zeros_like(self.steps[0]), *self.steps]
        if -CLOSE <= momentum <= 1 + CLOSE and all(
            self._is_near(step, momentum * last + gradient)
            for step, last, gradient in zip(self.steps, before, own, strict=False)
        ):
            return times
        return None

    def _are_ahead(self, gradients: Sequence[Array]) -> bool:
        """Whether steps are those of Nesterov's momentum, which the first one shows."""
        times, _ = fit(self.steps[0], gradients[0])
        momentum = times - 1
        if not CLOSE < momentum < 1:
            return False
        velocity = np.zeros_like(self.steps[0])
        for step, gradient in zip(self.steps, gradients, strict=False):
            velocity = momentum * velocity + gradient
            if not self._is_near(step, gradient + momentum * velocity):
                return False
        return True

    def _is_near(self, step: Array, wanted: Array) -> bool:
        off = np.linalg.norm(step - wanted)
        return bool(off <= CLOSE * np.linalg.norm(step) + self.rounding)


def _walked(inquiry: Inquiry) -> _Walk | None:
    """Return steps beside the gradients that are handed out; None if there are no such.

    Where steps drop units, both draw the same ones.
    """
    if is_inferred(inquiry) or inquiry.subject.network.step is None:
        return None
    subject = in_training(inquiry).subject
    one, other = ends(inquiry.batches[0]) if subject.single else inquiry.batches
    rate = subject.network.lr or RATES[0]
    handed = []
    try:
        with subject.drawing_alike(_ANY_SEED):
            walk = walk_on(replace(inquiry, subject=subject), [one, other, one], rate)
            for layers, batch in zip(walk.layers, walk.batches, strict=False):
                subject.begin(layers)
                handed.append(_matrices(subject.gradients(batch)))
    except SubjectError:
        return None
    places = [_matrices(layers) for layers in walk.layers]
    steps = [(before - after) / rate for before, after in pairwise(places)]
    if any(gradient.shape != step.shape for gradient, step in zip(handed, steps, strict=False)):
        return None
    steps = _without_decay(steps, handed, places)
    rounding = 4 * precision_of(inquiry) * float(np.linalg.norm(places[0])) / rate
    samples = [len(inquiry.batches[0])] * 3 if subject.single else [len(b) for b in walk.batches]
    return _Walk(steps, handed, samples, rounding)


def _without_decay(
    steps: list[Array], handed: Sequence[Array], places: Sequence[Array]
) -> list[Array]:
    r"""Return steps without the multiple of the matrices that they add to what is handed out.

    .. math:: \theta_0 - \theta_1 = \eta (c \, g_0 + \lambda \theta_0)
    """
    basis = np.stack([handed[0], places[0]], axis=1)
    if not np.isfinite(basis).all() or not np.isfinite(steps[0]).all():
        return steps
    shares, *_ = np.linalg.lstsq(basis, steps[0], rcond=None)
    size = float(np.linalg.norm(steps[0]))
    is_alone = np.linalg.norm(steps[0] - shares[0] * handed[0]) <= CLOSE * size
    if is_alone or not np.linalg.norm(steps[0] - basis @ shares) <= CLOSE * size:
        return steps
    return [step - shares[1] * place for step, place in zip(steps, places, strict=False)]


def _matrices(layers: Layers) -> Array:
    return np.concatenate([layer.weight.ravel() for layer in layers])
