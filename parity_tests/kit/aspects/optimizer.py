"""Steps, recomputed: those of an optimizer, and those of a network that updates itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numpy_impl import InputError
from parity_tests.kit.aspects.factors import is_convention
from parity_tests.kit.aspects.loss import declared_scale
from parity_tests.kit.backprop import carried_back, fit, losses_of
from parity_tests.kit.causes import CAUSES
from parity_tests.kit.forward import run
from parity_tests.kit.inquiry import CLOSE, EXACT, Inquiry
from parity_tests.kit.network import Rule, arrays_in
from parity_tests.kit.optimizers.formulas import (
    DEFAULTS,
    LINEAR,
    Asked,
    Formula,
    displacements,
    read,
)
from parity_tests.kit.optimizers.kept import Kept, kept
from parity_tests.kit.optimizers.search import Match, Observed, estimates, find, responses
from parity_tests.kit.scales import Ratio, Scale, ratio
from parity_tests.kit.subject import Batch, Layers, SubjectError, quiet
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, UNCHECKED, Verdict, named

Array = NDArray[Any]
Shapes = Sequence[tuple[int, ...]]

STEPS = 6
# Gradients that are far above eps, near it and zero; the large ones show clipping.
_MAGNITUDES = (30.0, 1.0, 1e-4, 1e-7, 0.0)
# Gradients of one step are smaller than those before, or a maximum would never be seen.
_SIZES = (1.0, 0.3, 2.0, 0.01, 1.0, 0.5)
# Not 0.1: a rate that is applied twice would look like a moving average with momentum 0.9.
_RATES = {"adadelta": 1.0, **dict.fromkeys(LINEAR, 0.07)}
_RATE = 0.013
# Of the parameters of a large network a corner is enough.
_CORNER = 16
# Stand for the widths of a network, so that rules are asked with few parameters.
_WIDTHS = (7, 5, 3, 4, 6, 8, 9)
_SHAPES = ((7, 5), (5,), (5, 3), (3,))
_SINGLE = 2e-6
# Steps that are short, so that the order of updates hardly shows in them.
_SHORT = 1e-5
# How far a step is off that is told first, where several are.
_VISIBLE = 1e-3
# How closely a factor is a number with a meaning, and steps grow with the gradient.
_NEAR, _ROUGH = 1e-7, 1e-4
_FUNCTIONS = {"cross_entropy": "softmax", "binary_cross_entropy": "sigmoid"}


class _RuleError(Exception):
    """A rule could not be asked, or its answer could not be read."""


# An optimizer on its own


def examine(inquiry: Inquiry) -> list[Verdict]:
    """Recompute the steps of a network's optimizer, or of the network that updates itself."""
    network = inquiry.subject.network
    if network.optimizer is not None:
        rule = network.optimizer
        kind = rule.kind or inquiry.spec.optimizer
        options = rule.options or inquiry.spec.options
        seed = int(inquiry.rng.integers(2**31))
        return examine_rule(Rule(rule.make, rule.step, kind, options), seed, inquiry.subject.shapes)
    if network.step is not None:
        return _of_itself(inquiry)
    return []


def examine_rule(rule: Rule, seed: int, shapes: Shapes = _SHAPES) -> list[Verdict]:
    """Recompute six steps of an optimizer.

    Parameters
    ----------
    rule : Rule
        The optimizer.
    seed : int
        Of parameters and gradients.
    shapes : sequence of tuple of int, optional
        Of the parameters that it is made for. It is asked with smaller ones of the same order, and
        with these where it does not take them.

    Raises
    ------
    InputError
        For a kind or an option that is not known.
    """
    kind: str | None = None
    given: Mapping[str, float | None] = {}
    if rule.kind is not None:
        kind, given = read(rule.kind, rule.options)
    small, alike = _small(shapes), [tuple(4 if n > 1 else 1 for n in shape) for shape in shapes]
    told, found = "", None
    for tried in (small, list(shapes), alike):
        try:
            observed, verdicts = _asked(rule, tried, kind, seed)
        except _RuleError as error:
            told = told or str(error)
            continue
        judged = _judged(observed, kind, given)
        # What parameters of one shape share shows with parameters of one shape alone.
        if found is None or any(verdict.cause == "state-shared" for verdict in judged):
            found = judged + verdicts
        if tried is alike or all(verdict.status in (EQUAL, CONVENTION) for verdict in judged):
            break
        if any(verdict.cause is not None for verdict in judged):
            break
    return found if found is not None else [Verdict("optimizer", UNCHECKED, told)]


