"""Whatever is no argument at all is refused under the name of the argument."""

import inspect
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest

import numpy_impl as ours
from numpy_impl import schedulers
from parity_tests.cases.losses import LOSSES
from parity_tests.cases.optimizers import OPTIMIZERS
from parity_tests.cases.schedulers import SCHEDULERS
from parity_tests.checks.layers import CASES
from parity_tests.checks.raising import raised
from parity_tests.checks.schedulers import make, our_optimizer
from parity_tests.inputs import FEATURES, HIDDEN


def _schedule(operation: type, **arguments: Any) -> Any:
    optimizer = arguments.pop("optimizer", None) or our_optimizer("SGD")
    return make(schedulers, optimizer, operation, arguments)


def constructors() -> Iterator[tuple[type, Callable[..., Any], dict[str, Any]]]:
    """Every class, what makes it, and arguments that it takes."""
    for layer in CASES:
        if layer.operation is not ours.Residual:
            takes = inspect.signature(layer.operation).parameters
            usual = dict(next(iter(layer.variants.values())))
            yield (
                layer.operation,
                layer.operation,
                usual | ({"rng": None} if "rng" in takes else {}),
            )
    for loss in LOSSES:
        yield loss.operation, loss.operation, {}
    for optimizer in OPTIMIZERS:
        weight = ours.Linear(FEATURES, HIDDEN, rng=None).weight
        yield optimizer.operation, optimizer.operation, {"params": [weight]}
    for schedule in SCHEDULERS:
        usual = dict(next(iter(schedule.variants.values())))
        yield schedule.operation, partial(_schedule, schedule.operation), usual


EXCUSED = {
    "OneCycleLR.epochs": "not looked at where total_steps is given",
    "OneCycleLR.steps_per_epoch": "not looked at where total_steps is given",
    "SequentialLR.schedulers": "must be a list to be made for one optimizer here",
    "ChainedScheduler.schedulers": "must be a list to be made for one optimizer here",
}
"""Arguments that an object of no kind says nothing about, with the reason."""

DOORS = {
    f"{kind.__name__}.{name}": (construct, usual, name)
    for kind, construct, usual in constructors()
    for name in inspect.signature(kind).parameters
}


@pytest.mark.parametrize("door", sorted(DOORS.keys() - EXCUSED.keys()))
def test_every_argument_is_checked(door: str) -> None:
    construct, usual, name = DOORS[door]
    error = raised(ours.InputError, construct, **{**usual, name: object()})
    assert error.argument.partition("[")[0] == name, str(error)
    assert error.expected
    assert "object" in error.got, str(error)


def test_no_excuse_is_stale() -> None:
    assert EXCUSED.keys() <= DOORS.keys()


def test_arguments_of_calls() -> None:
    for kind in (ours.Linear(FEATURES, HIDDEN, rng=None), ours.ReLU()):
        assert raised(ours.InputError, kind.forward, object()).argument == "x"
    loss = ours.MSELoss()
    x = np.ones((2, 3))
    assert raised(ours.InputError, loss.forward, object(), x).argument == "input"
    assert raised(ours.InputError, loss.forward, x, object()).argument == "target"
