"""Softmax and cross-entropy in one."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from numpy_impl.activations.softmax import log_softmax
from numpy_impl.arrays import FloatArray, IntArray, as_float_array, describe, prepare_out
from numpy_impl.errors import InputError
from numpy_impl.losses.loss import Loss
from numpy_impl.losses.targets import check_labels


def cross_entropy(logits: FloatArray, probabilities: FloatArray) -> float:
    r"""Return the mean cross-entropy, :math:`-\frac1N \sum_{nk} t_{nk} \log p_{nk}`.

    Parameters
    ----------
    logits : ndarray of shape (batch, classes)
        The p above is their softmax.
    probabilities : ndarray of shape (batch, classes)
        The targets t; one-hot rows for labels.
    """
    return float(-(probabilities * log_softmax(logits)).sum() / len(logits))


def cross_entropy_backward(logits: FloatArray, probabilities: FloatArray) -> FloatArray:
    r"""Return the derivative of `cross_entropy` with respect to the logits.

    .. math:: \frac{\partial L}{\partial z_{nk}} = \frac1N \Bigl(p_{nk} \sum_j t_{nj} - t_{nk}\Bigr)

    which for targets that sum to one is :math:`(p - t) / N`.
    """
    p = np.exp(log_softmax(logits))
    total = probabilities.sum(axis=1, keepdims=True)
    grad: FloatArray = (p * total - probabilities) / len(logits)
    return grad


# Up to so many classes, the largest in each row is found faster in the transposed matrix, where
# NumPy compares whole rows of samples, than in many short rows.
_FEW = 32


class _Remembered:
    """What `CrossEntropyLoss` keeps of a batch for its derivative; reused for the next one.

    Attributes
    ----------
    exponentials : ndarray of shape (batch, classes)
        exp(z - max z), whose rows divided by `sums` are the softmax.
    columns : ndarray of shape (classes, batch), or None
        For the transposed logits, if there are few classes.
    ones : ndarray of shape (classes,)
    sums : ndarray of shape (batch, 1)
    rows, places, picked : ndarray of shape (batch,)
        Index of the first entry of each row, index of the entry at its label, and what stands
        there; all in the matrix read as a vector.
    losses : ndarray of shape (batch,)
        Of the samples.
    targets : ndarray
        Labels or probabilities.
    """

    def __init__(self, shape: tuple[int, int], dtype: np.dtype[np.floating]) -> None:
        batch, classes = shape
        self.exponentials: FloatArray = np.empty(shape, dtype)
        self.columns: FloatArray | None = (
            np.empty((classes, batch), dtype) if classes <= _FEW else None
        )
        self.ones: FloatArray = np.ones(classes, dtype)
        self.sums: FloatArray = np.empty((batch, 1), dtype)
        self.rows = np.arange(0, batch * classes, classes)
        self.places = np.empty_like(self.rows)
        self.picked: FloatArray = np.empty(batch, dtype)
        self.losses: FloatArray = np.empty(batch, dtype)
        self.targets: IntArray | FloatArray = self.rows

    def fits(self, logits: FloatArray) -> bool:
        """Whether it is for logits of this shape and type."""
        kept = self.exponentials
        return kept.shape == logits.shape and kept.dtype == logits.dtype


class CrossEntropyLoss(Loss):
    """Softmax and cross-entropy in one, from logits.

    Parameters
    ----------
    reduction : {"mean", "sum"}, default "mean"
        Whether the samples' losses are averaged or added.

    Raises
    ------
    InputError
        For another reduction.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html
    """

    def forward(self, logits: ArrayLike, targets: ArrayLike) -> float:
        """Return the loss of a batch.

        Parameters
        ----------
        logits : array_like of shape (batch, classes)
            Unnormalized scores, float32 or float64.
        targets : array_like
            Class labels: integers of shape (batch,). Or one-hot rows: integers or booleans of
            shape (batch, classes), a single 1 in each row. Or probabilities: floating-point
            numbers of shape (batch, classes).

        Returns
        -------
        float
            The samples' losses, added up in float64. NaN for the mean of an empty batch.

        Raises
        ------
        InputError
            If shapes or types do not fit, or a label lies outside the classes.
        """
        logits = as_float_array("logits", logits)
        if logits.ndim != 2 or logits.shape[1] == 0:
            raise InputError("logits", "shape (batch, classes)", describe(logits))
        targets = _as_targets(targets, logits)
        kept = self._cache
        if kept is None or not kept.fits(logits):
            kept = self._cache = _Remembered(logits.shape, logits.dtype)
        kept.targets = targets
        if len(logits) == 0:
            return float("nan") if self.reduction == "mean" else 0.0

        exponentials, sums = kept.exponentials, kept.sums
        if kept.columns is None:
            np.maximum.reduce(logits, axis=1, keepdims=True, out=sums)
        else:
            np.copyto(kept.columns, logits.T)
            np.maximum.reduce(kept.columns, axis=0, out=sums[:, 0])
        shifted = np.subtract(logits, sums, out=exponentials)
        # A sample's loss is log sums less its shifted logit, which is taken here, before the
        # exponentials take its place.
        if targets.ndim == 1:
            np.add(kept.rows, targets, out=kept.places)
            # mode="clip" lets take write straight into `out`; the places are in range.
            np.take(shifted, kept.places, out=kept.picked, mode="clip")
            weights = None
        else:
            np.add.reduce(targets * shifted, axis=1, out=kept.picked)
            weights = targets.sum(axis=1)
        np.exp(shifted, out=exponentials)
        np.dot(exponentials, kept.ones, out=sums[:, 0])
        losses = np.log(sums[:, 0], out=kept.losses)
        if weights is not None:
            losses *= weights
        losses -= kept.picked
        total = float(np.add.reduce(losses, dtype=np.float64))
        return total / len(logits) if self.reduction == "mean" else total

    def backward(
        self, grad_output: ArrayLike | None = None, *, out: FloatArray | None = None
    ) -> FloatArray:
        """Return the derivative of the last `forward` with respect to its logits.

        Parameters
        ----------
        grad_output : float, optional
            Derivative of what is minimized with respect to the loss; by default 1.
        out : ndarray of shape (batch, classes), optional
            Where to write it. Without it the result is a new array.

        Raises
        ------
        InputError
            If `out` does not fit.
        RuntimeError
            If there was no `forward` before.
        """
        if self._cache is None:
            raise RuntimeError("CrossEntropyLoss.backward: there was no forward before")
        exponentials, sums, targets = (
            self._cache.exponentials,
            self._cache.sums,
            self._cache.targets,
        )
        grad = prepare_out(out, exponentials.shape, exponentials.dtype, exponentials)
        np.divide(exponentials, sums, out=grad)
        if targets.ndim == 1:
            grad.ravel()[self._cache.places] -= 1
        else:
            grad *= targets.sum(axis=1, keepdims=True)
            grad -= targets
        if self.reduction == "mean" and len(grad):
            grad /= len(grad)
        if grad_output is not None:
            grad *= self._upstream(grad_output, (), 1)
        return grad


def _as_targets(targets: ArrayLike, logits: FloatArray) -> IntArray | FloatArray:
    """Return labels of shape (batch,) or probabilities of shape (batch, classes)."""
    array = np.asarray(targets)
    rows, classes = logits.shape
    if array.shape == (rows,) and array.dtype.kind in "iu":
        return check_labels("targets", array, classes)
    if array.shape == (rows, classes):
        if array.dtype.kind in "iub":
            return _labels_of_one_hot(array)
        return as_float_array("targets", array, logits.dtype)
    raise InputError(
        "targets",
        f"integer labels of shape ({rows},) or rows of shape ({rows}, {classes})",
        describe(array),
    )


def _labels_of_one_hot(rows: NDArray[np.integer] | NDArray[np.bool_]) -> IntArray:
    if not (((rows == 0) | (rows == 1)).all() and (rows.sum(axis=1) == 1).all()):
        raise InputError("targets", "one 1 and else zeros in every one-hot row", "other rows")
    labels: IntArray = rows.argmax(axis=1)
    return labels
