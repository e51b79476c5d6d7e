"""Learning-rate schedules."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from numpy_impl import schedulers
from numpy_impl.schedulers.composite import chained_lr, sequential_lr
from numpy_impl.schedulers.cosine import cosine_annealing_lr, cosine_annealing_warm_restarts_lr
from numpy_impl.schedulers.cycles import cyclic_lr, one_cycle
from numpy_impl.schedulers.lambdas import lambda_lr, multiplicative_lr
from numpy_impl.schedulers.plateau import reduce_lr_on_plateau
from numpy_impl.schedulers.ramps import linear_lr, polynomial_lr
from numpy_impl.schedulers.steps import constant_lr, exponential_lr, multi_step_lr, step_lr
from parity_tests.cases.refusal import Refusal

STEPS = 330
"""How many steps a schedule is followed for."""

LRS = (0.1, 0.037, 1e-3)
"""Initial learning rates of the groups."""


@dataclass(frozen=True)
class Part:
    """A schedule within another one."""

    operation: type[schedulers.LRScheduler]
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class SchedulerCase:
    """A schedule.

    Attributes
    ----------
    operation : type
        The class under test; its twin is PyTorch's class of the same name.
    variants : mapping of str to mapping
        Arguments of the constructor beside the optimizer, under a name for the form they make.
    formula : callable
        From an epoch, an initial learning rate and the arguments, those of one group, to the
        learning rate. For a schedule by a metric, from the metrics up to then.
    without_formula : tuple of str
        Variants that do not follow the formula, where PyTorch's do not.
    beyond : mapping of str to mapping
        Variants on which PyTorch fails; held against the formula only.
    without_epochs : tuple of str
        Variants whose ``step(epoch)`` fails in PyTorch.
    roundings : int
        For the formula: what may come between recursion and formula, in units of eps times the
        largest learning rate.
    reason : str
        Why `roundings` is more than two for each step, or what else is out of the ordinary.
    refusals : tuple of Refusal
        What must be refused; their inputs are the arguments of ``step``.
    """

    operation: type[schedulers.LRScheduler]
    variants: Mapping[str, Mapping[str, Any]]
    formula: Callable[..., float]
    without_formula: tuple[str, ...] = ()
    beyond: Mapping[str, Mapping[str, Any]] | None = None
    without_epochs: tuple[str, ...] = ()
    roundings: int = 2 * STEPS
    reason: str = ""
    refusals: tuple[Refusal, ...] = ()


def _decay(epoch: int) -> float:
    return 0.97**epoch


def _wave(epoch: int) -> float:
    return 1.0 if epoch % 2 else 0.93


def _by_thirds(x: float) -> float:
    return 1.0 / (1.0 + x / 3.0)


def _nan(_: float) -> float:
    return float("nan")


def _cyclic(epoch: int, lr: float, **arguments: Any) -> float:  # noqa: ARG001
    names = ("cycle_momentum", "base_momentum", "max_momentum")
    return cyclic_lr(epoch, **{k: v for k, v in arguments.items() if k not in names})


def cyclic_momentum(epoch: int, **arguments: Any) -> float:
    """Return the momentum of `CyclicLR`."""
    names = ("cycle_momentum", "base_momentum", "max_momentum", "base_lr", "max_lr")
    low, high = arguments.get("base_momentum", 0.8), arguments.get("max_momentum", 0.9)
    options = {key: value for key, value in arguments.items() if key not in names}
    return cyclic_lr(epoch, high, low, **options)


_ONE_CYCLE = ("pct_start", "anneal_strategy", "three_phase")


def _one_cycle(epoch: int, lr: float, **arguments: Any) -> float:  # noqa: ARG001
    options = {key: arguments[key] for key in _ONE_CYCLE if key in arguments}
    peak = arguments["max_lr"]
    start = peak / arguments.get("div_factor", 25.0)
    end = start / arguments.get("final_div_factor", 1e4)
    return one_cycle(epoch, start, peak, end, _total_steps(arguments), **options)


def one_cycle_momentum(epoch: int, **arguments: Any) -> float:
    """Return the momentum of `OneCycleLR`."""
    options = {key: arguments[key] for key in _ONE_CYCLE if key in arguments}
    low, high = arguments.get("base_momentum", 0.85), arguments.get("max_momentum", 0.95)
    return one_cycle(epoch, high, low, high, _total_steps(arguments), **options)


def _total_steps(arguments: Mapping[str, Any]) -> int:
    total: int = arguments.get("total_steps") or arguments["epochs"] * arguments["steps_per_epoch"]
    return total


def formula_of(case: SchedulerCase) -> Callable[..., float]:
    """Return the formula of a case, as it is now in its module."""
    formula: Callable[..., float] = getattr(inspect.getmodule(case.formula), case.formula.__name__)
    return formula


def _part(part: Part, lr: float) -> Callable[[int], float]:
    formula = formula_of(next(case for case in SCHEDULERS if case.operation is part.operation))
    return lambda epoch: formula(epoch, lr, **part.arguments)


def _sequential(epoch: int, lr: float, *, schedulers: list[Part], milestones: list[int]) -> float:
    return sequential_lr(epoch, [_part(part, lr) for part in schedulers], milestones)


def _chained(epoch: int, lr: float, *, schedulers: list[Part]) -> float:
    return chained_lr(epoch, lr, [_part(part, lr) for part in schedulers])


_TAKEN = "its range is not checked"
_LATER = "it fails later, in step"
_RESUME = Refusal("last_epoch", {"last_epoch": 3})
_TOO_EARLY = Refusal("last_epoch", {"last_epoch": -2})

SCHEDULERS: tuple[SchedulerCase, ...] = (
    SchedulerCase(
        schedulers.LambdaLR,
        {
            "one": {"lr_lambda": _decay},
            "per-group": {"lr_lambda": [_decay, _wave, _by_thirds]},
        },
        lambda_lr,
        refusals=(
            _RESUME,
            _TOO_EARLY,
            Refusal("lr_lambda", {"lr_lambda": [_decay]}),
            Refusal("lr_lambda", {"lr_lambda": 0.5}),
            Refusal("lr_lambda", {"lr_lambda": _nan}, torch_takes=_TAKEN),
            Refusal("epoch", inputs=(-1,), torch_takes=_TAKEN),
            Refusal("epoch", inputs=("5",)),
        ),
    ),
    SchedulerCase(
        schedulers.MultiplicativeLR,
        {
            "one": {"lr_lambda": _wave},
            "per-group": {"lr_lambda": (_by_thirds, _wave, _wave)},
        },
        multiplicative_lr,
        refusals=(
            _RESUME,
            Refusal("lr_lambda", {"lr_lambda": [_wave, _wave]}),
            Refusal("lr_lambda[1]", {"lr_lambda": [_wave, 0.5, _wave]}),
            Refusal("lr_lambda", {"lr_lambda": _nan}, (), torch_takes=_TAKEN),
        ),
    ),
    SchedulerCase(
        schedulers.StepLR,
        {
            "default": {"step_size": 31},
            "every-step": {"step_size": 1, "gamma": 0.99},
            "keep": {"step_size": 5, "gamma": 1},
            "zero": {"step_size": 61, "gamma": 0.0},
            "never": {"step_size": 1000},
        },
        step_lr,
        refusals=(
            _RESUME,
            Refusal("step_size", {"step_size": 0}, ()),
            Refusal("step_size", {"step_size": 2.5}, torch_takes=_TAKEN),
            Refusal("gamma", {"gamma": -0.1}, torch_takes=_TAKEN),
            Refusal("gamma", {"gamma": "0.1"}, (3,)),
        ),
    ),
    SchedulerCase(
        schedulers.MultiStepLR,
        {
            "default": {"milestones": [7, 101]},
            "repeated": {"milestones": [50, 7, 50, 200, 50], "gamma": 0.3},
            "first": {"milestones": (0, 1), "gamma": 0.5},
            "none": {"milestones": []},
            "zero": {"milestones": [9], "gamma": 0.0},
            "keep": {"milestones": [9, 10], "gamma": 1.0},
        },
        multi_step_lr,
        refusals=(
            _RESUME,
            Refusal("milestones", {"milestones": 5}),
            Refusal("milestones[1]", {"milestones": [5, -1]}, torch_takes=_TAKEN),
            Refusal("milestones[0]", {"milestones": [5.5]}, torch_takes=_TAKEN),
            Refusal("gamma", {"gamma": float("nan")}, torch_takes=_TAKEN),
        ),
    ),
    SchedulerCase(
        schedulers.ConstantLR,
        {
            "default": {},
            "long": {"factor": 0.11, "total_iters": 100},
            "one": {"factor": 1.0},
            "zero-factor": {"factor": 0.0, "total_iters": 1000},
            "zero-iters": {"factor": 0.25, "total_iters": 0},
            "one-iter": {"factor": 0.7, "total_iters": 1},
        },
        constant_lr,
        without_formula=("zero-iters",),
        beyond={"zero-factor-over": {"factor": 0.0, "total_iters": 7}},
        reason="with no iterations the factor of epoch 0 is not taken back",
        refusals=(
            _RESUME,
            Refusal("factor", {"factor": 1.5}),
            Refusal("factor", {"factor": -0.5}),
            Refusal("total_iters", {"total_iters": -1}, torch_takes=_TAKEN),
        ),
    ),
    SchedulerCase(
        schedulers.LinearLR,
        {
            "default": {},
            "down": {"start_factor": 1.0, "end_factor": 0.1, "total_iters": 97},
            "to-zero": {"start_factor": 0.9, "end_factor": 0.0, "total_iters": 53},
            "up": {"start_factor": 1e-3, "total_iters": 211},
            "flat": {"start_factor": 0.5, "end_factor": 0.5},
            "zero-iters": {"total_iters": 0},
        },
        linear_lr,
        without_epochs=("zero-iters",),
        refusals=(
            _RESUME,
            Refusal("start_factor", {"start_factor": 0.0}),
            Refusal("start_factor", {"start_factor": 1.1}),
            Refusal("end_factor", {"end_factor": 1.1}),
            Refusal("end_factor", {"end_factor": -0.1}),
            Refusal("total_iters", {"total_iters": -3}, torch_takes=_TAKEN),
        ),
    ),
    SchedulerCase(
        schedulers.ExponentialLR,
        {
            "default": {"gamma": 0.97},
            "one": {"gamma": 1.0},
            "zero": {"gamma": 0},
            "up": {"gamma": 1.01},
        },
        exponential_lr,
        refusals=(
            _RESUME,
            Refusal("gamma", {"gamma": -0.5}, torch_takes=_TAKEN),
            Refusal("gamma", {"gamma": None}, ()),
        ),
    ),
    SchedulerCase(
        schedulers.PolynomialLR,
        {
            "default": {},
            "square": {"total_iters": 97, "power": 2.0},
            "root": {"total_iters": 301, "power": 0.5},
            "flat": {"total_iters": 11, "power": 0.0},
            "zero-iters": {"total_iters": 0},
        },
        polynomial_lr,
        without_epochs=("zero-iters",),
        refusals=(
            _RESUME,
            Refusal("total_iters", {"total_iters": -3}, torch_takes=_TAKEN),
            Refusal("power", {"power": -1.0}, torch_takes=_TAKEN),
        ),
    ),
    SchedulerCase(
        schedulers.CosineAnnealingLR,
        {
            "default": {"T_max": 100},
            "passed": {"T_max": 37, "eta_min": 1e-4},
            "even": {"T_max": 300, "eta_min": 0.02},
            "one": {"T_max": 1, "eta_min": 1e-3},
            "not-reached": {"T_max": 1000},
        },
        cosine_annealing_lr,
        roundings=3 * 37**2 + 2 * STEPS,
        reason="one step before the minimum 1 + cos is pi^2 / 2 T^2, with an error of eps",
        refusals=(
            _RESUME,
            Refusal("T_max", {"T_max": 0}, ()),
            Refusal("T_max", {"T_max": 7.5}, torch_takes=_TAKEN),
            Refusal("eta_min", {"eta_min": -1e-3}, torch_takes=_TAKEN),
        ),
    ),
    SchedulerCase(
        schedulers.CosineAnnealingWarmRestarts,
        {
            "default": {"T_0": 23},
            "longer": {"T_0": 7, "T_mult": 2, "eta_min": 1e-4},
            "thrice": {"T_0": 1, "T_mult": 3},
            "one": {"T_0": 1},
        },
        cosine_annealing_warm_restarts_lr,
        refusals=(
            _RESUME,
            Refusal("T_0", {"T_0": 0}),
            Refusal("T_0", {"T_0": 2.5}),
            Refusal("T_mult", {"T_mult": 0}),
            Refusal("T_mult", {"T_mult": 1.5}),
            Refusal("eta_min", {"eta_min": "0"}),
            Refusal("epoch", inputs=(-1,)),
        ),
    ),
    SchedulerCase(
        schedulers.CyclicLR,
        {
            "default": {"base_lr": 1e-3, "max_lr": 0.1},
            "triangular": {"base_lr": 1e-3, "max_lr": 0.1, "step_size_up": 13},
            "triangular2": {
                **{"base_lr": [1e-3, 0.01, 0.02], "max_lr": [0.1, 0.2, 0.3], "step_size_up": 17},
                **{"step_size_down": 11, "mode": "triangular2"},
                **{"base_momentum": [0.5, 0.6, 0.7], "max_momentum": (0.8, 0.9, 0.95)},
            },
            "exp_range": {
                **{"base_lr": 1e-3, "max_lr": 0.1, "step_size_up": 7, "mode": "exp_range"},
                **{"gamma": 0.99, "cycle_momentum": False},
            },
            "exp_range-flat": {
                **{"base_lr": 1e-3, "max_lr": 0.1, "step_size_up": 7, "mode": "exp_range"},
            },
            "scale-cycle": {
                **{"base_lr": 1e-3, "max_lr": 0.1, "step_size_up": 19, "scale_fn": _by_thirds},
            },
            "scale-iterations": {
                **{"base_lr": 1e-3, "max_lr": 0.1, "step_size_up": 19, "step_size_down": 23},
                **{"scale_fn": _by_thirds, "scale_mode": "iterations"},
            },
            "sawtooth": {
                **{"base_lr": 1e-3, "max_lr": 0.1, "step_size_up": 10, "step_size_down": 0},
            },
        },
        _cyclic,
        refusals=(
            _RESUME,
            Refusal("base_lr", {"base_lr": [0.1, 0.2]}),
            Refusal("base_lr", {"base_lr": -0.1}, torch_takes=_TAKEN),
            Refusal("max_lr", {"max_lr": [0.1]}),
            Refusal("max_lr[2]", {"max_lr": [0.1, 0.2, None]}),
            Refusal("step_size_up", {"step_size_up": 0}),
            Refusal("step_size_down", {"step_size_down": -1}, torch_takes=_TAKEN),
            Refusal("mode", {"mode": "square"}),
            Refusal("gamma", {"gamma": -1.0}, torch_takes=_TAKEN),
            Refusal("scale_fn", {"scale_fn": 0.5}),
            Refusal("scale_fn", {"scale_fn": _nan}, torch_takes=_TAKEN),
            Refusal("scale_mode", {"scale_mode": "epochs"}, torch_takes="it means iterations"),
            Refusal("cycle_momentum", {"cycle_momentum": None}, torch_takes="it means False"),
            Refusal("base_momentum", {"base_momentum": [0.8]}),
            Refusal("max_momentum", {"max_momentum": -0.9}, torch_takes=_TAKEN),
        ),
    ),
    SchedulerCase(
        schedulers.OneCycleLR,
        {
            "default": {"max_lr": 0.1, "total_steps": STEPS},
            "epochs": {"max_lr": [0.1, 0.2, 0.3], "epochs": 17, "steps_per_epoch": 23},
            "linear": {
                **{"max_lr": 0.1, "total_steps": STEPS, "anneal_strategy": "linear"},
                **{"div_factor": 10.0, "final_div_factor": 100.0},
            },
            "three-phase": {
                **{"max_lr": 0.1, "total_steps": 401, "three_phase": True, "pct_start": 0.4},
                **{"base_momentum": [0.5, 0.6, 0.7], "max_momentum": (0.8, 0.9, 0.95)},
            },
            "three-phase-linear": {
                **{"max_lr": 0.1, "total_steps": 401, "three_phase": True, "pct_start": 0.25},
                **{"anneal_strategy": "linear", "cycle_momentum": False},
            },
            "no-rise": {"max_lr": 0.1, "total_steps": 397, "pct_start": 0.0},
            "no-fall": {"max_lr": 0.1, "total_steps": 397, "pct_start": 1.0},
            "last-step": {"max_lr": 0.1, "total_steps": STEPS, "pct_start": 0.2},
        },
        _one_cycle,
        without_formula=("no-rise",),
        reason="without a rise the fall begins at step -1",
        refusals=(
            _RESUME,
            Refusal("max_lr", {"max_lr": [0.1]}),
            Refusal("max_lr", {"max_lr": "0.1"}),
            Refusal("total_steps", {"total_steps": None}),
            Refusal("total_steps", {"total_steps": 0}),
            Refusal("total_steps", {"total_steps": 9.5}),
            Refusal("total_steps", {"total_steps": 9}, (10,)),
            Refusal("epochs", {"total_steps": None, "epochs": 0, "steps_per_epoch": 5}),
            Refusal("steps_per_epoch", {"total_steps": None, "epochs": 5}),
            Refusal("pct_start", {"pct_start": 1.5}),
            Refusal("pct_start", {"pct_start": -0.5}),
            Refusal("pct_start", {"pct_start": 0.1, "total_steps": 10}),
            Refusal("anneal_strategy", {"anneal_strategy": "exp"}),
            Refusal("cycle_momentum", {"cycle_momentum": None}, torch_takes="it means False"),
            Refusal("three_phase", {"three_phase": None}, torch_takes="it means False"),
            Refusal("base_momentum", {"base_momentum": [0.8]}),
            Refusal("max_momentum", {"max_momentum": -0.9}, torch_takes=_TAKEN),
            Refusal("div_factor", {"div_factor": 0.0}),
            Refusal("final_div_factor", {"final_div_factor": 0}),
        ),
    ),
    SchedulerCase(
        schedulers.ReduceLROnPlateau,
        {
            "default": {},
            "eager": {"patience": 0, "factor": 0.9, "threshold": 0.0},
            "max-eager": {"mode": "max", "patience": 0, "factor": 0.9, "threshold": 0.0},
            "max": {"mode": "max", "patience": 3, "factor": 0.5, "threshold": 0.01},
            "max-absolute": {
                **{"mode": "max", "threshold_mode": "abs", "threshold": 0.05, "patience": 2},
                **{"factor": 0.7},
            },
            "absolute": {"threshold_mode": "abs", "threshold": 0.05, "patience": 2, "factor": 0.8},
            "cooldown": {"cooldown": 5, "patience": 1, "factor": 0.7},
            "min-lr": {"min_lr": [0.01, 0.02, 1e-5], "patience": 2, "factor": 0.6},
            "floor": {"min_lr": 5e-4, "patience": 2, "factor": 0.6},
            "eps": {"eps": 1e-3, "patience": 1, "factor": 0.8},
            "zero": {"factor": 0.0, "patience": 20},
        },
        reduce_lr_on_plateau,
        refusals=(
            Refusal("mode", {"mode": "least"}),
            Refusal("factor", {"factor": 1.0}),
            Refusal("factor", {"factor": -0.1}, torch_takes=_TAKEN),
            Refusal("patience", {"patience": -1}, torch_takes=_TAKEN),
            Refusal("threshold", {"threshold": -0.1}, torch_takes=_TAKEN),
            Refusal("threshold_mode", {"threshold_mode": "relative"}),
            Refusal("cooldown", {"cooldown": 1.5}, torch_takes=_TAKEN),
            Refusal("min_lr", {"min_lr": [0.1]}),
            Refusal("eps", {"eps": -1e-8}, torch_takes=_TAKEN),
            Refusal("metrics", inputs=(None,)),
            Refusal("metrics", inputs=("high",)),
            Refusal("epoch", inputs=(0.5, -1), torch_takes=_TAKEN),
        ),
    ),
    SchedulerCase(
        schedulers.SequentialLR,
        {
            "warm-up": {
                "schedulers": [
                    Part(schedulers.LinearLR, {"start_factor": 0.1, "total_iters": 20}),
                    Part(schedulers.CosineAnnealingLR, {"T_max": 310, "eta_min": 1e-4}),
                ],
                "milestones": [20],
            },
            "three": {
                "schedulers": [
                    Part(schedulers.ConstantLR, {"factor": 0.1, "total_iters": 7}),
                    Part(schedulers.ExponentialLR, {"gamma": 0.98}),
                    Part(schedulers.MultiStepLR, {"milestones": [5, 50], "gamma": 0.5}),
                ],
                "milestones": [11, 103],
            },
            "at-once": {
                "schedulers": [
                    Part(schedulers.ConstantLR, {"factor": 0.1, "total_iters": 7}),
                    Part(schedulers.StepLR, {"step_size": 30}),
                    Part(schedulers.PolynomialLR, {"total_iters": 100}),
                ],
                "milestones": [0, 97],
            },
            "restarts": {
                "schedulers": [
                    Part(schedulers.LinearLR, {"total_iters": 13}),
                    Part(schedulers.CosineAnnealingWarmRestarts, {"T_0": 10, "T_mult": 2}),
                ],
                "milestones": [13],
            },
            "restarts-first": {
                "schedulers": [
                    Part(schedulers.CosineAnnealingWarmRestarts, {"T_0": 5, "T_mult": 3}),
                    Part(schedulers.CyclicLR, {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 9}),
                ],
                "milestones": [71],
            },
            "one": {
                "schedulers": [Part(schedulers.StepLR, {"step_size": 30})],
                "milestones": [],
            },
            "nested": {
                "schedulers": [
                    Part(
                        schedulers.SequentialLR,
                        {
                            "schedulers": [
                                Part(schedulers.ConstantLR, {"factor": 0.5, "total_iters": 9}),
                                Part(schedulers.ExponentialLR, {"gamma": 0.9}),
                            ],
                            "milestones": [10],
                        },
                    ),
                    Part(schedulers.CosineAnnealingLR, {"T_max": 30}),
                ],
                "milestones": [40],
            },
        },
        _sequential,
        without_formula=("nested", "restarts-first"),
        roundings=4 * STEPS,
        reason=(
            "a sequence within takes a step more at the start; "
            "CyclicLR sets the initial learning rate of what comes before it"
        ),
        refusals=(
            Refusal("last_epoch", {"last_epoch": -2}, torch_takes=_TAKEN),
            Refusal("schedulers", {"schedulers": []}),
            Refusal("schedulers[0]", {"schedulers": [None], "milestones": []}),
            Refusal(
                "schedulers[0]",
                {"schedulers": [Part(schedulers.ReduceLROnPlateau, {})], "milestones": []},
            ),
            Refusal(
                "schedulers[1]",
                {
                    "schedulers": [
                        Part(schedulers.ConstantLR, {}),
                        Part(
                            schedulers.ChainedScheduler,
                            {"schedulers": [Part(schedulers.ConstantLR, {})]},
                        ),
                    ],
                    "milestones": [3],
                },
                torch_takes=_LATER,
            ),
            Refusal("milestones", {"milestones": [3, 7]}),
            Refusal("milestones", {"milestones": 3}),
            Refusal("milestones[0]", {"milestones": [-3]}, torch_takes=_TAKEN),
            Refusal(
                "milestones",
                {"schedulers": [Part(schedulers.ConstantLR, {})] * 3, "milestones": [7, 3]},
                torch_takes=_TAKEN,
            ),
        ),
    ),
    SchedulerCase(
        schedulers.ChainedScheduler,
        {
            "two": {
                "schedulers": [
                    Part(schedulers.ConstantLR, {"factor": 0.1, "total_iters": 7}),
                    Part(schedulers.ExponentialLR, {"gamma": 0.98}),
                ],
            },
            "three": {
                "schedulers": [
                    Part(schedulers.StepLR, {"step_size": 17, "gamma": 0.9}),
                    Part(schedulers.MultiStepLR, {"milestones": [17, 99], "gamma": 0.5}),
                    Part(schedulers.LinearLR, {"start_factor": 0.2, "total_iters": 34}),
                ],
            },
        },
        _chained,
        roundings=4 * STEPS,
        reason="two or three recursions, each with its own roundings",
        refusals=(
            Refusal("schedulers", {"schedulers": []}),
            Refusal("schedulers[0]", {"schedulers": [3]}),
            Refusal(
                "schedulers[0]",
                {"schedulers": [Part(schedulers.ReduceLROnPlateau, {})]},
            ),
        ),
    ),
)
