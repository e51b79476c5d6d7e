"""The focal loss of several classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from numpy_impl.activations.sigmoid import log_sigmoid, sigmoid
from numpy_impl.arrays import FloatArray, IntArray, check_number
from numpy_impl.losses.batch import Samples, classes_of, labelled, read_scores, shape_of_losses
from numpy_impl.losses.loss import Loss
from numpy_impl.losses.targets import class_weights, optional_weights, read_labels

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def focal(logits: FloatArray, target: IntArray, gamma: float = 2.0) -> FloatArray:
    r"""Return the focal loss of the right class's probability p, sample by sample.

    .. math:: -(1 - p)^\gamma \log p, \qquad p = \sigma(-r), \qquad
              r = \log \sum_{j \ne t} e^{z_j} - z_t

    From r, the logit of all other classes together, it is
    :math:`\sigma(r)^\gamma \log(1 + e^r)`: nothing cancels where p is nearly 1.

    Parameters
    ----------
    logits : ndarray of shape (samples, classes)
        z, unnormalized scores.
    target : ndarray of int, of shape (samples,)
        t, the labels.
    gamma : float, default 2
        Exponent; for 0 it is the cross-entropy.

    References
    ----------
    Lin et al. (2017), Focal loss for dense object detection, https://arxiv.org/abs/1708.02002
    """
    others, _ = _others(logits, target)
    return sigmoid(others) ** gamma * -log_sigmoid(-others)


def focal_derivative(logits: FloatArray, target: IntArray, gamma: float = 2.0) -> FloatArray:
    r"""Return the derivative of `focal` with respect to the logits.

    Its slope along r is

    .. math:: \sigma(r)^\gamma \bigl(\sigma(r) + \gamma \, \sigma(-r) \log(1 + e^r)\bigr)

    and that of r is -1 at the right class, and elsewhere the softmax over the other classes.
    """
    others, shares = _others(logits, target)
    q = sigmoid(others)
    slope = q**gamma * (q + gamma * sigmoid(-others) * -log_sigmoid(-others))
    shares[np.arange(len(logits)), target] = -1.0
    grad: FloatArray = shares * slope[:, np.newaxis]
    return grad


def _others(logits: FloatArray, target: IntArray) -> tuple[FloatArray, FloatArray]:
    """Return the logit of all other classes together, and the softmax over them."""
    rows = np.arange(len(logits))
    rest = logits.copy()
    rest[rows, target] = -np.inf
    top = rest.max(axis=1, keepdims=True)
    # Without another class, or with none that is possible, there is nothing to shift by.
    top = np.where(top == -np.inf, 0.0, top)
    shares = np.exp(rest - top)
    total = shares.sum(axis=1)
    others = np.log(total) + (top[:, 0] - logits[rows, target])
    shares /= np.where(total == 0, 1.0, total)[:, np.newaxis]
    return others, shares


class FocalLoss(Loss):
    """Softmax and focal loss in one, from logits and labels.

    The formula is `focal`; each sample's loss is multiplied by the weight of its class. With
    gamma = 0 it is `CrossEntropyLoss`.

    Parameters
    ----------
    gamma : float, default 2
        Exponent, at least 0: the larger, the less counts what is well classified.
    weight : array_like of shape (classes,), optional
        Weights of the classes.
    reduction : {"none", "mean", "sum"}, default "mean"
        What becomes of the losses of the samples. The mean divides by the sum of their weights.

    Raises
    ------
    InputError
        For other arguments.

    References
    ----------
    Lin et al. (2017), Focal loss for dense object detection, https://arxiv.org/abs/1708.02002
    """

    arguments = ("gamma", "weight", "reduction")

    def __init__(
        self, gamma: float = 2.0, weight: ArrayLike | None = None, reduction: str = "mean"
    ) -> None:
        super().__init__(reduction)
        self.gamma = check_number("gamma", gamma)
        self.weight = optional_weights("weight", weight)

    def forward(self, input: ArrayLike, target: ArrayLike) -> float | FloatArray:
        """Return the loss of a batch.

        Parameters
        ----------
        input : array_like of shape (classes,), (batch, classes) or (batch, classes, ...)
            Unnormalized scores, float32 or float64.
        target : array_like of int, of the same shape without the classes
            Labels.

        Returns
        -------
        float or ndarray
            The mean or the sum, added up in float64; or the losses of all samples.

        Raises
        ------
        InputError
            If shapes or types do not fit, or a label lies outside the classes.
        """
        return super().forward(input, target)

    def function(self, input: FloatArray, target: IntArray) -> FloatArray:
        """Return `focal`."""
        return focal(input, target, self.gamma)

    def derivative(self, input: FloatArray, target: IntArray) -> FloatArray:
        """Return `focal_derivative`."""
        return focal_derivative(input, target, self.gamma)

    def _read(self, input: ArrayLike, target: ArrayLike) -> Samples:
        scores = read_scores("input", input)
        classes = classes_of(scores)
        weight = class_weights(self.weight, classes, scores.dtype)
        labels, counted = read_labels("target", target, shape_of_losses(scores), classes)
        return labelled(scores, labels, counted, weight)
