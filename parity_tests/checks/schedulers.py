"""Learning-rate schedules: every group at every step, bit for bit as PyTorch's."""

import functools
import inspect
import json
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch

import numpy_impl as ours
from numpy_impl import schedulers
from parity_tests.cases.refusal import Refusal
from parity_tests.cases.schedulers import (
    LRS,
    SCHEDULERS,
    STEPS,
    Part,
    SchedulerCase,
    cyclic_momentum,
    formula_of,
    one_cycle_momentum,
)
from parity_tests.checks.check import Check
from parity_tests.checks.raising import raised, refused
from parity_tests.checks.refusals import beside_pytorch

CASES = SCHEDULERS

OPTIMIZERS = ("SGD", "Adam")
"""One with momentum and one with betas."""

CHANGES = {23: 0.37, 57: 1.9, 58: 0.0, 59: 1.1}
"""By what the learning rate of the second group is multiplied by hand, after these steps."""

EPOCHS = (0, 5, 3, 3, 41, 40, 6, 23, 121, 100, 200, 0, 322)
"""For ``step(epoch)``, each followed by a plain step."""

Arguments = Mapping[str, Any]


def checks(seed: int) -> Iterator[Check]:
    """Yield the checks of every case in `SCHEDULERS`."""
    for case in SCHEDULERS:
        kind = case.operation.__name__
        for variant, arguments in case.variants.items():
            name = f"{kind}/{variant}"
            given = case, arguments, seed
            yield Check(f"schedule/{name}", partial(check_schedule, *given))
            yield Check(f"schedule-state/{name}", partial(check_state, *given))
            yield Check(f"schedule-resumed/{name}", partial(check_resumed, *given))
            if _takes_epoch(case) and variant not in case.without_epochs:
                yield Check(f"schedule-epoch/{name}", partial(check_epochs, *given))
            if variant not in case.without_formula:
                yield Check(f"formula/{name}", partial(check_formula, *given))
        for variant, arguments in (case.beyond or {}).items():
            yield Check(f"formula/{kind}/{variant}", partial(check_formula, case, arguments, seed))
        for number, refusal in enumerate(case.refusals):
            name = f"refusal/{kind}/{refusal.name}-{number}"
            yield Check(name, partial(check_refusal, case, refusal))
    for name, (operation, arguments) in WITHOUT_MOMENTUM.items():
        yield Check(f"refusal/{name}", partial(check_without_momentum, operation, arguments))
    for name, check in OF_SETS.items():
        yield Check(f"refusal/{name}", check)


# What a schedule is of: an optimizer of three groups, and its twin.


def our_optimizer(kind: str) -> ours.Optimizer:
    """Return an optimizer over three groups of different learning rates."""
    layer = ours.Linear(3, 2, rng=np.random.default_rng(0))
    other = ours.Linear(2, 1, bias=False, rng=np.random.default_rng(0))
    model = ours.Sequential(layer, other)
    groups = [{"params": [p], "lr": lr} for p, lr in zip(model.parameters(), LRS, strict=True)]
    optimizer = getattr(ours, kind)(groups, **_options(kind))
    assert isinstance(optimizer, ours.Optimizer)
    return optimizer


def their_optimizer(kind: str) -> torch.optim.Optimizer:
    """Return PyTorch's twin of `our_optimizer`."""
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": lr} for lr in LRS]
    optimizer = getattr(torch.optim, kind)(groups, **_options(kind))
    assert isinstance(optimizer, torch.optim.Optimizer)
    return optimizer


def _options(kind: str) -> dict[str, Any]:
    return {"momentum": 0.9} if kind == "SGD" else {}


def make(home: Any, optimizer: Any, operation: type, arguments: Arguments) -> Any:
    """Return a schedule, made by the class of that name in `home`, with those within it."""
    arguments = dict(arguments)
    if "schedulers" in arguments:
        arguments["schedulers"] = [
            make(home, optimizer, part.operation, part.arguments)
            if isinstance(part, Part)
            else part
            for part in arguments["schedulers"]
        ]
    with _unwarned():
        return getattr(home, operation.__name__)(optimizer=optimizer, **arguments)


def _unwarned() -> Any:
    """PyTorch warns of steps before the optimizer's, and of epochs as arguments."""
    return warnings.catch_warnings(action="ignore", category=UserWarning)


