"""Rectifiers with a slope on the negative side, and one with another threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from numpy_impl.activations.arguments import check_finite
from numpy_impl.arrays import (
    FloatArray,
    as_float_array,
    as_float_dtype,
    cast,
    check_positive_int,
)
from numpy_impl.errors import InputError
from numpy_impl.layers.layer import Layer
from numpy_impl.parameters import Parameter, make_parameters

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike


def leaky_relu(x: FloatArray, negative_slope: float = 0.01) -> FloatArray:
    """Return x where x > 0, else `negative_slope` times x.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.leaky_relu.html
    """
    return np.where(x > 0, x, negative_slope * x)


def leaky_relu_backward(
    grad_output: FloatArray, x: FloatArray, negative_slope: float = 0.01
) -> FloatArray:
    """Return the derivative of `leaky_relu` at x, applied to a gradient G.

    G where x > 0, else `negative_slope` times G: the slope of the negative side at the kink and
    for NaN.
    """
    return np.where(x > 0, grad_output, negative_slope * grad_output)


def threshold(x: FloatArray, threshold: float, value: float) -> FloatArray:
    """Return `value` where x <= `threshold`, else x; NaN stays NaN.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.threshold.html
    """
    return np.where(x <= threshold, x.dtype.type(value), x)


def threshold_backward(grad_output: FloatArray, x: FloatArray, threshold: float) -> FloatArray:
    """Return the derivative of `threshold` at x, applied to a gradient: 0 where x <= `threshold`.

    The jump at the threshold has no part in it.
    """
    return np.where(x <= threshold, np.zeros_like(grad_output), grad_output)


def prelu(x: FloatArray, weight: FloatArray) -> FloatArray:
    """Return x where x > 0, else w x, with w the slope of the entry's channel.

    Parameters
    ----------
    x : ndarray
        With channels along axis 1 if there are several slopes.
    weight : ndarray of shape (1,) or (channels,)

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.prelu.html
    """
    return np.where(x > 0, x, _by_channel(weight, x.ndim) * x)


def prelu_backward(
    grad_output: FloatArray, x: FloatArray, weight: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the derivatives of `prelu` with respect to x and to the slopes.

    With G the derivative of the loss with respect to the output: G where x > 0, else w G; and for
    each slope the sum of G x over the entries of its channel with x <= 0.

    Returns
    -------
    grad_input : ndarray
        Of the shape of x.
    grad_weight : ndarray of float64, of the shape of the slopes
    """
    on = x > 0
    grad_input = np.where(on, grad_output, _by_channel(weight, x.ndim) * grad_output)
    products = np.where(on, 0.0, np.multiply(x, grad_output, dtype=np.float64))
    others = None if len(weight) == 1 else tuple(axis for axis in range(x.ndim) if axis != 1)
    return grad_input, products.sum(axis=others).reshape(weight.shape)


def _by_channel(weight: FloatArray, axes: int) -> FloatArray:
    """Return slopes in a shape that broadcasts to inputs with so many axes."""
    return weight.reshape(()) if len(weight) == 1 else weight.reshape(-1, *[1] * (axes - 2))


class LeakyReLU(Layer):
    """A rectifier that leaks: y = x where x > 0, else `negative_slope` times x.

    Parameters
    ----------
    negative_slope : float, default 0.01
        Of any sign.

    Raises
    ------
    InputError
        If the slope is not a finite number.

    References
    ----------
    Maas et al. (2013), Rectifier nonlinearities improve neural network acoustic models,
    https://ai.stanford.edu/~amaas/papers/relu_hybrid_icml2013_final.pdf
    https://docs.pytorch.org/docs/stable/generated/torch.nn.LeakyReLU.html
    """

    arguments = ("negative_slope",)
    elementwise = True
    wide = False

    def __init__(self, negative_slope: float = 0.01) -> None:
        super().__init__()
        self.negative_slope = check_finite("negative_slope", negative_slope)

    def function(self, x: FloatArray) -> FloatArray:
        """Return `leaky_relu`; see `Layer.function`."""
        return leaky_relu(x, self.negative_slope)

    def derivative(self, grad_output: FloatArray, x: FloatArray) -> FloatArray:
        """Return `leaky_relu_backward`; see `Layer.derivative`."""
        return leaky_relu_backward(grad_output, x, self.negative_slope)


