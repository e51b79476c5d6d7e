"""Files that are the old one or the new one, whatever happens while they are written."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from numpy_impl.errors import InputError
from numpy_impl.paths import as_path

__all__ = ["replacing"]


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path to write a file to, which then takes the place of the one at `path`.

    On leaving, what was written is flushed to the disk and renamed, and the folder flushed; after
    an error it is removed, and `path` is as it was. A process that is killed leaves the temporary
    file at most: beside `path`, its name preceded by a dot and followed by 16 random digits.

    Parameters
    ----------
    path : path
        Of the file, there or not.

    Raises
    ------
    InputError
        If it is no path, or has no name of a file.
    OSError
        If the file cannot be written, flushed or renamed.
    """
    target = as_path("path", path)
    if not target.name:
        raise InputError("path", "a path with the name of a file", repr(str(path)))
    temporary = target.with_name(f".{target.name}.{os.urandom(8).hex()}")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    flush_folder(target.parent)


def flush_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, where the system can tell."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
