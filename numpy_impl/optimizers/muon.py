"""Muon."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from numpy_impl.arrays import FloatArray, check_choice, check_int, check_number, describe
from numpy_impl.errors import InputError
from numpy_impl.optimizers.hyperparameters import check_flags, check_numbers
from numpy_impl.optimizers.means import between
from numpy_impl.optimizers.optimizer import Block, Optimizer, Parameters, Run

Coefficients = tuple[float, float, float]

COEFFICIENTS: Coefficients = (3.4445, -4.7750, 2.0315)
"""Those of Jordan's article: singular values come out between 0.7 and 1.2 after five rounds."""

_LONGEST = 100  # PyTorch's limit of rounds
_RATES = ("original", "match_rms_adamw", None)


class MuonState(NamedTuple):
    """What `muon_step` returns."""

    value: FloatArray
    momentum_buffer: FloatArray


def orthogonalized(
    matrix: FloatArray,
    coefficients: Coefficients = COEFFICIENTS,
    steps: int = 5,
    eps: float = 1e-7,
) -> FloatArray:
    r"""Return a matrix with its singular values moved towards 1, from its decomposition.

    .. math::
        U \Sigma V^T &= M / \max(\lVert M \rVert_F, \epsilon) \\
        M &\to U\, p(p(\dots p(\Sigma)))\, V^T, \qquad p(s) = a s + b s^3 + c s^5

    Parameters
    ----------
    matrix : ndarray of shape (m, n)
        Any.
    coefficients : tuple of three floats
        a, b and c.
    steps : int
        How many times :math:`p` is applied.
    eps : float
        Least norm to divide by.
    """
    a, b, c = coefficients
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    values = values / max(float(np.linalg.norm(values)), eps)
    for _ in range(steps):
        values = a * values + b * values**3 + c * values**5
    product: FloatArray = left * values @ right
    return product


def newton_schulz(
    matrix: FloatArray,
    coefficients: Coefficients = COEFFICIENTS,
    steps: int = 5,
    eps: float = 1e-7,
) -> FloatArray:
    r"""Return what `orthogonalized` does, from matrix products alone.

    .. math:: X \leftarrow a X + (b A + c A^2) X, \qquad A = X X^T

    The products are taken on the shorter side, in the type of the matrix. PyTorch takes them in
    bfloat16.
    """
    a, b, c = coefficients
    wide = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    norm = float(np.linalg.norm(wide.astype(np.float64)))
    x = wide / np.array(max(norm, eps), wide.dtype)
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    return x if wide is matrix else x.T


def adjusted_lr(lr: float, adjust_lr_fn: str | None, shape: tuple[int, ...]) -> float:
    r"""Return the learning rate for a matrix of this shape.

    :math:`\eta \sqrt{\max(1, m / n)}` for ``original`` and None, and
    :math:`0.2\, \eta \sqrt{\max(m, n)}` for ``match_rms_adamw``.
    """
    rows, columns = shape
    if adjust_lr_fn == "match_rms_adamw":
        return 0.2 * lr * math.sqrt(max(rows, columns))
    return lr * math.sqrt(max(1.0, rows / columns))


def muon_step(
    value: FloatArray,
    grad: FloatArray,
    momentum_buffer: FloatArray,
    *,
    lr: float = 1e-3,
    weight_decay: float = 0.1,
    momentum: float = 0.95,
    nesterov: bool = True,
    ns_coefficients: Coefficients = COEFFICIENTS,
    eps: float = 1e-7,
    ns_steps: int = 5,
    adjust_lr_fn: str | None = None,
) -> MuonState:
    r"""Return a matrix and its momentum after one step of Muon.

    .. math::
        b &\leftarrow \mu b + (1 - \mu) g \\
        d &= \mu b + (1 - \mu) g \text{ if nesterov, else } b \\
        \theta &\leftarrow (1 - \eta\lambda)\,\theta - \eta' \operatorname{orthogonalized}(d)

    with :math:`\mu` the momentum, :math:`\lambda` the weight decay and :math:`\eta'` the
    `adjusted_lr`.

    References
    ----------
    Jordan et al. (2024), Muon, https://kellerjordan.github.io/posts/muon/
    Liu et al. (2025), Muon is scalable for LLM training, https://arxiv.org/abs/2502.16982
    https://docs.pytorch.org/docs/stable/generated/torch.optim.Muon.html
    """
    momentum_buffer = momentum * momentum_buffer + (1 - momentum) * grad
    direction = momentum * momentum_buffer + (1 - momentum) * grad if nesterov else momentum_buffer
    direction = orthogonalized(direction, ns_coefficients, ns_steps, eps)
    value = (1 - lr * weight_decay) * value
    value = value - adjusted_lr(lr, adjust_lr_fn, value.shape) * direction
    return MuonState(value, momentum_buffer)


