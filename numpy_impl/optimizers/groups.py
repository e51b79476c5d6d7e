"""Parameter groups."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from numpy_impl.arrays import check_instance, check_number, describe
from numpy_impl.errors import InputError
from numpy_impl.parameters import Parameter


def decay_groups(params: Iterable[Parameter], weight_decay: float) -> list[dict[str, Any]]:
    """Return two groups: weight decay for parameters of two axes or more, none for biases.

    Parameters
    ----------
    params : iterable of Parameter
        Each of them lands in exactly one group.
    weight_decay : float
        For the first group.
    """
    if not isinstance(params, Iterable):
        raise InputError("params", "an iterable of parameters", describe(params))
    params = list(params)
    for parameter in params:
        check_instance("params", parameter, Parameter, "parameters")
    weight_decay = check_number("weight_decay", weight_decay)
    matrices = [parameter for parameter in params if parameter.ndim >= 2]
    vectors = [parameter for parameter in params if parameter.ndim < 2]
    groups = [
        {"params": matrices, "weight_decay": weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]
