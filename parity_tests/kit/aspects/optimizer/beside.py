"""Steps of a network that hands out its gradients besides: each is judged for itself."""

from collections.abc import Callable
from copy import copy
from dataclasses import replace

import numpy as np

from parity_tests.kit.aspects.first_steps.shares import (
    by_what_is_kept,
    expected_of,
    without_accounted,
)
from parity_tests.kit.aspects.gradient import aspect as gradient
from parity_tests.kit.aspects.gradient.negated import FOLLOWS
from parity_tests.kit.aspects.observing import observe
from parity_tests.kit.aspects.optimizer.clipped_steps import (
    of_clipped,
    of_clipped_apart,
    of_clipped_parts,
    of_clipped_rest,
)
from parity_tests.kit.aspects.optimizer.handed_shares import (
    ONCE,
    Shares,
    are_scaled_apart,
    handed_shares,
    is_handed,
    share_of_all,
    told_of_shares,
)
from parity_tests.kit.aspects.optimizer.handed_steps import by_handed, go_by_kept
from parity_tests.kit.aspects.optimizer.signs_and_decay import is_of_signs_and_decay
from parity_tests.kit.aspects.optimizer.whole_shares import (
    has_factor,
    is_of_mean,
    is_of_steps_alone,
    of_mean_and_others,
    of_share,
)
from parity_tests.kit.aspects.shrinking_gradients import lost_in_gradients
from parity_tests.kit.causes import CAUSES
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.penalties import PENALTIES, slopes_of
from parity_tests.kit.scales import Scale
from parity_tests.kit.subject.subject import Layers, SubjectError, by_name
from parity_tests.kit.verdicts import (
    CONVENTION,
    DIFFERS,
    EQUAL,
    OF_NO_OPTIMIZER,
    UNCHECKED,
    Verdict,
    named,
)

_OF_UNKNOWN = "the gradients are wrong in a way that is not known, and steps follow from them"
_ADDED_BY_STEPS = (
    "the share of the penalty is added by the training step, and not by the gradients that are "
    "handed out"
)
_OF_NONE = (
    "the forward pass is not known, and the steps are of no optimizer that is known, by the "
    "gradients that are handed out"
)
_OF_CALLS = (
    "the steps are plain ones by the gradients that are handed out, and these have something of "
    "the calls before in them: what steps keep is not the optimizer's"
)
_OF_SHRINKING = (
    "what computes the gradients takes {} away, so that steps do not start where they are asked to"
)
_OF_SIGNS = (
    f"{OF_NO_OPTIMIZER}; a first one takes the sign of each entry of the gradient, as adaptive "
    "ones do, and a share of parameters"
)
# That gradients are added up is told of the steps, too.
_SUMS = "step-of-accumulated"
OfSteps = Callable[[Inquiry, Scale | None], list[Verdict]]


