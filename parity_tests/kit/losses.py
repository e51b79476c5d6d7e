r"""Losses that are a function of the distance of outputs from targets, and hinge losses.

Each summed over samples and outputs, with its derivative. The cross-entropies are not among them:
what is put beside a logarithm, and the function before it, make many forms of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Loss:
    """A loss of outputs and targets.

    Attributes
    ----------
    name : str
        As in a `Spec`.
    value : callable
        ``f(p, y)`` of arrays of shape (samples, outputs), the terms of the sum: one for each
        output, or one for each sample.
    slope : callable
        ``f(p, y)``, the derivative of the sum with respect to the outputs.
    formula : str
        The derivative, as a formula.
    """

    name: str
    value: Callable[[Array, Array], Array]
    slope: Callable[[Array, Array], Array]
    formula: str


def huber(p: Array, y: Array, threshold: float = 1.0) -> Array:
    r"""Return Huber's loss of each output.

    .. math:: \frac{(p - y)^2}{2} \text{ if } |p - y| < t, \quad
              t \left(|p - y| - \frac{t}{2}\right) \text{ else}
    """
    distance = np.abs(p - y)
    linear = threshold * (distance - threshold / 2)
    return np.where(distance < threshold, distance**2 / 2, linear)


def huber_threshold(p: Array, y: Array, total: float) -> float | None:
    r"""Return the threshold with which the sum of Huber's losses is a number.

    With d the m distances beyond it, and s half the sum of the squares of all others,

    .. math:: s + t \sum d - \frac{m t^2}{2} = \text{total}

    Returns
    -------
    threshold : float or None
        None if there is none: the number is not above zero, or not below half of all squares.
    """
    distances = np.sort(np.abs(p - y).ravel())
    below = np.concatenate([[0.0], np.cumsum(distances**2 / 2)])
    beyond = np.cumsum(distances[::-1])[::-1]
    if not 0 < total < below[-1]:
        return None
    for place, largest in enumerate(distances):
        many, linear, rest = len(distances) - place, beyond[place], below[place] - total
        # The smaller root: the sum grows with the threshold up to the mean of the distances beyond.
        root = linear**2 + 2 * many * rest
        threshold = (linear - np.sqrt(max(root, 0.0))) / many
        if threshold <= largest:
            return float(threshold)
    return None


def _norms(p: Array, y: Array) -> Array:
    return np.asarray(np.linalg.norm(p - y, axis=1, keepdims=True))


def _direction(p: Array, y: Array) -> Array:
    # Where an output is its target it has none.
    norms = _norms(p, y)
    return (p - y) / np.where(norms > 0, norms, 1.0)


def _margins(p: Array, y: Array) -> Array:
    """Return how far each class comes too close to the one that is meant, which is left out."""
    own = (p * y).sum(axis=1, keepdims=True)
    return np.where(y == 1, 0.0, np.maximum(0, p - own + 1))


def hinge_back(upstream: Array, y: Array) -> Array:
    """Return the gradient by all outputs, from that by the margins of the other classes."""
    return upstream - y * upstream.sum(axis=1, keepdims=True)


def _nearest(p: Array, y: Array) -> Array:
    """Return 1 at the class that comes nearest to the one that is meant, by its output."""
    others = np.where(y == 1, -np.inf, p)
    nearest = np.arange(p.shape[1]) == others.argmax(axis=1)[:, np.newaxis]
    return np.asarray(nearest, np.float64)


def _largest_margin(p: Array, y: Array) -> Array:
    return np.asarray(_margins(p, y).max(axis=1, keepdims=True))


def _largest_margin_back(p: Array, y: Array) -> Array:
    return np.where(_largest_margin(p, y) > 0, _nearest(p, y) - y, 0.0)


LOSSES: dict[str, Loss] = {
    loss.name: loss
    for loss in (
        # 1/2 of the squares, so that the derivative is p - y.
        Loss("squared_error", lambda p, y: (p - y) ** 2 / 2, lambda p, y: p - y, "(p - y)"),
        Loss(
            "absolute_error",
            lambda p, y: np.abs(p - y),
            lambda p, y: np.sign(p - y),
            "sign(p - y)",
        ),
        # Of each sample; over all of them it is no sum.
        Loss(
            "euclidean_error",
            _norms,
            _direction,
            "(p - y) / |p - y|",
        ),
        Loss("huber", huber, lambda p, y: np.clip(p - y, -1, 1), "clip(p - y, -1, 1)"),
        Loss(
            "log_cosh",
            lambda p, y: np.logaddexp(p - y, y - p) - np.log(2),
            lambda p, y: np.tanh(p - y),
            "tanh(p - y)",
        ),
        # Weston and Watkins (1999); PyTorch's multi_margin_loss divides it by the classes.
        Loss("hinge", _margins, lambda p, y: hinge_back(_margins(p, y) > 0, y), "hinge'"),
        Loss(
            "squared_hinge",
            lambda p, y: _margins(p, y) ** 2,
            lambda p, y: hinge_back(2 * _margins(p, y), y),
            "(hinge^2)'",
        ),
        # The class that comes nearest alone: Crammer and Singer (2001).
        Loss("categorical_hinge", _largest_margin, _largest_margin_back, "(largest hinge)'"),
    )
}


# Of classes -1 and 1, which labels of 0 and 1 are turned into.
OF_SIGNED_LABELS = Loss(
    "squared_error_of_signs",
    lambda p, y: (p - (2 * y - 1)) ** 2 / 2,
    lambda p, y: p - (2 * y - 1),
    "(p - (2 y - 1))",
)
# Of rates p, without what does not depend on them: PyTorch's poisson_nll_loss(log_input=False).
POISSON = Loss("poisson", lambda p, y: p - y * np.log(p), lambda p, y: 1 - y / p, "(1 - y / p)")


def _binary_hinge(name: str, power: int, signs: Callable[[Array], Array]) -> Loss:
    r"""Return :math:`\max(0, 1 - t p)^k` of single outputs, with its derivative."""

    def margin(p: Array, y: Array) -> Array:
        return np.maximum(0, 1 - signs(y) * p)

    def slope(p: Array, y: Array) -> Array:
        return np.asarray(-signs(y) * (2 * margin(p, y) if power == 2 else margin(p, y) > 0))

    return Loss(name, lambda p, y: margin(p, y) ** power, slope, f"{name.replace('_', ' ')}'")


# Of classes -1 and 1: as labels are, or what labels of 0 and 1 are turned into.
BINARY_HINGES: dict[str, Loss] = {
    loss.name: loss
    for loss in (
        _binary_hinge("binary_hinge", 1, lambda y: 2 * y - 1),
        _binary_hinge("squared_binary_hinge", 2, lambda y: 2 * y - 1),
        _binary_hinge("hinge_of_signs", 1, lambda y: y),
        _binary_hinge("squared_hinge_of_signs", 2, lambda y: y),
    )
}
# Whose derivatives by outputs are numbers of a few sizes, as what is clipped has them, too.
OF_SIGNS = {"absolute_error", "hinge", "categorical_hinge", *BINARY_HINGES}


# What a declared hinge is of a single output, which has no other class to keep a margin from.
OF_ONE_OUTPUT = {
    "hinge": ("binary_hinge", "hinge_of_signs"),
    "squared_hinge": ("squared_binary_hinge", "squared_hinge_of_signs"),
}


def binary_hinges_for(y: Array, *, are_numbers: bool) -> dict[str, Loss]:
    """Return the hinge losses that take such targets of a single output.

    Parameters
    ----------
    y : ndarray of shape (samples, outputs)
        Targets.
    are_numbers : bool
        Whether labels may be any numbers, and with them -1 and 1, where these are asked.
    """
    if y.shape[1] > 1 or not np.isin(y, (0, 1)).all():
        return {}
    return {n: loss for n, loss in BINARY_HINGES.items() if are_numbers or "signs" not in n}


def losses_for(y: Array) -> dict[str, Loss]:
    """Return the losses that take such targets: hinge losses are of one class among several."""
    is_class = y.shape[1] > 1 and np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all()
    return {name: loss for name, loss in LOSSES.items() if is_class or "hinge" not in name}


def losses_behind(output: str, y: Array, *, are_numbers: bool) -> dict[str, Loss]:
    """Return the losses that take such targets and the outputs of a function.

    Parameters
    ----------
    output : str
        The function's name. Hinge losses of a single output, and squares of the distance from -1
        or 1, are of one that has both signs, and Poisson's is of exponentials.
    y, are_numbers
        As for `binary_hinges_for`.
    """
    has_both_signs = output in ("identity", "tanh")
    hinges = binary_hinges_for(y, are_numbers=are_numbers) if has_both_signs else {}
    # Of one number where no output comes to its label, hinges keep no margin and are such squares.
    is_told = output == "tanh" or (output == "identity" and y.shape[1] > 1)
    is_signed = is_told and not are_numbers and np.isin(y, (0, 1)).all()
    signed = {OF_SIGNED_LABELS.name: OF_SIGNED_LABELS} if is_signed else {}
    rates = {POISSON.name: POISSON} if output == "exponential" else {}
    return losses_for(y) | signed | hinges | rates


@dataclass(frozen=True)
class Guard:
    """What keeps the denominators in the derivative of a cross-entropy from zero.

    Attributes
    ----------
    loss : {"cross_entropy", "binary_cross_entropy"}
        Which it is.
    epsilon : float
        A small number.
    way : {"added", "clipped", "added to the product", "added to p", "added to 1 - p"}
        Whether it is added to probabilities, what they are clipped to, or added to p (1 - p), or
        to one of its factors alone.
    """

    loss: str
    epsilon: float
    way: str


# The ways in which the derivative of each is kept finite.
_GUARDED = {
    "cross_entropy": ("added", "clipped"),
    "binary_cross_entropy": (
        "added",
        "added to the product",
        "clipped",
        "added to p",
        "added to 1 - p",
    ),
}


def guards(loss: str, epsilon: float) -> list[Guard]:
    """Return the ways in which a number may stand beside the probabilities of a loss."""
    return [Guard(loss, epsilon, way) for way in _GUARDED.get(loss, ()) if epsilon]


def guarded_slope(guard: Guard, p: Array, y: Array) -> Array:
    """Return the derivative of a cross-entropy whose denominators are kept from zero."""
    epsilon = guard.epsilon
    if guard.way == "added to the product":
        return np.asarray((p - y) / (p * (1 - p) + epsilon))
    if guard.way == "added to p":
        return np.asarray((p - y) / ((p + epsilon) * (1 - p)))
    if guard.way == "added to 1 - p":
        return np.asarray((p - y) / (p * (1 - p + epsilon)))
    clipped = guard.way == "clipped"
    yes = np.clip(p, epsilon, 1 - epsilon) if clipped else p + epsilon
    if guard.loss == "cross_entropy":
        return np.asarray(-y / yes)
    no = 1 - yes if clipped else 1 - p + epsilon
    return np.asarray(-y / yes + (1 - y) / no)


def even_targets(y: Array, loss: str) -> Array:
    """Return targets that prefer no class: 1/2 where each output is a question of its own."""
    classes = 2 if loss == "binary_cross_entropy" else max(y.shape[1], 2)
    return np.full_like(y, 1 / classes)


def smoothed_targets(y: Array, smoothing: float, loss: str) -> Array:
    r"""Return :math:`(1 - \epsilon) y + \epsilon u` with u from `even_targets`."""
    return np.asarray((1 - smoothing) * y + smoothing * even_targets(y, loss))
