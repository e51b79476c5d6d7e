"""A schedule by a metric."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import SupportsFloat

import numpy as np

from numpy_impl.arrays import check_choice, check_number, describe
from numpy_impl.errors import InputError
from numpy_impl.optimizers.optimizer import Optimizer
from numpy_impl.schedulers.scheduler import LRScheduler, check_count, per_group


def reduce_lr_on_plateau(
    metrics: Iterable[float],
    lr: float,
    mode: str = "min",
    factor: float = 0.1,
    patience: int = 10,
    threshold: float = 1e-4,
    threshold_mode: str = "rel",
    cooldown: int = 0,
    min_lr: float = 0.0,
    eps: float = 1e-8,
) -> float:
    r"""Return the learning rate after a sequence of metrics.

    A metric m is better than the best b so far if it is below :math:`b (1 - \epsilon)` (rel) or
    :math:`b - \epsilon` (abs), with :math:`\epsilon` the threshold; for mode "max", above
    :math:`b (1 + \epsilon)` or :math:`b + \epsilon`. NaN is not. When more than `patience` in a row
    are not, :math:`\eta \leftarrow \max(\eta \cdot \text{factor}, \eta_\min)`, unless that is a
    change of at most `eps`; the count begins again after `cooldown` epochs that do not count.
    """
    sign = 1 if mode == "min" else -1
    best, bad, rest = math.inf, 0, 0
    for metric in metrics:
        loss = sign * metric
        margin = threshold if threshold_mode == "abs" else threshold * sign * best
        if math.isinf(best):
            margin = 0.0
        improved = loss < best - margin
        best = loss if improved else best
        bad = 0 if improved or rest > 0 else bad + 1
        rest = max(rest - 1, 0)
        if bad > patience:
            reduced = max(lr * factor, min_lr)
            lr = reduced if lr - reduced > eps else lr
            bad, rest = 0, cooldown
    return lr


class ReduceLROnPlateau(LRScheduler):
    """The learning rate times a factor, when a metric has not become better for a while.

    The formula is `reduce_lr_on_plateau`.

    Parameters
    ----------
    optimizer : Optimizer
        See `LRScheduler`.
    mode : {"min", "max"}, default "min"
        Whether lower or higher is better.
    factor : float, default 0.1
        At least 0 and below 1.
    patience : int, default 10
        How many epochs without progress are accepted, at least 0.
    threshold : float, default 1e-4
        By how much a better metric must be better, at least 0.
    threshold_mode : {"rel", "abs"}, default "rel"
        Whether that is a share of the best or a difference.
    cooldown : int, default 0
        Epochs after a reduction in which nothing is counted, at least 0.
    min_lr : float, or list of float, default 0
        Lower bound, at least 0; one for all groups or one for each.
    eps : float, default 1e-8
        Reductions of at most this are left out, at least 0.

    Attributes
    ----------
    best : float
        The best metric so far.
    num_bad_epochs : int
        Epochs without progress.
    cooldown_counter : int
        Epochs of the cooldown that are left.

    Raises
    ------
    InputError
        If an argument is out of range.

    Notes
    -----
    As in PyTorch it has no ``base_lrs``, and ``last_epoch`` is the number of metrics seen.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ReduceLROnPlateau.html
    """

    _saved = (
        *("factor", "default_min_lr", "min_lrs", "patience", "cooldown", "eps", "last_epoch"),
        *("_last_lr", "mode_worse", "mode", "threshold", "threshold_mode"),
        *("best", "cooldown_counter", "num_bad_epochs"),
    )

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0,
        eps: float = 1e-8,
    ) -> None:
        super().__init__(optimizer)
        check_choice("mode", mode, ("min", "max"))
        self.mode = mode
        self.factor = check_number("factor", factor, below=1.0)
        self.patience = check_count("patience", patience)
        self.threshold = check_number("threshold", threshold)
        check_choice("threshold_mode", threshold_mode, ("rel", "abs"))
        self.threshold_mode = threshold_mode
        self.cooldown = check_count("cooldown", cooldown)
        self.min_lrs: list[float] = per_group("min_lr", min_lr, optimizer, check_number)
        # None where there is a bound for each group.
        self.default_min_lr = None if isinstance(min_lr, list | tuple) else self.min_lrs[0]
        self.eps = check_number("eps", eps)
        self.last_epoch = 0
        self.best = self.mode_worse = math.inf if mode == "min" else -math.inf
        self.cooldown_counter = 0
        self.num_bad_epochs = 0

    def step(  # type: ignore[override]
        self, metrics: SupportsFloat, epoch: int | None = None
    ) -> None:
        """Take a metric, and reduce the learning rates if that is due.

        Parameters
        ----------
        metrics : float
            NaN is a metric that is not better.
        epoch : int, optional
            Number of the epoch, at least 0; by default the next one.

        Raises
        ------
        InputError
            If an argument is no such number.
        """
        metric = _read_metric(metrics)
        self.last_epoch = self.last_epoch + 1 if epoch is None else check_count("epoch", epoch)
        if self._is_better(metric):
            self.best = metric
            self.num_bad_epochs = 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter = self.cooldown
            self.num_bad_epochs = 0
        self._last_lr = self._lrs()

    def _is_better(self, metric: float) -> bool:
        relative = self.threshold_mode == "rel"
        if self.mode == "min":
            limit = self.best * (1.0 - self.threshold) if relative else self.best - self.threshold
            return metric < limit
        limit = self.best * (self.threshold + 1.0) if relative else self.best + self.threshold
        return metric > limit

    def _reduce(self) -> None:
        for group, min_lr in zip(self.optimizer.param_groups, self.min_lrs, strict=True):
            lr = float(group["lr"])
            reduced = max(lr * self.factor, min_lr)
            if lr - reduced > self.eps:
                group["lr"] = reduced


def _read_metric(metrics: object) -> float:
    # Any number, NaN too, and an array of one as losses are in other libraries.
    value = metrics[()] if isinstance(metrics, np.ndarray) and metrics.ndim == 0 else metrics
    if isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool):
        with suppress(OverflowError):
            return float(value)
    raise InputError("metrics", "a number", describe(metrics))