class Muon(Optimizer):
    """Steps along the momentum with its singular values evened out; for matrices only.

    The formula is `muon_step`, computed by `newton_schulz`. Biases go to another optimizer. An
    entry's update depends on the whole matrix: several workers cannot divide it among themselves.

    Parameters
    ----------
    params : iterable of Parameter or of dict
        See `Optimizer`; each has two axes.
    lr : float, default 1e-3
        Learning rate, at least 0.
    weight_decay : float, default 0.1
        Share of a parameter that it loses per step, over the learning rate; at least 0.
    momentum : float, default 0.95
        Decay of the running mean of gradients, at least 0.
    nesterov : bool, default True
        Look ahead along the momentum.
    ns_coefficients : tuple of three floats
        Of the polynomial of the iteration.
    eps : float, default 1e-7
        Least norm to divide by, at least 0.
    ns_steps : int, default 5
        Rounds of the iteration, from 0 to 99.
    adjust_lr_fn : str or None, default None
        ``"original"`` or ``"match_rms_adamw"``, see `adjusted_lr`; None is the first.

    Raises
    ------
    InputError
        As `Optimizer`, and for a parameter that is not a matrix.

    References
    ----------
    Jordan et al. (2024), Muon, https://kellerjordan.github.io/posts/muon/
    https://docs.pytorch.org/docs/stable/generated/torch.optim.Muon.html
    """

    state_names = ("momentum_buffer",)
    elementwise = False

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: Coefficients = COEFFICIENTS,
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        defaults = {
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "ns_coefficients": ns_coefficients,
            "eps": eps,
            "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn,
        }
        super().__init__(params, defaults)

    def _check(self, group: Mapping[str, Any]) -> None:
        check_numbers(group, "lr", "weight_decay", "momentum", "eps")
        check_flags(group, "nesterov")
        check_choice("adjust_lr_fn", group["adjust_lr_fn"], _RATES)
        steps = check_int("ns_steps", group["ns_steps"])
        if not 0 <= steps < _LONGEST:
            raise InputError("ns_steps", f"an integer from 0 to {_LONGEST - 1}", f"{steps}")
        coefficients = group["ns_coefficients"]
        if not isinstance(coefficients, Sequence) or len(coefficients) != 3:
            raise InputError("ns_coefficients", "three numbers", describe(coefficients))
        for position, number in enumerate(coefficients):
            check_number(f"ns_coefficients[{position}]", number, low=-np.inf)

    def _check_parameters(self, groups: Sequence[Mapping[str, Any]]) -> None:
        super()._check_parameters(groups)
        for parameter in (p for group in groups for p in group["params"]):
            if parameter.ndim != 2:
                got = f"{parameter.name} of shape {parameter.shape}"
                raise InputError("params", "parameters of two axes", got)

    def _starts(self, group: Mapping[str, Any]) -> dict[str, float]:  # noqa: ARG002
        return {"momentum_buffer": 0.0}

    def _update(self, group: Mapping[str, Any], run: Run, blocks: Iterable[Block]) -> None:  # noqa: ARG002
        momentum, shrinking = group["momentum"], group["lr"] * group["weight_decay"]
        for parameter in run.parameters:
            value, grad = parameter.data, parameter.grad
            buffer = run.state["momentum_buffer"][run.part(parameter)]
            buffer = buffer.reshape(parameter.shape, order="F")
            buffer[...] = between(buffer, grad, 1 - momentum)
            direction = between(grad, buffer, momentum) if group["nesterov"] else buffer
            direction = newton_schulz(
                direction, group["ns_coefficients"], group["ns_steps"], group["eps"]
            )
            value -= shrinking * value
            value -= adjusted_lr(group["lr"], group["adjust_lr_fn"], value.shape) * direction
