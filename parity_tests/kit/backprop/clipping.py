"""Gradients whose entries have an upper limit: what is below it tells what they are made of."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.backprop.bias_sums import right_sum
from parity_tests.kit.candidates.candidate import Candidate
from parity_tests.kit.candidates.decayed import near_products
from parity_tests.kit.fitting import fit
from parity_tests.kit.penalties import PENALTIES, Shares, slope_of
from parity_tests.kit.subject.subject import Layer

Array = NDArray[Any]

CAUSE, STEP_CLIPPED = "gradient-clipped", "step-clipped"
# Entries below the limit from which so many numbers more than are fitted are told.
_MORE = 1


@dataclass(frozen=True)
class Clipped:
    """What a gradient is below its limit.

    Attributes
    ----------
    delta, source : Candidate
        The gradient of the pre-activation, and what it is multiplied with.
    factor, residual : float
        See `parity_tests.kit.fitting.fit`.
    decay : mapping
        What penalties have added.
    """

    delta: Candidate
    source: Candidate
    factor: float
    residual: float
    decay: Shares


def limit_of(observed: Iterable[Array], tolerance: float) -> float | None:
    """Return the size that several of the largest entries share, or None."""
    sizes = np.abs(np.concatenate([np.ravel(array) for array in observed]))
    top = float(sizes.max(initial=0.0))
    if not np.isfinite(top) or top == 0 or np.sum(sizes >= top * (1 - tolerance)) < _SEVERAL:
        return None
    return top


_SEVERAL = 2
# Limits are written with two digits at most. One entry alone of so many may reach one.
_DIGITS, _ENOUGH = 2, 12


def _written(observed: Array, tolerance: float) -> float | None:
    """Return the largest entry of many if it is a number as limits are written, such as 0.5."""
    top = float(np.abs(observed).max(initial=0.0))
    if observed.size < _ENOUGH or not np.isfinite(top) or top == 0:
        return None
    written = float(f"{top:.{_DIGITS - 1}e}")
    return top if abs(top - written) <= tolerance * top else None


def own_limit(observed: Array, limit: float | None, tolerance: float) -> float | None:
    """Return the limit that entries of a tensor reach: that of all tensors, or one of its own.

    Several entries reach it, or one alone that is a number as people write them.
    """
    top = float(np.abs(observed).max(initial=0.0))
    if limit is not None and abs(top - limit) <= tolerance * limit:
        return limit
    return limit_of([observed], tolerance) or _written(observed, tolerance)


def clipped_products(
    observed: Array,
    weight: Array,
    deltas: Sequence[Candidate],
    inputs: Sequence[Candidate],
    limit: float,
    tolerance: float,
    penalties: Iterable[Sequence[str]],
) -> Clipped | None:
    """Return the product that a matrix's gradient is below a limit, the simplest first, or None.

    Parameters
    ----------
    observed, weight : ndarray
        The gradient, and the matrix.
    deltas, inputs : sequence of Candidate
        Gradients of the pre-activation, and what they may be multiplied with.
    limit : float
        What no entry is larger than.
    tolerance : float
        Relative distance up to which a recomputed tensor is taken for the observed one.
    penalties : iterable of sequence of str
        Penalties that may have been added before it was clipped.
    """
    free = np.abs(observed) < limit * (1 - tolerance)
    if observed.shape != weight.shape or not np.any(observed[free]):
        return None
    fitting = [
        (source, [delta for delta in deltas if delta.value.shape[1] == observed.shape[0]])
        for source in inputs
        if source.value.shape[1] == observed.shape[1]
    ]
    wanted, where = observed[free], np.ravel(free)
    for names in ((), *penalties):
        if free.sum() <= 1 + len(names) + _MORE:
            continue
        slopes = np.empty((len(wanted), 0))
        if names:
            slopes = np.stack([PENALTIES[name].slope(weight)[free] for name in names], axis=1)
        near = [
            (delta, source, product)
            for source, own in fitting
            for delta, product in near_products(wanted, slopes, own, source.value, tolerance, where)
        ]
        near.sort(key=lambda one: len(one[0].causes) + len(one[1].causes))
        for delta, source, product in near:
            found = _below(wanted, np.column_stack([product, slopes]), tolerance)
            if found is None:
                continue
            factor, *shares = found
            decay: Mapping[str, float] = dict(zip(names, shares, strict=True))
            whole = factor * (delta.value.T @ source.value) + slope_of(decay, weight)
            if not (np.abs(whole) > limit * (1 + tolerance)).any():
                continue  # nothing is cut off: several entries are alike
            _, residual = fit(observed, np.clip(whole, -limit, limit))
            if residual <= 10 * tolerance:
                return Clipped(delta, source, factor, residual, decay)
    return None


def _below(wanted: Array, basis: Array, tolerance: float) -> list[float] | None:
    """Return the multiples of a product, the first column, and of slopes that entries are."""
    if not np.any(basis[:, 0]):
        return None
    solution, *_ = np.linalg.lstsq(basis, wanted, rcond=None)
    left = np.linalg.norm(wanted - basis @ solution)
    return [float(x) for x in solution] if left <= tolerance * np.linalg.norm(wanted) else None


def clipped_sums(
    observed: Array,
    deltas: Sequence[Candidate],
    limit: float,
    tolerance: float,
    reference: float | None,
    own: Layer,
) -> Iterator[tuple[Candidate, float, float]]:
    """Yield gradients whose sum over the samples a bias's gradient is below a limit.

    Each with its factor and the residual.

    Parameters
    ----------
    reference : float or None
        The factor of the matrix's gradient; None if that is not known, and fitted.
    own : Layer
        The parameters.
    """
    free = np.abs(observed) < limit * (1 - tolerance)
    if not free.any():
        deltas = deltas[:1]  # signs are all that shows, and tell nothing of unlikely ones
    for delta in deltas:
        total = right_sum(delta.value, own)
        if total.shape != observed.shape or not np.isfinite(total).all():
            continue
        factor = reference
        if factor is None:
            if free.sum() <= 1 + _MORE:
                continue
            factor, _ = fit(observed[free], total[free])
        if not (np.abs(factor * total) > limit * (1 + tolerance)).any():
            continue  # nothing is cut off
        _, residual = fit(observed, np.clip(factor * total, -limit, limit))
        if residual <= 10 * tolerance:
            yield delta, factor, residual
