"""What losses of classes take as targets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from numpy_impl.arrays import FloatArray, IntArray, as_array, as_float_array, cast, describe
from numpy_impl.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def are_labels(labels: NDArray[np.integer], classes: int) -> bool:
    """Whether all are in 0..classes-1."""
    unsigned = _as_unsigned(labels)
    return not unsigned.size or bool(np.maximum.reduce(unsigned, axis=None) < classes)


def check_labels(name: str, labels: NDArray[np.integer], classes: int) -> IntArray:
    """Return `labels` if all are in 0..classes-1, else raise InputError naming the first."""
    if not are_labels(labels, classes):
        wrong = np.argwhere(_as_unsigned(labels) >= classes)[0].tolist()
        where = wrong[0] if len(wrong) == 1 else tuple(wrong)
        raise InputError(
            name, f"labels from 0 to {classes - 1}", f"{labels[tuple(wrong)]} at {where}"
        )
    return labels


def _as_unsigned(labels: NDArray[np.integer]) -> NDArray[np.unsignedinteger[Any]]:
    # Negative numbers become the largest unsigned ones, so one comparison finds both kinds.
    # A view only of what NumPy's own byte order and 64 bits are.
    return (
        labels.view(np.uint64) if labels.dtype == np.dtype(np.int64) else labels.astype(np.uint64)
    )


def read_labels(
    name: str,
    labels: ArrayLike,
    shape: tuple[int, ...],
    classes: int,
    ignore_index: int | None = None,
) -> tuple[IntArray, NDArray[np.bool_] | None]:
    """Return labels as a vector, and which of them count.

    Parameters
    ----------
    name : str
        The caller's name for them.
    labels : array_like of int
        Of this shape.
    shape : tuple of int
        That of the losses.
    classes : int
        Labels are below that.
    ignore_index : int, optional
        A label that is allowed beside those of the classes and does not count.

    Returns
    -------
    labels : ndarray of intp, of one axis
        0 where they do not count.
    counted : ndarray of bool, of the same shape, or None
        None if all of them count.

    Raises
    ------
    InputError
        If they are not integers, are of another shape, or lie outside the classes.
    """
    array = as_array(name, labels, f"integer labels of shape {shape}")
    if array.dtype.kind not in "iu" or array.shape != shape:
        raise InputError(name, f"integer labels of shape {shape}", describe(array))
    counted: NDArray[np.bool_] | None = None
    if ignore_index is not None and (array == ignore_index).any():
        counted = array != ignore_index
        array = np.where(counted, array, 0)
    checked = check_labels(name, array, classes).reshape(-1).astype(np.intp)
    return checked, None if counted is None else counted.reshape(-1)


def labels_of_one_hot(name: str, rows: NDArray[Any], axis: int) -> IntArray:
    """Return the labels that rows of zeros and one 1 along an axis stand for.

    Raises
    ------
    InputError
        If there are other rows.
    """
    if not (((rows == 0) | (rows == 1)).all() and (rows.sum(axis=axis) == 1).all()):
        raise InputError(name, "one 1 and else zeros in every one-hot row", "other rows")
    labels: IntArray = np.asarray(rows.argmax(axis=axis))
    return labels


def optional_weights(name: str, weights: ArrayLike | None) -> FloatArray | None:
    """Return a copy of weights that a constructor was given, or None."""
    return None if weights is None else np.array(as_float_array(name, weights))


def class_weights(
    weight: FloatArray | None, classes: int, dtype: np.dtype[Any]
) -> FloatArray | None:
    """Return weights of classes in the precision of the input, widened to float64; or None.

    Raises
    ------
    InputError
        If there is not one for every class.
    """
    if weight is None:
        return None
    if weight.shape != (classes,):
        raise InputError("weight", f"shape ({classes},)", f"shape {weight.shape}")
    return cast("weight", weight, dtype).astype(np.float64)
