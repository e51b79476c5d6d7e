"""What the gradient of a matrix is made of."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.backprop.asked import Asked
from parity_tests.kit.backprop.clipping import CAUSE as CLIPPED
from parity_tests.kit.backprop.clipping import clipped_products, own_limit
from parity_tests.kit.backprop.findings import Finding, nothing, vacant
from parity_tests.kit.backprop.reordered import REORDERED, reorderings
from parity_tests.kit.candidates.candidate import Candidate
from parity_tests.kit.candidates.decayed import (
    ENOUGH,
    KINDS,
    WITH_DECAY,
    decay_of,
    with_magnitudes,
)
from parity_tests.kit.fitting import fit
from parity_tests.kit.penalties import slope_of, what_is_left

Array = NDArray[Any]

# What is said of a gradient of which its penalty alone is left.
PENALTY_ALONE = "nothing but its penalty"


def of_matrix(
    asked: Asked, deltas: Sequence[Candidate], penalties: Sequence[tuple[str, ...]]
) -> tuple[Candidate, Finding]:
    """Return the gradient of the pre-activation, and what that of the matrix was found to be.

    Parameters
    ----------
    deltas : sequence of Candidate
        What the gradient of the pre-activation may be, the likeliest first.
    penalties : sequence of tuple of str
        Those that are tried, one after another, until the matrix is known.
    """
    name, right, weight = f"W{asked.number + 1}", asked.right, asked.observed.weight
    if right is not None and not (np.any(weight) or np.any(right.value.T @ asked.inputs[0].value)):
        return right, vacant(name)
    if not np.any(weight):
        # Nothing came; what lies below is judged by the right gradient.
        return deltas[0], nothing(name)
    likely, *others = penalties
    found = _product(name, weight, deltas, asked.inputs, asked.tolerance)
    found = found or _penalized(asked, name, deltas, likely)
    found = found or _clipped(asked, name, deltas)
    for kinds in others:
        found = found or _penalized(asked, name, deltas, kinds)
    return found or _unknown(asked, name, deltas[0])


def _product(
    name: str,
    observed: Array,
    deltas: Sequence[Candidate],
    inputs: Sequence[Candidate],
    tolerance: float,
) -> tuple[Candidate, Finding] | None:
    """Return the product that the gradient of a matrix is, or None."""
    matches = _matches(observed, deltas, inputs, tolerance)
    if not matches:
        return None
    delta, source, factor, residual = matches[0]
    causes = delta.causes + source.causes
    # Nothing is said of a factor that tells nothing, and so the formula has its sign.
    sign = "-" if delta.solved and factor < 0 else ""
    text = f"({sign}{delta.text}).T @ {source.text}"
    finding = Finding(name, causes, True, factor, residual, text, delta.solved, delta.also)
    return delta, replace(finding, loss=delta.loss)


def _penalized(
    asked: Asked, name: str, deltas: Sequence[Candidate], penalties: tuple[str, ...]
) -> tuple[Candidate, Finding] | None:
    """Return the product that the gradient of a matrix is beside those of penalties, or None."""
    observed, weight, tolerance = asked.observed.weight, asked.own.weight, asked.tolerance
    # Several numbers are fitted, which a few entries would always allow.
    is_enough = weight.size >= ENOUGH * len(penalties)
    for source in asked.inputs if is_enough else asked.inputs[:1]:
        decay = decay_of(observed, weight, penalties, deltas, source.value, tolerance)
        if not decay:
            continue
        rest = what_is_left(observed, slope_of(decay, weight), tolerance)
        if not np.any(rest):
            return deltas[0], replace(nothing(name), text=PENALTY_ALONE, decay=decay)
        found = _product(name, rest, deltas, [source], 10 * tolerance)
        return None if found is None else (found[0], replace(found[1], decay=decay))
    return None


def _clipped(
    asked: Asked, name: str, deltas: Sequence[Candidate]
) -> tuple[Candidate, Finding] | None:
    """Return what the gradient of a matrix is below an upper limit that entries of it reach."""
    observed, tolerance = asked.observed.weight, asked.tolerance
    limit = own_limit(observed, asked.limit, tolerance)
    if limit is None:
        return None
    likely = deltas[:WITH_DECAY]
    found = clipped_products(
        observed, asked.own.weight, likely, asked.inputs, limit, tolerance, KINDS
    )
    if found is None:
        return None
    delta, source = found.delta, found.source
    causes = (*delta.causes, *source.causes, CLIPPED)
    text = f"({delta.text}).T @ {source.text}, clipped to {limit:.3g}"
    finding = Finding(name, causes, True, found.factor, found.residual, text, delta.solved)
    return delta, replace(finding, also=delta.also, decay=found.decay, loss=delta.loss)


def _matches(
    observed: Array, deltas: Sequence[Candidate], inputs: Sequence[Candidate], tolerance: float
) -> list[tuple[Candidate, Candidate, float, float]]:
    """Return the products that reproduce the gradient of a matrix, the simplest first."""
    found = []
    stack = np.stack([delta.value for delta in deltas])
    finite = np.isfinite(stack).all(axis=(1, 2))
    stack = np.where(finite[:, np.newaxis, np.newaxis], stack, 0.0)
    size = float((observed**2).sum())
    gram = np.einsum("kno,kmo->knm", stack, stack, optimize=True)
    for source in inputs:
        if observed.shape != (stack.shape[2], source.value.shape[1]):
            continue
        # <delta.T a, G> and |delta.T a|^2, without making the products.
        dots = np.einsum("kno,no->k", stack, source.value @ observed.T, optimize=True)
        squares = np.einsum("knm,nm->k", gram, source.value @ source.value.T, optimize=True)
        with np.errstate(divide="ignore", invalid="ignore"):
            left = 1 - dots**2 / (squares * size)
        for k in np.flatnonzero(left < max(1e-12, 4 * tolerance**2)):
            delta = deltas[k]
            factor, residual = fit(observed, delta.value.T @ source.value)
            if residual <= tolerance:
                found.append((delta, source, factor, residual))
    # Sorting is stable: among equally simple ones the first stays first.
    return sorted(found, key=lambda match: len(match[0].causes) + len(match[1].causes))


def _unknown(asked: Asked, name: str, right: Candidate) -> tuple[Candidate, Finding]:
    """Solve for the gradient of the pre-activation, where nothing fits."""
    observed, source, tolerance = asked.observed.weight, asked.inputs[0], asked.tolerance
    expected = right.value.T @ source.value
    if observed.shape != expected.shape:
        turned = observed.T
        factor, residual = fit(turned, expected) if turned.shape == expected.shape else (0, np.inf)
        known = residual <= tolerance
        cause = ("gradient-transposed" if known else "gradient-shape",)
        shape = "x".join(map(str, observed.shape))
        text = f"the transposed of {right.text}.T @ {source.text}" if known else f"of shape {shape}"
        return right, Finding(name, cause, True, factor, residual, text, relative=not known)
    sums = np.outer(right.value.sum(axis=0), source.value.sum(axis=0))
    for causes, text, changed in _changed(observed, expected, sums):
        factor, residual = fit(observed, changed)
        # Of one number in every entry, the sign of anything that has one sign is a multiple.
        is_told = np.ptp(changed) > 0 or abs(abs(factor) - 1) <= tolerance
        if residual <= tolerance and is_told:
            return right, Finding(name, causes, True, factor, residual, text, relative=True)
    for text, changed in reorderings(observed, expected):
        factor, residual = fit(observed, changed)
        if residual <= tolerance:
            text = f"the gradient with {text}"
            return right, Finding(name, REORDERED, True, factor, residual, text)
    added = with_magnitudes(observed, expected, asked.own.weight)
    if added is not None and added.residual <= tolerance:
        text = f"{right.text}.T @ {source.text} and {added.share:.6g} x |{name}|"
        cause = ("penalty-of-magnitudes",)
        return right, Finding(name, cause, True, added.factor, added.residual, text)
    factor, residual = fit(observed, expected)
    is_even = observed.size > 1 and not np.ptp(observed)
    seen = f"all entries of {name} are one number" if is_even else ""
    samples = len(source.value)
    if np.isfinite(observed).all() and np.linalg.matrix_rank(source.value) == samples:
        solved = (observed @ np.linalg.pinv(source.value)).T
        _, left = fit(observed, solved.T @ source.value)
        if left <= 100 * tolerance:
            text = f"dL/dz{name[1:]} as solved for"
            delta = Candidate(solved, text, ("unknown",), right.loss, solved=True)
            return delta, Finding(name, ("unknown",), False, factor, residual, seen)
    return right, Finding(name, ("unknown",), False, factor, residual, seen)


def _changed(
    observed: Array, expected: Array, sums: Array
) -> Iterator[tuple[tuple[str, ...], str, Array]]:
    """Yield what may be done to a right gradient afterwards, or to what it is the product of."""
    if observed.shape[0] == observed.shape[1]:
        yield ("gradient-transposed",), "the transposed gradient", expected.T
    yield ("gradient-sign",), "its sign", np.sign(expected)
    yield ("product-of-sums",), "the product of sums over the samples", sums
