"""Adagrad."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from numpy_impl.arrays import FloatArray
from numpy_impl.optimizers.hyperparameters import check_flags, check_numbers
from numpy_impl.optimizers.optimizer import Block, Optimizer, Parameters, Run


class AdagradState(NamedTuple):
    """What `adagrad_step` returns."""

    value: FloatArray
    sum: FloatArray


def adagrad_step(
    value: FloatArray,
    grad: FloatArray,
    sum: FloatArray | None,  # noqa: A002 - PyTorch's name
    step: int,
    *,
    lr: float = 1e-2,
    lr_decay: float = 0.0,
    weight_decay: float = 0.0,
    initial_accumulator_value: float = 0.0,
    eps: float = 1e-10,
    maximize: bool = False,
) -> AdagradState:
    r"""Return a parameter and its sum of squares after step number `step` of Adagrad.

    .. math::
        g &\leftarrow g + \lambda\theta \\
        s &\leftarrow s + g^2 \\
        \theta &\leftarrow \theta - \frac{\eta}{1 + (t - 1)\gamma} \frac{g}{\sqrt s + \epsilon}

    with :math:`\lambda` the weight decay and :math:`\gamma` the `lr_decay`. Before the first
    step, `sum` is None and :math:`s` is `initial_accumulator_value`. With `maximize` it begins
    with :math:`g \leftarrow -g`.

    References
    ----------
    Duchi, Hazan and Singer (2011), Adaptive subgradient methods,
    https://jmlr.org/papers/v12/duchi11a.html
    https://docs.pytorch.org/docs/stable/generated/torch.optim.Adagrad.html
    """
    grad = (-grad if maximize else grad) + weight_decay * value
    squares = grad**2 + (initial_accumulator_value if sum is None else sum)
    value = value - lr / (1 + (step - 1) * lr_decay) * grad / (np.sqrt(squares) + eps)
    return AdagradState(value, squares)


class Adagrad(Optimizer):
    """Steps scaled by the root of the sum of all squared gradients.

    The formula is `adagrad_step`.

    Parameters
    ----------
    params : iterable of Parameter or of dict
        See `Optimizer`.
    lr : float, default 1e-2
        Learning rate, at least 0.
    lr_decay : float, default 0
        How fast the learning rate falls, at least 0.
    weight_decay : float, default 0
        L2 penalty, at least 0.
    initial_accumulator_value : float, default 0
        What the sum of squares starts from, at least 0. PyTorch takes the constructor's value for
        every group, whatever a group says.
    eps : float, default 1e-10
        Added to the root, at least 0.
    maximize : bool, default False
        Climb instead of descending.

    Raises
    ------
    InputError
        As `Optimizer`.

    References
    ----------
    Duchi, Hazan and Singer (2011), Adaptive subgradient methods,
    https://jmlr.org/papers/v12/duchi11a.html
    https://docs.pytorch.org/docs/stable/generated/torch.optim.Adagrad.html
    """

    counts_steps = True
    state_names = ("sum",)

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "eps": eps,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _check(self, group: Mapping[str, Any]) -> None:
        check_numbers(group, "lr", "lr_decay", "weight_decay", "initial_accumulator_value", "eps")
        check_flags(group, "maximize")

    def _starts(self, group: Mapping[str, Any]) -> dict[str, float]:
        return {"sum": group["initial_accumulator_value"]}

    def _update(self, group: Mapping[str, Any], run: Run, blocks: Iterable[Block]) -> None:
        eps = self._number(group["eps"])
        step_size = self._number(group["lr"] / (1 + (run.steps - 1) * group["lr_decay"]))
        for value, grad, scratch, _, state in blocks:
            np.multiply(grad, grad, out=scratch)
            squares = state["sum"]
            squares += scratch
            np.sqrt(squares, out=scratch)
            scratch += eps
            np.divide(grad, scratch, out=scratch)
            scratch *= step_size
            value -= scratch
