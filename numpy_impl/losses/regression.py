"""Losses for targets that are numbers."""

from __future__ import annotations

import numpy as np

from numpy_impl.arrays import FloatArray, check_number
from numpy_impl.losses.loss import Loss


def squared_error(input: FloatArray, target: FloatArray) -> FloatArray:
    """Return (x - t)^2, entry by entry.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.MSELoss.html
    """
    return (input - target) ** 2


def squared_error_derivative(input: FloatArray, target: FloatArray) -> FloatArray:
    """Return the derivative of `squared_error` with respect to x, 2 (x - t)."""
    return 2 * (input - target)


class MSELoss(Loss):
    """The mean squared error.

    The formula is `squared_error`.

    Parameters
    ----------
    reduction : {"none", "mean", "sum"}, default "mean"
        See `Loss`.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.MSELoss.html
    """

    def function(self, input: FloatArray, target: FloatArray) -> FloatArray:
        """Return `squared_error`."""
        return squared_error(input, target)

    def derivative(self, input: FloatArray, target: FloatArray) -> FloatArray:
        """Return `squared_error_derivative`."""
        return squared_error_derivative(input, target)


def absolute_error(input: FloatArray, target: FloatArray) -> FloatArray:
    """Return the distance of x and t, entry by entry.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.L1Loss.html
    """
    return np.abs(input - target)


def absolute_error_derivative(input: FloatArray, target: FloatArray) -> FloatArray:
    """Return the derivative of `absolute_error` with respect to x: the sign of x - t, 0 at 0."""
    return np.sign(input - target)


class L1Loss(Loss):
    """The mean absolute error.

    The formula is `absolute_error`. Where x = t its slope is taken to be 0.

    Parameters
    ----------
    reduction : {"none", "mean", "sum"}, default "mean"
        See `Loss`.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.L1Loss.html
    """

    def function(self, input: FloatArray, target: FloatArray) -> FloatArray:
        """Return `absolute_error`."""
        return absolute_error(input, target)

    def derivative(self, input: FloatArray, target: FloatArray) -> FloatArray:
        """Return `absolute_error_derivative`."""
        return absolute_error_derivative(input, target)


def huber(input: FloatArray, target: FloatArray, delta: float = 1.0) -> FloatArray:
    r"""Return Huber's loss of d = x - t, entry by entry.

    .. math:: \tfrac12 d^2 \text{ if } |d| < \delta, \quad
              \delta \bigl(|d| - \tfrac12 \delta\bigr) \text{ else}

    Parameters
    ----------
    input, target : ndarray
        x and t, of one shape.
    delta : float, default 1
        Where the parabola becomes a line.

    References
    ----------
    Huber (1964), Robust estimation of a location parameter,
    https://doi.org/10.1214/aoms/1177703732
    https://docs.pytorch.org/docs/stable/generated/torch.nn.HuberLoss.html
    """
    distance = np.abs(input - target)
    return np.where(distance < delta, 0.5 * distance**2, delta * (distance - 0.5 * delta))


def huber_derivative(input: FloatArray, target: FloatArray, delta: float = 1.0) -> FloatArray:
    """Return the derivative of `huber` with respect to x: x - t, cut off at -delta and delta."""
    return np.clip(input - target, -delta, delta)


class HuberLoss(Loss):
    """Huber's loss: squared for small errors, linear for large ones.

    The formula is `huber`.

    Parameters
    ----------
    reduction : {"none", "mean", "sum"}, default "mean"
        See `Loss`.
    delta : float, default 1
        Where the parabola becomes a line; above 0.

    Raises
    ------
    InputError
        For other arguments.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.HuberLoss.html
    """

    arguments = ("reduction", "delta")

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction)
        self.delta = check_number("delta", delta, exclude_low=True)

    def function(self, input: FloatArray, target: FloatArray) -> FloatArray:
        """Return `huber`."""
        return huber(input, target, self.delta)

    def derivative(self, input: FloatArray, target: FloatArray) -> FloatArray:
        """Return `huber_derivative`."""
        return huber_derivative(input, target, self.delta)


def smooth_absolute_error(input: FloatArray, target: FloatArray, beta: float = 1.0) -> FloatArray:
    r"""Return the absolute value of d = x - t with its kink rounded off, entry by entry.

    .. math:: \frac{d^2}{2 \beta} \text{ if } |d| < \beta, \quad |d| - \tfrac12 \beta \text{ else}

    which is `huber` over beta, and for beta = 0 `absolute_error`.

    Parameters
    ----------
    input, target : ndarray
        x and t, of one shape.
    beta : float, default 1
        Where the parabola becomes a line.

    References
    ----------
    Girshick (2015), Fast R-CNN, https://arxiv.org/abs/1504.08083
    https://docs.pytorch.org/docs/stable/generated/torch.nn.SmoothL1Loss.html
    """
    distance = np.abs(input - target)
    if beta == 0:
        return distance
    return np.where(distance < beta, 0.5 * distance**2 / beta, distance - 0.5 * beta)


def smooth_absolute_error_derivative(
    input: FloatArray, target: FloatArray, beta: float = 1.0
) -> FloatArray:
    """Return the derivative of `smooth_absolute_error` with respect to x.

    That is (x - t) / beta, cut off at -1 and 1; for beta = 0 the sign of x - t.
    """
    if beta == 0:
        return absolute_error_derivative(input, target)
    return np.clip((input - target) / beta, -1.0, 1.0)


class SmoothL1Loss(Loss):
    """The absolute error with its kink rounded off.

    The formula is `smooth_absolute_error`.

    Parameters
    ----------
    reduction : {"none", "mean", "sum"}, default "mean"
        See `Loss`.
    beta : float, default 1
        Where the parabola becomes a line; at least 0.

    Raises
    ------
    InputError
        For other arguments.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.SmoothL1Loss.html
    """

    arguments = ("reduction", "beta")

    def __init__(self, reduction: str = "mean", beta: float = 1.0) -> None:
        super().__init__(reduction)
        self.beta = check_number("beta", beta)

    def function(self, input: FloatArray, target: FloatArray) -> FloatArray:
        """Return `smooth_absolute_error`."""
        return smooth_absolute_error(input, target, self.beta)

    def derivative(self, input: FloatArray, target: FloatArray) -> FloatArray:
        """Return `smooth_absolute_error_derivative`."""
        return smooth_absolute_error_derivative(input, target, self.beta)
