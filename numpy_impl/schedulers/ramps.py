"""Schedules along a line or a power of it."""

from __future__ import annotations

from numpy_impl.arrays import check_number
from numpy_impl.errors import InputError
from numpy_impl.optimizers.optimizer import Optimizer
from numpy_impl.schedulers.scheduler import LRScheduler, check_count, check_share

_COMMON = LRScheduler._saved


def linear_lr(
    epoch: int,
    lr: float,
    start_factor: float = 1 / 3,
    end_factor: float = 1.0,
    total_iters: int = 5,
) -> float:
    r"""Return a learning rate on the way from one factor to another.

    .. math:: \eta_t = \eta_0 \, (\alpha + (\omega - \alpha) \min(t, T) / T)

    with :math:`\alpha` the start factor, :math:`\omega` the end factor and T the iterations.
    With T = 0 it stays at the start.
    """
    if total_iters == 0:
        return lr * start_factor
    return lr * (start_factor + (end_factor - start_factor) * min(total_iters, epoch) / total_iters)


def polynomial_lr(epoch: int, lr: float, total_iters: int = 5, power: float = 1.0) -> float:
    r"""Return :math:`\eta_t = \eta_0 (1 - \min(t, T) / T)^p`, or :math:`\eta_0` with T = 0."""
    if total_iters == 0:
        return lr
    factor: float = (1.0 - min(total_iters, epoch) / total_iters) ** power
    return lr * factor


class LinearLR(LRScheduler):
    """The learning rate times a factor that goes from one number to another along a line.

    The formula is `linear_lr`. With r = end_factor - start_factor a step multiplies the learning
    rate by ``1 + r / (total_iters start_factor + (t - 1) r)``.

    Parameters
    ----------
    optimizer : Optimizer
        See `LRScheduler`.
    start_factor : float, default 1/3
        Factor of epoch 0, above 0 and at most 1.
    end_factor : float, default 1
        Factor from epoch `total_iters` on, at least 0 and at most 1.
    total_iters : int, default 5
        Steps from one to the other, at least 0.
    last_epoch : int, default -1
        The epoch to resume after, by groups that have an ``initial_lr``; -1 starts.

    Raises
    ------
    InputError
        If an argument is out of range.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.LinearLR.html
    """

    _saved = ("start_factor", "end_factor", "total_iters", *_COMMON)

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        super().__init__(optimizer)
        self.start_factor = check_share("start_factor", start_factor)
        if start_factor == 0:
            raise InputError("start_factor", "a number above 0", "0")
        self.end_factor = check_share("end_factor", end_factor)
        self.total_iters = check_count("total_iters", total_iters)
        self._begin(last_epoch)

    def _next_lr(self, epoch: int, *, initial: bool) -> list[float]:
        if epoch == 0:
            return [lr * self.start_factor for lr in self._lrs()]
        if initial or epoch > self.total_iters:
            return self._lrs()
        rise = self.end_factor - self.start_factor
        factor = 1.0 + rise / (self.total_iters * self.start_factor + (epoch - 1) * rise)
        return [lr * factor for lr in self._lrs()]

    def _lr_at(self, epoch: int) -> list[float]:
        settings = self.start_factor, self.end_factor, self.total_iters
        return [linear_lr(epoch, lr, *settings) for lr in self.base_lrs]


class PolynomialLR(LRScheduler):
    """The learning rate times a power of the share of iterations that are left.

    The formula is `polynomial_lr`. A step multiplies the learning rate by the ratio of the factors
    of two epochs.

    Parameters
    ----------
    optimizer : Optimizer
        See `LRScheduler`.
    total_iters : int, default 5
        Steps until 0, at least 0; with 0 the learning rate stays.
    power : float, default 1
        At least 0.
    last_epoch : int, default -1
        As for `LinearLR`.

    Raises
    ------
    InputError
        If an argument is out of range.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.PolynomialLR.html
    """

    _saved = ("total_iters", "power", *_COMMON)

    def __init__(
        self,
        optimizer: Optimizer,
        total_iters: int = 5,
        power: float = 1.0,
        last_epoch: int = -1,
    ) -> None:
        super().__init__(optimizer)
        self.total_iters = check_count("total_iters", total_iters)
        self.power = check_number("power", power)
        self._begin(last_epoch)

    def _next_lr(self, epoch: int, *, initial: bool) -> list[float]:
        if initial or epoch > self.total_iters:
            return self._lrs()
        left, left_before = (1.0 - t / self.total_iters for t in (epoch, epoch - 1))
        factor = (left / left_before) ** self.power
        return [lr * factor for lr in self._lrs()]

    def _lr_at(self, epoch: int) -> list[float]:
        return [polynomial_lr(epoch, lr, self.total_iters, self.power) for lr in self.base_lrs]
