r"""Nesterov's momentum with the gradient at the place ahead, recomputed.

.. math:: v_{t+1} = \mu v_t - \eta \, g(\theta_t + \mu v_t), \qquad
          \theta_{t+1} = \theta_t + v_{t+1}

PyTorch keeps the place ahead in its parameters, where the gradient is at hand. Some keep neither
apart: they go to the place ahead and add the velocity there, which has momentum in it twice. With
a velocity that is subtracted, some go :math:`\mu v_t` the other way for the gradient.

References
----------
I. Sutskever, J. Martens, G. Dahl, G. Hinton: On the importance of initialization and momentum in
deep learning. ICML 2013. https://proceedings.mlr.press/v28/sutskever13.html
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.aspects.first_steps.first_step import Factors
from parity_tests.kit.aspects.first_steps.shares import average_verdict, first_share
from parity_tests.kit.aspects.walks import Trajectory
from parity_tests.kit.causes import CAUSES
from parity_tests.kit.fitting import fit
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.optimizers.formulas import DEFAULTS
from parity_tests.kit.optimizers.search import USUAL
from parity_tests.kit.subject.subject import Batch, Layers, flat, tensors, unflat
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, Verdict, named

Array = NDArray[Any]
GradientAt = Callable[[Layers, Batch], Layers]
# Misfit of the second step up to which a momentum between the usual ones is looked for.
_NEAR, _ATTEMPTS = 0.3, 12
# Momentum from which there is any.
_LEAST = 1e-4


@dataclass(frozen=True)
class _Way:
    """Where the gradient is taken.

    Attributes
    ----------
    sign : int
        1 ahead of the parameters, -1 behind them.
    is_kept : bool
        Whether the step starts from there.
    cause : str
        What is wrong with it, if anything is.
    """

    sign: int
    is_kept: bool
    cause: str = ""

    @property
    def place(self) -> str:
        """The place, in a word."""
        return "ahead" if self.sign > 0 else "behind"


_WAYS = (
    _Way(1, False),
    _Way(1, True, "nesterov-ahead-kept"),
    _Way(-1, False, "nesterov-look-behind"),
    _Way(-1, True, "nesterov-look-behind"),
)


class _Steps:
    """Steps of a walk, and those that a velocity with a gradient ahead would take."""

    def __init__(
        self,
        inquiry: Inquiry,
        walk: Trajectory,
        gradient: GradientAt,
        lr: float,
        factors: Sequence[Factors],
    ) -> None:
        self.inquiry, self.walk, self.gradient, self.lr = inquiry, walk, gradient, lr
        self.places = [flat(layers) for layers in walk.layers]
        sizes = [array.size for array in tensors(walk.layers[0])]
        self.factors = [np.repeat(np.array(of_batch).T, sizes, axis=1) for of_batch in factors]

    def pairs(self, momentum: float, way: _Way, count: int) -> list[tuple[Array, Array]]:
        """Return what the first steps add, and what is recomputed from the steps before each."""
        velocity = np.zeros_like(self.places[0])
        found = []
        for number in range(count):
            before = self.places[number]
            ahead = before + way.sign * momentum * velocity
            there = unflat(ahead, self.walk.layers[0])
            own = self.gradient(there, self.walk.batches[number])
            factor, decay = self.factors[number % 2]
            gradient = factor * flat(own) + decay * ahead
            step = self.places[number + 1] - before
            base = ahead - before if way.is_kept else np.zeros_like(before)
            found.append((step, base + momentum * velocity - self.lr * gradient))
            velocity = step - base
        return found

    def misfit(self, momentum: float, way: _Way) -> float:
        """Return how far the worst step is off, over its own norm."""
        pairs = self.pairs(momentum, way, len(self.walk.batches))
        return max(_off(step, predicted) for step, predicted in pairs)

    def fitted(self, way: _Way, tried: Sequence[float]) -> float | None:
        """Return the momentum that reproduces all steps: one that is tried, or one near it."""
        tolerance = self.inquiry.of_steps
        off = {momentum: _off(*self.pairs(momentum, way, 2)[1]) for momentum in tried}
        nearest = min(off, key=lambda momentum: off[momentum])
        if off[nearest] > _NEAR:
            return None
        if off[nearest] > tolerance:
            nearest = self._refined(nearest, way)
        return nearest if self.misfit(nearest, way) <= tolerance else None

    def _refined(self, momentum: float, way: _Way) -> float:
        """Return the momentum that brings the second step closest, by Gauss-Newton."""
        for _ in range(_ATTEMPTS):
            step, predicted = self.pairs(momentum, way, 2)[1]
            _, moved = self.pairs(momentum + 1e-6, way, 2)[1]
            slope = (moved - predicted) / 1e-6
            size = float(slope @ slope)
            if not np.isfinite(size) or size == 0:
                break
            momentum += float(np.clip(slope @ (step - predicted) / size, -0.3, 0.3))
        texts = (float(f"{momentum:.{digits}g}") for digits in range(1, 13))
        close = (value for value in texts if abs(value - momentum) <= 1e-8)
        return next(close, momentum)


def _off(step: Array, predicted: Array) -> float:
    size = float(np.linalg.norm(step))
    left = float(np.linalg.norm(step - predicted))
    return left / size if np.isfinite(left) and size else np.inf


def of_ahead(
    inquiry: Inquiry,
    walk: Trajectory,
    gradient: GradientAt,
    lr: float,
    factors: Sequence[Factors],
    kind: str | None,
    given: Mapping[str, float | None],
) -> list[Verdict]:
    """Recompute steps with the gradient at the place ahead; empty if they are none of those.

    Parameters
    ----------
    gradient : callable
        ``f(layers, batch)``, what `factors` are of.
    factors : sequence of two `Factors`
        Of gradient and parameter in the first step on each batch.
    """
    if kind not in (None, "sgd", "momentum", "nesterov"):
        return []
    steps = _Steps(inquiry, walk, gradient, lr, factors)
    declared = given.get("momentum")
    usual = [momentum for momentum in (declared, *USUAL["momentum"]) if momentum]
    for way in _WAYS:
        momentum = steps.fitted(way, usual)
        if momentum is None or not _LEAST < momentum < 1:
            continue
        residual = steps.misfit(momentum, way)
        seen = (
            f"all {len(walk.batches)} steps are those of momentum {momentum:g} with the gradient "
            f"at the place {way.place} (residual {residual:.1g})"
        )
        if way.cause:
            return [named("optimizer", way.cause, seen, residual=residual)]
        if kind not in (None, "nesterov"):
            return [named("optimizer", "another-optimizer", f"{seen}, declared is {kind}")]
        if declared is not None and abs(declared - momentum) > 1e-8:
            told = f"momentum is {momentum:g}, declared is {declared:g}; {seen}"
            return [named("optimizer", "another-hyperparameter", told, residual=residual)]
        first, left = first_share(inquiry, (1.0, 1 - momentum), residual)
        average = [] if first == 1 else [average_verdict(momentum, first, residual)]
        cause = "nesterov-gradient-ahead"
        message = f"{CAUSES[cause].title}: {seen}. {CAUSES[cause].advice}"
        told_ahead = Verdict("optimizer", CONVENTION, message, None, cause, None, residual)
        return [*left, told_ahead, *average]
    return []


def nearest_ahead(
    inquiry: Inquiry,
    walk: Trajectory,
    gradient: GradientAt,
    lr: float,
    factors: Sequence[Factors],
    declared: float | None,
) -> Verdict:
    """Say which step is the first that is neither PyTorch's Nesterov nor the textbooks'."""
    steps = _Steps(inquiry, walk, gradient, lr, factors)
    momentum = declared or float(DEFAULTS["nesterov"]["momentum"])
    pairs = steps.pairs(momentum, _WAYS[0], len(steps.walk.batches))
    off = [_off(step, predicted) for step, predicted in pairs]
    number = next((n for n, value in enumerate(off) if value > inquiry.of_steps), 0)
    factor, residual = fit(*pairs[number])
    message = (
        f"step {number + 1} is neither PyTorch's Nesterov nor, with the gradient at the place "
        f"ahead, the textbooks': of the latter the nearest multiple is {factor:.4g} x, which "
        f"leaves {residual:.2g} of its norm. The cause is unknown."
    )
    return Verdict("optimizer", DIFFERS, message, None, None, None, residual)