def _small(shapes: Shapes) -> list[tuple[int, ...]]:
    """Return shapes with the same equalities among their numbers, and small ones."""
    numbers = sorted({n for shape in shapes for n in shape if n > 1}, reverse=True)
    if len(numbers) > len(_WIDTHS):
        return list(shapes)
    names = dict(zip(numbers, _WIDTHS, strict=False))
    return [tuple(names.get(n, n) for n in shape) for shape in shapes]


def _asked(
    rule: Rule, shapes: Shapes, kind: str | None, seed: int
) -> tuple[Observed, list[Verdict]]:
    """Take steps from the same start with the same gradients, in three ways."""
    rng = np.random.default_rng(seed)
    sizes = [int(np.prod(shape)) for shape in shapes]
    groups = rng.permuted(np.arange(sum(sizes)) % len(_MAGNITUDES))
    magnitudes = np.asarray(_MAGNITUDES)[groups]
    start = rng.standard_normal(sum(sizes)) * np.where(magnitudes, magnitudes, 1.0)
    gradients = rng.standard_normal((STEPS, sum(sizes))) * magnitudes
    gradients *= np.asarray(_SIZES)[:, np.newaxis]
    lr = float(rule.options.get("lr") or _RATES.get(str(kind), _RATE))

    def split(vector: Array) -> list[Array]:
        parts = np.split(vector, np.cumsum(sizes)[:-1])
        return [part.reshape(shape).copy() for part, shape in zip(parts, shapes, strict=True)]

    first = _run(rule, split(start), [split(g) for g in gradients], lr)
    again = _run(rule, split(start), [split(g) for g in gradients], lr)
    buffers = split(gradients[0])
    kept = _run(rule, split(start), [split(g) for g in gradients], lr, buffers)
    asked = Asked(lr, tuple(map(tuple, shapes)), np.stack(first.values[:-1]), gradients)
    steps = np.diff(np.stack(first.values), axis=0)
    precision = float(np.finfo(first.dtype).eps)
    tolerance = EXACT if precision < 1e-10 else CLOSE
    observed = _cornered(Observed(asked, steps, groups, tolerance, precision))
    verdicts = []
    if first.written is not None:
        verdicts.append(_beside("gradient-written-to", first.written))
    if not _same(first, again):
        verdicts.append(_beside("optimizer-state-kept"))
    elif not _same(first, kept):
        verdicts.append(_beside("gradient-kept"))
    return observed, verdicts


@dataclass(frozen=True)
class _Run:
    """What came of some steps: all parameters before each and after the last."""

    values: list[Array]
    dtype: Any
    written: int | None


def _run(
    rule: Rule,
    params: list[Array],
    gradients: list[list[Array]],
    lr: float,
    buffers: list[Array] | None = None,
) -> _Run:
    shapes = [array.shape for array in params]
    values = [_joined(params)]
    written: int | None = None
    with quiet():
        try:
            state = rule.make(params, lr)
            for grads in gradients:
                given = [array.copy() for array in grads]
                if buffers is not None:
                    for buffer, array in zip(buffers, grads, strict=True):
                        buffer[...] = array
                    given = list(buffers)
                result = rule.step(state, params, given)
                changed = [
                    k
                    for k, (array, grad) in enumerate(zip(given, grads, strict=True))
                    if not np.array_equal(array, grad)
                ]
                if changed and written is None:
                    written = changed[0]
                came = list(arrays_in(result))
                if len(came) not in (0, len(shapes)) and np.array_equal(
                    _joined(params), values[-1]
                ):
                    raise _RuleError(
                        f"optimizer: the step returned {len(came)} of {len(shapes)} arrays"
                    )
                params = came if len(came) == len(shapes) else params
                if [array.shape for array in params] != shapes:
                    raise _RuleError(
                        f"optimizer: expected arrays of shapes {shapes} after the step, got "
                        f"{[array.shape for array in params]}"
                    )
                values.append(_joined(params))
        except _RuleError:
            raise
        except Exception as error:
            raise _RuleError(f"optimizer: {type(error).__name__}: {error}") from error
    return _Run(values, np.result_type(*(array.dtype for array in params)), written)


