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
    for cause, slope, text in wrong:
        yield Candidate(function.back(slope, z), text, (cause,), kind)


def _of_one(loss: Loss, p: Array, y: Array) -> Iterator[tuple[str, Array, str]]:
    # At 0 each margin is missed, and the slope is -t, or -2 t.
    straight = loss.slope(np.zeros_like(p), y)
    sign = -np.sign(straight)
    if np.abs(straight).max() > 1:
        yield _MASK, straight * (1 - sign * p), "-2 t (1 - t p) of every sample"
        yield _MARGIN, straight * np.maximum(0, -sign * p), "-2 t max(0, -t p)"
    else:
        yield _MASK, straight, "-t of every sample"
        yield _MARGIN, straight * (sign * p < 0), "-t [t p < 0]"


def _of_several(loss: Loss, p: Array, y: Array) -> Iterator[tuple[str, Array, str]]:
    own = (p * y).sum(axis=1, keepdims=True)
    # With the class that is meant raised by 1, its margin is that without 1; lowered far, all are
    # missed.
    yield _MARGIN, loss.slope(p + y, y), f"{loss.formula} without the margin of 1"
    if loss.name == "squared_hinge":
        mask = hinge_back(2 * (p - own + 1) * (1 - y), y)
    else:
        mask = loss.slope(p - y * (1 + np.ptp(p)), y)
    yield _MASK, mask, f"{loss.formula} of every class"
    right = loss.slope(p, y)
    others = right * (1 - y)
    yield _OWN, others, f"{loss.formula} of the other classes alone"
    missed = others.any(axis=1, keepdims=True)
    if loss.name == "hinge":
        yield _OWN, others - y * missed, f"{loss.formula} with -1 for the class that is meant"
    yield _OWN, others - y, f"{loss.formula} with -1 for the class that is meant, always"
