"""What the declaration of a layer or an activation says."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import numpy_impl as ours
from parity_tests.cases.refusal import Refusal
from parity_tests.inputs import BATCH, FEATURES, Repeated

Array = NDArray[Any]
Shape = tuple[int, ...]

ROWS: tuple[Shape, ...] = ((BATCH, FEATURES), (1, FEATURES))
"""Shapes of a batch, and of a batch of one."""

ANY: tuple[Shape, ...] = (*ROWS, (FEATURES,), (3, 2, FEATURES), (0, FEATURES), ())
"""Shapes for an operation that takes every shape."""


@dataclass(frozen=True)
class LayerCase:
    """A layer of the catalogue.

    Attributes
    ----------
    operation : type
        The class under test; its twin is PyTorch's class of the same name.
    variants : mapping of str to mapping
        Arguments of the constructor, under a name for the form they make. ``rng`` and ``dtype`` are
        handed in where the constructor takes them.
    shapes : tuple of shapes
        Of inputs it takes.
    terms : int
        Roundings on the way to an entry of a result, for the float64 bound.
    kinks : tuple of float
        Where the function or its slope jumps; or a function from the layer to such numbers.
    floor : callable, optional
        From an input to magnitudes that are added to the unit of error, where PyTorch's own formula
        has terms that cancel and ours has not.
    slope_floor : callable, optional
        From a layer and an input to magnitudes that are added, times the largest gradient of an
        output, to the unit of error of the input's gradient: where the terms of a slope cancel in
        PyTorch's formula and in ours.
    grads_floor : callable, optional
        The same for the gradients of parameters, by name, and of the input, as ``"input"``: where
        such a slope stands between them and the output.
    exact : callable, optional
        For one entry at a time: the same function in terms of PyTorch in which nothing cancels, of
        which the special values are then held without a floor.
    reason : str
        Why `terms` is more than 8, or what a floor stands for.
    refusals : tuple of Refusal
        What must be refused.
    """

    operation: type[ours.Layer]
    variants: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: {"default": {}})
    shapes: tuple[Shape, ...] = ANY
    terms: int = 8
    kinks: tuple[float, ...] | Callable[[Any], tuple[float, ...]] = ()
    floor: Callable[[Array], Array] | None = None
    slope_floor: Callable[[Any, Array], Array] | None = None
    grads_floor: Callable[[Any, Array], Mapping[str, Array]] | None = None
    exact: Callable[[torch.Tensor], torch.Tensor] | None = None
    reason: str = ""
    refusals: tuple[Refusal, ...] = ()

    def make(self, variant: str, rng: np.random.Generator, dtype: np.dtype[Any]) -> ours.Layer:
        """Return the layer in one form, with random parameters, none of which is at its default."""
        options: dict[str, Any] = dict(self.variants[variant])
        if "layers" in options:
            layer = self.operation(*options["layers"]({"rng": rng, "dtype": dtype}))
        else:
            takes = inspect.signature(self.operation).parameters
            given = {"rng": Repeated(np.random.PCG64(0)), "dtype": dtype}
            options |= {name: value for name, value in given.items() if name in takes}
            layer = self.operation(**options)
        for parameter in layer.parameters():
            parameter.data = rng.standard_normal(parameter.shape)
        return layer
