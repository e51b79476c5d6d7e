"""The constant factor of each tensor of a gradient, measured with two batches."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from parity_tests.kit.aspects.observing import RATES, is_inferred
from parity_tests.kit.backprop.findings import Explanation, Finding
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.scales import IN_LAYERS, NEAR, ROUGH, Ratio, Scale, ratio, scale_of

# What is added to the number of samples by mistake, as in an unbiased variance, or in a count that
# begins at one.
MORE = (-1, 1)
_ROOTS = {0.5: "the root of the batch size", -0.5: "1 / the root of the batch size"}


@dataclass(frozen=True)
class Factor:
    """Where the factor of one tensor comes from, and what it was with the other batch."""

    finding: Finding
    scale: Scale | None
    ratio: Ratio | None
    other: Finding | None = None


def factors_of(
    inquiry: Inquiry, first: Explanation, second: Explanation, expected: Scale
) -> list[Factor]:
    """Return the factors of the tensors of two batches, over what is expected."""
    sizes = inquiry.subject.sizes
    samples = [len(batch) for batch in inquiry.batches]
    # A loss may be known to a few digits only; its scale is a number that is easy to name.
    residuals = (f.residual for f in first.findings if f.known and not f.relative)
    tolerance = max(inquiry.tolerance, 1e-7, *residuals)
    factors = []
    rounded = _rounded(expected)
    for one, other in _before_shrinking(inquiry, first, second, rounded):
        if not one.known or one.relative or not one.factor:
            continue
        if "gradient-of-another-loss" in one.causes:
            # Its factor would be that from one loss to the other.
            continue
        scale = scale_of((one.factor, other.factor), samples, tolerance, rounded, IN_LAYERS)
        if scale is None:
            between = _by_batch(one, other, samples, rounded, tolerance)
        else:
            between = _by_size(ratio(scale, rounded, sizes, tolerance), scale, rounded, samples)
        is_named = between is not None and bool(between.causes)
        own = _told_apart(one, first) if is_named else one
        factors.append(Factor(own, scale, between, other))
    return factors


def _before_shrinking(
    inquiry: Inquiry, first: Explanation, second: Explanation, expected: Scale
) -> list[tuple[Finding, Finding]]:
    r"""Return the findings of two batches, in steps after which parameters shrink by a share.

    .. math:: \theta_1 = (1 - w) (\theta_0 - \eta \, c \, g) \quad\Rightarrow\quad
              \frac{\theta_0 - \theta_1}{\eta} = \frac{w}{\eta} \theta_0 + (1 - w) \, c \, g

    The factor is c where that is a number with a meaning, and (1 - w) c is none. What all tensors
    have in common is the optimizer's, and is left to it.
    """
    pairs = list(zip(first.findings, second.findings, strict=True))
    rate = inquiry.subject.network.lr or RATES[0]
    shares = [1 - one.decay.get("squares", 0.0) * rate for one, _ in pairs]
    factors = [one.factor for one, _ in pairs if one.known and not one.relative and one.factor]
    is_common = bool(factors) and np.ptp(factors) <= NEAR * abs(factors[0])
    if not is_inferred(inquiry) or min(shares) <= 0 or is_common:
        return pairs
    samples, sizes = [len(batch) for batch in inquiry.batches], inquiry.subject.sizes

    def is_number(pair: tuple[Finding, Finding]) -> bool:
        scale = scale_of([own.factor for own in pair], samples, NEAR, expected, IN_LAYERS)
        between = None if scale is None else ratio(scale, expected, sizes, NEAR)
        return scale is None or (between is not None and "factor-constant" in between.causes)

    decayed = [pair for pair, share in zip(pairs, shares, strict=True) if share != 1]
    if not all(pair[0].factor and is_number(pair) for pair in decayed):
        return pairs  # they have shrunk before the step
    found = []
    for pair, share in zip(pairs, shares, strict=True):
        one, other = (replace(own, factor=own.factor / share) for own in pair)
        found.append((one, other) if share != 1 and not is_number((one, other)) else pair)
    return found


def times_of(factor: Factor, reference: Scale, samples: Sequence[int]) -> tuple[float, str]:
    """Return how many times what is expected a tensor is, with words for the batch if need be.

    What is as expected with the first batch, of which a factor has the size, shows with the other.
    """
    one, other = samples
    scale = factor.scale
    value = (factor.finding.factor if scale is None else scale.at(one)) / reference.at(one)
    if scale is None or abs(value - 1) > NEAR:
        return value, ""
    value = scale.at(other) / reference.at(other)
    return value, f" with a batch of {other}, and as expected with one of {one},"


def _by_size(
    between: Ratio | None, scale: Scale, expected: Scale, samples: Sequence[int]
) -> Ratio | None:
    """Take a number for a batch size that is fixed, where it is that of one of the batches.

    A network may have been asked with a batch as it was made, and keep how many samples that had.
    """
    if between is None or between.causes != ("factor-batch", "factor-constant"):
        return between
    divisor = expected.constant / scale.constant
    size = next((n for n in samples if abs(divisor / n - 1) <= NEAR), None)
    if size is None or expected.power - scale.power != 1 or "width" in between.text:
        return between
    return Ratio(("factor-nominal-batch",), f"batch size / {size}, which is kept or written down")


def divided(
    factors: Sequence[Factor], share: float, expected: Scale, sizes: Sequence[int]
) -> list[Factor]:
    """Return factors without a share of them, over what is expected.

    Parameters
    ----------
    sizes : sequence of int
        Widths of all layers.
    """
    found = []
    for own in factors:
        one, other = (
            None if finding is None else replace(finding, factor=finding.factor / share)
            for finding in (own.finding, own.other)
        )
        assert one is not None
        if own.scale is None:
            found.append(replace(own, finding=one, other=other))
            continue
        scale = Scale(own.scale.constant / share, own.scale.power)
        found.append(Factor(one, scale, ratio(scale, expected, sizes, NEAR), other))
    return found


def _told_apart(finding: Finding, explanation: Explanation) -> Finding:
    """Take the factor of a matrix for its own, where the bias shows that its fault has another one.

    Both are of the same gradient of a pre-activation, whatever is wrong about that.
    """
    number, tensor = int(finding.tensor[1:]), finding.tensor
    delta = explanation.deltas.get(number - 1)
    if not tensor.startswith("W") or delta is None or finding.causes != delta.causes:
        return finding
    bias = next((own for own in explanation.findings if own.tensor == f"b{number}"), None)
    if bias is None or not bias.known or bias.causes or bias.relative or not bias.factor:
        return finding
    is_same = abs(finding.factor / bias.factor - 1) <= ROUGH
    return finding if is_same else replace(finding, causes=())


def _by_batch(
    one: Finding, other: Finding, samples: list[int], expected: Scale, tolerance: float
) -> Ratio | None:
    """Return in words the factors of two batches that no power of their sizes explains."""
    is_told = other.known and not other.relative and not other.is_vacant
    pairs = zip((one, other), samples, strict=True)
    first, second = (finding.factor / expected.at(n) for finding, n in pairs)
    # Of steps a factor is known less closely than the gradient that it is a factor of.
    near = max(ROUGH, 10 * tolerance)
    if abs(first - 1) <= near and (not is_told or abs(second - 1) <= near):
        return None
    for more in MORE if is_told and min(samples) > 1 else ():
        wanted = [n / (n + more) for n in samples]
        if (
            max(abs(own / want - 1) for own, want in zip((first, second), wanted, strict=True))
            <= tolerance
        ):
            return Ratio(("factor-batch",), f"batch size / {with_more(more)}")
    for power, root in _ROOTS.items() if is_told else ():
        wanted = [float(n) ** power for n in samples]
        if np.allclose((first, second), wanted, rtol=tolerance, atol=0.0):
            return Ratio(("factor-batch",), root)
    text = f"{first:.6g} x with a batch of {samples[0]}"
    if is_told:
        text += f", {second:.6g} x with one of {samples[1]}"
    return Ratio((), text)


def _rounded(scale: Scale) -> Scale:
    """Take the digits away that 1e-8 in a logarithm puts into a scale."""
    for numerator in (1, 2):
        whole = numerator / scale.constant
        if abs(whole - round(whole)) < 1e-4 * abs(whole) and round(whole):
            return Scale(numerator / round(whole), scale.power)
    return scale


def with_more(more: int) -> str:
    """Return in words the number of samples with what is added to it by mistake."""
    return f"(batch size {'+' if more > 0 else '-'} {abs(more)})"