def _joined(arrays: Sequence[Array]) -> Array:
    return np.concatenate([np.ravel(array) for array in arrays]).astype(np.float64)


def _same(one: _Run, other: _Run) -> bool:
    return all(
        np.allclose(a, b, rtol=1e-12, atol=0, equal_nan=True)
        for a, b in zip(one.values, other.values, strict=True)
    )


def _cornered(observed: Observed) -> Observed:
    """Leave out most of the entries of large parameters."""
    asked = observed.asked
    if sum(int(np.prod(shape)) for shape in asked.shapes) <= 8 * _CORNER**2:
        return observed
    kept, shapes = [], []
    for part, shape in zip(asked.parts, asked.shapes, strict=True):
        corner = tuple(slice(0, min(n, _CORNER)) for n in shape)
        places = np.arange(part.start, part.stop).reshape(shape)[corner]
        kept.append(places.ravel())
        shapes.append(places.shape)
    chosen = np.concatenate(kept)
    fewer = replace(
        asked,
        shapes=tuple(shapes),
        values=asked.values[:, chosen],
        gradients=asked.gradients[:, chosen],
    )
    return Observed(
        fewer,
        observed.steps[:, chosen],
        observed.groups[chosen],
        observed.tolerance,
        observed.precision,
    )


def _beside(cause: str, tensor: int | None = None) -> Verdict:
    message = f"{CAUSES[cause].title}. Look at {CAUSES[cause].advice}."
    name = None if tensor is None else f"gradient {tensor + 1}"
    return Verdict("side effects", DIFFERS, message, name, cause)


# What was found


def _judged(
    observed: Observed, kind: str | None, given: Mapping[str, float | None]
) -> list[Verdict]:
    matches = find(observed, kind, given)
    if not matches and observed.tolerance < _SINGLE:
        # Some keep their moments in float32.
        matches = find(replace(observed, tolerance=_SINGLE), kind, given, simple=True)
    if not matches:
        return [_unknown(observed, kind, given)]
    if len(matches) > 1:
        either = "; or ".join(sorted({_name(match) for match in matches}))
        message = f"the same steps come of several formulas: {either}"
        faults = min(match.cost[0] for match in matches)
        status = DIFFERS if faults else CONVENTION
        return [Verdict("optimizer", status, message)]
    return _told(matches[0], kind, given, len(observed.steps))


def _told(
    match: Match, kind: str | None, given: Mapping[str, float | None], steps: int
) -> list[Verdict]:
    """Return a verdict for every fault, else one for all conventions, else that it is equal."""
    what = f"all {steps} steps are those of {_name(match)} (residual {match.residual:.1g})"
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
        return [_verdict(CONVENTION, message, match, cause, None)]
    return [_verdict(EQUAL, what, match, None, None)]


def _verdict(
    status: str, message: str, match: Match, cause: str | None, factor: float | None
) -> Verdict:
    return Verdict("optimizer", status, message, None, cause, factor, match.residual)


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
    others = [
        f"{name} is {value:g}, declared is {given[name]:g}"
        for name, value in match.changed.items()
        if given.get(name) is not None
        and name != "eps"
        and not (swapped and name in ("beta1", "beta2"))
    ]
    if others:
        wrong.append(("another-hyperparameter", "; ".join(others)))
    return [
        named("optimizer", cause, f"{text}; {what}", residual=match.residual)
        for cause, text in wrong
    ]


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


