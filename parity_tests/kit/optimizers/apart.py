"""Parameters that are stepped by different formulas, each of which is known by itself."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from parity_tests.kit.optimizers.displacements import displacements
from parity_tests.kit.optimizers.formulas import DEFAULTS, Formula
from parity_tests.kit.optimizers.observed import Observed
from parity_tests.kit.optimizers.search import Match, find

# Entries of a parameter whose steps tell a formula by themselves.
_ENOUGH = 4


def rules_apart(
    observed: Observed, kind: str | None, given: Mapping[str, float | None]
) -> list[tuple[Match, list[int]]]:
    """Return the formulas of single parameters, where those of all are of none.

    Returns
    -------
    list of tuple of (formula, numbers of the parameters that are stepped by it)
        Empty if the steps of some parameter are of no right formula, or all are of one but for
        their decay.
    """
    plain = Match(Formula("sgd", dict(DEFAULTS["sgd"])), (), {}, 0.0)
    known = [plain]
    numbers: list[list[int]] = [[]]
    order = sorted(range(len(observed.asked.shapes)), key=lambda k: -observed.asked.sizes[k])
    for number in order:
        alone = _alone(observed, number)
        place = next((k for k, own in enumerate(known) if _is_of(alone, own)), None)
        if place is None:
            match = _right(alone, kind, given)
            if match is None:
                return []
            place = len(known)
            known.append(match)
            numbers.append([])
        numbers[place].append(number)
    found = [(own, sorted(of)) for own, of in zip(known, numbers, strict=True) if of]
    # To which parameters a decay belongs may be meant.
    kinds = {_but_for_decay(match) for match, _ in found}
    return found if len(kinds) > 1 else []


def _but_for_decay(match: Match) -> tuple[object, ...]:
    """Return what is the same of formulas that differ in their decay alone."""
    kind = {"adamw": "adam"}.get(match.formula.kind, match.formula.kind)
    choices = (choice.cause for choice in match.choices if not choice.part.startswith("decay"))
    options = {k: v for k, v in match.formula.options.items() if k != "weight_decay"}
    return (kind, *choices, *sorted(options.items()))


def _alone(observed: Observed, number: int) -> Observed:
    """Return the steps of one parameter."""
    asked = observed.asked
    part = asked.parts[number]
    own = replace(
        asked,
        shapes=(asked.shapes[number],),
        values=asked.values[:, part],
        gradients=asked.gradients[:, part],
        matrices=(asked.are_matrices[number],),
    )
    return replace(observed, asked=own, steps=observed.steps[:, part], groups=observed.groups[part])


def _is_of(alone: Observed, match: Match) -> bool:
    return bool(alone.misfit(displacements(match.formula, alone.asked)) <= alone.tolerance)


def _right(alone: Observed, kind: str | None, given: Mapping[str, float | None]) -> Match | None:
    """Return the right formula of a parameter's steps, that of the kind declared if it fits."""
    if (
        alone.steps.shape[1] < _ENOUGH
        or not np.isfinite(alone.steps).all()
        or not alone.steps.any()
    ):
        return None
    matches = find(alone, kind, given, simple=True) if kind is not None else []
    matches = matches or find(alone, None, {}, simple=True)
    return matches[0] if len(matches) == 1 and not matches[0].faults else None
