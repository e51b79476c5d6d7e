"""Losses for targets that are yes or no, or a probability of yes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from numpy_impl.activations.sigmoid import log_sigmoid, sigmoid
from numpy_impl.arrays import FloatArray, check_number
from numpy_impl.errors import InputError
from numpy_impl.losses.loss import Loss, broadcast
from numpy_impl.losses.targets import optional_weights

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

# PyTorch's bounds, so that the loss and its slope are finite at 0 and 1. The second is a float32
# in PyTorch whatever the precision is.
_LOWEST_LOG = -100.0
_LOWEST_VARIANCE = float(np.float32(1e-12))


def binary_cross_entropy(
    input: FloatArray, target: FloatArray, weight: FloatArray | float = 1.0
) -> FloatArray:
    r"""Return the cross-entropy of a probability x of yes, entry by entry.

    .. math:: -w \bigl(t \log x + (1 - t) \log(1 - x)\bigr)

    Logarithms below -100 count as -100, so that the loss is finite at 0 and 1.

    Parameters
    ----------
    input, target : ndarray
        x and t, from 0 to 1, of one shape.
    weight : ndarray or float, default 1
        w, of a shape that broadcasts to theirs.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.BCELoss.html
    """
    log_yes = np.maximum(np.log(input), _LOWEST_LOG)
    log_no = np.maximum(np.log1p(-input), _LOWEST_LOG)
    return -weight * (target * log_yes + (1 - target) * log_no)


def binary_cross_entropy_derivative(
    input: FloatArray, target: FloatArray, weight: FloatArray | float = 1.0
) -> FloatArray:
    """Return the derivative of `binary_cross_entropy` with respect to x.

    That is w (x - t) / (x (1 - x)), with a denominator of at least 1e-12: PyTorch's slope, which
    is steep where logarithms are cut off, not 0.
    """
    return weight * (input - target) / np.maximum(input * (1 - input), _LOWEST_VARIANCE)


class BCELoss(Loss):
    """The cross-entropy of probabilities of yes.

    The formula is `binary_cross_entropy`. From logits, `BCEWithLogitsLoss` is the accurate one.

    Parameters
    ----------
    weight : array_like, optional
        What the loss of each entry is multiplied by, of a shape that broadcasts to the input's.
    reduction : {"none", "mean", "sum"}, default "mean"
        See `Loss`.

    Raises
    ------
    InputError
        For other arguments; in `forward`, if an input or a target is not from 0 to 1.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.BCELoss.html
    """

    arguments = ("weight", "reduction")

    def __init__(self, weight: ArrayLike | None = None, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.weight = optional_weights("weight", weight)

    def function(
        self, input: FloatArray, target: FloatArray, weight: FloatArray | float = 1.0
    ) -> FloatArray:
        """Return `binary_cross_entropy`."""
        return binary_cross_entropy(input, target, weight)

    def derivative(
        self, input: FloatArray, target: FloatArray, weight: FloatArray | float = 1.0
    ) -> FloatArray:
        """Return `binary_cross_entropy_derivative`."""
        return binary_cross_entropy_derivative(input, target, weight)

    def _check_entries(self, input: FloatArray, target: FloatArray) -> None:
        for name, array in (("input", input), ("target", target)):
            # NaN is outside, too.
            within = (array >= 0) & (array <= 1)
            if not within.all():
                raise InputError(name, "numbers from 0 to 1", f"{array[~within][0]}")

    def _others(self, input: FloatArray) -> tuple[FloatArray, ...]:
        return () if self.weight is None else (broadcast("weight", self.weight, input),)


def binary_cross_entropy_with_logits(
    input: FloatArray,
    target: FloatArray,
    weight: FloatArray | float = 1.0,
    pos_weight: FloatArray | float = 1.0,
) -> FloatArray:
    r"""Return the cross-entropy of a logit x of yes, entry by entry.

    .. math:: -w \bigl(p \, t \log \sigma(x) + (1 - t) \log \sigma(-x)\bigr)

    with :math:`\sigma` the sigmoid, of which no 1 - :math:`\sigma` is ever formed. Neither term is
    positive for t from 0 to 1, so nothing cancels.

    Parameters
    ----------
    input, target : ndarray
        x and t, of one shape; t is 0, 1 or a probability of yes.
    weight : ndarray or float, default 1
        w, of a shape that broadcasts to theirs.
    pos_weight : ndarray or float, default 1
        p, what a yes weighs more than a no; likewise.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.BCEWithLogitsLoss.html
    """
    yes, no = log_sigmoid(input), log_sigmoid(-input)
    return -weight * (pos_weight * target * yes + (1 - target) * no)


def binary_cross_entropy_with_logits_derivative(
    input: FloatArray,
    target: FloatArray,
    weight: FloatArray | float = 1.0,
    pos_weight: FloatArray | float = 1.0,
) -> FloatArray:
    r"""Return the derivative of `binary_cross_entropy_with_logits` with respect to x.

    .. math:: w \bigl((1 - t) \, \sigma(x) - p \, t \, \sigma(-x)\bigr)
    """
    return weight * ((1 - target) * sigmoid(input) - pos_weight * target * sigmoid(-input))


class BCEWithLogitsLoss(Loss):
    """The cross-entropy of logits of yes: a sigmoid and `BCELoss` in one.

    The formula is `binary_cross_entropy_with_logits`. It is exact for logits of any size. At a
    logit of minus infinity with a positive target the loss is infinite, where PyTorch's is NaN.

    Parameters
    ----------
    weight : array_like, optional
        What the loss of each entry is multiplied by, of a shape that broadcasts to the input's.
    reduction : {"none", "mean", "sum"}, default "mean"
        See `Loss`.
    pos_weight : array_like, optional
        What a yes weighs more than a no, of a shape that broadcasts to the input's.

    Raises
    ------
    InputError
        For other arguments.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.BCEWithLogitsLoss.html
    """

    arguments = ("weight", "reduction", "pos_weight")

    def __init__(
        self,
        weight: ArrayLike | None = None,
        reduction: str = "mean",
        pos_weight: ArrayLike | None = None,
    ) -> None:
        super().__init__(reduction)
        self.weight = optional_weights("weight", weight)
        self.pos_weight = optional_weights("pos_weight", pos_weight)

    def function(
        self,
        input: FloatArray,
        target: FloatArray,
        weight: FloatArray | float = 1.0,
        pos_weight: FloatArray | float = 1.0,
    ) -> FloatArray:
        """Return `binary_cross_entropy_with_logits`."""
        return binary_cross_entropy_with_logits(input, target, weight, pos_weight)

    def derivative(
        self,
        input: FloatArray,
        target: FloatArray,
        weight: FloatArray | float = 1.0,
        pos_weight: FloatArray | float = 1.0,
    ) -> FloatArray:
        """Return `binary_cross_entropy_with_logits_derivative`."""
        return binary_cross_entropy_with_logits_derivative(input, target, weight, pos_weight)

    def _others(self, input: FloatArray) -> tuple[FloatArray, ...]:
        if self.weight is None and self.pos_weight is None:
            return ()
        one = np.ones((), input.dtype)
        return (
            broadcast("weight", one if self.weight is None else self.weight, input),
            broadcast("pos_weight", one if self.pos_weight is None else self.pos_weight, input),
        )


def soft_margin(input: FloatArray, target: FloatArray) -> FloatArray:
    r"""Return the logistic loss of a score x, :math:`\log(1 + e^{-t x})`, entry by entry.

    Parameters
    ----------
    input, target : ndarray
        x and t, of one shape; t is 1 or -1.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.SoftMarginLoss.html
    """
    return -log_sigmoid(target * input)


def soft_margin_derivative(input: FloatArray, target: FloatArray) -> FloatArray:
    r"""Return the derivative of `soft_margin` with respect to x, :math:`-t \, \sigma(-t x)`."""
    return -target * sigmoid(-target * input)


class SoftMarginLoss(Loss):
    """The logistic loss, for targets of 1 and -1.

    The formula is `soft_margin`. It is exact for scores of any size; PyTorch's is infinite, and its
    gradient NaN, for a score on the wrong side by more than 88 in float32, 709 in float64.

    Parameters
    ----------
    reduction : {"none", "mean", "sum"}, default "mean"
        See `Loss`.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.nn.SoftMarginLoss.html
    """

    def function(self, input: FloatArray, target: FloatArray) -> FloatArray:
        """Return `soft_margin`."""
        return soft_margin(input, target)

    def derivative(self, input: FloatArray, target: FloatArray) -> FloatArray:
        """Return `soft_margin_derivative`."""
        return soft_margin_derivative(input, target)


def sigmoid_focal(
    input: FloatArray, target: FloatArray, alpha: float = 0.25, gamma: float = 2.0
) -> FloatArray:
    r"""Return the focal loss of a logit x of yes, entry by entry.

    .. math::
        \alpha_t \, q^\gamma \bigl(t \, \zeta(-x) + (1 - t) \, \zeta(x)\bigr), \qquad
        q = t \, \sigma(-x) + (1 - t) \, \sigma(x), \qquad
        \alpha_t = \alpha t + (1 - \alpha) (1 - t)

    with :math:`\zeta(x) = \log(1 + e^x)`. What is well classified, with a small q, counts for
    little.

    Parameters
    ----------
    input, target : ndarray
        x and t, of one shape; t is 0, 1 or a number between.
    alpha : float, default 0.25
        What a yes weighs, and 1 - alpha a no; with -1 both weigh 1.
    gamma : float, default 2
        Exponent; for 0 it is the cross-entropy.

    References
    ----------
    Lin et al. (2017), Focal loss for dense object detection, https://arxiv.org/abs/1708.02002
    https://docs.pytorch.org/vision/stable/generated/torchvision.ops.sigmoid_focal_loss.html
    """
    q = target * sigmoid(-input) + (1 - target) * sigmoid(input)
    entropy = binary_cross_entropy_with_logits(input, target)
    return _alpha(target, alpha) * q**gamma * entropy


def sigmoid_focal_derivative(
    input: FloatArray, target: FloatArray, alpha: float = 0.25, gamma: float = 2.0
) -> FloatArray:
    r"""Return the derivative of `sigmoid_focal` with respect to x.

    With the cross-entropy H, which has the slope :math:`\sigma(x) - t`, it is

    .. math:: \alpha_t \bigl(q^\gamma H' + \gamma q^{\gamma - 1} (1 - 2 t) \,
              \sigma(x) \, \sigma(-x) \, H\bigr)
    """
    yes, no = sigmoid(input), sigmoid(-input)
    q = target * no + (1 - target) * yes
    slope = q**gamma * binary_cross_entropy_with_logits_derivative(input, target)
    if gamma:
        # Where q is 0 so are the sigmoids' product and, in the limit, the whole term.
        power = np.where(q > 0, q, 1.0) ** (gamma - 1)
        entropy = binary_cross_entropy_with_logits(input, target)
        slope = slope + gamma * power * (1 - 2 * target) * yes * no * entropy
    return _alpha(target, alpha) * slope


def _alpha(target: FloatArray, alpha: float) -> FloatArray | float:
    return 1.0 if alpha < 0 else alpha * target + (1 - alpha) * (1 - target)


class SigmoidFocalLoss(Loss):
    """The focal loss of logits of yes, entry by entry.

    The formula is `sigmoid_focal`. torchvision has it as a function, with "none" as the default
    reduction.

    Parameters
    ----------
    alpha : float, default 0.25
        What a yes weighs, and 1 - alpha a no, from 0 to 1; with -1 both weigh 1.
    gamma : float, default 2
        Exponent, at least 0.
    reduction : {"none", "mean", "sum"}, default "mean"
        See `Loss`.

    Raises
    ------
    InputError
        For other arguments.

    References
    ----------
    Lin et al. (2017), Focal loss for dense object detection, https://arxiv.org/abs/1708.02002
    https://docs.pytorch.org/vision/stable/generated/torchvision.ops.sigmoid_focal_loss.html
    """

    arguments = ("alpha", "gamma", "reduction")

    def __init__(self, alpha: float = 0.25, gamma: float = 2.0, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.alpha = check_number("alpha", alpha, low=-1.0)
        if self.alpha > 1 or -1 < self.alpha < 0:
            raise InputError("alpha", "a number from 0 to 1, or -1", repr(alpha))
        self.gamma = check_number("gamma", gamma)

    def function(self, input: FloatArray, target: FloatArray) -> FloatArray:
        """Return `sigmoid_focal`."""
        return sigmoid_focal(input, target, self.alpha, self.gamma)

    def derivative(self, input: FloatArray, target: FloatArray) -> FloatArray:
        """Return `sigmoid_focal_derivative`."""
        return sigmoid_focal_derivative(input, target, self.alpha, self.gamma)
