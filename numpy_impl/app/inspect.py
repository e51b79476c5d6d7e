"""The command ``inspect``: what is in a saved model."""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

from numpy_impl.app.json_data import plain
from numpy_impl.app.models import SavedModel, architecture, read_model
from numpy_impl.app.text import percent, table
from numpy_impl.model import Sequential
from numpy_impl.parameters import Parameter


class LayerReport(NamedTuple):
    """One layer: its type, the widths of its input and output, the number of its parameters."""

    position: int
    type: str
    inputs: int | None
    outputs: int | None
    parameters: int


class ParameterReport(NamedTuple):
    """One parameter, and figures on its entries.

    Attributes
    ----------
    name : str
    shape : tuple of int
    mean, std, min, max : float
    zeros : float
        Share of entries that are exactly 0.
    norm : float
        Euclidean norm of all entries.
    """

    name: str
    shape: tuple[int, ...]
    mean: float
    std: float
    min: float
    max: float
    zeros: float
    norm: float


def layer_reports(network: Sequential) -> list[LayerReport]:
    """Return a report for every layer, in order; widths are None before the first Linear."""
    reports = []
    width = network.in_features
    for position, layer in enumerate(network):
        # Layers before the first Linear leave the width as it is.
        out = None if width is None else layer.out_features(width)
        size = sum(parameter.size for parameter in layer.parameters())
        reports.append(LayerReport(position, type(layer).__name__, width, out, size))
        width = out
    return reports


def parameter_report(parameter: Parameter) -> ParameterReport:
    """Return the figures on a parameter, computed in float64."""
    values = parameter.data.astype(np.float64).ravel()
    with np.errstate(invalid="ignore"):
        return ParameterReport(
            name=parameter.name,
            shape=parameter.shape,
            mean=float(values.mean()),
            std=float(values.std()),
            min=float(values.min()),
            max=float(values.max()),
            zeros=float(np.count_nonzero(values == 0) / values.size),
            norm=float(np.linalg.norm(values)),
        )


def run(model: Path, *, as_json: bool = False) -> None:
    """Print the layers, the parameters and the metadata of a model.

    Parameters
    ----------
    model : Path
        A run folder or the file of a model.
    as_json : bool, default False
        Print one JSON object instead, with null for NaN and infinity.

    Raises
    ------
    CheckpointError
        If the model cannot be read.
    """
    saved = read_model(model)
    print(_json(saved) if as_json else _text(saved))


def _json(saved: SavedModel) -> str:
    network = saved.network
    return json.dumps(
        {
            "path": str(saved.path),
            "architecture": architecture(network),
            "dtype": network.dtype.name,
            "parameters": len(network.arena),
            "bytes": network.arena.values.nbytes,
            "layers": [report._asdict() for report in layer_reports(network)],
            "statistics": [
                plain(parameter_report(parameter)._asdict()) for parameter in network.parameters()
            ],
            "metadata": saved.metadata,
        },
        indent=2,
    )


def _text(saved: SavedModel) -> str:
    network = saved.network
    parts = [
        f"{saved.path}\n{architecture(network)}  {len(network.arena)} parameters"
        f"  {network.dtype.name}  {network.arena.values.nbytes} bytes",
        _layer_table(network),
        _parameter_table(network),
    ]
    if saved.metadata:
        width = max(map(len, saved.metadata))
        lines = [f"{key:{width}}  {json.dumps(value)}" for key, value in saved.metadata.items()]
        parts.append("\n".join(["metadata", *lines]))
    return "\n\n".join(parts)


def _layer_table(network: Sequential) -> str:
    rows = [
        (
            f"{layer.position} {layer.type}",
            "any" if layer.inputs is None else layer.inputs,
            "any" if layer.outputs is None else layer.outputs,
            layer.parameters,
        )
        for layer in layer_reports(network)
    ]
    total = ("total", "", "", len(network.arena))
    return table([("layer", "inputs", "outputs", "parameters"), *rows, total])


def _parameter_table(network: Sequential) -> str:
    rows = []
    for parameter in network.parameters():
        report = parameter_report(parameter)
        figures = (report.mean, report.std, report.min, report.max)
        rows.append(
            (
                report.name,
                " x ".join(map(str, report.shape)),
                *(f"{figure:.4f}" for figure in figures),
                percent(report.zeros),
                f"{report.norm:.4f}",
            )
        )
    return table([("parameter", "shape", "mean", "std", "min", "max", "zeros", "norm"), *rows])
