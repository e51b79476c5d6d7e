"""What writes and reads files."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import numpy_impl as ours
from parity_tests.arguments.entries.common import always, count, model, thing
from parity_tests.arguments.trying import Argument, Entry

_FOLDERS: list[Any] = []


def scratch_folder() -> Path:
    """Return a folder that is there until the process ends."""
    if not _FOLDERS:
        _FOLDERS.append(tempfile.TemporaryDirectory())
    return Path(_FOLDERS[0].name)


def file_entries() -> Iterator[Entry]:
    """Yield what writes and reads files; where one cannot be written, that is an OSError."""

    def saved(path: Any, model: Any, metadata: Any = None) -> Any:
        ours.save_model(path, model, metadata)
        return ours.load_model(path).model.arena.values

    path = Argument("path", lambda: scratch_folder() / "model.npz")
    metadata = thing(lambda: {"a": 1}, optional=True, taken=("dictionary",))
    writing = (ours.InputError, OSError)
    given = {"path": path, "model": thing(model), "metadata": metadata}
    yield Entry("save_model", saved, given, writing)

    def saved_too(path: Any, model: Any, state: Any, metadata: Any = None) -> Any:
        ours.save_checkpoint(path, model, state, metadata)
        return ours.load_checkpoint(path).state

    state = thing(lambda: {"x": np.arange(3), "betas": (0.9, 0.99)}, taken=("dictionary",))
    yield Entry("save_checkpoint", saved_too, {**given, "state": state}, writing)

    def written() -> Any:
        path = scratch_folder() / "written.npz"
        ours.save_checkpoint(path, model(), {"x": 1})
        return path

    reading = {"path": Argument("path", written), "max_bytes": count(1 << 20)}
    yield Entry("load_model", lambda **g: ours.load_model(**g).model.arena.values, reading)
    yield Entry("load_checkpoint", lambda **g: ours.load_checkpoint(**g).state, reading)

    folder = {
        "folder": Argument("path", scratch_folder, taken=("missing", "folder", "empty")),
        "every": count(1, optional=True),
        "keep": count(1),
        "resume": Argument("bool", always(False)),
        "report": Argument("function", lambda: print),
    }
    yield Entry(
        "CheckpointFolder", lambda **g: len(ours.CheckpointFolder(**g).paths()), folder, writing
    )
    yield Entry(
        "CheckpointFolder.save",
        lambda model, state, step: (
            ours.CheckpointFolder(scratch_folder() / "saved").save(model, state, step).name
        ),
        {"model": thing(model), "state": state, "step": count(0)},
        writing,
    )
