"""The affine layer."""

# Annotations are not evaluated, and what only they need is not loaded: who predicts does not wait
# for it.
from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from numpy_impl.arrays import (
    FloatArray,
    as_float_array,
    as_float_dtype,
    check_bool,
    check_features,
    check_generator,
    check_positive_int,
)
from numpy_impl.initializers import kaiming_uniform_, uniform_
from numpy_impl.layers.layer import Layer
from numpy_impl.parameters import Parameter, make_parameters

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike


def linear(x: FloatArray, weight: FloatArray, bias: FloatArray | None = None) -> FloatArray:
    """Return x W^T + b.

    Parameters
    ----------
    x : ndarray of shape (..., in_features)
    weight : ndarray of shape (out_features, in_features)
        W. The textbook's matrix, for y = x W + b, is its transpose.
    bias : ndarray of shape (out_features,), optional
        b.

    Returns
    -------
    ndarray of shape (..., out_features)

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.linear.html
    """
    y = x @ weight.T
    return y if bias is None else y + bias


def linear_backward(
    grad_output: FloatArray, x: FloatArray, weight: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the derivatives of `linear` with respect to x, W and b.

    With G the derivative of the loss with respect to y = x W^T + b, over a batch in rows:
    dL/dx = G W, dL/dW = G^T x, dL/db = the sum of the rows of G.

    Parameters
    ----------
    grad_output : ndarray of shape (batch, out_features)
        G.
    x : ndarray of shape (batch, in_features)
    weight : ndarray of shape (out_features, in_features)

    Returns
    -------
    grad_input : ndarray of shape (batch, in_features)
    grad_weight : ndarray of shape (out_features, in_features)
    grad_bias : ndarray of shape (out_features,)
    """
    return grad_output @ weight, grad_output.T @ x, grad_output.sum(axis=0)


_ROWS_PER_SUM = 64
_ONES = {dtype: np.ones(2 * _ROWS_PER_SUM, dtype) for dtype in map(np.dtype, ("f4", "f8"))}


def sum_rows(rows: FloatArray, *, out: FloatArray | None = None) -> FloatArray:
    """Return the sum of the rows of a matrix: sums of 64 rows, then sums of 64 of those, ...

    A sum over rows in order, as ``rows.sum(axis=0)`` computes it, has a rounding error that grows
    with their number n; in blocks it grows with log n. Each block is a product with a row of ones,
    which BLAS computes several rows at a time.

    Parameters
    ----------
    rows : ndarray of shape (batch, features)
    out : ndarray of shape (features,), optional
        Where to write it.
    """
    batch, features = rows.shape
    ones = _ONES[rows.dtype]
    if batch <= 2 * _ROWS_PER_SUM:
        return np.matmul(ones[:batch], rows, out=out)
    blocks, rest = divmod(batch, _ROWS_PER_SUM)
    whole = rows[: batch - rest].reshape(blocks, _ROWS_PER_SUM, features)
    total = sum_rows(np.matmul(ones[:_ROWS_PER_SUM], whole), out=out)
    if rest:
        total += np.matmul(ones[:rest], rows[-rest:])
    return total


class Linear(Layer):
    """The affine map y = x W^T + b.

    Parameters
    ----------
    in_features, out_features : int
        Width of the input and of the output.
    bias : bool, default True
        Whether there is a b.
    rng : numpy.random.Generator or None
        Draws the initial parameters as torch.nn.Linear does: weight and bias both from
        U(-1/sqrt(in_features), 1/sqrt(in_features)). With None they are zero, to be loaded.
    dtype : dtype_like, default float32
        float32 or float64.

    Attributes
    ----------
    weight : Parameter of shape (out_features, in_features)
        W, in PyTorch's layout: the textbook's matrix is ``weight.data.T``.
    bias : Parameter of shape (out_features,), or None
        b.

    Notes
    -----
    `forward` takes shape (..., in_features) and gives (..., out_features).

    Raises
    ------
    InputError
        If a width is not a positive integer, `bias` not True or False, or the dtype not float32 or
        float64.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.Linear.html
    """

    arguments = ("in_features", "out_features", "bias")
    rowwise = True

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        rng: np.random.Generator | None,
        dtype: DTypeLike = np.float32,
    ) -> None:
        super().__init__()
        inputs = check_positive_int("in_features", in_features)
        outputs = check_positive_int("out_features", out_features)
        check_bool("bias", bias)
        if rng is not None:
            check_generator("rng", rng)
        self.in_features = inputs
        shapes = self.state_shapes(inputs, outputs, bias)
        parameters = make_parameters(shapes, as_float_dtype(dtype))
        self.weight = parameters[0]
        self.bias = parameters[1] if bias else None
        if rng is None:
            return
        # a = sqrt(5) makes the bound sqrt(6 / ((1 + 5) fan_in)) = 1 / sqrt(fan_in).
        kaiming_uniform_(self.weight.data, a=math.sqrt(5.0), rng=rng)
        if self.bias is not None:
            bound = 1.0 / math.sqrt(inputs)
            uniform_(self.bias.data, -bound, bound, rng=rng)

    def infer_into(self, x: FloatArray, y: FloatArray) -> None:
        """Write x W^T + b; see `Layer.infer_into`."""
        # (..., features) -> (batch, features); a view wherever the memory allows one.
        if x.ndim > 2:
            outputs, inputs = self.weight.shape
            x, y = x.reshape(-1, inputs), y.reshape(-1, outputs)
        np.dot(x, self.weight.transposed, out=y)
        if self.bias is not None:
            np.add(y, self.bias.data, out=y)

    def forward_into(self, x: FloatArray, y: FloatArray) -> None:
        """Write x W^T + b and remember x; see `Layer.forward_into`."""
        self.infer_into(x, y)
        self._cache = x

    def backward_into(
        self, grad_output: FloatArray, grad_input: FloatArray | None, *, accumulate: bool = False
    ) -> None:
        """Write the gradients; see `Layer.backward_into`."""
        outputs, inputs = self.weight.shape
        x_rows, grad_rows = self._cache, grad_output
        if x_rows.ndim != 2:
            x_rows, grad_rows = x_rows.reshape(-1, inputs), grad_rows.reshape(-1, outputs)
        if accumulate:
            self.weight.grad += grad_rows.T @ x_rows
            if self.bias is not None:
                self.bias.grad += sum_rows(grad_rows)
        else:
            # The transposed product, into the memory as it lies; see `parameters`.
            np.dot(x_rows.T, grad_rows, out=self.weight.grad.T)
            if self.bias is not None:
                sum_rows(grad_rows, out=self.bias.grad)
        if grad_input is not None:
            np.dot(grad_rows, self.weight.data, out=grad_input.reshape(-1, inputs))

    @classmethod
    def state_shapes(
        cls, in_features: int, out_features: int, bias: bool = True
    ) -> dict[str, tuple[int, ...]]:
        """Return the shapes of weight and bias."""
        shapes: dict[str, tuple[int, ...]] = {"weight": (out_features, in_features)}
        return {**shapes, "bias": (out_features,)} if bias else shapes

    def parameters(self) -> list[Parameter]:
        """Return [weight, bias], or [weight] without a bias."""
        return [self.weight] if self.bias is None else [self.weight, self.bias]

    def out_features(self, in_features: int) -> int:
        """Return the number of rows of the weight."""
        super().out_features(in_features)
        return self.weight.shape[0]

    def config(self) -> dict[str, Any]:
        """Return in_features, out_features and bias."""
        outputs, inputs = self.weight.shape
        return {"in_features": inputs, "out_features": outputs, "bias": self.bias is not None}

    def _as_input(self, x: ArrayLike) -> FloatArray:
        x = as_float_array("x", x, self.weight.data.dtype)
        check_features("x", x, self.weight.shape[1])
        return x

    def _output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (*shape[:-1], self.weight.shape[0])

    def _kept(self) -> tuple[FloatArray, np.dtype[Any]]:
        return self._cache, self.weight.data.dtype
