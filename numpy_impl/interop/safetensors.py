"""Models in safetensors files: arrays under PyTorch's names, which PyTorch loads as they are.

The file holds the arrays of `Sequential.state_dict`. Its metadata, which are strings, hold two
things more: ``format``, which is ``pt`` for names and layouts of PyTorch, and ``numpy-mlp``, the
architecture and the caller's metadata as JSON.

The package checks that a header is JSON in UTF-8, that every array has the number of bytes that its
shape and dtype ask for, and that the arrays cover the file without a gap or an overlap. It does not
check that a name comes once in a header, takes headers of 100 MB, and its reader for NumPy fails
with a KeyError on dtypes that NumPy has not. What else is to be held against a header is done here.

References
----------
https://github.com/huggingface/safetensors#format
"""

import itertools
import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numpy_impl.arrays import check_instance
from numpy_impl.atomic import replacing
from numpy_impl.checkpoint import (
    FORMAT,
    LoadedModel,
    architecture,
    build_model,
    make_header,
    parse_header,
)
from numpy_impl.errors import CheckpointError, InputError, MissingExtraError
from numpy_impl.model import Sequential
from numpy_impl.paths import as_path
from numpy_impl.untrusted import one_line

__all__ = ["load_safetensors", "save_safetensors"]

LONGEST_HEADER = 1 << 20  # bytes

_LENGTH = 8  # bytes before the header, which hold its length
_DTYPES = {np.dtype(np.float32): "F32", np.dtype(np.float64): "F64", np.dtype(np.int64): "I64"}
_EXPECTED = "a safetensors file"
# Differences that an error lists.
_LISTED = 8
# Characters of a file in an error.
_LONGEST_TEXT = 200


def save_safetensors(
    path: str | os.PathLike[str], model: Sequential, metadata: Mapping[str, Any] | None = None
) -> None:
    """Write a model to a safetensors file, in one piece or not at all.

    What ``safetensors.torch.load_file`` makes of the file can be given to ``load_state_dict`` of
    the ``torch.nn.Sequential`` of the same layers.

    Parameters
    ----------
    path : path
        Of the file; by custom it ends in ``.safetensors``.
    model : Sequential
        What to save.
    metadata : mapping, optional
        JSON-serializable facts to keep beside the model.

    Raises
    ------
    InputError
        If the metadata are not JSON, a layer is of a type that cannot be loaded again, or both
        together are longer than a header may be, 1 MiB.
    MissingExtraError
        If safetensors is not installed.
    OSError
        If the file cannot be written.
    """
    try:
        from safetensors.numpy import save
    except ImportError:
        raise _missing() from None
    noted = {"format": "pt", FORMAT: make_header(model, metadata)}
    # The package writes memory as it lies. Our own matrices lie by columns; these copies by rows.
    content = save(model.state_dict(), noted)
    if int.from_bytes(content[:_LENGTH], "little") > LONGEST_HEADER:
        raise InputError(
            "metadata", f"with the names of arrays, at most {LONGEST_HEADER} bytes of JSON", "more"
        )
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def load_safetensors(path: str | os.PathLike[str], model: Sequential | None = None) -> LoadedModel:
    """Read a model from a safetensors file.

    A file is not trusted. Whatever its header says, reading takes at most five times the size of
    the file in memory, a new model included, and 64 MiB for the header; no code comes from a file.

    Parameters
    ----------
    path : path
        Of the file.
    model : Sequential, optional
        Takes the arrays of the file, all of them or, on an error, none. It is needed for files of
        other programs, which do not say what layers the arrays are for: make it of the same
        layers, with ``rng=None`` and the dtype of the arrays. Without it a new model is made of
        the layers that `save_safetensors` noted.

    Returns
    -------
    LoadedModel
        The model, and the metadata that were saved with it. A new model is in training mode.

    Raises
    ------
    CheckpointError
        If the file is missing, damaged, of another format, or does not hold the arrays of the model
        by name, shape and dtype; or if it says nothing of layers and no model is given, or says of
        other layers than the model has.
    MissingExtraError
        If safetensors is not installed.
    """
    path = as_path("path", path)
    if model is not None:
        check_instance("model", model, Sequential, "a Sequential")
    content, header = _read(str(path))
    arrays = _arrays(str(path), content, header)
    del content
    # The package takes null for no metadata.
    text = (header.get("__metadata__") or {}).get(FORMAT)
    noted = None if text is None else parse_header(str(path), text)
    if model is None:
        model = _new_model(str(path), noted, arrays)
    elif noted is not None:
        _check_layers(str(path), noted["layers"], model)
    _check_arrays(str(path), arrays, model)
    model.load_state_dict(arrays)
    return LoadedModel(model, noted["metadata"] if noted is not None else {})


