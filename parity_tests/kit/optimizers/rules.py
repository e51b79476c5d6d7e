"""The steps of an optimizer on its own, recomputed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.causes import CAUSES
from parity_tests.kit.inquiry import CLOSE, EXACT
from parity_tests.kit.network import Rule, arrays_in
from parity_tests.kit.optimizers.formulas import (
    LINEAR,
    Asked,
    read,
)
from parity_tests.kit.optimizers.judging import judged
from parity_tests.kit.optimizers.observed import Observed
from parity_tests.kit.optimizers.search import find
from parity_tests.kit.subject import quiet
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, UNCHECKED, Verdict, named

Array = NDArray[Any]
Shapes = Sequence[tuple[int, ...]]
STEPS = 6
# Gradients that are far above eps, near it and zero; the large ones show clipping.
_MAGNITUDES = (30.0, 1.0, 1e-4, 1e-7, 0.0)
# Gradients of one step are smaller than those before, or a maximum would never be seen.
_SIZES = (1.0, 0.3, 2.0, 0.01, 1.0, 0.5)
# Not 0.1: a rate that is applied twice would look like a moving average with momentum 0.9.
RATES = {"adadelta": 1.0, **dict.fromkeys(LINEAR, 0.07)}
_RATE = 0.013
# How much smaller another rate is, and how closely a factor is a rate.
_LATER, _NEAR = 4, 1e-6
# Of the parameters of a large network a corner is enough.
_CORNER = 16
# Stand for the widths of a network, so that rules are asked with few parameters.
_WIDTHS = (7, 5, 3, 4, 6, 8, 9)
_SHAPES = ((7, 5), (5,), (5, 3), (3,))


class _RuleError(Exception):
    """A rule could not be asked, or its answer could not be read."""


# An optimizer on its own


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
    told, found, cause = "", None, None
    for tried in (small, list(shapes), alike):
        try:
            observed, verdicts = _asked(rule, tried, kind, seed)
        except _RuleError as error:
            if not told:
                told, cause = str(error), None if error.__cause__ is None else "call-raises"
            continue
        of_steps = judged(observed, kind, given)
        if _has_factor(of_steps, observed.asked.lr):
            of_steps = _of_second_rate(rule, tried, kind, given, seed, of_steps)
        elif [v.status for v in of_steps] == [EQUAL if kind is None else CONVENTION]:
            of_steps = _with_unscaled_decay(rule, tried, kind, given, seed, observed) or of_steps
        # What parameters of one shape share shows with parameters of one shape alone.
        if found is None or any(verdict.cause == "state-shared" for verdict in of_steps):
            found = of_steps + verdicts
        if tried is alike or all(verdict.status in (EQUAL, CONVENTION) for verdict in of_steps):
            break
        if any(verdict.cause is not None for verdict in of_steps):
            break
    return found if found is not None else [Verdict("optimizer", UNCHECKED, told, cause=cause)]


def _has_factor(of_steps: list[Verdict], factor: float) -> bool:
    """Whether all steps are so many times what was expected, and nothing else is wrong."""
    if [verdict.cause for verdict in of_steps] != ["step-scaled"]:
        return False
    return abs((of_steps[0].factor or 0.0) / factor - 1) <= _NEAR


def _of_second_rate(
    rule: Rule,
    shapes: Shapes,
    kind: str | None,
    given: Mapping[str, float | None],
    seed: int,
    of_steps: list[Verdict],
) -> list[Verdict]:
    """Say of a factor that is the learning rate at another one, too, that the step has it twice."""
    lr = (of_steps[0].factor or 0.0) / _LATER
    slower = replace(rule, options={**rule.options, "lr": lr})
    try:
        again = judged(_asked(slower, shapes, kind, seed)[0], kind, given)
    except _RuleError:
        return of_steps
    if not _has_factor(again, lr):
        return of_steps
    seen = of_steps[0].message.partition(". Look")[0]
    return [named("optimizer", "rate-twice", f"{seen}, which is the learning rate")]


def _with_unscaled_decay(
    rule: Rule,
    shapes: Shapes,
    kind: str | None,
    given: Mapping[str, float | None],
    seed: int,
    observed: Observed,
) -> list[Verdict]:
    r"""Return that a decay that nobody declared is as much at another rate; else nothing.

    .. math:: \Delta\theta = -\eta \, d - w \theta = -\eta \, (d + (w / \eta) \, \theta)
    """
    decay = _undeclared_decay(observed, kind, given)
    if not decay:
        return []
    lr = observed.asked.lr
    slower = replace(rule, options={**rule.options, "lr": lr / _LATER})
    try:
        again, _ = _asked(slower, shapes, kind, seed)
    except _RuleError:
        return []
    other = _undeclared_decay(again, kind, given) / _LATER
    if abs(other / decay - 1) > _NEAR:
        return []
    taken = decay * lr
    message = (
        f"{CAUSES['decay-not-scaled'].title}: a step takes {taken:.6g} x the parameters away, "
        "whatever the learning rate is, unless it is meant otherwise"
    )
    return [Verdict("optimizer", CONVENTION, message, None, "decay-not-scaled", taken)]


def _undeclared_decay(
    observed: Observed, kind: str | None, given: Mapping[str, float | None]
) -> float:
    """Return the weight decay of the formula of steps, if it is not that declared; else zero."""
    matches = find(observed, kind, given, simple=True)
    if len(matches) != 1:
        return 0.0
    return matches[0].changed.get("weight_decay", 0.0)


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
    lr = float(rule.options.get("lr") or RATES.get(str(kind), _RATE))

    def split(vector: Array) -> list[Array]:
        parts = np.split(vector, np.cumsum(sizes)[:-1])
        return [part.reshape(shape).copy() for part, shape in zip(parts, shapes, strict=True)]

    first = _run(rule, split(start), [split(g) for g in gradients], lr)
    again = _run(rule, split(start), [split(g) for g in gradients], lr)
    buffers = split(gradients[0])
    kept = _run(rule, split(start), [split(g) for g in gradients], lr, buffers)
    asked = Asked(lr, tuple(map(tuple, shapes)), np.stack(first.values[:-1]), gradients)
    with np.errstate(invalid="ignore"):  # behind infinite parameters
        steps = np.diff(np.stack(first.values), axis=0)
    precision = float(np.finfo(first.dtype).eps)
    tolerance = EXACT if precision < 1e-10 else CLOSE
    observed = cornered(Observed(asked, steps, groups, tolerance, precision))
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


def cornered(observed: Observed) -> Observed:
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
