"""Softmax, its logarithm, and softmin."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from numpy_impl.arrays import FloatArray, as_float_array, check_int
from numpy_impl.elementwise import BLOCK, quiet
from numpy_impl.errors import InputError
from numpy_impl.layers.layer import Layer

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def softmax(logits: FloatArray, axis: int = -1) -> FloatArray:
    r"""Return softmax along an axis.

    .. math:: p_k = \frac{e^{z_k - \max z}}{\sum_j e^{z_j - \max z}}

    Subtracting the largest logit leaves the result as it is and every exponent at most zero, so
    nothing overflows.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.softmax.html
    """
    p: FloatArray = logits - logits.max(axis=axis, keepdims=True)
    np.exp(p, out=p)
    p /= p.sum(axis=axis, keepdims=True)
    return p


def softmax_backward(grad_output: FloatArray, logits: FloatArray, axis: int = -1) -> FloatArray:
    r"""Return the derivative of `softmax` at these logits, applied to a gradient G.

    .. math:: \frac{\partial L}{\partial z_k} = p_k \Bigl(G_k - \sum_j G_j p_j\Bigr)
    """
    p = softmax(logits, axis)
    grad: FloatArray = grad_output - (grad_output * p).sum(axis=axis, keepdims=True)
    grad *= p
    return grad


def log_softmax(logits: FloatArray, axis: int = -1) -> FloatArray:
    r"""Return the logarithm of softmax along an axis, by log-sum-exp.

    .. math:: \log p_k = z_k - \max z - \log \sum_j e^{z_j - \max z}

    Subtracting the largest logit leaves the result as it is and every exponent at most zero, so
    nothing overflows; and no probability is ever formed whose logarithm could be infinite.

    Parameters
    ----------
    logits : ndarray of shape (..., classes)
    axis : int, default -1
        Where the classes are.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.log_softmax.html
    """
    log_p: FloatArray = logits - logits.max(axis=axis, keepdims=True)
    log_p -= np.log(np.exp(log_p).sum(axis=axis, keepdims=True))
    return log_p


def log_softmax_backward(grad_output: FloatArray, logits: FloatArray, axis: int = -1) -> FloatArray:
    r"""Return the derivative of `log_softmax` at these logits, applied to a gradient G.

    .. math:: \frac{\partial L}{\partial z_k} = G_k - p_k \sum_j G_j

    with p the softmax.
    """
    grad = softmax(logits, axis)
    grad *= -grad_output.sum(axis=axis, keepdims=True)
    grad += grad_output
    return grad


def softmin(logits: FloatArray, axis: int = -1) -> FloatArray:
    """Return `softmax` of -z along an axis.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.softmin.html
    """
    return softmax(-logits, axis)


def softmin_backward(grad_output: FloatArray, logits: FloatArray, axis: int = -1) -> FloatArray:
    """Return the derivative of `softmin` at these logits, applied to a gradient."""
    return -softmax_backward(grad_output, -logits, axis)


def _by_distribution(
    function: Callable[..., FloatArray], axis: int, out: FloatArray, *arrays: FloatArray
) -> None:
    """Write a function of whole distributions along an axis, in float64, some of them at a time.

    Parameters
    ----------
    function : callable
        From arrays of three axes, with distributions along axis 1, to a new array.
    axis : int
        Where the distributions are.
    out : ndarray
        C-contiguous.
    *arrays : ndarray
        Of the shape of `out`, in any memory layout.
    """
    if out.size == 0:
        return
    length = out.shape[axis] if out.ndim else 1
    # Axes before and behind: (before, length, behind).
    behind = math.prod(out.shape[axis % out.ndim + 1 :]) if out.ndim else 1
    shape = -1, length, behind
    result, *given = (array.reshape(shape) for array in (out, *arrays))
    with quiet():
        for part in _parts(*result.shape):
            result[part] = function(*(a[part].astype(np.float64, copy=False) for a in given))


def _parts(before: int, length: int, behind: int) -> Iterator[tuple[slice, slice, slice]]:
    # A block is of so many entries, or those of one distribution if they are more.
    columns = min(behind, max(BLOCK // length, 1))
    rows = max(BLOCK // (length * columns), 1)
    for row in range(0, before, rows):
        for column in range(0, behind, columns):
            yield slice(row, row + rows), slice(None), slice(column, column + columns)


class _AlongAxis:
    """What the layers here share, beside `Layer`: the axis, and what is computed along it.

    They define `function` and `derivative` for arrays of three axes, with distributions along
    axis 1.
    """

    arguments: ClassVar[tuple[str, ...]] = ("dim",)
    function: Callable[..., FloatArray]
    derivative: Callable[..., FloatArray]
    _cache: Any

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = check_int("dim", dim)
        self.rowwise = self.dim == -1

    def infer_into(self, x: FloatArray, y: FloatArray) -> None:
        """Write the function along the axis; see `Layer.infer_into`."""
        _by_distribution(self.function, self.dim, y, x)

    def backward_into(
        self,
        grad_output: FloatArray,
        grad_input: FloatArray | None,
        *,
        accumulate: bool = False,  # noqa: ARG002 - there are no parameters to accumulate into
    ) -> None:
        """Write its derivative; see `Layer.backward_into`."""
        if grad_input is not None:
            _by_distribution(self.derivative, self.dim, grad_input, grad_output, self._cache)

    def out_features(self, in_features: int) -> int:
        """Return `in_features`; InputError if a batch of rows has no axis `dim`."""
        width = check_int("in_features", in_features)
        self._check_axis((0, max(width, 0)))
        return width

    def _as_input(self, x: ArrayLike) -> FloatArray:
        array = as_float_array("x", x)
        self._check_axis(array.shape)
        return array

    def _check_axis(self, shape: tuple[int, ...]) -> None:
        """Raise InputError if an array has no such axis. As in PyTorch, a scalar has one."""
        axes = max(len(shape), 1)
        if not -axes <= self.dim < axes:
            raise InputError("x", f"an axis {self.dim}, which is the dim", f"shape {shape}")


class Softmax(_AlongAxis, Layer):
    r"""Exponentials that sum to 1 along an axis: probabilities of logits.

    .. math:: y_k = e^{x_k} / \sum_j e^{x_j}

    Computed in float64, whatever the type, and rounded once.

    Parameters
    ----------
    dim : int
        The axis along which the sum is 1; negative numbers count from the last.
        PyTorch's default, None, is deprecated there.

    Raises
    ------
    InputError
        If `dim` is not an integer. In `forward`, if there is no such axis.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.Softmax.html
    """

    def function(self, x: FloatArray) -> FloatArray:
        """Return `softmax`; see `Layer.function`."""
        return softmax(x, 1)

    def derivative(self, grad_output: FloatArray, x: FloatArray) -> FloatArray:
        """Return `softmax_backward`; see `Layer.derivative`."""
        return softmax_backward(grad_output, x, 1)


class LogSoftmax(_AlongAxis, Layer):
    r"""The logarithm of `Softmax`, computed as such: log-probabilities of logits.

    .. math:: y_k = x_k - \log \sum_j e^{x_j}

    Parameters
    ----------
    dim : int
        As for `Softmax`.

    Raises
    ------
    InputError
        As `Softmax`.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.LogSoftmax.html
    """

    def function(self, x: FloatArray) -> FloatArray:
        """Return `log_softmax`; see `Layer.function`."""
        return log_softmax(x, 1)

    def derivative(self, grad_output: FloatArray, x: FloatArray) -> FloatArray:
        """Return `log_softmax_backward`; see `Layer.derivative`."""
        return log_softmax_backward(grad_output, x, 1)


class Softmin(_AlongAxis, Layer):
    r"""`Softmax` of -x: the smallest entry gets the largest share.

    .. math:: y_k = e^{-x_k} / \sum_j e^{-x_j}

    Parameters
    ----------
    dim : int
        As for `Softmax`.

    Raises
    ------
    InputError
        As `Softmax`.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.Softmin.html
    """

    def function(self, x: FloatArray) -> FloatArray:
        """Return `softmin`; see `Layer.function`."""
        return softmin(x, 1)

    def derivative(self, grad_output: FloatArray, x: FloatArray) -> FloatArray:
        """Return `softmin_backward`; see `Layer.derivative`."""
        return softmin_backward(grad_output, x, 1)
