"""Limits for gradients, between the backward pass and the optimizer's step."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np

from numpy_impl.arrays import FloatArray, check_bool, check_number, describe
from numpy_impl.errors import DivergenceError, InputError
from numpy_impl.optimizers.optimizer import neighbours
from numpy_impl.parameters import Parameter, ParameterArena

# Added to the norm that is divided by, as in PyTorch.
_EPS = 1e-6
# Scalars that are taken at a time: sums of so many are accurate in float32.
_BLOCK = 4096


def total_norm(vector: FloatArray, norm_type: float = 2.0) -> float:
    r"""Return :math:`(\sum_i |x_i|^p)^{1/p}`, or :math:`\max_i |x_i|` where p is infinite."""
    if norm_type == math.inf:
        return float(np.abs(vector).max(initial=0.0))
    return float((np.abs(vector) ** norm_type).sum() ** (1 / norm_type))


def clip_grad_norm_(
    parameters: Parameter | Iterable[Parameter],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> float:
    r"""Scale all gradients together so that their norm is at most `max_norm`.

    .. math:: g \leftarrow g \min(1,\ \text{max\_norm} / (\lVert g \rVert_p + 10^{-6}))

    with the norm of all gradients as one vector, see `total_norm`. A norm whose squares overflow
    is as good as any other; PyTorch's is infinite then.

    Parameters
    ----------
    parameters : Parameter or iterable of Parameter
        Whose gradients are changed in place.
    max_norm : float
        At least 0; infinity measures only.
    norm_type : float, default 2
        p, above 0; infinity for the largest entry.
    error_if_nonfinite : bool, default False
        Whether a norm that is infinite or NaN is an error. Otherwise gradients become 0 and NaN.

    Returns
    -------
    float
        The norm before; 0 without parameters.

    Raises
    ------
    InputError
        If an argument is out of range.
    DivergenceError
        For a norm that is not finite. The gradients have not changed then.

    References
    ----------
    Pascanu et al. (2013), On the difficulty of training recurrent neural networks,
    https://arxiv.org/abs/1211.5063
    `torch.nn.utils.clip_grad_norm_
    <https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_norm_.html>`__
    """
    grads = _gradients(parameters)
    max_norm = _check_bound("max_norm", max_norm)
    kind: object = norm_type
    p = (
        math.inf
        if isinstance(kind, str) and kind == "inf"
        else _check_bound("norm_type", norm_type, exclude_low=True)
    )
    check_bool("error_if_nonfinite", error_if_nonfinite)
    norm = _norm(grads, p)
    if error_if_nonfinite and not math.isfinite(norm):
        raise DivergenceError("norm of the gradients", norm, "when they were to be clipped")
    factor = max_norm / (norm + _EPS)
    if not factor >= 1:
        with np.errstate(invalid="ignore"):
            for grad in grads:
                grad *= factor
    return norm


def clip_grad_value_(parameters: Parameter | Iterable[Parameter], clip_value: float) -> None:
    """Limit every entry of the gradients to the range from ``-clip_value`` to ``clip_value``.

    Parameters
    ----------
    parameters : Parameter or iterable of Parameter
        Whose gradients are changed in place. NaN stays.
    clip_value : float
        At least 0.

    Raises
    ------
    InputError
        If an argument is out of range.

    References
    ----------
    `torch.nn.utils.clip_grad_value_
    <https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_value_.html>`__
    """
    grads = _gradients(parameters)
    clip_value = _check_bound("clip_value", clip_value)
    for grad in grads:
        # No gradient is larger than what its type holds.
        largest = float(np.finfo(grad.dtype).max)
        bound = min(clip_value, largest) if clip_value < math.inf else math.inf
        np.clip(grad, -bound, bound, out=grad)


def _check_bound(name: str, value: float, *, exclude_low: bool = False) -> float:
    """Return a number that may be infinite; InputError if it is none or below zero."""
    if isinstance(value, float | np.floating) and value == math.inf:
        return math.inf
    return check_number(name, value, exclude_low=exclude_low)


def _gradients(parameters: Parameter | Iterable[Parameter]) -> list[FloatArray]:
    """Return the gradients as few long vectors: one for each run of neighbours in an arena."""
    listed = [parameters] if isinstance(parameters, Parameter) else parameters
    arenas: dict[ParameterArena, list[Parameter]] = {}
    try:
        for parameter in listed:
            if not isinstance(parameter, Parameter):
                raise InputError("parameters", "parameters", describe(parameter))
            arenas.setdefault(parameter.arena, []).append(parameter)
    except TypeError:
        raise InputError("parameters", "an iterable of parameters", describe(listed)) from None
    return [
        arena.grads[run[0].offset : run[-1].slice.stop]
        for arena, members in arenas.items()
        for run in neighbours(members)
    ]


def _norm(grads: list[FloatArray], p: float) -> float:
    if p == math.inf:
        return float(np.max([np.abs(grad).max(initial=0.0) for grad in grads], initial=0.0))
    if p == 2:
        norm = math.sqrt(_sum_of_squares(grads))
        if 1e-15 < norm < 1e15:
            return norm
    # Powers may overflow or vanish, and are taken in units of the largest entry.
    largest = _norm(grads, math.inf)
    if not 0 < largest < math.inf:
        return largest
    # The root of a sum for a p near 0 may be infinite.
    with np.errstate(over="ignore"):
        return float(largest * np.float64(_sum_of_powers(grads, largest, p)) ** (1 / p))


def _blocks(grads: list[FloatArray]) -> Iterator[FloatArray]:
    for grad in grads:
        for start in range(0, len(grad), _BLOCK):
            yield grad[start : start + _BLOCK]


def _sum_of_squares(grads: list[FloatArray]) -> float:
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        return sum(float(block @ block) for block in _blocks(grads))


def _sum_of_powers(grads: list[FloatArray], unit: float, p: float) -> float:
    with np.errstate(under="ignore"):
        return sum(
            float((np.abs(block.astype(np.float64) / unit) ** p).sum()) for block in _blocks(grads)
        )
