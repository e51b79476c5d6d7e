r"""Gradients whose norm is a number, whatever the batch: clipped to it, or divided by their own.

.. math:: g \min\Big(1, \frac{c}{\lVert g \rVert}\Big) \quad \text{or} \quad
          c \, \frac{g}{\lVert g \rVert}
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.aspects.gradient.measured_factors import Factor
from parity_tests.kit.aspects.observing import is_inferred
from parity_tests.kit.backprop.clipping import CAUSE, STEP_CLIPPED
from parity_tests.kit.causes import CAUSES
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.scales import Scale
from parity_tests.kit.subject.subject import Layers, by_name
from parity_tests.kit.verdicts import CONVENTION, Verdict, named

Array = NDArray[Any]
# How closely norms are the same.
_NEAR = 1e-6
# Of how many gradients the norm has to be the same to be a limit.
_SEVERAL = 2


def of_norms(
    inquiry: Inquiry,
    seen: Sequence[Layers],
    names: Sequence[str],
    which: str = "both batches",
    *,
    is_shared: bool = True,
) -> list[Verdict]:
    """Return that the gradient has one norm with several batches: all of it, or every tensor.

    Parameters
    ----------
    seen : sequence of lists of Layer
        The gradients of the batches, each a multiple of what is expected of it.
    names : sequence of str
        The tensors of which that is known.
    which : str, optional
        The batches, in words.
    is_shared : bool, default True
        Whether all tensors are the same multiple of what is expected. Where each has its own, their
        norm together has no limit.
    """
    tensors = [by_name(own) for own in seen]
    if len(tensors) < 2 or set(names) < set(tensors[0]):
        return []
    each = np.array([[np.linalg.norm(own[name]) for name in names] for own in tensors])
    if _are_same(each.ravel()):
        of, norm = "of every gradient", float(each[0, 0])
    elif is_shared and _are_same(np.linalg.norm(each, axis=1)):
        of, norm = "of all gradients together", float(np.linalg.norm(each[0]))
    else:
        return []
    told = f"the norm {of} is {norm:.6g} with {which}, and their directions are right"
    if is_inferred(inquiry):
        message = f"{CAUSES[STEP_CLIPPED].title}, or divided by their norm: {told}"
        return [Verdict("gradient", CONVENTION, message, None, STEP_CLIPPED)]
    return [named("gradient", CAUSE, f"{told}, unless it is divided by its norm", names[0])]


def of_limited(inquiry: Inquiry, factors: Sequence[Factor], expected: Scale) -> list[Verdict]:
    r"""Return that the norm of every gradient in a step has one limit, which some are below.

    .. math:: g \min\Big(1, \frac{c}{\lVert g \rVert}\Big)
    """
    if not is_inferred(inquiry):
        return []
    shares, norms = [], []
    for number, (answer, batch) in enumerate(
        zip(inquiry.evidence.answers, inquiry.batches, strict=True)
    ):
        if answer.gradients is None:
            return []
        own = by_name(answer.gradients)
        for factor in factors:
            finding = (factor.finding, factor.other)[number]
            if finding is None or not finding.known or finding.causes:
                return []
            shares.append(finding.factor / expected.at(len(batch)))
            norms.append(float(np.linalg.norm(own[finding.tensor])))
    share, norm = np.array(shares), np.array(norms)
    is_limited = share < 1 - _NEAR
    if is_limited.sum() < _SEVERAL or is_limited.all() or (share[~is_limited] > 1 + _NEAR).any():
        return []
    limit = float(norm[is_limited].max())
    if share.min() <= 0 or not _are_same(norm[is_limited]) or norm.max() > limit * (1 + _NEAR):
        return []
    told = f"the norm of every gradient is at most {limit:.6g} in a step"
    message = f"{CAUSES[STEP_CLIPPED].title}: {told}, and their directions are right"
    return [Verdict("gradient", CONVENTION, message, None, STEP_CLIPPED)]


def are_of_one_norm(seen: Sequence[Layers]) -> bool:
    """Whether each tensor has one norm with all batches, and not all have the same."""
    each = np.array([[np.linalg.norm(tensor) for tensor in by_name(own).values()] for own in seen])
    if len(each) < 2 or not np.isfinite(each).all():
        return False
    return all(map(_are_same, each.T)) and not _are_same(each.ravel())


def _are_same(norms: Array) -> bool:
    return bool(norms.min() > 0 and np.ptp(norms) <= _NEAR * norms.max())
