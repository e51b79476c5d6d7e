"""The checkpoints of a training in a folder: the last few, of which one is always whole."""

import os
import re
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from numpy_impl.arrays import check_bool, check_function, check_int, check_positive_int
from numpy_impl.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from numpy_impl.errors import CheckpointError, InputError
from numpy_impl.model import Sequential
from numpy_impl.paths import as_path

__all__ = ["CheckpointFolder"]

_NAME = re.compile(r"step-(\d{9,})\.npz")
# What a process that was killed while it wrote leaves behind.
_TEMPORARY = re.compile(rf"\.{_NAME.pattern}\.[0-9a-f]{{16}}")


def _warn(message: str) -> None:
    warnings.warn(message, RuntimeWarning, stacklevel=2)


class CheckpointFolder:
    """Where a training keeps its checkpoints, and when it writes one.

    A checkpoint is written to a temporary file, flushed to the disk and renamed, and only then the
    oldest is removed: at any moment at least one is whole. One training at a time has a folder.

    Parameters
    ----------
    folder : path
        Made with its parents if missing. The files in it are ``step-000000500.npz``, by the
        number of steps taken since the beginning.
    every : int, optional
        After how many steps one is written; by default at the end of every epoch. One more is
        written at the end and after an interrupt.
    keep : int, default 3
        How many are kept.
    resume : bool, default False
        Go on from the newest checkpoint in the folder; begin anew if there is none.
    report : callable, optional
        Takes a message about a file that cannot be read; by default it becomes a RuntimeWarning.

    Raises
    ------
    InputError
        If `folder` is no path, `every` or `keep` no positive integer, `resume` no bool or `report`
        no function.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        every: int | None = None,
        keep: int = 3,
        resume: bool = False,
        report: Callable[[str], None] = _warn,
    ) -> None:
        self.folder = as_path("folder", folder)
        self.every = None if every is None else check_positive_int("every", every)
        self.keep = check_positive_int("keep", keep)
        self.resume = check_bool("resume", resume)
        check_function("report", report)
        self._report = report

    def paths(self) -> list[Path]:
        """Return the files of the checkpoints, the oldest first."""
        return [path for _, path in self._numbered()]

    def save(self, model: Sequential, state: Mapping[str, Any], step: int) -> Path:
        """Write a checkpoint, then remove those beyond `keep`, and return its file.

        Parameters
        ----------
        model, state
            As for `save_checkpoint`.
        step : int
            Number of steps taken.

        Raises
        ------
        InputError
            If there is no model, no state that `save_checkpoint` takes, or `step` is no integer of
            at least 0.
        OSError
            If it cannot be written; the message names the newest one there, which is as it was.
        """
        if check_int("step", step) < 0:
            raise InputError("step", "an integer of at least 0", f"{step}")
        path = self.folder / f"step-{step:09d}.npz"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            save_checkpoint(path, model, state)
            for old in self.paths()[: -self.keep]:
                old.unlink(missing_ok=True)
        except OSError as error:
            newest = self.paths()[-1:]
            remains = f"{newest[0]} is whole" if newest else "there is none before it"
            message = f"{error.strerror or error}; the checkpoint was not written, {remains}"
            raise OSError(error.errno, message, str(path)) from error
        return path

    def load(self) -> tuple[Path, Checkpoint] | None:
        """Return the newest checkpoint that can be read and its file, or None if there is none.

        One that is damaged is reported and renamed, with ``.damaged`` at the end, and the one
        before it is taken.

        Raises
        ------
        CheckpointError
            If none can be read.
        OSError
            If a damaged one cannot be renamed.
        """
        there = self.paths()
        for path in reversed(there):
            try:
                # Nothing in it is packed: its arrays are no larger than the file.
                return path, load_checkpoint(path, max_bytes=max(1, path.stat().st_size))
            except CheckpointError as error:
                aside = path.with_name(f"{path.name}.damaged")
                path.replace(aside)
                self._report(f"{error}; it is kept as {aside.name}")
        if there:
            raise CheckpointError(str(self.folder), "a checkpoint that can be read", "none")
        return None

    def begin(self) -> tuple[Path, Checkpoint] | None:
        """Return what to go on from, if anything, and remove what a killed process left behind.

        Raises
        ------
        InputError
            If there are checkpoints already, and it was not said to resume.
        CheckpointError, OSError
            As `load`.
        """
        if self.folder.is_dir():
            for path in self.folder.iterdir():
                if _TEMPORARY.fullmatch(path.name):
                    path.unlink(missing_ok=True)
        if self.resume:
            return self.load()
        if there := self.paths():
            raise InputError(
                "checkpoints", "a folder without any, or resume=True", f"{there[-1]} in it"
            )
        return None

    def _numbered(self) -> list[tuple[int, Path]]:
        names = self.folder.iterdir() if self.folder.is_dir() else ()
        matches = [(_NAME.fullmatch(path.name), path) for path in names]
        return sorted((int(match[1]), path) for match, path in matches if match)
