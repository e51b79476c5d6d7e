"""Losses that are zero once a margin is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from numpy_impl.arrays import (
    FloatArray,
    IntArray,
    check_number,
    in_words,
)
from numpy_impl.errors import InputError
from numpy_impl.losses.batch import Samples, classes_of, read_scores, shape_of_losses
from numpy_impl.losses.loss import Loss
from numpy_impl.losses.targets import class_weights, optional_weights, read_labels

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def multi_margin(
    input: FloatArray, target: IntArray, p: int = 1, margin: float = 1.0
) -> FloatArray:
    r"""Return how far other classes come up to the right one, sample by sample.

    .. math:: \frac1C \sum_{j \ne t} \max(0, m - x_t + x_j)^p

    Parameters
    ----------
    input : ndarray of shape (samples, classes)
        x, scores; C is the number of classes.
    target : ndarray of int, of shape (samples,)
        t, the labels.
    p : {1, 2}, default 1
        Exponent.
    margin : float, default 1
        m, by how much the right class should be ahead.

    References
    ----------
    Crammer and Singer (2001), On the algorithmic implementation of multiclass kernel-based vector
    machines, https://www.jmlr.org/papers/v2/crammer01a.html
    https://docs.pytorch.org/docs/stable/generated/torch.nn.MultiMarginLoss.html
    """
    losses: FloatArray = (_excess(input, target, margin) ** p).sum(axis=1) / input.shape[1]
    return losses


def multi_margin_derivative(
    input: FloatArray, target: IntArray, p: int = 1, margin: float = 1.0
) -> FloatArray:
    r"""Return the derivative of `multi_margin` with respect to x.

    With the excess :math:`h_j = \max(0, m - x_t + x_j)` it is :math:`p h_j^{p-1} / C` for every
    other class with :math:`h_j > 0`, and for the right class minus their sum.
    """
    excess = _excess(input, target, margin)
    grad: FloatArray = np.where(excess > 0, p * excess ** (p - 1), 0.0) / input.shape[1]
    grad[np.arange(len(input)), target] = -grad.sum(axis=1)
    return grad


def _excess(input: FloatArray, target: IntArray, margin: float) -> FloatArray:
    rows = np.arange(len(input))
    excess = np.maximum(margin - input[rows, target][:, np.newaxis] + input, 0.0)
    excess[rows, target] = 0.0
    return excess


class MultiMarginLoss(Loss):
    """The multi-class hinge loss, from scores and labels.

    The formula is `multi_margin`; each sample's loss is multiplied by the weight of its class.

    Parameters
    ----------
    p : {1, 2}, default 1
        Exponent of what is missing to the margin.
    margin : float, default 1
        By how much the right class should be ahead; any finite number.
    weight : array_like of shape (classes,), optional
        Weights of the classes.
    reduction : {"none", "mean", "sum"}, default "mean"
        What becomes of the losses of the samples. The mean divides by the number of samples,
        whatever their weights are.

    Raises
    ------
    InputError
        For other arguments.

    Notes
    -----
    The sum of an empty batch is 0 and its mean NaN; PyTorch's are undefined there.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.MultiMarginLoss.html
    """

    arguments = ("p", "margin", "weight", "reduction")

    def __init__(
        self,
        p: int = 1,
        margin: float = 1.0,
        weight: ArrayLike | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction)
        is_int = isinstance(p, int | np.integer) and not isinstance(p, bool)
        if not is_int or p not in (1, 2):
            raise InputError("p", "1 or 2", in_words(p))
        self.p = int(p)
        self.margin = check_number("margin", margin, low=-np.finfo(np.float64).max)
        self.weight = optional_weights("weight", weight)

    def forward(self, input: ArrayLike, target: ArrayLike) -> float | FloatArray:
        """Return the loss of a batch.

        Parameters
        ----------
        input : array_like of shape (batch, classes) or (classes,)
            Scores, float32 or float64.
        target : array_like of int, of shape (batch,) or ()
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
        """Return `multi_margin`."""
        return multi_margin(input, target, self.p, self.margin)

    def derivative(self, input: FloatArray, target: IntArray) -> FloatArray:
        """Return `multi_margin_derivative`."""
        return multi_margin_derivative(input, target, self.p, self.margin)

    def _read(self, input: ArrayLike, target: ArrayLike) -> Samples:
        scores = read_scores("input", input, axes=2)
        classes = classes_of(scores)
        weight = class_weights(self.weight, classes, scores.dtype)
        labels, _ = read_labels("target", target, shape_of_losses(scores), classes)
        weights = None if weight is None else weight[labels]
        return Samples(scores, labels, weights=weights, count=len(labels))


def hinge_embedding(input: FloatArray, target: FloatArray, margin: float = 1.0) -> FloatArray:
    r"""Return the hinge loss of a distance x, entry by entry.

    .. math:: x \text{ if } t = 1, \quad \max(0, m - x) \text{ if } t = -1

    and the sum of both for another t, as in PyTorch.

    Parameters
    ----------
    input, target : ndarray
        x and t, of one shape.
    margin : float, default 1
        m, how far apart what is different should be.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.HingeEmbeddingLoss.html
    """
    alike = np.where(target != -1, input, 0.0)
    different = np.where(target != 1, np.maximum(margin - input, 0.0), 0.0)
    return alike + different


def hinge_embedding_derivative(
    input: FloatArray, target: FloatArray, margin: float = 1.0
) -> FloatArray:
    """Return the derivative of `hinge_embedding` with respect to x.

    That is 1 if t = 1; and if t = -1 it is -1 up to the margin, the margin included, and then 0.
    """
    alike = np.where(target != -1, 1.0, 0.0)
    different = np.where((target != 1) & (input <= margin), -1.0, 0.0)
    return alike + different


class HingeEmbeddingLoss(Loss):
    """The hinge loss of distances: what is alike should be near, what is different far.

    The formula is `hinge_embedding`.

    Parameters
    ----------
    margin : float, default 1
        How far apart what is different should be; any finite number.
    reduction : {"none", "mean", "sum"}, default "mean"
        See `Loss`.

    Raises
    ------
    InputError
        For other arguments.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.HingeEmbeddingLoss.html
    """

    arguments = ("margin", "reduction")

    def __init__(self, margin: float = 1.0, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.margin = check_number("margin", margin, low=-np.finfo(np.float64).max)

    def function(self, input: FloatArray, target: FloatArray) -> FloatArray:
        """Return `hinge_embedding`."""
        return hinge_embedding(input, target, self.margin)

    def derivative(self, input: FloatArray, target: FloatArray) -> FloatArray:
        """Return `hinge_embedding_derivative`."""
        return hinge_embedding_derivative(input, target, self.margin)
