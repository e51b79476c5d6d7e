"""What a first step takes of gradient and parameters, and what later ones are held to."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.aspects.observing import precision_of
from parity_tests.kit.aspects.walks import Trajectory, right_gradient
from parity_tests.kit.fitting import fit
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.optimizers.asking import cornered
from parity_tests.kit.optimizers.formulas import Asked
from parity_tests.kit.optimizers.observed import Observed
from parity_tests.kit.penalties import slopes_of
from parity_tests.kit.subject.subject import by_name, flat, tensors

Array = NDArray[Any]
# Factors of gradient and parameter, of each tensor.
Factors = list[tuple[float, float]]
# The same, or None for a tensor whose step is no sum of the two.
Shown = list[tuple[float, float] | None]
# Entries of a tensor of which two numbers that are fitted can be told.
ENOUGH = 3


def first_factors(inquiry: Inquiry, walk: Trajectory, loss: str, lr: float) -> Shown:
    r"""Return the factors of gradient and parameter in the first step of each tensor.

    .. math:: \theta_0 - \theta_1 = \eta (c \, g + w \, \theta_0)

    Returns
    -------
    list of tuple of (c, w), or None for a tensor whose step is no such sum
    """
    precision = precision_of(inquiry)
    gradient = tensors(right_gradient(inquiry, loss, walk.layers[0], walk.batches[0]))
    before, after = tensors(walk.layers[0]), tensors(walk.layers[1])
    others: Factors = []
    several = list(zip(gradient, before, after, strict=True))
    factors: Shown = [None] * len(several)
    for index in sorted(range(len(several)), key=lambda k: -several[k][0].size):
        g, old, new = several[index]
        step = (old - new).ravel() / lr
        # What parameters are rounded to shows in short steps.
        rounding = 2 * precision * float(np.linalg.norm(old)) / lr
        allowed = inquiry.of_steps * float(np.linalg.norm(step)) + rounding
        found = _factors_of(step, g.ravel(), old.ravel(), allowed, others)
        factors[index] = found
        others += [found] if found is not None else []
    return factors


def _factors_of(
    step: Array, g: Array, old: Array, allowed: float, others: Factors
) -> tuple[float, float] | None:
    if not np.isfinite(step).all():
        return None
    # One number is a multiple of any other: the shares of the others are tried first.
    for whole, share in others if len(step) < ENOUGH else ():
        rest = step - share * old - whole * g
        if np.linalg.norm(rest) <= allowed + 1e-6 * abs(whole) * np.linalg.norm(g):
            return whole, share
    if not step.any():
        return (0.0, 0.0) if len(step) >= ENOUGH or not g.any() else None
    factor, residual = fit(step, g)
    if residual * np.linalg.norm(step) <= allowed:
        return float(factor), 0.0
    if len(step) < ENOUGH:
        return None
    basis = np.stack([g, old], axis=1)
    (factor, decay), *_ = np.linalg.lstsq(basis, step, rcond=None)
    is_sum = np.linalg.norm(step - basis @ [factor, decay]) <= allowed
    return (float(factor), float(decay)) if is_sum else None


def all_known(factors: Shown) -> Factors | None:
    """Return the factors if those of all tensors are known."""
    known = [pair for pair in factors if pair is not None]
    return known if len(known) == len(factors) else None


def without_decay(inquiry: Inquiry, factors: Factors, given: Mapping[str, float | None]) -> Factors:
    """Leave out what the optimizer adds of the parameters, if it is declared to have a decay.

    What a penalty adds besides, in the loss or declared, stays with the gradient.
    """
    own = given.get("weight_decay")
    if not own:
        return factors
    left = []
    for name, (factor, decay) in zip(by_name(inquiry.layers), factors, strict=True):
        penalty = slopes_of(inquiry.penalty.of(name)) if inquiry.penalty else {}
        share = penalty.get("squares", 0.0)
        if not inquiry.penalty and name.startswith("W"):
            share = inquiry.spec.weight_decay or 0.0
        both = abs(decay - share - own) <= 1e-6 * abs(share + own)
        left.append((factor, share if both else 0.0))
    return left


def observed_steps(
    inquiry: Inquiry, walk: Trajectory, loss: str, lr: float, factors: Sequence[Any]
) -> Observed:
    """Return the steps of a walk beside the gradients that they should go by.

    Parameters
    ----------
    factors : sequence of two `Factors`
        Of the gradients of both batches.
    """
    gradients = []
    for number, (layers, batch) in enumerate(zip(walk.layers, walk.batches, strict=False)):
        right = tensors(right_gradient(inquiry, loss, layers, batch))
        values = tensors(layers)
        own = zip(right, values, factors[number % 2], strict=True)
        gradients.append([factor * g + decay * value for g, value, (factor, decay) in own])
    return seen_steps(walk, lr, gradients, inquiry.of_steps, precision_of(inquiry))


def seen_steps(
    walk: Trajectory,
    lr: float,
    gradients: Sequence[Sequence[Array]],
    tolerance: float,
    precision: float,
) -> Observed:
    """Return the steps of a walk beside gradients at each place of it.

    Parameters
    ----------
    gradients : sequence of sequence of ndarray
        One for each tensor, of each step.
    """
    places = np.stack([flat(layers) for layers in walk.layers])
    shapes = tuple(array.shape for array in tensors(walk.layers[0]))
    samples = tuple(map(len, walk.batches))
    layers = walk.layers[0]
    matrices = tuple(
        name.startswith("W") and tensor.ndim > 1 for name, tensor in by_name(layers).items()
    )
    joined = np.stack([np.concatenate([np.ravel(g) for g in own]) for own in gradients])
    asked = Asked(lr, shapes, places[:-1], joined, samples, matrices, tuple(by_name(layers)))
    groups = np.zeros(places.shape[1], int)
    return cornered(Observed(asked, np.diff(places, axis=0), groups, tolerance, precision))