def beside_gradients(inquiry: Inquiry, of_steps: OfSteps) -> list[Verdict]:
    """Judge the steps as those of a network that hands nothing out, with what is known of it.

    A fault that the gradients have as well was said of them and is not said again.

    Parameters
    ----------
    of_steps : callable
        ``f(inquiry, scale)``, which judges the steps of a network that only updates itself.
    """
    lost = lost_in_gradients(inquiry)
    if lost:
        return [Verdict("optimizer", UNCHECKED, _OF_SHRINKING.format(lost))]
    if inquiry.form is None:
        unknown = Verdict("optimizer", UNCHECKED, _OF_NONE)
        is_equal = inquiry.slopes_show in (EQUAL, CONVENTION)
        return by_handed(inquiry, is_right=is_equal) or [unknown]
    is_right = inquiry.is_gradient_known and not inquiry.is_gradient_faulty
    is_right = is_right and inquiry.gradient_scale is not None
    own = _alone(inquiry, is_right, gradients=None, backward=None)
    own.evidence.decays = inquiry.evidence.decays
    # What is said of the forward pass is no matter of steps.
    of_gradient = [
        verdict
        for verdict in gradient.examine(own)
        if verdict.aspect != "forward" and verdict.cause != "forward-transposed"
    ]
    of_penalty = _of_penalty(inquiry, own, of_gradient)
    found = of_steps(own, inquiry.gradient_scale if is_right else None)
    left = [verdict for verdict in found if verdict.aspect == "gradient"]
    found = [verdict for verdict in found if verdict.aspect != "gradient"]
    if any(v.status == DIFFERS and v.cause != _SUMS for v in found) and go_by_kept(inquiry):
        return [Verdict("optimizer", UNCHECKED, _OF_CALLS)]
    is_blamed = any(v.status == DIFFERS and not v.cause for v in found)
    is_of_unknown = not inquiry.is_gradient_known and is_blamed
    # Adaptive steps hide factors of some tensors: by right gradients they are of no formula.
    is_apart = is_right and own.is_entrywise and are_scaled_apart(inquiry)
    is_open = is_blamed and (is_apart or not is_right)
    if is_open or all(v.aspect == "optimizer" and v.status == UNCHECKED for v in found):
        is_plain = inquiry.penalty is None and inquiry.spec.weight_decay is None
        is_added = bool(inquiry.evidence.decays)
        is_whole = is_right and (is_plain or is_added) and not is_apart
        # Right ones without anything added are those by which steps have just been recomputed.
        is_other = not is_whole or is_added
        if is_other and (by_gradients := by_handed(inquiry, is_right=is_whole)):
            return by_gradients + of_penalty
    if is_of_unknown:
        return [Verdict("optimizer", UNCHECKED, _OF_UNKNOWN)]
    found += of_penalty
    tolerance = 10 * inquiry.tolerance
    try:
        pairs = _pairs(inquiry, own)
        if is_handed(pairs, tolerance):
            return found
        is_known = any(v.cause or v.status in (EQUAL, CONVENTION) for v in found)
        # Of steps whose gradient is another one it may only be known what they keep.
        is_known &= not any(v.status == DIFFERS for v in of_gradient)
        # Nor by which gradient they are, where it is right by its slopes alone.
        is_by_slopes = inquiry.slopes_show in (EQUAL, CONVENTION)
        is_known &= inquiry.is_gradient_known or not is_by_slopes
        if not any(v.cause for v in found) and (apart := of_clipped_apart(of_gradient)):
            return [apart]
        if not is_known and (clipped := of_clipped(pairs, tolerance)):
            return [clipped]
        if is_by_slopes and not is_known and (clipped := of_clipped_parts(pairs, tolerance)):
            return [clipped]
    except SubjectError as error:
        return [Verdict("optimizer", UNCHECKED, str(error))]
    is_told = any(v.cause or v.status in (EQUAL, CONVENTION) for v in found)
    is_unnamed = is_right and not is_told
    if is_unnamed and pairs and all(is_of_signs_and_decay(inquiry.layers, *pair) for pair in pairs):
        return [Verdict("optimizer", UNCHECKED, _OF_SIGNS)]
    if is_unnamed and own.share_of_steps == 1:
        found = _with_own_share(inquiry, own, pairs, found)
    kept = without_accounted(own, of_gradient, left)
    kept = [verdict for verdict in kept if not _is_told(inquiry, verdict)]
    kept = [verdict for verdict in kept if verdict.status in (DIFFERS, CONVENTION)]
    if any(is_handed(pairs, tolerance, times) for times in (-1.0, own.share_of_steps)):
        # The penalty in such steps is that of what is handed out, and was told of it.
        kept = [verdict for verdict in kept if not is_of_steps_alone(verdict)]
    if own.share_of_steps != 1 and is_handed(pairs, tolerance, own.share_of_steps):
        # The optimizer takes that share of all that is handed out, whatever that is.
        kept = []
    shares: Shares = {}
    if any(not is_of_steps_alone(verdict) for verdict in kept):
        shares = handed_shares(pairs, tolerance, inquiry.layers)
    share = share_of_all(shares, [len(batch) for batch in inquiry.batches])
    whole: list[Verdict] = []
    # A factor that only some tensors have is that of what is handed out, too.
    is_of_handed = not is_right or has_factor(inquiry) or any(map(_is_of_some, kept))
    if share is not None and (is_of_handed or is_of_mean(inquiry, share)):
        # What is wrong with a multiple of what is handed out was said of that.
        kept = [verdict for verdict in kept if verdict in left or is_of_steps_alone(verdict)]
        # Of what the optimizer accounts for, as the share of an average, the rest is left.
        accounted = own.steps_explain in ("factor", "factors", "gradient")
        is_left = not accounted and own.first_share is None
        whole = of_share(inquiry, by_what_is_kept(own, share, ONCE)) if is_left else []
    elif shares and is_right and (whole := of_mean_and_others(inquiry, shares)):
        kept = [verdict for verdict in kept if is_of_steps_alone(verdict)]
    of_rule = own.share_of_steps
    shares = {name: [value / of_rule for value in values] for name, values in shares.items()}
    told = _of_steps(inquiry, is_right, kept, shares)
    if any(verdict.cause in ("decay-not-scaled", "decay-after-step") for verdict in found):
        told = [verdict for verdict in told if verdict.cause != "weight-decay"]
    if inquiry.gradient_loss == own.gradient_loss:
        # That it is another one than reported was said of the gradients.
        told = [verdict for verdict in told if verdict.cause != "gradient-of-another-loss"]
    if not is_right:
        # What the gradients have as well, or what is not known, was said of those.
        of_handed = gradient.examine(_alone(inquiry, is_right))
        again = {verdict.cause for verdict in of_handed if verdict.status != EQUAL}
        again |= set() if is_by_slopes else {None}
        told = [verdict for verdict in told if verdict.cause not in again]
    if any(verdict.cause == "not-updated" for verdict in told):
        clipped = of_clipped_rest(pairs, tolerance)
        if clipped is not None:
            told = [verdict for verdict in told if verdict.cause is not None] + [clipped]
    told += whole
    if any(verdict.status == DIFFERS for verdict in told):
        differing = [v for v in found if v.status in (DIFFERS, CONVENTION)]
        return _with_first_step(told, differing or found)
    return found + told