def _unknown(observed: Observed, kind: str | None, given: Mapping[str, float | None]) -> Verdict:
    """Say where the steps first leave those that were expected."""
    if kind is None:
        message = f"the steps are of no optimizer that is known{_response(observed)}"
        return Verdict("optimizer", UNCHECKED, message)
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
    factor, residual = fit(observed.steps[step][entries], predicted[step][entries])
    size = np.abs(observed.asked.gradients[step][entries]).max()
    shape = observed.asked.shapes[tensor]
    clearly = "" if visible == observed.tolerance else "clearly "
    nearest = (
        "nothing is changed"
        if not np.any(observed.steps[step][entries])
        else f"the nearest multiple is {factor:.4g} x, which leaves {residual:.2g} of its norm"
    )
    message = (
        f"step {step + 1} of parameter {tensor + 1}, of shape {shape}, is the first that is "
        f"{clearly}not {kind}'s, where gradients are up to {size:.1g}: {nearest}"
        f"{_response(observed)}. The cause is unknown."
    )
    name = f"parameter {tensor + 1}"
    return Verdict("optimizer", DIFFERS, message, name, None, None, residual)


def _response(observed: Observed) -> str:
    """Return the third step in terms of the gradients, if the steps are linear in them."""
    coefficients, decays, misfit = responses(observed)
    if misfit > 1e-6 or len(coefficients) < 3:
        return ""
    terms = [f"{value:.4g} g{k}" for k, value in enumerate(coefficients[2], start=1)]
    if abs(decays[2]) > 1e-9:
        terms.append(f"{decays[2]:.4g} of the parameter")
    return f". Step 3 is -lr ({' + '.join(terms)})"


# A network that updates itself


@dataclass(frozen=True)
class Trajectory:
    """Parameters of a network before the first and after every step.

    Attributes
    ----------
    batches : list of Batch
        What each step was taken on.
    layers : list of Layers
        One more than steps.
    """

    batches: list[Batch]
    layers: list[Layers]


def trajectory(inquiry: Inquiry, steps: int, lr: float) -> tuple[Trajectory, Trajectory]:
    """Take steps on one batch, and from the same start on two in turn.

    A network that takes one sample at a time gets the first and the last sample for batches.

    Raises
    ------
    SubjectError
        If a step fails.
    InputError
        If there is less than one step.
    """
    if steps < 1:
        raise InputError("steps", "at least 1", str(steps))
    first, second = inquiry.batches
    if inquiry.subject.single:
        first, second = first.part(slice(0, 1)), first.part(slice(len(first) - 1, len(first)))
    return (
        _walk(inquiry, [first] * steps, lr),
        _walk(inquiry, [(first, second)[k % 2] for k in range(steps)], lr),
    )


def _walk(
    inquiry: Inquiry, batches: list[Batch], lr: float, start: Layers | None = None
) -> Trajectory:
    subject = inquiry.subject
    subject.renew()
    layers = [subject.set(start or inquiry.layers)]
    for batch in batches:
        subject.step(batch, lr)
        layers.append(subject.get())
    return Trajectory(batches, layers)


def _of_itself(inquiry: Inquiry) -> list[Verdict]:
    """Recompute the steps of a network that updates itself, from the gradients of its loss."""
    network, spec = inquiry.subject.network, inquiry.spec
    if inquiry.form is None:
        return [Verdict("optimizer", UNCHECKED, "the forward pass is not known")]
    if inquiry.is_gradient_faulty:
        return _of_faulty(inquiry)
    loss = inquiry.gradient_loss or spec.loss or (inquiry.reported and inquiry.reported[0])
    if loss is None:
        return [Verdict("optimizer", UNCHECKED, "the loss is not known")]
    lr = network.lr or _RATES["sgd"]
    try:
        walks = trajectory(inquiry, 4, lr)
        alone = _walk(inquiry, [walks[1].batches[1]], lr)
    except SubjectError as error:
        return [Verdict("optimizer", UNCHECKED, str(error))]
    kind, given = read(spec.optimizer, spec.options) if spec.optimizer else (None, {})
    factors = [_factors(inquiry, walk, loss, lr) for walk in (walks[0], alone)]
    if inquiry.gradient_scale is None or any(found is None for found in factors):
        return _of_moments(inquiry, walks[1], loss, lr, kind, given)
    turns = _observed(inquiry, walks[1], loss, lr, factors)
    same = _observed(inquiry, walks[0], loss, lr, factors[:1] * 2)
    ahead = _look_ahead(turns, kind, given)
    found = _judged(_divided(turns, ahead), kind, given)
    again = _judged(_divided(same, ahead), kind, given)
    if ahead != 1 and any(verdict.status != DIFFERS for verdict in found):
        inquiry.steps_explain = "factor"
    if {v.cause for v in found} != {v.cause for v in again}:
        message = "steps on one batch and steps on two batches in turn are of different formulas"
        return [Verdict("optimizer", UNCHECKED, message)]
    unscaled = _of_unscaled_decay(inquiry, loss)
    if [verdict.status for verdict in found] == [EQUAL]:
        return _of_average(inquiry, turns) + unscaled or found
    return found + unscaled


