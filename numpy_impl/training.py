"""Training: the loop that takes a model through epochs of batches, and what it records."""

import itertools
import math
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cache, partial
from types import FrameType

import numpy as np

from numpy_impl.arrays import FloatArray, IntArray, check_choice, check_positive_int, new_array
from numpy_impl.blas import blas_threads
from numpy_impl.data.loader import Batch, DataLoader
from numpy_impl.errors import DivergenceError, InputError
from numpy_impl.losses import Loss
from numpy_impl.metrics import as_labels
from numpy_impl.model import Sequential, Workspace
from numpy_impl.optimizers import (
    ExponentialMovingAverage,
    Optimizer,
    StochasticWeightAverage,
)
from numpy_impl.schedulers import LRScheduler, ReduceLROnPlateau
from numpy_impl.split import find_pairs
from numpy_impl.team import Team

__all__ = ["Averaged", "Callback", "History", "Scheduled", "Trainer", "evaluate"]

Targets = IntArray | FloatArray


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
        If `every` is neither, or a schedule that goes by a metric is to step after every batch.

    Notes
    -----
    `ReduceLROnPlateau` is given the mean training loss of the epoch.
    """

    def __init__(self, scheduler: LRScheduler, *, every: str = "epoch") -> None:
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


class Averaged(Callback):
    """Takes the weights into an average after every step, and gives the model that in the end.

    What is measured during training is measured with the weights that learn.

    Parameters
    ----------
    average : ExponentialMovingAverage or StochasticWeightAverage
        Over the parameters of the trainer's model.
    """

    def __init__(self, average: ExponentialMovingAverage | StochasticWeightAverage) -> None:
        self.average = average

    def on_step_end(self, epoch: int, step: int, loss: float) -> None:  # noqa: ARG002
        """Take the weights into the average."""
        self.average.update()

    def on_fit_end(self, history: History) -> None:  # noqa: ARG002
        """Give the model the average, if there is one."""
        if self.average.n_averaged:
            self.average.copy_to()


class Trainer:
    """Train a model: batch -> layers -> loss -> layers back -> gradients -> optimizer.

    Parameters
    ----------
    model : Sequential
        The network.
    loss : Loss
        From the network's output and the targets to a number: reduced, and with one derivative.
    optimizer : Optimizer
        Over the model's parameters.
    callbacks : sequence of Callback
        Called in their order.
    workers : int, default 1
        Processes that train together, each with its part of the hidden units; as many as there
        are cores, at most. Gradients are the same up to rounding, and the same seed gives the same
        bits for the same number of workers. More than one needs a system that can fork. While
        they train, each keeps BLAS to one thread, and during an epoch the model and the state of
        the optimizer are still those of its beginning. A network without a hidden layer of as many
        units is trained by one process.

    Attributes
    ----------
    interrupted : bool
        Whether the last `fit` was ended by an interrupt (Ctrl-C).

    Raises
    ------
    InputError
        If the loss is not reduced to a number, or `workers` is not a positive integer.
    """

    def __init__(
        self,
        model: Sequential,
        loss: Loss,
        optimizer: Optimizer,
        callbacks: Sequence[Callback] = (),
        *,
        workers: int = 1,
    ) -> None:
        if loss.reduction == "none":
            raise InputError("loss", "a reduction to a number", "reduction 'none'")
        self.model = model
        self.loss = loss
        self.optimizer = optimizer
        self.callbacks = tuple(callbacks)
        self.workers = check_positive_int("workers", workers)
        self.interrupted = False

    def fit(
        self,
        train: DataLoader,
        validation: DataLoader | None,
        epochs: int,
        *,
        train_sample: DataLoader | None = None,
    ) -> History:
        """Train for a number of epochs.

        An interrupt (Ctrl-C) lets the step under way finish; then the history so far is returned
        and `interrupted` is set. A second one raises KeyboardInterrupt at once.

        Parameters
        ----------
        train : DataLoader
            What to learn from.
        validation : DataLoader or None
            What to measure `History.test_accuracy` on; NaN without.
        epochs : int
            How often to go through `train`.
        train_sample : DataLoader, optional
            What to measure `History.train_accuracy` on. By default all of `train`, as it is after
            its transform; NaN without `validation`.

        Returns
        -------
        History

        Raises
        ------
        InputError
            If the data do not fit the model, `epochs` is not a positive integer, or several workers
            are to train on batches with a transform, of which each would make its own, or for an
            average over steps, which only the workers have.
        DivergenceError
            If a loss is NaN or infinite, in which case the step is not taken, or an output in the
            evaluation after an epoch.
        WorkerError
            If a worker process cannot be made or dies.
        """
        check_positive_int("epochs", epochs)
        for name, loader in (("train", train), ("validation", validation)):
            if loader is not None and self.model.in_features not in (None, loader.features):
                raise InputError(name, f"{self.model.in_features} features", f"{loader.features}")
        if train_sample is None and validation is not None:
            train_sample = train
        history = History()
        self.interrupted = False
        for callback in self.callbacks:
            callback.on_fit_begin(epochs, len(train))
        try:
            # Overflow on the way to divergence is reported as such, by the loss.
            with (
                _deferred_interrupt() as interrupts,
                np.errstate(over="ignore", invalid="ignore"),
                self.session(train, interrupts) as train_epoch,
            ):
                for _ in range(epochs):
                    start = time.perf_counter()
                    train_loss = train_epoch()
                    if interrupts:
                        break
                    history.append(
                        train_loss=train_loss,
                        train_accuracy=self._accuracy(train_sample),
                        test_accuracy=self._accuracy(validation),
                        seconds=time.perf_counter() - start,
                    )
                    for callback in self.callbacks:
                        callback.on_epoch_end(history)
                    if interrupts:
                        break
                self.interrupted = bool(interrupts)
        finally:
            for callback in self.callbacks:
                callback.on_fit_end(history)
        return history

    def _accuracy(self, loader: DataLoader | None) -> float:
        return math.nan if loader is None else evaluate(self.model, loader)

    def step(self, inputs: FloatArray, targets: Targets, workspace: Workspace) -> float:
        """Train on one batch and return its loss; on a loss that is not finite, do not train.

        Parameters
        ----------
        inputs : ndarray of shape (batch, in_features)
            At most as many rows as the workspace holds.
        targets : ndarray
            As the loss takes them.
        workspace : Workspace
            Overwritten.

        Raises
        ------
        InputError
            If the batch does not fit the model, the loss or the workspace.
        """
        logits = self.model.forward(inputs, workspace=workspace)
        loss = float(self.loss.forward(logits, targets))
        if math.isfinite(loss):
            _, grads = workspace.first(len(inputs))
            grad = self.loss.backward(out=grads[-1])
            self.model.backward(grad, need_input_grad=False, workspace=workspace)
            self.optimizer.step()
        return loss

    @contextmanager
    def session(
        self, train: DataLoader, interrupts: Sequence[int] = ()
    ) -> Iterator[Callable[[], float]]:
        """Make all that training needs, and give a function that trains one epoch.

        That function returns the mean loss of the samples. Workers live as long as the context.

        Parameters
        ----------
        train : DataLoader
            What to learn from.
        interrupts : sequence
            Once it is not empty, the epoch ends after the step under way.

        Raises
        ------
        InputError, DivergenceError, WorkerError
            As `fit`.
        """
        inputs = new_array((train.batch_size, train.features), train.dtype)
        after_step = partial(self._after_step, itertools.count(1), interrupts)
        if self.workers == 1 or not find_pairs(self.model, self.workers):
            alone = partial(self.step, workspace=Workspace(self.model, *inputs.shape))

            def epoch_alone() -> float:
                self.model.train()
                return _epoch(train.batches(out=inputs), alone, after_step())

            yield epoch_alone
            return
        if train.transform is not None:
            raise InputError("workers", "1, for a loader with a transform", f"{self.workers}")
        if any(isinstance(callback, Averaged) for callback in self.callbacks):
            raise InputError("workers", "1, for an average after every step", f"{self.workers}")

        with Team(
            self.workers,
            self.model,
            self.optimizer,
            batch_size=train.batch_size,
            samples=train.samples,
        ) as team:

            @cache
            def member() -> tuple[Trainer, Workspace]:
                trainer = Trainer(team.model, self.loss, team.optimizer)
                return trainer, Workspace(team.model, *inputs.shape)

            def step(inputs: FloatArray, targets: Targets) -> float:
                trainer, workspace = member()
                team.in_step = True
                loss = trainer.step(inputs, targets, workspace)
                team.in_step = False
                return loss

            def member_epoch(after_step: Callable[[int, float], bool]) -> float:
                order = team.order if train.shuffle else None
                return _epoch(train.batches(out=inputs, order=order), step, after_step)

            def serve() -> None:
                with blas_threads(1):
                    member_epoch(lambda *_: False)
                team.collect()

            def lead() -> float:
                order = train.draw_order()
                if order is not None:
                    team.order[:] = order
                team.meet()
                with blas_threads(1):
                    loss = member_epoch(after_step())
                if not interrupts:
                    team.collect()
                return loss

            team.start(serve)
            yield lead

    def _after_step(
        self, epochs: Iterator[int], interrupts: Sequence[int]
    ) -> Callable[[int, float], bool]:
        epoch = next(epochs)

        def after_step(step: int, loss: float) -> bool:
            if not math.isfinite(loss):
                raise DivergenceError("loss", loss, f"in epoch {epoch}, step {step}")
            for callback in self.callbacks:
                callback.on_step_end(epoch, step, loss)
            return bool(interrupts)

        return after_step


def _epoch(
    batches: Iterable[Batch],
    step: Callable[[FloatArray, Targets], float],
    after_step: Callable[[int, float], bool],
) -> float:
    """Train on all batches, until `after_step` says that it is enough.

    Returns
    -------
    float
        The mean loss of the samples.
    """
    total, samples = 0.0, 0
    for number, (inputs, targets) in enumerate(batches, start=1):
        loss = step(inputs, targets)
        total += loss * len(inputs)
        samples += len(inputs)
        if after_step(number, loss):
            break
    return total / samples if samples else math.nan


def evaluate(model: Sequential, loader: DataLoader) -> float:
    """Return the share of a loader's samples that the model classifies right, from 0 to 1.

    The model computes in evaluation mode, whatever mode it is in. NaN if it has one output only:
    then there are no classes to choose from.

    Raises
    ------
    InputError
        If the data do not fit the model.
    DivergenceError
        If an output is NaN or infinite: the largest of such outputs means nothing.
    """
    right = seen = 0
    out = np.empty((loader.batch_size, loader.features), loader.dtype)
    for inputs, targets in loader.batches(out=out):
        outputs = model.predict(inputs)
        finite = np.isfinite(outputs)
        if not finite.all():
            raise DivergenceError("output", float(outputs[~finite][0]), "in an evaluation")
        if outputs.shape[1] == 1:
            return math.nan
        predicted = outputs.argmax(axis=1)
        right += int(np.count_nonzero(predicted == as_labels("targets", targets)))
        seen += len(inputs)
    return right / seen


@contextmanager
def _deferred_interrupt() -> Iterator[list[int]]:
    """Collect the first SIGINT in the list it yields, where signals can be handled at all."""
    interrupts: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return

    def note(signum: int, _frame: FrameType | None) -> None:
        if interrupts:
            raise KeyboardInterrupt
        interrupts.append(signum)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield interrupts
    finally:
        # None stands for a handler that was not installed from Python and cannot be put back.
        signal.signal(signal.SIGINT, signal.SIG_DFL if before is None else before)