def _with_own_share(
    inquiry: Inquiry, own: Inquiry, pairs: list[tuple[Layers, Layers]], found: list[Verdict]
) -> list[Verdict]:
    """Say of steps of no known formula how many times the first takes right gradients.

    What they add of the parameters is as many times as much, too.
    """
    shares = handed_shares(pairs, 10 * inquiry.tolerance, inquiry.layers)
    share = share_of_all(shares, [len(batch) for batch in inquiry.batches])
    is_described = any(_DESCRIBED in v.message for v in found if v.status == UNCHECKED)
    if share is None or share.is_near(ONCE) or share.power or not is_described:
        return found
    own.share_of_steps = share.constant
    told = f"a first step takes {share.constant:.6g} x the gradient that is handed out"
    return [
        replace(v, message=f"{told}; {v.message}{_OF_FIRST}") if _DESCRIBED in v.message else v
        for v in found
    ]


def _with_first_step(told: list[Verdict], found: list[Verdict]) -> list[Verdict]:
    """Return what was said of a first step, and of all steps, without what goes for one alone.

    Where later steps are of no known formula, they are not the same multiple of what was expected.
    """
    is_open = all(v.status == UNCHECKED for v in found)
    unnamed = next((v for v in found if v.cause is None and (is_open or v.status == DIFFERS)), None)
    scaled = [v for v in told if v.cause == "step-scaled"]
    if unnamed is None or not scaled:
        return told + [v for v in found if v.status in (DIFFERS, CONVENTION)]
    message = (
        f"a first step takes {scaled[0].factor:.6g} x the gradient expected; {unnamed.message}"
        f"{_OF_FIRST if _DESCRIBED in unnamed.message else ''}"
    )
    others = [verdict for verdict in told if verdict.cause != "step-scaled"]
    return [*others, *(replace(v, message=message) if v is unnamed else v for v in found)]


