"""Adam and AdamW."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from numpy_impl.arrays import FloatArray
from numpy_impl.optimizers.hyperparameters import check_betas, check_flags, check_numbers
from numpy_impl.optimizers.means import (
    STEPS_PER_FLUSH,
    approach,
    approach_square,
    flush,
    number,
)
from numpy_impl.optimizers.optimizer import Block, Optimizer, Parameters, Run


class AdamState(NamedTuple):
    """What `adam_step` returns."""

    value: FloatArray
    exp_avg: FloatArray
    exp_avg_sq: FloatArray
    max_exp_avg_sq: FloatArray | None = None


def adam_step(
    value: FloatArray,
    grad: FloatArray,
    exp_avg: FloatArray,
    exp_avg_sq: FloatArray,
    step: int,
    max_exp_avg_sq: FloatArray | None = None,
    *,
    lr: float = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    amsgrad: bool = False,
    maximize: bool = False,
    decoupled_weight_decay: bool = False,
) -> AdamState:
    r"""Return a parameter and its moments after step number `step` of Adam or AdamW.

    .. math::
        m &\leftarrow \beta_1 m + (1 - \beta_1) g \\
        v &\leftarrow \beta_2 v + (1 - \beta_2) g^2 \\
        \hat m &= m / (1 - \beta_1^t), \qquad \hat v = v / (1 - \beta_2^t) \\
        \theta &\leftarrow \theta - \eta \, \hat m / (\sqrt{\hat v} + \epsilon)

    Before that, weight decay :math:`\lambda` either joins the gradient,
    :math:`g \leftarrow g + \lambda\theta` (Adam), or shrinks the parameter by itself,
    :math:`\theta \leftarrow (1 - \eta\lambda)\,\theta` (`decoupled_weight_decay`: AdamW).

    With `amsgrad`, :math:`v` in :math:`\hat v` is the largest one up to now of each entry. With
    `maximize` it begins with :math:`g \leftarrow -g`.

    References
    ----------
    Kingma and Ba (2015), Adam, https://arxiv.org/abs/1412.6980
    Loshchilov and Hutter (2019), Decoupled weight decay, https://arxiv.org/abs/1711.05101
    Reddi et al. (2018), On the convergence of Adam and beyond, https://arxiv.org/abs/1904.09237
    https://docs.pytorch.org/docs/stable/generated/torch.optim.AdamW.html
    """
    beta1, beta2 = betas
    grad = -grad if maximize else grad
    if decoupled_weight_decay:
        value = (1 - lr * weight_decay) * value
    else:
        grad = grad + weight_decay * value
    exp_avg = beta1 * exp_avg + (1 - beta1) * grad
    exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * grad**2
    largest = exp_avg_sq
    if amsgrad:
        if max_exp_avg_sq is not None:
            largest = np.maximum(max_exp_avg_sq, exp_avg_sq)
        max_exp_avg_sq = largest
    m_hat = exp_avg / (1 - beta1**step)
    v_hat = largest / (1 - beta2**step)
    value = value - lr * m_hat / (np.sqrt(v_hat) + eps)
    return AdamState(value, exp_avg, exp_avg_sq, max_exp_avg_sq)


class Adam(Optimizer):
    """Adam: steps scaled by running means of the gradient and of its square.

    The formula is `adam_step`; by default weight decay joins the gradient.

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
    amsgrad : bool, default False
        Divide by the root of the largest second moment up to now.
    maximize : bool, default False
        Climb instead of descending.
    decoupled_weight_decay : bool, default False
        Shrink the parameters as `AdamW` does.

    Raises
    ------
    InputError
        As `Optimizer`.

    References
    ----------
    Kingma and Ba (2015), Adam, https://arxiv.org/abs/1412.6980
    https://docs.pytorch.org/docs/stable/generated/torch.optim.Adam.html
    """

    counts_steps = True
    state_names = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        decoupled_weight_decay: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)

    def _check(self, group: Mapping[str, Any]) -> None:
        _check(group)

    def _starts(self, group: Mapping[str, Any]) -> dict[str, float]:
        return _starts(group)

    def _update(self, group: Mapping[str, Any], run: Run, blocks: Iterable[Block]) -> None:
        update_blocks(group, run.steps, blocks, self._arena.dtype)


class AdamW(Optimizer):
    """Adam with decoupled weight decay: parameters shrink by ``lr * weight_decay`` a step.

    The formula is `adam_step` with `decoupled_weight_decay`.

    Parameters
    ----------
    params, lr, betas, eps
        As for `Adam`.
    weight_decay : float, default 1e-2
        Share of a parameter that it loses per step, over the learning rate; at least 0.
    amsgrad, maximize
        As for `Adam`.

    Raises
    ------
    InputError
        As `Optimizer`.

    References
    ----------
    Loshchilov and Hutter (2019), Decoupled weight decay, https://arxiv.org/abs/1711.05101
    https://docs.pytorch.org/docs/stable/generated/torch.optim.AdamW.html
    """

    counts_steps = True
    state_names = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "decoupled_weight_decay": True,
        }
        super().__init__(params, defaults)

    def _check(self, group: Mapping[str, Any]) -> None:
        _check(group)

    def _starts(self, group: Mapping[str, Any]) -> dict[str, float]:
        return _starts(group)

    def _update(self, group: Mapping[str, Any], run: Run, blocks: Iterable[Block]) -> None:
        update_blocks(group, run.steps, blocks, self._arena.dtype)


def update_blocks(
    group: Mapping[str, Any], steps: int, blocks: Iterable[Block], dtype: np.dtype[Any]
) -> None:
    """Take step number `steps` of Adam or AdamW in place, see `adam_step`."""
    lr, eps, amsgrad = group["lr"], group["eps"], group["amsgrad"]
    shrinking = lr * group["weight_decay"] if group["decoupled_weight_decay"] else 0.0
    beta1, beta2 = group["betas"]
    correction1 = 1 - beta1**steps
    root_correction2 = math.sqrt(1 - beta2**steps)

    # m_hat / (sqrt(v_hat) + eps), numerator and denominator times root_correction2: the
    # corrections become two scalars. eps has to be scaled with them; left as it is, the
    # first steps of parameters with tiny gradients come out many times too small.
    step_size = number(lr * root_correction2 / correction1, dtype)
    scaled_eps = number(eps * root_correction2, dtype)
    share1, share2 = number(1 - beta1, dtype), number(1 - beta2, dtype)
    for value, grad, scratch, _, state in blocks:
        exp_avg, exp_avg_sq = state["exp_avg"], state["exp_avg_sq"]
        if shrinking:
            value *= 1 - shrinking

        approach(exp_avg, grad, share1, scratch)
        approach_square(exp_avg_sq, grad, share2, scratch)
        if steps % STEPS_PER_FLUSH == 0:
            flush(exp_avg, beta1, scratch)
            if eps:
                flush(exp_avg_sq, beta2, scratch)
        if amsgrad:
            largest = state["max_exp_avg_sq"]
            np.maximum(largest, exp_avg_sq, out=largest)
            np.sqrt(largest, out=scratch)
        else:
            np.sqrt(exp_avg_sq, out=scratch)
        scratch += scaled_eps
        np.divide(exp_avg, scratch, out=scratch)
        scratch *= step_size
        value -= scratch


def _check(group: Mapping[str, Any]) -> None:
    check_numbers(group, "lr", "eps", "weight_decay")
    check_betas(group)
    check_flags(group, "amsgrad", "maximize", "decoupled_weight_decay")


def _starts(group: Mapping[str, Any]) -> dict[str, float]:
    names = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")
    return dict.fromkeys(names[: 3 if group["amsgrad"] else 2], 0.0)
