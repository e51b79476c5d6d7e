"""What the gradient of a bias is made of, beside that of its matrix."""

from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.backprop.asked import Asked
from parity_tests.kit.backprop.bias_sums import matching_sums, right_sum
from parity_tests.kit.backprop.clipping import CAUSE as CLIPPED
from parity_tests.kit.backprop.clipping import clipped_sums, own_limit
from parity_tests.kit.backprop.findings import (
    OF_ERRORS,
    Finding,
    nothing,
    reference_of,
    vacant,
)
from parity_tests.kit.backprop.matrices import PENALTY_ALONE
from parity_tests.kit.backprop.reordered import REORDERED, reordered_vector
from parity_tests.kit.candidates.candidate import Candidate
from parity_tests.kit.candidates.decayed import OF_ONE_ARRAY, beside_decay, own_decays
from parity_tests.kit.fitting import fit
from parity_tests.kit.penalties import slope_of, what_is_left
from parity_tests.kit.subject.subject import Layer

Array = NDArray[Any]

# What is said of a bias gradient that is of no known kind.
ANOTHER_SHAPE = "it has another shape than its parameter"
# Faults of the gradient of a pre-activation that are none of its sum alone.
_CARRIED = {"loss-as-gradient", *OF_ERRORS}
# What is left of a sum that is zero, beside what is summed, and how closely a factor is met.
_ROUNDING, _LIKELY = 1e-9, 1e-6


@dataclass(frozen=True)
class _Beside:
    """A bias, and what is known of the matrix beside it.

    Attributes
    ----------
    name : str
        Of the bias.
    own : Layer
        The parameters.
    chosen : Candidate
        The gradient of the pre-activation, by the matrix.
    deltas : sequence of Candidate
        Others that it may be.
    reference : float or None
        The factor of the matrix's gradient. A bias that is one number is a multiple of any sum;
        then only those with a factor that means something count.
    loss : str or None
        The loss that is meant: nothing is wrong about a bias of whose gradient it is.
    """

    name: str
    own: Layer
    chosen: Candidate
    deltas: Sequence[Candidate]
    reference: float | None
    loss: str | None


def of_bias(
    asked: Asked, deltas: Sequence[Candidate], chosen: Candidate, matrix: Finding
) -> Finding:
    """Return what the gradient of a bias was found to be, by what that of its matrix is.

    Parameters
    ----------
    deltas : sequence of Candidate
        What the gradient of the pre-activation may be.
    chosen : Candidate
        What it is by the matrix.
    matrix : Finding
        What the gradient of that was found to be.
    """
    own, tolerance, observed = asked.own, asked.tolerance, asked.observed.bias
    assert observed is not None
    reference = reference_of(matrix, chosen)
    beside = _Beside(f"b{asked.number + 1}", own, chosen, deltas, reference, asked.loss)
    unknown = Finding(beside.name, ("unknown",), False, np.nan, np.inf, "")
    found = unknown
    if observed.size == 1 and reference is not None:
        # One number is a multiple of any sum.
        found = _clipped(asked, beside, [chosen], unknown)
    if not found.known:
        found = _summed(beside, observed, tolerance)
    if not found.known and np.shape(own.bias) == observed.shape:
        bias = np.asarray(own.bias)
        total = (reference or 0.0) * right_sum(chosen.value, own)
        # A step that is assigned leaves nothing of the bias, and its gradient with any sign.
        several = (own_decays(observed, bias, by, tolerance) for by in (total, -total))
        for shares in chain([matrix.decay], *several):
            rest = what_is_left(observed, slope_of(shares, bias), tolerance)
            without = _summed(beside, rest, 10 * tolerance)
            if without.known:
                found = replace(without, decay=shares)
                if not np.any(rest) and without.causes:
                    found = replace(found, text=PENALTY_ALONE)
                break
    if not (found.known or matrix.known):
        found = _right_beside_decay(asked, beside, observed) or found
    return found if found.known else _clipped(asked, beside, [chosen, *deltas], found)


def _right_beside_decay(asked: Asked, beside: _Beside, observed: Array) -> Finding | None:
    """Return a right sum with a penalty on the bias, where no matrix tells what its factor is."""
    right, bias = asked.right, asked.own.bias
    if right is None or bias is None:
        return None
    total = right_sum(right.value, asked.own)
    found = beside_decay(observed, bias, total, asked.tolerance)
    if found is None:
        return None
    factor, shares = found
    rest = observed - slope_of(shares, bias)
    text = f"sum of {right.text} over the samples"
    finding = Finding(beside.name, (), True, factor, fit(rest, total)[1], text, decay=shares)
    return replace(finding, loss=right.loss, is_apart=right is not beside.chosen)


def is_nothing(total: Array, delta: Array) -> bool:
    """Whether a sum is zero but for rounding, beside what is summed."""
    return float(np.linalg.norm(total)) <= _ROUNDING * float(np.linalg.norm(delta))


def _clipped(
    asked: Asked, beside: _Beside, deltas: Sequence[Candidate], unknown: Finding
) -> Finding:
    """Return what the gradient of a bias is below an upper limit, or that it is not known."""
    observed, tolerance = asked.observed.bias, asked.tolerance
    assert observed is not None
    limit = own_limit(observed, asked.limit, tolerance)
    if limit is None:
        return unknown
    sums = clipped_sums(observed, deltas, limit, tolerance, beside.reference, beside.own)
    for delta, factor, residual in sums:
        causes = (*(() if delta is deltas[0] else delta.causes), CLIPPED)
        text = f"sum of {delta.text} over the samples, clipped to {limit:.3g}"
        finding = Finding(beside.name, causes, True, factor, residual, text, delta.solved)
        return replace(finding, loss=delta.loss)
    return unknown


