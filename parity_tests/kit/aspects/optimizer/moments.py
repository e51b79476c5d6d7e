"""Steps that are no multiples of the gradient, as those with moments are."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numpy_impl import InputError
from parity_tests.kit.aspects.first_steps.entrywise import is_growing
from parity_tests.kit.aspects.first_steps.eps_scales import scales_by_eps
from parity_tests.kit.aspects.first_steps.first_step import ENOUGH, Shown, observed_steps
from parity_tests.kit.aspects.first_steps.kept_steps import of_kept
from parity_tests.kit.aspects.first_steps.shares import NEAR, expected_of, left_of
from parity_tests.kit.aspects.first_steps.short_steps import of_short_steps
from parity_tests.kit.aspects.gradient.held_to_slopes.recomputed import of_recomputed
from parity_tests.kit.aspects.optimizer.plain_steps import is_plain
from parity_tests.kit.aspects.walks import Trajectory, losses_at
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.losses import Guard, guards
from parity_tests.kit.optimizers.formulas import DEFAULTS, LINEAR, USUAL
from parity_tests.kit.optimizers.judging import (
    of_adaptive_parts,
    of_parts,
    of_several,
    told_of,
    unknown,
)
from parity_tests.kit.optimizers.observed import Observed
from parity_tests.kit.optimizers.search import Match, find
from parity_tests.kit.scales import MEAN, Scale, ratio, scale_of
from parity_tests.kit.subject.subject import tensors
from parity_tests.kit.verdicts import OF_NO_OPTIMIZER, UNCHECKED, Verdict

Array = NDArray[Any]
_OF_NORM, _OF_RULES = "gradient-normalized", "rules-apart"
# What is beside the probabilities, a loss, and the scale of its gradient.
_Question = tuple[Guard | None, tuple[str, Scale]]


def of_moments(
    inquiry: Inquiry,
    walk: Trajectory,
    loss: str,
    lr: float,
    shown: Sequence[Shown],
    kind: str | None,
    given: Mapping[str, float | None],
    handed: Scale | None = None,
) -> list[Verdict]:
    """Recompute steps that are not multiples of the gradient, with that of the loss reported.

    Parameters
    ----------
    shown : sequence of two `Shown`
        Factors in the first step on each batch.
    handed : Scale or None
        That of the gradients that the network hands out, where they are known to be right.
    """
    expected = expected_of(inquiry)

    def is_likely(name: str) -> bool:
        try:
            with np.errstate(all="ignore"):
                return _is_of_entries(_seen(inquiry, walk, name, lr, MEAN))
        except InputError:
            # A loss of probabilities, where the output is none with other parameters.
            return False

    best: tuple[list[Match], Scale, str, Guard | None] | None = None
    likely, guard_before = kind, inquiry.guard

    def hold_to(several: Iterable[_Question], *, simple: bool = True) -> None:
        nonlocal best, likely
        for guard, (name, scale) in several:
            if best is not None and _is_settled(inquiry, best[0][0]):
                return
            inquiry.guard = guard
            observed = _seen(inquiry, walk, name, lr, scale)
            matches = find(observed, likely, given, simple=simple)
            if not _is_one(matches):
                continue
            # Multiples of the gradient are judged as such; over its norm it is none.
            if matches[0].formula.kind in LINEAR and _OF_NORM not in matches[0].causes:
                continue
            if best is None or matches[0].cost < best[0][0].cost:
                best = matches, scale, name, guard
                # Another scale tells another eps, and no other kind.
                likely = matches[0].formula.kind if kind is None else kind

    of_some = _scale_shown(inquiry, walk, shown)
    likely_gradients = list(_gradients(inquiry, loss, handed, of_some, is_likely))
    begun, *others = product(_guards(inquiry), likely_gradients)
    inquiry.guard = begun[0]
    name, scale = begun[1]
    first = _seen(inquiry, walk, name, lr, scale)
    hold_to([begun])
    if best is None or best[0][0].faults:
        by_eps = [(loss, own) for own in dict.fromkeys(scales_by_eps(inquiry, loss))]
        hold_to(product(_guards(inquiry), by_eps))
    if best is None:
        hold_to([begun], simple=False)
    hold_to(others)
    if best is not None:
        matches, scale, name, inquiry.guard = best
        match = matches[0]
        inquiry.steps_explain, inquiry.gradient_loss = "gradient", name
        near = max(NEAR, inquiry.tolerance)
        factor = ratio(scale, expected or MEAN, inquiry.subject.sizes, near)
        left = []
        if factor is not None and scale != handed:
            told = left_of(inquiry, factor, scale, expected or MEAN, match.residual)
            left = [told]
        if inquiry.is_loss_unknown and inquiry.spec.loss is None and handed is None:
            left = of_recomputed(inquiry, name) or left
        count = len(walk.batches)
        if len(matches) > 1 and not match.faults:
            return left + of_several(matches, kind, given, count)
        told_of_steps = told_of(match, kind, given, count)
        if not left and handed is None:
            told_of_steps = _with_factor(match, given, told_of_steps)
        return left + told_of_steps
    inquiry.guard = guard_before
    # What is added to the gradient is in no step that is recomputed from it.
    is_penalized = inquiry.penalty is not None or inquiry.spec.weight_decay is not None
    is_whole = not (is_penalized or inquiry.evidence.decays)
    is_declared = kind is not None and is_whole
    if handed is not None and (is_declared or _is_of_entries(first)):
        inquiry.steps_explain = "gradient"
        return of_parts(first, kind, given) or [unknown(first, kind, given)]
    parts = of_adaptive_parts(first, kind, given) if handed is not None and is_whole else []
    if parts:
        inquiry.steps_explain = "gradient"
        return parts
    if inquiry.is_gradient_known and is_penalized:
        # What steps keep shows whatever else is added to the gradient.
        kept = of_kept(inquiry)
        if not any(verdict.status == UNCHECKED for verdict in kept):
            return kept
    if inquiry.gradient_scale is not None or not _is_of_entries(first):
        message = "the first step is not a multiple of the gradient, by which later ones are judged"
        if handed is not None and is_whole:
            message = f"{OF_NO_OPTIMIZER}: {message}"
        return [Verdict("optimizer", UNCHECKED, message)]
    is_loss_known = inquiry.reported is not None or inquiry.spec.loss is not None
    if is_loss_known and kind in (None, *LINEAR) and is_plain(inquiry, loss):
        message = "the steps are plain ones, and not of the gradient of the loss"
        return [Verdict("optimizer", UNCHECKED, message)]
    inquiry.steps_explain = "gradient"
    apart = of_parts(first, kind, given) if handed is None and is_declared else []
    if apart and all(own.cause not in (None, _OF_RULES) for own in apart):
        return apart
    of_short = of_short_steps(inquiry, loss)
    if of_short:
        message = "the gradient is not known, and the steps with it"
        return [*of_short, Verdict("optimizer", UNCHECKED, message)]
    why = (
        "only steps show it, and an entry's first step grows with that entry's gradient, though "
        "it is no multiple of it, as with an adaptive optimizer; which one is not known"
    )
    of_steps = unknown(first, kind, given)
    if expected is None and inquiry.spec.loss is None:
        message = "the loss is not known, and the steps are those of no optimizer for any that fits"
        of_steps = Verdict("optimizer", UNCHECKED, message)
    return [Verdict("gradient", UNCHECKED, why), of_steps]


def _with_factor(
    match: Match, given: Mapping[str, float | None], verdicts: list[Verdict]
) -> list[Verdict]:
    """Add to what is said of another eps that a factor of the gradient does not show beside it."""
    usual = given.get("eps") or DEFAULTS[match.formula.kind].get("eps")
    eps = match.changed.get("eps")
    if not usual or not eps or eps in USUAL["eps"]:
        return verdicts
    first, *others = verdicts
    message = (
        f"{first.message}. The same steps come of {usual / eps:.6g} x the gradient with an eps of "
        f"{usual:g}: which is meant, steps do not show"
    )
    return [replace(first, message=message), *others]


def _is_settled(inquiry: Inquiry, match: Match) -> bool:
    """Whether nothing but eps is another one, which float32 does not tell from a factor."""
    is_eps = not match.choices and set(match.changed) <= {"eps"}
    return not any(match.cost) or (inquiry.is_float32 and is_eps)


def _guards(inquiry: Inquiry) -> list[Guard | None]:
    """Return what may be beside the probabilities in the gradient, what is known first."""
    of_loss = inquiry.reported and guards(inquiry.reported[0], inquiry.guard_of_loss)
    return list(dict.fromkeys([inquiry.guard, None, *(of_loss or ())]))


def _is_one(matches: Sequence[Match]) -> bool:
    """Whether what was found is one formula, one fault of several, or all of them as in PyTorch."""
    faults = {match.faults for match in matches}
    if faults == {()}:
        return len(matches) == 1 or not any(match.choices for match in matches)
    return len(faults) == 1


def _scale_shown(inquiry: Inquiry, walk: Trajectory, shown: Sequence[Shown]) -> Scale | None:
    """Return the scale of the gradient, if the first steps of some tensors are multiples of it."""
    samples = [len(batch) for batch in walk.batches[:2]]
    pairs = [
        (one[0], other[0])
        for one, other, tensor in zip(*shown, tensors(inquiry.layers), strict=True)
        if one is not None and other is not None and tensor.size >= ENOUGH
    ]
    several = (scale_of(pair, samples, max(1e-7, inquiry.tolerance)) for pair in pairs if all(pair))
    return next(filter(None, several), None)


def _gradients(
    inquiry: Inquiry,
    loss: str,
    handed: Scale | None,
    shown: Scale | None,
    is_likely: Callable[[str], bool],
) -> Iterator[tuple[str, Scale]]:
    """Yield losses and scales that the gradient may be of, the likeliest first.

    Adaptive steps hardly depend on a factor of the gradient, but eps beside it tells.
    """
    expected, outputs = expected_of(inquiry), inquiry.subject.outputs
    usual = [MEAN, Scale(1.0, 0)]
    known = [scale for scale in (handed, expected) if scale is not None]
    if shown is not None:
        usual.insert(0, shown)
    if not known:
        usual += [
            Scale(constant, power)
            for constant in (2.0, 1 / outputs, 2 / outputs, 0.5)
            for power in (1, 0)
        ]
    losses = [loss]
    if not known and inquiry.spec.loss is None:
        losses += [name for name in losses_at(inquiry) if is_likely(name)]
    for name in dict.fromkeys(losses):
        for scale in dict.fromkeys([*known, *usual]):
            yield name, scale


def _seen(inquiry: Inquiry, walk: Trajectory, loss: str, lr: float, scale: Scale) -> Observed:
    count = len(tensors(inquiry.layers))
    factors = [[(scale.at(len(batch)), 0.0)] * count for batch in walk.batches[:2]]
    return observed_steps(inquiry, walk, loss, lr, factors)


def _is_of_entries(observed: Observed) -> bool:
    """Whether the first step goes down everywhere, and the further the larger the gradient is.

    A step of the whole gradient that is wrong does neither.
    """
    gradient, step = observed.asked.gradients[0], -observed.steps[0]
    # Matrices and biases may go by different formulas.
    return all(is_growing(gradient[part], step[part]) for part in observed.asked.parts)
