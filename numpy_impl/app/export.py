"""The command ``export``: a saved model as a file for other programs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from numpy_impl.app.models import read_model
from numpy_impl.errors import InputError
from numpy_impl.interop import export_onnx, save_safetensors

_WRITERS: dict[str, Callable[..., Any]] = {".safetensors": save_safetensors, ".onnx": export_onnx}

FORMATS = tuple(_WRITERS)
"""Ends of the names of files that can be written."""


def run(model: Path, output: Path, *, overwrite: bool = False) -> None:
    """Write a model, with what was noted beside it, in the format that a file's name ends in.

    Parameters
    ----------
    model : Path
        A run folder or the file of a model.
    output : Path
        The file, in a folder that is there.
    overwrite : bool, default False
        Whether the file may be there already. It is then replaced.

    Raises
    ------
    InputError
        If the model cannot be read or written in this format, or the file must not be written.
    MissingExtraError
        If the package for the format is not installed.
    OSError
        If the file cannot be written.
    """
    write = _WRITERS.get(output.suffix.lower())
    if write is None or output.is_dir():
        raise InputError(
            "OUT", f"a file whose name ends in {' or '.join(_WRITERS)}", f"{str(output)!r}"
        )
    if not output.parent.is_dir():
        raise InputError("OUT", "a file in a folder that is there", f"{str(output)!r}")
    if output.exists() and not overwrite:
        raise InputError("OUT", "a new file, or --overwrite", f"{str(output)!r}, which is there")
    saved = read_model(model)
    write(output, saved.network, metadata=saved.metadata)
    print(f"wrote {output}  {output.stat().st_size} bytes")
