"""How good predictions are, counted."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from numpy_impl.arrays import IntArray, as_array, check_positive_int, describe
from numpy_impl.errors import InputError
from numpy_impl.losses.targets import check_labels

__all__ = ["accuracy", "confusion_matrix"]


def as_labels(name: str, value: ArrayLike) -> IntArray:
    """Return class labels of shape (samples,): integers as they are, rows by their largest entry.

    Raises
    ------
    InputError
        Unless `value` is integers of shape (samples,) or numbers of shape (samples, classes).
    """
    array = as_array(name, value, "labels (samples,) or scores (samples, classes)")
    if array.ndim == 1 and array.dtype.kind in "iu":
        return array
    if array.ndim == 2 and array.shape[1] and array.dtype.kind in "iubf":
        labels: IntArray = array.argmax(axis=1)
        return labels
    raise InputError(name, "labels (samples,) or scores (samples, classes)", describe(array))


def accuracy(predictions: ArrayLike, targets: ArrayLike) -> float:
    """Return the share of samples whose predicted class is the target, from 0 to 1.

    Parameters
    ----------
    predictions, targets : array_like
        Each either integer labels of shape (samples,) or scores (logits, probabilities, one-hot)
        of shape (samples, classes), of which the first largest counts.

    Raises
    ------
    InputError
        If shapes or types do not fit, lengths differ, or there is no sample.
    """
    predicted, expected = as_labels("predictions", predictions), as_labels("targets", targets)
    _check_lengths(predicted, expected)
    return float(np.count_nonzero(predicted == expected)) / len(expected)


def confusion_matrix(predictions: ArrayLike, targets: ArrayLike, classes: int) -> NDArray[np.int64]:
    """Count the samples by true class (rows) and predicted class (columns).

    Parameters
    ----------
    predictions, targets : array_like
        As for `accuracy`.
    classes : int
        Number of classes.

    Returns
    -------
    ndarray of shape (classes, classes)

    Raises
    ------
    InputError
        As for `accuracy`, and if a label lies outside the classes.
    """
    classes = check_positive_int("classes", classes)
    predicted, expected = as_labels("predictions", predictions), as_labels("targets", targets)
    _check_lengths(predicted, expected)
    check_labels("predictions", predicted, classes)
    check_labels("targets", expected, classes)
    cell = expected.astype(np.int64) * classes + predicted.astype(np.int64)
    return np.bincount(cell, minlength=classes * classes).reshape(classes, classes)


def _check_lengths(predicted: IntArray, expected: IntArray) -> None:
    if len(predicted) != len(expected):
        raise InputError("predictions", f"{len(expected)} of them", f"{len(predicted)}")
    if len(expected) == 0:
        raise InputError("targets", "at least one sample", "none")
