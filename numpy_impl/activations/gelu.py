"""The Gaussian error linear unit."""

from __future__ import annotations

import math

import numpy as np

from numpy_impl.activations.normal import normal
from numpy_impl.arrays import FloatArray, in_words
from numpy_impl.errors import InputError
from numpy_impl.layers.layer import Layer

# 2 sqrt(2 / pi) and the coefficient of the cube in the approximation by tanh.
_TWICE = 2.0 * math.sqrt(2.0 / math.pi)
_CUBE = 0.044715


def gelu(x: FloatArray) -> FloatArray:
    r"""Return :math:`x\, \Phi(x)`, with :math:`\Phi` the normal distribution.

    For x < 0 it is computed from the tail, to a few roundings of itself; x (1 + erf) / 2 is not.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.gelu.html
    """
    y, _ = normal(x)
    y *= x
    return y


def gelu_backward(grad_output: FloatArray, x: FloatArray) -> FloatArray:
    r"""Return the derivative of `gelu` at x, applied to a gradient G.

    :math:`G\, (\Phi(x) + x \varphi(x))`, with :math:`\varphi` the normal density.
    """
    slope, density = normal(x)
    density *= x
    slope += density
    slope *= grad_output
    return slope


def gelu_tanh(x: FloatArray) -> FloatArray:
    r"""Return the approximation of `gelu` by a hyperbolic tangent.

    .. math:: \frac{x}{2} (1 + \tanh u) = \frac{x}{1 + e^{-2u}}, \qquad
        u = \sqrt{2 / \pi}\, (x + 0.044715\, x^3)

    The second form cancels nowhere.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.gelu.html
    """
    y = _twice_u(x)
    np.negative(y, out=y)
    with np.errstate(over="ignore"):
        np.exp(y, out=y)
    y += 1.0
    return np.divide(x, y, out=y)


def gelu_tanh_backward(grad_output: FloatArray, x: FloatArray) -> FloatArray:
    r"""Return the derivative of `gelu_tanh` at x, applied to a gradient G.

    With :math:`\sigma` the sigmoid it is :math:`G\, (\sigma(2u) + 2 u' x\, \sigma'(2u))`; for
    :math:`t = e^{-|2u|}`, r = 1 / (1 + t) and a = t where x < 0, else 1, that is
    :math:`G\, r\, (a + 2 u' x\, t\, r)`.
    """
    t = _twice_u(x)
    np.abs(t, out=t)
    np.negative(t, out=t)
    np.exp(t, out=t)
    r: FloatArray = 1.0 + t
    np.divide(1.0, r, out=r)
    a = np.where(x < 0, t, 1.0)
    slope: FloatArray = x * x
    slope *= 3.0 * _TWICE * _CUBE
    slope += _TWICE
    t *= slope
    t *= x
    t *= r
    t += a
    t *= r
    t *= grad_output
    return t


def _twice_u(x: FloatArray) -> FloatArray:
    """Return 2 u; u is odd in x and grows with it."""
    u: FloatArray = x * x
    u *= _TWICE * _CUBE
    u += _TWICE
    u *= x
    return u


class GELU(Layer):
    r"""The Gaussian error linear unit, :math:`y = x\, \Phi(x)`.

    :math:`\Phi` is the distribution function of the standard normal distribution.

    Parameters
    ----------
    approximate : {"none", "tanh"}, default "none"
        With "tanh" the distribution is approximated, see `gelu_tanh`.

    Raises
    ------
    InputError
        For another approximation.

    References
    ----------
    Hendrycks and Gimpel (2016), Gaussian error linear units (GELUs),
    https://arxiv.org/abs/1606.08415
    https://docs.pytorch.org/docs/stable/generated/torch.nn.GELU.html
    """

    arguments = ("approximate",)
    elementwise = True

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        if not isinstance(approximate, str) or approximate not in ("none", "tanh"):
            raise InputError("approximate", "'none' or 'tanh'", in_words(approximate))
        self.approximate = approximate

    def function(self, x: FloatArray) -> FloatArray:
        """Return `gelu` or `gelu_tanh`; see `Layer.function`."""
        return gelu(x) if self.approximate == "none" else gelu_tanh(x)

    def derivative(self, grad_output: FloatArray, x: FloatArray) -> FloatArray:
        """Return `gelu_backward` or `gelu_tanh_backward`; see `Layer.derivative`."""
        backward = gelu_backward if self.approximate == "none" else gelu_tanh_backward
        return backward(grad_output, x)
