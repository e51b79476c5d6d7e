"""Models in files: an ``.npz`` archive of plain arrays, never a pickle.

The archive holds one array per parameter under its name (``0.weight``), and the array ``header``:
UTF-8 JSON with the format version, the architecture and whatever metadata the caller adds. A
checkpoint of a training is such a file too, with more in it: the state of the optimizer and all
else that the training needs to go on (see `nested`).
"""

import inspect
import json
import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

import numpy_impl
from numpy_impl.arrays import FLOAT_DTYPES, check_instance
from numpy_impl.atomic import replacing
from numpy_impl.errors import CheckpointError, InputError
from numpy_impl.layers import Layer, Residual
from numpy_impl.model import Sequential
from numpy_impl.nested import Arrays, pack, unpack
from numpy_impl.npz import DEFAULT_MAX_BYTES, read_npz
from numpy_impl.untrusted import one_line, parse_json

__all__ = ["load_checkpoint", "load_model", "save_checkpoint", "save_model"]

FORMAT = "numpy-mlp"
FORMAT_VERSION = 1

_HEADER = "header"
_STATE = "state"
# It takes up to 40 times as much memory, with the layers that it names.
MAX_HEADER_BYTES = 1 << 20
Shapes = Mapping[str, tuple[int, ...]]

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


