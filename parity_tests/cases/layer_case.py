"""What the declaration of a layer or an activation says."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import numpy_impl as ours
from parity_tests.cases.refusal import Refusal
from parity_tests.inputs import BATCH, FEATURES

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
    floor: Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]] | None = None
    slope_floor: Callable[[Any, np.ndarray[Any, Any]], np.ndarray[Any, Any]] | None = None
    reason: str = ""
    refusals: tuple[Refusal, ...] = ()