def _look_ahead(observed: Observed, kind: str | None, given: Mapping[str, float | None]) -> float:
    """Return how much longer than the gradient a first step is: 1 + momentum for Nesterov's."""
    if not find(observed, kind, given, simple=True):
        for momentum in estimates(observed).get("momentum", ()):
            if find(_divided(observed, 1 + momentum), kind, given, simple=True):
                return 1 + momentum
    return 1.0


def _divided(observed: Observed, factor: float) -> Observed:
    asked = observed.asked
    return replace(observed, asked=replace(asked, gradients=asked.gradients / factor))


def _of_average(inquiry: Inquiry, observed: Observed) -> list[Verdict]:
    """Take a factor in the first step of momentum for that of a moving average.

    The first step of a moving average is 1 - momentum times the gradient. Empty if that does not
    make the factor of the gradient a simpler one.
    """
    for match in find(observed, None, {}):
        momentum = match.formula.options.get("momentum")
        if not momentum:
            continue
        first, left = _first_share(inquiry, (1.0, 1 - momentum), match.residual)
        if first != 1:
            return [*left, _average(momentum, first, match.residual)]
    return []


def _average(momentum: float, first: float, residual: float | None) -> Verdict:
    message = (
        f"{CAUSES['momentum-average'].title}: as momentum {momentum:g}, and the first step is "
        f"{first:.6g} x the gradient (the same as PyTorch's with lr x {1 - momentum:.6g})"
    )
    cause = "momentum-average"
    return Verdict("optimizer", CONVENTION, message, None, cause, 1 - momentum, residual)


def _first_share(
    inquiry: Inquiry, shares: Sequence[float], residual: float | None
) -> tuple[float, list[Verdict]]:
    """Return how many times the gradient the first step is, and what that leaves to be said.

    Parameters
    ----------
    shares : sequence of float
        What it may be. The first one is taken that makes the factor of the gradient simplest.
    """
    scale = inquiry.gradient_scale
    if scale is None:
        return shares[0], []
    expected = _expected(inquiry) or Scale(1.0, 1)
    if inquiry.subject.single:
        expected = Scale(expected.constant, scale.power)
    found = [
        ratio(Scale(scale.constant / share, scale.power), expected, inquiry.subject.sizes, _NEAR)
        for share in shares
    ]
    best = min(range(len(shares)), key=lambda index: _difficulty(found[index]))
    share, rest = shares[best], found[best]
    if share == 1:
        return share, []
    inquiry.steps_explain = "factor"
    alone = Scale(scale.constant / share, scale.power)
    return share, [] if rest is None else [_left(inquiry, rest, alone, expected, residual)]


def _difficulty(factor: Ratio | None) -> tuple[int, int]:
    """Return how far a factor is from being explained: numbers without a meaning, and parts."""
    causes = () if factor is None else factor.causes
    return len({"factor-constant", "factor-nominal-batch"} & set(causes)), len(causes)


