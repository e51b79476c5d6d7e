"""A batch as losses remember it: how its losses are computed, and what goes back."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from numpy_impl.arrays import FloatArray, IntArray, as_float_array, describe, prepare_out
from numpy_impl.elementwise import in_blocks, quiet, sum_in_blocks
from numpy_impl.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

Function = Callable[..., FloatArray]


class Entries:
    """A batch that is compared entry by entry.

    Parameters
    ----------
    *arrays : ndarray
        The input, the target and what else the loss takes, all of one shape.

    Attributes
    ----------
    shape : tuple of int
        That of the losses.
    count : float
        What the mean divides by.
    """

    def __init__(self, *arrays: FloatArray) -> None:
        self.arrays = arrays
        self.shape = arrays[0].shape
        self.count: float = arrays[0].size

    def losses(self, function: Function) -> FloatArray:
        """Return the losses, in the type of the input."""
        losses = np.empty(self.shape, self.arrays[0].dtype)
        in_blocks(function, losses, *self.arrays, wide=True)
        return losses

    def total(self, function: Function) -> float:
        """Return the sum of the losses."""
        return sum_in_blocks(function, *self.arrays)

    def gradient(
        self, derivative: Function, upstream: FloatArray, out: FloatArray | None
    ) -> FloatArray:
        """Return the derivatives times what came from upstream, in `out` if that is given."""
        first = self.arrays[0]
        grad = prepare_out(out, self.shape, first.dtype, upstream, *self.arrays)
        self.write(derivative, upstream, grad)
        return grad

    def write(self, derivative: Function, upstream: FloatArray, grad: FloatArray) -> None:
        """Write the derivatives times what came from upstream to an array that fits."""

        def applied(upstream: FloatArray, *arrays: FloatArray) -> FloatArray:
            return upstream * derivative(*arrays)

        in_blocks(applied, grad, np.broadcast_to(upstream, self.shape), *self.arrays, wide=True)


class Samples:
    """A batch of samples, each a row with an entry per class.

    Parameters
    ----------
    input : ndarray of shape (classes,), (batch, classes) or (batch, classes, ...)
        As it came.
    target : ndarray of shape (samples,) or (samples, classes)
        Labels, or a number per class.
    weights : ndarray of shape (samples,), optional
        What the loss of each sample is multiplied by.
    counted : ndarray of bool, of shape (samples,), optional
        False for the samples whose loss is zero whatever the input is.
    count : float
        What the mean divides by.

    Attributes
    ----------
    shape : tuple of int
        That of the losses: the input's without the classes.
    rows : ndarray of shape (samples, classes)
        The input in float64, the classes last.
    """

    def __init__(
        self,
        input: FloatArray,
        target: IntArray | FloatArray,
        *,
        count: float,
        weights: FloatArray | None = None,
        counted: NDArray[np.bool_] | None = None,
    ) -> None:
        self.input = input
        self.target = target
        self.weights = weights
        self.counted = counted
        self.count = count
        self.shape = shape_of_losses(input)
        self.rows = as_rows(input)

    def losses(self, function: Function) -> FloatArray:
        """Return the losses, in the type of the input."""
        with quiet():
            return self._losses(function).reshape(self.shape).astype(self.input.dtype)

    def total(self, function: Function) -> float:
        """Return the sum of the losses."""
        with quiet():
            return float(self._losses(function).sum())

    def _losses(self, function: Function) -> FloatArray:
        losses = function(self.rows, self.target)
        if self.weights is not None:
            losses = losses * self.weights
        return losses if self.counted is None else np.where(self.counted, losses, 0.0)

    def gradient(
        self, derivative: Function, upstream: FloatArray, out: FloatArray | None
    ) -> FloatArray:
        """Return the derivatives times what came from upstream, in `out` if that is given."""
        arguments: tuple[Any, ...] = upstream, self.input, self.target
        grad = prepare_out(out, self.input.shape, self.input.dtype, *arguments)
        with quiet():
            scale = upstream.reshape(-1, 1).astype(np.float64)
            if self.weights is not None:
                scale = scale * self.weights[:, np.newaxis]
            if self.counted is not None:
                # Not for an upstream divided by nothing, where no sample counts.
                scale = np.where(self.counted[:, np.newaxis], scale, 0.0)
            rows = derivative(self.rows, self.target) * scale
            there = np.moveaxis(grad, class_axis(grad), -1)
            there[...] = rows.reshape(there.shape)
        return grad


def labelled(
    input: FloatArray,
    labels: IntArray,
    counted: NDArray[np.bool_] | None,
    weight: FloatArray | None,
) -> Samples:
    """Return samples with labels, weighted by the weights of their classes.

    Parameters
    ----------
    input : ndarray
        With an axis of classes.
    labels, counted
        As `read_labels` returns them.
    weight : ndarray of shape (classes,), optional
        Weights of the classes.
    """
    weights = None if weight is None else weight[labels]
    of_samples = np.ones(len(labels)) if weights is None else weights
    count = float(of_samples.sum() if counted is None else of_samples[counted].sum())
    return Samples(input, labels, weights=weights, counted=counted, count=count)


def class_axis(input: NDArray[Any]) -> int:
    """Return which axis of an input the classes are on: the second, or the only one."""
    return min(1, input.ndim - 1)


def shape_of_losses(input: NDArray[Any]) -> tuple[int, ...]:
    """Return the shape of an input without the classes."""
    axis = class_axis(input)
    return (*input.shape[:axis], *input.shape[axis + 1 :])


def as_rows(array: NDArray[Any]) -> FloatArray:
    """Return numbers per class in float64, as rows of shape (samples, classes)."""
    moved = np.moveaxis(array, class_axis(array), -1)
    shape = math.prod(moved.shape[:-1]), moved.shape[-1]
    rows: FloatArray = moved.reshape(shape).astype(np.float64, copy=False)
    return rows


def read_scores(name: str, input: ArrayLike, axes: int | None = None) -> FloatArray:
    """Return an input with an axis of classes.

    Parameters
    ----------
    name : str
        The caller's name for it.
    input : array_like
        float32 or float64.
    axes : int, optional
        The most axes that it may have.

    Raises
    ------
    InputError
        If there is no axis, there are too many, or there is no class.
    """
    array = as_float_array(name, input)
    if array.ndim == 0 or (axes is not None and array.ndim > axes) or not classes_of(array):
        more = ", or more axes after the classes" if axes is None else ""
        raise InputError(name, f"shape (batch, classes) or (classes,){more}", describe(array))
    return array


def classes_of(input: NDArray[Any]) -> int:
    """Return the number of classes."""
    classes: int = input.shape[class_axis(input)]
    return classes
