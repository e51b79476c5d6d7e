r"""Gradients solved from the first steps of adaptive optimizers, by the little that eps takes away.

.. math:: s = \frac{\theta_0 - \theta_1}{\eta} = A \, \frac{g}{|g| + e}
          \quad\Rightarrow\quad g = e \, \frac{s}{A - |s|}

and, where eps is under the root,

.. math:: s = A \, \frac{g}{\sqrt{g^2 + e}}
          \quad\Rightarrow\quad g = \sqrt{e} \, \frac{s}{\sqrt{A^2 - s^2}}

The formula of an optimizer gives A, the step of a gradient that is large. Next to it what eps takes
away is small, but in float64 the digits that rounding leaves of it are enough. As eps need not be
the usual one, a factor that the whole gradient has is not known.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.aspects.observing import RATES, precision_of
from parity_tests.kit.inquiry import CLOSE, Inquiry
from parity_tests.kit.optimizers.displacements import displacements
from parity_tests.kit.optimizers.formulas import (
    CORRECTED,
    DECOUPLED,
    DEFAULTS,
    LINEAR,
    OPTIMIZERS,
    USUAL,
    Asked,
    Formula,
    read,
)
from parity_tests.kit.subject.subject import Layers, tensors, unflat

Array = NDArray[Any]
_Solve = Callable[[Array, Array], Array]

# The largest gradient whose square is a number, nearly, and one that is nothing beside eps.
_LARGE, _SMALL = 1e150, 1e-30
# The smallest share of A that half of the entries have at least, and its roundings in a step.
_NEAR, _ROUNDINGS = 0.99, 8
# Units in which gradients are told: eps.
_EPS = 1e-8


def solved(inquiry: Inquiry, seen: list[Layers]) -> Iterator[list[Layers]]:
    """Yield what gradients may be, up to a factor; nothing where rounding hides them.

    Parameters
    ----------
    seen : list of list of Layer
        What first steps take away, over their learning rate.
    """
    for gradients, _, _ in _each(inquiry, seen):
        yield gradients


def solved_with_units(
    inquiry: Inquiry, seen: list[Layers]
) -> Iterator[tuple[list[Layers], list[float]]]:
    """Yield the same, and by which numbers it is the gradient if eps is as declared or usual."""
    for gradients, formulas, solve in _each(inquiry, seen):
        units = (_half(formula, solve) / _EPS for formula in formulas)
        yield gradients, list(dict.fromkeys(float(f"{unit:.12g}") for unit in units))


def _each(
    inquiry: Inquiry, seen: list[Layers]
) -> Iterator[tuple[list[Layers], list[Formula], _Solve]]:
    """Yield the gradients of each limit, with the formulas that have it."""
    if inquiry.subject.single or inquiry.is_one_by_one:
        return
    limits: dict[tuple[float, float], list[Formula]] = {}
    for limit, decay, formula in _limits(inquiry):
        limits.setdefault((limit, decay), []).append(formula)
    for ((limit, decay), formulas), solve in product(limits.items(), (_outside, _inside)):
        found = [_of_step(inquiry, step, limit, decay, solve) for step in seen]
        known = [gradients for gradients in found if gradients is not None]
        if len(known) == len(found):
            yield known, formulas, solve


def _outside(size: Array, left: Array) -> Array:
    """Return |g| / e of |s| / A and what is left of that to 1."""
    return size / left


def _inside(size: Array, left: Array) -> Array:
    """Return |g| / sqrt(e) of |s| / A and what is left of that to 1."""
    return size / np.sqrt(left * (1 + size))


def _limits(inquiry: Inquiry) -> Iterator[tuple[float, float, Formula]]:
    """Yield steps of a gradient that is large, the decay that is taken away besides, and whose."""
    spec = inquiry.spec
    kind, given = read(spec.optimizer, spec.options) if spec.optimizer else (None, {})
    for own in OPTIMIZERS if kind is None else (kind,):
        if own not in LINEAR:
            for formula in _formulas(own, given):
                decay = formula.options["weight_decay"] if own in DECOUPLED else 0.0
                yield _limit(formula), float(decay), formula


def _formulas(kind: str, given: Mapping[str, float | None]) -> Iterator[Formula]:
    known = {name: value for name, value in given.items() if value is not None}
    options = {**DEFAULTS[kind], **known}
    free = [name for name in ("alpha", "rho") if name in options and name not in known]
    for values in product(*(USUAL[name] for name in free)):
        formula = Formula(kind, {**options, **dict(zip(free, values, strict=True))})
        yield formula
        if kind in CORRECTED:
            yield replace(formula, correction="none")


def _limit(formula: Formula) -> float:
    return _first_step(formula, _LARGE)


def _half(formula: Formula, solve: _Solve) -> float:
    """Return e, or its root where that is under one: A times a small gradient over its step."""
    if solve is _inside:
        formula = replace(formula, eps="inside")
    with np.errstate(all="ignore"):
        return abs(_limit(formula)) * _SMALL / abs(_first_step(formula, _SMALL))


def _first_step(formula: Formula, gradient: float) -> float:
    asked = Asked(1.0, ((1,),), np.zeros((1, 1)), np.full((1, 1), gradient))
    return float(-displacements(formula, asked)[0, 0])


def _of_step(
    inquiry: Inquiry, step: Layers, limit: float, decay: float, solve: _Solve
) -> Layers | None:
    """Return the gradient of a first step, in units of eps; None if rounding hides it."""
    if not np.isfinite(limit) or limit <= 0:
        return None
    precision, rate = precision_of(inquiry), inquiry.subject.network.lr or RATES[0]

    def of_tensor(taken: Array, values: Array) -> Array | None:
        share = (taken - decay * values) / limit
        size = np.abs(share)
        left = 1 - size
        moved = size > 0
        if not moved.any():
            return share
        rounding = precision * (_ROUNDINGS + 2 * np.abs(values) / (rate * limit))
        if not (left > rounding).all() or np.median(size[moved]) < _NEAR:
            return None
        gradient = np.sign(share) * solve(size, left)
        off = gradient * rounding / left
        return gradient if np.linalg.norm(off) <= CLOSE * np.linalg.norm(gradient) else None

    arrays = [of_tensor(*pair) for pair in zip(tensors(step), tensors(inquiry.layers), strict=True)]
    known = [_EPS * array.ravel() for array in arrays if array is not None]
    return unflat(np.concatenate(known), step) if len(known) == len(arrays) else None
