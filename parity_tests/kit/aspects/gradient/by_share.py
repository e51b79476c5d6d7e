"""What is said of factors and penalties, by how much of them is the steps' own share."""

from collections.abc import Callable
from copy import copy
from dataclasses import replace

from parity_tests.kit.aspects.gradient.decays import of_decays
from parity_tests.kit.aspects.gradient.factors import of_factors
from parity_tests.kit.aspects.gradient.measured_factors import Factor, divided
from parity_tests.kit.aspects.gradient.negated import with_negation
from parity_tests.kit.aspects.gradient.own_rates import with_own_rate
from parity_tests.kit.aspects.observing import is_inferred
from parity_tests.kit.backprop.findings import Explanation
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.scales import MEAN, Scale
from parity_tests.kit.told_by_share import FactorsApart, ToldByShare
from parity_tests.kit.verdicts import Verdict


def of_numbers(
    inquiry: Inquiry, first: Explanation, factors: list[Factor], expected: Scale | None
) -> list[Verdict]:
    """Judge factors that are no norms, with what they follow from.

    Where steps show them and they are not those of all tensors, the optimizer may tell that a part
    of them is the steps' own.
    """
    unit, sizes = expected or MEAN, inquiry.subject.sizes

    def told_by(share: float) -> list[Verdict]:
        own = factors if share == 1 else divided(factors, share, unit, sizes)
        found = of_factors(inquiry, own, expected)
        return with_own_rate(inquiry, with_negation(inquiry, first.findings, found))

    told = told_by(1.0)
    are_of_all = any((verdict.tensor or "dL/dz").startswith("dL/dz") for verdict in told)
    if told and is_inferred(inquiry) and not are_of_all:
        scales = [factor.scale for factor in factors if factor.scale is not None]
        inquiry.factors_apart = FactorsApart(told, told_by, scales, unit, sizes)
    return told


def decays_by_share(
    inquiry: Inquiry,
    explanation: Explanation,
    rate: float | None,
    at_another: Callable[[float], Explanation],
    direction: int,
) -> list[Verdict]:
    """Judge what is added for a penalty, and note what is to be said where steps have a share.

    Parameters
    ----------
    explanation, rate, at_another, direction
        As of `of_decays`.
    """

    def told_by(share: float) -> list[Verdict]:
        own, scale = copy(inquiry), inquiry.gradient_scale
        if scale is not None:
            own.gradient_scale = Scale(scale.constant / share, scale.power)

        def slower(other: float) -> Explanation:
            return _without_share(at_another(other), share)

        return of_decays(own, _without_share(explanation, share), rate, slower, direction)

    told = of_decays(inquiry, explanation, rate, at_another, direction)
    if rate is not None:
        inquiry.decays_told = ToldByShare(told, told_by)
    return told


def _without_share(explanation: Explanation, share: float) -> Explanation:
    """Return an explanation by which a gradient has what is left of a penalty without a share."""
    findings = [
        replace(finding, decay={kind: own / share for kind, own in finding.decay.items()})
        for finding in explanation.findings
    ]
    return replace(explanation, findings=findings)
