"""Softmax and cross-entropy in one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from numpy_impl.activations.softmax import log_softmax
from numpy_impl.arrays import (
    FloatArray,
    IntArray,
    as_array,
    as_float_array,
    check_fraction,
    check_int,
    describe,
    prepare_out,
)
from numpy_impl.elementwise import quiet
from numpy_impl.errors import InputError
from numpy_impl.losses.batch import (
    Samples,
    as_rows,
    class_axis,
    labelled,
    read_scores,
    shape_of_losses,
)
from numpy_impl.losses.loss import Loss, read_upstream
from numpy_impl.losses.targets import (
    are_labels,
    class_weights,
    labels_of_one_hot,
    optional_weights,
    read_labels,
)

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


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
    """What `CrossEntropyLoss` keeps of a batch with labels; reused for the next one.

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

    def fits(self, logits: FloatArray) -> bool:
        """Whether it is for logits of this shape and type."""
        kept = self.exponentials
        return kept.shape == logits.shape and kept.dtype == logits.dtype


class CrossEntropyLoss(Loss):
    r"""Softmax and cross-entropy in one, from logits.

    The formula is `cross_entropy`, with these targets t, of labels y or of probabilities p:

    .. math:: t_{nk} = w_k \bigl((1 - s) \, [k = y_n] + s / C\bigr), \qquad
              t_{nk} = w_k \bigl((1 - s) \, p_{nk} + s / C\bigr)

    for weights w of C classes and the smoothing s.

    Parameters
    ----------
    weight : array_like of shape (classes,), optional
        Weights of the classes.
    ignore_index : int, default -100
        A label whose samples have no loss and do not count in the mean.
    reduction : {"none", "mean", "sum"}, default "mean"
        What becomes of the losses of the samples. With labels the mean divides by the sum of the
        weights of the labels that count (NaN if there are none), with probabilities by the number
        of samples.
    label_smoothing : float, default 0
        Share of the targets, from 0 to 1, that is spread evenly over all classes.

    Raises
    ------
    InputError
        For other arguments.

    Notes
    -----
    Labels of a matrix of logits, without weights and without smoothing, are computed in the
    precision of the logits, in arrays that are kept for the next batch. All else is computed in
    float64 and rounded once.

    References
    ----------
    Szegedy et al. (2016), Rethinking the Inception architecture, section 7 (smoothing),
    https://arxiv.org/abs/1512.00567
    https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html
    """

    arguments = ("weight", "ignore_index", "reduction", "label_smoothing")

    def __init__(
        self,
        weight: ArrayLike | None = None,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(reduction)
        self.weight = optional_weights("weight", weight)
        self.ignore_index = check_int("ignore_index", ignore_index)
        self.label_smoothing = check_fraction("label_smoothing", label_smoothing)

    def forward(self, logits: ArrayLike, targets: ArrayLike) -> float | FloatArray:
        """Return the loss of a batch.

        Parameters
        ----------
        logits : array_like of shape (classes,), (batch, classes) or (batch, classes, ...)
            Unnormalized scores, float32 or float64.
        targets : array_like
            Class labels: integers of the same shape without the classes. Or one-hot rows: integers
            or booleans of the shape of the logits, a single 1 along the classes; they stand for
            labels. Or probabilities: floating-point numbers of the shape of the logits.

        Returns
        -------
        float or ndarray
            The mean or the sum, added up in float64; or the losses of all samples.

        Raises
        ------
        InputError
            If shapes or types do not fit, or a label lies outside the classes.
        """
        logits = as_float_array("logits", logits)
        labels = as_array("targets", targets, "labels or rows")
        if self._takes_fast_path(logits, labels):
            return self._forward_labels(logits, labels)
        return super().forward(logits, labels)

    def _takes_fast_path(self, logits: FloatArray, labels: NDArray[np.generic]) -> bool:
        return (
            logits.ndim == 2
            and labels.shape == logits.shape[:1]
            and labels.dtype.kind in "iu"
            and self.reduction != "none"
            and self.weight is None
            and self.label_smoothing == 0
            and not 0 <= self.ignore_index < logits.shape[1]
            and are_labels(labels, logits.shape[1])  # type: ignore[arg-type]
        )

    def _forward_labels(self, logits: FloatArray, labels: IntArray) -> float:
        kept = self._cache
        if not isinstance(kept, _Remembered) or not kept.fits(logits):
            kept = self._cache = _Remembered(logits.shape, logits.dtype)
        if len(logits) == 0:
            return float("nan") if self.reduction == "mean" else 0.0

        exponentials, sums = kept.exponentials, kept.sums
        # An infinite logit makes NaN, as in PyTorch.
        with np.errstate(over="ignore", invalid="ignore"):
            if kept.columns is None:
                np.maximum.reduce(logits, axis=1, keepdims=True, out=sums)
            else:
                np.copyto(kept.columns, logits.T)
                np.maximum.reduce(kept.columns, axis=0, out=sums[:, 0])
            shifted = np.subtract(logits, sums, out=exponentials)
            # A sample's loss is log sums less its shifted logit, which is taken here, before the
            # exponentials take its place.
            # Of uint64 NumPy would make floats; all labels are known to be in range.
            np.add(kept.rows, labels, out=kept.places, casting="unsafe")
            # mode="clip" lets take write straight into `out`; the places are in range.
            np.take(shifted, kept.places, out=kept.picked, mode="clip")
            np.exp(shifted, out=exponentials)
            np.dot(exponentials, kept.ones, out=sums[:, 0])
            losses = np.log(sums[:, 0], out=kept.losses)
            losses -= kept.picked
            total = float(np.add.reduce(losses, dtype=np.float64))
        return total / len(logits) if self.reduction == "mean" else total

    def backward(
        self, grad_output: ArrayLike | None = None, *, out: FloatArray | None = None
    ) -> FloatArray:
        """Return the derivative of the last `forward` with respect to its logits.

        Parameters
        ----------
        grad_output : array_like, optional
            Derivative of what is minimized with respect to the loss: a number, by default 1; or,
            without a reduction, an array of the shape of the losses, which is then needed.
        out : ndarray of the shape of the logits, optional
            Where to write it. Without it the result is a new array.

        Raises
        ------
        InputError
            If `grad_output` or `out` does not fit.
        RuntimeError
            If there was no `forward` before.
        """
        kept = self._remembered()
        if not isinstance(kept, _Remembered):
            return super().backward(grad_output, out=out)
        exponentials = kept.exponentials
        grad = prepare_out(out, exponentials.shape, exponentials.dtype, exponentials)
        upstream = None if grad_output is None else read_upstream(grad_output, ())
        np.divide(exponentials, kept.sums, out=grad)
        grad.ravel()[kept.places] -= 1
        if self.reduction == "mean" and len(grad):
            grad /= len(grad)
        if upstream is not None:
            with quiet():
                grad *= upstream
        return grad

    def function(self, logits: FloatArray, targets: IntArray | FloatArray) -> FloatArray:
        """Return the losses of rows, for labels or for targets of every class."""
        log_p = log_softmax(logits)
        losses: FloatArray
        if targets.ndim == 1:
            losses = -log_p[np.arange(len(logits)), targets]
        else:
            losses = -(targets * log_p).sum(axis=1)
        return losses

    def derivative(self, logits: FloatArray, targets: IntArray | FloatArray) -> FloatArray:
        """Return the derivatives of `function` with respect to the logits."""
        p = np.exp(log_softmax(logits))
        if targets.ndim == 1:
            p[np.arange(len(logits)), targets] -= 1
            return p
        grad: FloatArray = p * targets.sum(axis=1, keepdims=True) - targets
        return grad

    def _read(self, input: ArrayLike, target: ArrayLike) -> Samples:
        logits, targets = read_scores("logits", input), np.asarray(target)
        axis, shape = class_axis(logits), shape_of_losses(logits)
        classes = logits.shape[axis]
        weight = class_weights(self.weight, classes, logits.dtype)
        if targets.shape == logits.shape:
            if targets.dtype.kind == "f":
                return self._with_probabilities(logits, targets, weight)
            if targets.dtype.kind in "iub":
                targets = labels_of_one_hot("targets", targets, axis)
        if targets.dtype.kind not in "iu" or targets.shape != shape:
            raise InputError(
                "targets",
                f"integer labels of shape {shape} or rows of shape {logits.shape}",
                describe(targets),
            )
        labels, counted = read_labels("targets", targets, shape, classes, self.ignore_index)
        plain = labelled(logits, labels, counted, weight)
        if not self.label_smoothing:
            return plain
        smooth = np.full((len(labels), classes), self.label_smoothing / classes)
        smooth[np.arange(len(labels)), labels] += 1 - self.label_smoothing
        smooth *= 1.0 if weight is None else weight
        return Samples(logits, smooth, counted=counted, count=plain.count)

    def _with_probabilities(
        self, logits: FloatArray, probabilities: NDArray[np.floating], weight: FloatArray | None
    ) -> Samples:
        if self.ignore_index >= 0:
            raise InputError(
                "ignore_index", "a negative number with probabilities", repr(self.ignore_index)
            )
        rows = as_rows(as_float_array("targets", probabilities, logits.dtype))
        if self.label_smoothing:
            rows = rows * (1 - self.label_smoothing) + self.label_smoothing / rows.shape[1]
        if weight is not None:
            rows = rows * weight
        return Samples(logits, rows, count=len(rows))
