"""What hyperparameters may be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from numpy_impl.arrays import check_bool, check_number, describe
from numpy_impl.errors import InputError


def check_numbers(group: Mapping[str, Any], *names: str) -> None:
    """Raise InputError unless each of these is a finite number of at least 0."""
    for name in names:
        check_number(name, group[name])


def check_flags(group: Mapping[str, Any], *names: str) -> None:
    """Raise InputError unless each of these is True or False."""
    for name in names:
        check_bool(name, group[name])


def check_betas(group: Mapping[str, Any]) -> None:
    """Raise InputError unless ``betas`` are two numbers of at least 0 and below 1."""
    betas = group["betas"]
    if not isinstance(betas, Sequence) or isinstance(betas, str) or len(betas) != 2:
        raise InputError("betas", "two numbers", describe(betas))
    for position, beta in enumerate(betas):
        check_number(f"betas[{position}]", beta, below=1.0)
