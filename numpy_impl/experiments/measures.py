"""What experiments measure, each by its plain formula."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from numpy_impl.activations.softmax import log_softmax
from numpy_impl.arrays import FloatArray, IntArray
from numpy_impl.layers import Linear
from numpy_impl.model import Sequential


class Spread(NamedTuple):
    """Mean and standard deviation of some values; the latter None for a single value."""

    mean: float
    deviation: float | None


def spread(values: Sequence[float]) -> Spread:
    r"""Return the mean and the standard deviation, with n - 1 in its denominator."""
    if len(values) == 1:
        return Spread(float(values[0]), None)
    return Spread(float(np.mean(values)), float(np.std(values, ddof=1)))


def binomial_error(share: float, samples: int) -> float:
    r"""Return the standard error of a share of right answers, :math:`\sqrt{p (1 - p) / n}`.

    That is how far the shares of one network on many test sets of n samples would spread.
    """
    return math.sqrt(share * (1 - share) / samples)


def paired_error(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    r"""Return the standard error of the difference of two shares on the same samples.

    With b the share of the samples that only the first gets right, and c the share that only the
    second does: :math:`\sqrt{(b + c - (b - c)^2) / n}`.

    Parameters
    ----------
    first, second : ndarray of bool, shape (samples,)
        Whether each of them is right.

    References
    ----------
    McNemar (1947), Note on the sampling error of the difference between correlated proportions,
    https://doi.org/10.1007/BF02295996
    """
    difference = first.astype(np.float64) - second
    return float(np.sqrt(difference.var() / len(difference)))


def cross_entropies(logits: FloatArray, labels: IntArray) -> FloatArray:
    """Return the cross-entropy of every sample in nats, float64 of shape (samples,)."""
    log_p = log_softmax(logits.astype(np.float64))
    losses: FloatArray = -log_p[np.arange(len(labels)), labels]
    return losses


def confidence(logits: FloatArray) -> float:
    """Return the mean of the largest probability of each sample."""
    return float(np.exp(log_softmax(logits.astype(np.float64)).max(axis=1)).mean())


class Signal(NamedTuple):
    """How large the inputs of the activations are.

    Attributes
    ----------
    scale : float
        Root mean square over all units and samples.
    variation : float
        Root mean square of what is left when each unit's mean over the samples is taken away: the
        part of the scale that tells one sample from another.
    """

    scale: float
    variation: float


def pre_activations(network: Sequential, inputs: FloatArray) -> list[Signal]:
    """Return the size of the output of every Linear layer, in order."""
    signals, y = [], inputs
    for layer in network:
        y = layer.infer(y)
        if isinstance(layer, Linear):
            values = y.astype(np.float64)
            variance = values.var(axis=0).mean()
            signals.append(Signal(float(np.sqrt((values**2).mean())), float(np.sqrt(variance))))
    return signals


def gradient_norms(network: Sequential) -> list[float]:
    """Return the Euclidean norm of the gradient of every Linear layer's weight, in order."""
    return [
        float(np.linalg.norm(layer.weight.grad.astype(np.float64)))
        for layer in network
        if isinstance(layer, Linear)
    ]


def dead_share(network: Sequential, inputs: FloatArray) -> float | None:
    """Return the share of the hidden units that give the same output for every sample.

    A ReLU unit does when its input is never positive; a sigmoid does when it is saturated. None
    for a network without hidden units.

    Parameters
    ----------
    network : Sequential
        The last layer gives the output; hidden units are those of the activations before it.
    inputs : ndarray of shape (samples, features)
    """
    dead, units, y = 0, 0, inputs
    for layer in list(network)[:-1]:
        y = layer.infer(y)
        if not isinstance(layer, Linear):
            dead += int(np.count_nonzero(np.ptp(y, axis=0) == 0))
            units += y.shape[1]
    return dead / units if units else None
