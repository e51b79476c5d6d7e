"""The folder that a training leaves its results in: all of them, or nothing."""

import os
import secrets
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from numpy_impl.errors import InputError

WEIGHTS = "weights.npz"
HISTORY = "history.json"
SUMMARY = "summary.json"
CURVES = "curves.png"
CONFUSION = "confusion.png"
MISTAKES = "mistakes.png"
BOUNDARY = "boundary.png"
# A folder, which is written to during the training.
CHECKPOINTS = "checkpoints"

_NAMES = (WEIGHTS, HISTORY, CURVES, CONFUSION, MISTAKES, BOUNDARY, SUMMARY)


class RunFolder:
    """Collect files under temporary names; rename them all at the end.

    As a context manager it makes the folder on entry and, unless `commit` was called, removes on
    exit whatever it has written and made. A run that was there before stays as it was until then.

    Parameters
    ----------
    path : Path
        Of the folder, made with its parents if missing.
    overwrite : bool
        Whether it may hold files already. `commit` replaces those of an earlier run and leaves
        all others alone.
    names : sequence of str, optional
        Of all files that a run may leave, the one that tells of the others last; by default those
        of a training.
    shared : bool, default False
        Whether files of other names may be there without `overwrite` too.

    Raises
    ------
    InputError
        On entry, if the folder cannot be made or written to, or holds files without `overwrite`.
    """

    def __init__(
        self,
        path: Path,
        *,
        overwrite: bool,
        names: Sequence[str] = _NAMES,
        shared: bool = False,
    ) -> None:
        self.path = path
        self.overwrite = overwrite
        self.names = names
        self.shared = shared
        self._made: list[Path] = []
        self._staged: dict[str, Path] = {}

    def __enter__(self) -> "RunFolder":
        try:
            self._make()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._remove()

    def stage(self, name: str) -> Path:
        """Return the temporary path to write the file of this name to."""
        self._staged[name] = self.path / f".{name}.{secrets.token_hex(8)}"
        return self._staged[name]

    def write(self, name: str, content: bytes) -> None:
        """Stage a file with this content, and wait until it is on the disk.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        with self.stage(name).open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())

    def commit(self) -> list[Path]:
        """Give the staged files their names, the summary last, and return their paths.

        A summary therefore always describes the files around it: an old one goes first.

        Raises
        ------
        OSError
            If a file cannot be renamed.
        """
        summary = self.names[-1]
        for name in (summary, *self.names):
            if name == summary or name not in self._staged:
                (self.path / name).unlink(missing_ok=True)
        names = [name for name in self.names if name in self._staged]
        for name in names:
            self._staged[name].replace(self.path / name)
        self._staged.clear()
        self._made.clear()
        return [self.path / name for name in names]

    def _make(self) -> None:
        try:
            missing = [path for path in (self.path, *self.path.parents) if not path.exists()]
            for path in reversed(missing):
                path.mkdir()
                self._made.append(path)
            there = {path.name for path in self.path.iterdir()}
            filled = there.intersection(self.names) if self.shared else there
            # Only a file that was created proves that files can be.
            with tempfile.TemporaryFile(dir=self.path):
                pass
        except OSError as error:
            reason = error.strerror or str(error)
            raise InputError(
                "--output", "a folder that can be written to", f"{str(self.path)!r} ({reason})"
            ) from None
        if filled and not self.overwrite:
            raise InputError(
                "--output",
                f"{self._wanted()}, or --overwrite",
                f"{str(self.path)!r}, which holds files",
            )

    def _wanted(self) -> str:
        return (
            f"a folder without {', '.join(self.names)}" if self.shared else "a new or empty folder"
        )

    def _remove(self) -> None:
        for path in self._staged.values():
            path.unlink(missing_ok=True)
        for path in reversed(self._made):
            try:
                path.rmdir()
            except OSError:
                # Somebody else has put something there in the meantime.
                break