def _alone(inquiry: Inquiry, is_right: bool, **declared: None) -> Inquiry:
    """Return another inquiry about the same network, of which something is not declared."""
    subject = copy(inquiry.subject)
    subject.network = replace(subject.network, **declared)
    names = (
        *("is_loss_unknown", "is_float32", "penalty", "smoothing", "tolerance", "form"),
        *("guard_of_loss", "guard", "steps_tolerance", "loss_begins"),
    )
    told = {name: getattr(inquiry, name) for name in names}
    reported = inquiry.reported
    scale = inquiry.gradient_scale
    if reported is None and expected_of(inquiry) is None and is_right and scale is not None:
        # Nothing but the gradients says what is meant. Those of single samples are means.
        power = scale.power - 1 if subject.single else scale.power
        # One that points the other way may be meant; a step goes down all the same.
        reported = str(inquiry.gradient_loss), Scale(abs(scale.constant), power)
    spec = inquiry.spec
    if is_right and scale is not None and _is_of_another(inquiry):
        # That was said of the gradients: steps are held to the loss whose gradients they are.
        reported = str(inquiry.gradient_loss), scale
        spec = replace(spec, loss=None, scale=None)
    asked = (subject, spec, inquiry.rng, inquiry.layers, inquiry.batches)
    told["handed_scale"] = scale if is_right else None
    return Inquiry(*asked, reported=reported, is_beside=True, **told)


def _is_of_another(inquiry: Inquiry) -> bool:
    """Whether gradients handed out are those of another loss than is declared or reported."""
    meant = {inquiry.spec.loss, inquiry.reported and inquiry.reported[0]} - {None}
    return bool(meant) and inquiry.gradient_loss not in meant


def _pairs(inquiry: Inquiry, own: Inquiry) -> list[tuple[Layers, Layers]]:
    """Return the gradients that are handed out, and those that first steps show."""
    return [
        (answer.gradients, observe(own, batch)[0])
        for answer, batch in zip(inquiry.evidence.answers, inquiry.batches, strict=True)
        if answer.gradients is not None
    ]


# Steps that are described, and what they are multiples of.
_DESCRIBED = "Step 3 is"
_OF_FIRST = ", with what a first step takes for g"


def _of_steps(
    inquiry: Inquiry, is_right: bool, kept: list[Verdict], shares: Shares
) -> list[Verdict]:
    """Return what was said of the gradient that steps show as said of the steps.

    A factor of some tensors may be that of what is handed out: it is told by what steps make of it.
    """
    samples = [len(batch) for batch in inquiry.batches]
    seen = told_of_shares(shares, samples, inquiry.subject.sizes)
    by_handed_out = [v for v in kept if _is_of_some(v) and seen and not _is_of_step(v, shares)]
    of_handed = gradient.examine(_alone(inquiry, is_right)) if by_handed_out else []
    told = []
    for verdict in kept:
        if verdict not in by_handed_out:
            told.append(_of_step(inquiry, verdict))
        elif not any(_is_same(verdict, other) for other in of_handed):
            message = f"{seen}: {verdict.message}"
            told.append(replace(verdict, aspect="optimizer", message=message))
    return told


def _is_same(one: Verdict, other: Verdict) -> bool:
    """Whether both say the same factor of the same tensor, by the same cause."""
    if (one.cause, one.tensor) != (other.cause, other.tensor) or one.factor is None:
        return False
    return other.factor is not None and abs(one.factor - other.factor) <= 1e-6 * abs(one.factor)


def _is_of_some(verdict: Verdict) -> bool:
    return verdict.factor is not None and not _is_of_all(verdict)


def _is_of_step(verdict: Verdict, shares: Shares) -> bool:
    """Whether the step has the factor of a tensor that what is handed out has not."""
    share, _ = shares[str(verdict.tensor)]
    return abs(share - (verdict.factor or 0.0)) <= 1e-6 * abs(share)


def _of_penalty(inquiry: Inquiry, own: Inquiry, of_gradient: list[Verdict]) -> list[Verdict]:
    """Return that steps add the share of a penalty, if they show it as it is meant.

    Parameters
    ----------
    own : Inquiry
        About the gradient that steps show.
    of_gradient : list of Verdict
        What is said of that.
    """
    is_penalized = inquiry.penalty is not None or bool(inquiry.spec.weight_decay)
    is_shown = own.is_gradient_known and all(map(_is_of_data, of_gradient))
    if not (is_penalized and (is_shown or _is_added(inquiry, own))):
        return []
    inquiry.steps_explain = "penalty"
    return [Verdict("gradient", CONVENTION, _ADDED_BY_STEPS, None, "weight-decay")]


