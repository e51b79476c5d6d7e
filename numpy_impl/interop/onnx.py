"""Models as ONNX graphs, for ONNX Runtime and other programs that know the format.

A graph computes what `Sequential.predict` does: evaluation mode, for a batch of any size. Its
constants have the names of `Sequential.state_dict`, and PyTorch's layout.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from numpy_impl import __version__
from numpy_impl.arrays import check_instance, check_int, check_positive_int, describe
from numpy_impl.atomic import replacing
from numpy_impl.errors import InputError, MissingExtraError
from numpy_impl.interop.graph import Graph, Shape
from numpy_impl.interop.operators import write_layers
from numpy_impl.model import Sequential

__all__ = ["export_onnx"]

OLDEST_OPSET = 18
"""In earlier ones ReduceMean takes its axes otherwise."""

LARGEST = 2**31 - 2**20
"""Bytes of parameters and buffers: less than the 2 GiB that a file of protobuf may have."""


def export_onnx(
    path: str | os.PathLike[str],
    model: Sequential,
    *,
    input_shape: Sequence[int] | None = None,
    opset: int = OLDEST_OPSET,
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Write a model as an ONNX graph, in one piece or not at all.

    The graph has one input, ``input``, and one output, ``output``, both of the model's dtype and
    with the batch along the first axis. It is checked by the package before it is written.

    Parameters
    ----------
    path : path
        Of the file; by custom it ends in ``.onnx``.
    model : Sequential
        What to export.
    input_shape : sequence of int, optional
        Shape of one sample. By default its width is the model's `in_features`; where any width
        will do, it is any in the graph too.
    opset : int, default 18
        Version of ONNX's operators, at least 18 and at most the newest that the package knows.
    metadata : mapping, optional
        JSON-serializable facts to keep as the graph's metadata: each key with its value as JSON.

    Raises
    ------
    InputError
        If an argument is not as above, a layer is not one of `numpy_impl` or does not fit the
        shape, or the parameters take 2 GiB.
    MissingExtraError
        If onnx is not installed.
    OSError
        If the file cannot be written.

    References
    ----------
    https://onnx.ai/onnx/operators/
    """
    try:
        import onnx
        from onnx import checker
    except ImportError:
        raise MissingExtraError("onnx", "interop", "an ONNX file") from None
    check_instance("model", model, Sequential, "a Sequential")
    newest = onnx.defs.onnx_opset_version()
    if not OLDEST_OPSET <= check_int("opset", opset) <= newest:
        raise InputError("opset", f"an integer from {OLDEST_OPSET} to {newest}", repr(opset))
    size = sum(array.nbytes for array in (model.arena.values, *model.buffers().values()))
    if size > LARGEST:
        raise InputError("model", f"at most {LARGEST} bytes of parameters", f"{size} bytes")
    if metadata is not None:
        check_instance("metadata", metadata, Mapping, "a dictionary")
    properties = _as_properties(metadata or {})
    shape: Shape = (None, *_sample_shape(model, input_shape))
    graph = Graph(model.dtype)
    x = graph.input("input", shape)
    y, shape = write_layers(graph, "", model, x, shape)
    graph.output("output", y, shape)
    made = graph.model("numpy-mlp", __version__, int(opset), properties)
    checker.check_model(made, full_check=True)
    with replacing(path) as temporary:
        temporary.write_bytes(made.SerializeToString(deterministic=True))


def _sample_shape(model: Sequential, shape: Sequence[int] | None) -> Shape:
    if shape is None:
        return (model.in_features,)
    if not isinstance(shape, list | tuple) or not shape:
        raise InputError("input_shape", "the sizes of a sample's axes", describe(shape))
    return tuple(check_positive_int("input_shape", size) for size in shape)


def _as_properties(metadata: Mapping[str, Any]) -> dict[str, str]:
    try:
        return {str(key): json.dumps(value, allow_nan=False) for key, value in metadata.items()}
    except (TypeError, ValueError) as error:
        raise InputError("metadata", "JSON-serializable values", str(error)) from None
