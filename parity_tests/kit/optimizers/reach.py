r"""Which kinds of optimizers the first step rules out, whatever their hyperparameters.

A first step is linear in the gradient, :math:`c g`, or nearly as large for small gradients as for
large ones, :math:`c g / (\sqrt{s g^2 + a} + a)`, with a number c for each parameter.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.optimizers.formulas import DECOUPLED, LINEAR, USUAL, Formula
from parity_tests.kit.optimizers.observed import Observed

Array = NDArray[Any]

# The least share s that the square of the first gradient has in the root, and the largest number a
# beside it other than eps, with usual hyperparameters: what of the step is linear is most there.
_FLAT: Mapping[str, tuple[float, float]] = {
    "adagrad": (1.0, max(USUAL["initial_accumulator_value"])),
    "rmsprop": ((1 - max(USUAL["alpha"])) * max(USUAL["alpha"]), 0.0),
    "adadelta": (1 - max(USUAL["rho"]), max(USUAL["eps"])),
    **dict.fromkeys(("adam", "adamw", "amsgrad", "nadam"), (1 - max(USUAL["beta2"]), 0.0)),
    **dict.fromkeys(("adamax", "signsgd", "lion"), (1.0, 0.0)),
}
# What a linear step leaves beside the gradient at most; rounding alone is less.
_LINEAR = 1e-3


# Parts of a formula that later steps show alone, and what they are in the first one.
_LATER: Mapping[str, Mapping[str, str]] = {
    "gradient": {"accumulated": "own", "first": "own"},
    "count": {"lagging": "steps"},
    "moments": dict.fromkeys(
        (
            "kept corrected",
            "first kept corrected",
            "second kept corrected",
            "second by beta1",
            "first undecayed",
            "second undecayed",
        ),
        "means",
    ),
    "maximum": dict.fromkeys(("corrected", "none"), "moments"),
    "rate": {f"steps, {how}": "constant" for how in ("inverse", "exponential", "root")},
}
_PARTS = tuple(own.name for own in fields(Formula) if own.name not in ("options", "scale"))


class Reach:
    """What is known of the first step of all formulas of a kind.

    Parameters
    ----------
    observed : Observed
        The steps.
    """

    def __init__(self, observed: Observed) -> None:
        self._observed = observed
        self._left: dict[tuple[float, float] | None, float] = {}
        self._begun: dict[tuple[Any, ...], Array] = {}

    def excludes(self, formula: Formula, limit: float) -> bool:
        """Whether no formula like this one, whatever its numbers, has a first step so near.

        Parameters
        ----------
        formula : Formula
            Its eps and weight decay are those that are tried, the other numbers may be others.
        limit : float
            As `Observed.distance` returns it.
        """
        if formula.state == "shared":
            return False
        if formula.kind in LINEAR:
            return not formula.clip.startswith("entry") and self._beside(None) > limit
        if formula.kind not in _FLAT or not _is_flat(formula):
            return False
        share, added = _FLAT[formula.kind]
        most_linear = share, max(added, formula.options.get("eps", 0.0))
        return self._beside(None) <= _LINEAR and self._beside(most_linear) > limit

    def of_first(self, formula: Formula, tried: Hashable, distances: Callable[[], Array]) -> Array:
        """Return how far first steps are off, worked out once for those that begin alike.

        Parameters
        ----------
        tried : hashable
            Of which hyperparameters which values are tried; all others are as in the formula.
        distances : callable
            ``f()``, which works them out.
        """
        rate = None if formula.rate.startswith("steps") else formula.options.get("lr_decay")
        key = (*_begun(formula), formula.scale, rate, tried)
        if key not in self._begun:
            self._begun[key] = distances()
        return self._begun[key]

    def _beside(self, shape: tuple[float, float] | None) -> float:
        """Return what a shape leaves of the first step: s and a, or None where it is linear."""
        if shape not in self._left:
            self._left[shape] = self._observed.left_of_first(self._direction(shape))
        return self._left[shape]

    def _direction(self, shape: tuple[float, float] | None) -> Array:
        gradient = self._observed.asked.gradients[0]
        if shape is None:
            return gradient
        share, added = shape
        with np.errstate(all="ignore"):
            size = np.sqrt(share * gradient**2 + added) + added
            return np.where(gradient == 0, 0.0, gradient / size)


def _begun(formula: Formula) -> Iterator[str]:
    """Yield the parts of a formula that begins as this one does, but for rounding."""
    for name in _PARTS:
        own = getattr(formula, name)
        if name == "state" and own != "shared" and (own != "new" or formula.count == "steps"):
            own = "kept"
        yield _LATER.get(name, {}).get(own, own)


def _is_flat(formula: Formula) -> bool:
    """Whether the step hardly grows with the gradient; of a kind that is not linear."""
    is_decoupled = formula.decay == "decoupled" or (
        formula.decay in ("own", "negated") and formula.kind in DECOUPLED
    )
    return (
        formula.squares == "entry"
        and formula.root == "taken"
        and formula.plain == "nothing"
        # Centered ones that begin whole have nothing in the root.
        and (formula.kind != "rmsprop" or "whole" not in formula.moments)
        and formula.moments != "second from one"
        # Decay that is in the gradient makes another one of it.
        and (is_decoupled or not formula.options["weight_decay"])
    )
