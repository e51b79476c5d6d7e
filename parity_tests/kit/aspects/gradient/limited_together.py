r"""Steps by gradients whose norm together has a limit, which that of some batches is below.

.. math:: c \, g \min\Big(1, \frac{L}{\lVert g \rVert}\Big)
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from parity_tests.kit.aspects.first_steps.kept_steps import what_is_kept
from parity_tests.kit.aspects.gradient.measured_factors import Factor
from parity_tests.kit.aspects.gradient.readings import explained
from parity_tests.kit.aspects.observing import is_inferred, observe
from parity_tests.kit.backprop.clipping import STEP_CLIPPED
from parity_tests.kit.causes import CAUSES
from parity_tests.kit.inquiry import CLOSE, Inquiry
from parity_tests.kit.scales import NEAR, Scale, ratio
from parity_tests.kit.subject.subject import Batch, SubjectError, flat
from parity_tests.kit.verdicts import CONVENTION, Verdict

# Of how many batches the norm has to be the limit, and how many have to be below it.
_SEVERAL = 2


@dataclass(frozen=True)
class _Taken:
    """What a step takes of the gradient of one batch: how many times, and the norm of that."""

    times: float
    norm: float


def of_limited_together(
    inquiry: Inquiry, factors: Sequence[Factor], expected: Scale, loss: str | None
) -> tuple[list[Verdict], list[Factor]]:
    """Return that the norm has one limit, and the factors of what is below it.

    Both batches, their samples and pairs of these are asked.

    Parameters
    ----------
    factors : sequence of Factor
        Those of both batches, which no power of their sizes explains.
    loss : str or None
        The one that is meant.

    Returns
    -------
    tuple of (list of Verdict, list of Factor)
        Both empty if it is not that. Factors are left out where steps keep something of those
        before: an average takes only a part of a first gradient, Nesterov's momentum more.
    """
    if not is_inferred(inquiry) or inquiry.subject.single or inquiry.is_one_by_one:
        return [], []
    if not factors or any(own.scale is not None or own.ratio is None for own in factors):
        return [], []
    taken = _taken(inquiry, expected, loss)
    if not taken:
        return [], []
    most = max(own.times for own in taken)
    free = [own.norm for own in taken if own.times >= most * (1 - NEAR)]
    reached = [own.norm for own in taken if own.times < most * (1 - NEAR)]
    if min(len(free), len(reached)) < _SEVERAL:
        return [], []
    if np.ptp(reached) > CLOSE * max(reached) or max(free) > max(reached) * (1 + CLOSE):
        return [], []
    told = f"the norm of all gradients together is at most {max(reached):.6g} in a step"
    message = f"{CAUSES[STEP_CLIPPED].title}: {told}, and their directions are right"
    clipped = Verdict("gradient", CONVENTION, message, None, STEP_CLIPPED)
    return [clipped], _below(inquiry, factors, expected, most)


def _taken(inquiry: Inquiry, expected: Scale, loss: str | None) -> list[_Taken]:
    """Return what steps take of each batch; empty if tensors are taken differently often."""
    first, second = inquiry.batches
    parts = [first, second]
    for size in (1, 2):
        starts = range(0, len(first) - size + 1, size)
        parts += [first.part(slice(start, start + size)) for start in starts]
    found = []
    for batch in parts:
        times = _times(inquiry, batch, expected, loss)
        if times is None:
            return []
        found.append(times)
    return found


def _times(inquiry: Inquiry, batch: Batch, expected: Scale, loss: str | None) -> _Taken | None:
    try:
        seen, after = observe(inquiry, batch)
    except SubjectError:
        return None
    own = explained(inquiry, batch, seen, after, loss)
    told = [f for f in own.findings if not (f.is_vacant or f.relative)]
    if not told or any(not f.known or f.causes for f in told):
        return None
    times = np.array([f.factor for f in told]) / expected.at(len(batch))
    if np.ptp(times) > CLOSE * np.abs(times).max() or times.min() <= 0:
        return None
    return _Taken(float(np.median(times)), float(np.linalg.norm(flat(seen))))


def _below(
    inquiry: Inquiry, factors: Sequence[Factor], expected: Scale, times: float
) -> list[Factor]:
    kept = what_is_kept(inquiry)
    if kept is None or kept.kind != "nothing":
        return []
    scale = Scale(expected.constant * times, expected.power)
    between = ratio(scale, expected, inquiry.subject.sizes, NEAR)
    if between is None:
        return []
    return [Factor(factor.finding, scale, between, factor.other) for factor in factors]
