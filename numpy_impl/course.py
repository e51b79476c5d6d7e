"""A training on its way, and all it must know to go on as if it had never stopped."""

import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from numpy_impl.arrays import check_int, check_number
from numpy_impl.callbacks import Callback, History
from numpy_impl.checkpoint import architecture
from numpy_impl.checkpoint_folder import CheckpointFolder
from numpy_impl.data.loader import DataLoader, Draw
from numpy_impl.errors import CheckpointError, DivergenceError, InputError
from numpy_impl.layers.containers import all_generators
from numpy_impl.losses import Loss
from numpy_impl.model import Sequential
from numpy_impl.optimizers import Optimizer
from numpy_impl.random_state import random_state, set_random_state


class Position:
    """Where a training is.

    Attributes
    ----------
    epoch : int
        Number of the epoch under way, from 1.
    step : int
        Steps taken in it.
    """

    def __init__(self) -> None:
        self.epoch = 0
        self.next_epoch()

    def next_epoch(self) -> None:
        """Be at the beginning of the next epoch."""
        self.epoch += 1
        self.step = 0
        # Sum of the losses times their samples, and the number of those.
        self._total, self._samples = 0.0, 0
        # The state that the loader's generator had before it drew what is random in the epoch.
        self._drawn_from: dict[str, Any] | None = None

    @property
    def mean_loss(self) -> float:
        """Mean loss of the samples of this epoch so far; NaN before the first."""
        return self._total / self._samples if self._samples else float("nan")

    def draw(self, loader: DataLoader) -> Draw:
        """Return what is random in the epoch; where it was begun already, the same once more."""
        rng = loader.rng
        if rng is None or self._drawn_from is None:
            self._drawn_from = None if rng is None else random_state(rng)
            return loader.draw()
        now = random_state(rng)
        set_random_state("generators", rng, self._drawn_from)
        draw = loader.draw()
        set_random_state("generators", rng, now)
        return draw

    def add(self, loss: float, samples: int) -> None:
        """Count a step, with the mean loss of so many samples."""
        self.step += 1
        self._total += loss * samples
        self._samples += samples

    def state_dict(self) -> dict[str, Any]:
        """Return all of it as plain data."""
        return {
            "epoch": self.epoch,
            "step": self.step,
            "total": self._total,
            "samples": self._samples,
            "drawn_from": self._drawn_from,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned; InputError if it is something else."""
        self.epoch = check_int("epoch", state["epoch"])
        self.step = check_int("step", state["step"])
        self._total = check_number("total", state["total"], low=-np.inf)
        self._samples = check_int("samples", state["samples"])
        self._drawn_from = state["drawn_from"]


class Course:
    """A training on its way: where it is, what takes part and changes, and its checkpoints.

    Parameters
    ----------
    model : Sequential
    loss : Loss
    optimizer : Optimizer
    callbacks : sequence of Callback
    loaders : sequence of DataLoader or None
        The first is what is learned from.
    folder : CheckpointFolder, optional
        Where checkpoints are kept; none are written without.

    Attributes
    ----------
    position : Position
    history : History
    newest : Path or None
        The file of the checkpoint that was written or read last.
    """

    def __init__(
        self,
        model: Sequential,
        loss: Loss,
        optimizer: Optimizer,
        callbacks: Sequence[Callback],
        loaders: Sequence[DataLoader | None],
        folder: CheckpointFolder | None = None,
    ) -> None:
        self.position = Position()
        self.history = History()
        self.newest: Path | None = None
        self._model = model
        self._loss = loss
        self._optimizer = optimizer
        self._callbacks = callbacks
        self._loaders = [loader for loader in loaders if loader is not None]
        self._folder = folder
        self._started = time.perf_counter()
        # Where it was when a checkpoint was written or read.
        self._saved: tuple[int, int] | None = None

    @property
    def steps(self) -> int:
        """Steps taken since the beginning."""
        return (self.position.epoch - 1) * len(self._loaders[0]) + self.position.step

    @property
    def due(self) -> bool:
        """Whether a checkpoint is to be written after this step."""
        every = None if self._folder is None else self._folder.every
        return every is not None and self.steps % every == 0

    @property
    def seconds(self) -> float:
        """Wall time of the epoch so far, without that in which the training did not run."""
        return time.perf_counter() - self._started

    def begin_epoch(self) -> None:
        """Begin an epoch, or go on with one."""
        if not self.position.step:
            self._started = time.perf_counter()

    def end_epoch(self, train_loss: float, train_accuracy: float, test_accuracy: float) -> None:
        """Record an epoch whose last step is done, and go on to the next."""
        self.history.append(
            train_loss=train_loss,
            train_accuracy=train_accuracy,
            test_accuracy=test_accuracy,
            seconds=self.seconds,
        )
        for callback in self._callbacks:
            callback.on_epoch_end(self.history)
        if self._folder is not None and self._folder.every is None:
            self.save()

    def save(self) -> None:
        """Write a checkpoint, if there is a folder for them and it is not there yet.

        Raises
        ------
        DivergenceError
            If a parameter is not finite.
        OSError
            If it cannot be written.
        """
        place = self.position.epoch, self.position.step
        if self._folder is None or self._saved == place:
            return
        for parameter in self._model.parameters():
            finite = np.isfinite(parameter.data)
            if not finite.all():
                value = float(parameter.data[~finite][0])
                raise DivergenceError("parameter", value, f"in {parameter.name}").during(*place)
        self.newest = self._folder.save(self._model, self.state_dict(), self.steps)
        self._saved = place

    def resume(self) -> None:
        """Go on from the newest checkpoint, if there is a folder and that is wanted.

        Raises
        ------
        InputError, CheckpointError, OSError
            As `CheckpointFolder.begin`.
        CheckpointError
            If the checkpoint is of another training.
        """
        found = None if self._folder is None else self._folder.begin()
        if found is None:
            return
        self.newest, checkpoint = found
        try:
            self.load_state_dict(checkpoint.model, checkpoint.state)
        except InputError as error:
            raise CheckpointError(
                str(self.newest), "a checkpoint of this training", str(error)
            ) from None
        self._saved = self.position.epoch, self.position.step

    def state_dict(self) -> dict[str, Any]:
        """Return all of it but the model, for `save_checkpoint`."""
        return {
            "facts": self._facts,
            "position": self.position.state_dict(),
            # As arrays: after thousands of epochs, a header would be too long.
            "history": {name: np.array(v) for name, v in self.history.to_dict().items()},
            "seconds": self.seconds,
            "optimizer": self._optimizer.state_dict(),
            "callbacks": [
                {"type": type(callback).__name__, "state": state}
                for callback, state in self._stateful()
            ],
            "generators": [random_state(rng) for rng in self._rngs],
        }

    def load_state_dict(self, model: Sequential, state: Mapping[str, Any]) -> None:
        """Take over a model and what `state_dict` returned.

        Raises
        ------
        InputError
            If it is of another training: of another model, loss, optimizer or data, or with other
            callbacks. Nothing has changed then, unless the state is damaged inside.
        """
        try:
            self._check(state)
            self._model.load_state_dict(model.state_dict())
            self._optimizer.load_state_dict(state["optimizer"])
            for (callback, _), entry in zip(self._stateful(), state["callbacks"], strict=True):
                callback.load_state_dict(entry["state"])
            self.position.load_state_dict(state["position"])
            self.history = History(**{k: v.tolist() for k, v in state["history"].items()})
            self._started = time.perf_counter() - check_number("seconds", state["seconds"])
            for rng, saved in zip(self._rngs, state["generators"], strict=True):
                set_random_state("generators", rng, saved)
        except (KeyError, TypeError, AttributeError) as error:
            raise InputError("state", "that of a training", repr(error)[:200]) from None

    def _check(self, state: Mapping[str, Any]) -> None:
        facts = state["facts"]
        for name, own in self._facts.items():
            if facts[name] != own:
                raise InputError(name, f"{facts[name]}, as in the checkpoint", f"{own}")
        expected = [entry["type"] for entry in state["callbacks"]]
        got = [type(callback).__name__ for callback, _ in self._stateful()]
        if expected != got:
            raise InputError("callbacks", f"{expected}, as in the checkpoint", f"{got}")
        if len(state["generators"]) != len(self._rngs):
            raise InputError("generators", f"{len(state['generators'])}", f"{len(self._rngs)}")

    @cached_property
    def _rngs(self) -> list[np.random.Generator]:
        own = [loader.rng for loader in self._loaders if loader.rng is not None]
        return own + all_generators(self._model)

    @cached_property
    def _facts(self) -> dict[str, Any]:
        """What must be the same when the training goes on."""
        train = self._loaders[0]
        return {
            "architecture": architecture(self._model),
            "dtype": self._model.dtype.name,
            "loss": type(self._loss).__name__,
            "optimizer": type(self._optimizer).__name__,
            "samples": train.samples,
            "checksum": train.checksum(),
            "batch_size": train.batch_size,
            "shuffle": train.shuffle,
            "drop_last": train.drop_last,
        }

    def _stateful(self) -> list[tuple[Callback, dict[str, Any]]]:
        """Return the callbacks that have a state, each with it: it may be as large as the model."""
        states = ((callback, callback.state_dict()) for callback in self._callbacks)
        return [(callback, state) for callback, state in states if state]
