"""Layers: the contract that all of them keep, and those with parameters.

Each operation stands here twice: as a plain function that is the formula, written to be read,
and as a `Layer` that computes the same in place. The tests hold one against the other.

One rule about memory: *what you receive is yours, unless you passed* ``out``. A layer remembers
its input by reference between `forward` and `backward`, so leave that unchanged in between.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from numpy_impl.arrays import (
    FloatArray,
    as_float_array,
    as_float_dtype,
    check_features,
    check_positive_int,
    check_shape,
    prepare_out,
)
from numpy_impl.errors import InputError
from numpy_impl.initializers import kaiming_uniform_, uniform_
from numpy_impl.parameters import Parameter, make_parameters


class Layer:
    """One step of a network, with its derivative.

    A subclass defines `infer` (the function, in evaluation mode), `forward` (the same in training
    mode, remembering what the derivative needs) and `backward` (the derivative).

    Attributes
    ----------
    training : bool
        True after construction and `train`, False after `eval`. In evaluation mode `forward` is
        `infer`: it writes nothing in the layer, so validating between a forward and its backward
        is safe.
    """

    def __init__(self) -> None:
        self.training = True
        # What `backward` needs of the last training-mode `forward`; never copied or pickled.
        self._cache: Any = None

    def infer(self, x: ArrayLike, *, out: FloatArray | None = None) -> FloatArray:
        """Return the layer's output in evaluation mode; reads parameters, writes no state."""
        raise NotImplementedError

    def forward(self, x: ArrayLike, *, out: FloatArray | None = None) -> FloatArray:
        """Return the layer's output and, in training mode, remember what `backward` needs.

        Parameters
        ----------
        x : array_like
            The input; converted to the layer's dtype where it has another, never written to.
        out : ndarray, optional
            Where to write the output. Without it the output is a new array.

        Raises
        ------
        InputError
            If `x` or `out` has the wrong shape or type.
        """
        raise NotImplementedError

    def backward(
        self,
        grad_output: ArrayLike,
        *,
        out: FloatArray | None = None,
        need_input_grad: bool = True,
        accumulate: bool = False,
    ) -> FloatArray | None:
        """Carry a gradient back through the last training-mode `forward`.

        Parameters
        ----------
        grad_output : array_like
            Derivative of the loss with respect to the output; never written to.
        out : ndarray, optional
            Where to write the derivative with respect to the input.
        need_input_grad : bool, default True
            Without it the derivative with respect to the input is not computed.
        accumulate : bool, default False
            Add to the parameters' gradients instead of overwriting them. (PyTorch always adds.)

        Returns
        -------
        ndarray or None
            The derivative with respect to the input; None without `need_input_grad`.

        Raises
        ------
        InputError
            If `grad_output` or `out` has the wrong shape or type.
        RuntimeError
            If there was no training-mode `forward` before.
        """
        raise NotImplementedError

    def parameters(self) -> list[Parameter]:
        """Return the layer's parameters, in PyTorch's order."""
        return []

    def out_features(self, in_features: int) -> int:
        """Return the width of the output for this width of input; InputError if it does not fit."""
        raise NotImplementedError

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments as plain data, without randomness and dtype."""
        return {}

    def train(self) -> None:
        """Switch to training mode."""
        self.training = True

    def eval(self) -> None:
        """Switch to evaluation mode."""
        self.training = False

    def _remembered(self) -> Any:
        if self._cache is None:
            raise RuntimeError(
                f"{type(self).__name__}.backward: there was no forward in training mode before"
            )
        return self._cache

    def __call__(self, x: ArrayLike, *, out: FloatArray | None = None) -> FloatArray:
        """Return ``forward(x, out=out)``."""
        return self.forward(x, out=out)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_cache": None}

    def __repr__(self) -> str:
        arguments = ", ".join(f"{key}={value!r}" for key, value in self.config().items())
        return f"{type(self).__name__}({arguments})"


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
    rng : numpy.random.Generator
        Draws the initial parameters as torch.nn.Linear does: weight and bias both from
        U(-1/sqrt(in_features), 1/sqrt(in_features)).
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
        If a width is not a positive integer, or the dtype is not float32 or float64.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.Linear.html
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        rng: np.random.Generator,
        dtype: DTypeLike = np.float32,
    ) -> None:
        super().__init__()
        inputs = check_positive_int("in_features", in_features)
        outputs = check_positive_int("out_features", out_features)
        shapes: dict[str, tuple[int, ...]] = {"weight": (outputs, inputs)}
        if bias:
            shapes["bias"] = (outputs,)
        parameters = make_parameters(shapes, as_float_dtype(dtype))
        self.weight = parameters[0]
        self.bias = parameters[1] if bias else None
        # a = sqrt(5) makes the bound sqrt(6 / ((1 + 5) fan_in)) = 1 / sqrt(fan_in).
        kaiming_uniform_(self.weight.data, a=math.sqrt(5.0), rng=rng)
        if self.bias is not None:
            uniform_(self.bias.data, bound=1.0 / math.sqrt(inputs), rng=rng)

    def infer(self, x: ArrayLike, *, out: FloatArray | None = None) -> FloatArray:
        """Return x W^T + b; see `Layer.infer`."""
        return self._affine(self._as_input(x), out)

    def forward(self, x: ArrayLike, *, out: FloatArray | None = None) -> FloatArray:
        """Return x W^T + b; see `Layer.forward`."""
        x = self._as_input(x)
        y = self._affine(x, out)
        if self.training:
            self._cache = x
        return y

    def backward(
        self,
        grad_output: ArrayLike,
        *,
        out: FloatArray | None = None,
        need_input_grad: bool = True,
        accumulate: bool = False,
    ) -> FloatArray | None:
        """Write the parameters' gradients, return that of the input; see `Layer.backward`."""
        x: FloatArray = self._remembered()
        weight = self.weight.data
        outputs, inputs = weight.shape
        grad_output = as_float_array("grad_output", grad_output, weight.dtype)
        check_shape("grad_output", grad_output, (*x.shape[:-1], outputs))
        # (..., features) -> (batch, features); a view wherever the memory allows one.
        x_rows = x.reshape(-1, inputs)
        grad_rows = grad_output.reshape(-1, outputs)
        if accumulate:
            self.weight.grad += grad_rows.T @ x_rows
            if self.bias is not None:
                self.bias.grad += sum_rows(grad_rows)
        else:
            # The transposed product, into the memory as it lies; see `parameters`.
            np.matmul(x_rows.T, grad_rows, out=self.weight.grad.T)
            if self.bias is not None:
                sum_rows(grad_rows, out=self.bias.grad)
        if not need_input_grad:
            return None
        grad_input = prepare_out(out, x.shape, weight.dtype, grad_output, x)
        np.matmul(grad_rows, weight, out=grad_input.reshape(-1, inputs))
        return grad_input

    def parameters(self) -> list[Parameter]:
        """Return [weight, bias], or [weight] without a bias."""
        return [self.weight] if self.bias is None else [self.weight, self.bias]

    def out_features(self, in_features: int) -> int:
        """Return the number of rows of the weight."""
        outputs, inputs = self.weight.shape
        if in_features != inputs:
            raise InputError("in_features", str(inputs), str(in_features))
        return outputs

    def config(self) -> dict[str, Any]:
        """Return in_features, out_features and bias."""
        outputs, inputs = self.weight.shape
        return {"in_features": inputs, "out_features": outputs, "bias": self.bias is not None}

    def _as_input(self, x: ArrayLike) -> FloatArray:
        x = as_float_array("x", x, self.weight.data.dtype)
        check_features("x", x, self.weight.shape[1])
        return x

    def _affine(self, x: FloatArray, out: FloatArray | None) -> FloatArray:
        weight = self.weight.data
        outputs, inputs = weight.shape
        y = prepare_out(out, (*x.shape[:-1], outputs), weight.dtype, x)
        np.matmul(x.reshape(-1, inputs), weight.T, out=y.reshape(-1, outputs))
        if self.bias is not None:
            y += self.bias.data
        return y
