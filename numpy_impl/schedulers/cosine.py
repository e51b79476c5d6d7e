"""Schedules along a cosine."""

from __future__ import annotations

import math

from numpy_impl.arrays import check_int, check_number, check_positive_int
from numpy_impl.optimizers.optimizer import Optimizer
from numpy_impl.schedulers.scheduler import LRScheduler

_COMMON = LRScheduler._saved


def cosine_annealing_lr(
    epoch: float,
    lr: float,
    T_max: float,  # noqa: N803
    eta_min: float = 0.0,
) -> float:
    r"""Return a learning rate on a cosine between that of the start and a minimum.

    .. math:: \eta_t = \eta_\min + (\eta_0 - \eta_\min) \, (1 + \cos(\pi t / T)) / 2

    Past the minimum, at :math:`t = T`, it rises again.

    References
    ----------
    Loshchilov and Hutter (2017), SGDR, https://arxiv.org/abs/1608.03983
    """
    return eta_min + (lr - eta_min) * (1 + math.cos(math.pi * epoch / T_max)) / 2


def cosine_annealing_warm_restarts_lr(
    epoch: int,
    lr: float,
    T_0: int,  # noqa: N803
    T_mult: int = 1,  # noqa: N803
    eta_min: float = 0.0,
) -> float:
    r"""Return `cosine_annealing_lr` within a cycle, of which each is `T_mult` times the last.

    References
    ----------
    Loshchilov and Hutter (2017), SGDR, https://arxiv.org/abs/1608.03983
    """
    period = T_0
    while epoch >= period:
        epoch -= period
        period *= T_mult
    return cosine_annealing_lr(epoch, lr, period, eta_min)


class CosineAnnealingLR(LRScheduler):
    r"""The learning rate on a cosine, down to a minimum and up again.

    The formula is `cosine_annealing_lr`. A step multiplies what the learning rate has above the
    minimum by :math:`(1 + \cos(\pi t / T)) / (1 + \cos(\pi (t - 1) / T))`; the step from the
    minimum, where that is 0 / 0, adds the first rise.

    Parameters
    ----------
    optimizer : Optimizer
        See `LRScheduler`.
    T_max : int
        Epochs until the minimum, at least 1.
    eta_min : float, default 0
        The minimum, at least 0.
    last_epoch : int, default -1
        The epoch to resume after, by groups that have an ``initial_lr``; -1 starts.

    Raises
    ------
    InputError
        If an argument is out of range.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.CosineAnnealingLR.html
    """

    _saved = ("T_max", "eta_min", *_COMMON)

    def __init__(
        self,
        optimizer: Optimizer,
        T_max: int,  # noqa: N803
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ) -> None:
        super().__init__(optimizer)
        self.T_max = check_positive_int("T_max", T_max)
        self.eta_min = check_number("eta_min", eta_min)
        self._begin(last_epoch)

    def _next_lr(self, epoch: int, *, initial: bool) -> list[float]:
        lrs, low = self._lrs(), self.eta_min
        if initial:
            return lrs
        if (epoch - 1 - self.T_max) % (2 * self.T_max) == 0:
            first = 1 - math.cos(math.pi / self.T_max)
            return [lr + (b - low) * first / 2 for lr, b in zip(lrs, self.base_lrs, strict=True)]
        now, before = (1 + math.cos(math.pi * t / self.T_max) for t in (epoch, epoch - 1))
        return [now / before * (lr - low) + low for lr in lrs]

    def _lr_at(self, epoch: int) -> list[float]:
        return [cosine_annealing_lr(epoch, lr, self.T_max, self.eta_min) for lr in self.base_lrs]


class CosineAnnealingWarmRestarts(LRScheduler):
    """The learning rate on a cosine down to a minimum, and again from the start.

    The formula is `cosine_annealing_warm_restarts_lr`. Changes from elsewhere are lost at the next
    step.

    Parameters
    ----------
    optimizer : Optimizer
        See `LRScheduler`.
    T_0 : int
        Epochs of the first cycle, at least 1.
    T_mult : int, default 1
        By how many times each cycle is longer than the last, at least 1.
    eta_min : float, default 0
        The minimum, at least 0.
    last_epoch : int, default -1
        As for `CosineAnnealingLR`.

    Raises
    ------
    InputError
        If an argument is out of range.

    Notes
    -----
    ``step(epoch)`` finds the cycle by a logarithm, as PyTorch does. Where a restart is due, its
    rounding can give the end of the last cycle instead (T_mult = 3, epoch = 121 T_0); `step`
    without an epoch counts and does not depend on it.

    References
    ----------
    Loshchilov and Hutter (2017), SGDR, https://arxiv.org/abs/1608.03983
    https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.CosineAnnealingWarmRestarts.html
    """

    _saved = ("T_0", "T_i", "T_mult", "eta_min", "T_cur", *_COMMON)

    def __init__(
        self,
        optimizer: Optimizer,
        T_0: int,  # noqa: N803
        T_mult: int = 1,  # noqa: N803
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ) -> None:
        super().__init__(optimizer)
        self.T_0 = check_positive_int("T_0", T_0)
        self.T_mult = check_positive_int("T_mult", T_mult)
        self.eta_min = check_number("eta_min", eta_min)
        # Length of the present cycle, and epochs since its start.
        self.T_i = float(self.T_0)
        self.T_cur = float(check_int("last_epoch", last_epoch))
        self._begin(last_epoch)

    def step(self, epoch: float | None = None) -> None:
        """Set the learning rates of the next epoch, or of a given one.

        Parameters
        ----------
        epoch : float, optional
            At least 0; a fraction is that of an epoch. The next epoch follows its cycle.

        Raises
        ------
        InputError
            If `epoch` is not such a number.
        """
        if epoch is None and self.last_epoch < 0:
            epoch = 0
        if epoch is None:
            self.last_epoch += 1
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur %= self.T_i
                self.T_i *= self.T_mult
        else:
            check_number("epoch", epoch)
            self._enter(epoch)
            self.last_epoch = math.floor(epoch)
        self._set(self._next_lr(self.last_epoch, initial=False))

    def _enter(self, epoch: float) -> None:
        """Find the cycle of an epoch."""
        self.T_i, self.T_cur = float(self.T_0), float(epoch)
        if epoch >= self.T_0 and self.T_mult == 1:
            self.T_cur = epoch % self.T_0
        elif epoch >= self.T_0:
            # The first n cycles have T_0 (T_mult^n - 1) / (T_mult - 1) epochs.
            n = int(math.log(epoch / self.T_0 * (self.T_mult - 1) + 1, self.T_mult))
            self.T_cur = epoch - self.T_0 * (self.T_mult**n - 1) / (self.T_mult - 1)
            self.T_i = float(self.T_0 * self.T_mult**n)

    def _start(self) -> None:
        self.step()

    def _next_lr(self, epoch: int, *, initial: bool) -> list[float]:  # noqa: ARG002
        return [cosine_annealing_lr(self.T_cur, b, self.T_i, self.eta_min) for b in self.base_lrs]
