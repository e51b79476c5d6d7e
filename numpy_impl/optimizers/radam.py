"""RAdam."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from numpy_impl.arrays import FloatArray
from numpy_impl.optimizers.hyperparameters import check_betas, check_flags, check_numbers
from numpy_impl.optimizers.means import STEPS_PER_FLUSH, approach, approach_square, flush, shrink
from numpy_impl.optimizers.optimizer import Block, Optimizer, Parameters, Run


class RAdamState(NamedTuple):
    """What `radam_step` returns."""

    value: FloatArray
    exp_avg: FloatArray
    exp_avg_sq: FloatArray


def rectification(beta2: float, step: int) -> float | None:
    r"""Return the factor that makes up for the variance of early second moments.

    .. math::
        \rho_\infty &= 2 / (1 - \beta_2) - 1, \qquad
        \rho_t = \rho_\infty - 2 t \beta_2^t / (1 - \beta_2^t) \\
        r_t &= \sqrt{\frac{(\rho_t - 4)(\rho_t - 2)\rho_\infty}
        {(\rho_\infty - 4)(\rho_\infty - 2)\rho_t}}

    Returns
    -------
    float or None
        :math:`r_t`; None while :math:`\rho_t \le 5`, where the variance is not to be had.
    """
    longest = 2 / (1 - beta2) - 1
    length = longest - 2 * step * beta2**step / (1 - beta2**step)
    if length <= 5:
        return None
    return math.sqrt(
        (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
    )


def radam_step(
    value: FloatArray,
    grad: FloatArray,
    exp_avg: FloatArray,
    exp_avg_sq: FloatArray,
    step: int,
    *,
    lr: float = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    decoupled_weight_decay: bool = False,
    maximize: bool = False,
) -> RAdamState:
    r"""Return a parameter and its two moments after step number `step` of RAdam.

    .. math::
        m &\leftarrow \beta_1 m + (1 - \beta_1) g, \qquad \hat m = m / (1 - \beta_1^t) \\
        v &\leftarrow \beta_2 v + (1 - \beta_2) g^2 \\
        \theta &\leftarrow \theta - \eta \, \hat m \,
        \begin{cases}
            r_t \sqrt{1 - \beta_2^t} / (\sqrt v + \epsilon) & \rho_t > 5 \\
            1 & \text{otherwise}
        \end{cases}

    with :math:`r_t` and :math:`\rho_t` of `rectification`. As in PyTorch, :math:`\epsilon` is
    added before the correction. Weight decay and `maximize` are as in `nadam_step`.

    References
    ----------
    Liu et al. (2020), On the variance of the adaptive learning rate and beyond,
    https://arxiv.org/abs/1908.03265
    https://docs.pytorch.org/docs/stable/generated/torch.optim.RAdam.html
    """
    beta1, beta2 = betas
    grad = -grad if maximize else grad
    if decoupled_weight_decay:
        value = (1 - lr * weight_decay) * value
    else:
        grad = grad + weight_decay * value
    exp_avg = beta1 * exp_avg + (1 - beta1) * grad
    exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * grad**2
    direction = exp_avg / (1 - beta1**step)
    factor = rectification(beta2, step)
    if factor is not None:
        direction = direction * factor * math.sqrt(1 - beta2**step) / (np.sqrt(exp_avg_sq) + eps)
    return RAdamState(value - lr * direction, exp_avg, exp_avg_sq)


class RAdam(Optimizer):
    """Adam that starts as momentum, until its second moments can be relied on.

    The formula is `radam_step`.

    Parameters
    ----------
    params : iterable of Parameter or of dict
        See `Optimizer`.
    lr : float, default 1e-3
        Learning rate, at least 0.
    betas : tuple of two floats, default (0.9, 0.999)
        Decay of the two running means, each at least 0 and below 1.
    eps : float, default 1e-8
        Added to the root of the second moment, at least 0.
    weight_decay : float, default 0
        L2 penalty, at least 0.
    decoupled_weight_decay : bool, default False
        Shrink the parameters as `AdamW` does.
    maximize : bool, default False
        Climb instead of descending.

    Raises
    ------
    InputError
        As `Optimizer`.

    References
    ----------
    Liu et al. (2020), On the variance of the adaptive learning rate and beyond,
    https://arxiv.org/abs/1908.03265
    https://docs.pytorch.org/docs/stable/generated/torch.optim.RAdam.html
    """

    counts_steps = True
    state_names = ("exp_avg", "exp_avg_sq")

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _check(self, group: Mapping[str, Any]) -> None:
        check_numbers(group, "lr", "eps", "weight_decay")
        check_betas(group)
        check_flags(group, "decoupled_weight_decay", "maximize")

    def _starts(self, group: Mapping[str, Any]) -> dict[str, float]:  # noqa: ARG002
        return {"exp_avg": 0.0, "exp_avg_sq": 0.0}

    def _update(self, group: Mapping[str, Any], run: Run, blocks: Iterable[Block]) -> None:
        beta1, beta2 = group["betas"]
        shrinking = group["lr"] * group["weight_decay"] if group["decoupled_weight_decay"] else 0.0
        share1, share2 = self._number(1 - beta1), self._number(1 - beta2)
        eps, step_size = self._number(group["eps"]), group["lr"] / (1 - beta1**run.steps)
        factor = rectification(beta2, run.steps)
        if factor is not None:
            step_size *= factor * math.sqrt(1 - beta2**run.steps)
        step_size = self._number(step_size)
        for value, grad, scratch, _, state in blocks:
            exp_avg, exp_avg_sq = state["exp_avg"], state["exp_avg_sq"]
            if shrinking:
                shrink(value, shrinking, scratch)
            approach(exp_avg, grad, share1, scratch)
            approach_square(exp_avg_sq, grad, share2, scratch)
            if group["eps"] and run.steps % STEPS_PER_FLUSH == 0:
                flush(exp_avg, beta1, scratch)
                flush(exp_avg_sq, beta2, scratch)
            if factor is None:
                np.multiply(exp_avg, step_size, out=scratch)
            else:
                np.sqrt(exp_avg_sq, out=scratch)
                scratch += eps
                np.divide(exp_avg, scratch, out=scratch)
                scratch *= step_size
            value -= scratch
