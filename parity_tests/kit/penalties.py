"""Penalties on parameters that losses have added, and what their gradients add."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.subject.subject import Layers, by_name

Array = NDArray[Any]

# Coefficients by the names of penalties.
Shares = Mapping[str, float]


@dataclass(frozen=True)
class Penalty:
    """A penalty on an array.

    Attributes
    ----------
    name : str
        What is penalized: ``"squares"``, ``"absolute values"`` or ``"norm"``.
    value : callable
        The sum over the entries, or the root of that of their squares.
    slope : callable
        Its derivative over `factor`.
    factor : float
        The derivative is so many times `slope`.
    added : str
        What the gradient of a matrix or a bias has added, in words, with a place for its name.
    """

    name: str
    value: Callable[[Array], float]
    slope: Callable[[Array], Array]
    factor: float
    added: str


def _norm(array: Array) -> float:
    return float(np.linalg.norm(array))


PENALTIES = {
    penalty.name: penalty
    for penalty in (
        Penalty("squares", lambda w: float((w**2).sum()), lambda w: w, 2.0, "{}"),
        Penalty(
            "absolute values", lambda w: float(np.abs(w).sum()), np.sign, 1.0, "the signs of {}"
        ),
        Penalty("norm", _norm, lambda w: w / (_norm(w) or 1.0), 1.0, "{0} over the norm of {0}"),
    )
}

# Those whose slopes a gradient shows apart: that of a norm is a multiple of the array.
SUMS = ("squares", "absolute values")


@dataclass(frozen=True)
class Penalized:
    """What a loss has added.

    Attributes
    ----------
    weights, biases : mapping
        Coefficients of the penalties on all matrices, and on all biases; their mean where each
        has its own.
    unseen_weights, unseen_biases : mapping
        How much of each the values of the loss, which are rounded, do not show.
    own, unseen_own : mapping
        The same by the names of single tensors; empty if all matrices have the same coefficients,
        and all biases.
    """

    weights: Shares
    biases: Shares
    unseen_weights: Shares = field(default_factory=dict)
    unseen_biases: Shares = field(default_factory=dict)
    own: Mapping[str, Shares] = field(default_factory=dict)
    unseen_own: Mapping[str, Shares] = field(default_factory=dict)

    def of(self, tensor: str) -> Shares:
        """Return the coefficients for ``"W1"``, ``"b1"`` and so on."""
        if self.own:
            return self.own.get(tensor, {})
        return self.biases if tensor.startswith("b") else self.weights

    def unseen(self, tensor: str) -> Shares:
        """Return how much of the coefficients for ``"W1"``, ``"b1"`` and so on is not known."""
        if self.own:
            return self.unseen_own.get(tensor, {})
        return self.unseen_biases if tensor.startswith("b") else self.unseen_weights

    @property
    def is_subtracted(self) -> bool:
        """Whether all coefficients are negative, which makes parameters grow."""
        return all(
            share < 0
            for shares in (self.weights, self.biases, *self.own.values())
            for share in shares.values()
        )

    def negated(self) -> "Penalized":
        """Return the penalty of which this one is taken off."""

        def turned(shares: Shares) -> Shares:
            return {name: -share for name, share in shares.items()}

        own = {tensor: turned(shares) for tensor, shares in self.own.items()}
        return replace(self, weights=turned(self.weights), biases=turned(self.biases), own=own)

    def value(self, layers: Layers) -> float:
        """Return what is added for some parameters."""
        return sum(
            share * PENALTIES[name].value(array)
            for tensor, array in by_name(layers).items()
            for name, share in self.of(tensor).items()
        )

    def __str__(self) -> str:
        """What is added, in words."""
        if self.own:
            return " and ".join(_told(shares, tensor) for tensor, shares in self.own.items())
        if close(self.weights, self.biases, 1e-6):
            return _told(self.weights, "the weights and biases")
        parts = (_told(self.weights, "the weights"), _told(self.biases, "the biases"))
        return " and ".join(filter(None, parts))


def _told(shares: Shares, of: str) -> str:
    return " and ".join(f"{share:.6g} x the {name} of {of}" for name, share in shares.items())


def arrays_of(layers: Layers) -> tuple[list[Array], list[Array]]:
    """Return all matrices, and all biases."""
    biases = [np.asarray(layer.bias) for layer in layers if layer.bias is not None]
    return [layer.weight for layer in layers], biases


def slope_of(shares: Shares, array: Array) -> Array:
    """Return the multiples of an array, and of its signs, that are added to its gradient."""
    terms = [share * PENALTIES[name].slope(array) for name, share in shares.items()]
    return sum(terms, np.zeros_like(array))


def as_sums(shares: Shares, array: Array) -> Shares:
    """Return coefficients of `SUMS` that have the same slope at an array."""
    of_norm = shares.get("norm", 0.0) / (_norm(array) or 1.0)
    sums = {name: share for name, share in shares.items() if name in SUMS}
    return sums | ({"squares": sums.get("squares", 0.0) + of_norm} if of_norm else {})


def added(shares: Shares, tensor: str) -> str:
    """Return in words what is added to the gradient of a tensor."""
    terms = (
        f"{share:.6g} x {PENALTIES[name].added.format(tensor)}" for name, share in shares.items()
    )
    return " and ".join(terms) or "nothing"


def close(
    one: Shares, other: Shares, tolerance: float, unseen: Shares = MappingProxyType({})
) -> bool:
    """Whether all coefficients are the same, relative to the larger one.

    Parameters
    ----------
    unseen : mapping, optional
        What each may be off by besides.
    """

    def is_close(name: str) -> bool:
        first, second = one.get(name, 0.0), other.get(name, 0.0)
        allowed = tolerance * max(abs(first), abs(second)) + unseen.get(name, 0.0)
        return abs(first - second) <= allowed

    return all(map(is_close, PENALTIES))


def slopes_of(shares: Shares, times: float = 1.0) -> dict[str, float]:
    """Return so many times what gradients have of penalties, from their coefficients in a loss."""
    return {name: PENALTIES[name].factor * share * times for name, share in shares.items()}


def what_is_left(observed: Array, penalty: Array, tolerance: float) -> Array:
    """Return what a penalty leaves of a gradient, without rounding where that is nothing."""
    rest: Array = observed - penalty
    is_nothing = np.linalg.norm(rest) <= tolerance * np.linalg.norm(observed)
    return np.zeros_like(rest) if is_nothing else rest