def _summed(beside: _Beside, observed: Array, tolerance: float) -> Finding:
    """Return which sum the gradient of a bias is, or that it is of no known kind."""
    name, own, chosen, reference = beside.name, beside.own, beside.chosen, beside.reference
    total = right_sum(chosen.value, own)
    if own.has_shared_bias and _cancels(chosen.value) and _cancels_too(observed, chosen, reference):
        text = f"sum of {chosen.text} over samples and units, zero for softmax"
        return Finding(name, (), True, reference or 0.0, 0.0, text, chosen.solved)
    if not np.any(observed):
        if np.any(chosen.value) and is_nothing(total, chosen.value):
            # As many samples pull one way as the other; another batch tells.
            text = f"sum of {chosen.text} over the samples, which is zero"
            return Finding(name, (), True, reference or 0.0, 0.0, text, chosen.solved)
        return vacant(name) if not np.any(chosen.value) else nothing(name)
    found = _sum(beside, observed, tolerance)
    if found is None and observed.ndim > 1 and observed[0].shape == total.shape:
        # Behind a repeated bias, rows may be of anything that adds up to the gradient.
        found = _sum(beside, observed.sum(axis=0), tolerance)
        if found is not None and not found.causes:
            text = f"rows that add up to the {found.text}"
            return replace(found, causes=("bias-not-summed",), text=text)
        found = None
    if found is not None:
        return found
    reordered = reordered_vector(observed, total, reference, tolerance)
    if reordered is not None:
        text = f"sum of {chosen.text} over the samples, with the units in another order"
        return Finding(name, REORDERED, True, *reordered, text, chosen.solved)
    factor, residual = fit(observed, total) if total.shape == observed.shape else (np.nan, np.inf)
    text = "" if total.shape == observed.shape else ANOTHER_SHAPE
    return Finding(name, ("unknown",), False, factor, residual, text)


def _sum(beside: _Beside, observed: Array, tolerance: float) -> Finding | None:
    """Return the sum that the gradient of a bias is, right or wrong, or None."""
    chosen, reference, loss = beside.chosen, beside.reference, beside.loss
    is_short = observed.size < OF_ONE_ARRAY
    is_one_number = float(np.ptp(observed)) <= 1e-12 * float(np.abs(observed).max())
    # Beside a right matrix, what is carried back is right.
    is_right = not (chosen.causes or chosen.solved)
    unlikely: set[str] = _CARRIED if is_right else set()
    others = [d for d in beside.deltas if d is not chosen and not unlikely & {*d.causes}]
    # Most sums are right, so the others are not made before they are asked for.
    for match in chain.from_iterable(
        matching_sums(observed, tried, tolerance, is_shared=beside.own.has_shared_bias)
        for tried in ([chosen], others)
    ):
        delta = match.delta
        if is_one_number and not is_likely(match.factor, reference, delta.value.shape):
            continue
        if is_one_number and reference is None and delta is not chosen:
            continue  # of which any sum is a multiple
        is_meant = delta is chosen or (loss is not None and delta.loss == loss)
        more = delta.causes if is_meant else delta.causes or _of_another_loss(delta, chosen)
        causes = (*(() if delta is chosen else more), *match.causes)
        if is_one_number and len(causes) > 1:
            continue  # two faults together explain too many numbers
        if is_short and causes and not delta.solved:
            is_near = is_likely(match.factor, reference, delta.value.shape)
            if not is_near or (reference is None and len(causes) > 1):
                continue  # of few numbers, some fault is a multiple by chance
        factor, residual = match.factor, match.residual
        finding = Finding(beside.name, causes, True, factor, residual, match.text, delta.solved)
        return replace(finding, loss=delta.loss, is_apart=delta is not chosen)
    return None


def _cancels(delta: Array) -> bool:
    """Whether a gradient is zero over samples and units, as softmax's p - y is."""
    return is_nothing(delta.sum(), delta)


def _cancels_too(observed: Array, chosen: Candidate, reference: float | None) -> bool:
    size = abs(reference or 1.0) * float(np.linalg.norm(chosen.value))
    return observed.size == 1 and float(np.linalg.norm(observed)) <= _ROUNDING * size


def is_likely(factor: float, reference: float | None, shape: tuple[int, ...]) -> bool:
    """Whether a factor is that of the matrix, but for samples, units and two."""
    if reference is None:
        return True
    value = abs(factor / reference)
    likely = _likely(*shape)
    place = bisect(likely, value)
    return any(abs(value - own) <= _LIKELY * value for own in likely[max(place - 1, 0) : place + 1])


@cache
def _likely(samples: int, units: int) -> tuple[float, ...]:
    """Return what the factor of a bias may be over that of its matrix, the smallest first."""
    powers = product((-2, -1, 0, 1, 2), (-1, 0, 1), (-1, 0, 1))
    return tuple(sorted({float(samples) ** n * float(units) ** u * 2.0**t for n, u, t in powers}))


def _of_another_loss(delta: Candidate, chosen: Candidate) -> tuple[str, ...]:
    if chosen.solved or delta.loss == chosen.loss:
        return ()
    # All else is of the loss that is meant: what is wrong about that comes before another one.
    return tuple(delta.also[:1]) or ("gradient-of-another-loss",)
