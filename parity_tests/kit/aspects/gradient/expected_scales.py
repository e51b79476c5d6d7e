"""The scale that a gradient should have, by what is declared and by the loss reported."""

from dataclasses import replace

from parity_tests.kit.aspects.log_bases import held_to
from parity_tests.kit.aspects.loss.aspect import declared_scale
from parity_tests.kit.backprop.findings import Explanation, Finding
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.scales import ROUGH, Scale


def expected_scale(inquiry: Inquiry, explanation: Explanation, another: bool) -> Scale | None:
    """Return the scale that the gradient should have, if anything says it.

    Parameters
    ----------
    another : bool
        Whether it is that of another loss than is meant, for which only the reduction is declared.
    """
    single = inquiry.subject.single
    if another:
        declared = _reduction(inquiry, explanation)
    else:
        declared = declared_scale(inquiry.spec, inquiry.subject.outputs, explanation.loss)
    if declared is not None:
        return Scale(declared.constant, 1) if single or inquiry.is_one_by_one else declared
    if inquiry.reported is None:
        return None
    samples = len(inquiry.batches[0])
    own = _of_last(inquiry, explanation).factor
    name, scale = held_to(inquiry.reported, own, samples, inquiry.subject.sizes)
    if inquiry.is_one_by_one:
        # Each step is of one sample, whether the loss of a batch is a sum or a mean.
        scale = Scale(scale.constant, 1)
    elif single:
        scale = Scale(scale.constant, scale.power + 1)
    if another:
        return _divided_alike(inquiry, explanation, name, scale)
    return scale if name == explanation.loss else None


def _of_last(inquiry: Inquiry, explanation: Explanation) -> Finding:
    """Return what was found of the last matrix, which has what the loss has."""
    return next(f for f in explanation.findings if f.tensor == f"W{len(inquiry.layers)}")


def _divided_alike(
    inquiry: Inquiry, explanation: Explanation, reported: str, scale: Scale
) -> Scale | None:
    """Return the scale of the loss reported, if the gradient of another one has it.

    Both are means over the samples, or over all entries; nothing says whether half of squares is
    meant.
    """
    last = _of_last(inquiry, explanation)
    halves = (1.0, 0.5, 2.0) if "squared_error" in (reported, explanation.loss) else (1.0,)
    alike = (Scale(half * scale.constant, scale.power) for half in halves)
    samples = len(inquiry.batches[0])
    return next((own for own in alike if abs(last.factor / own.at(samples) - 1) <= ROUGH), None)


def _reduction(inquiry: Inquiry, explanation: Explanation) -> Scale | None:
    """Return the declared sum or mean of another loss; a half in front of it is that of squares."""
    spec = inquiry.spec
    if spec.scale is None:
        return None
    plain = replace(spec, scale=spec.scale.removeprefix("half "))
    whole = declared_scale(plain, inquiry.subject.outputs, explanation.loss)
    if whole is None or explanation.loss != "squared_error":
        return whole
    # Nothing says whether half of the squares is meant.
    last = _of_last(inquiry, explanation)
    is_whole = abs(last.factor / whole.at(len(inquiry.batches[0])) - 1) <= ROUGH
    return whole if is_whole else Scale(whole.constant / 2, whole.power)
