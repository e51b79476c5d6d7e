"""Gradient descent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from numpy_impl.arrays import FloatArray, check_number, new_array
from numpy_impl.errors import InputError
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
) -> SGDState:
    r"""Return a parameter and its momentum buffer after one step of gradient descent.

    .. math::
        g &\leftarrow g + \lambda\theta \\
        b &\leftarrow \mu b + (1 - \tau) g, \qquad b = g \text{ at the first step} \\
        \theta &\leftarrow \theta - \eta \, (g + \mu b \text{ if nesterov, else } b)

    with :math:`\lambda` the weight decay, :math:`\mu` the momentum and :math:`\tau` the dampening.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.optim.SGD.html
    """
    grad = grad + weight_decay * value
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

    Raises
    ------
    InputError
        As `Optimizer`, and for Nesterov momentum without momentum or with dampening.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.optim.SGD.html
    """

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "dampening": dampening,
                "weight_decay": weight_decay,
                "nesterov": nesterov,
            },
        )

    def _check(self, group: Mapping[str, Any]) -> None:
        for name in ("lr", "momentum", "weight_decay"):
            check_number(name, group[name])
        check_number("dampening", group["dampening"], low=-np.inf)
        if group["nesterov"] and (group["momentum"] == 0 or group["dampening"] != 0):
            raise InputError(
                "nesterov",
                "momentum above 0 and dampening 0 beside it",
                f"momentum={group['momentum']}, dampening={group['dampening']}",
            )

    def _initial_state(self, group: Mapping[str, Any], size: int) -> dict[str, FloatArray]:
        return {"momentum_buffer": new_array(size, self._arena.dtype)} if group["momentum"] else {}

    def _update(self, group: Mapping[str, Any], run: Run, blocks: Iterable[Block]) -> None:
        weight_decay = self._number(group["weight_decay"])
        momentum = self._number(group["momentum"])
        lr, undamped = self._number(group["lr"]), self._number(1 - group["dampening"])
        for value, grad, scratch, state in blocks:
            direction = grad
            if group["weight_decay"]:
                np.multiply(value, weight_decay, out=scratch)
                scratch += grad
                direction = scratch
            if group["momentum"]:
                buffer = state["momentum_buffer"]
                buffer *= momentum
                if group["dampening"] and not run.fresh:
                    direction = np.multiply(direction, undamped, out=scratch)
                buffer += direction
                if group["nesterov"]:
                    np.copyto(scratch, direction)
                    direction = scratch
                    direction += momentum * buffer
                else:
                    direction = buffer
            value -= np.multiply(direction, lr, out=scratch)
