"""Losses for targets that are numbers."""

from __future__ import annotations

from numpy_impl.arrays import FloatArray
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
