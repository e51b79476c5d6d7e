"""Layers in a row: what `Sequential` and `Residual` share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from numpy_impl.arrays import describe
from numpy_impl.errors import InputError
from numpy_impl.layers.layer import Layer
from numpy_impl.parameters import Parameter, ParameterArena, gather

if TYPE_CHECKING:
    from numpy.typing import NDArray


def check_layers(layers: Iterable[Layer]) -> tuple[Layer, ...]:
    """Return layers that can be applied one after the other and are in no other model.

    Raises
    ------
    InputError
        If there is no layer, an argument is not a layer, a layer comes twice or belongs to another
        model, or neighbouring layers do not fit.
    """
    checked: list[Layer] = []
    seen: set[int] = set()
    width: int | None = None
    for position, layer in enumerate(layers):
        name = f"layers[{position}]"
        if not isinstance(layer, Layer):
            raise InputError(name, "a Layer", describe(layer))
        if id(layer) in seen:
            raise InputError(name, "a layer of its own", "a layer that is already in this model")
        if layer.adopted:
            raise InputError(
                name, "a layer that is in no other model (deepcopy it)", "a layer of another model"
            )
        if width is None:
            width = layer.in_features
        elif layer.in_features not in (None, width):
            raise InputError(name, f"{width} input features", f"{layer.in_features}")
        if width is not None:
            width = layer.out_features(width)
        checked.append(layer)
        seen.add(id(layer))
    if not checked:
        raise InputError("layers", "at least one layer", "none")
    return tuple(checked)


def adopt(layers: Sequence[Layer]) -> ParameterArena:
    """Move the parameters of layers into one arena, named by the positions of their layers.

    Raises
    ------
    InputError
        If the layers have different dtypes.
    """
    parameters = all_parameters(layers)
    dtype = common_dtype(layers)
    for position, layer in enumerate(layers):
        layer.adopted = True
        for parameter in layer.parameters():
            parameter.name = f"{position}.{parameter.name}"
    return gather(parameters, dtype or np.dtype(np.float32))


def common_dtype(layers: Iterable[Layer]) -> np.dtype[Any] | None:
    """Return the dtype that layers have; None where all take any.

    A layer without parameters may have one too: a normalization that is not affine.

    Raises
    ------
    InputError
        If they have different ones.
    """
    dtypes: set[np.dtype[Any]] = set()
    for layer in layers:
        own = getattr(layer, "dtype", None)
        dtypes.update([own] if own is not None else [])
        dtypes.update(parameter.arena.dtype for parameter in layer.parameters())
    if len(dtypes) > 1:
        raise InputError("layers", "one dtype", " and ".join(sorted(map(str, dtypes))))
    return dtypes.pop() if dtypes else None


def all_parameters(layers: Iterable[Layer]) -> list[Parameter]:
    """Return the parameters of layers, in their order."""
    return [parameter for layer in layers for parameter in layer.parameters()]


def all_buffers(layers: Iterable[Layer]) -> dict[str, NDArray[Any]]:
    """Return the buffers of layers, named by the positions of their layers."""
    return {
        f"{position}.{name}": array
        for position, layer in enumerate(layers)
        for name, array in layer.buffers().items()
    }


def all_generators(layers: Iterable[Layer]) -> list[np.random.Generator]:
    """Return the generators that layers draw from, in their order."""
    return [rng for layer in layers for rng in layer.generators()]
