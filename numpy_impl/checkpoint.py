"""Models in files: an ``.npz`` archive of plain arrays, never a pickle.

The archive holds one array per parameter under its name (``0.weight``), and the array ``header``:
UTF-8 JSON with the format version, the architecture and whatever metadata the caller adds. A
checkpoint of a training is such a file too, with more in it: the state of the optimizer and all
else that the training needs to go on (see `nested`).
"""

import inspect
import json
import os
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

import numpy_impl
from numpy_impl.arrays import FLOAT_DTYPES
from numpy_impl.atomic import replacing
from numpy_impl.errors import CheckpointError, InputError
from numpy_impl.layers import Layer, Residual
from numpy_impl.model import Sequential
from numpy_impl.nested import Arrays, pack, unpack

__all__ = ["load_checkpoint", "load_model", "save_checkpoint", "save_model"]

FORMAT = "numpy-mlp"
FORMAT_VERSION = 1

_HEADER = "header"
_STATE = "state"
# Residual blocks inside each other.
_DEEPEST = 16


class LoadedModel(NamedTuple):
    """What `load_model` returns."""

    model: Sequential
    metadata: dict[str, Any]


class Checkpoint(NamedTuple):
    """What `load_checkpoint` returns."""

    model: Sequential
    state: dict[str, Any]
    metadata: dict[str, Any]


def architecture(model: Sequential) -> list[dict[str, Any]]:
    """Return the layers of a model as plain data: type names and constructor arguments."""
    return [{"type": type(layer).__name__, **layer.config()} for layer in model]


def save_model(
    path: str | os.PathLike[str], model: Sequential, metadata: Mapping[str, Any] | None = None
) -> None:
    """Write a model to a file, in one piece or not at all (see `atomic.replacing`).

    Parameters
    ----------
    path : path
        Of the file; by custom it ends in ``.npz``.
    model : Sequential
        What to save.
    metadata : mapping, optional
        JSON-serializable facts to keep beside the model.

    Raises
    ------
    InputError
        If the metadata are not JSON, or a layer is of a type that cannot be loaded again.
    OSError
        If the file cannot be written.
    """
    _save(path, model, metadata, {})