def _of_faulty(inquiry: Inquiry) -> list[Verdict]:
    """Judge what steps keep of those before, where their gradient has a fault."""
    spec = inquiry.spec
    faulty = "the gradient has a fault, and the steps with it"
    try:
        found = _kept(inquiry)
    except SubjectError as error:
        return [Verdict("optimizer", UNCHECKED, str(error))]
    if found is None:
        return [Verdict("optimizer", UNCHECKED, faulty)]
    if found.kind == "other":
        inquiry.steps_explain = "factor"
        depends = "the steps depend on those before, in a way that is not known"
        return [
            Verdict("gradient", UNCHECKED, f"{depends}: a factor that all have is not judged"),
            Verdict("optimizer", UNCHECKED, f"{faulty}; {depends}"),
        ]
    kind, given = read(spec.optimizer, spec.options) if spec.optimizer else (None, {})
    if given.get("momentum") == 0:
        kind = "sgd"
    if found.kind == "nothing":
        seen = "no state is kept between steps"
        if kind in ("momentum", "nesterov"):
            return [named("optimizer", "momentum-without-effect", seen)]
        if kind not in (None, "sgd"):
            return [named("optimizer", "another-optimizer", f"{seen}, declared is {kind}")]
        message = f"{seen}: they are plain descent, by the gradient as it is, with its fault"
        return [Verdict("optimizer", EQUAL, message)]
    return _of_kept_momentum(inquiry, found, kind, given)


def _of_kept_momentum(
    inquiry: Inquiry, found: Kept, kind: str | None, given: Mapping[str, float | None]
) -> list[Verdict]:
    momentum = found.momentum
    if momentum == 1:
        return [
            named("optimizer", "step-of-accumulated", "a step has all those before it once more")
        ]
    ahead = 1 + momentum if found.kind == "nesterov" else 1.0
    average = (1 - momentum) * ahead
    first, left = _first_share(inquiry, (ahead, average, 1.0), None)
    name = "Nesterov's momentum" if found.kind == "nesterov" else "momentum"
    seen = f"the steps have {name} of {momentum:g}, whatever the gradient is"
    declared = given.get("momentum")
    if kind not in (None, found.kind):
        plain = kind == "nesterov" and found.kind == "momentum"
        cause = "nesterov-is-momentum" if plain else "another-optimizer"
        return [*left, named("optimizer", cause, f"{seen}, declared is {kind}")]
    if declared is not None and declared != momentum:
        cause = "another-hyperparameter"
        return [*left, named("optimizer", cause, f"{seen}, declared is {declared:g}")]
    if first == average:
        return [*left, _average(momentum, first, None)]
    return [*left, Verdict("optimizer", EQUAL, seen)]


def _kept(inquiry: Inquiry) -> Kept | None:
    """Return what steps keep of those before; None if a new network does not step as another."""
    subject, (one, other) = inquiry.subject, inquiry.batches
    if subject.single or inquiry.is_one_by_one:
        one, other = one.part(slice(0, 1)), one.part(slice(len(one) - 1, len(one)))
    if inquiry.tolerance >= CLOSE:
        return None
    rate = subject.network.lr or _SHORT
    walk = _walk(inquiry, [one, other, one], rate)
    steps, anew = _changes(walk), []
    for number in (1, 2):
        tried = [
            _changes(_walk(inquiry, [walk.batches[number]], rate, walk.layers[number]))[0]
            for _ in range(2)
        ]
        if not all(np.array_equal(a, b) for a, b in zip(*tried, strict=True)):
            return None
        anew.append(tried[0])
    return kept(steps, anew)


def _changes(walk: Trajectory) -> list[list[Array]]:
    return [
        [after - before for before, after in zip(_tensors(old), _tensors(new), strict=True)]
        for old, new in pairwise(walk.layers)
    ]


