"""What schedules do at the edges of their arguments."""

import copy
from typing import Any

import numpy as np
import pytest

import numpy_impl as ours
from numpy_impl import schedulers
from numpy_impl.schedulers.cycles import one_cycle
from numpy_impl.schedulers.plateau import reduce_lr_on_plateau
from parity_tests.cases.schedulers import SCHEDULERS
from parity_tests.checks.raising import refused
from parity_tests.checks.schedulers import make, our_optimizer


def sgd() -> ours.SGD:
    """An optimizer of one group."""
    layer = ours.Linear(3, 2, rng=np.random.default_rng(0))
    return ours.SGD(layer.parameters(), lr=0.1, momentum=0.9)


def test_milestones_that_are_loaded() -> None:
    scheduler = schedulers.MultiStepLR(sgd(), [2, 5])
    state = schedulers.MultiStepLR(sgd(), [1, 4, 9]).state_dict()
    scheduler.load_state_dict(state)
    assert scheduler.milestones == [1, 4, 9]
    assert scheduler.state_dict() == state
    del state["milestones"]
    with pytest.raises(ours.InputError) as caught:
        scheduler.load_state_dict(state)
    assert caught.value.expected.startswith("the keys")


def test_schedules_of_schedules_have_one_optimizer() -> None:
    optimizer, other = sgd(), sgd()
    part = schedulers.ConstantLR(optimizer, factor=0.5, total_iters=3)
    alone = schedulers.ChainedScheduler([part])
    assert alone.optimizer is optimizer
    alone.step()
    assert schedulers.ChainedScheduler([part], optimizer).optimizer is optimizer
    refused("schedulers[0]", schedulers.ChainedScheduler, [part], other)
    refused("schedulers[0]", schedulers.SequentialLR, other, [part], [])
    refused("last_epoch", schedulers.SequentialLR, optimizer, [part], [], last_epoch=-2)
    refused("last_epoch", schedulers.SequentialLR, optimizer, [part], [], last_epoch=0.5)
    for kind in (schedulers.ChainedScheduler, lambda s: schedulers.SequentialLR(optimizer, s, [])):
        with pytest.raises(ours.InputError) as caught:
            schedulers.SequentialLR(optimizer, [part, kind([part])], [2])
        assert caught.value.argument == "schedulers[1]"
        assert caught.value.expected == "a schedule that is not made of schedules"
    with pytest.raises(ours.InputError) as caught:
        schedulers.SequentialLR(optimizer, [part], [2])
    assert caught.value.expected == "0 entries, one less than schedulers"


def test_a_milestone_at_the_first_step() -> None:
    for milestone in (0, 1):
        optimizer = sgd()
        parts = [schedulers.ConstantLR(optimizer, factor, total_iters=9) for factor in (0.5, 0.25)]
        scheduler = schedulers.SequentialLR(optimizer, parts, [milestone])
        assert scheduler.get_last_lr() == [0.1 * (0.5 if milestone else 0.25)]
        scheduler.step()
        assert scheduler.get_last_lr() == [0.1 * 0.25]


def test_a_plateau_from_its_beginning() -> None:
    optimizer = sgd()
    scheduler = schedulers.ReduceLROnPlateau(optimizer, min_lr=0.02, patience=0, factor=0.5)
    assert (scheduler.cooldown_counter, scheduler.num_bad_epochs) == (0, 0)
    assert scheduler.default_min_lr == 0.02
    refused("metrics", scheduler.step, np.array([0.5]))
    scheduler.step(np.float32(np.nan))
    assert scheduler.get_last_lr() == [0.05], "the first metric is no progress"
    exact = schedulers.ReduceLROnPlateau(sgd(), patience=0, factor=0.5, eps=0.05)
    exact.step(np.nan)
    assert exact.get_last_lr() == [0.1], "a reduction by eps is none"
    for mode, metrics in (("min", [np.nan] * 3), ("max", [np.nan, 1.0, 1.0]), ("min", [1.0] * 4)):
        for cooldown in (0, 2):
            options = {"mode": mode, "patience": 0, "factor": 0.5, "cooldown": cooldown}
            scheduler = schedulers.ReduceLROnPlateau(sgd(), **options)
            for number, metric in enumerate(metrics, 1):
                scheduler.step(metric)
                expected = reduce_lr_on_plateau(metrics[:number], 0.1, **options)
                assert scheduler.get_last_lr() == [expected]
    assert reduce_lr_on_plateau([np.nan], 0.1, patience=0, factor=0.5, eps=0.05) == 0.1


def test_one_cycle_says_what_it_needs() -> None:
    with pytest.raises(ours.InputError) as caught:
        schedulers.OneCycleLR(sgd(), max_lr=0.2)
    assert caught.value.expected == "an integer of at least 1, or epochs and steps_per_epoch"
    for only in ("epochs", "steps_per_epoch"):
        other = {"epochs": "steps_per_epoch", "steps_per_epoch": "epochs"}[only]
        refused(other, schedulers.OneCycleLR, sgd(), max_lr=0.2, **{only: 5})
        for bad in (object(), 0, 2.5):
            both = {only: bad, other: 5}
            refused(only, schedulers.OneCycleLR, sgd(), max_lr=0.2, **both)


