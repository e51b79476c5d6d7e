"""Saved models, as the commands that use them need them."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from numpy_impl.app.run_folder import WEIGHTS
from numpy_impl.checkpoint import load_model
from numpy_impl.errors import CheckpointError
from numpy_impl.interop import load_safetensors
from numpy_impl.layers import Linear
from numpy_impl.model import Sequential


@dataclass(frozen=True)
class SavedModel:
    """A network and what was noted beside it.

    Attributes
    ----------
    path : Path
        Of the file.
    network : Sequential
        With the saved parameters.
    metadata : dict
        What `train` noted; any part of it is missing from models saved by other programs.
    """

    path: Path
    network: Sequential
    metadata: dict[str, Any]

    @property
    def dataset(self) -> str | None:
        """Name of the data set it was trained on."""
        name = self.metadata.get("dataset")
        if name is not None and not isinstance(name, str):
            raise self.unfit("a dataset name in its metadata", repr(name))
        return name

    @property
    def seed(self) -> int:
        """Seed it was trained with; 0 where none was noted."""
        seed = self.metadata.get("seed", 0)
        if type(seed) is not int or seed < 0:
            raise self.unfit("a seed of at least 0 in its metadata", repr(seed))
        return seed

    @property
    def scale(self) -> float | None:
        """What pixels from 0 to 255 are multiplied by; None where the inputs are not pixels."""
        scale = self.metadata.get("scale")
        if scale is None:
            return None
        if type(scale) not in (int, float) or not 0 < scale < math.inf:
            raise self.unfit("a scale above 0 in its metadata", repr(scale))
        return float(scale)

    def unfit(self, expected: str, got: str) -> CheckpointError:
        """Return the error to raise for this model."""
        return CheckpointError("MODEL", expected, f"{got} in {str(self.path)!r}")


@dataclass(frozen=True)
class Classifier(SavedModel):
    """A saved model that gives a score for each of two classes or more.

    Attributes
    ----------
    features : int
        Width of the input.
    classes : int
        Width of the output.
    """

    features: int
    classes: int


def read_model(path: Path) -> SavedModel:
    """Read a model from a file, or from the folder of a run.

    Raises
    ------
    CheckpointError
        If there is no such file, or it holds no model.
    MissingExtraError
        If it is a safetensors file, and the package for those is not installed.
    """
    file = path / WEIGHTS if path.is_dir() else path
    try:
        read = load_safetensors if file.suffix.lower() == ".safetensors" else load_model
        network, metadata = read(file)
    except CheckpointError as error:
        raise CheckpointError("MODEL", error.expected, f"{str(file)!r} ({error.got})") from None
    return SavedModel(file, network, metadata)


def read_classifier(path: Path) -> Classifier:
    """Read a model that can be given inputs and gives classes.

    Raises
    ------
    CheckpointError
        As `read_model`, and if it has no Linear layer, fewer than two outputs, or parameters
        that are NaN or infinite.
    """
    model = read_model(path)
    features = model.network.in_features
    if features is None:
        raise model.unfit("a network with a Linear layer", "a network without one")
    classes = widths(model.network)[-1]
    if classes < 2:
        raise model.unfit("a network with at least 2 outputs", f"{classes} output")
    if not np.isfinite(model.network.arena.values).all():
        raise model.unfit("finite parameters", "NaN or infinity")
    return Classifier(model.path, model.network, model.metadata, features, classes)


def widths(network: Sequential) -> list[int]:
    """Return the width of the input and that of each Linear layer's output, in order."""
    linear = [layer for layer in network if isinstance(layer, Linear)]
    return [layer.weight.shape[1] for layer in linear[:1]] + [
        layer.weight.shape[0] for layer in linear
    ]


def architecture(network: Sequential) -> str:
    """Return the widths of a network as text: ``784-128-10``."""
    return "-".join(map(str, widths(network)))


def picture_side(features: int) -> int | None:
    """Return the side of the square picture with so many pixels, None if there is none."""
    side = math.isqrt(features)
    return side if side * side == features else None
