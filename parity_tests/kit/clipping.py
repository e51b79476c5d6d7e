"""Gradients whose entries have an upper limit: what is below it tells what they are made of."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.candidates.candidate import Candidate
from parity_tests.kit.fitting import fit
from parity_tests.kit.penalties import PENALTIES, Shares, slope_of

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


def own_limit(observed: Array, limit: float | None, tolerance: float) -> float | None:
    """Return the limit that entries of a tensor reach: that of all tensors, or one of its own."""
    top = float(np.abs(observed).max(initial=0.0))
    if limit is not None and abs(top - limit) <= tolerance * limit:
        return limit
    return limit_of([observed], tolerance)


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
    pairs = [
        (delta, source)
        for source in inputs
        for delta in deltas
        if (delta.value.shape[1], source.value.shape[1]) == observed.shape
    ]
    pairs.sort(key=lambda pair: len(pair[0].causes) + len(pair[1].causes))
    for names in ((), *penalties):
        if free.sum() <= 1 + len(names) + _MORE:
            continue
        slopes = [PENALTIES[name].slope(weight) for name in names]
        for delta, source in pairs:
            product = delta.value.T @ source.value
            found = _below(observed, product, free, slopes, tolerance)
            if found is None:
                continue
            factor, *shares = found
            decay: Mapping[str, float] = dict(zip(names, shares, strict=True))
            whole = np.clip(factor * product + slope_of(decay, weight), -limit, limit)
            _, residual = fit(observed, whole)
            if residual <= 10 * tolerance:
                return Clipped(delta, source, factor, residual, decay)
    return None


def _below(
    observed: Array, product: Array, free: Array, slopes: Sequence[Array], tolerance: float
) -> list[float] | None:
    """Return the multiples of a product and of slopes that the free entries are."""
    wanted = observed[free]
    basis = np.stack([product[free], *(slope[free] for slope in slopes)], axis=1)
    if not np.isfinite(basis).all() or not np.any(basis[:, 0]):
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
) -> Iterator[tuple[Candidate, float, float]]:
    """Yield gradients whose sum over the samples a bias's gradient is below a limit.

    Each with its factor and the residual.

    Parameters
    ----------
    reference : float or None
        The factor of the matrix's gradient; None if that is not known, and fitted.
    """
    free = np.abs(observed) < limit * (1 - tolerance)
    for delta in deltas:
        total = delta.value.sum(axis=0)
        if total.shape != observed.shape or not np.isfinite(total).all():
            continue
        factor = reference
        if factor is None:
            if free.sum() <= 1 + _MORE:
                continue
            factor, _ = fit(observed[free], total[free])
        _, residual = fit(observed, np.clip(factor * total, -limit, limit))
        if residual <= 10 * tolerance:
            yield delta, factor, residual