def _of_unscaled_decay(inquiry: Inquiry, loss: str) -> list[Verdict]:
    """Return that a decay is the same at every learning rate, where the rest of a step is not."""
    spec, rates = inquiry.spec, (_RATES["sgd"], _RATES["sgd"] / 4)
    if inquiry.subject.network.lr is not None:
        return []
    one = inquiry.batches[0]
    if inquiry.subject.single:
        one = one.part(slice(0, 1))
    seen = []
    for rate in rates:
        factors = _factors(inquiry, _walk(inquiry, [one], rate), loss, rate)
        if factors is None or not any(decay for _, decay in factors):
            return []
        seen.append(np.array(factors) * (1.0, rate))
    if not np.allclose(seen[0], seen[1], rtol=_ROUGH, atol=0):
        return []
    taken = float(np.abs(seen[0][:, 1]).max())
    what = f"a step takes {taken:.6g} x the parameters away, whatever the learning rate is"
    if spec.weight_decay or spec.options.get("weight_decay") or inquiry.penalty:
        return [named("optimizer", "decay-not-scaled", what)]
    message = f"{CAUSES['decay-not-scaled'].title}: {what}, unless it is meant otherwise"
    return [Verdict("optimizer", CONVENTION, message, None, "decay-not-scaled", taken)]


def _left(
    inquiry: Inquiry, factor: Ratio, scale: Scale, expected: Scale, residual: float | None
) -> Verdict:
    """Return what is to be said of the gradient that the steps show, which has a factor."""
    samples = len(inquiry.batches[0])
    value = scale.at(samples) / expected.at(samples)
    cause = factor.causes[0]
    what = (
        f"the steps are those of {value:.6g} x the gradient expected: {factor.text}; the batch is "
        f"{samples}"
    )
    if _expected(inquiry) is None and is_convention(inquiry, factor):
        message = f"{what}. No loss says which is meant: it may as well be its convention."
        return Verdict("gradient", CONVENTION, message, None, cause, value, residual)
    message = f"{what}. Look at {CAUSES[cause].advice}."
    tensor = f"dL/dz{len(inquiry.layers)}"
    return Verdict("gradient", DIFFERS, message, tensor, cause, value, residual)


def _expected(inquiry: Inquiry) -> Scale | None:
    declared = declared_scale(inquiry.spec, inquiry.subject.outputs)
    if declared is None and inquiry.reported is not None:
        declared = inquiry.reported[1]
    return declared


def _of_moments(
    inquiry: Inquiry,
    walk: Trajectory,
    loss: str,
    lr: float,
    kind: str | None,
    given: Mapping[str, float | None],
) -> list[Verdict]:
    """Recompute steps that are not multiples of the gradient, with that of the loss reported."""
    expected = _expected(inquiry) or Scale(1.0, 1)
    seen: list[Observed] = []
    # Adaptive steps hardly depend on a factor of the gradient, but eps beside it tells.
    for scale in dict.fromkeys((expected, Scale(1.0, 1), Scale(1.0, 0))):
        factors = [
            [(scale.at(len(batch)), 0.0)] * len(_tensors(inquiry.layers))
            for batch in walk.batches[:2]
        ]
        seen.append(_observed(inquiry, walk, loss, lr, factors))
        matches = find(seen[-1], kind, given, simple=scale != expected)
        if len(matches) == 1 and matches[0].formula.kind not in LINEAR:
            inquiry.steps_explain = "gradient"
            factor = ratio(scale, expected, inquiry.subject.sizes, _NEAR)
            residual = matches[0].residual
            left = [] if factor is None else [_left(inquiry, factor, scale, expected, residual)]
            return left + _told(matches[0], kind, given, len(walk.batches))
        if inquiry.gradient_scale is not None or not _is_of_entries(seen[0]):
            message = (
                "the first step is not a multiple of the gradient, by which later ones are judged"
            )
            return [Verdict("optimizer", UNCHECKED, message)]
    inquiry.steps_explain = "gradient"
    why = (
        "only steps show it, and an entry's first step grows with that entry's gradient, though "
        "it is no multiple of it, as with an adaptive optimizer; which one is not known"
    )
    unknown = _unknown(seen[0], kind, given)
    return [Verdict("gradient", UNCHECKED, why), unknown]


def _is_of_entries(observed: Observed) -> bool:
    """Whether the first step goes down everywhere, and the further the larger the gradient is.

    A step of the whole gradient that is wrong does neither.
    """
    gradient, step = observed.asked.gradients[0], -observed.steps[0]
    # In units of the largest, so that a weight decay beside it does not count.
    largest = np.abs(step).max()
    if not np.isfinite(step).all() or largest == 0:
        return False
    order = np.argsort(np.abs(gradient))
    sizes = (step * np.sign(gradient))[order] / largest
    has_one = np.abs(gradient[order]) > 0
    moved, others = sizes[has_one], step[order][~has_one] / largest
    return bool(
        (moved > -_ROUGH).all()
        and (np.diff(moved) > -_ROUGH).all()
        and (np.abs(others) < _ROUGH).all()
    )


