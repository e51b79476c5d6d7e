"""Adadelta."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from numpy_impl.arrays import FloatArray, check_fraction
from numpy_impl.optimizers.hyperparameters import check_flags, check_numbers
from numpy_impl.optimizers.means import STEPS_PER_FLUSH, approach_square, flush
from numpy_impl.optimizers.optimizer import Block, Optimizer, Parameters, Run


class AdadeltaState(NamedTuple):
    """What `adadelta_step` returns."""

    value: FloatArray
    square_avg: FloatArray
    acc_delta: FloatArray


def adadelta_step(
    value: FloatArray,
    grad: FloatArray,
    square_avg: FloatArray,
    acc_delta: FloatArray,
    *,
    lr: float = 1.0,
    rho: float = 0.9,
    eps: float = 1e-6,
    weight_decay: float = 0.0,
    maximize: bool = False,
) -> AdadeltaState:
    r"""Return a parameter and its two running means after one step of Adadelta.

    .. math::
        g &\leftarrow g + \lambda\theta \\
        v &\leftarrow \rho v + (1 - \rho) g^2 \\
        \Delta &= g \sqrt{(u + \epsilon) / (v + \epsilon)} \\
        u &\leftarrow \rho u + (1 - \rho) \Delta^2 \\
        \theta &\leftarrow \theta - \eta \Delta

    with :math:`\lambda` the weight decay. With `maximize` it begins with
    :math:`g \leftarrow -g`.

    References
    ----------
    Zeiler (2012), Adadelta, https://arxiv.org/abs/1212.5701
    https://docs.pytorch.org/docs/stable/generated/torch.optim.Adadelta.html
    """
    grad = (-grad if maximize else grad) + weight_decay * value
    square_avg = rho * square_avg + (1 - rho) * grad**2
    delta = grad * np.sqrt(acc_delta + eps) / np.sqrt(square_avg + eps)
    acc_delta = rho * acc_delta + (1 - rho) * delta**2
    return AdadeltaState(value - lr * delta, square_avg, acc_delta)


class Adadelta(Optimizer):
    """Steps scaled by the root mean square of past steps over that of past gradients.

    The formula is `adadelta_step`.

    Parameters
    ----------
    params : iterable of Parameter or of dict
        See `Optimizer`.
    lr : float, default 1
        Factor of the step, at least 0.
    rho : float, default 0.9
        Decay of the running means, from 0 to 1.
    eps : float, default 1e-6
        Added to both means under the root, at least 0.
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
    Zeiler (2012), Adadelta, https://arxiv.org/abs/1212.5701
    https://docs.pytorch.org/docs/stable/generated/torch.optim.Adadelta.html
    """

    counts_steps = True
    state_names = ("square_avg", "acc_delta")

    def __init__(
        self,
        params: Parameters,
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _check(self, group: Mapping[str, Any]) -> None:
        check_numbers(group, "lr", "eps", "weight_decay")
        check_fraction("rho", group["rho"])
        check_flags(group, "maximize")

    def _starts(self, group: Mapping[str, Any]) -> dict[str, float]:  # noqa: ARG002
        return {"square_avg": 0.0, "acc_delta": 0.0}

    def _update(self, group: Mapping[str, Any], run: Run, blocks: Iterable[Block]) -> None:
        rho = group["rho"]
        lr, eps, share = map(self._number, (group["lr"], group["eps"], 1 - rho))
        for value, grad, scratch, spare, state in blocks:
            square_avg, acc_delta = state["square_avg"], state["acc_delta"]
            approach_square(square_avg, grad, share, scratch)
            np.add(square_avg, eps, out=scratch)
            np.sqrt(scratch, out=scratch)
            delta = np.divide(grad, scratch, out=scratch)
            np.add(acc_delta, eps, out=spare)
            np.sqrt(spare, out=spare)
            delta *= spare
            approach_square(acc_delta, delta, share, spare)
            delta *= lr
            value -= delta
            if group["eps"] and run.steps % STEPS_PER_FLUSH == 0:
                flush(square_avg, rho, scratch)
                flush(acc_delta, rho, scratch)
