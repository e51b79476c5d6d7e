"""Training: the loop that takes a model through epochs of batches."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial

import numpy as np

from numpy_impl.arrays import (
    FloatArray,
    IntArray,
    check_instance,
    check_positive_int,
    describe,
    new_array,
)
from numpy_impl.blas import blas_threads
from numpy_impl.callbacks import Averaged, Callback, History
from numpy_impl.checkpoint_folder import CheckpointFolder
from numpy_impl.course import Course
from numpy_impl.data.loader import Batch, DataLoader, Draw
from numpy_impl.errors import DivergenceError, InputError
from numpy_impl.interrupts import deferred_interrupts
from numpy_impl.losses import Loss
from numpy_impl.metrics import as_labels
from numpy_impl.model import Sequential, Workspace
from numpy_impl.optimizers import Optimizer
from numpy_impl.split import Exchange, find_pairs
from numpy_impl.team import Team

__all__ = ["Trainer", "evaluate"]

Targets = IntArray | FloatArray


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
    interrupted_by : int or None
        The number of the signal that ended the last `fit`, SIGINT (Ctrl-C) or SIGTERM.

    Raises
    ------
    InputError
        If an argument is of another kind, the loss is not reduced to a number, or `workers` is not
        a positive integer.
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
        for name, value, kind in (
            ("model", model, Sequential),
            ("loss", loss, Loss),
            ("optimizer", optimizer, Optimizer),
        ):
            check_instance(name, value, kind, f"a {kind.__name__}")
        if not isinstance(callbacks, Sequence) or not all(
            isinstance(callback, Callback) for callback in callbacks
        ):
            raise InputError("callbacks", "a sequence of callbacks", describe(callbacks))
        if loss.reduction == "none":
            raise InputError("loss", "a reduction to a number", "reduction 'none'")
        self.model = model
        self.loss = loss
        self.optimizer = optimizer
        self.callbacks = tuple(callbacks)
        self.workers = check_positive_int("workers", workers)
        self.interrupted_by: int | None = None

    @property
    def interrupted(self) -> bool:
        """Whether the last `fit` was ended by a signal."""
        return self.interrupted_by is not None

    def fit(
        self,
        train: DataLoader,
        validation: DataLoader | None,
        epochs: int,
        *,
        train_sample: DataLoader | None = None,
        checkpoints: CheckpointFolder | None = None,
    ) -> History:
        """Train for a number of epochs.

        An interrupt (Ctrl-C) or SIGTERM lets the step under way finish; then a checkpoint is
        written if there are any, the history so far is returned and `interrupted` is set. A second
        one raises KeyboardInterrupt at once.

        A training that goes on from a checkpoint gives the same bits as one that never stopped: the
        parameters, the state of the optimizer and of the callbacks, the order of the data and
        what the generators draw are those of that step.

        Parameters
        ----------
        train : DataLoader
            What to learn from.
        validation : DataLoader or None
            What to measure `History.test_accuracy` on; NaN without.
        epochs : int
            How often to go through `train`, in all: those before a checkpoint are among them.
        train_sample : DataLoader, optional
            What to measure `History.train_accuracy` on. By default all of `train`, as it is after
            its transform; NaN without `validation`.
        checkpoints : CheckpointFolder, optional
            Where and how often to write checkpoints, and whether to go on from one.

        Returns
        -------
        History

        Raises
        ------
        InputError
            If the data do not fit the model, `epochs` is not a positive integer, or several workers
            are to train on batches with a transform, of which each would make its own, or for an
            average over steps, which only the workers have; or if there are checkpoints and it was
            not said to resume.
        CheckpointError
            If no checkpoint can be read, or the newest is of another training.
        DivergenceError
            If a loss or gradient is NaN or infinite, in which case the step is not taken, or an
            output in the evaluation after an epoch. It names the step, the layer and the last
            checkpoint, in which all is finite.
        OSError
            If a checkpoint cannot be written. The one before it is whole.
        WorkerError
            If a worker process cannot be made or dies.
        """
        check_positive_int("epochs", epochs)
        check_instance("train", train, DataLoader, "a DataLoader")
        for name, loader in (
            ("train", train),
            ("validation", validation),
            ("train_sample", train_sample),
        ):
            if loader is not None:
                check_instance(name, loader, DataLoader, "a DataLoader")
            if loader is not None and self.model.in_features not in (None, loader.features):
                raise InputError(name, f"{self.model.in_features} features", f"{loader.features}")
        if checkpoints is not None:
            check_instance("checkpoints", checkpoints, CheckpointFolder, "a CheckpointFolder")
        if train_sample is None and validation is not None:
            train_sample = train
        loaders = (train, validation, train_sample)
        course = Course(self.model, self.loss, self.optimizer, self.callbacks, loaders, checkpoints)
        self.interrupted_by = None
        for callback in self.callbacks:
            callback.on_fit_begin(epochs, len(train))
        try:
            # Overflow on the way to divergence is reported as such.
            with deferred_interrupts() as interrupts, np.errstate(over="ignore", invalid="ignore"):
                course.resume()
                with self._session(train, interrupts, course) as train_epoch:
                    while course.position.epoch <= epochs and not interrupts:
                        course.begin_epoch()
                        train_loss = train_epoch()
                        if course.position.step:
                            break
                        course.end_epoch(
                            train_loss, self._accuracy(train_sample), self._accuracy(validation)
                        )
                # After the session: then the model of several workers is as after the last step.
                course.save()
                self.interrupted_by = interrupts[0] if interrupts else None
        except DivergenceError as error:
            raise error.after(course.newest) from None
        finally:
            for callback in self.callbacks:
                callback.on_fit_end(course.history)
        return course.history

    def _accuracy(self, loader: DataLoader | None) -> float:
        return math.nan if loader is None else evaluate(self.model, loader)

    def step(self, inputs: FloatArray, targets: Targets, workspace: Workspace) -> float:
        """Train on one batch and return its loss.

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
        DivergenceError
            If the loss or a gradient is NaN or infinite. The parameters are as they were then.
        """
        check_instance("workspace", workspace, Workspace, "a Workspace")
        logits = self.model.forward(inputs, workspace=workspace)
        loss = float(self.loss.forward(logits, targets))
        outputs, grads = workspace.first(len(logits))
        if not math.isfinite(loss):
            raise DivergenceError("loss", loss, _origin(self.model, inputs, outputs))
        grad = self.loss.backward(out=grads[-1])
        self.model.backward(grad, need_input_grad=False, workspace=workspace)
        # A sum of squares is NaN or infinite if one of them is; it may be so without, by overflow.
        gradient = self.model.arena.grads
        if not math.isfinite(np.dot(gradient, gradient)) and not np.isfinite(gradient).all():
            raise _diverged_gradient(self.model)
        self.optimizer.step()
        return loss

    @contextmanager
    def session(self, train: DataLoader) -> Iterator[Callable[[], float]]:
        """Make all that training needs, and give a function that trains one epoch.

        That function returns the mean loss of the samples. Workers live as long as the context.

        Parameters
        ----------
        train : DataLoader
            What to learn from.

        Raises
        ------
        InputError, DivergenceError, WorkerError
            As `fit`.
        """
        check_instance("train", train, DataLoader, "a DataLoader")
        course = Course(self.model, self.loss, self.optimizer, self.callbacks, (train,))
        with self._session(train, (), course) as train_epoch:
            yield train_epoch

    @contextmanager
    def _session(
        self, train: DataLoader, interrupts: Sequence[int], course: Course
    ) -> Iterator[Callable[[], float]]:
        """Do as `session`.

        Once `interrupts` is not empty, an epoch ends after the step under way. The course moves on
        with every step.
        """
        inputs = new_array((train.rows, train.features), train.dtype)
        position = course.position

        def after_step(loss: float) -> bool:
            for callback in self.callbacks:
                callback.on_step_end(position.epoch, position.step, loss)
            return bool(interrupts)

        if self.workers == 1 or not find_pairs(self.model, self.workers):
            alone = partial(self.step, workspace=Workspace(self.model, *inputs.shape))

            def epoch_alone() -> float:
                self.model.train()
                batches = train.batches(out=inputs, draw=position.draw(train), first=position.step)
                return _epoch(batches, alone, course, after_step, course.save)

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
            batch_size=train.rows,
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

            def member_epoch(
                after_step: Callable[[float], bool], save: Callable[[], None]
            ) -> float:
                draw = Draw(team.order if train.shuffle else None, 0)
                batches = train.batches(out=inputs, draw=draw, first=position.step)
                with blas_threads(1):
                    return _epoch(batches, step, course, after_step, save)

            def serve() -> None:
                member_epoch(lambda _: False, team.collect)
                team.collect()

            def save() -> None:
                team.collect()
                course.save()

            def lead() -> float:
                order, _ = position.draw(train)
                if order is not None:
                    team.order[:] = order
                team.meet()
                loss = member_epoch(after_step, save)
                # Not asked of the interrupts: one may come after the last step, when all collect.
                if not position.step:
                    team.collect()
                return loss

            team.start(serve)
            yield lead


def _epoch(
    batches: Iterable[Batch],
    step: Callable[[FloatArray, Targets], float],
    course: Course,
    after_step: Callable[[float], bool],
    save: Callable[[], None],
) -> float:
    """Train on batches until they end, or until `after_step` says that it is enough.

    Returns
    -------
    float
        The mean loss of the epoch's samples.
    """
    position = course.position
    for inputs, targets in batches:
        try:
            loss = step(inputs, targets)
        except DivergenceError as error:
            raise error.during(position.epoch, position.step + 1) from None
        position.add(loss, len(inputs))
        enough = after_step(loss)
        if course.due:
            save()
        if enough:
            return position.mean_loss
    loss = position.mean_loss
    position.next_epoch()
    return loss


def _origin(model: Sequential, inputs: FloatArray, outputs: Sequence[FloatArray]) -> str:
    """Return where a number that is not finite came from, on the way to the loss."""
    if not np.isfinite(inputs).all():
        return "from the inputs"
    finite = [bool(np.isfinite(output).all()) for output in outputs]
    if all(finite):
        return "from the loss itself"
    number = finite.index(False)
    while isinstance(model[number], Exchange):
        number -= 1
    return f"from {_described(model, number)}"


def _diverged_gradient(model: Sequential) -> DivergenceError:
    """Return the error for a gradient that is not finite: that of the last such layer."""
    for number in reversed(range(len(model))):
        for parameter in model[number].parameters():
            finite = np.isfinite(parameter.grad)
            if not finite.all():
                value = float(parameter.grad[~finite][0])
                _, _, name = parameter.name.rpartition(".")
                return DivergenceError(
                    "gradient", value, f"for the {name} of {_described(model, number)}"
                )
    raise AssertionError("every gradient is finite")


def _described(model: Sequential, number: int) -> str:
    """Return the number and the type of a layer, as they are in the whole model."""
    others = sum(isinstance(layer, Exchange) for layer in list(model)[:number])
    return f"layer {number - others}, {type(model[number]).__name__}"


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
    check_instance("model", model, Sequential, "a Sequential")
    check_instance("loader", loader, DataLoader, "a DataLoader")
    right = seen = 0
    out = np.empty((loader.rows, loader.features), loader.dtype)
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
