"""The gradient of a hinge where some margins are kept, as they need not be by usual parameters."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from parity_tests.kit.aspects.gradient.elsewhere import explained_by
from parity_tests.kit.aspects.gradient.mixed_margins import terms_of, with_mixed_margins
from parity_tests.kit.aspects.gradient.told_findings import told_findings
from parity_tests.kit.backprop.findings import Explanation, Finding
from parity_tests.kit.forward import run
from parity_tests.kit.inquiry import CLOSE, Inquiry
from parity_tests.kit.scales import NEAR
from parity_tests.kit.subject.subject import SubjectError
from parity_tests.kit.verdicts import DIFFERS, Verdict

# By how many parameters a gradient is asked, by how many at most, and how many have to tell of the
# same fault: by one set of them a fault may have the numbers of another one.
_PLACES, _MOST, _SEEN = 4, 8, 2
_KEPT = "with larger outputs, by which some margins are kept:"
_NOTHING = "not-updated"


@dataclass(frozen=True)
class _Place:
    """How a gradient is explained by some parameters, where a hinge has these terms.

    `reported` is the network's own loss there, None if it hands out none.
    """

    explanation: Explanation
    terms: np.ndarray
    reported: float | None


def of_kept_margins(inquiry: Inquiry, hinge: str, *, named_alone: bool = False) -> list[Verdict]:
    """Return what is wrong where margins are kept.

    Parameters
    ----------
    hinge : str
        The hinge that is meant.
    named_alone : bool, default False
        Whether nothing is said of a gradient that is wrong without a known cause.
    """
    if inquiry.is_one_by_one:
        return []  # a step on a batch is no gradient of it
    places: list[_Place] = []
    for asked in range(_MOST):
        if asked >= _PLACES and len(_wrong(places)) != 1:
            break
        place = _asked(inquiry, hinge)
        if place is not None:
            places.append(place)
    wrong = _wrong(places)
    if not _is_of_hinge(inquiry, places) or len(places) < _PLACES:
        return []
    if not wrong:
        return _of_divisor(inquiry, places)
    told = [own for own in wrong if not _is_of_nothing(own)] or wrong
    common = _in_common(told) if len(told) >= _SEEN else None
    if common is None and (named_alone or not _is_surely_wrong(inquiry, told)):
        return []
    if common is None:
        unknown = next((own for own in told if not own.known), None)
        common = unknown or _as_unknown(told[0])
    else:
        inquiry.is_gradient_known = True
    inquiry.is_gradient_faulty = True
    inquiry.gradient_loss = hinge
    found = told_findings(inquiry, common, None)
    return [replace(own, message=f"{_KEPT} {own.message}", line=None) for own in found]


def _asked(inquiry: Inquiry, hinge: str) -> _Place | None:
    """Explain the gradient by parameters that are drawn; None where that tells nothing."""
    if inquiry.is_given or inquiry.form is None:
        return None
    batch, subject = inquiry.batches[0], inquiry.subject
    layers = with_mixed_margins(subject, inquiry.form, hinge, batch, inquiry.rng)
    explanation = explained_by(inquiry, layers, hinge)
    if explanation is None or any(own.is_vacant for own in explanation.findings):
        return None
    terms = terms_of(hinge, run(inquiry.form, layers, batch.inputs).output, batch.targets)
    if not terms.any():
        return None
    reported = None
    if subject.network.loss is not None:
        with inquiry.elsewhere():
            try:
                subject.begin(layers)
                reported = subject.loss_of_pass(batch)
            except SubjectError:
                return None
    return _Place(explanation, terms, reported)


def _wrong(places: Sequence[_Place]) -> list[Explanation]:
    return [place.explanation for place in places if not place.explanation.is_right]


def _is_of_hinge(inquiry: Inquiry, places: Sequence[_Place]) -> bool:
    """Whether a loss that is reported is the same multiple of the hinge by all parameters.

    By usual ones, where no margin is kept, others may have its values. What a penalty adds is none
    of it.
    """
    if inquiry.penalty is not None:
        return True
    shares = [
        place.reported / float(place.terms.sum()) for place in places if place.reported is not None
    ]
    return not shares or bool(np.ptp(shares) <= NEAR * np.abs(shares).max())


def _is_of_nothing(explanation: Explanation) -> bool:
    return all(own.causes == (_NOTHING,) for own in explanation.findings)


def _is_surely_wrong(inquiry: Inquiry, told: Sequence[Explanation]) -> bool:
    """Whether more is wrong than rounding, or a bias of one number alone, may make of it."""
    if inquiry.tolerance >= CLOSE:
        return False
    off = [any(_is_off(own) for own in explanation.findings) for explanation in told]
    return sum(off) >= _SEEN


def _is_off(finding: Finding) -> bool:
    return finding.tensor.startswith("W") and (bool(finding.causes) or not finding.known)


def _in_common(told: Sequence[Explanation]) -> Explanation | None:
    """Return an explanation whose causes are, or may be, those of all others; None if none is."""
    for own in told:
        others = [other for other in told if other is not own]
        findings = [
            _shared(finding, [other.findings[n] for other in others])
            for n, finding in enumerate(own.findings)
        ]
        kept = [finding for finding in findings if finding is not None]
        if len(kept) == len(findings):
            return replace(own, findings=kept)
    return None


def _shared(finding: Finding, others: Sequence[Finding]) -> Finding | None:
    if not finding.known:
        return None
    for other in others:
        seen = {*other.causes, *other.also}
        if not other.known or bool(other.causes) != bool(finding.causes):
            return None
        if not set(finding.causes) <= seen:
            return None
    also = [c for c in finding.also if all(c in (*own.causes, *own.also) for own in others)]
    return replace(finding, also=also)


def _as_unknown(explanation: Explanation) -> Explanation:
    """Take a fault for none that is known where other parameters do not show the same one."""
    findings = []
    for own in explanation.findings:
        text = f"with some parameters it is {own.text}, and with others it is not"
        unknown = replace(own, causes=("unknown",), known=False, residual=np.inf, text=text)
        findings.append(unknown if own.causes else own)
    return replace(explanation, findings=findings)


def _of_divisor(inquiry: Inquiry, places: Sequence[_Place]) -> list[Verdict]:
    """Return that a gradient is divided by how many margins are missed, and its loss is not."""
    last = f"W{len(inquiry.layers)}"
    factors = np.array(
        [
            next(own.factor for own in place.explanation.findings if own.tensor == last)
            for place in places
        ]
    )
    is_told = inquiry.spec.loss is not None or bool(inquiry.hinges)
    is_told |= all(place.reported is not None for place in places) and inquiry.penalty is None
    if not is_told or np.ptp(factors) <= NEAR * np.abs(factors).max():
        return []
    missed = [place.terms > 0 for place in places]
    for counts, which in (
        ([own.any(axis=1).sum() for own in missed], "samples that miss a margin"),
        ([own.sum() for own in missed], "margins that are missed"),
    ):
        sizes = factors * np.array(counts)
        if np.ptp(sizes) <= NEAR * np.abs(sizes).max():
            inquiry.is_gradient_faulty = True
            message = (
                f"{_KEPT} it is divided by the number of {which}, and the loss is not: the "
                "gradient of a batch is the larger, the fewer they are"
            )
            return [Verdict("gradient", DIFFERS, message, last)]
    return []
