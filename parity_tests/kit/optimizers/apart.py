"""Parameters that are stepped by different formulas, of which some may be of none that is right."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from parity_tests.kit.optimizers.choices import choices
from parity_tests.kit.optimizers.displacements import displacements
from parity_tests.kit.optimizers.formulas import DEFAULTS, Formula
from parity_tests.kit.optimizers.observed import Observed
from parity_tests.kit.optimizers.search import Match, find

# Entries of a parameter whose steps tell a formula by themselves.
_ENOUGH = 4
# How far steps are from those of a formula that they are clearly not of.
_CLEARLY = 1e-2


def rules_apart(
    observed: Observed, kind: str | None, given: Mapping[str, float | None]
) -> tuple[list[tuple[Match, list[int]]], list[int]]:
    """Return the formulas of single parameters, where those of all are of none.

    Returns
    -------
    rules : list of tuple of (formula, numbers of the parameters that are stepped by it)
        Those that are right. Empty if most parameters are of none, or all are of one.
    left : list of int
        The parameters that are stepped by no right formula.
    """
    plain = Match(Formula("sgd", dict(DEFAULTS["sgd"])), (), {}, 0.0)
    known = [plain]
    numbers: list[list[int]] = [[]]
    left: list[int] = []
    order = sorted(range(len(observed.asked.shapes)), key=lambda k: -observed.asked.sizes[k])
    for number in order:
        alone = _alone(observed, number)
        place = next((k for k, own in enumerate(known) if _is_of(alone, own)), None)
        if place is None:
            match = _right(alone, kind, given)
            if match is None:
                left.append(number)
                if 2 * len(left) > len(order):
                    return [], left
                continue
            place = len(known)
            known.append(match)
            numbers.append([])
        numbers[place].append(number)
    found = [(own, sorted(of)) for own, of in zip(known, numbers, strict=True) if of]
    return found if left or len(found) > 1 else [], sorted(left)


def are_of_one_kind(rules: Sequence[tuple[Match, list[int]]]) -> bool:
    """Whether formulas are the same but for their decay: to which parameters it belongs is meant.

    Then they are no different formulas.
    """
    return len({_but_for_decay(match) for match, _ in rules}) == 1


@dataclass(frozen=True)
class Astray:
    """Parameters that are not stepped as all others are.

    Attributes
    ----------
    rule : Match
        The right formula of the others.
    numbers : list of int
        The parameters that go by none that is right.
    match : Match or None
        The formula of these with its fault, if it is known and the same.
    """

    rule: Match
    numbers: list[int]
    match: Match | None


def astray(
    observed: Observed,
    rule: Match,
    numbers: list[int],
    kind: str | None,
    given: Mapping[str, float | None],
) -> Astray | None:
    """Return what is known of parameters that go by no right formula, where all others go by one.

    None if they are of a kind of their own, matrices or biases, of no formula that is known, and
    nothing is declared: an optimizer that is not known may step these otherwise.
    """
    parts = [_alone(observed, number) for number in range(len(observed.asked.shapes))]
    if not all(_is_clear(parts[number], rule) for number in numbers):
        return None
    by_one_part = _with_one_fault(observed, parts, rule, numbers)
    if by_one_part is not None:
        return Astray(rule, numbers, by_one_part)
    sizes = {number: parts[number].steps.shape[1] for number in numbers}
    largest = max(numbers, key=sizes.__getitem__)
    if sizes[largest] < _ENOUGH:
        return None
    kind_of_others = rule.formula.kind
    found = find(parts[largest], kind_of_others, {**rule.formula.options, **given})
    found = found or find(parts[largest], kind_of_others, given, simple=True)
    if len(found) == 1 and all(_is_of(parts[number], found[0]) for number in numbers):
        return Astray(rule, numbers, found[0])
    if kind is None and min(sizes.values()) < _ENOUGH:
        return None
    are_matrices = observed.asked.are_matrices
    others = (k for k in range(len(parts)) if k not in numbers)
    kinds = {are_matrices[k] for k in numbers} & {are_matrices[k] for k in others}
    return Astray(rule, numbers, None) if kind is not None or kinds else None


def _with_one_fault(
    observed: Observed, parts: Sequence[Observed], rule: Match, numbers: Sequence[int]
) -> Match | None:
    """Return the formula of the others with one part wrong, if one fault alone gives all steps.

    Its hyperparameters are known, so that a few entries tell it.
    """
    asked, found = observed.asked, {}
    for choice in choices(rule.formula.kind, bool(rule.formula.options.get("weight_decay"))):
        if choice.convention or choice.part == "count":
            continue
        formula = replace(rule.formula, **{choice.part: choice.value})
        with np.errstate(all="ignore"):
            steps = displacements(formula, asked)
            misfits = [float(parts[k].misfit(steps[:, asked.parts[k]])) for k in numbers]
        if all(misfit <= parts[k].tolerance for misfit, k in zip(misfits, numbers, strict=True)):
            match = Match(formula, (*rule.choices, choice), rule.changed, max(misfits))
            found.setdefault(choice.cause, match)
    return next(iter(found.values())) if len(found) == 1 else None


def _is_clear(alone: Observed, rule: Match) -> bool:
    misfit = alone.misfit(displacements(rule.formula, alone.asked))
    return bool(np.isfinite(alone.steps).all() and misfit > _CLEARLY)


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
