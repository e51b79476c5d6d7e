"""Lion."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from numpy_impl.arrays import FloatArray
from numpy_impl.optimizers.hyperparameters import check_betas, check_flags, check_numbers
from numpy_impl.optimizers.means import approach, shrink
from numpy_impl.optimizers.optimizer import Block, Optimizer, Parameters, Run


class LionState(NamedTuple):
    """What `lion_step` returns."""

    value: FloatArray
    exp_avg: FloatArray


def lion_step(
    value: FloatArray,
    grad: FloatArray,
    exp_avg: FloatArray,
    *,
    lr: float = 1e-4,
    betas: tuple[float, float] = (0.9, 0.99),
    weight_decay: float = 0.0,
    maximize: bool = False,
) -> LionState:
    r"""Return a parameter and its momentum after one step of Lion.

    .. math::
        c &= \beta_1 m + (1 - \beta_1) g \\
        \theta &\leftarrow \theta - \eta \, (\operatorname{sign}(c) + \lambda\theta) \\
        m &\leftarrow \beta_2 m + (1 - \beta_2) g

    with :math:`\lambda` the weight decay and :math:`\operatorname{sign}(0) = 0`. With `maximize`
    it begins with :math:`g \leftarrow -g`.

    References
    ----------
    Chen et al. (2023), Symbolic discovery of optimization algorithms, algorithm 2,
    https://arxiv.org/abs/2302.06675
    """
    beta1, beta2 = betas
    grad = -grad if maximize else grad
    direction = np.sign(beta1 * exp_avg + (1 - beta1) * grad)
    value = value - lr * (direction + weight_decay * value)
    return LionState(value, beta2 * exp_avg + (1 - beta2) * grad)


class Lion(Optimizer):
    """Steps of equal length in every entry, along the sign of a momentum.

    The formula is `lion_step`. PyTorch has no Lion.

    Parameters
    ----------
    params : iterable of Parameter or of dict
        See `Optimizer`.
    lr : float, default 1e-4
        Learning rate, at least 0; a third to a tenth of what suits `AdamW`.
    betas : tuple of two floats, default (0.9, 0.99)
        Decay of the momentum in the direction and of the momentum that is kept, each at least 0
        and below 1.
    weight_decay : float, default 0
        Share of a parameter that it loses per step, over the learning rate; at least 0.
    maximize : bool, default False
        Climb instead of descending.

    Raises
    ------
    InputError
        As `Optimizer`.

    References
    ----------
    Chen et al. (2023), Symbolic discovery of optimization algorithms, algorithm 2,
    https://arxiv.org/abs/2302.06675
    """

    state_names = ("exp_avg",)

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {"lr": lr, "betas": betas, "weight_decay": weight_decay, "maximize": maximize}
        super().__init__(params, defaults)

    def _check(self, group: Mapping[str, Any]) -> None:
        check_numbers(group, "lr", "weight_decay")
        check_betas(group)
        check_flags(group, "maximize")

    def _starts(self, group: Mapping[str, Any]) -> dict[str, float]:  # noqa: ARG002
        return {"exp_avg": 0.0}

    def _penalty(self, group: Mapping[str, Any]) -> float:  # noqa: ARG002
        return 0.0

    def _update(self, group: Mapping[str, Any], run: Run, blocks: Iterable[Block]) -> None:  # noqa: ARG002
        shrinking = group["lr"] * group["weight_decay"]
        beta1, beta2 = group["betas"]
        # The direction over 1 - beta1 has the same sign, and without a beta1 it is the gradient to
        # the last bit, however large the momentum is.
        lr, ratio, share2 = map(self._number, (group["lr"], beta1 / (1 - beta1), 1 - beta2))
        # Small momenta are not set to zero here: their signs count in full.
        for value, grad, scratch, _, state in blocks:
            exp_avg = state["exp_avg"]
            if shrinking:
                shrink(value, shrinking, scratch)
            np.multiply(exp_avg, ratio, out=scratch)
            scratch += grad
            np.sign(scratch, out=scratch)
            scratch *= lr
            value -= scratch
            approach(exp_avg, grad, share2, scratch)