class Threshold(Layer):
    """A rectifier with another threshold: y = x where x > `threshold`, else `value`.

    Parameters
    ----------
    threshold, value : float

    Raises
    ------
    InputError
        If one of them is not a finite number.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.Threshold.html
    """

    arguments = ("threshold", "value")
    elementwise = True
    wide = False

    def __init__(self, threshold: float, value: float) -> None:
        super().__init__()
        self.threshold = check_finite("threshold", threshold)
        self.value = check_finite("value", value)

    def function(self, x: FloatArray) -> FloatArray:
        """Return `threshold`; see `Layer.function`."""
        return threshold(x, self.threshold, self.value)

    def derivative(self, grad_output: FloatArray, x: FloatArray) -> FloatArray:
        """Return `threshold_backward`; see `Layer.derivative`."""
        return threshold_backward(grad_output, x, self.threshold)


class PReLU(Layer):
    r"""A leaky rectifier whose slopes are learned: y = x where x > 0, else w x.

    With G the derivative of the loss with respect to y, that with respect to the slope w of a
    channel is the sum of :math:`G x` over its entries that are not above 0.

    Parameters
    ----------
    num_parameters : int, default 1
        1 for one slope, or the number of channels, which are axis 1 of the input, for one each.
    init : float, default 0.25
        The slopes at first.
    dtype : dtype_like, default float32
        float32 or float64.

    Attributes
    ----------
    weight : Parameter of shape (num_parameters,)
        w.

    Raises
    ------
    InputError
        If an argument is not as above. In `forward`, if axis 1 of the input is not as long as
        there are slopes.

    Notes
    -----
    The products are added up in float64, whatever the type, and rounded once.

    References
    ----------
    He et al. (2015), Delving deep into rectifiers, https://arxiv.org/abs/1502.01852
    https://docs.pytorch.org/docs/stable/generated/torch.nn.PReLU.html
    """

    arguments = ("num_parameters", "init")

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, *, dtype: DTypeLike = np.float32
    ) -> None:
        super().__init__()
        self.num_parameters = check_positive_int("num_parameters", num_parameters)
        self.init = check_finite("init", init)
        start = cast("init", np.array(self.init), as_float_dtype(dtype))
        shapes = self.state_shapes(self.num_parameters)
        (self.weight,) = make_parameters(shapes, as_float_dtype(dtype))
        self.weight.data.fill(start)
        # A vector has no channels.
        self.rowwise = self.num_parameters == 1
        self.in_features = None if self.rowwise else self.num_parameters

    def infer_into(self, x: FloatArray, y: FloatArray) -> None:
        """Write `prelu`; see `Layer.infer_into`."""
        with np.errstate(over="ignore", invalid="ignore"):
            np.copyto(y, prelu(x, self.weight.data))

    def backward_into(
        self, grad_output: FloatArray, grad_input: FloatArray | None, *, accumulate: bool = False
    ) -> None:
        """Write the gradients; see `Layer.backward_into`."""
        with np.errstate(over="ignore", invalid="ignore"):
            to_input, to_weight = prelu_backward(grad_output, self._cache, self.weight.data)
            self.weight.grad = self.weight.grad + to_weight if accumulate else to_weight
        if grad_input is not None:
            np.copyto(grad_input, to_input)

    @classmethod
    def state_shapes(cls, num_parameters: int = 1, init: float = 0.25) -> dict[str, Any]:  # noqa: ARG003
        """Return the shape of the weight."""
        return {"weight": (num_parameters,)}

    def parameters(self) -> list[Parameter]:
        """Return [weight]."""
        return [self.weight]

    def _as_input(self, x: ArrayLike) -> FloatArray:
        array = as_float_array("x", x, self.weight.data.dtype)
        channels = self.num_parameters
        if channels != 1 and (array.ndim < 2 or array.shape[1] != channels):
            raise InputError("x", f"shape (batch, {channels}, ...)", f"shape {array.shape}")
        return array