class Pair:
    """A schedule and its twin."""

    def __init__(self, kind: str, operation: type, arguments: Arguments) -> None:
        self.optimizers = our_optimizer(kind), their_optimizer(kind)
        homes = schedulers, torch.optim.lr_scheduler
        self.schedulers = [
            make(home, optimizer, operation, arguments)
            for home, optimizer in zip(homes, self.optimizers, strict=True)
        ]

    def step(self, *arguments: Any) -> None:
        """Take a step on both sides."""
        with _unwarned():
            for scheduler in self.schedulers:
                scheduler.step(*arguments)

    def multiply(self, factor: float) -> None:
        """Change the learning rate of the second group by hand, on both sides."""
        for optimizer in self.optimizers:
            optimizer.param_groups[1]["lr"] *= factor

    def compare(self, where: str) -> None:
        """Raise AssertionError unless groups, learning rates and counts are equal, bit for bit."""
        mine, theirs = (groups_of(optimizer) for optimizer in self.optimizers)
        for number, (group, expected) in enumerate(zip(mine, theirs, strict=True)):
            known = {key: expected[key] for key in group if key in expected}
            assert group == known, f"group {number} {where}"
            assert not (expected.keys() - group.keys()) & _SCHEDULED, f"group {number} {where}"
        our_scheduler, their_scheduler = self.schedulers
        assert our_scheduler.get_last_lr() == their_scheduler.get_last_lr(), where
        for attribute in ("last_epoch", "base_lrs"):
            if hasattr(their_scheduler, attribute):
                expected = getattr(their_scheduler, attribute)
                assert getattr(our_scheduler, attribute) == expected, f"{attribute} {where}"


_SCHEDULED = {"initial_lr", "max_lr", "min_lr", "base_momentum", "max_momentum"}


def groups_of(optimizer: Any) -> list[dict[str, Any]]:
    """Return the hyperparameters of every group."""
    return [
        {key: value for key, value in group.items() if key != "params"}
        for group in optimizer.param_groups
    ]


def _optimizers(case: SchedulerCase) -> tuple[str, ...]:
    """Return the optimizers to be scheduled: both where momentum cycles, else one."""
    cycles = "cycle_momentum" in inspect.signature(case.operation).parameters
    return OPTIMIZERS if cycles else OPTIMIZERS[:1]


# What they are stepped with.


def _by_metric(case: SchedulerCase) -> bool:
    return "metrics" in _arguments_of_step(case.operation)


def _takes_epoch(case: SchedulerCase) -> bool:
    return "epoch" in _arguments_of_step(case.operation)


@functools.cache
def _arguments_of_step(operation: Any) -> frozenset[str]:
    return frozenset(inspect.signature(operation.step).parameters)


