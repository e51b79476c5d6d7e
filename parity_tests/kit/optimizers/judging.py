"""What is said of steps that were found to be those of a formula."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from parity_tests.kit.causes import CAUSES
from parity_tests.kit.fitting import fit
from parity_tests.kit.optimizers.apart import Astray, are_of_one_kind, astray, rules_apart
from parity_tests.kit.optimizers.displacements import displacements
from parity_tests.kit.optimizers.formulas import DEFAULTS, LINEAR, Formula
from parity_tests.kit.optimizers.observed import Observed
from parity_tests.kit.optimizers.search import Match, find
from parity_tests.kit.verdicts import (
    CONVENTION,
    DIFFERS,
    EQUAL,
    OF_NO_OPTIMIZER,
    UNCHECKED,
    Verdict,
    named,
)

_SINGLE = 2e-6
# How far a step is off that is told first, where several are.
_VISIBLE = 1e-3
# Entries of which a nearest multiple tells anything.
_ENOUGH = 4
_CLIPPED, _GROWING = "step-clipped", "decay-sign"
# Kinds whose first step is the gradient over the root of its squares, if nothing is beside those.
_NORMED = ("adagrad", "rmsprop", "adam", "amsgrad")
_BESIDES = ("weight_decay", "initial_accumulator_value", "centered")


def judged(
    observed: Observed, kind: str | None, given: Mapping[str, float | None]
) -> list[Verdict]:
    """Find the formula of steps, and judge it by the kind and the options that are declared."""
    if not observed.steps.any() and observed.asked.gradients.any():
        seen = f"after {len(observed.steps)} steps by gradients that are not zero all are the same"
        return [named("optimizer", "step-without-effect", seen)]
    # Of steps without any number little can be told, and a long search would tell no more.
    is_lost = not np.isfinite(observed.steps).any()
    matches = find(observed, kind, given, simple=is_lost)
    if not matches and observed.tolerance < _SINGLE and not is_lost:
        # Some keep their moments in float32.
        matches = find(replace(observed, tolerance=_SINGLE), kind, given, simple=True)
    parts = [] if matches or is_lost else of_parts(observed, kind, given)
    if parts:
        return parts
    if not matches or (is_lost and len(matches) > 1):
        return [unknown(observed, kind, given)]  # whatever divides by zero fits
    if len(matches) > 1:
        return of_several(matches, kind, given, len(observed.steps))
    return told_of(matches[0], kind, given, len(observed.steps))


def of_several(
    matches: Sequence[Match], kind: str | None, given: Mapping[str, float | None], steps: int
) -> list[Verdict]:
    """Return what is said of steps that come of several formulas.

    AMSGrad's are those of Adam as long as no second moment falls, and are right as either.
    """
    either = "; or ".join(sorted({_name(match) for match in matches}))
    message = f"the same steps come of several formulas: {either}"
    if kind is None and all(map(_is_normed, matches)):
        return [_of_normed(matches[0], steps)]
    if any(match.faults for match in matches):
        return [Verdict("optimizer", DIFFERS, message)]
    told = told_of(matches[0], kind, given, steps)
    if any(verdict.status == DIFFERS for verdict in told):
        return told
    is_plain = told[0].status == EQUAL and not any(match.choices for match in matches)
    return [Verdict("optimizer", EQUAL if is_plain else CONVENTION, message)]


def of_parts(
    observed: Observed, kind: str | None, given: Mapping[str, float | None]
) -> list[Verdict]:
    """Judge steps of which some parameters go by another formula than others; else nothing."""
    rules, left = rules_apart(observed, kind, given)
    if rules and not left:
        if not are_of_one_kind(rules):
            return [apart_verdict(observed, rules)]
        return _of_decays_apart(observed, rules, kind, given)
    return _of_left(observed, rules, left, kind, given)


def of_adaptive_parts(
    observed: Observed, kind: str | None, given: Mapping[str, float | None]
) -> list[Verdict]:
    """Judge steps of which some go by a right adaptive formula, and others by none; else nothing.

    A first step of the former is no multiple of the gradient either, and nothing is wrong with it.
    """
    rules, left = rules_apart(observed, kind, given)
    if not rules or rules[0][0].formula.kind in LINEAR:
        return []
    if not left and are_of_one_kind(rules):
        decays = _of_decays_apart(observed, rules, kind, given)
        if decays or kind is None:
            return decays
    return _of_left(observed, rules, left, rules[0][0].formula.kind, given)


def _of_left(
    observed: Observed,
    rules: Sequence[tuple[Match, Sequence[int]]],
    left: list[int],
    kind: str | None,
    given: Mapping[str, float | None],
) -> list[Verdict]:
    """Judge parameters that go by no right formula, if all others go by one; else nothing."""
    if len(rules) != 1 or not left:
        return []
    [(rule, _)] = rules
    found = astray(observed, rule, left, kind, given)
    return [] if found is None else _of_astray(observed, found)


def apart_verdict(observed: Observed, rules: Sequence[tuple[Match, Sequence[int]]]) -> Verdict:
    """Return that some parameters are stepped by another formula than others."""
    names, told = _names(observed), _told_of_rules(observed, rules)
    fewest = min((numbers for _, numbers in rules), key=len)
    residual = max(match.residual for match, _ in rules)
    return named("optimizer", "rules-apart", told, names[fewest[0]], residual=residual)


def _of_decays_apart(
    observed: Observed,
    rules: Sequence[tuple[Match, Sequence[int]]],
    kind: str | None,
    given: Mapping[str, float | None],
) -> list[Verdict]:
    """Return that some parameters have another weight decay than others, which may be meant.

    One that makes parameters grow is not; of others nothing is said where a kind is declared.
    """
    told = _told_of_rules(observed, rules)
    residual = max(match.residual for match, _ in rules)
    growing = [numbers[0] for match, numbers in rules if _is_growing(match, given)]
    if growing:
        first = _names(observed)[min(growing)]
        return [named("optimizer", _GROWING, told, first, residual=residual)]
    if kind is not None:
        return []
    message = f"weight decay is another one for some parameters: {told}"
    return [Verdict("optimizer", CONVENTION, message, None, None, None, residual)]


def _told_of_rules(observed: Observed, rules: Sequence[tuple[Match, Sequence[int]]]) -> str:
    names = _names(observed)
    return "; ".join(
        f"{', '.join(names[k] for k in of)} by {_name(match)}{_equivalent(match)}"
        for match, of in rules
    )


def _names(observed: Observed) -> Sequence[str]:
    count = len(observed.asked.shapes)
    return observed.asked.names or [f"parameter {k + 1}" for k in range(count)]


def _of_astray(observed: Observed, astray: Astray) -> list[Verdict]:
    """Return what is wrong with parameters that are not stepped as all others are."""
    names = _names(observed)
    which = ", ".join(names[number] for number in astray.numbers)
    others = f"all others are stepped by {_name(astray.rule)}"
    first, match = names[astray.numbers[0]], astray.match
    if not any(observed.steps[:, observed.asked.parts[k]].any() for k in astray.numbers):
        return [
            named("optimizer", "step-without-effect", f"{which}: never changed; {others}", first)
        ]
    if match is None or not match.faults:
        by = "no formula that is known" if match is None else _name(match)
        message = f"{which}: stepped by {by}; {others}. The cause is unknown."
        return [Verdict("optimizer", DIFFERS, message, first)]
    seen = f"{which} by {_name(match)}; {others}"
    return [
        named("optimizer", cause, seen, first, residual=match.residual) for cause in match.faults
    ]


def told_of(
    match: Match, kind: str | None, given: Mapping[str, float | None], steps: int
) -> list[Verdict]:
    """Return a verdict for every fault, else one for all conventions, else that it is equal."""
    what = f"all {steps} steps are those of {_name(match)} (residual {match.residual:.1g})"
    if kind is None and _is_normed(match):
        return [_of_normed(match, steps)]
    verdicts = []
    for choice in match.choices:
        if choice.convention:
            continue
        factor = match.formula.scale if choice.part == "scale" else None
        verdicts.append(named("optimizer", choice.cause, what, None, factor, match.residual))
    verdicts += _of_numbers(match, given, what)
    if verdicts:
        return verdicts
    conventions = [choice for choice in match.choices if choice.convention]
    if conventions or (match.changed and kind is not None):
        cause = conventions[0].cause if conventions else None
        titles = [CAUSES[choice.cause].title for choice in conventions]
        titles += [f"{name} is {value:g}" for name, value in match.changed.items()]
        message = f"{'; '.join(titles)}{_equivalent(match)}: {what}"
        return [verdict_on(CONVENTION, message, match, cause, None)]
    return [verdict_on(EQUAL, what, match, None, None)]


def _is_normed(match: Match) -> bool:
    r"""Whether an array's gradient is divided by its norm, and nothing is kept.

    .. math:: \hat m = g, \quad \hat v = \lVert g \rVert^2, \qquad
              \frac{\hat m}{\sqrt{\hat v} + \epsilon} = \frac{g}{\lVert g \rVert + \epsilon}
    """
    formula = match.formula
    if formula.kind not in _NORMED or any(map(formula.options.get, _BESIDES)):
        return False
    is_anew = set(match.causes) == {"second-moment-scalar", "state-recreated"}
    return is_anew and formula.state == "new" and formula.squares in ("sum", "mean")


def _of_normed(match: Match, steps: int) -> Verdict:
    formula = match.formula
    of = "norm" if formula.squares == "sum" else "root of its mean square"
    # What a mean of one gradient has of it is not made up for in RMSprop.
    share = 1 / np.sqrt(1 - formula.options["alpha"]) if formula.kind == "rmsprop" else 1.0
    times = "" if share == 1 else f"{share:.6g} x "
    message = (
        f"{CAUSES[_CLIPPED].title}, or divided by their norm: all {steps} steps are {times}lr x "
        f"the gradient of each array over its {of}, and nothing is kept between them"
    )
    return verdict_on(CONVENTION, message, match, _CLIPPED, None)


def verdict_on(
    status: str, message: str, match: Match, cause: str | None, factor: float | None
) -> Verdict:
    """Return a verdict on an optimizer whose formula was found."""
    return Verdict("optimizer", status, message, None, cause, factor, match.residual)


# The share of what is kept in a mean, and from where on down it is that of what is new.
_OF_MEANS, _SHORT = ("alpha", "rho", "beta1", "beta2"), 0.1


def _of_numbers(match: Match, given: Mapping[str, float | None], what: str) -> list[Verdict]:
    """Return verdicts on hyperparameters that cannot be meant."""
    options = match.formula.options
    wrong: list[tuple[str, str]] = []
    usual = dict(DEFAULTS[match.formula.kind]) | {k: v for k, v in given.items() if v is not None}
    betas = usual.get("beta1"), usual.get("beta2")
    swapped = (options.get("beta2"), options.get("beta1")) == betas and betas[0] != betas[1]
    if swapped and betas[0] is not None:
        wrong.append(("betas-swapped", f"beta1 is {options['beta1']:g}"))
    if options.get("eps") == 0.0 and usual.get("eps") != 0.0:
        wrong.append(("epsilon-missing", "eps is 0"))
    exchanged = [
        name
        for name in _OF_MEANS
        if given.get(name) is None and 0 < options.get(name, 1.0) <= _SHORT and not swapped
    ]
    if exchanged:
        told = ", ".join(f"{name} is {options[name]:g}" for name in exchanged)
        wrong.append(("mean-weights-exchanged", told))
    is_growing = _is_growing(match, given)
    if is_growing:
        declared = given.get("weight_decay")
        beside = "" if declared is None else f", declared is {declared:g}"
        wrong.append((_GROWING, f"weight_decay is {options['weight_decay']:g}{beside}"))
    others = [
        f"{name} is {value:g}, declared is {given[name]:g}"
        for name, value in match.changed.items()
        if given.get(name) is not None
        and name != "eps"
        and not (is_growing and name == "weight_decay")
        and not (swapped and name in ("beta1", "beta2"))
    ]
    if others:
        wrong.append(("another-hyperparameter", "; ".join(others)))
    return [
        named("optimizer", cause, f"{text}; {what}", residual=match.residual)
        for cause, text in wrong
    ]


def _is_growing(match: Match, given: Mapping[str, float | None]) -> bool:
    """Whether a decay makes parameters grow, and is not declared to."""
    return (match.formula.options.get("weight_decay") or 0.0) < min(
        0.0, given.get("weight_decay") or 0.0
    )


def _equivalent(match: Match) -> str:
    """Return with which hyperparameters PyTorch takes the same steps."""
    momentum = match.formula.options.get("momentum", 0.0)
    texts = {
        "momentum-average": f"the same as PyTorch's with lr x {1 - momentum:.6g}",
        "momentum-dampened": f"the same as PyTorch's with dampening = {momentum:.6g}",
    }
    found = [texts[cause] for cause in match.causes if cause in texts]
    return f" ({found[0]})" if found else ""


def _name(match: Match) -> str:
    """Return a formula in words."""
    formula = match.formula
    numbers = [
        f"{name} {value:g}"
        for name, value in formula.options.items()
        if value or name in ("momentum", "eps")
    ]
    inside = f" ({', '.join(numbers)})" if numbers else ""
    changes = [
        f"{choice.part} = {choice.value}" for choice in match.choices if choice.part != "kind"
    ]
    return f"{formula.kind}{inside}" + (f" with {', '.join(changes)}" if changes else "")


def unknown(observed: Observed, kind: str | None, given: Mapping[str, float | None]) -> Verdict:
    """Say where the steps first leave those that were expected."""
    if kind is None:
        return Verdict("optimizer", UNCHECKED, f"{OF_NO_OPTIMIZER}{_response(observed)}")
    options = dict(DEFAULTS[kind]) | {k: v for k, v in given.items() if v is not None}
    predicted = displacements(Formula(kind, options), observed.asked)
    misfits, cells = observed.misfits(predicted), observed.cells
    # An eps that is another one shows before what is wrong: little with large gradients, and much
    # with small ones.
    small = np.array([observed.groups[cells == cell].min() > 1 for cell in range(cells.max() + 1)])
    if (misfits[:, ~small] > _VISIBLE).any():
        misfits = np.where(small, 0.0, misfits)
    visible = max(observed.tolerance, min(_VISIBLE, float(misfits.max()) / 2))
    step = int(np.argmax((misfits > visible).any(axis=1)))
    cell = int(np.argmax(misfits[step] > visible))
    entries = cells == cell
    starts = [part.start for part in observed.asked.parts]
    tensor = int(np.searchsorted(starts, np.argmax(entries), side="right")) - 1
    part = observed.asked.parts[tensor]
    size = np.abs(observed.asked.gradients[step][entries]).max()
    shape = observed.asked.shapes[tensor]
    clearly = "" if visible == observed.tolerance else "clearly "
    # A few numbers are near to a multiple of any others.
    where = np.flatnonzero(entries) if entries.sum() >= _ENOUGH else np.r_[part]
    factor, residual = fit(observed.steps[step][where], predicted[step][where])
    count, whole = len(where), part.stop - part.start
    of = "of all its entries" if count == whole else f"of these {count} of its {whole} entries"
    nearest = (
        f"{of} the nearest multiple is {factor:.4g} x, which leaves {residual:.2g} of their norm"
    )
    if not np.any(observed.steps[step][entries]):
        nearest = "nothing is changed"
    elif not np.isfinite(observed.steps[step][where]).all():
        nearest = "it is not finite"
    message = (
        f"step {step + 1} of parameter {tensor + 1}, of shape {shape}, is the first that is "
        f"{clearly}not {kind}'s, where gradients are up to {size:.1g}: {nearest}"
        f"{_response(observed)}. The cause is unknown."
    )
    name = f"parameter {tensor + 1}"
    return Verdict("optimizer", DIFFERS, message, name, None, None, residual)


def _response(observed: Observed) -> str:
    """Return the third step in terms of the gradients, if the steps are linear in them."""
    coefficients, decays, misfit = observed.responses
    if misfit > 1e-6 or len(coefficients) < 3:
        return ""
    # Next to the largest, the others may be nothing but rounding.
    least = 1e-9 * max(map(abs, coefficients[2]))
    terms = [
        f"{value:.4g} g{k}"
        for k, value in enumerate(coefficients[2], start=1)
        if abs(value) > least
    ]
    if abs(decays[2]) > 1e-9:
        terms.append(f"{decays[2]:.4g} of the parameter")
    return f". Step 3 is -lr ({' + '.join(terms)})" if terms else ". Step 3 changes nothing"


# A network that updates itself
