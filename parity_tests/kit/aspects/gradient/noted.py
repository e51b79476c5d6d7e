"""What is noted of a right gradient, for an arbiter to hold it against."""

from collections.abc import Sequence

from parity_tests.kit.backprop.findings import Explanation
from parity_tests.kit.candidates.outputs import right_deltas
from parity_tests.kit.fitting import fit
from parity_tests.kit.forward import run
from parity_tests.kit.inquiry import CLOSE, Inquiry


def note(inquiry: Inquiry, explanations: Sequence[Explanation]) -> None:
    """Note loss, factors and penalties of a gradient that is right on both batches.

    Parameters
    ----------
    explanations : sequence of two Explanation
        As it is observed.
    """
    first, last = explanations[0], len(inquiry.layers) - 1
    of_batches = zip(explanations, inquiry.batches, strict=True)
    if any(len(own.deltas[last].value) != len(batch) for own, batch in of_batches):
        return  # of single samples, which are not what was answered
    inquiry.evidence.loss, inquiry.evidence.smoothing = first.loss, inquiry.smoothing
    inquiry.evidence.begins = first.deltas[last].begins
    common = {finding.factor for finding in first.findings}
    if max(common) - min(common) > inquiry.tolerance * max(map(abs, common)):
        return
    inquiry.evidence.factors = [own.findings[0].factor for own in explanations]
    off = max(_off_the_loss(inquiry, own, n) for n, own in enumerate(explanations) if own.known)
    # What the error is off, may be more of a gradient whose samples cancel.
    inquiry.evidence.tolerance = 100 * off
    if off > inquiry.tolerance:
        inquiry.evidence.tolerance = max(CLOSE, 10 * off)
    if first.decays:
        inquiry.evidence.decays = [own.decays for own in explanations]


def _off_the_loss(inquiry: Inquiry, explanation: Explanation, number: int) -> float:
    """Return how far a right gradient is from that of the loss: by a small number in a denominator.

    That is what an arbiter, who has no such number, may be away from it.
    """
    assert inquiry.form is not None
    own = explanation.deltas[len(inquiry.layers) - 1].value
    batch = inquiry.batches[number]
    if len(own) != len(batch):
        # A step of one sample of the first batch shows it.
        batch = inquiry.batches[0].part(slice(explanation.sample, explanation.sample + 1))
    batch = inquiry.meant(batch)
    passed = run(inquiry.form, inquiry.layers, batch.inputs)
    plain = (
        candidate.value
        for candidate in right_deltas(inquiry.form, passed, batch, explanation.loss)
        if candidate.loss == explanation.loss
    )
    _, beside = fit(own, next(plain, own))
    return max(beside, *(finding.residual for finding in explanation.findings))
