"""What is said of a gradient that could be reproduced, whole or in part."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

import numpy as np

from parity_tests.kit.aspects.descent_on_mean import are_on_mean, mean_of, of_mean
from parity_tests.kit.aspects.first_steps.second_rates import (
    note_rates,
    of_second_rate,
    without_second_rate,
)
from parity_tests.kit.aspects.gradient.account import forget
from parity_tests.kit.aspects.gradient.by_share import decays_by_share, of_numbers
from parity_tests.kit.aspects.gradient.confirmed import confirmed
from parity_tests.kit.aspects.gradient.decay_signs import direction_of
from parity_tests.kit.aspects.gradient.decayed_matrices import of_decayed_matrices
from parity_tests.kit.aspects.gradient.elsewhere import is_last_elsewhere
from parity_tests.kit.aspects.gradient.expected_scales import expected_scale
from parity_tests.kit.aspects.gradient.formula_factors import with_formulas
from parity_tests.kit.aspects.gradient.limited_together import of_limited_together
from parity_tests.kit.aspects.gradient.meant_loss import without_factor
from parity_tests.kit.aspects.gradient.measured_factors import Factor, factors_of
from parity_tests.kit.aspects.gradient.normed import are_of_one_norm, of_limited, of_norms
from parity_tests.kit.aspects.gradient.noted import note
from parity_tests.kit.aspects.gradient.readings import (
    AS_DECLARED,
    LEFT_OUT,
    NOT_PASSED_ON,
    TAKEN,
    explained,
    of_layout,
    of_reading,
)
from parity_tests.kit.aspects.gradient.relative_factors import of_relative_factors
from parity_tests.kit.aspects.gradient.shared_factors import shared_scale
from parity_tests.kit.aspects.gradient.told_findings import also_of, edges, told_findings
from parity_tests.kit.aspects.gradient.two_updates import with_two_updates
from parity_tests.kit.aspects.observing import RATES, is_inferred, observe
from parity_tests.kit.aspects.walks import losses_at
from parity_tests.kit.backprop.findings import Explanation
from parity_tests.kit.causes import CAUSES
from parity_tests.kit.inquiry import CLOSE, Inquiry
from parity_tests.kit.losses import OF_SIGNS
from parity_tests.kit.scales import MEAN, NEAR, Scale
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, UNCHECKED, Verdict, named

_OF_SOME = (
    "not the gradient of the {}; with some parameters it is that of the {}, and with others it is "
    "not. The cause is unknown. Look at what is clipped."
)
_OF_SQUARES = (
    "the gradient is that of the squares, and the loss reported is the same of their roots"
)
# What the loss of logits has in it.
_LEFT_OUT = {"cross_entropy": "softmax", "binary_cross_entropy": "sigmoid"}


def judged(inquiry: Inquiry, explanations: list[Explanation], loss: str | None) -> list[Verdict]:
    """Return what is said of the gradients of two batches, and note what they were taken for.

    Parameters
    ----------
    explanations : list of Explanation
        What both were found to be.
    loss : str or None
        The loss whose gradient they are meant to be.
    """
    explanations = without_factor(inquiry, explanations, loss)
    first, second = explanations
    _note_what_is_known(inquiry, first)
    # Where the one reported is not the one declared, that was said of the loss.
    reported = inquiry.reported and inquiry.reported[0]
    another = loss is not None and first.loss not in (None, loss, reported)
    expected = expected_scale(inquiry, first, another)
    of_loss: list[Verdict] = []
    verdicts: list[Verdict] = []
    if another and not first.deltas[len(inquiry.layers) - 1].causes:
        if first.loss in OF_SIGNS and not is_last_elsewhere(inquiry, first):
            return [_of_some(inquiry, first, loss)]
        squares = _of_squares(inquiry, first)
        if squares is None:
            verdicts.append(of_another_loss(inquiry, first, str(loss)))
        else:
            of_loss.append(named("loss", "loss-not-squared", _OF_SQUARES, "loss"))
            expected = squares
    rate = (inquiry.subject.network.lr or RATES[0]) if is_inferred(inquiry) else None
    decayed: set[str] = set()
    at_rate = _at_rates(inquiry, first.sample, loss, decayed)
    of_rate: list[Verdict] = []
    if rate is not None:
        explanations = [with_two_updates(own, rate) for own in explanations]
        decayed |= note_rates(inquiry, rate, at_rate)
        first, second = (without_second_rate(inquiry, own, rate, decayed) for own in explanations)
        of_rate = of_second_rate(inquiry, first.findings)
    unit = expected or MEAN
    factors = _factors(inquiry, first, second, unit)
    mean = mean_of(inquiry, expected)
    is_on_mean = mean is not None and are_on_mean(factors)
    if mean is not None and is_on_mean:
        unit = expected = mean
        factors = _factors(inquiry, first, second, unit)
    inquiry.is_gradient_faulty |= first.known and _is_changing(inquiry, factors)
    told, factors = confirmed(*explanations, factors)
    told, factors = with_formulas(told, factors, unit)
    verdicts += of_reading(inquiry, first) + told_findings(inquiry, told, expected) + of_rate
    weights = [f for f in factors if f.finding.tensor.startswith("W")]
    if weights:
        inquiry.gradient_scale = shared_scale(inquiry, factors, unit) or weights[0].scale
    of_limit, below = of_limited_together(inquiry, factors, unit, loss)
    factors = below if of_limit else factors
    of_scales = of_limit + (
        _of_norms(inquiry, factors, unit)
        or of_decayed_matrices(inquiry, first, factors, unit, rate)
        or of_numbers(inquiry, first, factors, expected)
    )
    verdicts += of_scales + of_relative_factors(inquiry, first, second)
    if not any(verdict.cause == "decay-of-gradient" for verdict in of_scales):
        # What is added in the place of a penalty has been told.
        left = [own for own in first.findings if "penalty-of-magnitudes" not in own.causes]
        direction = direction_of(inquiry, expected, of_scales)
        rest = replace(first, findings=left)
        verdicts += decays_by_share(inquiry, rest, rate, at_rate, direction)
    verdicts += _of_second(inquiry, *explanations, expected)
    vacant = [] if verdicts else _of_vacant(explanations)
    if vacant:
        return vacant
    verdicts = verdicts or ([] if is_on_mean else [_of_all(first, expected)])
    if is_on_mean:
        verdicts.append(of_mean(inquiry))
    of_loss += of_layout(inquiry, first)
    # One by one, what was asked was not answered as a whole.
    is_right = first.is_right and second.is_right and first.reading in ("", TAKEN)
    if is_right and not inquiry.is_one_by_one:
        note(inquiry, explanations)
    return of_loss + verdicts


def _factors(
    inquiry: Inquiry, first: Explanation, second: Explanation, unit: Scale
) -> list[Factor]:
    """Return factors over what is expected, of the tensors whose steps go with the rate."""
    found = factors_of(inquiry, first, second, unit)
    return [own for own in found if own.finding.tensor not in inquiry.without_rate]


def _note_what_is_known(inquiry: Inquiry, first: Explanation) -> None:
    # The nearest of what is not known may be of a softmax that one output has not.
    is_possible = first.known or first.loss in losses_at(inquiry)
    inquiry.gradient_loss = first.loss if is_possible else None
    if first.known:
        delta = first.deltas[len(inquiry.layers) - 1]
        inquiry.guard, inquiry.loss_begins = delta.guard, delta.begins
        # What is known to some digits only is no measure for more of them.
        residual = max(finding.residual for finding in first.findings)
        inquiry.steps_tolerance = CLOSE if residual > inquiry.tolerance else inquiry.tolerance
    inquiry.is_gradient_known = first.known
    inquiry.is_gradient_unturned = first.reading == LEFT_OUT
    inquiry.is_gradient_faulty = first.known and (
        first.reading in (AS_DECLARED, NOT_PASSED_ON) or any(f.causes for f in first.findings)
    )
    inquiry.edges += edges(first, len(inquiry.layers))


def _at_rates(
    inquiry: Inquiry, sample: int, loss: str | None, decayed: Collection[str]
) -> Callable[[float], Explanation]:
    """Return a function of a learning rate: what steps on the first batch are, without it.

    Parameters
    ----------
    sample : int
        Which one of the batch is asked, where steps are taken one by one.
    decayed : collection of str
        As of `without_second_rate`; what is put there later counts, too.
    """

    def at_rate(rate: float) -> Explanation:
        batch = inquiry.batches[0]
        if inquiry.is_one_by_one:
            batch = batch.part(slice(sample, sample + 1))
        own = explained(inquiry, batch, *observe(inquiry, batch, rate), loss)
        return without_second_rate(inquiry, with_two_updates(own, rate), rate, decayed)

    return at_rate


def _is_changing(inquiry: Inquiry, factors: Sequence[Factor]) -> bool:
    """Whether steps are by what has another factor with each batch, which no gradient has.

    Those of an optimizer that has one number for each array may be.
    """
    seen = [answer.gradients for answer in inquiry.evidence.answers]
    is_changing = any(f.ratio is not None and f.scale is None for f in factors)
    return is_changing and not are_of_one_norm([own for own in seen if own is not None])


def _of_some(inquiry: Inquiry, first: Explanation, loss: str | None) -> Verdict:
    """Return that a gradient is that of another loss by some parameters alone."""
    tensor = f"dL/dz{len(inquiry.layers)}"
    of_some = _OF_SOME.format(str(loss), first.loss).replace("_", " ")
    forget(inquiry)
    inquiry.is_gradient_faulty = True
    return Verdict("gradient", DIFFERS, f"{tensor}: {of_some}", tensor)


def _of_vacant(explanations: Sequence[Explanation]) -> list[Verdict]:
    """Return that nothing came where nothing is expected, if that is all that is wrong."""
    vacant = [f.tensor for own in explanations for f in own.findings if f.is_vacant]
    if not vacant:
        return []
    message = (
        f"nothing is expected of {', '.join(dict.fromkeys(vacant))} with what was asked, and "
        "nothing came: that tells nothing of the gradient"
    )
    return [Verdict("gradient", UNCHECKED, message)]


def _of_all(first: Explanation, expected: Scale | None) -> Verdict:
    """Return that all tensors are the gradient."""
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
    return Verdict("gradient", status, message, residual=residual)


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


def is_of_logits(inquiry: Inquiry) -> bool:
    """Whether the network puts out its last pre-activations."""
    return inquiry.form is not None and inquiry.form.output == "identity"


def of_another_loss(inquiry: Inquiry, explanation: Explanation, loss: str) -> Verdict:
    """Return that a gradient is that of a loss which is not the one declared or reported."""
    cause = CAUSES["gradient-of-another-loss"]
    which = "declared" if loss in (inquiry.spec.loss, *inquiry.hinges) else "reported"
    delta = explanation.deltas[len(inquiry.layers) - 1]
    # Of two thresholds neither goes without saying.
    of_one = explanation.loss == "huber" and inquiry.huber_reported not in (0, 1)
    threshold = " with a threshold of 1" if of_one else ""
    own = f"{str(explanation.loss).replace('_', ' ')}{threshold}"
    message = (
        f"{cause.title}: it is that of the {own}, and the loss "
        f"{which} is {loss.replace('_', ' ')}. Look at {cause.advice}.{also_of(delta.also)}"
    )
    function = _LEFT_OUT.get(loss)
    if function and explanation.loss == "squared_error" and is_of_logits(inquiry):
        message += f" The same numbers come if {function} is left out of the backward pass."
    tensor = f"dL/dz{len(inquiry.layers)}"
    return Verdict("gradient", DIFFERS, message, tensor, "gradient-of-another-loss")
