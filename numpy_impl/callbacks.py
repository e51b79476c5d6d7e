"""What is recorded of a training, and what may be done while it goes on."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from numpy_impl.arrays import check_choice, check_instance, describe
from numpy_impl.errors import InputError
from numpy_impl.optimizers import ExponentialMovingAverage, StochasticWeightAverage
from numpy_impl.schedulers import LRScheduler, ReduceLROnPlateau

__all__ = ["Averaged", "Callback", "History", "Scheduled"]


@dataclass
class History:
    """What happened in each epoch; lists of equal length.

    Attributes
    ----------
    epoch : list of int
        Number of the epoch, from 1.
    train_loss : list of float
        Mean loss of the samples as they were trained on, with the parameters of that moment.
    train_accuracy, test_accuracy : list of float
        Share of right answers at the end of the epoch, from 0 to 1, in evaluation mode. NaN for
        a network with one output, which has no classes to choose from.
    seconds : list of float
        Wall time of the epoch, with its evaluations.
    """

    epoch: list[int] = field(default_factory=list)
    train_loss: list[float] = field(default_factory=list)
    train_accuracy: list[float] = field(default_factory=list)
    test_accuracy: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def append(
        self, *, train_loss: float, train_accuracy: float, test_accuracy: float, seconds: float
    ) -> None:
        """Add an epoch."""
        self.epoch.append(len(self.epoch) + 1)
        self.train_loss.append(train_loss)
        self.train_accuracy.append(train_accuracy)
        self.test_accuracy.append(test_accuracy)
        self.seconds.append(seconds)

    def to_dict(self) -> dict[str, list[float]]:
        """Return the lists by name, for JSON."""
        return asdict(self)


class Callback:
    """What may be done during training; override what is wanted."""

    def on_fit_begin(self, epochs: int, steps: int) -> None:
        """Do something before the first epoch, of so many with so many steps each."""

    def on_step_end(self, epoch: int, step: int, loss: float) -> None:
        """Do something after a step; both numbers are from 1."""

    def on_epoch_end(self, history: History) -> None:
        """Do something after an epoch, which is the last in `history`."""

    def on_fit_end(self, history: History) -> None:
        """Do something at the end, even after an error or an interruption."""

    def state_dict(self) -> dict[str, Any]:
        """Return what a training that goes on from a checkpoint needs to know; see `nested.pack`.

        It is taken after `on_step_end` or `on_epoch_end`.
        """
        return {}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned; called after `on_fit_begin`.

        Raises
        ------
        InputError
            If it does not fit.
        """


class Scheduled(Callback):
    """Takes a step of a learning-rate schedule after every epoch, or after every batch.

    Parameters
    ----------
    scheduler : LRScheduler
        Over the trainer's optimizer.
    every : {"epoch", "batch"}, default "epoch"
        When it takes a step.

    Raises
    ------
    InputError
        If there is no schedule, `every` is neither, or a schedule that goes by a metric is to step
        after every batch.

    Notes
    -----
    `ReduceLROnPlateau` is given the mean training loss of the epoch.
    """

    def __init__(self, scheduler: LRScheduler, *, every: str = "epoch") -> None:
        check_instance("scheduler", scheduler, LRScheduler, "a schedule")
        by_metric = isinstance(scheduler, ReduceLROnPlateau)
        check_choice("every", every, ("epoch",) if by_metric else ("epoch", "batch"))
        self.scheduler = scheduler
        self.every = every

    def on_step_end(self, epoch: int, step: int, loss: float) -> None:  # noqa: ARG002
        """Step, if it is after every batch."""
        if self.every == "batch":
            self.scheduler.step()

    def on_epoch_end(self, history: History) -> None:
        """Step, if it is after every epoch."""
        if isinstance(self.scheduler, ReduceLROnPlateau):
            self.scheduler.step(history.train_loss[-1])
        elif self.every == "epoch":
            self.scheduler.step()

    def state_dict(self) -> dict[str, Any]:
        """Return that of the schedule."""
        return self.scheduler.state_dict()

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over that of the schedule."""
        self.scheduler.load_state_dict(state_dict)


class Averaged(Callback):
    """Takes the weights into an average after every step, and gives the model that in the end.

    What is measured during training is measured with the weights that learn.

    Parameters
    ----------
    average : ExponentialMovingAverage or StochasticWeightAverage
        Over the parameters of the trainer's model.

    Raises
    ------
    InputError
        If it is neither.
    """

    def __init__(self, average: ExponentialMovingAverage | StochasticWeightAverage) -> None:
        if not isinstance(average, ExponentialMovingAverage | StochasticWeightAverage):
            raise InputError("average", "an average of weights", describe(average))
        self.average = average

    def on_step_end(self, epoch: int, step: int, loss: float) -> None:  # noqa: ARG002
        """Take the weights into the average."""
        self.average.update()

    def on_fit_end(self, history: History) -> None:  # noqa: ARG002
        """Give the model the average, if there is one."""
        if self.average.n_averaged:
            self.average.copy_to()

    def state_dict(self) -> dict[str, Any]:
        """Return that of the average."""
        return self.average.state_dict()

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over that of the average."""
        self.average.load_state_dict(state_dict)
