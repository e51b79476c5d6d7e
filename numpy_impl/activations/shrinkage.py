"""Shrinkage: functions that take small entries to zero, or nearer to it."""

from __future__ import annotations

import numpy as np

from numpy_impl.arrays import FloatArray, check_number
from numpy_impl.layers.layer import Layer


def hardshrink(x: FloatArray, lambd: float = 0.5) -> FloatArray:
    """Return 0 where -`lambd` <= x <= `lambd`, else x; NaN stays NaN.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.hardshrink.html
    """
    return np.where(np.abs(x) <= lambd, np.zeros_like(x), x)


def shrink_backward(grad_output: FloatArray, x: FloatArray, lambd: float = 0.5) -> FloatArray:
    """Return the derivative of `hardshrink` and of `softshrink` at x, applied to a gradient G.

    0 where -`lambd` <= x <= `lambd`, else G: 0 at both kinks.
    """
    return np.where(np.abs(x) <= lambd, np.zeros_like(grad_output), grad_output)


def softshrink(x: FloatArray, lambd: float = 0.5) -> FloatArray:
    """Return x - `lambd` where x > `lambd`, x + `lambd` where x < -`lambd`, else 0.

    That is x less what is within the bounds of it. NaN stays NaN.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.softshrink.html
    """
    y: FloatArray = x - np.clip(x, -lambd, lambd)
    return y


def tanhshrink(x: FloatArray) -> FloatArray:
    """Return x - tanh(x).

    The terms cancel near 0, where the value is x^3 / 3 and its error still a rounding of x, as in
    PyTorch.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.tanhshrink.html
    """
    y: FloatArray = x - np.tanh(x)
    return y


def tanhshrink_backward(grad_output: FloatArray, x: FloatArray) -> FloatArray:
    """Return the derivative of `tanhshrink` at x, applied to a gradient G: G tanh(x)^2."""
    slope = np.tanh(x)
    slope *= slope
    slope *= grad_output
    return slope


class Hardshrink(Layer):
    """Hard shrinkage: y = x where x > `lambd` or x < -`lambd`, else 0.

    Parameters
    ----------
    lambd : float, default 0.5
        At least 0.

    Raises
    ------
    InputError
        If `lambd` is negative or not a finite number.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.Hardshrink.html
    """

    arguments = ("lambd",)
    elementwise = True
    wide = False

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = check_number("lambd", lambd)

    def function(self, x: FloatArray) -> FloatArray:
        """Return `hardshrink`; see `Layer.function`."""
        return hardshrink(x, self.lambd)

    def derivative(self, grad_output: FloatArray, x: FloatArray) -> FloatArray:
        """Return `shrink_backward`; see `Layer.derivative`."""
        return shrink_backward(grad_output, x, self.lambd)


class Softshrink(Layer):
    """Soft shrinkage: x brought nearer to 0 by `lambd`, and 0 where it is no farther away.

    Parameters
    ----------
    lambd : float, default 0.5
        At least 0.

    Raises
    ------
    InputError
        If `lambd` is negative or not a finite number.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.Softshrink.html
    """

    arguments = ("lambd",)
    elementwise = True
    wide = False

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = check_number("lambd", lambd)

    def function(self, x: FloatArray) -> FloatArray:
        """Return `softshrink`; see `Layer.function`."""
        return softshrink(x, self.lambd)

    def derivative(self, grad_output: FloatArray, x: FloatArray) -> FloatArray:
        """Return `shrink_backward`; see `Layer.derivative`."""
        return shrink_backward(grad_output, x, self.lambd)


class Tanhshrink(Layer):
    """The identity less the hyperbolic tangent: y = x - tanh(x).

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.Tanhshrink.html
    """

    elementwise = True

    def function(self, x: FloatArray) -> FloatArray:
        """Return `tanhshrink`; see `Layer.function`."""
        return tanhshrink(x)

    def derivative(self, grad_output: FloatArray, x: FloatArray) -> FloatArray:
        """Return `tanhshrink_backward`; see `Layer.derivative`."""
        return tanhshrink_backward(grad_output, x)
