"""Optimizers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy_impl as ours


@dataclass(frozen=True)
class OptimizerCase:
    """An optimizer with one set of hyperparameters.

    Attributes
    ----------
    name : str
        Stands in the ids of its checks.
    make : callable
        From parameters to the optimizer under test.
    changes : mapping of int to dict, optional
        Hyperparameters changed before the step of that number, as a schedule would.
    """

    name: str
    make: Callable[[list[ours.Parameter]], ours.Optimizer]
    changes: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)


_HALVED = {5: {"lr": 0.5e-2}, 50: {"lr": 1e-3}}


def _groups(params: list[ours.Parameter]) -> list[dict[str, Any]]:
    return ours.decay_groups(params, 0.1)


OPTIMIZERS: tuple[OptimizerCase, ...] = (
    OptimizerCase("sgd", lambda p: ours.SGD(p, lr=1e-2)),
    OptimizerCase("sgd-weight-decay", lambda p: ours.SGD(p, lr=1e-2, weight_decay=0.1)),
    OptimizerCase("sgd-momentum", lambda p: ours.SGD(p, lr=1e-2, momentum=0.9)),
    OptimizerCase(
        "sgd-dampening",
        lambda p: ours.SGD(p, lr=1e-2, momentum=0.9, dampening=0.3, weight_decay=0.1),
    ),
    OptimizerCase(
        "sgd-nesterov",
        lambda p: ours.SGD(p, lr=1e-2, momentum=0.9, nesterov=True, weight_decay=0.1),
        _HALVED,
    ),
    OptimizerCase("adam", lambda p: ours.Adam(p)),
    OptimizerCase("adam-lr", lambda p: ours.Adam(p, lr=1e-2), _HALVED),
    OptimizerCase("adam-betas", lambda p: ours.Adam(p, betas=(0.5, 0.9))),
    OptimizerCase("adam-eps", lambda p: ours.Adam(p, eps=1e-3)),
    OptimizerCase("adam-weight-decay", lambda p: ours.Adam(p, weight_decay=0.1)),
    OptimizerCase("adamw", lambda p: ours.AdamW(p)),
    OptimizerCase("adamw-weight-decay", lambda p: ours.AdamW(p, lr=1e-2, weight_decay=0.3)),
    OptimizerCase("adamw-groups", lambda p: ours.AdamW(_groups(p), lr=1e-2), _HALVED),
    OptimizerCase("sgd-groups", lambda p: ours.SGD(_groups(p), lr=1e-2, momentum=0.9), _HALVED),
)
