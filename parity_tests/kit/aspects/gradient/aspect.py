"""The gradient is that of the loss, by the network's own forward pass."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.aspects.drawn import is_drawn, is_ever_another
from parity_tests.kit.aspects.first_steps import reshaped
from parity_tests.kit.aspects.first_steps.beginnings import OF_BEGINNINGS, note_beginnings
from parity_tests.kit.aspects.first_steps.entrywise import of_entrywise
from parity_tests.kit.aspects.first_steps.infinite_steps import (
    is_of_first_step_alone,
    of_infinite_step,
)
from parity_tests.kit.aspects.first_steps.later_steps import moving_later, of_step_before
from parity_tests.kit.aspects.first_steps.limited_norms import (
    SHARES,
    Limit,
    limits_of,
    shorter,
    unjudged,
    verdict_on,
)
from parity_tests.kit.aspects.first_steps.second_rates import (
    note_rates,
    of_second_rate,
    without_second_rate,
)
from parity_tests.kit.aspects.first_steps.shared_states import of_own_velocities
from parity_tests.kit.aspects.first_steps.short_steps import of_short_steps
from parity_tests.kit.aspects.first_steps.single_steps import causes_of, of_single_steps
from parity_tests.kit.aspects.first_steps.slopes_of_steps import of_slopes
from parity_tests.kit.aspects.first_steps.solved import solved
from parity_tests.kit.aspects.gradient.by_slopes import by_slopes
from parity_tests.kit.aspects.gradient.decays import of_decays
from parity_tests.kit.aspects.gradient.elsewhere import (
    PLACES,
    is_elsewhere,
    is_last_elsewhere,
    is_last_known,
    of_wider_outputs,
)
from parity_tests.kit.aspects.gradient.expected_scales import expected_scale
from parity_tests.kit.aspects.gradient.factors import of_factors
from parity_tests.kit.aspects.gradient.formula_factors import with_formulas
from parity_tests.kit.aspects.gradient.kept_margins import of_kept_margins
from parity_tests.kit.aspects.gradient.larger_values import of_larger_values
from parity_tests.kit.aspects.gradient.left_out import of_left_out
from parity_tests.kit.aspects.gradient.meant_loss import without_factor
from parity_tests.kit.aspects.gradient.measured_factors import Factor, factors_of
from parity_tests.kit.aspects.gradient.negated import with_negation
from parity_tests.kit.aspects.gradient.normed import are_of_one_norm, of_limited, of_norms
from parity_tests.kit.aspects.gradient.noted import note
from parity_tests.kit.aspects.gradient.one_number import settled
from parity_tests.kit.aspects.gradient.readings import (
    AS_DECLARED,
    LEFT_OUT,
    TAKEN,
    explained,
    of_layout,
    of_reading,
)
from parity_tests.kit.aspects.gradient.relative_factors import of_relative_factors
from parity_tests.kit.aspects.gradient.shared_factors import shared_scale
from parity_tests.kit.aspects.gradient.told_findings import _also, edges, told_findings
from parity_tests.kit.aspects.loss.aspect import is_saturated
from parity_tests.kit.aspects.never_set import refused
from parity_tests.kit.aspects.observing import (
    GROWN_OUTSIDE,
    RATES,
    is_accumulated,
    is_another,
    is_grown_outside,
    is_inferred,
    is_one_by_one,
    is_one_by_one_of_mean,
    observe,
)
from parity_tests.kit.aspects.walks import losses_at
from parity_tests.kit.backprop.explain import Explanation, Finding
from parity_tests.kit.causes import CAUSES
from parity_tests.kit.inquiry import CLOSE, Inquiry
from parity_tests.kit.losses import BINARY_HINGES, OF_SIGNS
from parity_tests.kit.scales import MEAN, NEAR, Scale
from parity_tests.kit.subject.subject import Layers, SubjectError, tensors
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, UNCHECKED, Verdict, named, worst

Array = NDArray[Any]
NOT_DECLARED = "neither gradients nor a step are declared"


def examine(inquiry: Inquiry) -> list[Verdict]:
    """Explain the gradients of two batches, and judge what they have in common."""
    subject = inquiry.subject
    network = subject.network
    if network.gradients is None and network.backward is None and network.step is None:
        return [Verdict("gradient", UNCHECKED, NOT_DECLARED)]
    if inquiry.form is None:
        return reshaped.of_gradient(inquiry) or of_slopes(inquiry)
    loss = inquiry.spec.loss or (inquiry.reported and inquiry.reported[0])
    try:
        seen = _observed(inquiry)
    except SubjectError as error:
        return reshaped.of_gradient(inquiry) or [_not_observed(inquiry, error)]
    is_finite = all(np.isfinite(tensor).all() for tensor in tensors(seen[0][0]))
    if is_inferred(inquiry) and not is_finite and of_infinite_step(inquiry):
        return [Verdict("gradient", UNCHECKED, _INFINITE)]
    if is_inferred(inquiry) and not any(np.isfinite(own).any() for own in tensors(seen[0][0])):
        # What the second step is not, the gradient is not either.
        status = UNCHECKED if is_of_first_step_alone(inquiry) else DIFFERS
        return [Verdict("gradient", status, _INFINITE)]
    explanations = _explained(inquiry, seen, loss)
    for _ in range(0 if inquiry.is_given else _DRAWS):
        if not _are_of_two(explanations):
            break
        seen = _kept(inquiry, _asked_again(inquiry))
        explanations = _explained(inquiry, seen, loss)
    # A matrix that is shortened as a whole looks as if it had a penalty.
    if is_inferred(inquiry) and (explanations[0].decays or not explanations[0].known):
        limits = limits_of(inquiry.layers, [after for _, after in seen])
        if limits:
            shortened = _of_shorter(inquiry, limits, seen, loss)
            if shortened is None:
                return [Verdict("gradient", UNCHECKED, _OF_LIMITED)]
            seen, explanations = shortened
    if is_inferred(inquiry) and not explanations[0].known:
        seen, explanations = _of_own_velocities(inquiry, seen, explanations, loss)
    beside: list[Verdict] = []
    if inquiry.smoothing and not explanations[0].known:
        beside = _of_labels_as_given(inquiry, seen, loss)
        if beside:
            return beside
    if is_inferred(inquiry) and not explanations[0].known:
        singles = None
        if subject.single:
            singles = of_single_steps(inquiry, loss)
        elif is_accumulated(inquiry):
            return [_accumulated(inquiry)]
        elif is_one_by_one(inquiry):
            inquiry.is_one_by_one = True
            beside = [Verdict("gradient", CONVENTION, _ONE_BY_ONE)]
            singles = of_single_steps(inquiry, loss)
        elif is_one_by_one_of_mean(inquiry):
            inquiry.is_one_by_one = True
            beside = [Verdict("gradient", CONVENTION, _OF_MEAN, cause="factor-batch")]
            singles = of_single_steps(inquiry, loss)
        explanations = singles or explanations
        if inquiry.is_one_by_one and subject.network.loss is None and explanations[0].known:
            # What a step tells is of parameters that move from one sample to the next.
            if inquiry.is_loss_unknown:
                beside.append(Verdict("loss", UNCHECKED, _OF_MOVING, "loss"))
            inquiry.is_loss_unknown = False
    samples = [len(batch) for batch in inquiry.batches]
    explanations = settled(inquiry.layers, explanations, samples, inquiry.tolerance)
    entrywise: list[Verdict] = []
    if inquiry.hinge_reported and not explanations[0].is_right:
        kept = of_kept_margins(inquiry, inquiry.hinge_reported, named_alone=True)
        if kept:
            return kept
    # Of a loss that is not known, as of errors with a tolerance, samples need not have a gradient.
    if not (explanations[0].known or inquiry.is_loss_unknown):
        left_out = of_left_out(inquiry, [observed for observed, _ in seen], loss)
        if left_out and not _is_random(inquiry, seen[0][0], differs=True):
            return left_out
    if is_inferred(inquiry) and not explanations[0].is_right:
        explanations = moving_later(inquiry, explanations)
        late = of_step_before(inquiry, loss)
        if late:
            return [named("gradient", "gradient-late", _LATE), *_of_late(inquiry, late, loss)]
        is_known = explanations[0].known
        entrywise = of_entrywise(inquiry, seen[0][0], loss, is_known=is_known)
        if entrywise and not inquiry.is_loss_unknown:
            entrywise = _of_solved(inquiry, seen, loss) or entrywise
    verdicts = entrywise or _judge(inquiry, explanations, loss) + beside
    if is_inferred(inquiry) and not (entrywise or explanations[0].known or inquiry.is_loss_unknown):
        verdicts = _of_short_steps(inquiry, explanations[0].loss) or verdicts
    differs = any(verdict.status == DIFFERS for verdict in verdicts)
    if _is_random(inquiry, seen[0][0], differs=differs):
        inquiry.edges.clear()
        inquiry.is_gradient_random = True
        inquiry.is_kept_outside = not is_drawn(
            subject, lambda: observe(inquiry, inquiry.batches[0])
        )
        if is_grown_outside(inquiry):
            return [named("gradient", "gradient-accumulated", GROWN_OUTSIDE)]
        return _by_slopes_alone(inquiry)
    if entrywise:
        inquiry.gradient_loss = explanations[0].loss
        return entrywise
    # Where all margins are missed, what does not ask for them has the gradient of a hinge; where
    # outputs are between 0 and 1, that of the absolute error.
    is_few = inquiry.subject.outputs == 1 or inquiry.subject.single
    of_few = is_few and inquiry.gradient_loss in OF_SIGNS
    is_hinge = of_few or inquiry.gradient_loss in BINARY_HINGES
    is_hinge &= not (inquiry.is_loss_unknown or differs)
    if (
        is_hinge
        and loss is None
        and not all(is_elsewhere(inquiry, explanations[0]) for _ in range(PLACES))
    ):
        which = str(inquiry.gradient_loss).replace("_", " ")
        _forget(inquiry)
        return [Verdict("gradient", UNCHECKED, _ANY_MARGINS.format(which))]
    if not differs and "hinge" in str(loss):
        kept = of_kept_margins(inquiry, str(loss))
        if kept:
            return kept
    # Whose threshold is not 1 shows in a loss alone.
    is_huber = loss == "huber" and not is_last_known(explanations[0])
    if is_huber and inquiry.reported is None and not inquiry.is_loss_unknown:
        _forget(inquiry)
        return [Verdict("gradient", UNCHECKED, _ANY_THRESHOLD)]
    if inquiry.is_loss_unknown and not differs:
        if loss is not None and explanations[0].loss == loss:
            return [*_of_loss_reported(inquiry, loss), *verdicts]
        # With one batch it is that of a loss that is known, as of a hinge with all margins missed.
        inquiry.evidence.forget_loss()
        return _of_another(inquiry, explanations[0]) or verdicts
    if inquiry.is_loss_unknown:
        # What is wrong for all losses that are known may be right for the one that is reported,
        # but for a factor.
        found = by_slopes(inquiry)
        if is_inferred(inquiry) and any(verdict.status == DIFFERS for verdict in found):
            note_beginnings(inquiry)
            if inquiry.beginnings:
                return [Verdict("gradient", UNCHECKED, OF_BEGINNINGS)]
        fits = all(v.status in (EQUAL, CONVENTION) or v.factor is not None for v in found)
        if fits:
            inquiry.slopes_show = worst([verdict.status for verdict in found])
        # Numbers by a loss that nothing says is meant would tell nothing of this one.
        # Of numbers that are no probabilities, no loss is more likely meant than another.
        last = len(inquiry.layers) - 1
        is_any = _is_of_logits(inquiry) and any(own.deltas[last].causes for own in explanations)
        is_guessed = loss is None and (is_any or any(v.cause is None for v in verdicts))
        is_guessed |= is_huber or bool(inquiry.hinge_reported)
        return found if fits or is_guessed else verdicts
    if not differs and explanations[0].is_right and explanations[-1].is_right:
        wider = of_wider_outputs(inquiry, explanations[0])
        if wider:
            return wider
        larger = of_larger_values(inquiry)
        if any(verdict.status == DIFFERS for verdict in larger):
            return larger
        verdicts = verdicts + larger
    is_another = inquiry.hinges and inquiry.gradient_loss not in (None, *inquiry.hinges)
    if is_another and inquiry.reported is None and not differs:
        return [_another_loss(inquiry, explanations[0], inquiry.hinges[0])]
    return verdicts


_ANY_MARGINS = (
    "with some parameters it is that of the {}, and with others it is not; the network "
    "reports no loss (``loss=``) whose slopes it could be"
)
_ANY_THRESHOLD = (
    "it is not that of Huber's loss with a threshold of 1, and the network reports no loss "
    "(``loss=``) that would show another one"
)
_OF_LIMITED = "only steps show it, after which several norms of weights are the same"
_INFINITE = "only steps show it, and the first one is not finite"
_OF_SOME = (
    "not the gradient of the {}; with some parameters it is that of the {}, and with others it is "
    "not. The cause is unknown. Look at what is clipped."
)
# How often parameters are drawn at which a gradient is not zero.
_DRAWS = 4


def _of_norms(inquiry: Inquiry, factors: list[Factor], expected: Scale) -> list[Verdict]:
    """Return that factors which change with the batch make the norm the same, if they do."""
    limited = of_limited(inquiry, factors, expected)
    if limited:
        return limited
    if any(factor.scale is not None or factor.ratio is None for factor in factors):
        return []
    seen = [answer.gradients for answer in inquiry.evidence.answers]
    names = [factor.finding.tensor for factor in factors]
    shares = [factor.finding.factor for factor in factors]
    is_shared = bool(shares) and np.ptp(shares) <= NEAR * max(shares)
    tensors_seen = [own for own in seen if own is not None]
    found = of_norms(inquiry, tensors_seen, names, is_shared=is_shared)
    inquiry.is_gradient_faulty |= bool(found)
    return found


def _observed(inquiry: Inquiry) -> list[tuple[Layers, Layers | None]]:
    """Return the gradients of both batches, and parameters after a step, where these are steps.

    What is zero by chance, as where all margins of a hinge are kept in a batch, is asked elsewhere.
    """
    usual, subject = inquiry.layers, inquiry.subject
    seen = [observe(inquiry, batch) for batch in inquiry.batches]
    if not inquiry.is_given and _are_zero_by_chance(seen):
        for _ in range(_DRAWS):
            again = _asked_again(inquiry)
            if not _are_zero_by_chance(again):
                return _kept(inquiry, again)
        inquiry.layers = inquiry.evidence.layers = subject.set(usual)
    for (observed, _), answer in zip(seen, inquiry.evidence.answers, strict=True):
        answer.gradients = observed
    return seen


def _asked_again(inquiry: Inquiry) -> list[tuple[Layers, Layers | None]]:
    """Return the same as `_observed`, by other parameters."""
    inquiry.draw_again()
    return [observe(inquiry, batch) for batch in inquiry.batches]


def _kept(
    inquiry: Inquiry, seen: list[tuple[Layers, Layers | None]]
) -> list[tuple[Layers, Layers | None]]:
    """Take what was seen by other parameters for the answers of the network."""
    for batch, (observed, _), answer in zip(
        inquiry.batches, seen, inquiry.evidence.answers, strict=True
    ):
        inquiry.restore()
        answer.output = inquiry.subject.forward(batch.inputs)
        answer.gradients = observed
    return seen


def _explained(
    inquiry: Inquiry, seen: list[tuple[Layers, Layers | None]], loss: str | None
) -> list[Explanation]:
    return [
        explained(inquiry, batch, observed, updated, loss)
        for batch, (observed, updated) in zip(inquiry.batches, seen, strict=True)
    ]


def _of_shorter(
    inquiry: Inquiry,
    limits: Sequence[Limit],
    seen: list[tuple[Layers, Layers | None]],
    loss: str | None,
) -> tuple[list[tuple[Layers, Layers | None]], list[Explanation]] | None:
    """Return what is seen by weights of which no step reaches a limit, and note the limit.

    None if it is reached by all that are tried, or the weights are given.
    """
    usual, subject = inquiry.layers, inquiry.subject
    for share in () if inquiry.is_given else SHARES:
        inquiry.layers = inquiry.evidence.layers = subject.set(shorter(usual, limits, share))
        again = [observe(inquiry, batch) for batch in inquiry.batches]
        if not limits_of(inquiry.layers, [after for _, after in again]):
            again = _kept(inquiry, again)
            explanations = _explained(inquiry, again, loss)
            verdict = verdict_on(inquiry, limits, explanations[0], usual, seen[0][1])
            inquiry.of_limits = [verdict]
            return again, explanations
    inquiry.layers = inquiry.evidence.layers = subject.set(usual)
    inquiry.of_limits = [unjudged(limits)]
    return None


def _of_own_velocities(
    inquiry: Inquiry,
    seen: list[tuple[Layers, Layers | None]],
    explanations: list[Explanation],
    loss: str | None,
) -> tuple[list[tuple[Layers, Layers | None]], list[Explanation]]:
    """Return what is seen without velocities that are shared, if that is a right gradient."""
    for parted in of_own_velocities(inquiry, [observed for observed, _ in seen]):
        again = [(own, after) for own, (_, after) in zip(parted, seen, strict=True)]
        found = _explained(inquiry, again, loss)
        if all(explanation.is_right for explanation in found):
            return _kept(inquiry, again), found
    return seen, explanations


def _are_of_two(explanations: list[Explanation]) -> bool:
    """Whether what is known of two batches is the gradient of two losses.

    Where a single sample of a batch has a gradient, that is a multiple of many others.
    """
    first, second = explanations
    return first.known and second.known and first.loss != second.loss


def _are_zero_by_chance(seen: list[tuple[Layers, Layers | None]]) -> bool:
    """Whether all of a gradient is zero, or what is not zero with another batch."""
    one, other = ([bool(np.any(tensor)) for tensor in tensors(own)] for own, _ in seen)
    return one != other or not any(one)


def _of_short_steps(inquiry: Inquiry, loss: str | None) -> list[Verdict]:
    """Return which tensors have a factor in short steps, where longer ones are not known."""
    found = [] if loss is None else of_short_steps(inquiry, loss)
    return [verdict for verdict in found if verdict.status != UNCHECKED]


def _is_random(inquiry: Inquiry, first: Layers, *, differs: bool) -> bool:
    """Whether the gradient of the first batch is ever another one.

    One that is right is asked again only where something is drawn for it; where updates follow one
    another sample by sample, that is their order.
    """

    def ask() -> Layers:
        return observe(inquiry, inquiry.batches[0])[0]

    try:
        subject = inquiry.subject
        if differs:
            return is_ever_another(subject, ask, lambda now: is_another(first, now))
        is_asked = not inquiry.is_one_by_one and is_drawn(subject, ask)
        return is_asked and is_ever_another(subject, ask, lambda now: _is_far(first, now))
    except SubjectError:
        return False


# By how much a unit that is left out changes a gradient, and the order of samples does not.
_FAR = 1e-3


def _is_far(one: Layers, other: Layers) -> bool:
    first, second = one[-1].weight, other[-1].weight
    return not np.linalg.norm(first - second) <= _FAR * np.linalg.norm(first)


def _by_slopes_alone(inquiry: Inquiry) -> list[Verdict]:
    """Judge the gradient by slopes, and forget what it was taken for before."""
    found = of_slopes(inquiry)
    _forget(inquiry)
    return found


def _forget(inquiry: Inquiry) -> None:
    """Forget what a gradient was taken for."""
    inquiry.edges.clear()
    inquiry.is_gradient_known = inquiry.is_gradient_faulty = False
    inquiry.gradient_loss = inquiry.gradient_scale = inquiry.guard = None
    inquiry.evidence.forget_loss()


def _of_solved(
    inquiry: Inquiry, seen: list[tuple[Layers, Layers | None]], loss: str | None
) -> list[Verdict]:
    """Name faults of a gradient that is solved from first steps, if that reproduces all of it."""
    for gradients in solved(inquiry, [observed for observed, _ in seen]):
        explanations = []
        for batch, gradient, (_, updated) in zip(inquiry.batches, gradients, seen, strict=True):
            explanations.append(explained(inquiry, batch, gradient, updated, loss, CLOSE))
            if not explanations[-1].known:
                break
        first, *others = explanations
        if not others or not explanations[-1].known or causes_of(first) != causes_of(others[0]):
            continue
        verdicts = told_findings(inquiry, first, None) + _of_several(inquiry, explanations)
        if verdicts:
            inquiry.is_gradient_known = inquiry.is_gradient_faulty = True
            inquiry.edges += edges(first, len(inquiry.layers))
        return [replace(v, message=f"{v.message} {_SOLVED}") for v in verdicts]
    return []


def _of_several(inquiry: Inquiry, explanations: list[Explanation]) -> list[Verdict]:
    """Judge factors of some tensors by those of most, where one of all is not known."""
    scaled = []
    for batch, own in zip(inquiry.batches, explanations, strict=True):
        sizes = np.abs([finding.factor for finding in own.findings])
        usual = float(np.median(sizes))
        if 2 * np.sum(np.abs(sizes - usual) <= CLOSE * usual) <= len(sizes):
            return []
        unit = usual * len(batch)
        findings = [replace(finding, factor=finding.factor / unit) for finding in own.findings]
        scaled.append(replace(own, findings=findings))
    factors = factors_of(inquiry, *scaled, MEAN)
    if len({factor.ratio and factor.ratio.text for factor in factors}) == 1:
        return []
    return of_factors(inquiry, factors, MEAN)


_SOLVED = "Only steps show it: sizes are solved from what eps takes away of a first one."


def _of_labels_as_given(
    inquiry: Inquiry, seen: list[tuple[Layers, Layers | None]], loss: str | None
) -> list[Verdict]:
    """Judge a gradient as that of the labels as they are, where the loss smooths them."""
    smoothing, inquiry.smoothing = inquiry.smoothing, 0.0
    explanations = [
        explained(inquiry, batch, observed, updated, loss)
        for batch, (observed, updated) in zip(inquiry.batches, seen, strict=True)
    ]
    if not explanations[0].known:
        inquiry.smoothing = smoothing
        return []
    reported = f"that of labels of which {smoothing:.6g} is spread over the classes"
    told = _another_loss(inquiry, explanations[0], reported)
    return [told, *(v for v in _judge(inquiry, explanations, loss) if v.status == DIFFERS)]


_LATE = "a first step changes nothing, and one on another batch behind it goes by that before"


def _of_late(inquiry: Inquiry, late: list[Explanation], loss: str | None) -> list[Verdict]:
    """Return what is wrong with the gradient of the step before besides."""
    found = _judge(inquiry, late, loss)
    # Steps are not those of the gradient where they are taken.
    inquiry.is_gradient_faulty = True
    return [verdict for verdict in found if verdict.status == DIFFERS]


_ONE_BY_ONE = (
    "a step on a batch updates after every sample of it: the gradient is judged by single samples"
)
_OF_MOVING = "a step tells it, while the parameters move from one sample to the next"
_OF_MEAN = (
    f"{_ONE_BY_ONE}, and each of those is divided by the size of the batch: steps are that much "
    "shorter than one at a time"
)


def _accumulated(inquiry: Inquiry) -> Verdict:
    seen = (
        "with two samples, a step takes the change of the first once more with that of the second"
    )
    tensor = f"W{len(inquiry.layers)}"
    return named("gradient", "gradient-accumulated", seen, tensor)


def _of_another(inquiry: Inquiry, explanation: Explanation) -> list[Verdict]:
    """Hold a right gradient to a loss that is not known, by its slopes."""
    found = by_slopes(inquiry)
    differs = [verdict for verdict in found if verdict.status == DIFFERS]
    # What has a factor is of the loss reported, too.
    is_multiple = all(verdict.factor and not _is_of_one(verdict) for verdict in differs)
    kept = of_kept_margins(inquiry, inquiry.hinge_reported) if inquiry.hinge_reported else []
    if is_multiple:
        return [*kept, *differs] if kept else found
    if kept or not is_elsewhere(inquiry, explanation):
        return kept or found
    which = f"another function, by its slopes ({found[0].tensor})"
    return [_another_loss(inquiry, explanation, which)]


def _is_of_one(verdict: Verdict) -> bool:
    """Whether a verdict is of a parameter, and not of what all of them come from."""
    return not str(verdict.tensor).startswith("dL/dz")


def _of_loss_reported(inquiry: Inquiry, loss: str) -> list[Verdict]:
    """Hold a loss that is not known to the right gradient of the one that is declared."""
    slopes = by_slopes(inquiry)
    if is_saturated(inquiry) or all(verdict.status != DIFFERS for verdict in slopes):
        return []
    seen = (
        f"the gradient is that of the {loss.replace('_', ' ')} that is declared, and not the slope "
        f"of the loss reported ({slopes[0].tensor})"
    )
    return [named("loss", "another-loss", seen, "loss")]


def _not_observed(inquiry: Inquiry, error: SubjectError) -> Verdict:
    one = inquiry.batches[0].part(slice(0, 1))
    try:
        observe(inquiry, one)
    except SubjectError:
        return refused("gradient", error)
    message = (
        f"it works with one sample and raises for a batch of {len(inquiry.batches[0])}: {error}"
    )
    return Verdict("gradient", DIFFERS, message, cause="batch-raises")


def _judge(inquiry: Inquiry, explanations: list[Explanation], loss: str | None) -> list[Verdict]:
    first, second = explanations = without_factor(inquiry, explanations, loss)
    # The nearest of what is not known may be of a softmax that one output has not.
    is_possible = first.known or first.loss in losses_at(inquiry)
    inquiry.gradient_loss = first.loss if is_possible else None
    if first.known:
        inquiry.guard = first.deltas[len(inquiry.layers) - 1].guard
        # What is known to some digits only is no measure for more of them.
        residual = max(finding.residual for finding in first.findings)
        inquiry.steps_tolerance = CLOSE if residual > inquiry.tolerance else inquiry.tolerance
    inquiry.is_gradient_known = first.known
    inquiry.is_gradient_unturned = first.reading == LEFT_OUT
    inquiry.is_gradient_faulty = first.known and (
        first.reading == AS_DECLARED or any(f.causes for f in first.findings)
    )
    inquiry.edges += edges(first, len(inquiry.layers))
    # Where the one reported is not the one declared, that was said of the loss.
    reported = inquiry.reported and inquiry.reported[0]
    another = loss is not None and first.loss not in (None, loss, reported)
    expected = expected_scale(inquiry, first, another)
    verdicts: list[Verdict] = []
    of_loss: list[Verdict] = []
    if another and not first.deltas[len(inquiry.layers) - 1].causes:
        if first.loss in OF_SIGNS and not is_last_elsewhere(inquiry, first):
            tensor = f"dL/dz{len(inquiry.layers)}"
            of_some = _OF_SOME.format(str(loss), first.loss).replace("_", " ")
            _forget(inquiry)
            inquiry.is_gradient_faulty = True
            return [Verdict("gradient", DIFFERS, f"{tensor}: {of_some}", tensor)]
        squares = _of_squares(inquiry, first)
        expected = squares or expected
        if squares is None:
            verdicts.append(_another_loss(inquiry, first, str(loss)))
        else:
            of_loss.append(_not_squared())
    rate = (inquiry.subject.network.lr or RATES[0]) if is_inferred(inquiry) else None

    decayed: set[str] = set()
    of_rate: list[Verdict] = []

    def at_another(slower: float) -> Explanation:
        batch = inquiry.batches[0]
        if inquiry.is_one_by_one:
            number = explanations[0].sample
            batch = batch.part(slice(number, number + 1))
        own = explained(inquiry, batch, *observe(inquiry, batch, slower), loss)
        return without_second_rate(inquiry, own, slower, decayed)

    if rate is not None:
        decayed = note_rates(inquiry, rate, at_another)
        first, second = (without_second_rate(inquiry, own, rate, decayed) for own in explanations)
        of_rate = of_second_rate(inquiry, first.findings)
    factors = [
        factor
        for factor in factors_of(inquiry, first, second, expected or MEAN)
        if factor.finding.tensor not in inquiry.without_rate
    ]
    # Steps by what has another factor with each batch are not those by the gradient.
    is_changing = any(f.ratio is not None and f.scale is None for f in factors)
    # Those of an optimizer that has one number for each array may be.
    seen = [answer.gradients for answer in inquiry.evidence.answers]
    is_changing &= not are_of_one_norm([own for own in seen if own is not None])
    inquiry.is_gradient_faulty |= first.known and is_changing
    told, factors = _confirmed(*explanations, factors)
    told, factors = with_formulas(told, factors, expected or MEAN)
    verdicts += of_reading(inquiry, first) + told_findings(inquiry, told, expected) + of_rate
    weights = [f for f in factors if f.finding.tensor.startswith("W")]
    if weights:
        shared = shared_scale(inquiry, factors, expected or MEAN)
        inquiry.gradient_scale = shared or weights[0].scale
    of_scales = _of_norms(inquiry, factors, expected or MEAN) or with_negation(
        inquiry, first.findings, of_factors(inquiry, factors, expected)
    )
    verdicts += of_scales + of_relative_factors(inquiry, first, second)
    if not any(verdict.cause == "decay-of-gradient" for verdict in of_scales):
        # What is added in the place of a penalty has been told.
        left = [own for own in first.findings if "penalty-of-magnitudes" not in own.causes]
        verdicts += of_decays(inquiry, replace(first, findings=left), rate, at_another)
    verdicts += _of_second(inquiry, *explanations, expected)
    vacant = [f.tensor for own in explanations for f in own.findings if f.is_vacant]
    if vacant and not verdicts:
        message = (
            f"nothing is expected of {', '.join(dict.fromkeys(vacant))} with what was asked, and "
            "nothing came: that tells nothing of the gradient"
        )
        return [Verdict("gradient", UNCHECKED, message)]
    if not verdicts:
        residual = max(f.residual for f in first.findings if np.isfinite(f.residual))
        name = str(first.loss).replace("_", " ")
        message = (
            f"all {len(first.findings)} tensors are the gradient of the {name} (residual "
            f"{residual:.1g})"
        )
        is_turned = expected is not None and expected.constant < 0
        if is_turned:
            message += ", negated as the loss that is reported: right if the update adds"
        status = CONVENTION if is_turned else EQUAL
        verdicts.append(Verdict("gradient", status, message, residual=residual))
    of_loss += of_layout(inquiry, first)
    if inquiry.is_one_by_one:
        return of_loss + verdicts  # what was asked was not answered as a whole
    if first.is_right and second.is_right and first.reading in ("", TAKEN):
        note(inquiry, explanations)
    return of_loss + verdicts


def _confirmed(
    first: Explanation, second: Explanation, factors: list[Factor]
) -> tuple[Explanation, list[Factor]]:
    """Take a fault for none that is known where both batches do not show it, and as one multiple.

    With a few samples a wrong form may be a multiple of another one, by chance.
    """
    changing = [f for f in factors if f.ratio is not None and not f.ratio.causes]
    texts = {f.ratio.text for f in changing if f.ratio is not None and f.finding.causes}
    # What goes on from it changes as it does.
    chance = {f.finding.tensor for f in changing if f.ratio is not None and f.ratio.text in texts}
    findings = []
    for finding, other in zip(first.findings, second.findings, strict=True):
        text = ""
        if finding.tensor in chance:
            text = f"it is a multiple of {finding.text}, and another one with each batch"
        elif _is_refuted(finding, other):
            text = f"with one batch it is {finding.text}, and with another one it is not"
            chance.add(finding.tensor)
        unknown = replace(finding, causes=("unknown",), known=False, residual=np.inf, text=text)
        findings.append(unknown if text else finding)
    left = [factor for factor in factors if factor.finding.tensor not in chance]
    return replace(first, findings=findings), left


def _is_refuted(finding: Finding, other: Finding) -> bool:
    """Whether a fault of one batch is not that of another, where there is one, too."""
    if not finding.known or other.is_vacant or not (finding.causes and other.causes):
        return False
    return not {*finding.causes, *finding.also} & {*other.causes, *other.also}


def _of_second(
    inquiry: Inquiry, first: Explanation, second: Explanation, expected: Scale | None
) -> list[Verdict]:
    """Judge what is wrong with the gradient of the second batch alone."""
    if inquiry.subject.single or inquiry.is_one_by_one:
        return []
    alone = [
        other
        for one, other in zip(first.findings, second.findings, strict=True)
        if one.known and not one.causes and (other.causes or not other.known)
    ]
    # Its size need not be what shows it: signs of outputs may be.
    which = f"with one batch of the two, which has {len(inquiry.batches[1])} samples"
    return [
        replace(
            verdict,
            message=f"{which}: {verdict.message}",
            line=None,
        )
        for verdict in told_findings(inquiry, replace(second, findings=alone), expected, 1)
    ]


def _of_squares(inquiry: Inquiry, explanation: Explanation) -> Scale | None:
    """Return the scale of the squares whose gradient it is, if the loss is the same of roots."""
    if inquiry.reported is None or explanation.loss != "squared_error":
        return None
    name, scale = inquiry.reported
    squares = Scale(2 * scale.constant, scale.power + inquiry.subject.single)
    last = next(f for f in explanation.findings if f.tensor == f"W{len(inquiry.layers)}")
    value = squares.at(len(inquiry.batches[0]))
    is_same = abs(last.factor - value) <= max(1e-6, inquiry.tolerance) * value
    return squares if name == "euclidean_error" and is_same else None


def _not_squared() -> Verdict:
    seen = "the gradient is that of the squares, and the loss reported is the same of their roots"
    return named("loss", "loss-not-squared", seen, "loss")


# What the loss of logits has in it.
_LEFT_OUT = {"cross_entropy": "softmax", "binary_cross_entropy": "sigmoid"}


def _is_of_logits(inquiry: Inquiry) -> bool:
    return inquiry.form is not None and inquiry.form.output == "identity"


def _another_loss(inquiry: Inquiry, explanation: Explanation, loss: str) -> Verdict:
    cause = CAUSES["gradient-of-another-loss"]
    which = "declared" if loss in (inquiry.spec.loss, *inquiry.hinges) else "reported"
    delta = explanation.deltas[len(inquiry.layers) - 1]
    message = (
        f"{cause.title}: it is that of the {str(explanation.loss).replace('_', ' ')}, and the loss "
        f"{which} is {loss.replace('_', ' ')}. Look at {cause.advice}.{_also(delta.also)}"
    )
    function = _LEFT_OUT.get(loss)
    if function and explanation.loss == "squared_error" and _is_of_logits(inquiry):
        message += f" The same numbers come if {function} is left out of the backward pass."
    tensor = f"dL/dz{len(inquiry.layers)}"
    return Verdict("gradient", DIFFERS, message, tensor, "gradient-of-another-loss")