def make_header(
    model: Sequential,
    metadata: Mapping[str, Any] | None,
    more: Mapping[str, Any] = MappingProxyType({}),
) -> str:
    """Return the format, the architecture, the metadata of a model, and more entries, as JSON.

    Raises
    ------
    InputError
        If there is no model, the metadata are not JSON or too long, or a layer is of a type that
        cannot be loaded.
    """
    check_instance("model", model, Sequential, "a Sequential")
    if metadata is not None:
        check_instance("metadata", metadata, Mapping, "a dictionary")
    layers = architecture(model)
    for layer in layers:
        _layer_class(layer["type"])
    header = {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "dtype": model.dtype.name,
        "layers": layers,
        "metadata": dict(metadata or {}),
        **more,
    }
    try:
        text = json.dumps(header, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError("metadata", "JSON-serializable values", str(error)) from None
    if len(text) > MAX_HEADER_BYTES:
        expected = f"at most {MAX_HEADER_BYTES} bytes with the layers"
        raise InputError("metadata", expected, f"{len(text)}")
    return text


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
        If the metadata are not JSON or too long, or a layer is of a type that cannot be loaded.
    OSError
        If the file cannot be written.
    """
    _save(path, model, make_header(model, metadata), {})


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
    check_instance("state", state, Mapping, "a dictionary")
    arrays: Arrays = {}
    packed = pack(_STATE, dict(state), arrays)
    _save(path, model, make_header(model, metadata, {_STATE: packed}), arrays)


def _save(path: str | os.PathLike[str], model: Sequential, header: str, more: Arrays) -> None:
    arrays: Arrays = {_HEADER: np.frombuffer(header.encode(), np.uint8), **more}
    arrays |= {parameter.name: parameter.data for parameter in model.parameters()}
    arrays |= model.buffers()
    with replacing(path) as temporary, temporary.open("xb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def load_model(path: str | os.PathLike[str], *, max_bytes: int = DEFAULT_MAX_BYTES) -> LoadedModel:
    """Read a model that `save_model` wrote.

    The file may come from anybody. It takes memory of at most six times `max_bytes`, and 256 MiB,
    whatever it claims to hold.

    Parameters
    ----------
    path : path
        Of the file.
    max_bytes : int, default 2**30
        The most that all arrays together may take.

    Returns
    -------
    LoadedModel
        The model, in training mode, and the metadata.

    Raises
    ------
    CheckpointError
        If the file is missing, is not such an archive, is damaged, or its arrays are larger.
    InputError
        If `path` is no path, or `max_bytes` no positive integer.
    """
    model, header, _ = _load(path, max_bytes)
    return LoadedModel(model, header["metadata"])


def load_checkpoint(
    path: str | os.PathLike[str], *, max_bytes: int = DEFAULT_MAX_BYTES
) -> Checkpoint:
    """Read what `save_checkpoint` wrote.

    Parameters
    ----------
    path, max_bytes
        As for `load_model`.

    Returns
    -------
    Checkpoint
        The model, in training mode, the state and the metadata.

    Raises
    ------
    CheckpointError
        As `load_model`, and if the file holds a model alone.
    InputError
        If `path` is no path, or `max_bytes` no positive integer.
    """
    model, header, arrays = _load(path, max_bytes)
    if not isinstance(header.get(_STATE), dict):
        raise CheckpointError(str(path), "a checkpoint of a training", "a model without its state")
    try:
        state = unpack(_STATE, header[_STATE], arrays)
    except InputError as error:
        raise CheckpointError(str(path), "a state that fits", one_line(str(error))) from None
    if not isinstance(state, dict):
        raise CheckpointError(str(path), "a state that is a dictionary", type(state).__name__)
    return Checkpoint(model, state, header["metadata"])


def _load(
    path: str | os.PathLike[str], max_bytes: int
) -> tuple[Sequential, dict[str, Any], Arrays]:
    """Return the model, the header, and the arrays of the state."""
    expected = "a model saved by numpy-mlp"
    arrays = read_npz(path, expected=expected, max_bytes=max_bytes)
    if _HEADER not in arrays:
        raise CheckpointError(str(path), expected, "an archive without a header")
    raw = arrays.pop(_HEADER)
    header = parse_header(str(path), raw.tobytes() if raw.dtype == np.uint8 else b"")
    more = {name: arrays.pop(name) for name in list(arrays) if name.startswith(f"{_STATE}/")}
    try:
        _check_dtypes(header["dtype"], arrays)
        model = build_model(header, {name: array.shape for name, array in arrays.items()})
        model.load_state_dict(arrays)
    except InputError as error:
        fault = one_line(str(error))
        raise CheckpointError(str(path), "layers and arrays that fit", fault) from None
    return model, header, more


def parse_header(path: str, text: str | bytes) -> dict[str, Any]:
    """Return what `make_header` made; CheckpointError, naming the file, for anything else."""
    if len(text) > MAX_HEADER_BYTES:
        raise CheckpointError(path, f"a header of at most {MAX_HEADER_BYTES} bytes", f"{len(text)}")
    try:
        header = parse_json(text.encode() if isinstance(text, str) else text)
        kinds = {"format": str, "version": int, "dtype": str, "layers": list, "metadata": dict}
        if not all(type(header[key]) is kind for key, kind in kinds.items()):
            raise TypeError
    except (ValueError, TypeError, KeyError):
        raise CheckpointError(path, "a header of numpy-mlp", "another header") from None
    if (header["format"], header["version"]) != (FORMAT, FORMAT_VERSION):
        got = one_line(f"{header['format']} {header['version']}")
        raise CheckpointError(path, f"format {FORMAT} {FORMAT_VERSION}", got)
    if header["dtype"] not in {dtype.name for dtype in FLOAT_DTYPES}:
        raise CheckpointError(path, "dtype float32 or float64", one_line(repr(header["dtype"])))
    return dict(header)


def _check_dtypes(dtype: str, arrays: Mapping[str, np.ndarray[Any, Any]]) -> None:
    for name, array in arrays.items():
        if array.dtype.name not in (dtype, "int64"):
            raise InputError(name, f"{dtype} as in the header, or int64", f"{array.dtype}")


def _layer_class(name: object) -> type[Layer]:
    kind = getattr(numpy_impl, name, None) if isinstance(name, str) else None
    if not isinstance(kind, type) or not issubclass(kind, Layer) or kind is Layer:
        raise InputError("layers", "types of layers that numpy_impl has", repr(name))
    return kind


def build_model(header: Mapping[str, Any], shapes: Shapes) -> Sequential:
    """Return a model of the architecture in a header, with parameters that are to be loaded.

    Parameters
    ----------
    header : mapping
        What `parse_header` returns.
    shapes : mapping of str to tuple of int
        Of the arrays that the file holds.

    Raises
    ------
    InputError
        If there is no such model, or the file lacks arrays of it. Then nothing is allocated.
    """
    return Sequential(*_build_layers("", header["layers"], header["dtype"], shapes))


def _build_layers(prefix: str, entries: list[Any], dtype: str, shapes: Shapes) -> list[Layer]:
    return [
        _build_layer(f"{prefix}{position}.", entry, dtype, shapes)
        for position, entry in enumerate(entries)
    ]


def _build_layer(prefix: str, entry: Any, dtype: str, shapes: Shapes) -> Layer:
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
        return Residual(*_build_layers(prefix, inner, dtype, shapes))
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
        if shapes.get(name) != shape:
            got = f"shape {shapes[name]}" if name in shapes else "nothing"
            raise InputError(name, f"shape {shape}", got)
    return kind(**arguments, **options)
