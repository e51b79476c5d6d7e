"""Schedules made of schedules."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from numpy_impl.arrays import check_int, describe
from numpy_impl.errors import InputError
from numpy_impl.optimizers.optimizer import Optimizer
from numpy_impl.schedulers.plateau import ReduceLROnPlateau
from numpy_impl.schedulers.scheduler import LRScheduler, check_count


def sequential_lr(
    epoch: int, schedules: Sequence[Callable[[int], float]], milestones: Sequence[int]
) -> float:
    r"""Return :math:`\eta_i(t - m_i)`, with :math:`m_i` the last milestone up to t.

    Before the first one :math:`i = m_i = 0`.

    Parameters
    ----------
    epoch : int
        t.
    schedules : sequence of callables
        From an epoch to a learning rate.
    milestones : sequence of int
        The first epoch of each schedule but the first, in order.
    """
    number = bisect_right(milestones, epoch)
    return schedules[number](epoch - (milestones[number - 1] if number else 0))


def chained_lr(epoch: int, lr: float, schedules: Sequence[Callable[[int], float]]) -> float:
    r"""Return :math:`\eta_0 \prod_i \eta_i(t) / \eta_0`: the product of what each one does.

    This holds for schedules that multiply the learning rate, such as `StepLR`.
    """
    product = lr
    for schedule in schedules:
        product *= schedule(epoch) / lr
    return product


class SequentialLR(LRScheduler):
    """Schedules one after the other.

    The formula is `sequential_lr`.

    Parameters
    ----------
    optimizer : Optimizer
        See `LRScheduler`.
    schedulers : list of LRScheduler
        Just made, for this optimizer. The learning rates that they have set are taken back.
    milestones : list of int
        The first epoch of each but the first, at least 0 and in order.
    last_epoch : int, default -1
        Where counting starts, at least -1.

    Raises
    ------
    InputError
        If an argument is out of range, or one of `schedulers` is a `ReduceLROnPlateau`, which needs
        a metric, or, after the first, a `SequentialLR` or `ChainedScheduler`, which cannot be
        started at a milestone.

    Notes
    -----
    At its milestone a schedule starts from the initial learning rate, by its formula without
    recursion. As in PyTorch, one that is made of schedules takes a plain step at the start, which
    counts for those within.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.SequentialLR.html
    """

    _saved = ("_milestones", "last_epoch", "_last_lr")

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: Sequence[LRScheduler],
        milestones: Sequence[int],
        last_epoch: int = -1,
    ) -> None:
        super().__init__(optimizer)
        self._schedulers = _checked("schedulers", schedulers, optimizer)
        for number, scheduler in enumerate(self._schedulers):
            if number and isinstance(scheduler, SequentialLR | ChainedScheduler):
                expected = "a schedule that is not made of schedules"
                raise InputError(f"schedulers[{number}]", expected, type(scheduler).__name__)
        self._milestones = _checked_milestones(milestones, len(self._schedulers) - 1)
        if check_int("last_epoch", last_epoch) < -1:
            raise InputError("last_epoch", "at least -1", f"{last_epoch}")
        self.last_epoch = int(last_epoch) + 1
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"]
        for scheduler in self._schedulers:
            _undo(scheduler)
        first = self._schedulers[bisect_right(self._milestones, 0)]
        first._start()
        self._last_lr = first.get_last_lr()

    def step(self) -> None:  # type: ignore[override]
        """Take a step of the schedule whose turn it is."""
        epoch = self.last_epoch + 1
        number = bisect_right(self._milestones, epoch)
        scheduler = self._schedulers[number]
        if number and self._milestones[number - 1] == epoch:
            scheduler._update(0)
        else:
            scheduler.step()
        self.last_epoch = epoch
        self._last_lr = scheduler.get_last_lr()

    def _start(self) -> None:
        self.step()

    def state_dict(self) -> dict[str, Any]:
        """Return a copy of the progress, and the states of the schedules as ``_schedulers``."""
        return {**super().state_dict(), "_schedulers": _states(self._schedulers)}

    def _read(self, name: str, state: Mapping[str, Any]) -> dict[str, Any]:
        return {**super()._read(name, state), **_read_parts(self._schedulers, name, state)}

    def _take(self, entries: dict[str, Any]) -> None:
        super()._take(_take_parts(self._schedulers, entries))


class ChainedScheduler(LRScheduler):
    """Schedules that all take a step at every step, one on what the other has set.

    The formula is `chained_lr`.

    Parameters
    ----------
    schedulers : list of LRScheduler
        For one optimizer.
    optimizer : Optimizer, optional
        Which one; by default that of the first.

    Raises
    ------
    InputError
        If there is no schedule, they are for different optimizers, or one of them is a
        `ReduceLROnPlateau`, which needs a metric.

    Notes
    -----
    As in PyTorch it has no ``base_lrs`` and no ``last_epoch``; its schedules have.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ChainedScheduler.html
    """

    _saved = ("_last_lr",)

    def __init__(
        self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None
    ) -> None:
        self._schedulers = _checked("schedulers", schedulers, optimizer)
        super().__init__(self._schedulers[0].optimizer if optimizer is None else optimizer)

    def step(self) -> None:  # type: ignore[override]
        """Take a step of every schedule, in order."""
        for scheduler in self._schedulers:
            scheduler.step()
        self._last_lr = self._lrs()

    def _start(self) -> None:
        self.step()

    def state_dict(self) -> dict[str, Any]:
        """Return a copy of the progress, and the states of the schedules as ``_schedulers``."""
        return {**super().state_dict(), "_schedulers": _states(self._schedulers)}

    def _read(self, name: str, state: Mapping[str, Any]) -> dict[str, Any]:
        return {**super()._read(name, state), **_read_parts(self._schedulers, name, state)}

    def _take(self, entries: dict[str, Any]) -> None:
        super()._take(_take_parts(self._schedulers, entries))


def _checked(
    name: str, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None
) -> list[LRScheduler]:
    if not isinstance(schedulers, Sequence) or not schedulers:
        raise InputError(name, "a list of at least one scheduler", describe(schedulers))
    for number, scheduler in enumerate(schedulers):
        entry = f"{name}[{number}]"
        if not isinstance(scheduler, LRScheduler):
            raise InputError(entry, "an LRScheduler", describe(scheduler))
        if isinstance(scheduler, ReduceLROnPlateau):
            raise InputError(entry, "a schedule without a metric", "ReduceLROnPlateau")
        optimizer = scheduler.optimizer if optimizer is None else optimizer
        if scheduler.optimizer is not optimizer:
            raise InputError(entry, "a schedule for the same optimizer", "one for another")
    return list(schedulers)


def _checked_milestones(milestones: Sequence[int], count: int) -> list[int]:
    if not isinstance(milestones, Sequence) or len(milestones) != count:
        expected = f"{count} entries, one less than schedulers"
        raise InputError("milestones", expected, describe(milestones))
    checked = [check_count(f"milestones[{n}]", value) for n, value in enumerate(milestones)]
    if checked != sorted(checked):
        raise InputError("milestones", "epochs in order", f"{checked}")
    return checked


def _undo(scheduler: LRScheduler) -> None:
    """Take back the step of a constructor, in the count."""
    if isinstance(scheduler, SequentialLR | ChainedScheduler):
        for part in scheduler._schedulers:
            _undo(part)
    else:
        scheduler.last_epoch -= 1


def _states(schedulers: Sequence[LRScheduler]) -> list[dict[str, Any]]:
    return [scheduler.state_dict() for scheduler in schedulers]


def _read_parts(
    schedulers: Sequence[LRScheduler], name: str, state: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the checked entries of the schedules within."""
    name, parts = f"{name}['_schedulers']", state["_schedulers"]
    if not isinstance(parts, list) or len(parts) != len(schedulers):
        raise InputError(name, f"a list of {len(schedulers)}", describe(parts))
    pairs = zip(schedulers, parts, strict=True)
    return {"_schedulers": [s._read(f"{name}[{n}]", part) for n, (s, part) in enumerate(pairs)]}


def _take_parts(schedulers: Sequence[LRScheduler], entries: dict[str, Any]) -> dict[str, Any]:
    """Give the schedules within what is theirs, and return the rest."""
    for scheduler, part in zip(schedulers, entries["_schedulers"], strict=True):
        scheduler._take(part)
    return {key: value for key, value in entries.items() if key != "_schedulers"}
