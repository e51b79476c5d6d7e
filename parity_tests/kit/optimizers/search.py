r"""Which formula an optimizer computes, found by recomputing its steps.

The simplest formula that reproduces all steps is what it computes: first the one declared, then
those that differ in one part, in a hyperparameter, in kind, and at last in two parts and the place
of eps. Where
hyperparameters are not known the usual values are tried, and what comes near is refined by
Gauss-Newton.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, islice, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.optimizers.choices import Choice, choices
from parity_tests.kit.optimizers.counts import counted_apart
from parity_tests.kit.optimizers.displacements import corrected_times, displacements
from parity_tests.kit.optimizers.formulas import (
    DECOUPLED,
    DEFAULTS,
    LINEAR,
    OPTIMIZERS,
    USUAL,
    Asked,
    Formula,
)
from parity_tests.kit.optimizers.observed import Observed
from parity_tests.kit.optimizers.reach import Reach

Array = NDArray[Any]

_WITH_MOMENTUM = (0.0, 0.9, 0.5, 0.99)
_WEIGHTS = ("momentum", "alpha", "rho", "beta1", "beta2")
_FALLING = ("steps", "layers", "tensors")
_ROOT = "steps, root"
_RATES = (
    *(f"{what}, {how}" for how in ("inverse", "exponential") for what in _FALLING),
    _ROOT,
)
# A rate that falls may be inside of the velocity.
_INSIDE = tuple(f"steps, {how}, inside" for how in ("inverse", "exponential"))
_RATE_CAUSES = {
    "steps": ("lr-decay", True),
    "layers": ("lr-decay-per-layer", False),
    "tensors": ("lr-decay-per-tensor", False),
}
# Counts that are tried where t is constant; later the corrections have no effect.
_COUNTS = np.arange(1.0, 10001.0)
# How far the recomputed large gradients' steps may be before eps is known.
_COARSE, _NEAR = 0.02, 0.2
# A decay below this is rounding.
_NO_DECAY = 1e-9
# Stages in which one part differs at most.
_SIMPLE = 4


@dataclass(frozen=True)
class Match:
    """A formula that reproduces all steps.

    Attributes
    ----------
    formula : Formula
        The formula.
    choices : tuple of Choice
        Where it is written otherwise than in PyTorch.
    changed : dict
        Hyperparameters that are not as they are declared or, left out, as in PyTorch.
    residual : float
        What is left.
    """

    formula: Formula
    choices: tuple[Choice, ...]
    changed: dict[str, float]
    residual: float

    @property
    def causes(self) -> tuple[str, ...]:
        """What is written otherwise."""
        return tuple(choice.cause for choice in self.choices)

    @property
    def faults(self) -> tuple[str, ...]:
        """What is written otherwise and cannot be meant."""
        return tuple(choice.cause for choice in self.choices if not choice.convention)

    @property
    def cost(self) -> tuple[int, int, bool]:
        """Faults, everything that differs, and whether a factor says what a part might."""
        is_scaled = any(choice.part == "scale" for choice in self.choices)
        return len(self.faults), len(self.choices) + len(self.changed), is_scaled


@dataclass(frozen=True)
class _Question:
    """A family of formulas.

    Attributes
    ----------
    kind : str
        Kind of optimizer.
    choices : tuple of Choice
        What is written otherwise.
    free : frozenset of str
        Hyperparameters of which other values are tried.
    refined : bool
        Whether values between the usual ones are looked for.
    rate : str
        As in `Formula`.
    scaled : bool
        Whether all steps may have a factor.
    """

    kind: str
    choices: tuple[Choice, ...] = ()
    free: frozenset[str] = frozenset()
    refined: bool = False
    rate: str = "constant"
    scaled: bool = False

    @property
    def enough(self) -> float:
        """How near the first step has to come. Most are as far off as that."""
        return _NEAR if self.refined else _COARSE


def find(
    observed: Observed,
    kind: str | None,
    given: Mapping[str, float | None],
    simple: bool = False,
) -> list[Match]:
    """Return the simplest formulas that reproduce all steps; none if there are none.

    Parameters
    ----------
    observed : Observed
        The steps.
    kind : str, optional
        What it is meant to be, as `parity_tests.kit.optimizers.formulas.read` returns it.
    given : mapping
        Hyperparameters that are declared; None for those that are not known.
    simple : bool, default False
        Whether formulas that differ in more than one part are left out.

    Returns
    -------
    list of Match
        Several, if the same steps come from different causes that are equally simple.
    """
    reach = Reach(observed)
    for stage in islice(_stages(kind, given), _SIMPLE if simple else None):
        matches = [
            match for question in stage for match in _answers(observed, reach, question, given)
        ]
        if kind is None:
            # A first moment of one gradient alone is none: what is left is of a simpler kind.
            matches = [m for m in matches if m.formula.options.get("beta1") != 0]
        if any(match.formula.correction == "none" for match in matches):
            # By a count that is large enough nothing is corrected either.
            matches = [m for m in matches if not m.formula.count.startswith("constant:")]
        if matches:
            least = min(match.cost for match in matches)
            simplest: dict[tuple[str, tuple[str, ...]], Match] = {}
            for match in matches:
                if match.cost == least:
                    # Beside a fault, conventions that come to the same are not told apart.
                    names = match.faults or match.causes
                    simplest.setdefault((match.formula.kind, names), match)
            return list(simplest.values())
    return []


def _stages(kind: str | None, given: Mapping[str, float | None]) -> Iterator[list[_Question]]:
    """Yield families of formulas, the simplest first."""
    own = OPTIMIZERS if kind is None else (kind,)
    known = {name for name, value in given.items() if value is not None}
    # Weight decay that nobody speaks of is not looked for at first.
    free = {k: frozenset(DEFAULTS[k]) - known - {"weight_decay"} for k in OPTIMIZERS}
    decays = {k: bool(given.get("weight_decay", DEFAULTS[k]["weight_decay"])) for k in own}
    decayed = frozenset({"weight_decay"})
    yield [_Question(k, (), free[k]) for k in own]
    if "weight_decay" not in known:
        yield [_Question(k, (), free[k] | decayed) for k in own]
        settled = ("sgd", *DECOUPLED)
        apart = Choice("decay", "decoupled", "decay-decoupled", True)
        yield [_Question(k, (apart,), free[k] | decayed) for k in own if k not in settled]
    singles = {k: [c for c in choices(k, decays[k]) if _may_be_told(kind, c)] for k in own}
    unclipped = {k: [choice for choice in singles[k] if _is_combined(k, choice)] for k in own}
    few = frozenset({"eps", "momentum"})
    # Where the kind is open there are too many to try them with all hyperparameters.
    tried = free if kind is not None else {k: free[k] & (few | {"alpha", "centered"}) for k in own}
    yield [_Question(k, (choice,), tried[k]) for k in own for choice in singles[k]]
    # Declared hyperparameters may not be those that are used.
    yield [_Question(k, (), frozenset(DEFAULTS[k]) - decayed, refined=True) for k in own]
    yield [_Question(k, (), free[k] | decayed) for k in own]
    yield [_Question(k, (), free[k], rate=rate) for k in own for rate in _rates(k)]
    yield [_Question(k, (), free[k], scaled=True) for k in own]
    if kind is not None:
        others = [k for k in OPTIMIZERS if k != kind]
        another = Choice("kind", "", "another-optimizer")
        yield [_Question(k, (another,), frozenset(DEFAULTS[k]) - decayed) for k in others]
    yield [
        _Question(k, (choice,), tried[k], rate=rate)
        for k in own
        for choice in unclipped[k]
        for rate in _rates(k)
        if rate.startswith("steps") and rate != _ROOT and choice.part != "count"
    ]
    pairs = [
        _Question(k, pair, few - known)
        for k in own
        for pair in combinations(unclipped[k], 2)
        if pair[0].part != pair[1].part
    ]
    # Where eps is may be meant, beside what is rare as well.
    places = {k: [c for c in singles[k] if c.part == "eps"] for k in own}
    rare = {k: [c for c in singles[k] if c.part != "clip" and c not in unclipped[k]] for k in own}
    pairs += [
        _Question(k, (choice, place), few - known)
        for k in own
        for choice in rare[k]
        for place in places[k]
        if choice.part != "eps"
    ]
    # Of a moment that takes in another share of the gradient nothing but a factor shows.
    yield pairs + [
        _Question(k, (choice,), few - known, scaled=True)
        for k in own
        for choice in unclipped[k]
        if choice.part == "correction"
    ]
    if kind is not None:
        # What is wrong with the kind declared is told before what is wrong with another.
        yield [
            _Question(k, (another, choice), few | {"alpha"})
            for k in others
            for choice in choices(k, False)
            if choice.part != "clip"
        ]
        inside = [choice for choice in unclipped[kind] if choice.part == "eps"]
        yield [
            _Question(kind, (*pair, eps), few - known)
            for pair in combinations(unclipped[kind], 2)
            for eps in inside
            if len({pair[0].part, pair[1].part, eps.part}) == 3
        ]
        yield [_Question(kind, (choice,), free[kind], refined=True) for choice in unclipped[kind]]


def _rates(kind: str) -> tuple[str, ...]:
    """Return the ways in which a learning rate may fall."""
    return _RATES + (_INSIDE if kind == "momentum" else ())


def _may_be_told(kind: str | None, choice: Choice) -> bool:
    """Whether a choice is told: AdamW with a coupled decay is Adam, if nobody calls it AdamW."""
    return kind is not None or choice.cause != "decay-coupled"


def _is_combined(kind: str, choice: Choice) -> bool:
    """Whether a choice is tried beside others: clipping has too many values for that.

    So have counts, and the one that the first step shows stands for all of them. What is rare is
    tried alone.
    """
    shown = kind != "nadam" and choice.value.startswith("constant:")
    is_rare = (
        " from 2," in choice.value
        or choice.value.startswith("each:")
        or choice.value in ("of usual betas", "squares by beta1", "first by beta2")
        or choice.value in ("first", "magnitude")
        or choice.cause in ("adam-correction-of-other-moment", "adam-correction-of-product")
        or (choice.part == "average" and choice.value in ("taken away", "unscaled"))
        or (choice.part == "plain" and choice.value != "biases")
    )
    return choice.part != "clip" and not is_rare and (not shown or choice.value == "constant:")


def _answers(
    observed: Observed, reach: Reach, question: _Question, given: Mapping[str, float | None]
) -> Iterator[Match]:
    """Yield the formulas of a family that reproduce all steps."""
    base = dict(DEFAULTS[question.kind])
    declared = base | {k: v for k, v in given.items() if v is not None and k in base}
    parts: dict[str, Any] = {c.part: c.value for c in question.choices if c.part != "kind"}
    plain = Formula(question.kind, declared, rate=question.rate, **parts)
    tried = plain
    if "weight_decay" in question.free:
        tried = replace(plain, options={**declared, "weight_decay": USUAL["weight_decay"][1]})
    if reach.excludes(tried, question.enough):
        return
    is_open = given.get("weight_decay") is None and "weight_decay" not in question.free
    # What is counted otherwise, or falls, is found from the steps, too.
    is_counted = plain.count.startswith(("each:", "samples")) or plain.count == "constant:"
    is_found_later = is_counted or question.rate != "constant"
    if is_open and question.choices and question.kind in DECOUPLED and not is_found_later:
        plain = _with_decay_shown(observed, plain)
    formulas = _adjusted(observed, question, plain)
    if not formulas:
        return
    # From weights that nobody declares, what is near to Adam may come to a moment of one gradient.
    exchanged = [n for n in _WEIGHTS if given.get(n) is not None or n in ("alpha", "rho")]
    grid = _grid(observed, question, declared, exchanged if question.refined else ())
    for formula in formulas:
        yield from _of_grid(observed, reach, question, formula, declared, grid)


def _of_grid(
    observed: Observed,
    reach: Reach,
    question: _Question,
    formula: Formula,
    declared: Mapping[str, float],
    grid: Sequence[Mapping[str, float]],
) -> Iterator[Match]:
    """Yield the formula with the hyperparameters that reproduce all steps, if there are any."""

    def begun() -> Array:
        return observed.distance(_together(observed.first, formula, grid))

    tried = question.free, question.refined, formula.options["weight_decay"]
    distances = reach.of_first(formula, tried, begun)
    values = [own for own, off in zip(grid, distances, strict=True) if off <= question.enough]
    if not values:
        return
    near = observed.distance(_together(observed.asked, formula, values))

    def with_values(index: int) -> Formula:
        return replace(formula, options={**formula.options, **values[index]})

    ranked = sorted(range(len(values)), key=lambda index: float(near[index]))
    # Values that have no effect are taken to be those declared, which come first.
    fitting = []
    for index in dict.fromkeys([0, *ranked[:3]]):
        best = _with_eps(observed, question, with_values(index)) if near[index] <= _COARSE else None
        if best is not None:
            fitting.append(_match(question, best[1], declared, best[0]))
    if fitting:
        simplest = min(fitting, key=lambda match: match.cost)
        if _matter(observed, question, simplest.formula):
            yield simplest
        return
    if question.refined and near[ranked[0]] < _NEAR:
        refined = _refine(observed, question, with_values(ranked[0]))
        if refined is not None and _matter(observed, question, refined[1]):
            yield _match(question, refined[1], declared, refined[0])


def _matter(observed: Observed, question: _Question, formula: Formula) -> bool:
    """Whether each of the choices is needed: without it the steps are others."""
    plain = Formula(formula.kind)
    return not any(
        observed.misfit(
            displacements(
                replace(formula, **{choice.part: getattr(plain, choice.part)}), observed.asked
            )
        )
        <= observed.tolerance
        for choice in question.choices
        if choice.part != "kind"
    )


def _together(asked: Asked, formula: Formula, values: Sequence[Mapping[str, float]]) -> Array:
    """Return the steps of a formula with each of several values of some hyperparameters."""
    columns = {name: np.array([[own[name]] for own in values]) for name in values[0]}
    steps = displacements(replace(formula, options={**formula.options, **columns}), asked)
    if steps.ndim == 2:
        steps = steps[:, np.newaxis]
    return np.broadcast_to(steps, (len(steps), len(values), steps.shape[-1]))


def _match(
    question: _Question, formula: Formula, declared: Mapping[str, float], residual: float
) -> Match:
    changed = {
        name: value for name, value in formula.options.items() if declared.get(name, value) != value
    }
    found = tuple(
        choice if choice.part == "kind" else replace(choice, value=getattr(formula, choice.part))
        for choice in question.choices
    )
    if question.rate != "constant":
        changed["lr_decay"] = formula.options["lr_decay"]
        cause, convention = _RATE_CAUSES[question.rate.partition(",")[0]]
        if question.rate in _INSIDE:
            cause = "lr-decay-in-velocity"
        found = (*found, Choice("rate", question.rate, cause, convention))
    if question.scaled:
        found = (*found, Choice("scale", f"{formula.scale:.6g}", "step-scaled"))
    return Match(formula, found, changed, residual)


def _grid(
    observed: Observed,
    question: _Question,
    declared: Mapping[str, float],
    exchanged: Collection[str],
) -> list[dict[str, float]]:
    """Return values of the free hyperparameters other than eps, the declared ones first.

    Parameters
    ----------
    exchanged : collection of str
        Those of which what is kept may have the weight of what is new.
    """
    columns: dict[str, list[float]] = {}
    response = observed.estimates if question.kind in LINEAR else {}
    for name in declared:
        if name not in question.free or name not in USUAL:
            continue
        # Elsewhere eps shows with the smallest gradients alone and is found afterwards.
        if name == "eps" and question.kind != "adadelta":
            continue
        usual = USUAL[name]
        if name == "momentum" and question.kind == "rmsprop":
            usual = _WITH_MOMENTUM
        values = [declared[name], *usual, *response.get(name, ())]
        if name in exchanged:
            values += [round(1 - own, 12) for own in (declared[name], *usual[:2])]
        columns[name] = list(dict.fromkeys(values))
    return [dict(zip(columns, values, strict=True)) for values in product(*columns.values())]


def _with_decay_shown(observed: Observed, formula: Formula) -> Formula:
    r"""Return a formula with the weight decay that the first step shows.

    .. math:: \Delta\theta_1 = d + w \, \delta(\theta)

    with the direction d of a formula without decay, and the step :math:`\delta` that a decay of 1
    adds to it.
    """

    def begun(decay: float) -> Array:
        options = {**formula.options, "weight_decay": decay}
        step: Array = displacements(replace(formula, options=options), observed.first)[0]
        return step[observed.groups == 0]

    bare, decayed = begun(0.0), begun(1.0)
    with np.errstate(all="ignore"):
        columns = np.stack([bare, decayed - bare], axis=1)
    step = observed.steps[0][observed.groups == 0]
    if not (np.isfinite(columns).all() and np.isfinite(step).all()):
        return formula
    decay = _rounded(float(np.linalg.lstsq(columns, step, rcond=None)[0][1]), 6)
    if abs(decay) < _NO_DECAY:
        decay = 0.0
    return replace(formula, options={**formula.options, "weight_decay": decay})


def _adjusted(observed: Observed, question: _Question, formula: Formula) -> list[Formula]:
    """Return a formula with the factor, the fall of the learning rate or the count observed."""
    asked = observed.asked
    if question.scaled:
        scale = _first_factor(observed, formula)
        return [replace(formula, scale=scale)] if np.isfinite(scale) and scale else []
    if formula.count == "samples" and not asked.samples:
        return []
    if formula.count == "constant:":
        return _counted(observed, formula)
    if formula.count.startswith("each:"):
        return counted_apart(observed, formula)
    if question.rate == "constant":
        return [formula]
    decays = dict.fromkeys(
        _rounded(decay, digits)
        # An eps that is another one, or a gradient as small as it, leaves few digits.
        for decay in _falls(observed, question, formula)
        for digits in (10, 6, 3)
    )
    return [
        replace(formula, options={**formula.options, "lr_decay": decay})
        for decay in decays
        if np.isfinite(decay) and abs(decay) >= 1e-9
    ]


def _falls(observed: Observed, question: _Question, formula: Formula) -> Iterator[float]:
    """Yield how fast the learning rate falls, as the steps show it."""
    asked = observed.asked
    what, how, *inside = question.rate.split(", ")
    if inside:
        coefficients, _, misfit = observed.responses
        if misfit > 1e-6 or len(coefficients) < 2 or not coefficients[0][0]:
            return
        ratio = coefficients[1][1] / coefficients[0][0]
    else:
        predicted = displacements(replace(formula, rate="constant"), asked)
        row, index = {
            "steps": (1, 0),
            "layers": (0, asked.layers.index(1) if 1 in asked.layers else 0),
            "tensors": (0, min(1, len(asked.shapes) - 1)),
        }[what]
        part = np.arange(observed.steps.shape[1])[asked.parts[index]]
        large = part[observed.groups[part] == 0]
        with np.errstate(all="ignore"):
            ratio = np.linalg.norm(observed.steps[row][large])
            ratio /= np.linalg.norm(predicted[row][large])
    if np.isfinite(ratio) and ratio > 0:
        yield float({"inverse": 1 / ratio - 1, "root": 1 / ratio**2 - 1}.get(how, 1 - ratio))


def _first_factor(observed: Observed, formula: Formula) -> float:
    """Return how many times the first step is that of a formula, where gradients are large."""
    large = observed.groups == 0
    predicted, step = displacements(formula, observed.first)[0][large], observed.steps[0][large]
    with np.errstate(all="ignore"):
        return float(step @ predicted / (predicted @ predicted))


def _counted(observed: Observed, formula: Formula) -> list[Formula]:
    """Return a formula with each of the constant counts that the first step may show."""
    if formula.kind == "nadam" or formula.correction == "none":
        return []
    factor = _first_factor(observed, replace(formula, correction="none", count="steps"))
    if not np.isfinite(factor):
        return []
    off = np.abs(corrected_times(formula, _COUNTS) - factor)
    return [replace(formula, count=f"constant:{_COUNTS[index]:g}") for index in np.argsort(off)[:3]]


def _with_eps(
    observed: Observed, question: _Question, formula: Formula
) -> tuple[float, Formula] | None:
    """Return the formula with the eps that reproduces all steps."""
    tried = [formula]
    if "eps" in question.free and "eps" in formula.options:
        tried += [replace(formula, options={**formula.options, "eps": e}) for e in USUAL["eps"]]
    values = [{"eps": own.options["eps"]} if "eps" in formula.options else {} for own in tried]
    misfits = observed.misfit(_together(observed.asked, formula, values))
    # Where several fit, the first is as good as one that fits a little better.
    best = min(range(len(tried)), key=lambda index: float(misfits[index]))
    if misfits[0] <= min(observed.tolerance, 10 * misfits[best]):
        best = 0
    return (float(misfits[best]), tried[best]) if misfits[best] <= observed.tolerance else None


def _refine(
    observed: Observed, question: _Question, formula: Formula
) -> tuple[float, Formula] | None:
    """Find hyperparameters between the usual ones, by Gauss-Newton."""
    names = [
        name
        for name in ("momentum", "alpha", "rho", "beta1", "beta2", "eps")
        if name in question.free and 0 < formula.options.get(name, 0.0) < 1
    ]
    if not names:
        return None

    def with_values(position: Array) -> Formula:
        values = [
            float(np.exp(u)) if name == "eps" else float(1 - np.exp(u))
            for name, u in zip(names, position, strict=True)
        ]
        return replace(
            formula, options={**formula.options, **dict(zip(names, values, strict=True))}
        )

    sizes = observed.sizes[:, observed.cells]

    def residuals(position: Array) -> Array:
        difference = displacements(with_values(position), observed.asked) - observed.steps
        with np.errstate(all="ignore"):
            return np.nan_to_num(difference / sizes, posinf=0.0, neginf=0.0).ravel()

    position = np.array(
        [np.log(v if n == "eps" else 1 - v) for n in names for v in (formula.options[n],)]
    )
    current = residuals(position)
    for _ in range(25):
        columns = []
        for index in range(len(names)):
            moved = position.copy()
            moved[index] += 1e-6
            columns.append((residuals(moved) - current) / 1e-6)
        change, *_ = np.linalg.lstsq(np.stack(columns, axis=1), -current, rcond=1e-12)
        change = np.clip(change, -1.5, 1.5)
        for _ in range(6):
            following = residuals(position + change)
            if following @ following < current @ current:
                break
            change = change / 4
        else:
            break
        position, current = position + change, following
    return _rounded_options(observed, with_values(position), names)


def _rounded_options(
    observed: Observed, formula: Formula, names: Sequence[str]
) -> tuple[float, Formula] | None:
    """Return the formula with the shortest numbers that reproduce all steps."""
    for digits in range(1, 13):
        values = {
            name: _rounded(formula.options[name], digits)
            if name == "eps"
            else 1 - _rounded(1 - formula.options[name], digits)
            for name in names
        }
        values = {name: float(f"{value:.12g}") for name, value in values.items()}
        trial = replace(formula, options={**formula.options, **values})
        residual = float(observed.misfit(displacements(trial, observed.asked)))
        if residual <= observed.tolerance:
            return residual, trial
    return None


def _rounded(value: float, digits: int) -> float:
    return float(f"{value:.{digits}g}")