def _factors(
    inquiry: Inquiry, walk: Trajectory, loss: str, lr: float
) -> list[tuple[float, float]] | None:
    """Return the factors of gradient and parameter in the first step of each tensor."""
    gradient = _tensors(right_gradient(inquiry, loss, walk.layers[0], walk.batches[0]))
    before, after = _tensors(walk.layers[0]), _tensors(walk.layers[1])
    factors = []
    for g, old, new in zip(gradient, before, after, strict=True):
        step = (old - new).ravel() / lr
        factor, residual = fit(step, g)
        decay = 0.0
        if residual > inquiry.tolerance:
            basis = np.stack([g.ravel(), old.ravel()], axis=1)
            if not np.isfinite(step).all() or len(step) < 3:
                return None
            (factor, decay), *_ = np.linalg.lstsq(basis, step, rcond=None)
            left = np.linalg.norm(step - basis @ [factor, decay])
            if left > inquiry.tolerance * np.linalg.norm(step):
                return None
        factors.append((float(factor), float(decay)))
    return factors


def _observed(
    inquiry: Inquiry, walk: Trajectory, loss: str, lr: float, factors: Sequence[Any]
) -> Observed:
    gradients = []
    for number, (layers, batch) in enumerate(zip(walk.layers, walk.batches, strict=False)):
        right = _tensors(right_gradient(inquiry, loss, layers, batch))
        values = _tensors(layers)
        gradients.append(
            np.concatenate(
                [
                    (factor * g + decay * value).ravel()
                    for g, value, (factor, decay) in zip(
                        right, values, factors[number % 2], strict=True
                    )
                ]
            )
        )
    places = np.stack([_joined(_tensors(layers)) for layers in walk.layers])
    shapes = tuple(array.shape for array in _tensors(walk.layers[0]))
    samples = tuple(map(len, walk.batches))
    asked = Asked(lr, shapes, places[:-1], np.stack(gradients), samples)
    groups = np.zeros(places.shape[1], int)
    precision = 2e-16 if inquiry.tolerance < CLOSE else 1e-7
    return _cornered(Observed(asked, np.diff(places, axis=0), groups, inquiry.tolerance, precision))


def _tensors(layers: Layers) -> list[Array]:
    return [array for layer in layers for array in (layer.weight, layer.bias) if array is not None]


def right_gradient(inquiry: Inquiry, loss: str, layers: Layers, batch: Batch) -> Layers:
    r"""Return the gradient of a loss, summed over samples and outputs.

    .. math:: \delta_l = (\delta_{l+1} W_{l+1}) \odot f_l'(z_l), \qquad
              \partial L / \partial W_l = \delta_l^T a_{l-1}, \qquad
              \partial L / \partial b_l = \sum_n \delta_l

    Raises
    ------
    InputError
        For a loss that is not known.
    """
    form = inquiry.form
    assert form is not None
    passed = run(form, layers, batch.inputs)
    starts = {
        name: (function, slopes) for name, function, _, slopes in losses_of(form, passed, batch)
    }
    name = form.output
    # A network that returns logits has the function in its loss.
    if name in ("identity", "log_softmax") and loss in _FUNCTIONS:
        name = _FUNCTIONS[loss]
    function, slopes = starts[name]
    if loss not in slopes:
        raise InputError("loss", f"one of {sorted(slopes)}", repr(loss))
    delta = function.back(slopes[loss], passed.logits[-1])
    found: Layers = []
    for number in reversed(range(len(layers))):
        layer = layers[number]
        bias = None if layer.bias is None else delta.sum(axis=0)
        found.insert(0, type(layer)(delta.T @ passed.activations[number], bias))
        if number:
            delta = carried_back(form, passed, layers, delta, number)
    return found
