"""Steps of an optimizer on its own, as they come for gradients that are given."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.causes import CAUSES
from parity_tests.kit.inquiry import CLOSE, EXACT
from parity_tests.kit.network import Rule, arrays_in
from parity_tests.kit.optimizers.formulas import LINEAR, Asked
from parity_tests.kit.optimizers.observed import Observed
from parity_tests.kit.subject.generators import reached_by, seeded_own
from parity_tests.kit.subject.seeding import seeded_throughout
from parity_tests.kit.subject.subject import quiet
from parity_tests.kit.verdicts import DIFFERS, UNCHECKED, Verdict

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
# Of the parameters of a large network a corner is enough.
_CORNER = 16
RANDOM = (
    "the steps are random: from one start and by the same gradients they come out another way each "
    "time, but where what they draw from is seeded alike"
)


class RuleError(Exception):
    """A rule could not be asked, or its answer could not be read."""


@dataclass(frozen=True)
class Question:
    """What an optimizer is asked with.

    Attributes
    ----------
    rule : Rule
        The optimizer.
    kind, given
        What it is declared to be, as `parity_tests.kit.optimizers.formulas.read` returns it.
    seed : int
        Of parameters and gradients.
    shapes : sequence of tuple of int
        Of the parameters.
    sizes : sequence of float, optional
        Of the gradients of each step.
    """

    rule: Rule
    kind: str | None
    given: Mapping[str, float | None]
    seed: int
    shapes: Shapes
    sizes: Sequence[float] = _SIZES

    @property
    def lr(self) -> float:
        """Learning rate."""
        return float(self.rule.options.get("lr") or RATES.get(str(self.kind), _RATE))

    def at(self, lr: float) -> "Question":
        """Return the same question at another learning rate."""
        return replace(self, rule=replace(self.rule, options={**self.rule.options, "lr": lr}))


def answer(question: Question) -> tuple[Observed, list[Verdict]]:
    """Take steps from the same start with the same gradients, in three ways.

    Returns
    -------
    observed : Observed
        The steps.
    verdicts : list of Verdict
        What is wrong beside them, or that they are random.

    Raises
    ------
    RuleError
        If the rule raises, or returns something else than parameters.
    """
    rule, shapes, lr = question.rule, question.shapes, question.lr
    rng = np.random.default_rng(question.seed)
    sizes = [int(np.prod(shape)) for shape in shapes]
    groups = rng.permuted(np.arange(sum(sizes)) % len(_MAGNITUDES))
    magnitudes = np.asarray(_MAGNITUDES)[groups]
    start = rng.standard_normal(sum(sizes)) * np.where(magnitudes, magnitudes, 1.0)
    gradients = rng.standard_normal((len(question.sizes), sum(sizes))) * magnitudes
    gradients *= np.asarray(question.sizes)[:, np.newaxis]

    def split(vector: Array) -> list[Array]:
        parts = np.split(vector, np.cumsum(sizes)[:-1])
        return [part.reshape(shape).copy() for part, shape in zip(parts, shapes, strict=True)]

    def run(buffers: list[Array] | None = None) -> _Run:
        return _run(rule, split(start), [split(g) for g in gradients], lr, buffers)

    first, again, kept = run(), run(), run(split(gradients[0]))
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
        is_random = _are_drawn(rule, run)
        random = Verdict("optimizer", UNCHECKED, RANDOM)
        verdicts.append(random if is_random else _beside("optimizer-state-kept"))
    elif not _same(first, kept):
        verdicts.append(_beside("gradient-kept"))
    return observed, verdicts


def _are_drawn(rule: Rule, run: Callable[[], "_Run"]) -> bool:
    """Whether steps are the same where the generators that they draw from are seeded alike."""
    runs, held = [], reached_by(rule.make, rule.step)
    for seed in (0, 0, 1):
        with seeded_throughout(seed), seeded_own(held, seed):
            runs.append(run())
    return _same(runs[0], runs[1]) and not _same(runs[1], runs[2])


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
                    raise RuleError(
                        f"optimizer: the step returned {len(came)} of {len(shapes)} arrays"
                    )
                params = came if len(came) == len(shapes) else params
                if [array.shape for array in params] != shapes:
                    raise RuleError(
                        f"optimizer: expected arrays of shapes {shapes} after the step, got "
                        f"{[array.shape for array in params]}"
                    )
                values.append(_joined(params))
        except RuleError:
            raise
        except Exception as error:
            raise RuleError(f"optimizer: {type(error).__name__}: {error}") from error
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
