"""Layers: the contract that all of them keep, and those with parameters.

Each operation stands here twice: as a plain function that is the formula, written to be read,
and as a `Layer` that computes the same in place. The tests hold one against the other.

One rule about memory: *what you receive is yours, unless you passed* ``out``. A layer remembers
its input by reference between `forward` and `backward`, so leave that unchanged in between.
"""

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
    check_features,
    check_positive_int,
    check_shape,
    prepare_out,
)
from numpy_impl.errors import InputError
from numpy_impl.initializers import kaiming_uniform_, uniform_
from numpy_impl.parameters import Parameter, make_parameters

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike, NDArray


class Layer:
    """One step of a network, with its derivative.

    What is called from outside, `infer`, `forward` and `backward`, checks its arguments and finds
    the memory for the result. It then calls what a subclass defines, `infer_into` (the function, in
    evaluation mode), `forward_into` (the same in training mode, remembering what the derivative
    needs) and `backward_into` (the derivative), which check nothing: a model whose own buffers
    pass from layer to layer calls these at once.

    Attributes
    ----------
    training : bool
        True after construction and `train`, False after `eval`. In evaluation mode `forward` is
        `infer`: it writes nothing in the layer, so validating between a forward and its backward
        is safe.
    elementwise : bool
        Whether each entry of the output depends on that entry of the input alone. Then `infer_into`
        may be given its input as its output, and workers may each have a part of the units.
    """

    elementwise = False

    def __init__(self) -> None:
        self.training = True
        # What `backward` needs of the last training-mode `forward`; never copied or pickled.
        self._cache: Any = None

    def infer(self, x: ArrayLike, *, out: FloatArray | None = None) -> FloatArray:
        """Return the layer's output in evaluation mode; reads parameters, writes no state.

        Takes and raises what `forward` does.
        """
        x = self._as_input(x)
        y = prepare_out(out, self._output_shape(x.shape), x.dtype, x)
        self.infer_into(x, y)
        return y

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
        if not self.training:
            return self.infer(x, out=out)
        x = self._as_input(x)
        y = prepare_out(out, self._output_shape(x.shape), x.dtype, x)
        self.forward_into(x, y)
        return y

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
        if self._cache is None:
            raise RuntimeError(
                f"{type(self).__name__}.backward: there was no forward in training mode before"
            )
        kept, dtype = self._kept()
        grad_output = as_float_array("grad_output", grad_output, dtype)
        check_shape("grad_output", grad_output, self._output_shape(kept.shape))
        grad_input = None
        if need_input_grad:
            grad_input = prepare_out(out, kept.shape, dtype, grad_output, kept)
        self.backward_into(grad_output, grad_input, accumulate=accumulate)
        return grad_input

    def infer_into(self, x: FloatArray, y: FloatArray) -> None:
        """Write the output in evaluation mode for an input that fits; writes no state."""
        raise NotImplementedError

    def forward_into(self, x: FloatArray, y: FloatArray) -> None:
        """Write the output for an input that fits, and remember what the derivative needs."""
        raise NotImplementedError

    def backward_into(
        self, grad_output: FloatArray, grad_input: FloatArray | None, *, accumulate: bool = False
    ) -> None:
        """Write the parameters' gradients and, if it is asked for, that of the input."""
        raise NotImplementedError

    def _as_input(self, x: ArrayLike) -> FloatArray:
        """Return the input in the layer's dtype; InputError if it does not fit."""
        return as_float_array("x", x)

    def _output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the output for an input of this shape."""
        return shape

    def _kept(self) -> tuple[NDArray[Any], np.dtype[Any]]:
        """Return what `backward` remembers, of the shape of the input, and the type of that."""
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
        rng: np.random.Generator | None,
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
        if rng is None:
            return
        # a = sqrt(5) makes the bound sqrt(6 / ((1 + 5) fan_in)) = 1 / sqrt(fan_in).
        kaiming_uniform_(self.weight.data, a=math.sqrt(5.0), rng=rng)
        if self.bias is not None:
            uniform_(self.bias.data, bound=1.0 / math.sqrt(inputs), rng=rng)

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

    def _output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (*shape[:-1], self.weight.shape[0])

    def _kept(self) -> tuple[FloatArray, np.dtype[Any]]:
        return self._cache, self.weight.data.dtype
