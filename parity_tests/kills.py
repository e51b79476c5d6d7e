"""Trainings that are killed at random moments, and whether anything was lost.

A training writes a checkpoint after every step, for the most part of its time. A process of its own
runs it and is killed with SIGKILL; then every checkpoint must be readable, and a process that goes
on from the newest one must end with the bits of the training that nobody disturbed. The next kill
meets the same training further on, until it is at its end and another one begins.
"""

import os
import shutil
import signal
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import numpy_impl as ours

_STEPS, _EPOCHS = 40, 2
_OPTIMIZERS: tuple[type[ours.Optimizer], ...] = (ours.Adam, ours.SGD, ours.NAdam, ours.RMSprop)


@dataclass
class Outcome:
    """What became of the kills.

    Attributes
    ----------
    kills : int
        Processes that were killed while they trained.
    in_writing : int
        Those that were killed while they wrote a checkpoint.
    before_first : int
        Those that had not written any yet.
    resumed : int
        Trainings that went on from the newest checkpoint to the bits that were expected.
    faults : list of str
        What was lost, unreadable or other than expected.
    """

    kills: int = 0
    in_writing: int = 0
    before_first: int = 0
    resumed: int = 0
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.kills} kills, {self.in_writing} of them while a checkpoint was written, "
            f"{self.before_first} before the first; {self.resumed} went on bit for bit; "
            f"{len(self.faults)} faults"
        )


def train(folder: Path, number: int) -> bytes:
    """Train from the newest checkpoint, or from the beginning, and return the final state."""
    rng = np.random.default_rng(number)
    x = rng.standard_normal((_STEPS * 8, 11))
    y = (x[:, 0] * x[:, 1] > 0).astype(np.int64)
    model = ours.Sequential(
        ours.Linear(11, 31, rng=rng),
        ours.BatchNorm1d(31),
        ours.ReLU(),
        ours.Dropout(0.1, rng=rng),
        ours.Linear(31, 2, rng=rng),
    )
    optimizer = _OPTIMIZERS[number % len(_OPTIMIZERS)](model.parameters(), lr=0.01)
    schedule = ours.CosineAnnealingLR(optimizer, _STEPS * _EPOCHS)
    average = ours.ExponentialMovingAverage(model.parameters(), 0.9)
    callbacks = [ours.Scheduled(schedule, every="batch"), ours.Averaged(average)]
    trainer = ours.Trainer(model, ours.CrossEntropyLoss(), optimizer, callbacks)
    loader = ours.DataLoader(x, y, batch_size=8, shuffle=True, rng=rng)
    checkpoints = ours.CheckpointFolder(folder, every=1, keep=2, resume=True)
    history = trainer.fit(loader, None, _EPOCHS, checkpoints=checkpoints)
    state = optimizer.state_dict()["state"]
    arrays = [model.arena.values, *model.buffers().values()]
    arrays += [np.asarray(value) for entries in state.values() for value in entries.values()]
    return b"".join(array.tobytes() for array in arrays) + repr(history.train_loss).encode()


def run(
    count: int,
    seed: int,
    *,
    train: Callable[[Path, int], bytes] = train,
    report: Callable[[str], None] = lambda _: None,
) -> Outcome:
    """Kill a training so many times, and see each time what is left.

    Parameters
    ----------
    count : int
    seed : int
        Of the moments. What a process has done by then differs from run to run all the same.
    train : callable, optional
        Takes the folder of the checkpoints and the number of the training.
    report : callable, optional
        Takes a line now and then.
    """
    rng = np.random.default_rng(seed)
    outcome, number = Outcome(), 0
    with tempfile.TemporaryDirectory() as base:
        while outcome.kills < count and not outcome.faults:
            folder = Path(base) / f"{number}"
            folder.mkdir()
            start = time.monotonic()
            expected = _result(train, folder / "whole", number)
            seconds = time.monotonic() - start
            killed = folder / "killed"
            while outcome.kills < count and _kill(
                train, killed, number, float(rng.uniform(0.0, seconds / 4))
            ):
                outcome.kills += 1
                _look(outcome, train, killed, number, expected)
                if outcome.kills % 50 == 0:
                    report(str(outcome))
            shutil.rmtree(folder)
            number += 1
    return outcome


def _look(
    outcome: Outcome,
    train: Callable[[Path, int], bytes],
    killed: Path,
    number: int,
    expected: bytes,
) -> None:
    names = [path.name for path in killed.iterdir()] if killed.exists() else []
    outcome.in_writing += any(name.startswith(".") for name in names)
    paths = sorted(killed.glob("step-*.npz"))
    outcome.before_first += not paths
    for path in paths:
        try:
            ours.load_checkpoint(path)
        except ours.CheckpointError as error:
            outcome.faults.append(f"kill {outcome.kills}: unreadable: {error}")
    copied = killed.parent / "copied"
    shutil.rmtree(copied, ignore_errors=True)
    if killed.exists():
        shutil.copytree(killed, copied)
    try:
        result = _result(train, copied, number)
    except RuntimeError as error:
        outcome.faults.append(f"kill {outcome.kills}: {error}")
        return
    if result == expected:
        outcome.resumed += 1
    else:
        outcome.faults.append(f"kill {outcome.kills}: other bits after {[p.name for p in paths]}")


def _result(train: Callable[[Path, int], bytes], folder: Path, number: int) -> bytes:
    """Return what a training gives in a process of its own; RuntimeError if it fails."""
    reading, writing = os.pipe()
    pid = _fork(train, folder, number, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        result = pipe.read()
    _, status = os.waitpid(pid, 0)
    if status:
        raise RuntimeError(f"the training failed: {result.decode(errors='replace')}")
    return result


def _kill(train: Callable[[Path, int], bytes], folder: Path, number: int, after: float) -> bool:
    """Kill a training after so many seconds; return False if it was at its end before."""
    reading, writing = os.pipe()
    pid = _fork(train, folder, number, writing)
    os.close(writing)
    time.sleep(after)
    os.kill(pid, signal.SIGKILL)
    os.close(reading)
    _, status = os.waitpid(pid, 0)
    return os.WIFSIGNALED(status)


def _fork(train: Callable[[Path, int], bytes], folder: Path, number: int, pipe: int) -> int:
    """Start a process that trains, writes what came of it to a pipe and ends; return its number."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        result = train(folder, number)
        status = 0
    except BaseException:
        result = traceback.format_exc().encode()
    try:
        with os.fdopen(pipe, "wb") as file:
            file.write(result)
    finally:
        os._exit(status)
