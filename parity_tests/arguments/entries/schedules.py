"""Schedules."""

import inspect
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import numpy_impl as ours
from numpy_impl import schedulers
from parity_tests.arguments.entries.common import (
    a_function,
    always,
    atomic,
    count,
    number,
    of_signature,
    thing,
)
from parity_tests.arguments.trying import Argument, Entry, using
from parity_tests.cases.schedulers import SCHEDULERS
from parity_tests.checks.schedulers import make as make_schedule
from parity_tests.checks.schedulers import our_optimizer


def schedule_entries() -> Iterator[Entry]:
    """Yield the entry points of every schedule."""
    for case in SCHEDULERS:
        kind: Any = case.operation
        name = kind.__name__
        usual = dict(next(iter(case.variants.values())))
        construct = partial(_made_schedule, kind)
        special = {
            "optimizer": thing(
                lambda: our_optimizer("SGD"),
                optional=name == "ChainedScheduler",
                also=("schedulers",),
            )
        }
        for argument, parameter in inspect.signature(kind).parameters.items():
            if str(parameter.annotation) == "float | Sequence[float]":
                value = usual.get(argument, parameter.default)
                special[argument] = number(0.5 if isinstance(value, list) else float(value))
        for argument in ("lr_lambda", "scale_fn"):
            if argument in inspect.signature(kind).parameters:
                given = usual.get(argument)
                given = given if callable(given) else None if given is None else _half
                special[argument] = a_function(given, optional=argument == "scale_fn")
        if name == "MultiStepLR":
            special["milestones"] = thing(
                always(usual["milestones"]), taken=("list", "dictionary", "set")
            )
        if "schedulers" in usual:
            special["schedulers"] = thing(lambda: "made with the optimizer", taken=("string",))
        arguments = of_signature(kind, usual, special)
        if name == "OneCycleLR":
            # Not looked at where `total_steps` is given.
            del arguments["epochs"], arguments["steps_per_epoch"]
        yield Entry(name, partial(construct, usual), arguments)
        yield from _schedule_methods(kind, name, usual)


def _half(_: int) -> float:
    return 0.5


def _made_schedule(kind: Any, usual: Any, optimizer: Any, **arguments: Any) -> Any:
    def build() -> Any:
        if isinstance(arguments.get("schedulers"), str):
            of = optimizer if isinstance(optimizer, ours.Optimizer) else our_optimizer("SGD")
            parts = [
                make_schedule(schedulers, of, p.operation, p.arguments) for p in usual["schedulers"]
            ]
            return kind(optimizer=optimizer, **{**arguments, "schedulers": parts})
        return kind(optimizer=optimizer, **arguments)

    return using(build, _followed)


def _followed(schedule: Any) -> Any:
    metrics = [(1.0,)] * 4 if isinstance(schedule, schedulers.ReduceLROnPlateau) else [()] * 4
    seen = []
    for metric in metrics:
        schedule.step(*metric)
        seen.append(schedule.get_last_lr())
    state = schedule.state_dict()
    return [seen, {key: state[key] for key in sorted(state)}]


def _schedule_methods(kind: Any, name: str, usual: Mapping[str, Any]) -> Iterator[Entry]:
    def make() -> Any:
        return make_schedule(schedulers, our_optimizer("SGD"), kind, usual)

    def loaded(state_dict: Any) -> Any:
        schedule = make()
        return atomic(schedule, schedule.load_state_dict, state_dict, _followed)

    state = Argument("state", lambda: make().state_dict())
    yield Entry(f"{name}.load_state_dict", loaded, {"state_dict": state})
    takes = inspect.signature(kind.step).parameters
    for argument in list(takes)[1:]:

        def stepped(**given: Any) -> Any:
            schedule = make()
            schedule.step(**given)
            return schedule.get_last_lr()

        of_metric = kind is schedulers.ReduceLROnPlateau
        if of_metric and argument == "epoch":
            schedule_of = partial(stepped, metrics=1.0)
        else:
            schedule_of = stepped
        given = (
            number(0.5, taken=("NaN", "infinity"))
            if argument == "metrics"
            else count(3, optional=True)
        )
        if kind is schedulers.CosineAnnealingWarmRestarts:
            given = number(3.0, optional=True)
        yield Entry(f"{name}.step", schedule_of, {argument: given})