def _read(path: str) -> tuple[bytes, dict[str, Any]]:
    """Return the bytes of a file and what its header says, of which little is checked yet."""
    try:
        # A pipe may let its reader wait for ever, and a device has no end.
        mode = Path(path).stat().st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            raise CheckpointError(path, "a readable file", "a pipe or a device")
        with Path(path).open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            start = file.read(_LENGTH)
            length = int.from_bytes(start, "little")
            if len(start) < _LENGTH or length > size - _LENGTH:
                raise CheckpointError(
                    path, f"{_EXPECTED}, with a header", f"{size} bytes, another or a cut file"
                )
            if length > LONGEST_HEADER:
                raise CheckpointError(
                    path, f"a header of at most {LONGEST_HEADER} bytes", f"{length} bytes"
                )
            header = file.read(length)
            file.seek(0)
            return file.read(), _parse(path, header)
    except OSError as error:
        raise CheckpointError(path, "a readable file", error.strerror or str(error)) from None


def _parse(path: str, text: bytes) -> dict[str, Any]:
    try:
        header = json.loads(text.decode(), object_pairs_hook=_each_once)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(path, f"{_EXPECTED}, with JSON as header", str(error)) from None
    if not isinstance(header, dict):
        raise CheckpointError(path, f"{_EXPECTED}, with an object as header", "another value")
    return header


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of JSON; ValueError if a key comes twice."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object with the same key twice")
    return found


def _arrays(path: str, content: bytes, header: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    try:
        from safetensors import SafetensorError
        from safetensors.numpy import load
    except ImportError:
        raise _missing() from None
    for name, entry in header.items():
        dtype = entry.get("dtype") if isinstance(entry, dict) else None
        if name != "__metadata__" and dtype not in _DTYPES.values():
            raise CheckpointError(
                path, f"arrays of {', '.join(_DTYPES.values())}", _cut(f"{name} of {dtype}")
            )
    try:
        arrays: dict[str, NDArray[Any]] = load(content)
    except (SafetensorError, ValueError) as error:
        raise CheckpointError(path, _EXPECTED, _cut(str(error))) from None
    return arrays


def _new_model(
    path: str, noted: Mapping[str, Any] | None, arrays: Mapping[str, NDArray[Any]]
) -> Sequential:
    if noted is None:
        raise CheckpointError(path, "a model to load into, as the file notes no layers", "none")
    try:
        return build_model(noted, {name: array.shape for name, array in arrays.items()})
    except InputError as error:
        raise CheckpointError(path, "layers and arrays that fit", _cut(str(error))) from None


def _check_layers(path: str, noted: list[Any], model: Sequential) -> None:
    own = json.loads(json.dumps(architecture(model)))
    if own == noted:
        return
    pairs = enumerate(itertools.zip_longest(own, noted))
    position, (ours, theirs) = next((at, pair) for at, pair in pairs if pair[0] != pair[1])
    raise CheckpointError(
        path, f"the layers of the model, at {position} {_cut(f'{ours}')}", _cut(f"{theirs}")
    )


def _check_arrays(path: str, arrays: Mapping[str, NDArray[Any]], model: Sequential) -> None:
    wanted = {parameter.name: parameter.data for parameter in model.parameters()} | model.buffers()
    faults = [
        f"{_form(arrays[name])} for {name} of {_form(array)}"
        for name, array in wanted.items()
        if name in arrays and _form(arrays[name]) != _form(array)
    ]
    faults += [f"no {name}" for name in wanted if name not in arrays]
    faults += [_cut(f"{name}, of which it has none") for name in arrays if name not in wanted]
    if faults:
        more = f"; and {len(faults) - _LISTED} more" if len(faults) > _LISTED else ""
        raise CheckpointError(path, "the arrays of the model", "; ".join(faults[:_LISTED]) + more)


def _form(array: NDArray[Any]) -> str:
    return f"{array.dtype} {array.shape}"


def _cut(text: str) -> str:
    """Return a text of a file as part of an error: a stranger decides what it is, and how long."""
    line = one_line(text[:_LONGEST_TEXT])
    return line if len(text) <= _LONGEST_TEXT else f"{line}..."


def _missing() -> MissingExtraError:
    return MissingExtraError("safetensors", "interop", "a safetensors file")
