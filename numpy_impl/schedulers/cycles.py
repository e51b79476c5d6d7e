"""Schedules that cycle the learning rate, and momentum the other way."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from numpy_impl.arrays import (
    check_bool,
    check_choice,
    check_function,
    check_number,
    check_positive_int,
)
from numpy_impl.errors import InputError
from numpy_impl.optimizers.optimizer import Optimizer
from numpy_impl.schedulers.scheduler import (
    LRScheduler,
    as_number,
    check_count,
    check_share,
    per_group,
)

_COMMON = LRScheduler._saved
_MODES = ("triangular", "triangular2", "exp_range")


def cyclic_lr(
    epoch: int,
    base_lr: float,
    max_lr: float,
    step_size_up: int = 2000,
    step_size_down: int | None = None,
    mode: str = "triangular",
    gamma: float = 1.0,
    scale_fn: Callable[[float], float] | None = None,
    scale_mode: str = "cycle",
) -> float:
    r"""Return a learning rate on a line up from one to another and down again, and so forth.

    .. math:: \eta_t = \eta_\text{base} + s \, (\eta_\text{max} - \eta_\text{base}) \, h_t

    where the height :math:`h_t` goes from 0 to 1 in `step_size_up` steps and back to 0 in
    `step_size_down`. The scale s is, in cycle c from 1: 1 if triangular, :math:`2^{1 - c}` if
    triangular2, :math:`\gamma^t` if exp_range; or `scale_fn` of c, or of t if `scale_mode` is
    "iterations".

    The momentum is the same function with `max_momentum` in the place of `base_lr`, and
    `base_momentum` in that of `max_lr`.

    References
    ----------
    Smith (2017), Cyclical learning rates, https://arxiv.org/abs/1506.01186
    """
    down = step_size_up if step_size_down is None else step_size_down
    cycles, position = divmod(epoch, step_size_up + down)
    if position <= step_size_up:
        height = position / step_size_up
    else:
        height = (step_size_up + down - position) / down
    if scale_fn is not None:
        scale = scale_fn(cycles + 1 if scale_mode == "cycle" else epoch)
    else:
        scale = {"triangular": 1.0, "triangular2": 0.5**cycles, "exp_range": gamma**epoch}[mode]
    return base_lr + scale * (max_lr - base_lr) * height


def one_cycle(
    step: int,
    start: float,
    peak: float,
    end: float,
    total_steps: int,
    pct_start: float = 0.3,
    anneal_strategy: str = "cos",
    three_phase: bool = False,
) -> float:
    """Return a number that goes from `start` to `peak` and then to `end`.

    It reaches the peak at step ``pct_start total_steps - 1`` and the end at step
    ``total_steps - 1``, along half a cosine each or along lines. With three phases it first
    returns to `start`, at step ``2 pct_start total_steps - 2``.

    The learning rate has start = max_lr / div_factor, peak = max_lr and
    end = start / final_div_factor; the momentum start = end = max_momentum and
    peak = base_momentum.

    References
    ----------
    Smith and Topin (2018), Super-convergence, https://arxiv.org/abs/1708.07120
    """
    turn, last = pct_start * total_steps - 1, float(total_steps - 1)
    path = [(0.0, start), (turn, peak)]
    if three_phase:
        path.append((2 * turn, start))
    path.append((last, end))
    legs = list(itertools.pairwise(path))
    begin, finish = next((leg for leg in legs if step <= leg[1][0]), legs[-1])
    share = (step - begin[0]) / (finish[0] - begin[0])
    if anneal_strategy == "cos":
        share = (1 - math.cos(math.pi * share)) / 2
    return begin[1] + (finish[1] - begin[1]) * share


class CyclicLR(LRScheduler):
    """The learning rate up and down between bounds, and momentum the other way.

    The formula is `cyclic_lr`. Changes from elsewhere are lost at the next step.

    Parameters
    ----------
    optimizer : Optimizer
        See `LRScheduler`.
    base_lr, max_lr : float, or list of float
        Bounds of the learning rate, at least 0; one for all groups or one for each.
    step_size_up : int, default 2000
        Steps from the lower to the upper bound, at least 1.
    step_size_down : int, optional
        Steps back, at least 0; by default as many.
    mode : {"triangular", "triangular2", "exp_range"}, default "triangular"
        How the height of the cycles changes.
    gamma : float, default 1
        For "exp_range", at least 0.
    scale_fn : callable, optional
        From a number to the height of the cycle, in place of `mode`; not part of the state.
    scale_mode : {"cycle", "iterations"}, default "cycle"
        Whether `scale_fn` takes the number of the cycle, from 1, or of the step.
    cycle_momentum : bool, default True
        Whether momentum, or the first of two betas, cycles too.
    base_momentum, max_momentum : float, or list of float, default 0.8 and 0.9
        Bounds of the momentum, at least 0; that of Adam is below 1.
    last_epoch : int, default -1
        The epoch to resume after, by groups that have an ``initial_lr``; -1 starts.

    Raises
    ------
    InputError
        If an argument is out of range, or the optimizer has no momentum to cycle; in `step`, if
        `scale_fn` does not give a finite number.

    References
    ----------
    Smith (2017), Cyclical learning rates, https://arxiv.org/abs/1506.01186
    https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.CyclicLR.html
    """

    _functions = ("_scale_fn_custom",)

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | Sequence[float],
        max_lr: float | Sequence[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.8,
        max_momentum: float | Sequence[float] = 0.9,
        last_epoch: int = -1,
    ) -> None:
        super().__init__(optimizer)
        base_lrs = per_group("base_lr", base_lr, optimizer, check_number)
        self.max_lrs = per_group("max_lr", max_lr, optimizer, check_number)
        up = float(check_positive_int("step_size_up", step_size_up))
        down = up
        if step_size_down is not None:
            down = float(check_count("step_size_down", step_size_down))
        self.total_size = up + down
        self.step_ratio = up / self.total_size
        if scale_fn is None:
            check_choice("mode", mode, _MODES)
        else:
            check_function("scale_fn", scale_fn)
        check_choice("scale_mode", scale_mode, ("cycle", "iterations"))
        self.mode = mode
        self.gamma = check_number("gamma", gamma)
        self._scale_fn_custom = scale_fn
        self.scale_mode = scale_mode
        if scale_fn is None:
            self.scale_mode = "iterations" if mode == "exp_range" else "cycle"
        self.cycle_momentum = check_bool("cycle_momentum", cycle_momentum)
        self._saved = (
            *("max_lrs", "total_size", "step_ratio", "mode", "gamma", "scale_mode"),
            *("cycle_momentum", *_COMMON),
        )
        if cycle_momentum:
            bounds = _momentum_bounds(optimizer, base_momentum, max_momentum)
            self.use_beta1, self.base_momentums, self.max_momentums = bounds
            self._saved += ("use_beta1", "base_momentums", "max_momentums")
        self._checked_base_lrs(last_epoch)
        if last_epoch == -1:
            self._set(base_lrs)
            if cycle_momentum:
                _start_momentum(optimizer, *bounds)
        self._begin(last_epoch)
        self.base_lrs = base_lrs

    def _scale(self, x: float) -> float:
        """Return the height of a cycle; `x` is its number or that of the step."""
        if self._scale_fn_custom is not None:
            return as_number("scale_fn", self._scale_fn_custom(x))
        if self.mode == "triangular":
            return 1.0
        if self.mode == "triangular2":
            return float(1 / (2.0 ** (x - 1)))
        power: float = self.gamma**x
        return power

    def _next_lr(self, epoch: int, *, initial: bool) -> list[float]:  # noqa: ARG002
        cycle = math.floor(1 + epoch / self.total_size)
        position = 1.0 + epoch / self.total_size - cycle
        if position <= self.step_ratio:
            height = position / self.step_ratio
        else:
            height = (position - 1) / (self.step_ratio - 1)
        scale = self._scale(cycle if self.scale_mode == "cycle" else epoch)
        if self.cycle_momentum:
            bounds = zip(self.base_momentums, self.max_momentums, strict=True)
            momenta = [high - (high - low) * height * scale for low, high in bounds]
            _set_momentum(self.optimizer, momenta, first_beta=self.use_beta1)
        bounds = zip(self.base_lrs, self.max_lrs, strict=True)
        return [low + (high - low) * height * scale for low, high in bounds]


class OneCycleLR(LRScheduler):
    """One cycle over the whole training: the learning rate up, then far down; momentum opposed.

    The formula is `one_cycle`, of the number of the step, from 0. Changes from elsewhere are lost
    at the next step.

    Parameters
    ----------
    optimizer : Optimizer
        See `LRScheduler`. Its groups keep the bounds: ``initial_lr``, ``max_lr``, ``min_lr`` and,
        where momentum cycles, ``base_momentum``, ``max_momentum``.
    max_lr : float, or list of float
        The peak, at least 0; one for all groups or one for each.
    total_steps : int, optional
        Calls of `step`, at least 1. Without it, `epochs` times `steps_per_epoch`.
    epochs, steps_per_epoch : int, optional
        At least 1.
    pct_start : float, default 0.3
        Share of the steps until the peak, from 0 to 1.
    anneal_strategy : {"cos", "linear"}, default "cos"
        Along half a cosine or a line.
    cycle_momentum : bool, default True
        Whether momentum, or the first of two betas, cycles too.
    base_momentum, max_momentum : float, or list of float, default 0.85 and 0.95
        Bounds of the momentum, at least 0; that of Adam is below 1.
    div_factor : float, default 25
        The first learning rate is the peak over this, above 0.
    final_div_factor : float, default 1e4
        The last learning rate is the first over this, above 0.
    three_phase : bool, default False
        Whether the learning rate returns to the first one before it falls to the last.
    last_epoch : int, default -1
        The step to resume after, by groups that have what `optimizer` lists; -1 starts.

    Raises
    ------
    InputError
        If an argument is out of range, the optimizer has no momentum to cycle, or two turning
        points fall on one step; in `step`, at step ``total_steps + 1``.

    References
    ----------
    Smith and Topin (2018), Super-convergence, https://arxiv.org/abs/1708.07120
    https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.OneCycleLR.html
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | Sequence[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.85,
        max_momentum: float | Sequence[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        super().__init__(optimizer)
        if total_steps is not None:
            self.total_steps = check_positive_int("total_steps", total_steps)
        elif epochs is None and steps_per_epoch is None:
            expected = "an integer of at least 1, or epochs and steps_per_epoch"
            raise InputError("total_steps", expected, "None")
        else:
            self.total_steps = check_positive_int("epochs", epochs)
            self.total_steps *= check_positive_int("steps_per_epoch", steps_per_epoch)
        pct_start = check_share("pct_start", pct_start)
        check_choice("anneal_strategy", anneal_strategy, ("cos", "linear"))
        self._anneal_func_type = anneal_strategy
        peaks = per_group("max_lr", max_lr, optimizer, check_number)
        div_factor = check_number("div_factor", div_factor, exclude_low=True)
        final_div_factor = check_number("final_div_factor", final_div_factor, exclude_low=True)
        three_phase = check_bool("three_phase", three_phase)
        self._schedule_phases = _phases(self.total_steps, pct_start, three_phase=three_phase)
        self.cycle_momentum = check_bool("cycle_momentum", cycle_momentum)
        self._saved = (
            *("total_steps", "_schedule_phases", "_anneal_func_type"),
            *("cycle_momentum", *_COMMON),
        )
        needed = ["max_lr", "min_lr"]
        if cycle_momentum:
            bounds = _momentum_bounds(optimizer, base_momentum, max_momentum)
            self.use_beta1 = bounds[0]
            self._saved += ("use_beta1",)
            needed += ["base_momentum", "max_momentum"]
        self._checked_base_lrs(last_epoch, *needed)
        self._place(int(last_epoch) + 1)
        if last_epoch == -1:
            for group, peak in zip(optimizer.param_groups, peaks, strict=True):
                first = peak / div_factor
                group.update(initial_lr=first, max_lr=peak, min_lr=first / final_div_factor)
            if cycle_momentum:
                _start_momentum(optimizer, *bounds)
        self._begin(last_epoch)

    def _place(self, step: int) -> tuple[Mapping[str, Any], float]:
        """Return the phase that a step is in, and which share of it has passed."""
        if step > self.total_steps:
            raise InputError("total_steps", f"at least {step} at this step", f"{self.total_steps}")
        start = 0.0
        for phase in self._schedule_phases[:-1]:
            if step <= phase["end_step"]:
                break
            start = phase["end_step"]
        else:
            phase = self._schedule_phases[-1]
        if phase["end_step"] == start:
            raise InputError(
                "pct_start", "phases of different ends", f"two that end at step {start:g}"
            )
        return phase, (step - start) / (phase["end_step"] - start)

    def _next_lr(self, epoch: int, *, initial: bool) -> list[float]:  # noqa: ARG002
        phase, share = self._place(epoch)

        def between(group: Mapping[str, Any], quantity: str) -> float:
            start = group[phase[f"start_{quantity}"]]
            end = group[phase[f"end_{quantity}"]]
            if self._anneal_func_type == "cos":
                return float(end + (start - end) / 2.0 * (math.cos(math.pi * share) + 1))
            return float((end - start) * share + start)

        groups = self.optimizer.param_groups
        if self.cycle_momentum:
            momenta = [between(group, "momentum") for group in groups]
            _set_momentum(self.optimizer, momenta, first_beta=self.use_beta1)
        return [between(group, "lr") for group in groups]


def _phases(total_steps: int, pct_start: float, *, three_phase: bool) -> list[dict[str, Any]]:
    """Return where each phase ends, and between which entries of a group it goes."""
    ends = [float(pct_start * total_steps) - 1]
    lrs = ["initial_lr", "max_lr"]
    momenta = ["max_momentum", "base_momentum", "max_momentum"]
    if three_phase:
        ends.append(float(2 * pct_start * total_steps) - 2)
        lrs.append("initial_lr")
        momenta.append("max_momentum")
    ends.append(total_steps - 1)
    lrs.append("min_lr")
    return [
        {
            "end_step": end,
            "start_lr": lrs[number],
            "end_lr": lrs[number + 1],
            "start_momentum": momenta[number],
            "end_momentum": momenta[number + 1],
        }
        for number, end in enumerate(ends)
    ]


Bounds = tuple[bool, list[float], list[float]]


def _momentum_bounds(optimizer: Optimizer, base: Any, peak: Any) -> Bounds:
    """Return whether it is the first of two betas that cycles, and its bounds in each group."""
    group = optimizer.param_groups[0]
    first_beta = "betas" in group
    if not first_beta and "momentum" not in group:
        raise InputError(
            "cycle_momentum", "False for an optimizer without momentum or betas", "True"
        )

    def check(name: str, value: object) -> float:
        return check_number(name, value, below=1.0 if first_beta else math.inf)

    return (
        first_beta,
        per_group("base_momentum", base, optimizer, check),
        per_group("max_momentum", peak, optimizer, check),
    )


def _start_momentum(
    optimizer: Optimizer, first_beta: bool, base: list[float], peak: list[float]
) -> None:
    _set_momentum(optimizer, peak, first_beta=first_beta)
    for group, low, high in zip(optimizer.param_groups, base, peak, strict=True):
        group.update(max_momentum=high, base_momentum=low)


def _set_momentum(optimizer: Optimizer, momenta: Sequence[float], *, first_beta: bool) -> None:
    for group, momentum in zip(optimizer.param_groups, momenta, strict=True):
        if first_beta:
            group["betas"] = (momentum, *group["betas"][1:])
        else:
            group["momentum"] = momentum