def metrics_for(case: SchedulerCase, seed: int, steps: int) -> list[tuple[float, ...]]:
    """Return the arguments of every step: none, or metrics that fall, rest, jump and are NaN."""
    if not _by_metric(case):
        return [()] * steps
    rng = np.random.default_rng(seed)
    slopes = rng.choice([-0.03, 0.0, 0.0, 0.02], size=steps // 10 + 1).repeat(10)[:steps]
    metrics = 1.0 + np.cumsum(slopes) + 0.01 * rng.standard_normal(steps)
    metrics[rng.integers(0, 6, steps) == 0] = metrics[0]
    # As good as the best so far, twice each.
    metrics[[30, 31]], metrics[[40, 41]] = metrics[:30].min(), metrics[:40].max()
    metrics[[5, 6, 90]] = np.nan
    metrics[150] = -metrics[150]
    # The best that can be comes late, for nothing is better.
    metrics[[290, 310]] = np.inf, -np.inf
    return [(float(metric),) for metric in metrics]


# The checks.


def check_schedule(case: SchedulerCase, arguments: Arguments, seed: int) -> None:
    """Everything in the groups is PyTorch's, step by step, with changes by hand in between."""
    for kind in _optimizers(case):
        pair = Pair(kind, case.operation, arguments)
        pair.compare(f"of {kind} at the start")
        for step, given in enumerate(metrics_for(case, seed, STEPS), 1):
            pair.step(*given)
            pair.compare(f"of {kind} after step {step}")
            if step in CHANGES:
                pair.multiply(CHANGES[step])


def check_epochs(case: SchedulerCase, arguments: Arguments, seed: int) -> None:
    """``step(epoch)`` sets what PyTorch sets, and the plain step goes on from there."""
    metrics = metrics_for(case, seed, 2 * STEPS)
    fractions = case.operation is schedulers.CosineAnnealingWarmRestarts
    for kind in _optimizers(case):
        pair = Pair(kind, case.operation, arguments)
        for number, epoch in enumerate((*EPOCHS, *(0.25, 9.5, 121.5) * fractions)):
            pair.step(*metrics[2 * number], epoch)
            pair.compare(f"of {kind} at epoch {epoch}")
            pair.step(*metrics[2 * number + 1])
            pair.compare(f"of {kind} after epoch {epoch}")


def check_resumed(case: SchedulerCase, arguments: Arguments, seed: int) -> None:
    """A schedule made again over the groups of a run goes on as PyTorch's does."""
    metrics = metrics_for(case, seed, STEPS)
    resume = "last_epoch" in inspect.signature(case.operation).parameters
    for kind in _optimizers(case):
        pair = Pair(kind, case.operation, arguments)
        for given in metrics[:45]:
            pair.step(*given)
        later = {**arguments, "last_epoch": 45} if resume else arguments
        homes = schedulers, torch.optim.lr_scheduler
        pair.schedulers = [
            make(home, optimizer, case.operation, later)
            for home, optimizer in zip(homes, pair.optimizers, strict=True)
        ]
        pair.compare(f"of {kind} resumed")
        for step, given in enumerate(metrics[45:150], 1):
            pair.step(*given)
            pair.compare(f"of {kind} {step} steps after it was resumed")


def check_state(case: SchedulerCase, arguments: Arguments, seed: int) -> None:
    """A state is plain numbers, equal to PyTorch's; loaded, here or there, the run goes on."""
    metrics = metrics_for(case, seed, STEPS)
    for kind in _optimizers(case):
        pair = Pair(kind, case.operation, arguments)
        fresh = Pair(kind, case.operation, arguments)
        for step, given in enumerate(metrics[:47], 1):
            pair.step(*given)
            if step in CHANGES:
                pair.multiply(CHANGES[step])
        scheduler, their_scheduler = pair.schedulers
        scheduler.state_dict()["_last_lr"].clear()
        state, their_state = scheduler.state_dict(), their_scheduler.state_dict()
        assert len(state["_last_lr"]) == len(LRS), "a state is a copy"
        assert state == _plain(their_state)
        state = json.loads(json.dumps(state))
        assert state == scheduler.state_dict()
        _refuse_damaged(fresh.schedulers[0], state)
        groups = [groups_of(optimizer) for optimizer in pair.optimizers]
        for name, loaded in {"ours": (state, their_state), "crossed": (their_state, state)}.items():
            _load(fresh, groups, (loaded[0], _as_theirs(loaded[1])))
            fresh.compare(f"of {kind}, {name}, loaded")
            for step, given in enumerate(metrics[47:120], 1):
                fresh.step(*given)
                fresh.compare(f"of {kind}, {name}, {step} steps after loading")
        for given in metrics[47:120]:
            scheduler.step(*given)
        assert groups_of(fresh.optimizers[0]) == groups_of(pair.optimizers[0])
        assert fresh.schedulers[0].state_dict() == scheduler.state_dict()


def _load(pair: Pair, groups: list[Any], states: tuple[Any, Any]) -> None:
    """Load what was saved of a run on both sides: groups and states."""
    for side, (optimizer, scheduler) in enumerate(
        zip(pair.optimizers, pair.schedulers, strict=True)
    ):
        for group, values in zip(optimizer.param_groups, groups[side], strict=True):
            group.update(values)
        scheduler.load_state_dict(states[side])
    assert pair.schedulers[0]._last_lr is not states[0]["_last_lr"]


_PYTORCHS = {"_step_count", "_is_initial", "_get_lr_called_within_step"}


def _plain(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return PyTorch's state as ours: without what serves its warnings, a Counter as a list."""
    plain = {key: value for key, value in state.items() if key not in _PYTORCHS}
    if "milestones" in plain:
        plain["milestones"] = sorted(plain["milestones"].elements())
    if "_schedulers" in plain:
        plain["_schedulers"] = [_plain(part) for part in plain["_schedulers"]]
    return plain


def _as_theirs(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of a state as PyTorch takes it: milestones as a Counter."""
    state = dict(state)
    if isinstance(state.get("milestones"), list):
        state["milestones"] = Counter(state["milestones"])
    if "_schedulers" in state:
        state["_schedulers"] = [_as_theirs(part) for part in state["_schedulers"]]
    return state


def _refuse_damaged(scheduler: Any, state: Mapping[str, Any]) -> None:
    """States that do not fit are refused, and nothing of them is taken over."""
    before = scheduler.state_dict()
    wrong: dict[str, Any] = {"extra": {**state, "warmth": 1}, "list": [1, 2]}
    for key, value in state.items():
        wrong[f"no {key}"] = {k: v for k, v in state.items() if k != key}
        if value is not None:
            wrong[f"{key} of another kind"] = {**state, key: object()}
    if "_schedulers" in state:
        wrong["no part"] = {**state, "_schedulers": state["_schedulers"][1:]}
        wrong["a part more"] = {**state, "_schedulers": [*state["_schedulers"], {}]}
        wrong["other part"] = {**state, "_schedulers": [*state["_schedulers"][1:], {}]}
    if "_schedule_phases" in state:
        wrong["empty phases"] = {**state, "_schedule_phases": [{}] * len(state["_schedule_phases"])}
    if "last_epoch" in state:
        wrong["part of an epoch"] = {**state, "last_epoch": 1.5}
    wrong["a group less"] = {**state, "_last_lr": state["_last_lr"][1:]}
    for name, damaged in wrong.items():
        error = raised(ours.InputError, scheduler.load_state_dict, damaged)
        assert error.argument.startswith("state_dict"), name
        assert scheduler.state_dict() == before, name


def check_formula(case: SchedulerCase, arguments: Arguments, seed: int) -> None:
    """Without changes by hand, the schedule follows its formula to rounding."""
    optimizer = our_optimizer("SGD")
    scheduler = make(schedulers, optimizer, case.operation, arguments)
    momentum = {
        schedulers.CyclicLR: cyclic_momentum,
        schedulers.OneCycleLR: one_cycle_momentum,
    }.get(case.operation)
    metrics = metrics_for(case, seed, STEPS)
    formula = formula_of(case)
    largest = max(LRS) if "max_lr" not in arguments else np.max(arguments["max_lr"])
    atol = case.roundings * np.finfo(np.float64).eps * largest
    for step in range(STEPS):
        for number, group in enumerate(optimizer.param_groups):
            options = _of_group(arguments, number)
            when: Any = [metric for (metric,) in metrics[:step]] if _by_metric(case) else step
            expected = formula(when, LRS[number], **options)
            assert abs(group["lr"] - expected) <= atol, f"step {step}"
            if momentum is not None and arguments.get("cycle_momentum", True):
                expected = momentum(step, **options)
                assert abs(group["momentum"] - expected) <= 1e-13, f"step {step}"
        scheduler.step(*metrics[step])


_PER_GROUP = ("lr_lambda", "base_lr", "max_lr", "base_momentum", "max_momentum", "min_lr")


def _of_group(arguments: Arguments, number: int) -> dict[str, Any]:
    return {
        key: value[number] if key in _PER_GROUP and isinstance(value, list | tuple) else value
        for key, value in arguments.items()
    }


def check_refusal(case: SchedulerCase, refusal: Refusal) -> None:
    """Ours raises InputError for that argument and changes nothing; PyTorch raises, or takes it."""
    arguments = {**next(iter(case.variants.values())), **refusal.arguments}
    mine = schedulers, our_optimizer("SGD")
    refused(refusal.name, _make_and_step, *mine, case, arguments, refusal)
    theirs = torch.optim.lr_scheduler, their_optimizer("SGD")
    beside_pytorch(refusal, partial(_make_and_step, *theirs, case, arguments, refusal))


def _make_and_step(
    home: Any, optimizer: Any, case: SchedulerCase, arguments: Arguments, refusal: Refusal
) -> None:
    """Make a schedule, and take a step where the refusal has arguments of one."""
    before = groups_of(optimizer)
    # Schedules within are made before; the first value of a function is known at the first step.
    untouched = home is schedulers and not {"schedulers", "scale_fn"} & arguments.keys()
    scheduler = None
    try:
        scheduler = make(home, optimizer, case.operation, arguments)
        if refusal.inputs is not None:
            before, state = groups_of(optimizer), scheduler.state_dict()
            with _unwarned():
                scheduler.step(*refusal.inputs)
    except ours.InputError:
        assert not untouched or groups_of(optimizer) == before
        assert scheduler is None or scheduler.state_dict() == state
        raise


WITHOUT_MOMENTUM: Mapping[str, tuple[type, Arguments]] = {
    "CyclicLR/cycle_momentum": (schedulers.CyclicLR, {"base_lr": 0.1, "max_lr": 0.2}),
    "OneCycleLR/cycle_momentum": (schedulers.OneCycleLR, {"max_lr": 0.2, "total_steps": 20}),
}


def check_without_momentum(operation: type, arguments: Arguments) -> None:
    """Momentum of 1 is refused where it is a beta; so is to cycle it where there is none."""
    too_high = {**arguments, "max_momentum": 1.0}
    refused("max_momentum", make, schedulers, our_optimizer("Adam"), operation, too_high)
    optimizer = our_optimizer("SGD")
    for group in optimizer.param_groups:
        del group["momentum"]
    refused("cycle_momentum", make, schedulers, optimizer, operation, arguments)
    assert "initial_lr" not in optimizer.param_groups[0]


def _refuse_no_optimizer() -> None:
    refused("optimizer", schedulers.StepLR, [0.1], 3)


def _refuse_another_optimizer() -> None:
    parts = [schedulers.StepLR(our_optimizer("SGD"), 3) for _ in range(2)]
    refused("schedulers[1]", schedulers.ChainedScheduler, parts)
    refused("schedulers[1]", schedulers.SequentialLR, parts[0].optimizer, parts, [3])


OF_SETS: Mapping[str, Callable[[], None]] = {
    "LRScheduler/optimizer": _refuse_no_optimizer,
    "ChainedScheduler/schedulers": _refuse_another_optimizer,
}
