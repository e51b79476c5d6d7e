"""Activations of straight pieces between two bounds.

Comparisons are made in the type of the input, to which the bounds are rounded, as in PyTorch.
"""

from __future__ import annotations

import numpy as np

from numpy_impl.activations.arguments import check_finite
from numpy_impl.arrays import FloatArray
from numpy_impl.errors import InputError
from numpy_impl.layers.layer import Layer


def hardtanh(x: FloatArray, min_val: float = -1.0, max_val: float = 1.0) -> FloatArray:
    """Return min(max(x, `min_val`), `max_val`); NaN stays NaN.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.hardtanh.html
    """
    y: FloatArray = np.clip(x, min_val, max_val)
    return y


def hardtanh_backward(
    grad_output: FloatArray, x: FloatArray, min_val: float = -1.0, max_val: float = 1.0
) -> FloatArray:
    """Return the derivative of `hardtanh` at x, applied to a gradient G.

    0 where x <= `min_val` or x >= `max_val`, else G: 0 at both kinks.
    """
    off = (x <= min_val) | (x >= max_val)
    return np.where(off, np.zeros_like(grad_output), grad_output)


def hardsigmoid(x: FloatArray) -> FloatArray:
    """Return min(max(x + 3, 0), 6) / 6.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.hardsigmoid.html
    """
    y: FloatArray = np.clip(x + 3.0, 0.0, 6.0)
    y /= 6.0
    return y


def hardsigmoid_backward(grad_output: FloatArray, x: FloatArray) -> FloatArray:
    """Return the derivative of `hardsigmoid` at x, applied to a gradient G.

    G / 6 where -3 < x < 3, else 0: 0 at both kinks and for NaN.
    """
    on = (x > -3.0) & (x < 3.0)
    return np.where(on, grad_output * (1.0 / 6.0), np.zeros_like(grad_output))


def hardswish(x: FloatArray) -> FloatArray:
    """Return x min(max(x + 3, 0), 6) / 6.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.hardswish.html
    """
    y: FloatArray = np.clip(x + 3.0, 0.0, 6.0)
    y *= x
    y /= 6.0
    return y


def hardswish_backward(grad_output: FloatArray, x: FloatArray) -> FloatArray:
    """Return the derivative of `hardswish` at x, applied to a gradient G.

    0 where x <= -3, G (x / 3 + 1/2) where -3 < x < 3, else G: the slope of the outer pieces at
    both kinks.
    """
    inner: FloatArray = x / 3.0
    inner += 0.5
    inner *= grad_output
    outer = np.where(x <= -3.0, np.zeros_like(grad_output), grad_output)
    return np.where((x > -3.0) & (x < 3.0), inner, outer)


class Hardtanh(Layer):
    """The identity between two bounds: y = min(max(x, `min_val`), `max_val`).

    Parameters
    ----------
    min_val, max_val : float, default -1 and 1
        The first must be below the second.

    Raises
    ------
    InputError
        If a bound is not a finite number or they are in the wrong order.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.Hardtanh.html
    """

    arguments = ("min_val", "max_val")
    elementwise = True
    wide = False

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0) -> None:
        super().__init__()
        self.min_val = check_finite("min_val", min_val)
        self.max_val = check_finite("max_val", max_val)
        if self.max_val <= self.min_val:
            raise InputError("max_val", f"a number above {self.min_val}", repr(self.max_val))

    def function(self, x: FloatArray) -> FloatArray:
        """Return `hardtanh`; see `Layer.function`."""
        return hardtanh(x, self.min_val, self.max_val)

    def derivative(self, grad_output: FloatArray, x: FloatArray) -> FloatArray:
        """Return `hardtanh_backward`; see `Layer.derivative`."""
        return hardtanh_backward(grad_output, x, self.min_val, self.max_val)


class ReLU6(Layer):
    """The rectifier up to 6: y = min(max(x, 0), 6), which is `hardtanh` with these bounds.

    References
    ----------
    Howard et al. (2017), MobileNets, https://arxiv.org/abs/1704.04861
    https://docs.pytorch.org/docs/stable/generated/torch.nn.ReLU6.html
    """

    elementwise = True
    wide = False

    def function(self, x: FloatArray) -> FloatArray:
        """Return `hardtanh`; see `Layer.function`."""
        return hardtanh(x, 0.0, 6.0)

    def derivative(self, grad_output: FloatArray, x: FloatArray) -> FloatArray:
        """Return `hardtanh_backward`; see `Layer.derivative`."""
        return hardtanh_backward(grad_output, x, 0.0, 6.0)


class Hardsigmoid(Layer):
    """The sigmoid in straight pieces: y = min(max(x + 3, 0), 6) / 6.

    References
    ----------
    Courbariaux et al. (2015), BinaryConnect, https://arxiv.org/abs/1511.00363
    https://docs.pytorch.org/docs/stable/generated/torch.nn.Hardsigmoid.html
    """

    elementwise = True
    wide = False

    def function(self, x: FloatArray) -> FloatArray:
        """Return `hardsigmoid`; see `Layer.function`."""
        return hardsigmoid(x)

    def derivative(self, grad_output: FloatArray, x: FloatArray) -> FloatArray:
        """Return `hardsigmoid_backward`; see `Layer.derivative`."""
        return hardsigmoid_backward(grad_output, x)


class Hardswish(Layer):
    """SiLU with the sigmoid in straight pieces: y = x min(max(x + 3, 0), 6) / 6.

    References
    ----------
    Howard et al. (2019), Searching for MobileNetV3, https://arxiv.org/abs/1905.02244
    https://docs.pytorch.org/docs/stable/generated/torch.nn.Hardswish.html
    """

    elementwise = True
    wide = False

    def function(self, x: FloatArray) -> FloatArray:
        """Return `hardswish`; see `Layer.function`."""
        return hardswish(x)

    def derivative(self, grad_output: FloatArray, x: FloatArray) -> FloatArray:
        """Return `hardswish_backward`; see `Layer.derivative`."""
        return hardswish_backward(grad_output, x)