def _is_added(inquiry: Inquiry, own: Inquiry) -> bool:
    """Whether first steps are the gradients handed out and the share of the penalty of the loss."""
    penalty, values = inquiry.penalty, by_name(inquiry.layers)
    if penalty is None:
        return False
    try:
        pairs = _pairs(inquiry, own)
    except SubjectError:
        return False
    tolerance = 10 * inquiry.tolerance
    for handed, taken in pairs:
        came = by_name(taken)
        for name, data in by_name(handed).items():
            shares = slopes_of(penalty.of(name)).items()
            whole = data + sum(c * PENALTIES[kind].slope(values[name]) for kind, c in shares)
            if whole.shape != came[name].shape:
                return False
            if not np.linalg.norm(came[name] - whole) <= tolerance * np.linalg.norm(whole):
                return False
    return bool(pairs)


def _is_of_data(verdict: Verdict) -> bool:
    """Whether what is said of a gradient leaves its penalty as it is meant."""
    is_factor = verdict.factor is not None and _is_of_all(verdict)
    return verdict.status in (EQUAL, CONVENTION) or (is_factor and not is_of_steps_alone(verdict))


def _is_told(inquiry: Inquiry, verdict: Verdict) -> bool:
    """Whether a factor of all tensors is that of the gradients that are handed out."""
    scale, expected = inquiry.gradient_scale, expected_of(inquiry)
    if verdict.factor is None or scale is None or expected is None or not _is_of_all(verdict):
        return False
    if inquiry.subject.single:
        expected = Scale(expected.constant, expected.power + 1)
    samples = len(inquiry.batches[0])
    factor = scale.at(samples) / expected.at(samples)
    # Of a gradient that is negated besides, a step may have made up for the rest.
    told = (factor, -1.0) if factor < 0 else (factor,)
    return abs(factor - 1) > 1e-6 and any(
        abs(verdict.factor - own) <= 1e-6 * abs(own) for own in told
    )


def _is_of_all(verdict: Verdict) -> bool:
    return verdict.tensor is None or verdict.tensor.startswith("dL/dz")


def _of_step(inquiry: Inquiry, verdict: Verdict) -> Verdict:
    """Return what was said of the gradient that steps show as said of the steps."""
    cause = str(verdict.cause)
    of_all = _is_of_all(verdict)
    if cause == "sign" and of_all:
        seen = f"a first step takes {verdict.factor:.6g} x the gradient expected"
        turned = named("optimizer", "step-sign", seen, None, verdict.factor, verdict.residual)
        follows = FOLLOWS if FOLLOWS in verdict.message else ""
        return replace(turned, message=turned.message + follows)
    if of_all and verdict.factor is not None and cause.startswith(("factor", "loss-log")):
        samples = len(inquiry.batches[0])
        is_sum = any(abs(verdict.factor * n - 1) <= 1e-6 for n in (samples, 1 / samples))
        if is_sum and expected_of(inquiry) is None:
            message = (
                f"a first step takes {verdict.factor:.6g} x the gradient handed out, with a batch "
                f"of {samples}. No loss says which is meant: sum or mean may be its convention."
            )
            return Verdict("optimizer", CONVENTION, message, None, cause, verdict.factor)
        if verdict.status == CONVENTION:
            message = f"of a first step, {verdict.message}"
            return replace(verdict, aspect="optimizer", message=message)
        why = CAUSES[cause].title
        told = f"a first step takes {verdict.factor:.6g} x the gradient expected: {why}"
        return named("optimizer", "step-scaled", told, None, verdict.factor, verdict.residual)
    told = verdict.message
    if cause.startswith("factor") or cause == "bias-scaled":
        told = f"{verdict.account}. Look at what the step multiplies with."
    # What is wrong with gradients that differ for an unknown reason may be just that.
    is_known = inquiry.is_gradient_known or inquiry.slopes_show in (EQUAL, CONVENTION)
    where = "in the step, not in the gradients beside it" if is_known else "in the step"
    return replace(verdict, aspect="optimizer", message=f"{where}: {told}")
