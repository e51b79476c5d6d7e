"""Forward passes with a constant in an activation, c f(z) or f(c z), which is fitted."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
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
from parity_tests.kit.subject.subject import Layers

Array = NDArray[Any]

# Constants from which a fit may start, from how many it does, its steps, and those of them after
# which each is to halve what is off.
_CONSTANTS, _STARTS, _STEPS, _FREE = np.geomspace(0.05, 20.0, 14), 2, 16, 3
# Slopes below zero from which a fit may start, and the activations that may have one.
_SLOPES, _LEAKY = np.geomspace(1e-6, 0.8, 14), ("relu", "leaky_relu")


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
    starts : ndarray
        Constants from which a fit may start.
    """

    base: Form
    name: Callable[[float, str], str]
    layers: tuple[int, ...]
    starts: Array = field(default_factory=lambda: _CONSTANTS)

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
            for constant in _fitted(off, family.starts):
                if np.linalg.norm(off(constant)) <= tolerance:
                    return family.at(constant)
    return None if given is None else _with_several(layers, inputs, observed, tolerance, given)


def _with_several(
    layers: Layers, inputs: Array, observed: Array, tolerance: float, given: Form
) -> Form | None:
    """Return the form with a factor of its own in every hidden layer, or None."""
    depth, size = len(given.hidden), float(np.linalg.norm(observed))
    if depth < 2:
        return None

    def at(factors: Array) -> Form:
        names = (scaled(f, own) for f, own in zip(factors, given.hidden, strict=True))
        return replace(given, hidden=tuple(names))

    def off(factors: Array) -> Array:
        return np.asarray(run(at(factors), layers, inputs).output - observed).ravel() / size

    with np.errstate(all="ignore"):
        starts = [np.full(depth, constant) for constant in _CONSTANTS]
        factors = min(starts, key=lambda start: float(np.linalg.norm(off(start))))
        for _ in range(_STEPS):
            value = off(factors)
            changes = 1e-6 * np.diag(factors)
            slopes = [(off(factors + own) - value) / own.max() for own in changes]
            basis = np.stack(slopes, axis=1)
            if not np.isfinite(basis).all():
                return None
            change, *_ = np.linalg.lstsq(basis, -value, rcond=None)
            # They stay positive.
            factors = np.maximum(factors + change, factors / 2)
        return at(factors) if np.linalg.norm(off(factors)) <= tolerance else None


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
    likely = [] if given is None else [given]
    if given is not None and given.output == "softmax":
        # What applies one function twice does so with the last one.
        likely.append(replace(given, output="softmax of softmax"))
    for base in (*likely, *bases):
        is_usual = base in likely or base.hidden[0] in USUAL
        one_each = [(number,) for number in range(depth)] if is_usual and depth > 1 else []
        for where in (tuple(range(depth)), *one_each):
            if all(base.hidden[number].partition(":")[0] in _LEAKY for number in where):
                yield _Family(base, lambda slope, _: f"leaky_relu:{slope:.12g}", where, _SLOPES)
            yield _Family(base, scaled, where)
            if not all(_is_homogeneous(base.hidden[number]) for number in where):
                yield _Family(base, stretched, where)


def _is_homogeneous(name: str) -> bool:
    """Whether f(c z) is c f(z)."""
    function, z = activation(name).value, np.linspace(-2.0, 2.0, 9)
    return bool(np.allclose(function(2 * z), 2 * function(z), rtol=1e-12, atol=1e-12))


def _fitted(off: Callable[[float], Array], starts: Array) -> Iterator[float]:
    """Yield constants by Gauss-Newton, from where what is off is least, as long as it shrinks."""
    distances = np.array([np.linalg.norm(off(constant)) for constant in starts])
    for start in np.argsort(distances)[:_STARTS]:
        constant, before = float(starts[start]), np.inf
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
