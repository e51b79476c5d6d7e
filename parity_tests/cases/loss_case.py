"""What the declaration of a loss says."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import numpy_impl as ours
from parity_tests.cases.refusal import Refusal
from parity_tests.inputs import BATCH, FEATURES, normal

Array = np.ndarray[Any, Any]
Shape = tuple[int, ...]
Draw = Callable[[np.random.Generator, Shape], Array]

ENTRIES: tuple[Shape, ...] = ((BATCH, FEATURES), (3, 2, FEATURES), (FEATURES,), (0, FEATURES))
"""Shapes for a loss that compares entry by entry."""


@dataclass(frozen=True)
class LossCase:
    """A loss of the catalogue.

    Attributes
    ----------
    operation : type
        The class under test; its twin is PyTorch's class of the same name.
    inputs : callable
        From a generator, a function that draws numbers, and a shape to what `forward` takes.
    special : sequence of tuples
        Input, target and what else there is, entry by entry or row by row: kinks and what is next
        to them, zeros, infinities, 1e4.
    formula, derivative : callable
        The plain functions, for entries, or for rows and labels.
    variants : mapping of str to mapping
        Arguments of the constructor but the reduction, under a name for the form they make. Arrays
        among them are cast to the precision of the input.
    shapes : tuple of shapes
        Of inputs it takes.
    draws : mapping of str to callable
        What `inputs` is given.
    reductions : tuple of str
        All that it has.
    classes : bool
        Whether an axis of the input is that of the classes; else it compares entry by entry.
    wanted : tuple of int
        Which arguments of `forward` have a derivative.
    conditions : callable, optional
        From a loss and the arguments of `forward`, in float64, to the unit of error of the losses,
        and to that of the derivative of each sample's loss with respect to the input; by default
        these are found by autograd.
    floor : callable, optional
        From a loss and the arguments of `forward`, in float64 and of one shape, to what is added to
        the units of the losses and of each derivative, where terms cancel that autograd cannot see.
    exact : type, optional
        What special values are held against, where PyTorch's class is not finite and ours is.
    terms : int
        Roundings on the way to a loss, for the float64 bound.
    reason : str
        Why there are more than 4 terms, or floors, or an exact twin.
    refusals : tuple of Refusal
        What must be refused.
    """

    operation: type[ours.Loss]
    inputs: Callable[[np.random.Generator, Draw, Shape], tuple[Array, ...]]
    special: Callable[[], tuple[Array, ...]]
    formula: Callable[..., Array]
    derivative: Callable[..., Array]
    variants: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: {"default": {}})
    shapes: tuple[Shape, ...] = ENTRIES
    draws: Mapping[str, Draw] = field(default_factory=dict)
    reductions: tuple[str, ...] = ("none", "mean", "sum")
    classes: bool = False
    wanted: tuple[int, ...] = (0,)
    conditions: Callable[..., tuple[Array, Array]] | None = None
    floor: Callable[..., tuple[Array, ...]] | None = None
    exact: type | None = None
    terms: int = 4
    reason: str = ""
    refusals: tuple[Refusal, ...] = ()

    def make(self, variant: str, reduction: str, dtype: np.dtype[Any]) -> Any:
        """Return the loss in one form."""
        return self.operation(**self.arguments(variant, dtype), reduction=reduction)

    def arguments(self, variant: str, dtype: np.dtype[Any]) -> dict[str, Any]:
        """Return the arguments of one form, in one precision."""
        return {
            name: value.astype(dtype) if isinstance(value, np.ndarray) else value
            for name, value in self.variants[variant].items()
        }

    def draw(
        self, rng: np.random.Generator, shape: Shape, dtype: np.dtype[Any], draw: Draw = normal
    ) -> tuple[Array, ...]:
        """Return what `forward` takes, in one precision; labels are integers."""
        return cast(self.inputs(rng, draw, shape), dtype)


def cast(arrays: tuple[Array, ...], dtype: np.dtype[Any]) -> tuple[Array, ...]:
    """Return arrays with the floating-point ones in one precision."""
    return tuple(a.astype(dtype) if a.dtype.kind == "f" else a for a in arrays)
