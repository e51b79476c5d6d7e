"""The hyperbolic tangent, its cheaper relative, and Mish."""

from __future__ import annotations

import numpy as np

from numpy_impl.arrays import FloatArray
from numpy_impl.layers.layer import Layer


def tanh(x: FloatArray) -> FloatArray:
    """Return the hyperbolic tangent.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.tanh.html
    """
    y: FloatArray = np.tanh(x)
    return y


def tanh_backward(grad_output: FloatArray, x: FloatArray) -> FloatArray:
    """Return the derivative of `tanh` at x, applied to a gradient G.

    G 4 t / (1 + t)^2 with t = exp(-2 abs(x)). In 1 - tanh(x)^2, which is the same, nearly equal
    numbers cancel for large x.
    """
    t: FloatArray = np.abs(x)
    t *= -2.0
    np.exp(t, out=t)
    grad: FloatArray = 1.0 + t
    grad *= grad
    t *= 4.0
    np.divide(t, grad, out=grad)
    grad *= grad_output
    return grad


def softsign(x: FloatArray) -> FloatArray:
    """Return x / (1 + abs(x)).

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.softsign.html
    """
    y: FloatArray = np.abs(x)
    y += 1.0
    return np.divide(x, y, out=y)


def softsign_backward(grad_output: FloatArray, x: FloatArray) -> FloatArray:
    """Return the derivative of `softsign` at x, applied to a gradient G: G / (1 + abs(x))^2.

    At an infinity it is NaN, as the value is.
    """
    y: FloatArray = np.abs(x)
    y += 1.0
    # The second quotient is 1 but for infinities; without it, NaN would end here.
    grad: FloatArray = y / y
    grad /= y
    grad /= y
    grad *= grad_output
    return grad


# Where 1 + 2 exp(-2x) is 1 in every precision, and exp(2x) far from an overflow.
_LARGE = 20.0


def mish(x: FloatArray) -> FloatArray:
    r"""Return x tanh(softplus(x)).

    With :math:`w = e^x (e^x + 2)`, which is :math:`(1 + e^x)^2 - 1`,

    .. math:: \tanh \log(1 + e^x) = \frac{w}{w + 2}

    without cancellation; for large x the quotient is 1.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.mish.html
    """
    exponential: FloatArray = np.minimum(x, _LARGE)
    np.exp(exponential, out=exponential)
    w: FloatArray = exponential + 2.0
    w *= exponential
    np.add(w, 2.0, out=exponential)
    w /= exponential
    w *= x
    return w


def mish_backward(grad_output: FloatArray, x: FloatArray) -> FloatArray:
    r"""Return the derivative of `mish` at x, applied to a gradient G.

    With :math:`e^x = a / b`, both at most 1, :math:`n = a (a + 2 b)` and :math:`d = n + 2 b^2`,

    .. math:: \text{mish}'(x) = \frac{n}{d} + \frac{4 x\, a\, b^2 (a + b)}{d^2}

    in which nothing but the two summands can cancel, where the slope is 0.
    """
    t: FloatArray = np.abs(x)
    np.negative(t, out=t)
    np.exp(t, out=t)
    negative = x < 0
    a, b = np.where(negative, t, 1.0), np.where(negative, 1.0, t)
    t += 1.0  # a + b
    n: FloatArray = t + b
    n *= a
    b *= b
    d: FloatArray = 2.0 * b
    d += n
    t *= a
    t *= b
    t *= x
    t /= d
    t *= 4.0
    t += n
    t /= d
    t *= grad_output
    return t


class Tanh(Layer):
    """The hyperbolic tangent, y = tanh(x).

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.Tanh.html
    """

    elementwise = True

    def function(self, x: FloatArray) -> FloatArray:
        """Return `tanh`; see `Layer.function`."""
        return tanh(x)

    def derivative(self, grad_output: FloatArray, x: FloatArray) -> FloatArray:
        """Return `tanh_backward`; see `Layer.derivative`."""
        return tanh_backward(grad_output, x)


class Softsign(Layer):
    """A sigmoid that comes to its limits slowly: y = x / (1 + abs(x)).

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.Softsign.html
    """

    elementwise = True
    wide = False

    def function(self, x: FloatArray) -> FloatArray:
        """Return `softsign`; see `Layer.function`."""
        return softsign(x)

    def derivative(self, grad_output: FloatArray, x: FloatArray) -> FloatArray:
        """Return `softsign_backward`; see `Layer.derivative`."""
        return softsign_backward(grad_output, x)


class Mish(Layer):
    """A self-regularized smooth rectifier: y = x tanh(log(1 + exp(x))).

    References
    ----------
    Misra (2019), Mish: a self regularized non-monotonic activation function,
    https://arxiv.org/abs/1908.08681
    https://docs.pytorch.org/docs/stable/generated/torch.nn.Mish.html
    """

    elementwise = True

    def function(self, x: FloatArray) -> FloatArray:
        """Return `mish`; see `Layer.function`."""
        return mish(x)

    def derivative(self, grad_output: FloatArray, x: FloatArray) -> FloatArray:
        """Return `mish_backward`; see `Layer.derivative`."""
        return mish_backward(grad_output, x)
