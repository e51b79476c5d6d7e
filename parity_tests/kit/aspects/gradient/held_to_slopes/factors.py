"""Factors between tensors of a gradient and the slopes of the loss."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.aspects.gradient.held_to_slopes.met import (
    Loss,
    Met,
    close_of,
    fits_of,
    met_slopes,
    off_alone,
    off_its_slopes,
)
from parity_tests.kit.aspects.gradient.held_to_slopes.penalties import decays_of, without
from parity_tests.kit.aspects.gradient.made_up_for import are_made_up_for
from parity_tests.kit.aspects.gradient.normed import of_norms
from parity_tests.kit.aspects.observing import observe
from parity_tests.kit.causes import CAUSES
from parity_tests.kit.fitting import fit
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.scales import IN_LAYERS, Scale, ratio, scale_of
from parity_tests.kit.subject.subject import by_name
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, Verdict

Array = NDArray[Any]

# How closely a factor is met for its origin to be told.
_NAMED = 1e-3
_NAMED_SINGLE = 3e-4


def by_tensor(inquiry: Inquiry, met: Met, loss: Loss, how: str, close: float) -> list[Verdict]:
    """Name the factors of tensors that have different ones, or the first that has none.

    It is empty where none of them is told from 1.
    """
    fits = fits_of(met)
    if any(residual > close for _, residual in fits.values()):
        alone = off_alone(met, close)
        is_any = any(alone.values())
        return [_first_off({n: f for n, f in fits.items() if alone[n] or not is_any}, how, close)]
    again = _of_second(inquiry, loss)
    second = {} if again is None else again.pairs
    groups: dict[float, list[str]] = {}
    for name, (factor, _) in reversed(fits.items()):
        same = next((f for f in groups if abs(f - factor) <= close * abs(f)), factor)
        groups.setdefault(same, []).append(name)
    carried = _carried(inquiry, fits, second)
    if carried is not None:
        return [carried]
    verdicts = []
    for factor, group in groups.items():
        if abs(factor - 1) <= close:
            continue
        other = fit(*second[group[0]])[0] if group[0] in second else factor
        residual = fits[group[0]][1]
        cause, why = _named(inquiry, (factor, other), residual)
        if cause and cause.startswith("factor") and all(name.startswith("b") for name in group):
            cause = "bias-scaled"
        message = (
            f"yours = {factor:.6g} x the slope of the loss reported on {', '.join(group)} and not "
            f"on the others: {why}. {_look_at(inquiry, group, cause)}"
        )
        verdicts.append(
            Verdict("gradient", DIFFERS, message, group[0], cause, factor, residual),
        )
    return verdicts


def _first_off(fits: dict[str, tuple[float, float]], how: str, close: float) -> Verdict:
    """Return the first tensor, from the last layer, that is no multiple of its slopes."""
    for name, (factor, residual) in reversed(fits.items()):
        if residual > close:
            told = f"it is not the slope of the loss reported{how.replace(';', ',')}"
            return off_its_slopes(name, factor, residual, told)
    raise ValueError("all tensors are multiples of their slopes")


# What a step may divide by.
_OF_SIZES = ("factor-batch", "factor-classes")


def constant(inquiry: Inquiry, met: Met, loss: Loss) -> list[Verdict]:
    """Name the factor that all tensors have, by two batches, or the norm that it gives them."""
    again = _of_second(inquiry, loss)
    factor = met.factor if again is None else again.factor
    cause, why = _named(inquiry, (met.factor, factor), met.residual)
    if cause is None:
        seen = [observe(inquiry, batch)[0] for batch in inquiry.batches]
        limited = of_norms(inquiry, seen, list(by_name(seen[0])))
        if limited:
            return limited
    message = (
        f"yours = {met.factor:.6g} x the slope of the loss reported, on all tensors: {why}; the "
        f"batch is {len(inquiry.batches[0])}. {_look(cause)}"
    )
    if cause in _OF_SIZES and are_made_up_for(inquiry, (met.factor, factor)):
        message = f"{message.removesuffix(_look(cause))}The training step makes up for it."
        return [Verdict("gradient", CONVENTION, message, None, cause, met.factor, met.residual)]
    tensor = f"dL/dz{len(inquiry.layers)}"
    return [Verdict("gradient", DIFFERS, message, tensor, cause, met.factor, met.residual)]


def _of_second(inquiry: Inquiry, loss: Loss) -> Met | None:
    """Return what the second batch shows without penalties; None if it shows nothing."""
    again = met_slopes(inquiry, inquiry.batches[1], loss)
    if isinstance(again, Verdict) or again.is_flat:
        return None
    decays = decays_of(inquiry, again) if again.residual > close_of(inquiry) else {}
    return without(inquiry, again, decays) if decays else again


def _carried(
    inquiry: Inquiry,
    fits: dict[str, tuple[float, float]],
    second: dict[str, tuple[Array, Array]],
) -> Verdict | None:
    """Return the factor that a gradient gets each time that it is carried back to a layer below."""
    depth, close = len(inquiry.layers), close_of(inquiry)
    layers = [
        [factor for name, (factor, _) in fits.items() if int(name[1:]) == number]
        for number in range(1, depth + 1)
    ]
    # With two layers, a factor of the first alone may have any other reason.
    if depth <= 2 or not all(layers) or not inquiry.subject.is_chain:
        return None
    if any(max(own) - min(own) > close * abs(own[0]) for own in layers):
        return None
    steps = [below[0] / above[0] for below, above in pairwise(layers)]
    spread = max(steps) - min(steps)
    if abs(layers[-1][0] - 1) > close or spread > len(steps) * close * abs(steps[0]):
        return None
    lower, upper = f"W{depth - 1}", f"W{depth}"
    step = steps[-1]
    other = step
    if lower in second and upper in second:
        other = fit(*second[lower])[0] / fit(*second[upper])[0]
    residual = max(residual for _, residual in fits.values())
    cause, why = _named(inquiry, (step, other), residual)
    is_fixed = abs(other - step) <= 10 * close * abs(step)
    look = _look(cause)
    if is_fixed:
        # Whatever the number is, it is none of the loss.
        cause = "sign" if cause == "sign" else "factor-constant"
        look = (
            f"Look at the derivative of the hidden activation, which is {step:.6g} x what it "
            "should be, or what multiplies it."
        )
    message = (
        f"the gradient of the last layer is the slope of the loss reported, and that of each layer "
        f"below has another {step:.6g} x: {why}. The factor comes in where a gradient is carried "
        f"back to the layer below. {look}"
    )
    tensor = f"dL/dz{depth - 1}"
    return Verdict("gradient", DIFFERS, message, tensor, cause, step, residual)


def _named(
    inquiry: Inquiry, factors: tuple[float, float], residual: float
) -> tuple[str | None, str]:
    """Return cause and text of the factors of two batches, as exact as they are known.

    There is no cause if they are two, which no power of the batch size explains.
    """
    samples = [len(batch) for batch in inquiry.batches]
    # Of the loss in single precision, slopes are no nearer to each other.
    tolerance = max(residual, _NAMED_SINGLE if inquiry.is_float32 else 1e-7)
    apart = abs(factors[1] / factors[0] - 1) if factors[0] else np.inf
    if apart <= close_of(inquiry):
        # Each is known no better than slopes are.
        tolerance = max(tolerance, 2 * apart)
    scale = scale_of(factors, samples, tolerance, powers=IN_LAYERS)
    if scale is None:
        (one, other), (n, m) = factors, samples
        return None, (
            f"another one for each batch, {one:.6g} x with {n} and {other:.6g} x with {m}, which "
            "no power of the batch size explains"
        )
    between = None
    # Of two digits any number is one with a meaning.
    if tolerance <= _NAMED:
        between = ratio(scale, Scale(1.0, 0), inquiry.subject.sizes, tolerance)
    if between is None:
        return "factor-constant", "a constant factor"
    if between.causes[0] == "loss-log-base" and abs(factors[0]) > 1:
        # A logarithm of another base makes slopes larger; so is one of powers of another base.
        return "factor-constant", f"a constant, {between.text}"
    return between.causes[0], between.text


def _look(cause: str | None) -> str:
    return f"Look at {CAUSES[cause].advice}." if cause else "The cause is unknown."


def _look_at(inquiry: Inquiry, names: Sequence[str], cause: str | None) -> str:
    """Return what to look at for the factor of some tensors.

    The last layer has what the loss has; a number that it has not comes in on the way back.
    """
    is_of_loss = cause in ("factor-two", "factor-classes")
    if is_of_loss and f"W{len(inquiry.layers)}" not in names and inquiry.subject.is_chain:
        return _look("factor-constant")
    return _look(cause)
