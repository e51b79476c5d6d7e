"""Schedules by a function of the epoch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from numpy_impl.arrays import check_function
from numpy_impl.optimizers.optimizer import Optimizer
from numpy_impl.schedulers.scheduler import LRScheduler, as_number, per_group

Lambda = Callable[[int], float]


def lambda_lr(epoch: int, lr: float, lr_lambda: Lambda) -> float:
    r"""Return :math:`\eta_t = \eta_0 \, f(t)`."""
    return lr * lr_lambda(epoch)


def multiplicative_lr(epoch: int, lr: float, lr_lambda: Lambda) -> float:
    r"""Return :math:`\eta_t = \eta_0 \prod_{s=1}^t f(s)`."""
    return lr * math.prod(lr_lambda(s) for s in range(1, epoch + 1))


class LambdaLR(LRScheduler):
    """The initial learning rate times a function of the epoch.

    The formula is `lambda_lr`. Changes from elsewhere are lost at the next step.

    Parameters
    ----------
    optimizer : Optimizer
        See `LRScheduler`.
    lr_lambda : callable, or list of callables
        From the number of an epoch to a factor; one for all groups or one for each. They are not
        part of the state.
    last_epoch : int, default -1
        The epoch to resume after, by groups that have an ``initial_lr``; -1 starts.

    Raises
    ------
    InputError
        If an argument is out of range; in `step`, if the function does not give a finite number.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.LambdaLR.html
    """

    _functions = ("lr_lambdas",)

    def __init__(
        self, optimizer: Optimizer, lr_lambda: Lambda | Sequence[Lambda], last_epoch: int = -1
    ) -> None:
        super().__init__(optimizer)
        self.lr_lambdas: list[Lambda] = per_group("lr_lambda", lr_lambda, optimizer, check_function)
        self._begin(last_epoch)

    def _next_lr(self, epoch: int, *, initial: bool) -> list[float]:  # noqa: ARG002
        factors = [as_number("lr_lambda", factor(epoch)) for factor in self.lr_lambdas]
        return [lr * factor for lr, factor in zip(self.base_lrs, factors, strict=True)]


class MultiplicativeLR(LRScheduler):
    """The learning rate times a function of the epoch, at every step.

    The formula is `multiplicative_lr`.

    Parameters
    ----------
    optimizer, lr_lambda, last_epoch
        As for `LambdaLR`.

    Raises
    ------
    InputError
        As `LambdaLR`.

    References
    ----------
    https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.MultiplicativeLR.html
    """

    _functions = ("lr_lambdas",)

    def __init__(
        self, optimizer: Optimizer, lr_lambda: Lambda | Sequence[Lambda], last_epoch: int = -1
    ) -> None:
        super().__init__(optimizer)
        self.lr_lambdas: list[Lambda] = per_group("lr_lambda", lr_lambda, optimizer, check_function)
        self._begin(last_epoch)

    def _next_lr(self, epoch: int, *, initial: bool) -> list[float]:
        if initial:
            return self._lrs()
        factors = [as_number("lr_lambda", factor(epoch)) for factor in self.lr_lambdas]
        return [lr * factor for lr, factor in zip(self._lrs(), factors, strict=True)]
