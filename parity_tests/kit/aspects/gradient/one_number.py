"""Gradients of one number, a multiple of any other: two batches tell whether it is of theirs."""

from collections.abc import Sequence
from dataclasses import replace

from parity_tests.kit.backprop.findings import Explanation, Finding
from parity_tests.kit.scales import scale_of
from parity_tests.kit.subject.subject import Layers

# How closely a factor goes with a power of the batch size.
_NEAR = 1e-7


def settled(
    layers: Layers, explanations: Sequence[Explanation], samples: Sequence[int], tolerance: float
) -> list[Explanation]:
    """Take biases of one entry for known if two batches say the same of them.

    They are a multiple of the right sum if their factors of two batches go with the batch size; and
    what seems to be wrong about them is known if it is the same with both.

    Parameters
    ----------
    layers : list of Layer
        Parameters.
    explanations : sequence of Explanation
        Of two batches.
    samples : sequence of int
        Their sizes.
    tolerance : float
        Relative distance up to which a tensor is taken for a multiple of another.
    """
    first, second = (replace(own, findings=list(own.findings)) for own in explanations)
    for place, pair in enumerate(zip(first.findings, second.findings, strict=True)):
        if _is_by_chance(layers, *pair):
            for own in (first, second):
                found = own.findings[place]
                own.findings[place] = replace(found, causes=("unknown",), known=False, also=[])
            continue
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


def _is_by_chance(layers: Layers, one: Finding, other: Finding) -> bool:
    """Whether the faults that two batches show in a number are two, each of which explains one."""
    bias = layers[int(one.tensor[1:]) - 1].bias
    if not one.tensor.startswith("b") or bias is None or bias.size > 1:
        return False
    return one.known and bool(one.causes) and one.causes != other.causes


def _is_multiple(finding: Finding, tolerance: float) -> bool:
    is_plain = finding.known and not finding.causes and not finding.relative
    is_open = not finding.known and finding.residual <= tolerance and finding.factor != 0
    return finding.tensor.startswith("b") and (is_plain or is_open)
