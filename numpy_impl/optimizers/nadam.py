"""NAdam."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np

from numpy_impl.arrays import FloatArray
from numpy_impl.optimizers.hyperparameters import check_betas, check_flags, check_numbers
from numpy_impl.optimizers.means import STEPS_PER_FLUSH, approach, approach_square, flush, shrink
from numpy_impl.optimizers.optimizer import Block, Optimizer, Parameters, Run


class NAdamState(NamedTuple):
    """What `nadam_step` returns."""

    value: FloatArray
    exp_avg: FloatArray
    exp_avg_sq: FloatArray
    mu_product: float


def nadam_step(
    value: FloatArray,
    grad: FloatArray,
    exp_avg: FloatArray,
    exp_avg_sq: FloatArray,
    mu_product: float,
    step: int,
    *,
    lr: float = 2e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    momentum_decay: float = 4e-3,
    decoupled_weight_decay: bool = False,
    maximize: bool = False,
) -> NAdamState:
    r"""Return a parameter and its state after step number `step` of NAdam.

    .. math::
        \mu_t &= \beta_1 (1 - \tfrac12\, 0.96^{t \psi}), \qquad
        \Pi \leftarrow \mu_t \Pi, \qquad \Pi = 1 \text{ before the first step} \\
        m &\leftarrow \beta_1 m + (1 - \beta_1) g \\
        v &\leftarrow \beta_2 v + (1 - \beta_2) g^2, \qquad \hat v = v / (1 - \beta_2^t) \\
        \hat m &= \frac{\mu_{t+1}}{1 - \mu_{t+1} \Pi} m + \frac{1 - \mu_t}{1 - \Pi} g \\
        \theta &\leftarrow \theta - \eta \, \hat m / (\sqrt{\hat v} + \epsilon)

    with :math:`\psi` the `momentum_decay`. Before that, weight decay :math:`\lambda` either
    joins the gradient, :math:`g \leftarrow g + \lambda\theta`, or with `decoupled_weight_decay`
    shrinks the parameter, :math:`\theta \leftarrow (1 - \eta\lambda)\,\theta`. With `maximize` it
    begins with :math:`g \leftarrow -g`.

    References
    ----------
    Dozat (2016), Incorporating Nesterov momentum into Adam,
    https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ
    https://docs.pytorch.org/docs/stable/generated/torch.optim.NAdam.html
    """
    beta1, beta2 = betas
    grad = -grad if maximize else grad
    if decoupled_weight_decay:
        value = (1 - lr * weight_decay) * value
    else:
        grad = grad + weight_decay * value
    mu, next_mu = (_momentum(beta1, t, momentum_decay) for t in (step, step + 1))
    mu_product = mu * mu_product
    exp_avg = beta1 * exp_avg + (1 - beta1) * grad
    exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * grad**2
    v_hat = exp_avg_sq / (1 - beta2**step)
    m_hat = next_mu / (1 - next_mu * mu_product) * exp_avg + (1 - mu) / (1 - mu_product) * grad
    value = value - lr * m_hat / (np.sqrt(v_hat) + eps)
    return NAdamState(value, exp_avg, exp_avg_sq, mu_product)


def _momentum(beta1: float, step: int, momentum_decay: float) -> float:
    momentum: float = beta1 * (1 - 0.5 * 0.96 ** (step * momentum_decay))
    return momentum


class NAdam(Optimizer):
    """Adam with Nesterov momentum that grows towards ``betas[0]``.

    The formula is `nadam_step`.

    Parameters
    ----------
    params : iterable of Parameter or of dict
        See `Optimizer`.
    lr : float, default 2e-3
        Learning rate, at least 0.
    betas : tuple of two floats, default (0.9, 0.999)
        Decay of the two running means, each at least 0 and below 1.
    eps : float, default 1e-8
        Added to the root of the second moment, at least 0.
    weight_decay : float, default 0
        L2 penalty, at least 0.
    momentum_decay : float, default 4e-3
        How fast the momentum grows, at least 0.
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
    Dozat (2016), Incorporating Nesterov momentum into Adam,
    https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ
    https://docs.pytorch.org/docs/stable/generated/torch.optim.NAdam.html
    """

    counts_steps = True
    state_names = ("exp_avg", "exp_avg_sq")
    first_numbers: ClassVar[Mapping[str, float]] = {"mu_product": 1.0}

    def __init__(
        self,
        params: Parameters,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _check(self, group: Mapping[str, Any]) -> None:
        check_numbers(group, "lr", "eps", "weight_decay", "momentum_decay")
        check_betas(group)
        check_flags(group, "decoupled_weight_decay", "maximize")

    def _starts(self, group: Mapping[str, Any]) -> dict[str, float]:  # noqa: ARG002
        return {"exp_avg": 0.0, "exp_avg_sq": 0.0}

    def _update(self, group: Mapping[str, Any], run: Run, blocks: Iterable[Block]) -> None:
        beta1, beta2 = group["betas"]
        steps, momentum_decay = run.steps, group["momentum_decay"]
        shrinking = group["lr"] * group["weight_decay"] if group["decoupled_weight_decay"] else 0.0
        share1, share2 = self._number(1 - beta1), self._number(1 - beta2)
        mu, next_mu = (_momentum(beta1, t, momentum_decay) for t in (steps, steps + 1))
        run.numbers["mu_product"] *= mu
        mu_product = run.numbers["mu_product"]
        # As in Adam, numerator and denominator are multiplied by the root of the correction.
        root_correction2 = math.sqrt(1 - beta2**steps)
        eps = self._number(group["eps"] * root_correction2)
        lr = group["lr"] * root_correction2
        of_grad = self._number(lr * (1 - mu) / (1 - mu_product))
        of_mean = self._number(lr * next_mu / (1 - next_mu * mu_product))
        for value, grad, scratch, spare, state in blocks:
            exp_avg, exp_avg_sq = state["exp_avg"], state["exp_avg_sq"]
            if shrinking:
                shrink(value, shrinking, scratch)
            approach(exp_avg, grad, share1, scratch)
            approach_square(exp_avg_sq, grad, share2, scratch)
            if group["eps"] and steps % STEPS_PER_FLUSH == 0:
                flush(exp_avg, beta1, scratch)
                flush(exp_avg_sq, beta2, scratch)
            np.multiply(grad, of_grad, out=spare)
            np.multiply(exp_avg, of_mean, out=scratch)
            spare += scratch
            np.sqrt(exp_avg_sq, out=scratch)
            scratch += eps
            spare /= scratch
            value -= spare
