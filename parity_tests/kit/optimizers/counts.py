r"""Counts of steps that each tensor has for itself, as its first steps show them.

Where t is raised once for everything that a network consists of, with parameters or without, a
tensor's t begins with its place among those and rises by their number n,

.. math:: t_{k, s} = a_k + n (s - 1), \qquad \max_k a_k - \min_k a_k < n

and a corrected step is so many times the uncorrected one,

.. math:: \frac{\sqrt{1 - \beta_2^t}}{1 - \beta_1^t}
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.optimizers.displacements import corrected_times, displacements
from parity_tests.kit.optimizers.formulas import Formula
from parity_tests.kit.optimizers.observed import Observed

Array = NDArray[Any]
# Beyond this, one more makes little difference to the corrections.
_COUNTS = np.arange(1.0, 201.0)
# How near the corrections of a count have to be: eps takes some of a step away.
_NEAR = 1e-3


def counted_apart(observed: Observed, formula: Formula) -> list[Formula]:
    """Return a formula with the count of each tensor that two steps show; none if they show none.

    Parameters
    ----------
    formula : Formula
        With ``"each:tensors"`` or ``"each:layers"`` for its count: whether each tensor has its own
        t, or those of a layer have one.
    """
    asked = observed.asked
    if formula.kind == "nadam" or formula.correction == "none" or len(observed.steps) < 2:
        return []
    first = replace(asked, values=asked.values[:2], gradients=asked.gradients[:2])
    plain = displacements(replace(formula, correction="none", count="steps"), first)
    times = corrected_times(formula, _COUNTS)
    shown: list[dict[int, int]] = []
    for part in asked.parts:
        large = np.arange(part.start, part.stop)[observed.groups[part] == 0]
        begins, then = (
            _nearest(times, observed.steps[row][large], plain[row][large]) for row in range(2)
        )
        # The nearest of those from which so many more come to the second count.
        shown.append({b - a: a for a in reversed(begins) for b in then if b > a})
    is_of_layers = formula.count == "each:layers"
    places = asked.layers if is_of_layers else list(range(len(shown)))
    found = []
    for stride in sorted(set.intersection(*map(set, shown))):
        starts = [own[stride] for own in shown]
        is_in_turn = _is_in_turn(starts, places)
        is_in_turn |= not is_of_layers and _is_layer_by_layer(starts, asked.layers)
        if max(starts) - min(starts) < stride and is_in_turn:
            told = " ".join(map(str, starts))
            found.append(replace(formula, count=f"each:{told}, and {stride} more every step"))
    return found


def _is_layer_by_layer(starts: Sequence[int], layers: Sequence[int]) -> bool:
    """Whether counts go from layer to layer, up or down, and within all of them in one order."""
    by_layer: dict[int, list[int]] = {}
    for layer, start in zip(layers, starts, strict=True):
        by_layer.setdefault(layer, []).append(start)
    orders = {tuple(np.argsort(own)) for own in by_layer.values()}
    if len(by_layer) < 2 or len(orders) > 1 or len(set(starts)) < len(starts):
        return False
    pairs = [(by_layer[one], by_layer[other]) for one, other in pairwise(sorted(by_layer))]
    return all(max(one) < min(other) for one, other in pairs) or all(
        min(one) > max(other) for one, other in pairs
    )


def _nearest(times: Array, step: Array, plain: Array) -> list[int]:
    """Return the counts whose corrections make a plain step about that long, the nearest first.

    They are not monotonic: about the least of them, several are much the same.
    """
    with np.errstate(all="ignore"):
        factor = float(step @ plain / (plain @ plain))
    if not np.isfinite(factor):
        return []
    off = np.abs(times - factor)
    return [int(_COUNTS[n]) for n in np.argsort(off)[:4] if off[n] <= _NEAR * abs(factor)]


def _is_in_turn(starts: Sequence[int], places: Sequence[int]) -> bool:
    """Whether counts begin alike in one place, and go up or down from place to place."""
    at: dict[int, set[int]] = {}
    for place, start in zip(places, starts, strict=True):
        at.setdefault(place, set()).add(start)
    if len(at) < 2 or any(len(own) > 1 for own in at.values()):
        return False
    steps = [after - before for before, after in pairwise(min(at[place]) for place in sorted(at))]
    return all(step > 0 for step in steps) or all(step < 0 for step in steps)
