"""Steps held to the gradients that a network hands out, whatever those are.

Neither the forward pass nor the loss has to be known for that: an optimizer is a function of
gradients, and what they hold, as a penalty, is in them.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.aspects.first_steps.first_step import ENOUGH, seen_steps
from parity_tests.kit.aspects.observing import precision_of
from parity_tests.kit.aspects.optimizer.ahead import of_ahead
from parity_tests.kit.aspects.walks import (
    MORE_STEPS,
    STEPS,
    Trajectory,
    ends,
    right_gradient,
    walk_on,
)
from parity_tests.kit.inquiry import CLOSE, Inquiry
from parity_tests.kit.optimizers.asking import RATES
from parity_tests.kit.optimizers.displacements import displacements
from parity_tests.kit.optimizers.formulas import DEFAULTS, LINEAR, Formula, read
from parity_tests.kit.optimizers.judging import judged
from parity_tests.kit.optimizers.observed import Observed
from parity_tests.kit.penalties import PENALTIES, SUMS
from parity_tests.kit.scales import MEAN
from parity_tests.kit.subject.subject import Batch, Layer, Layers, SubjectError, flat, tensors
from parity_tests.kit.verdicts import CONVENTION, EQUAL, Verdict

Array = NDArray[np.float64]
_WHATEVER = "by the gradients that are handed out, whatever those are"
_NEITHER = "Nor is it by those of the loss. The cause is unknown."
# How near the first step of an adaptive optimizer is to what it would be without a limit.
_NEAR = 1e-3
# What may be meant: a rate of its own, or what makes up for a factor of the gradients.
_OF_FACTORS = ("step-scaled", "step-sign")


def by_handed(inquiry: Inquiry, *, is_right: bool) -> list[Verdict]:
    r"""Recompute steps from the gradients handed out at each place; empty if nothing is certain.

    .. math:: \Delta\theta_t = d(g(\theta_0), \dots, g(\theta_{t-1}))

    Parameters
    ----------
    is_right : bool
        Whether the gradients are known to be those of the loss with all that is added to it, so
        that steps by others are wrong. By those with a fault that is known, steps are wrong that
        the right ones would not give either.
    """
    subject, spec = inquiry.subject, inquiry.spec
    kind, given = read(spec.optimizer, spec.options) if spec.optimizer else (None, {})
    batches = inquiry.batches
    tried = [ends(batches[0])] if subject.single else [batches, ends(batches[0])]
    told: list[list[Verdict]] = []
    for pair in tried:
        try:
            seen = _walked(inquiry, pair)
            if seen is None or not seen[1].steps.any():
                return []
            walk, observed = seen
            found = judged(observed, kind, given)
            if not _is_fine(found):
                ones = [[(1.0, 0.0)] * len(observed.asked.shapes)] * 2
                lr = observed.asked.lr
                at = partial(_handed, inquiry)
                found = of_ahead(inquiry, walk, at, lr, ones, kind, given) or found
        except (SubjectError, ValueError):
            return []
        if _is_fine(found):
            return [_by_gradients(verdict) for verdict in found]
        if given.get("weight_decay") and _is_fine(judged(observed, kind, _without_decay(given))):
            # It may be that the gradients have the decay in them.
            return []
        told.append(found)
        if any(verdict.cause in _OF_FACTORS for verdict in found):
            return []
        if all(verdict.cause is not None for verdict in found):
            return found
        if is_right:
            is_open = _may_be_meant(observed, kind, given)
        else:
            is_open = _may_be_by_right(inquiry, walk, observed, kind, given)
            found = [_told_by(verdict) for verdict in found]
            told[-1] = found
        if is_open:
            return []
    # What steps on batches and on single samples do not have in common may be how they are taken.
    causes = [[verdict.cause for verdict in found] for found in told]
    return told[0] if all(own == causes[0] for own in causes) else []


def go_by_kept(inquiry: Inquiry) -> bool:
    """Whether plain steps go by gradients that have something of the calls before in them.

    Then what steps keep is not the optimizer's.
    """
    subject, (one, other) = inquiry.subject, inquiry.batches
    if subject.single:
        one, other = ends(one)
    rate = subject.network.lr or RATES["sgd"]
    try:
        _, place, after = map(flat, walk_on(inquiry, [one, other], rate).layers)
        layers = walk_on(inquiry, [one], rate).layers[-1]
        used = subject.gradients(other)
        new = _handed(inquiry, layers, other)
    except (SubjectError, ValueError):
        return False
    if flat(used).shape != place.shape or _is_same(used, new):
        return False
    off = float(np.linalg.norm(after - place + rate * flat(used)))
    rounding = 16 * precision_of(inquiry) * float(np.linalg.norm(place))
    return off <= 10 * inquiry.tolerance * float(np.linalg.norm(after - place)) + rounding


def _by_gradients(verdict: Verdict) -> Verdict:
    message = f"{verdict.message}, {_WHATEVER}"
    return replace(verdict, message=message) if verdict.status == EQUAL else verdict


def _told_by(verdict: Verdict) -> Verdict:
    message = verdict.message.replace(" The cause is unknown.", "")
    return replace(verdict, message=f"by the gradients that are handed out, {message} {_NEITHER}")


def _may_be_by_right(
    inquiry: Inquiry,
    walk: Trajectory,
    observed: Observed,
    kind: str | None,
    given: Mapping[str, float | None],
) -> bool:
    """Whether steps may be meant that are of no formula by gradients with a fault.

    They may go by the gradients that are handed out or by right ones, with something added.
    """
    loss, scale = inquiry.gradient_loss, inquiry.gradient_scale
    if not (inquiry.is_gradient_faulty and loss) or _may_be_meant(observed, kind, given):
        return True
    gradients = []
    for layers, batch in zip(walk.layers, walk.batches, strict=False):
        factor = (scale or MEAN).at(len(batch))
        right = tensors(right_gradient(inquiry, loss, layers, batch))
        gradients.append([factor * gradient for gradient in right])
    lr, precision = observed.asked.lr, observed.precision
    by_right = seen_steps(walk, lr, gradients, observed.tolerance, precision)
    return _may_be_meant(by_right, kind, given)


def _is_fine(found: list[Verdict]) -> bool:
    return all(verdict.status in (EQUAL, CONVENTION) for verdict in found)


def _without_decay(given: Mapping[str, float | None]) -> dict[str, float | None]:
    return {**given, "weight_decay": 0.0}


def _handed(inquiry: Inquiry, layers: Layers, batch: Batch) -> Layers:
    """Return the gradients that a new network hands out."""
    inquiry.subject.begin(layers)
    handed = zip(inquiry.subject.gradients(batch), layers, strict=True)
    # A bias gradient of one number is taken by all units.
    return [
        Layer(
            np.broadcast_to(own.weight, layer.weight.shape),
            None
            if own.bias is None or layer.bias is None
            else np.broadcast_to(own.bias, layer.bias.shape),
        )
        for own, layer in handed
    ]


def _walked(
    inquiry: Inquiry, pair: tuple[Batch, Batch], steps: int = STEPS
) -> tuple[Trajectory, Observed] | None:
    """Return steps on two batches in turn beside the gradients; None if one of them is random."""
    lr = inquiry.subject.network.lr or RATES["sgd"]
    batches = [pair[number % 2] for number in range(steps)]
    walk, again = (walk_on(inquiry, batches, lr) for _ in range(2))
    if not _is_same(walk.layers[-1], again.layers[-1]):
        return None
    gradients = []
    for layers, batch in zip(walk.layers, batches, strict=False):
        handed, once_more = (_handed(inquiry, layers, batch) for _ in range(2))
        if not _is_same(handed, once_more):
            return None
        gradients.append(tensors(handed))
    tolerance = CLOSE if inquiry.is_float32 else inquiry.tolerance
    seen = seen_steps(walk, lr, gradients, tolerance, precision_of(inquiry))
    if steps < MORE_STEPS and seen.are_means:
        return _walked(inquiry, pair, MORE_STEPS)
    return walk, seen


def _is_same(one: Layers, other: Layers) -> bool:
    pairs = zip(tensors(one), tensors(other), strict=True)
    return all(np.array_equal(a, b, equal_nan=True) for a, b in pairs)


def _may_be_meant(observed: Observed, kind: str | None, given: Mapping[str, float | None]) -> bool:
    """Whether steps that no formula gives may still be those of what is declared.

    Penalties may be added by the step, the gradient of Nesterov's momentum may be that of another
    place, rates may be the network's own, and gradients may be limited. Then the first step is a
    sum of what it would be, the parameters and their signs, or is cut off.
    """
    if kind is None or kind == "nesterov":
        return True
    asked, first = observed.asked, -observed.steps[0]
    if kind not in LINEAR:
        options = dict(DEFAULTS[kind]) | {k: v for k, v in given.items() if v is not None}
        wanted = -displacements(Formula(kind, options), asked)[0]
        return _is_sum(first, wanted, asked.values[0], _NEAR * float(np.linalg.norm(first)))
    for part in asked.parts:
        step, g, value = first[part], asked.lr * asked.gradients[0][part], asked.values[0][part]
        rounding = 16 * observed.precision * float(np.linalg.norm(value))
        allowed = observed.tolerance * float(np.linalg.norm(step)) + rounding
        limited = np.clip(g, -np.abs(step).max(), np.abs(step).max())
        is_limited = np.linalg.norm(step - limited) <= allowed
        if not is_limited and not _is_sum(step, g, value, allowed):
            return False
    return True


def _is_sum(step: Array, wanted: Array, value: Array, allowed: float) -> bool:
    """Whether a step is made of what is wanted, parameters and their signs."""
    if len(step) <= ENOUGH or not np.isfinite([step, wanted]).all():
        return True
    basis = np.stack([wanted, *(PENALTIES[name].slope(value) for name in SUMS)], axis=1)
    shares, *_ = np.linalg.lstsq(basis, step, rcond=None)
    return bool(np.linalg.norm(step - basis @ shares) <= allowed)
