"""Schedules by constant factors at given epochs."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from numpy_impl.arrays import check_number, check_positive_int, describe
from numpy_impl.errors import InputError
from numpy_impl.optimizers.optimizer import Optimizer
from numpy_impl.schedulers.scheduler import LRScheduler, check_count, check_share

_COMMON = LRScheduler._saved


def step_lr(epoch: int, lr: float, step_size: int, gamma: float = 0.1) -> float:
    r"""Return :math:`\eta_t = \eta_0 \gamma^{\lfloor t / s \rfloor}` with s the step size."""
    power: float = gamma ** (epoch // step_size)
    return lr * power


def multi_step_lr(epoch: int, lr: float, milestones: Sequence[int], gamma: float = 0.1) -> float:
    r"""Return :math:`\eta_t = \eta_0 \gamma^k` with k the number of milestones up to t."""
    power: float = gamma ** bisect_right(sorted(milestones), epoch)
    return lr * power


def exponential_lr(epoch: int, lr: float, gamma: float) -> float:
    r"""Return :math:`\eta_t = \eta_0 \gamma^t`."""
    power: float = gamma**epoch
    return lr * power


def constant_lr(epoch: int, lr: float, factor: float = 1 / 3, total_iters: int = 5) -> float:
    r"""Return :math:`\eta_t = \eta_0` times the factor for :math:`t < T`, :math:`\eta_0` after."""
    return lr * (factor + (epoch >= total_iters) * (1 - factor))


class StepLR(LRScheduler):
    """The learning rate times gamma, every `step_size` epochs.

    The formula is `step_lr`.

    Parameters
    ----------
    optimizer : Optimizer
        See `LRScheduler`.
    step_size : int
        Epochs from one decay to the next, at least 1.
    gamma : float, default 0.1
        Factor, at least 0.
    last_epoch : int, default -1
        The epoch to resume after, by groups that have an ``initial_lr``; -1 starts.

    Raises
    ------
    InputError
        If an argument is out of range.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.StepLR.html
    """

    _saved = ("step_size", "gamma", *_COMMON)

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        super().__init__(optimizer)
        self.step_size = check_positive_int("step_size", step_size)
        self.gamma = check_number("gamma", gamma)
        self._begin(last_epoch)

    def _next_lr(self, epoch: int, *, initial: bool) -> list[float]:  # noqa: ARG002
        if epoch == 0 or epoch % self.step_size != 0:
            return self._lrs()
        return [lr * self.gamma for lr in self._lrs()]

    def _lr_at(self, epoch: int) -> list[float]:
        return [step_lr(epoch, lr, self.step_size, self.gamma) for lr in self.base_lrs]


class MultiStepLR(LRScheduler):
    """The learning rate times gamma, at each milestone.

    The formula is `multi_step_lr`.

    Parameters
    ----------
    optimizer : Optimizer
        See `LRScheduler`.
    milestones : iterable of int
        Numbers of epochs, at least 0. One that comes twice counts twice.
    gamma : float, default 0.1
        Factor, at least 0.
    last_epoch : int, default -1
        As for `StepLR`.

    Raises
    ------
    InputError
        If an argument is out of range.

    Notes
    -----
    In the state the milestones are a sorted list; PyTorch's Counter of them is taken too.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.MultiStepLR.html
    """

    _saved = ("milestones", "gamma", *_COMMON)

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Iterable[int],
        gamma: float = 0.1,
        last_epoch: int = -1,
    ) -> None:
        super().__init__(optimizer)
        self.milestones = _milestones("milestones", milestones)
        self.gamma = check_number("gamma", gamma)
        self._begin(last_epoch)

    def _next_lr(self, epoch: int, *, initial: bool) -> list[float]:  # noqa: ARG002
        times = self.milestones.count(epoch)
        return [lr * self.gamma**times if times else lr for lr in self._lrs()]

    def _lr_at(self, epoch: int) -> list[float]:
        return [multi_step_lr(epoch, lr, self.milestones, self.gamma) for lr in self.base_lrs]

    def _read(self, name: str, state: Mapping[str, Any]) -> dict[str, Any]:
        if not isinstance(state, Mapping) or "milestones" not in state:
            return super()._read(name, state)
        given = state["milestones"]
        elements = Counter(given).elements() if isinstance(given, Mapping) else given
        milestones = _milestones(f"{name}['milestones']", elements)
        # Another number of milestones than our own is no fault.
        entries = super()._read(name, {**state, "milestones": self.milestones})
        return {**entries, "milestones": milestones}


def _milestones(name: str, milestones: Iterable[int]) -> list[int]:
    if isinstance(milestones, str | bytes) or not isinstance(milestones, Iterable):
        raise InputError(name, "an iterable of integers", describe(milestones))
    return sorted(check_count(f"{name}[{n}]", value) for n, value in enumerate(milestones))


class ExponentialLR(LRScheduler):
    """The learning rate times gamma, at every step.

    The formula is `exponential_lr`.

    Parameters
    ----------
    optimizer : Optimizer
        See `LRScheduler`.
    gamma : float
        Factor, at least 0.
    last_epoch : int, default -1
        As for `StepLR`.

    Raises
    ------
    InputError
        If an argument is out of range.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ExponentialLR.html
    """

    _saved = ("gamma", *_COMMON)

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        super().__init__(optimizer)
        self.gamma = check_number("gamma", gamma)
        self._begin(last_epoch)

    def _next_lr(self, epoch: int, *, initial: bool) -> list[float]:  # noqa: ARG002
        return self._lrs() if initial else [lr * self.gamma for lr in self._lrs()]

    def _lr_at(self, epoch: int) -> list[float]:
        return [exponential_lr(epoch, lr, self.gamma) for lr in self.base_lrs]


class ConstantLR(LRScheduler):
    """The learning rate times a factor, for the first `total_iters` epochs.

    The formula is `constant_lr`, except that with no iterations the factor is never taken back.

    Parameters
    ----------
    optimizer : Optimizer
        See `LRScheduler`.
    factor : float, default 1/3
        At least 0 and at most 1.
    total_iters : int, default 5
        For how many epochs, at least 0.
    last_epoch : int, default -1
        As for `StepLR`.

    Raises
    ------
    InputError
        If an argument is out of range.

    Notes
    -----
    At the end the learning rate is multiplied by ``1 / factor``. After a factor of 0 it is the
    initial one, where PyTorch divides by zero.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ConstantLR.html
    """

    _saved = ("factor", "total_iters", *_COMMON)

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 1.0 / 3,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        super().__init__(optimizer)
        self.factor = check_share("factor", factor)
        self.total_iters = check_count("total_iters", total_iters)
        self._begin(last_epoch)

    def _next_lr(self, epoch: int, *, initial: bool) -> list[float]:  # noqa: ARG002
        if epoch == 0:
            return [lr * self.factor for lr in self._lrs()]
        if epoch != self.total_iters:
            return self._lrs()
        if self.factor == 0:
            return self.base_lrs
        return [lr * (1.0 / self.factor) for lr in self._lrs()]

    def _lr_at(self, epoch: int) -> list[float]:
        return [constant_lr(epoch, lr, self.factor, self.total_iters) for lr in self.base_lrs]
