"""What a first step takes of gradient and parameters, and what later ones are held to."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from parity_tests.kit.aspects.walks import Trajectory, right_gradient
from parity_tests.kit.backprop import fit
from parity_tests.kit.inquiry import CLOSE, Inquiry
from parity_tests.kit.optimizers.formulas import Asked
from parity_tests.kit.optimizers.observed import Observed
from parity_tests.kit.optimizers.rules import cornered
from parity_tests.kit.penalties import PENALTIES
from parity_tests.kit.subject import by_name, flat, tensors

# Factors of gradient and parameter, of each tensor.
Factors = list[tuple[float, float]]
# Entries of a tensor of which two numbers that are fitted can be told.
_ENOUGH = 3


def first_factors(inquiry: Inquiry, walk: Trajectory, loss: str, lr: float) -> Factors | None:
    r"""Return the factors of gradient and parameter in the first step of each tensor.

    .. math:: \theta_0 - \theta_1 = \eta (c \, g + w \, \theta_0)

    Returns
    -------
    list of tuple of (c, w), or None if a step is no such sum
    """
    gradient = tensors(right_gradient(inquiry, loss, walk.layers[0], walk.batches[0]))
    before, after = tensors(walk.layers[0]), tensors(walk.layers[1])
    largest: tuple[float, float] | None = None
    factors: dict[int, tuple[float, float]] = {}
    several = list(zip(gradient, before, after, strict=True))
    for index in sorted(range(len(several)), key=lambda k: -several[k][0].size):
        g, old, new = several[index]
        step = (old - new).ravel() / lr
        factor, residual = fit(step, g)
        decay = 0.0
        if len(step) < _ENOUGH and largest is not None:
            # One number is a multiple of any other: the share of the others is tried first.
            rest, other = fit(step - largest[1] * old.ravel(), g)
            if other <= inquiry.tolerance and abs(rest - largest[0]) <= 1e-6 * abs(largest[0]):
                factors[index] = rest, largest[1]
                continue
        if residual > inquiry.tolerance:
            basis = np.stack([g.ravel(), old.ravel()], axis=1)
            if not np.isfinite(step).all() or len(step) < _ENOUGH:
                return None
            (factor, decay), *_ = np.linalg.lstsq(basis, step, rcond=None)
            left = np.linalg.norm(step - basis @ [factor, decay])
            if left > inquiry.tolerance * np.linalg.norm(step):
                return None
        factors[index] = float(factor), float(decay)
        largest = largest or factors[index]
    return [factors[index] for index in range(len(several))]


def without_decay(inquiry: Inquiry, factors: Factors, given: Mapping[str, float | None]) -> Factors:
    """Leave out what the optimizer adds of the parameters, if it is declared to have a decay.

    What a penalty adds besides, in the loss or declared, stays with the gradient.
    """
    own = given.get("weight_decay")
    if not own:
        return factors
    left = []
    for name, (factor, decay) in zip(by_name(inquiry.layers), factors, strict=True):
        penalty = inquiry.penalty.of(name).get("squares", 0.0) if inquiry.penalty else 0.0
        share = PENALTIES["squares"].factor * penalty
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
        gradients.append(
            np.concatenate(
                [
                    (factor * g + decay * value).ravel()
                    for g, value, (factor, decay) in zip(
                        right, values, factors[number % 2], strict=True
                    )
                ]
            )
        )
    places = np.stack([flat(layers) for layers in walk.layers])
    shapes = tuple(array.shape for array in tensors(walk.layers[0]))
    samples = tuple(map(len, walk.batches))
    matrices = tuple(name.startswith("W") for name in by_name(walk.layers[0]))
    asked = Asked(lr, shapes, places[:-1], np.stack(gradients), samples, matrices)
    groups = np.zeros(places.shape[1], int)
    precision = 2e-16 if inquiry.tolerance < CLOSE else 1e-7
    return cornered(Observed(asked, np.diff(places, axis=0), groups, inquiry.tolerance, precision))
