"""Gradient descent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from numpy_impl.arrays import FloatArray, check_number
from numpy_impl.errors import InputError
from numpy_impl.optimizers.hyperparameters import check_flags, check_numbers
from numpy_impl.optimizers.optimizer import Block, Optimizer, Parameters, Run


class SGDState(NamedTuple):
    """What `sgd_step` returns."""

    value: FloatArray
    momentum_buffer: FloatArray | None


def sgd_step(
    value: FloatArray,
    grad: FloatArray,
    momentum_buffer: FloatArray | None,
    *,
    lr: float,
    momentum: float = 0.0,
    dampening: float = 0.0,
    weight_decay: float = 0.0,
    nesterov: bool = False,
    maximize: bool = False,
) -> SGDState:
    r"""Return a parameter and its momentum buffer after one step of gradient descent.

    .. math::
        g &\leftarrow g + \lambda\theta \\
        b &\leftarrow \mu b + (1 - \tau) g, \qquad b = g \text{ at the first step} \\
        \theta &\leftarrow \theta - \eta \, (g + \mu b \text{ if nesterov, else } b)

    with :math:`\lambda` the weight decay, :math:`\mu` the momentum and :math:`\tau` the dampening.
    With `maximize` it begins with :math:`g \leftarrow -g`.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.optim.SGD.html
    """
    grad = (-grad if maximize else grad) + weight_decay * value
    if momentum == 0:
        return SGDState(value - lr * grad, None)
    if momentum_buffer is None:
        momentum_buffer = grad
    else:
        momentum_buffer = momentum * momentum_buffer + (1 - dampening) * grad
    direction = grad + momentum * momentum_buffer if nesterov else momentum_buffer
    return SGDState(value - lr * direction, momentum_buffer)


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum, Nesterov momentum and weight decay.

    The formula is `sgd_step`.

    Parameters
    ----------
    params : iterable of Parameter or of dict
        See `Optimizer`.
    lr : float, default 1e-3
        Learning rate, at least 0.
    momentum : float, default 0
        Share of the last direction that is kept, at least 0.
    dampening : float, default 0
        How much less than fully the gradient enters the momentum.
    weight_decay : float, default 0
        L2 penalty, at least 0.
    nesterov : bool, default False
        Look ahead along the momentum; needs momentum and no dampening.
    maximize : bool, default False
        Climb instead of descending.

    Raises
    ------
    InputError
        As `Optimizer`, and for Nesterov momentum without momentum or with dampening.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.optim.SGD.html
    """

    state_names = ("momentum_buffer",)

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _check(self, group: Mapping[str, Any]) -> None:
        check_numbers(group, "lr", "momentum", "weight_decay")
        check_number("dampening", group["dampening"], low=-np.inf)
        check_flags(group, "nesterov", "maximize")
        if group["nesterov"] and (group["momentum"] == 0 or group["dampening"] != 0):
            raise InputError(
                "nesterov",
                "momentum above 0 and dampening 0 beside it",
                f"momentum={group['momentum']}, dampening={group['dampening']}",
            )

    def _starts(self, group: Mapping[str, Any]) -> dict[str, float]:
        return {"momentum_buffer": 0.0} if group["momentum"] else {}

    def _update(self, group: Mapping[str, Any], run: Run, blocks: Iterable[Block]) -> None:
        momentum = self._number(group["momentum"])
        lr, undamped = self._number(group["lr"]), self._number(1 - group["dampening"])
        for value, grad, scratch, _, state in blocks:
            direction = grad
            if group["momentum"]:
                buffer = state["momentum_buffer"]
                buffer *= momentum
                if group["dampening"] and not run.fresh:
                    grad = np.multiply(grad, undamped, out=scratch)
                buffer += grad
                direction = buffer
                if group["nesterov"]:
                    direction = np.multiply(buffer, momentum, out=scratch)
                    direction += grad
            value -= np.multiply(direction, lr, out=scratch)
