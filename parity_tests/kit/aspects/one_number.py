"""Gradients of one number, a multiple of any other: two batches tell whether it is of theirs."""

from collections.abc import Sequence
from dataclasses import replace

from parity_tests.kit.backprop import Explanation, Finding
from parity_tests.kit.scales import scale_of

# How closely a factor goes with a power of the batch size.
_NEAR = 1e-7


def settled(
    explanations: Sequence[Explanation], samples: Sequence[int], tolerance: float
) -> list[Explanation]:
    """Take biases of one entry for known if their factors of two batches go with the batch size.

    Parameters
    ----------
    explanations : sequence of Explanation
        Of two batches.
    samples : sequence of int
        Their sizes.
    tolerance : float
        Relative distance up to which a tensor is taken for a multiple of another.
    """
    first, second = (replace(own, findings=list(own.findings)) for own in explanations)
    for place, pair in enumerate(zip(first.findings, second.findings, strict=True)):
        if not all(_is_multiple(finding, tolerance) for finding in pair):
            continue
        if all(finding.known for finding in pair):
            continue
        factors = [finding.factor for finding in pair]
        if scale_of(factors, samples, max(_NEAR, tolerance)) is None:
            continue
        for own in (first, second):
            found = own.findings[place]
            text = f"sum of {own.deltas[int(found.tensor[1:]) - 1].text} over the samples"
            own.findings[place] = replace(found, causes=(), known=True, text=text)
    return [first, second]


def _is_multiple(finding: Finding, tolerance: float) -> bool:
    is_plain = finding.known and not finding.causes and not finding.relative
    is_open = not finding.known and finding.residual <= tolerance and finding.factor != 0
    return finding.tensor.startswith("b") and (is_plain or is_open)
