"""What penalties on parameters have added to a gradient that is reproduced without it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.candidates.candidate import Candidate
from parity_tests.kit.penalties import PENALTIES, SUMS, Shares

Array = NDArray[Any]

# One penalty, or all of them.
KINDS = (*((name,) for name in SUMS), SUMS)

# Entries of one array of which numbers that are fitted, one or two, can be told.
OF_ONE_ARRAY = 4


def own_decays(observed: Array, bias: Array, total: Array, tolerance: float) -> Iterator[Shares]:
    """Yield what penalties on a bias add, beside the gradient in full."""
    rest = observed - total if total.shape == observed.shape else np.zeros_like(observed)
    if observed.size < OF_ONE_ARRAY or not np.isfinite(rest).all() or not np.any(rest):
        return
    for names in KINDS:
        slopes = np.stack([PENALTIES[name].slope(bias) for name in names], axis=1)
        shares, *_ = np.linalg.lstsq(slopes, rest, rcond=None)
        left = float(np.linalg.norm(rest - slopes @ shares))
        if left <= 10 * tolerance * np.linalg.norm(observed):
            yield dict(zip(names, map(float, shares), strict=True))


# Entries of one array of which a factor and one number beside it can be told.
_OF_TWO = 6


def beside_decay(
    observed: Array, bias: Array, total: Array, tolerance: float
) -> tuple[float, Shares] | None:
    """Return the factor of a gradient to which a penalty on a bias is added, and its share.

    None if that is not so, or if there are too few entries to tell it.
    """
    if observed.size < _OF_TWO or not observed.shape == bias.shape == total.shape:
        return None
    size = float(np.linalg.norm(observed))
    for name in SUMS:
        basis = np.stack([total, PENALTIES[name].slope(bias)], axis=1)
        if not (np.isfinite(basis).all() and np.isfinite(observed).all()):
            return None
        (factor, share), *_ = np.linalg.lstsq(basis, observed, rcond=None)
        left = float(np.linalg.norm(observed - basis @ np.array([factor, share])))
        part = float(np.linalg.norm(observed - factor * total))
        # A part that is no more than what may be left explains nothing.
        if left <= tolerance * size < part and abs(factor) * np.linalg.norm(total) > left:
            return float(factor), {name: float(share)}
    return None


# Candidates that are tried together with a multiple of the weights.
WITH_DECAY = 160
# Entries of a matrix from which a wrong input and a share of the weights are told.
ENOUGH = 12


def decay_of(
    observed: Array,
    weight: Array,
    penalties: Sequence[str],
    deltas: Sequence[Candidate],
    source: Array,
    tolerance: float,
) -> Shares:
    """Return what penalties have added to a gradient; nothing if that explains nothing."""
    total = observed.ravel()
    if not np.isfinite(total).all() or observed.shape != weight.shape:
        return {}
    if source.shape[1] != weight.shape[1]:
        return {}
    slopes = np.stack([PENALTIES[name].slope(weight).ravel() for name in penalties], axis=1)
    for _, product in near_products(total, slopes, deltas[:WITH_DECAY], source, tolerance):
        basis = np.column_stack([product, slopes])
        # The normal equations would lose half of the digits.
        solution, *_ = np.linalg.lstsq(basis, total, rcond=None)
        left = np.linalg.norm(total - basis @ solution)
        part = np.linalg.norm(total - basis[:, 0] * solution[0])
        # A part that is no more than what may be left explains nothing.
        if left <= tolerance * np.linalg.norm(total) < part:
            return dict(zip(penalties, map(float, solution[1:]), strict=True))
    return {}


@dataclass(frozen=True)
class Magnitudes:
    """How much of a gradient, and of the weights without their signs, is in another one."""

    factor: float
    share: float
    residual: float


def with_magnitudes(observed: Array, expected: Array, weight: Array) -> Magnitudes | None:
    """Fit a gradient to which a multiple of |W| is added; None if there is not enough of it.

    No penalty has that derivative: that of squares has W, and that of absolute values its signs.
    """
    if not observed.shape == expected.shape == weight.shape or weight.size < OF_ONE_ARRAY:
        return None
    basis = np.column_stack([expected.ravel(), np.abs(weight).ravel()])
    total = observed.ravel()
    if not (np.isfinite(basis).all() and np.isfinite(total).all()):
        return None
    solution, *_ = np.linalg.lstsq(basis, total, rcond=None)
    residual = float(np.linalg.norm(total - basis @ solution) / np.linalg.norm(total))
    return Magnitudes(float(solution[0]), float(solution[1]), residual)


# Entries of gradients that are worked out at once.
_BLOCK = 2**18


def near_products(
    wanted: Array,
    slopes: Array,
    deltas: Sequence[Candidate],
    source: Array,
    tolerance: float,
    where: Array | None = None,
) -> Iterator[tuple[Candidate, Array]]:
    """Yield products that a matrix's gradient may be, but for a factor and shares of some slopes.

    All are held against it at once, in what is orthogonal to the slopes; those near it are left,
    and a least-squares solution tells of each whether it is the gradient.

    Parameters
    ----------
    wanted : ndarray of shape (entries,)
        The gradient, in a row.
    slopes : ndarray of shape (entries, slopes)
        What may be added; none if there are no columns.
    deltas : sequence of Candidate
        Gradients of the pre-activation, all of one shape.
    source : ndarray of shape (samples, in_features)
        What they are multiplied with.
    tolerance : float
        Relative distance up to which the products are taken for the gradient.
    where : ndarray of bool, optional
        The entries of a product that are wanted; all by default.
    """
    basis, _ = np.linalg.qr(slopes)
    rest = wanted - basis @ (basis.T @ wanted)
    enough = 10 * tolerance * np.linalg.norm(wanted)
    several = max(1, _BLOCK // (len(wanted) or 1))
    for start in range(0, len(deltas), several):
        block = deltas[start : start + several]
        values = np.stack([delta.value for delta in block])
        with np.errstate(all="ignore"):
            products = (values.transpose(0, 2, 1) @ source).reshape(len(block), -1)
            products = products if where is None else products[:, where]
            apart = products - (products @ basis) @ basis.T
            factors = apart @ rest / np.einsum("kn,kn->k", apart, apart)
            left = np.linalg.norm(rest - factors[:, np.newaxis] * apart, axis=1)
        # A product that is itself a share of the slopes has no factor.
        far = left > enough
        for index in np.flatnonzero(np.isfinite(products).all(axis=1) & ~far):
            yield block[index], products[index]
