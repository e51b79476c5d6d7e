"""What a first step takes of gradient and parameters, and what later ones are held to."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from parity_tests.kit.aspects.walks import Trajectory, right_gradient
from parity_tests.kit.backprop import fit
from parity_tests.kit.inquiry import CLOSE, Inquiry
from parity_tests.kit.optimizers.formulas import Asked
from parity_tests.kit.optimizers.observed import Observed
from parity_tests.kit.optimizers.rules import cornered
from parity_tests.kit.subject import flat, tensors

# Factors of gradient and parameter, of each tensor.
Factors = list[tuple[float, float]]


def first_factors(inquiry: Inquiry, walk: Trajectory, loss: str, lr: float) -> Factors | None:
    r"""Return the factors of gradient and parameter in the first step of each tensor.

    .. math:: \theta_0 - \theta_1 = \eta (c \, g + w \, \theta_0)

    Returns
    -------
    list of tuple of (c, w), or None if a step is no such sum
    """
    gradient = tensors(right_gradient(inquiry, loss, walk.layers[0], walk.batches[0]))
    before, after = tensors(walk.layers[0]), tensors(walk.layers[1])
    factors = []
    for g, old, new in zip(gradient, before, after, strict=True):
        step = (old - new).ravel() / lr
        factor, residual = fit(step, g)
        decay = 0.0
        if residual > inquiry.tolerance:
            basis = np.stack([g.ravel(), old.ravel()], axis=1)
            if not np.isfinite(step).all() or len(step) < 3:
                return None
            (factor, decay), *_ = np.linalg.lstsq(basis, step, rcond=None)
            left = np.linalg.norm(step - basis @ [factor, decay])
            if left > inquiry.tolerance * np.linalg.norm(step):
                return None
        factors.append((float(factor), float(decay)))
    return factors


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
    asked = Asked(lr, shapes, places[:-1], np.stack(gradients), samples)
    groups = np.zeros(places.shape[1], int)
    precision = 2e-16 if inquiry.tolerance < CLOSE else 1e-7
    return cornered(Observed(asked, np.diff(places, axis=0), groups, inquiry.tolerance, precision))
