r"""Gradients whose norm is a number, whatever the batch: clipped to it, or divided by their own.

.. math:: g \min\Big(1, \frac{c}{\lVert g \rVert}\Big) \quad \text{or} \quad
          c \, \frac{g}{\lVert g \rVert}
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.aspects.observing import is_inferred
from parity_tests.kit.causes import CAUSES
from parity_tests.kit.clipping import CAUSE, STEP_CLIPPED
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.subject import Layers, by_name
from parity_tests.kit.verdicts import CONVENTION, Verdict, named

Array = NDArray[Any]
# How closely norms are the same.
_NEAR = 1e-6


def of_norms(
    inquiry: Inquiry, seen: Sequence[Layers], names: Sequence[str], which: str = "both batches"
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
    """
    tensors = [by_name(own) for own in seen]
    if len(tensors) < 2 or set(names) < set(tensors[0]):
        return []
    each = np.array([[np.linalg.norm(own[name]) for name in names] for own in tensors])
    if _are_same(each.ravel()):
        of, norm = "of every gradient", float(each[0, 0])
    elif _are_same(np.linalg.norm(each, axis=1)):
        of, norm = "of all gradients together", float(np.linalg.norm(each[0]))
    else:
        return []
    told = f"the norm {of} is {norm:.6g} with {which}, and their directions are right"
    if is_inferred(inquiry):
        message = f"{CAUSES[STEP_CLIPPED].title}, or divided by their norm: {told}"
        return [Verdict("gradient", CONVENTION, message, None, STEP_CLIPPED)]
    return [named("gradient", CAUSE, f"{told}, unless it is divided by its norm", names[0])]


def _are_same(norms: Array) -> bool:
    return bool(norms.min() > 0 and np.ptp(norms) <= _NEAR * norms.max())
