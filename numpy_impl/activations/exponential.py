"""Exponential linear units: the identity on the positive side, an exponential on the negative."""

from __future__ import annotations

import numpy as np

from numpy_impl.activations.arguments import check_finite, check_not_zero
from numpy_impl.arrays import FloatArray
from numpy_impl.layers.layer import Layer

# The fixed point of Klambauer et al.: with these, mean 0 and variance 1 of independent normal
# inputs stay mean 0 and variance 1.
SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805


def elu(x: FloatArray, alpha: float = 1.0) -> FloatArray:
    """Return x where x >= 0, else alpha (exp(x) - 1).

    The difference is computed in one, exact for small x; what is above 0 never comes to exp.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.elu.html
    """
    negative: FloatArray = np.minimum(x, 0.0)
    np.expm1(negative, out=negative)
    negative *= alpha
    return np.where(x < 0, negative, x)


def elu_backward(grad_output: FloatArray, x: FloatArray, alpha: float = 1.0) -> FloatArray:
    """Return the derivative of `elu` at x, applied to a gradient G.

    G where x > 0, else G alpha exp(x): the slope of the negative side, alpha, at the kink.
    """
    slope: FloatArray = np.minimum(x, 0.0)
    np.exp(slope, out=slope)
    slope *= alpha
    slope = np.where(x <= 0, slope, 1.0)
    slope *= grad_output
    return slope


def celu(x: FloatArray, alpha: float = 1.0) -> FloatArray:
    """Return x where x >= 0, else alpha (exp(x / alpha) - 1).

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.celu.html
    """
    negative: FloatArray = np.minimum(x, 0.0)
    negative /= alpha
    np.expm1(negative, out=negative)
    negative *= alpha
    return np.where(x < 0, negative, x)


def celu_backward(grad_output: FloatArray, x: FloatArray, alpha: float = 1.0) -> FloatArray:
    """Return the derivative of `celu` at x, applied to a gradient: G exp(min(x, 0) / alpha).

    There is no kink. As in PyTorch, the slope is 1 for NaN.
    """
    slope: FloatArray = np.fmin(x, 0.0)
    slope /= alpha
    np.exp(slope, out=slope)
    slope *= grad_output
    return slope


def selu(x: FloatArray) -> FloatArray:
    """Return `SELU_SCALE` times `elu` of x with alpha = `SELU_ALPHA`.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.selu.html
    """
    y = elu(x, SELU_ALPHA)
    y *= SELU_SCALE
    return y


def selu_backward(grad_output: FloatArray, x: FloatArray) -> FloatArray:
    """Return the derivative of `selu` at x, applied to a gradient.

    `SELU_SCALE` times that of `elu`: at the kink it is the slope of the negative side.
    """
    grad = elu_backward(grad_output, x, SELU_ALPHA)
    grad *= SELU_SCALE
    return grad


class ELU(Layer):
    """The exponential linear unit: y = x where x > 0, else alpha (exp(x) - 1).

    Parameters
    ----------
    alpha : float, default 1
        Of any sign; -alpha is the limit far on the negative side.

    Raises
    ------
    InputError
        If alpha is not a finite number.

    References
    ----------
    Clevert et al. (2016), Fast and accurate deep network learning by exponential linear units,
    https://arxiv.org/abs/1511.07289
    https://docs.pytorch.org/docs/stable/generated/torch.nn.ELU.html
    """

    arguments = ("alpha",)
    elementwise = True

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__()
        self.alpha = check_finite("alpha", alpha)

    def function(self, x: FloatArray) -> FloatArray:
        """Return `elu`; see `Layer.function`."""
        return elu(x, self.alpha)

    def derivative(self, grad_output: FloatArray, x: FloatArray) -> FloatArray:
        """Return `elu_backward`; see `Layer.derivative`."""
        return elu_backward(grad_output, x, self.alpha)


class CELU(Layer):
    """The continuously differentiable ELU: y = x where x > 0, else alpha (exp(x / alpha) - 1).

    Parameters
    ----------
    alpha : float, default 1
        Not 0. With a negative one the function grows exponentially on the negative side.

    Raises
    ------
    InputError
        If alpha is 0 or not a finite number.

    References
    ----------
    Barron (2017), Continuously differentiable exponential linear units,
    https://arxiv.org/abs/1704.07483
    https://docs.pytorch.org/docs/stable/generated/torch.nn.CELU.html
    """

    arguments = ("alpha",)
    elementwise = True

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__()
        self.alpha = check_not_zero("alpha", alpha)

    def function(self, x: FloatArray) -> FloatArray:
        """Return `celu`; see `Layer.function`."""
        return celu(x, self.alpha)

    def derivative(self, grad_output: FloatArray, x: FloatArray) -> FloatArray:
        """Return `celu_backward`; see `Layer.derivative`."""
        return celu_backward(grad_output, x, self.alpha)


class SELU(Layer):
    r"""The self-normalizing exponential linear unit.

    .. math:: y = \lambda x \text{ where } x > 0, \text{ else } \lambda \alpha (e^x - 1),
        \qquad \lambda \approx 1.0507, \ \alpha \approx 1.6733

    References
    ----------
    Klambauer et al. (2017), Self-normalizing neural networks, https://arxiv.org/abs/1706.02515
    https://docs.pytorch.org/docs/stable/generated/torch.nn.SELU.html
    """

    elementwise = True

    def function(self, x: FloatArray) -> FloatArray:
        """Return `selu`; see `Layer.function`."""
        return selu(x)

    def derivative(self, grad_output: FloatArray, x: FloatArray) -> FloatArray:
        """Return `selu_backward`; see `Layer.derivative`."""
        return selu_backward(grad_output, x)