def save_checkpoint(
    path: str | os.PathLike[str],
    model: Sequential,
    state: Mapping[str, Any],
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Write a model and whatever its training needs to go on, in one piece or not at all.

    `Trainer.fit` does it by itself, with `CheckpointFolder`; this is for a loop of one's own.

    Parameters
    ----------
    path, model, metadata
        As for `save_model`; `load_model` reads the file too.
    state : mapping of str
        Dictionaries, lists and tuples of arrays, strings, numbers, booleans and None: what
        ``optimizer.state_dict()`` and ``scheduler.state_dict()`` return, for example, and
        ``rng.bit_generator.state``.

    Raises
    ------
    InputError
        As `save_model`, and if the state holds something else.
    OSError
        If the file cannot be written.
    """
    arrays: Arrays = {}
    packed = pack(_STATE, dict(state), arrays)
    _save(path, model, metadata, arrays, {_STATE: packed})


def _save(
    path: str | os.PathLike[str],
    model: Sequential,
    metadata: Mapping[str, Any] | None,
    more: Arrays,
    entries: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    layers = architecture(model)
    for layer in layers:
        _layer_class(layer["type"])
    header = {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "dtype": model.dtype.name,
        "layers": layers,
        "metadata": dict(metadata or {}),
        **entries,
    }
    try:
        text = json.dumps(header, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError("metadata", "JSON-serializable values", str(error)) from None
    arrays: Arrays = {_HEADER: np.frombuffer(text.encode(), np.uint8), **more}
    arrays |= {parameter.name: parameter.data for parameter in model.parameters()}
    arrays |= model.buffers()
    with replacing(path) as temporary, temporary.open("xb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def load_model(path: str | os.PathLike[str]) -> LoadedModel:
    """Read a model that `save_model` wrote.

    Parameters
    ----------
    path : path
        Of the file.

    Returns
    -------
    LoadedModel
        The model, in training mode, and the metadata.

    Raises
    ------
    CheckpointError
        If the file is missing, is not such an archive, or is damaged.
    """
    model, header, _ = _load(path)
    return LoadedModel(model, header["metadata"])


def load_checkpoint(path: str | os.PathLike[str]) -> Checkpoint:
    """Read what `save_checkpoint` wrote.

    Parameters
    ----------
    path : path
        Of the file.

    Returns
    -------
    Checkpoint
        The model, in training mode, the state and the metadata.

    Raises
    ------
    CheckpointError
        If the file is missing, is not such an archive, is damaged, or holds a model alone.
    """
    model, header, arrays = _load(path)
    if not isinstance(header.get(_STATE), dict):
        raise CheckpointError(str(path), "a checkpoint of a training", "a model without its state")
    try:
        state = unpack(_STATE, header[_STATE], arrays)
    except InputError as error:
        raise CheckpointError(str(path), "a state that fits", str(error)) from None
    return Checkpoint(model, state, header["metadata"])


def _load(path: str | os.PathLike[str]) -> tuple[Sequential, dict[str, Any], Arrays]:
    """Return the model, the header, and the arrays of the state."""
    arrays = _read_arrays(path)
    header = _parse_header(str(path), arrays.pop(_HEADER))
    more = {name: arrays.pop(name) for name in list(arrays) if name.startswith(f"{_STATE}/")}
    try:
        model = _build(header["layers"], header["dtype"], arrays)
        model.load_state_dict(arrays)
    except InputError as error:
        raise CheckpointError(str(path), "layers and arrays that fit", str(error)) from None
    return model, header, more


def _read_arrays(path: str | os.PathLike[str]) -> dict[str, np.ndarray[Any, Any]]:
    expected = "a model saved by numpy-mlp"
    try:
        # NumPy does not close a file that it opened itself and could not read.
        with Path(path).open("rb") as file:
            if not zipfile.is_zipfile(file):
                raise CheckpointError(str(path), expected, "another file")
            file.seek(0)
            with np.load(file, allow_pickle=False) as archive:
                if _HEADER not in archive:
                    raise CheckpointError(str(path), expected, "an archive without a header")
                return {name: archive[name] for name in archive.files}
    except OSError as error:
        raise CheckpointError(str(path), "a readable file", error.strerror or str(error)) from None
    except CheckpointError:
        raise
    except (ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise CheckpointError(str(path), expected, str(error)) from None


def _parse_header(path: str, raw: np.ndarray[Any, Any]) -> dict[str, Any]:
    try:
        header = json.loads(raw.astype(np.uint8, casting="safe").tobytes())
        kinds = {"format": str, "version": int, "dtype": str, "layers": list, "metadata": dict}
        if not all(isinstance(header[key], kind) for key, kind in kinds.items()):
            raise TypeError
    except (ValueError, TypeError, KeyError):
        raise CheckpointError(path, "a header of numpy-mlp", "another header") from None
    if (header["format"], header["version"]) != (FORMAT, FORMAT_VERSION):
        raise CheckpointError(
            path, f"format {FORMAT} {FORMAT_VERSION}", f"{header['format']} {header['version']}"
        )
    if header["dtype"] not in {dtype.name for dtype in FLOAT_DTYPES}:
        raise CheckpointError(path, "dtype float32 or float64", repr(header["dtype"]))
    return dict(header)


def _layer_class(name: object) -> type[Layer]:
    kind = getattr(numpy_impl, name, None) if isinstance(name, str) else None
    if not isinstance(kind, type) or not issubclass(kind, Layer) or kind is Layer:
        raise InputError("layers", "types of layers that numpy_impl has", repr(name))
    return kind


def _build(layers: list[Any], dtype: str, arrays: Mapping[str, np.ndarray[Any, Any]]) -> Sequential:
    return Sequential(*_build_layers("", layers, dtype, arrays))


def _build_layers(
    prefix: str, entries: list[Any], dtype: str, arrays: Mapping[str, np.ndarray[Any, Any]]
) -> list[Layer]:
    return [
        _build_layer(f"{prefix}{position}.", entry, dtype, arrays)
        for position, entry in enumerate(entries)
    ]


def _build_layer(
    prefix: str, entry: Any, dtype: str, arrays: Mapping[str, np.ndarray[Any, Any]]
) -> Layer:
    if not isinstance(entry, dict):
        raise InputError(f"layers[{prefix[:-1]}]", "an object", repr(entry))
    kind = _layer_class(entry.get("type"))
    arguments = {key: value for key, value in entry.items() if key != "type"}
    if kind is Residual:
        inner = arguments.get("layers")
        if arguments.keys() != {"layers"} or not isinstance(inner, list):
            raise InputError(f"layers[{prefix[:-1]}]", "a list of layers", f"{sorted(arguments)}")
        if prefix.count(".") > _DEEPEST:
            raise InputError(
                f"layers[{prefix[:-1]}]", f"at most {_DEEPEST} blocks inside each other", "more"
            )
        return Residual(*_build_layers(prefix, inner, dtype, arrays))
    takes = inspect.signature(kind).parameters
    options = {key: value for key, value in {"rng": None, "dtype": dtype}.items() if key in takes}
    try:
        inspect.signature(kind).bind(**arguments, **options)
    except TypeError:
        raise InputError(
            f"layers[{prefix[:-1]}]", f"arguments of {kind.__name__}", f"{sorted(arguments)}"
        ) from None
    # Before anything is allocated on the word of a header.
    for own, shape in kind.state_shapes(**arguments).items():
        name = prefix + own
        if name not in arrays or arrays[name].shape != shape:
            got = f"shape {arrays[name].shape}" if name in arrays else "nothing"
            raise InputError(name, f"shape {shape}", got)
    return kind(**arguments, **options)
