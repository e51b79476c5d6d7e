r"""Derivatives of hinge losses with the condition, or the class that is meant, written wrongly.

.. math:: \frac{\partial}{\partial p_j} \sum_{k \ne c} \max(0, 1 + p_k - p_c) =
          [1 + p_j - p_c > 0] \text{ for } j \ne c, \quad
          -\sum_{k \ne c} [1 + p_k - p_c > 0] \text{ for } j = c

Weston and Watkins (1999); of a single output :math:`-t \, [t p < 1]`.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.candidates.candidate import Candidate
from parity_tests.kit.functions import Output
from parity_tests.kit.losses import BINARY_HINGES, LOSSES, Loss, hinge_back

Array = NDArray[Any]
_MARGIN, _MASK, _OWN = "hinge-margin-missing", "hinge-mask-missing", "hinge-own-class"
_INVERTED = "derivative-inverted"


def of_margins(kind: str, function: Output, p: Array, z: Array, y: Array) -> Iterator[Candidate]:
    """Yield the gradients of the last pre-activation that such derivatives make.

    Parameters
    ----------
    kind : str
        The loss that is meant; nothing comes of one that is no hinge.
    function : Output
        The function of the last layer, with its output `p` for the pre-activation `z`.
    y : ndarray of shape (samples, outputs)
        Targets.
    """
    loss = BINARY_HINGES.get(kind) or LOSSES.get(kind)
    if loss is None or "hinge" not in kind:
        return
    wrong = _of_one(loss, p, y) if kind in BINARY_HINGES else _of_several(loss, p, y)
    for causes, slope, text in wrong:
        yield Candidate(function.back(slope, z), text, causes, kind)


# Causes, derivative by the output, formula.
_Wrong = tuple[tuple[str, ...], Array, str]


def _of_one(loss: Loss, p: Array, y: Array) -> Iterator[_Wrong]:
    # At 0 each margin is missed, and the slope is -t, or -2 t.
    straight = loss.slope(np.zeros_like(p), y)
    sign = -np.sign(straight)
    right = loss.slope(p, y)
    if np.abs(straight).max() > 1:
        every = straight * (1 - sign * p)
        yield (_MASK,), every, "-2 t (1 - t p) of every sample"
        yield (_MARGIN,), straight * np.maximum(0, -sign * p), "-2 t max(0, -t p)"
        yield (_INVERTED,), every - right, "-2 t (1 - t p) [t p > 1]"
    else:
        yield (_MASK,), straight, "-t of every sample"
        missed = straight * (sign * p < 0)
        yield (_MARGIN,), missed, "-t [t p < 0]"
        yield (_INVERTED,), straight - right, "-t [t p > 1]"
        yield (_INVERTED, _MARGIN), straight - missed, "-t [t p > 0]"


def _of_several(loss: Loss, p: Array, y: Array) -> Iterator[_Wrong]:
    own = (p * y).sum(axis=1, keepdims=True)
    # With the class that is meant raised by 1, its margin is that without 1; lowered far, all are
    # missed.
    missed = loss.slope(p + y, y)
    yield (_MARGIN,), missed, f"{loss.formula} without the margin of 1"
    if loss.name == "squared_hinge":
        every = hinge_back(2 * (p - own + 1) * (1 - y), y)
    else:
        every = loss.slope(p - y * (1 + np.ptp(p)), y)
        yield (_INVERTED, _MARGIN), every - missed, f"{loss.formula} of margins of 0 that are kept"
    yield (_MASK,), every, f"{loss.formula} of every class"
    right = loss.slope(p, y)
    yield (_INVERTED,), every - right, f"{loss.formula} of margins that are kept"
    others = right * (1 - y)
    yield (_OWN,), others, f"{loss.formula} of the other classes alone"
    any_missed = others.any(axis=1, keepdims=True)
    if loss.name == "hinge":
        text = f"{loss.formula} with -1 for the class that is meant"
        yield (_OWN,), others - y * any_missed, text
    yield (_OWN,), others - y, f"{loss.formula} with -1 for the class that is meant, always"
