r"""Numbers that belong to the formula of a derivative that is wrong.

Where :math:`c\,a` stands in the place of :math:`f'(z)`, gradients have a factor c for every layer
on the way back to them. One formula is wrong, and c is a part of it.
"""

from collections.abc import Mapping
from dataclasses import replace

from parity_tests.kit.aspects.gradient.measured_factors import Factor
from parity_tests.kit.backprop.findings import Explanation
from parity_tests.kit.scales import Scale

FORMULAS = frozenset(
    {"derivative-formula", "derivative-inverted", "times-activation", "times-preactivation"}
)
# Numbers of no meaning but their own.
_PLAIN = {"factor-constant", "factor-two", "sign"}
_NEAR = 1e-6


def with_formulas(
    explanation: Explanation, factors: list[Factor], expected: Scale
) -> tuple[Explanation, list[Factor]]:
    """Take numbers into the formulas of derivatives that are wrong, if that leaves no others.

    What the last layer has stays with all of them.

    Parameters
    ----------
    explanation : Explanation
        Whose texts will tell the numbers.
    factors : list of Factor
        Over what is expected; none is left out but of tensors that tell nothing.
    expected : Scale
    """
    numbers = _by_layer(factors, expected)
    own: dict[int, float] = {}
    last = max(numbers, default=0)
    for number in range(last - 1, min(numbers, default=last) - 1, -1):
        if number not in numbers:
            return explanation, factors
        between = numbers[number] / numbers[number + 1]
        if abs(between - 1) <= _NEAR:
            continue
        if not FORMULAS.intersection(explanation.deltas[number].causes):
            return explanation, factors
        own[number] = between
    if not own:
        return explanation, factors
    top = next(factor for factor in factors if _layer(factor.finding.tensor) == last)
    findings = [
        replace(finding, text=f"{own[_layer(finding.tensor)]:.6g} x {finding.text}")
        if _layer(finding.tensor) in own and FORMULAS.intersection(finding.causes)
        else finding
        for finding in explanation.findings
    ]
    left = [replace(factor, scale=top.scale, ratio=top.ratio) for factor in factors]
    return replace(explanation, findings=findings), left


def _by_layer(factors: list[Factor], expected: Scale) -> Mapping[int, float]:
    """Return the number of each layer; none at all where tensors of one have several."""
    numbers: dict[int, float] = {}
    for factor in factors:
        value = 1.0
        if factor.ratio is not None:
            if factor.scale is None or not _PLAIN.issuperset(factor.ratio.causes):
                return {}
            value = factor.scale.constant / expected.constant
        number = _layer(factor.finding.tensor)
        if abs(numbers.setdefault(number, value) / value - 1) > _NEAR:
            return {}
    return numbers


def _layer(tensor: str) -> int:
    return int(tensor[1:]) - 1
