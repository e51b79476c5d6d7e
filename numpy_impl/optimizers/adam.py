"""Adam and AdamW."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from numpy_impl.arrays import FloatArray, check_number, describe, new_array
from numpy_impl.errors import InputError
from numpy_impl.optimizers.optimizer import Block, Optimizer, Parameters, Run


class AdamState(NamedTuple):
    """What `adam_step` returns."""

    value: FloatArray
    exp_avg: FloatArray
    exp_avg_sq: FloatArray


def adam_step(
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
    decoupled: bool = False,
) -> AdamState:
    r"""Return a parameter and its two moments after step number `step` of Adam or AdamW.

    .. math::
        m &\leftarrow \beta_1 m + (1 - \beta_1) g \\
        v &\leftarrow \beta_2 v + (1 - \beta_2) g^2 \\
        \hat m &= m / (1 - \beta_1^t), \qquad \hat v = v / (1 - \beta_2^t) \\
        \theta &\leftarrow \theta - \eta \, \hat m / (\sqrt{\hat v} + \epsilon)

    Before that, weight decay :math:`\lambda` either joins the gradient,
    :math:`g \leftarrow g + \lambda\theta` (Adam), or shrinks the parameter by itself,
    :math:`\theta \leftarrow (1 - \eta\lambda)\,\theta` (`decoupled`: AdamW).

    References
    ----------
    Kingma and Ba (2015), Adam, https://arxiv.org/abs/1412.6980
    Loshchilov and Hutter (2019), Decoupled weight decay, https://arxiv.org/abs/1711.05101
    https://docs.pytorch.org/docs/stable/generated/torch.optim.AdamW.html
    """
    beta1, beta2 = betas
    if decoupled:
        value = (1 - lr * weight_decay) * value
    else:
        grad = grad + weight_decay * value
    exp_avg = beta1 * exp_avg + (1 - beta1) * grad
    exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * grad**2
    m_hat = exp_avg / (1 - beta1**step)
    v_hat = exp_avg_sq / (1 - beta2**step)
    return AdamState(value - lr * m_hat / (np.sqrt(v_hat) + eps), exp_avg, exp_avg_sq)


class Adam(Optimizer):
    """Adam: steps scaled by running means of the gradient and of its square.

    The formula is `adam_step`; weight decay joins the gradient.

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
    decoupled = False

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(
            params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        )

    def _check(self, group: Mapping[str, Any]) -> None:
        for name in ("lr", "eps", "weight_decay"):
            check_number(name, group[name])
        betas = group["betas"]
        if not isinstance(betas, Sequence) or len(betas) != 2:
            raise InputError("betas", "two numbers", describe(betas))
        for position, beta in enumerate(betas):
            check_number(f"betas[{position}]", beta, below=1.0)

    def _initial_state(self, group: Mapping[str, Any], size: int) -> dict[str, FloatArray]:  # noqa: ARG002
        return {key: new_array(size, self._arena.dtype) for key in ("exp_avg", "exp_avg_sq")}

    def _update(self, group: Mapping[str, Any], run: Run, blocks: Iterable[Block]) -> None:
        lr, eps, weight_decay = group["lr"], group["eps"], group["weight_decay"]
        # Rounded to float32, 0.999 and 0.001 do not add up to 1: the mean of a constant would
        # settle 1.3e-5 off that constant. So beta is rounded first; 1 - beta is then exact.
        beta1, beta2 = (_rounded_beta(beta, self._arena.dtype) for beta in group["betas"])
        correction1 = 1 - beta1**run.steps
        root_correction2 = math.sqrt(1 - beta2**run.steps)

        # m_hat / (sqrt(v_hat) + eps), numerator and denominator times root_correction2: the
        # corrections become two scalars. eps has to be scaled with them; left as it is, the
        # first steps of parameters with tiny gradients come out many times too small.
        step_size = self._number(lr * root_correction2 / correction1)
        scaled_eps = self._number(eps * root_correction2)
        keep1, take1 = self._number(beta1), self._number(1 - beta1)
        keep2, take2 = self._number(beta2), self._number(1 - beta2)
        for value, grad, scratch, state in blocks:
            exp_avg, exp_avg_sq = state["exp_avg"], state["exp_avg_sq"]
            if weight_decay and self.decoupled:
                value *= 1 - lr * weight_decay
            elif weight_decay:
                grad = grad + weight_decay * value

            np.multiply(grad, take1, out=scratch)
            exp_avg *= keep1
            exp_avg += scratch

            np.multiply(grad, grad, out=scratch)
            scratch *= take2
            exp_avg_sq *= keep2
            exp_avg_sq += scratch

            if run.steps % _STEPS_PER_FLUSH == 0:
                _flush(exp_avg, beta1, scratch)
                if eps:
                    _flush(exp_avg_sq, beta2, scratch)

            np.sqrt(exp_avg_sq, out=scratch)
            scratch += scaled_eps
            np.divide(exp_avg, scratch, out=scratch)
            scratch *= step_size
            value -= scratch


_STEPS_PER_FLUSH = 64


def _flush(mean: FloatArray, beta: float, scratch: FloatArray) -> None:
    """Set to zero what would decay below the normal numbers before the next flush.

    Where a gradient stays zero (a pixel that is never lit), its mean decays for ever: by rounding,
    the smallest positive number times 0.9 is itself. Arithmetic on numbers so small is many times
    slower, and next to eps they move nothing.
    """
    # The factor 1e8 bounds what is taken for nothing: 1e-30, in float32.
    limit = float(np.finfo(mean.dtype).tiny) * min(beta**-_STEPS_PER_FLUSH if beta else 1.0, 1e8)
    np.abs(mean, out=scratch)
    np.greater_equal(scratch, limit, out=scratch)
    mean *= scratch


@cache
def _rounded_beta(beta: float, dtype: np.dtype[Any]) -> float:
    """Return beta as it is in this type, or, where that is 1, the largest number below 1."""
    return min(float(dtype.type(beta)), 1 - float(np.finfo(dtype).epsneg))


class AdamW(Adam):
    """Adam with decoupled weight decay: parameters shrink by ``lr * weight_decay`` a step.

    The formula is `adam_step` with `decoupled`.

    Parameters
    ----------
    params, lr, betas, eps
        As for `Adam`.
    weight_decay : float, default 1e-2
        Share of a parameter that it loses per step, over the learning rate; at least 0.

    Raises
    ------
    InputError
        As `Optimizer`.

    References
    ----------
    Loshchilov and Hutter (2019), Decoupled weight decay, https://arxiv.org/abs/1711.05101
    https://docs.pytorch.org/docs/stable/generated/torch.optim.AdamW.html
    """

    decoupled = True

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay)
