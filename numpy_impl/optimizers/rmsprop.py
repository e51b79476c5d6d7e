"""RMSprop."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from numpy_impl.arrays import FloatArray, check_fraction
from numpy_impl.optimizers.hyperparameters import check_flags, check_numbers
from numpy_impl.optimizers.means import STEPS_PER_FLUSH, approach, approach_square, flush
from numpy_impl.optimizers.optimizer import Block, Optimizer, Parameters, Run


class RMSpropState(NamedTuple):
    """What `rmsprop_step` returns."""

    value: FloatArray
    square_avg: FloatArray
    momentum_buffer: FloatArray
    grad_avg: FloatArray


def rmsprop_step(
    value: FloatArray,
    grad: FloatArray,
    square_avg: FloatArray,
    momentum_buffer: FloatArray,
    grad_avg: FloatArray,
    *,
    lr: float = 1e-2,
    alpha: float = 0.99,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    momentum: float = 0.0,
    centered: bool = False,
    maximize: bool = False,
) -> RMSpropState:
    r"""Return a parameter and its state after one step of RMSprop.

    .. math::
        g &\leftarrow g + \lambda\theta \\
        v &\leftarrow \alpha v + (1 - \alpha) g^2 \\
        a &\leftarrow \alpha a + (1 - \alpha) g \\
        d &= g / (\sqrt{v - a^2 \text{ if centered, else } v} + \epsilon) \\
        b &\leftarrow \mu b + d \\
        \theta &\leftarrow \theta - \eta \, b

    with :math:`\lambda` the weight decay and :math:`\mu` the momentum. A variance
    :math:`v - a^2` that rounding makes negative counts as zero; PyTorch takes its root, which is
    NaN. With `maximize` it begins with :math:`g \leftarrow -g`.

    References
    ----------
    Hinton (2012), Neural networks for machine learning, lecture 6e,
    https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf
    Graves (2013), Generating sequences, equations 38 to 41, https://arxiv.org/abs/1308.0850
    https://docs.pytorch.org/docs/stable/generated/torch.optim.RMSprop.html
    """
    grad = (-grad if maximize else grad) + weight_decay * value
    square_avg = alpha * square_avg + (1 - alpha) * grad**2
    variance = square_avg
    if centered:
        grad_avg = alpha * grad_avg + (1 - alpha) * grad
        variance = np.maximum(square_avg - grad_avg**2, 0)
    direction = grad / (np.sqrt(variance) + eps)
    if momentum:
        direction = momentum_buffer = momentum * momentum_buffer + direction
    return RMSpropState(value - lr * direction, square_avg, momentum_buffer, grad_avg)


class RMSprop(Optimizer):
    """Steps scaled by a running mean of the gradient's square, with momentum.

    The formula is `rmsprop_step`.

    Parameters
    ----------
    params : iterable of Parameter or of dict
        See `Optimizer`.
    lr : float, default 1e-2
        Learning rate, at least 0.
    alpha : float, default 0.99
        Decay of the running means, from 0 to 1.
    eps : float, default 1e-8
        Added to the root, at least 0.
    weight_decay : float, default 0
        L2 penalty, at least 0.
    momentum : float, default 0
        Share of the last direction that is kept, at least 0.
    centered : bool, default False
        Divide by the standard deviation, not by the root mean square.
    maximize : bool, default False
        Climb instead of descending.

    Raises
    ------
    InputError
        As `Optimizer`.

    References
    ----------
    Hinton (2012), Neural networks for machine learning, lecture 6e,
    https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf
    https://docs.pytorch.org/docs/stable/generated/torch.optim.RMSprop.html
    """

    counts_steps = True
    state_names = ("square_avg", "momentum_buffer", "grad_avg")

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "alpha": alpha,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "centered": centered,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _check(self, group: Mapping[str, Any]) -> None:
        check_numbers(group, "lr", "eps", "weight_decay", "momentum")
        check_fraction("alpha", group["alpha"])
        check_flags(group, "centered", "maximize")

    def _starts(self, group: Mapping[str, Any]) -> dict[str, float]:
        starts = {"square_avg": 0.0}
        if group["momentum"]:
            starts["momentum_buffer"] = 0.0
        if group["centered"]:
            starts["grad_avg"] = 0.0
        return starts

    def _update(self, group: Mapping[str, Any], run: Run, blocks: Iterable[Block]) -> None:
        alpha, momentum = group["alpha"], self._number(group["momentum"])
        lr, eps, share = map(self._number, (group["lr"], group["eps"], 1 - alpha))
        flushing = group["eps"] and run.steps % STEPS_PER_FLUSH == 0
        for value, grad, scratch, _, state in blocks:
            square_avg = state["square_avg"]
            approach_square(square_avg, grad, share, scratch)
            if flushing:
                flush(square_avg, alpha, scratch)
            if group["centered"]:
                grad_avg = state["grad_avg"]
                approach(grad_avg, grad, share, scratch)
                if flushing:
                    flush(grad_avg, alpha, scratch)
                np.multiply(grad_avg, grad_avg, out=scratch)
                np.subtract(square_avg, scratch, out=scratch)
                # Where gradients do not vary, rounding may leave less than nothing.
                np.maximum(scratch, 0, out=scratch)
                np.sqrt(scratch, out=scratch)
            else:
                np.sqrt(square_avg, out=scratch)
            scratch += eps
            direction = np.divide(grad, scratch, out=scratch)
            if group["momentum"]:
                direction = state["momentum_buffer"]
                direction *= momentum
                direction += scratch
            value -= np.multiply(direction, lr, out=scratch)
