r"""What steps keep of those before, found without knowing a gradient.

Three steps are taken, and each but the first once more from the same parameters by a network that
is new. Where the two differ, something was kept. With momentum, whatever the gradients are and
whatever multiple of them the velocity takes,

.. math:: \Delta_2 - \Delta_2' = \mu \Delta_1, \qquad
          \Delta_3 - \Delta_3' = \mu^2 \Delta_1 + \mu \Delta_2'

and with Nesterov's, where :math:`q = \mu^2 / (1 + \mu)`,

.. math:: \Delta_2 - \Delta_2' = q \Delta_1, \qquad
          \Delta_3 - \Delta_3' = \mu q \Delta_1 + q \Delta_2'
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Tensors = Sequence[Array]

# How closely one tensor must show what is kept. Others may be off by about the size of a step,
# where an error is carried back through a matrix that has been updated.
_CLOSE, _ROUGH = 1e-6, 1e-3


@dataclass(frozen=True)
class Kept:
    """What a step has of those before.

    Attributes
    ----------
    kind : {"nothing", "momentum", "nesterov", "other"}
        The way in which it does.
    momentum : float
        Of which size; 1 where steps are added up.
    moves : bool
        Whether any step changes anything.
    """

    kind: str
    momentum: float = 0.0
    moves: bool = True


def kept(steps: Sequence[Tensors], anew: Sequence[Tensors]) -> Kept:
    """Return what steps keep of those before.

    Parameters
    ----------
    steps : sequence of three sequences of ndarray
        What each step adds to each tensor.
    anew : sequence of two sequences of ndarray
        What a new network adds in the place of the second and of the third.
    """
    first, second = steps[0], anew[0]
    beyond = [
        [one - other for one, other in zip(step, new, strict=True)]
        for step, new in zip(steps[1:], anew, strict=True)
    ]
    if all(_is_small(rest, first, _CLOSE) for rest in beyond):
        return Kept("nothing", moves=any(np.any(step) for step in first))
    share = _shares(beyond[0], [first])
    shares = _shares(beyond[1], [first, second])
    if share is None or shares is None or shares[1] == 0:
        return Kept("other")
    momentum = shares[0] / shares[1]
    for kind, expected in (("momentum", momentum), ("nesterov", momentum**2 / (1 + momentum))):
        off = max(abs(share[0] - expected), abs(shares[1] - expected))
        if momentum > 0 and off <= 10 * _CLOSE:
            return Kept(kind, _shortest(momentum))
    return Kept("other")


def _is_small(rest: Tensors, steps: Tensors, tolerance: float) -> bool:
    return all(
        np.linalg.norm(left) <= tolerance * np.linalg.norm(step)
        for left, step in zip(rest, steps, strict=True)
    )


def _shares(rest: Tensors, of: Sequence[Tensors]) -> Array | None:
    """Return the shares of some steps that are left over of all tensors, None if there are none."""
    found: list[tuple[float, Array]] = []
    for left, *steps in zip(rest, *of, strict=True):
        basis = np.stack([step.ravel() for step in steps], axis=1)
        size = float(np.linalg.norm(basis[:, 0]))
        if not np.isfinite(basis).all() or not np.isfinite(left).all():
            return None
        # Steps of one direction do not tell what is kept of them from a rate that grows.
        is_told = np.linalg.matrix_rank(basis, _ROUGH * size) == len(steps)
        if size and left.size > len(steps) and is_told:
            solution, *_ = np.linalg.lstsq(basis, left.ravel(), rcond=None)
            off = float(np.linalg.norm(left.ravel() - basis @ solution)) / size
            found.append((off, solution))
    if not found:
        return None
    off, best = min(found, key=lambda fitted: fitted[0])
    again = [
        left - sum(value * step for value, step in zip(best, steps, strict=True))
        for left, *steps in zip(rest, *of, strict=True)
    ]
    return best if off <= _CLOSE and _is_small(again, of[0], _ROUGH) else None


def _shortest(value: float) -> float:
    """Return the shortest number that is as near as what is kept is known."""
    texts = (f"{value:.{digits}g}" for digits in range(1, 17))
    return next(float(text) for text in texts if abs(float(text) - value) <= 10 * _CLOSE)
