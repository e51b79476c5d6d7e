"""Means that are divided by the number of samples of another batch."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.aspects.first_steps.first_step import Factors, observed_steps
from parity_tests.kit.aspects.walks import Trajectory
from parity_tests.kit.fitting import fit
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.optimizers.observed import Observed
from parity_tests.kit.subject.subject import Batch, Layers, by_name, flat, unflat
from parity_tests.kit.verdicts import Verdict, named

Array = NDArray[Any]
_CAUSE = "divisor-of-first-batch"


def of_first_divisor(
    inquiry: Inquiry, walk: Trajectory, loss: str, lr: float, factors: tuple[Factors, Factors]
) -> Observed | None:
    """Return steps on two batches in turn, beside gradients divided by the size of the first one.

    Parameters
    ----------
    factors : tuple of two `Factors`
        Of the gradients of each batch, where it is the first one.
    """
    first, second = map(len, walk.batches[:2])
    scale = inquiry.gradient_scale
    if scale is None or scale.power == 0 or first == second:
        return None
    times = (second / first) ** scale.power
    kept = [(factor * times, decay) for factor, decay in factors[1]]
    return observed_steps(inquiry, walk, loss, lr, (factors[0], kept))


def first_divisor_verdict(inquiry: Inquiry) -> Verdict:
    """Return what is said of steps whose gradients are divided by the size of the first batch."""
    first, second = map(len, inquiry.batches)
    seen = (
        f"after a step on a batch of {first}, one on a batch of {second} takes "
        f"{second}/{first} x the gradient that it takes as the first one"
    )
    return named("optimizer", _CAUSE, seen, None, second / first)


def kept_divisor(
    first: Batch, second: Batch, new: Array, after: Array, layers: Layers, tolerance: float
) -> list[Verdict]:
    """Return that the gradient of a batch is divided by the size of the one before it.

    That may be so of some tensors, and the others are as they should be.

    Parameters
    ----------
    new, after : ndarray
        The gradient of the second batch of a new network, and after that of the first batch.
    layers : list of Layer
        The parameters.
    """
    wanted = len(second) / len(first)
    if len(first) == len(second) or not new.shape == after.shape == flat(layers).shape:
        return []
    own, now = (by_name(unflat(vector, layers)) for vector in (new, after))
    fitted = {name: fit(now[name], own[name]) for name in own if own[name].any()}
    divided = [n for n, (factor, _) in fitted.items() if abs(factor / wanted - 1) <= tolerance]
    same = [n for n, (factor, _) in fitted.items() if abs(factor - 1) <= tolerance]
    residual = max((left for _, left in fitted.values()), default=np.inf)
    if not divided or residual > tolerance or len(divided) + len(same) < len(fitted):
        return []
    of = f" has on {' and '.join(divided)}" if same else " is"
    seen = (
        f"after that of a batch of {len(first)}, the gradient of a batch of {len(second)}{of} "
        f"{len(second)}/{len(first)} x that of a new network"
    )
    if same:
        seen += f", and {' and '.join(same)} {'are' if len(same) > 1 else 'is'} the same"
    verdict = named("side effects", _CAUSE, seen, divided[0] if same else "gradients", wanted)
    return [replace(verdict, residual=residual)]
