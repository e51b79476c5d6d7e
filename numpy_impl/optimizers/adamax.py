"""Adamax."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from numpy_impl.arrays import FloatArray
from numpy_impl.optimizers.hyperparameters import check_betas, check_flags, check_numbers
from numpy_impl.optimizers.means import STEPS_PER_FLUSH, approach, flush
from numpy_impl.optimizers.optimizer import Block, Optimizer, Parameters, Run


class AdamaxState(NamedTuple):
    """What `adamax_step` returns."""

    value: FloatArray
    exp_avg: FloatArray
    exp_inf: FloatArray


def adamax_step(
    value: FloatArray,
    grad: FloatArray,
    exp_avg: FloatArray,
    exp_inf: FloatArray,
    step: int,
    *,
    lr: float = 2e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    maximize: bool = False,
) -> AdamaxState:
    r"""Return a parameter and its two moments after step number `step` of Adamax.

    .. math::
        g &\leftarrow g + \lambda\theta \\
        m &\leftarrow \beta_1 m + (1 - \beta_1) g \\
        u &\leftarrow \max(\beta_2 u, |g| + \epsilon) \\
        \theta &\leftarrow \theta - \frac{\eta}{1 - \beta_1^t} \frac{m}{u}

    with :math:`\lambda` the weight decay. With `maximize` it begins with
    :math:`g \leftarrow -g`.

    References
    ----------
    Kingma and Ba (2015), Adam, section 7.1, https://arxiv.org/abs/1412.6980
    https://docs.pytorch.org/docs/stable/generated/torch.optim.Adamax.html
    """
    beta1, beta2 = betas
    grad = (-grad if maximize else grad) + weight_decay * value
    exp_avg = beta1 * exp_avg + (1 - beta1) * grad
    exp_inf = np.maximum(beta2 * exp_inf, np.abs(grad) + eps)
    return AdamaxState(value - lr / (1 - beta1**step) * exp_avg / exp_inf, exp_avg, exp_inf)


class Adamax(Optimizer):
    """Adam with the largest gradient, fading, in the place of the root mean square.

    The formula is `adamax_step`.

    Parameters
    ----------
    params : iterable of Parameter or of dict
        See `Optimizer`.
    lr : float, default 2e-3
        Learning rate, at least 0.
    betas : tuple of two floats, default (0.9, 0.999)
        Decay of the mean and of the largest gradient, each at least 0 and below 1.
    eps : float, default 1e-8
        Added to the size of the gradient, at least 0.
    weight_decay : float, default 0
        L2 penalty, at least 0.
    maximize : bool, default False
        Climb instead of descending.

    Raises
    ------
    InputError
        As `Optimizer`.

    References
    ----------
    Kingma and Ba (2015), Adam, section 7.1, https://arxiv.org/abs/1412.6980
    https://docs.pytorch.org/docs/stable/generated/torch.optim.Adamax.html
    """

    counts_steps = True
    state_names = ("exp_avg", "exp_inf")

    def __init__(
        self,
        params: Parameters,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _check(self, group: Mapping[str, Any]) -> None:
        check_numbers(group, "lr", "eps", "weight_decay")
        check_betas(group)
        check_flags(group, "maximize")

    def _starts(self, group: Mapping[str, Any]) -> dict[str, float]:  # noqa: ARG002
        return {"exp_avg": 0.0, "exp_inf": 0.0}

    def _update(self, group: Mapping[str, Any], run: Run, blocks: Iterable[Block]) -> None:
        beta1, beta2 = group["betas"]
        eps, share1 = self._number(group["eps"]), self._number(1 - beta1)
        fade, step_size = self._number(beta2), self._number(group["lr"] / (1 - beta1**run.steps))
        for value, grad, scratch, _, state in blocks:
            exp_avg, exp_inf = state["exp_avg"], state["exp_inf"]
            approach(exp_avg, grad, share1, scratch)
            if group["eps"] and run.steps % STEPS_PER_FLUSH == 0:
                flush(exp_avg, beta1, scratch)
            np.abs(grad, out=scratch)
            scratch += eps
            exp_inf *= fade
            np.maximum(exp_inf, scratch, out=exp_inf)
            np.divide(exp_avg, exp_inf, out=scratch)
            scratch *= step_size
            value -= scratch
