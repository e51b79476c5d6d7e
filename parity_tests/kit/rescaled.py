"""Forward passes with a constant in an activation, c f(z) or f(c z), which is fitted."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.forward import Form, run
from parity_tests.kit.functions import (
    ACTIVATIONS,
    USUAL,
    WRONG_ACTIVATIONS,
    activation,
    scaled,
    stretched,
)
from parity_tests.kit.subject import Layers

Array = NDArray[Any]

# Constants from which a fit may start, from how many it does, its steps, and those of them after
# which each is to halve what is off.
_CONSTANTS, _STARTS, _STEPS, _FREE = np.geomspace(0.05, 20.0, 14), 2, 16, 3


@dataclass(frozen=True)
class _Family:
    """Forms that differ by a constant in the activation of some layers.

    Attributes
    ----------
    base : Form
        Without it.
    name : callable
        ``f(constant, name)``, the activation's name with it.
    layers : tuple of int
        Hidden layers that have it.
    """

    base: Form
    name: Callable[[float, str], str]
    layers: tuple[int, ...]

    def at(self, constant: float) -> Form:
        """Return the form with a constant."""
        hidden = tuple(
            self.name(constant, own) if number in self.layers else own
            for number, own in enumerate(self.base.hidden)
        )
        return replace(self.base, hidden=hidden)


def find_rescaled(
    layers: Layers, inputs: Array, observed: Array, tolerance: float, given: Form | None = None
) -> Form | None:
    """Return the first form with a constant in it that gives the output observed, or None.

    Parameters
    ----------
    given : Form, optional
        What it is meant to be, tried first.
    """
    size = float(np.linalg.norm(observed))
    if not size or not np.isfinite(size) or len(layers) < 2:
        return None
    for family in _families(len(layers) - 1, given, _last(observed)):

        def off(constant: float, family: _Family = family) -> Array:
            output = run(family.at(constant), layers, inputs).output
            return np.asarray(output - observed).ravel() / size

        with np.errstate(all="ignore"):
            for constant in _fitted(off):
                if np.linalg.norm(off(constant)) <= tolerance:
                    return family.at(constant)
    return None


def _last(observed: Array) -> list[str]:
    """Return the usual functions of a last layer that may give such an output."""
    if np.allclose(observed.sum(axis=1), 1.0, rtol=1e-5) and (observed >= 0).all():
        return ["softmax"]
    bounds = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0)}
    within = [n for n, (a, b) in bounds.items() if ((observed >= a) & (observed <= b)).all()]
    return ["identity", *within]


def _families(depth: int, given: Form | None, last: Sequence[str]) -> Iterator[_Family]:
    names = [n for n in ACTIVATIONS if n not in WRONG_ACTIVATIONS and n != "identity"]
    bases = [Form((name,) * depth, output) for name in names for output in last]
    for base in [given, *bases] if given is not None else bases:
        is_usual = base is given or base.hidden[0] in USUAL
        one_each = [(number,) for number in range(depth)] if is_usual and depth > 1 else []
        for where in (tuple(range(depth)), *one_each):
            yield _Family(base, scaled, where)
            if not all(_is_homogeneous(base.hidden[number]) for number in where):
                yield _Family(base, stretched, where)


def _is_homogeneous(name: str) -> bool:
    """Whether f(c z) is c f(z)."""
    function, z = activation(name).value, np.linspace(-2.0, 2.0, 9)
    return bool(np.allclose(function(2 * z), 2 * function(z), rtol=1e-12, atol=1e-12))


def _fitted(off: Callable[[float], Array]) -> Iterator[float]:
    """Yield constants by Gauss-Newton, from where what is off is least, as long as it shrinks."""
    distances = np.array([np.linalg.norm(off(constant)) for constant in _CONSTANTS])
    for start in np.argsort(distances)[:_STARTS]:
        constant, before = float(_CONSTANTS[start]), np.inf
        for step in range(_STEPS):
            value = off(constant)
            distance = float(np.linalg.norm(value))
            if step > _FREE and distance > 0.5 * before:
                break
            change = 1e-6 * constant
            slope = (off(constant + change) - value) / change
            square = float(slope @ slope)
            if not np.isfinite(distance) or not np.isfinite(square) or not square:
                break
            # It stays positive.
            constant, before = max(constant - float(slope @ value) / square, constant / 2), distance
        yield constant