def test_one_cycle_is_resumed_where_it_can_be() -> None:
    options = {"max_lr": 0.2, "total_steps": 9}
    optimizer = sgd()
    schedulers.OneCycleLR(optimizer, **options)
    group = optimizer.param_groups[0]
    for missing in ("initial_lr", "max_lr", "min_lr", "base_momentum", "max_momentum"):
        kept = group.pop(missing)
        refused("last_epoch", schedulers.OneCycleLR, optimizer, **options, last_epoch=3)
        group[missing] = kept
    before = dict(group)
    refused("total_steps", schedulers.OneCycleLR, optimizer, **options, last_epoch=9)
    assert group == before
    schedulers.OneCycleLR(optimizer, **options, last_epoch=8)


def test_a_state_that_was_loaded_is_a_copy() -> None:
    scheduler = schedulers.OneCycleLR(sgd(), max_lr=0.2, total_steps=9)
    state = scheduler.state_dict()
    scheduler.load_state_dict(state)
    before = scheduler.state_dict()
    state["_schedule_phases"][0]["end_step"] = 99
    assert scheduler.state_dict() == before

    scheduler.state_dict()["_schedule_phases"][0]["end_step"] = 99
    assert scheduler.state_dict() == before
    phases = [{**phase, "end_step": "late"} for phase in before["_schedule_phases"]]
    refused(
        "state_dict['_schedule_phases'][0]['end_step']",
        scheduler.load_state_dict,
        {**before, "_schedule_phases": phases},
    )


def test_a_plateau_by_shares_and_by_differences() -> None:
    for mode, metric in (("rel", 99.995), ("abs", 99.99995)):
        scheduler = schedulers.ReduceLROnPlateau(sgd(), threshold_mode=mode)
        scheduler.step(100.0)
        scheduler.step(metric)
        assert scheduler.best == 100.0, "no progress"
    options = {"patience": 1, "factor": 0.5}
    assert reduce_lr_on_plateau([np.nan], 0.1, **options) == 0.1
    assert reduce_lr_on_plateau([np.nan] * 2, 0.1, **options) == 0.05


def test_one_cycle_that_has_no_beginning() -> None:
    optimizer = sgd()
    before = dict(optimizer.param_groups[0])
    refused("pct_start", schedulers.OneCycleLR, optimizer, 0.2, total_steps=10, pct_start=0.1)
    assert optimizer.param_groups[0] == before


@pytest.mark.parametrize("three_phase", [False, True])
def test_one_cycle_at_its_last_step(three_phase: bool) -> None:
    scheduler = schedulers.OneCycleLR(sgd(), 0.2, total_steps=12, three_phase=three_phase)
    for _ in range(12):
        scheduler.step()
    expected = one_cycle(12, 0.2 / 25, 0.2, 0.2 / 25 / 1e4, 12, three_phase=three_phase)
    assert scheduler.get_last_lr() == [pytest.approx(expected, rel=1e-12)]


def test_a_triangle_does_not_decay() -> None:
    scheduler = schedulers.CyclicLR(sgd(), 0.1, 0.3, step_size_up=2, gamma=0.5)
    for _ in range(2):
        scheduler.step()
    assert scheduler.get_last_lr() == [0.3]


def test_a_restart_at_its_own_epoch() -> None:
    scheduler = schedulers.CosineAnnealingWarmRestarts(sgd(), T_0=5, T_mult=2)
    scheduler.step(5)
    assert (scheduler.T_cur, scheduler.T_i) == (0.0, 10.0)
    assert scheduler.get_last_lr() == [0.1]


PER_GROUP = (
    schedulers.LambdaLR,
    schedulers.MultiplicativeLR,
    schedulers.CosineAnnealingLR,
    schedulers.CosineAnnealingWarmRestarts,
    schedulers.CyclicLR,
    schedulers.ReduceLROnPlateau,
)
"""Schedules that know something of every group."""


@pytest.mark.parametrize("kind", PER_GROUP)
def test_a_group_that_came_later_is_not_passed_over(kind: Any) -> None:
    (case,) = (case for case in SCHEDULERS if case.operation is kind)
    optimizer = our_optimizer("SGD")
    scheduler = make(schedulers, optimizer, kind, next(iter(case.variants.values())))
    optimizer.param_groups.append(dict(optimizer.param_groups[0]))

    def steps() -> None:
        for _ in range(200):
            scheduler.step(*([1.0] if kind is schedulers.ReduceLROnPlateau else []))

    with pytest.raises(ValueError, match="zip"):
        steps()


def test_a_state_is_a_copy_all_through() -> None:
    optimizer = sgd()
    for scheduler in (
        schedulers.OneCycleLR(optimizer, 0.5, total_steps=10),
        schedulers.MultiStepLR(sgd(), [2, 5]),
    ):
        state = scheduler.state_dict()
        kept = copy.deepcopy(state)
        for value in state.values():
            if isinstance(value, list):
                for entry in value:
                    if isinstance(entry, dict):
                        entry.clear()
                value.clear()
        assert scheduler.state_dict() == kept


def test_nothing_is_resumed_after_the_first_epoch_without_a_start() -> None:
    for kind, options in ((schedulers.StepLR, {"step_size": 2}), (schedulers.ConstantLR, {})):
        for last_epoch in (0, 1):
            refused("last_epoch", kind, sgd(), last_epoch=last_epoch, **options)


def test_a_metric_may_be_an_array_without_axes() -> None:
    schedule = schedulers.ReduceLROnPlateau(sgd(), patience=0)
    schedule.step(np.array(0.5, np.float32))
    assert schedule.best == 0.5
    for wrong in (np.array([0.5]), np.array(True)):
        refused("metrics", schedule.step, wrong)
