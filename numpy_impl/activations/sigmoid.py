r"""The sigmoid and what is made of it.

.. math:: \sigma(x) = \frac{1}{1 + e^{-x}}, \qquad
    \sigma'(x) = \sigma(x)\, \sigma(-x) = \frac{t}{(1 + t)^2} \text{ with } t = e^{-|x|}

The derivatives are formed from t and not from :math:`1 - \sigma(x)`, which for large x is a
difference of equal numbers.
"""

from __future__ import annotations

import numpy as np

from numpy_impl.activations.arguments import check_finite, check_not_zero
from numpy_impl.arrays import FloatArray
from numpy_impl.layers.layer import Layer


def sigmoid(x: FloatArray) -> FloatArray:
    """Return 1 / (1 + exp(-x)).

    For t = exp(-abs(x)), which never overflows, that is a / (1 + t) with a = t where x < 0, else 1.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.sigmoid.html
    """
    t = _falling(x)
    y = np.where(x < 0, t, 1.0)
    t += 1.0
    y /= t
    return y


def sigmoid_backward(grad_output: FloatArray, x: FloatArray) -> FloatArray:
    """Return the derivative of `sigmoid` at x, applied to a gradient G.

    G t / (1 + t)^2 with t = exp(-abs(x)).
    """
    t = _falling(x)
    grad: FloatArray = 1.0 + t
    grad *= grad
    np.divide(t, grad, out=grad)
    grad *= grad_output
    return grad


def log_sigmoid(x: FloatArray) -> FloatArray:
    """Return log(sigmoid(x)) as min(x, 0) - log(1 + exp(-abs(x))), which never overflows.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.logsigmoid.html
    """
    y: FloatArray = np.minimum(x, 0.0)
    y -= _log1p_falling(x)
    return y


def log_sigmoid_backward(grad_output: FloatArray, x: FloatArray) -> FloatArray:
    """Return the derivative of `log_sigmoid` at x, applied to a gradient G: G sigmoid(-x)."""
    grad = sigmoid(-x)
    grad *= grad_output
    return grad


def silu(x: FloatArray) -> FloatArray:
    """Return x sigmoid(x) = x / (1 + exp(-x)).

    Where exp overflows the quotient is 0, which is the limit.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.silu.html
    """
    y: FloatArray = np.negative(x)
    with np.errstate(over="ignore"):
        np.exp(y, out=y)
    y += 1.0
    return np.divide(x, y, out=y)


def silu_backward(grad_output: FloatArray, x: FloatArray) -> FloatArray:
    """Return the derivative of `silu` at x, applied to a gradient G.

    G (s + x s') with s the sigmoid: for t = exp(-abs(x)), r = 1 / (1 + t) and a = t where x < 0,
    else 1, that is G r (a + x t r).
    """
    t = _falling(x)
    r: FloatArray = 1.0 + t
    np.divide(1.0, r, out=r)
    a = np.where(x < 0, t, 1.0)
    t *= x
    t *= r
    t += a
    t *= r
    t *= grad_output
    return t


def softplus(x: FloatArray, beta: float = 1.0, threshold: float = 20.0) -> FloatArray:
    """Return log(1 + exp(beta x)) / beta where beta x <= `threshold`, else x.

    The logarithm is max(z, 0) + log(1 + exp(-abs(z))), z = beta x, which never overflows.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.softplus.html
    """
    z: FloatArray = beta * x
    y: FloatArray = np.maximum(z, 0.0)
    y += _log1p_falling(z)
    y /= beta
    return np.where(z > threshold, x, y)


def softplus_backward(
    grad_output: FloatArray, x: FloatArray, beta: float = 1.0, threshold: float = 20.0
) -> FloatArray:
    """Return the derivative of `softplus` at x, applied to a gradient G.

    G sigmoid(beta x) where beta x <= `threshold`, else G.
    """
    z: FloatArray = beta * x
    grad = sigmoid(z)
    grad *= grad_output
    return np.where(z > threshold, grad_output, grad)


def _falling(x: FloatArray) -> FloatArray:
    """Return exp(-abs(x)), between 0 and 1."""
    t: FloatArray = np.abs(x)
    np.negative(t, out=t)
    return np.exp(t, out=t)


def _log1p_falling(x: FloatArray) -> FloatArray:
    """Return log(1 + exp(-abs(x))), between 0 and log(2)."""
    t = _falling(x)
    return np.log1p(t, out=t)


class Sigmoid(Layer):
    """The logistic function, y = 1 / (1 + exp(-x)).

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.Sigmoid.html
    """

    elementwise = True

    def function(self, x: FloatArray) -> FloatArray:
        """Return `sigmoid`; see `Layer.function`."""
        return sigmoid(x)

    def derivative(self, grad_output: FloatArray, x: FloatArray) -> FloatArray:
        """Return `sigmoid_backward`; see `Layer.derivative`."""
        return sigmoid_backward(grad_output, x)


class LogSigmoid(Layer):
    """The logarithm of the logistic function, y = -log(1 + exp(-x)).

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.LogSigmoid.html
    """

    elementwise = True

    def function(self, x: FloatArray) -> FloatArray:
        """Return `log_sigmoid`; see `Layer.function`."""
        return log_sigmoid(x)

    def derivative(self, grad_output: FloatArray, x: FloatArray) -> FloatArray:
        """Return `log_sigmoid_backward`; see `Layer.derivative`."""
        return log_sigmoid_backward(grad_output, x)


class SiLU(Layer):
    """The sigmoid linear unit, also called swish: y = x / (1 + exp(-x)).

    References
    ----------
    Elfwing et al. (2017), Sigmoid-weighted linear units for neural network function approximation
    in reinforcement learning, https://arxiv.org/abs/1702.03118
    Ramachandran et al. (2017), Searching for activation functions,
    https://arxiv.org/abs/1710.05941
    https://docs.pytorch.org/docs/stable/generated/torch.nn.SiLU.html
    """

    elementwise = True

    def function(self, x: FloatArray) -> FloatArray:
        """Return `silu`; see `Layer.function`."""
        return silu(x)

    def derivative(self, grad_output: FloatArray, x: FloatArray) -> FloatArray:
        """Return `silu_backward`; see `Layer.derivative`."""
        return silu_backward(grad_output, x)


class Softplus(Layer):
    """A smooth rectifier: y = log(1 + exp(beta x)) / beta, and x itself where beta x is large.

    Parameters
    ----------
    beta : float, default 1
        How sharp the bend is; not 0.
    threshold : float, default 20
        Above which beta x is large.

    Raises
    ------
    InputError
        If an argument is not a finite number, or beta is 0.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.Softplus.html
    """

    arguments = ("beta", "threshold")
    elementwise = True

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta = check_not_zero("beta", beta)
        self.threshold = check_finite("threshold", threshold)

    def function(self, x: FloatArray) -> FloatArray:
        """Return `softplus`; see `Layer.function`."""
        return softplus(x, self.beta, self.threshold)

    def derivative(self, grad_output: FloatArray, x: FloatArray) -> FloatArray:
        """Return `softplus_backward`; see `Layer.derivative`."""
        return softplus_backward(grad_output, x, self.beta, self.threshold)
