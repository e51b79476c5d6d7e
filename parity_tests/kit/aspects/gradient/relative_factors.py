"""Factors that tensors have beside one another, where that of all of them tells nothing."""

from collections.abc import Iterator

from parity_tests.kit.backprop.findings import Explanation, Finding
from parity_tests.kit.causes import CAUSES
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.scales import Ratio, Scale, ratio, scale_of
from parity_tests.kit.subject.subject import by_name
from parity_tests.kit.verdicts import DIFFERS, Verdict

# What a tensor has that has the same factor as the matrix it is held to.
_SAME = Scale(1.0, 0)
# How closely factors of two batches are met.
_NEAR = 1e-7


def of_relative_factors(inquiry: Inquiry, first: Explanation, second: Explanation) -> list[Verdict]:
    r"""Judge factors by that of the matrix behind which nothing else is known of them.

    Behind a gradient :math:`\delta` of a pre-activation that is solved for, or of no loss's size,

    .. math:: \frac{\partial L}{\partial W} = c \, \delta^T a, \qquad
              \frac{\partial L}{\partial b} = c' \sum_n \delta_n

    tell :math:`c' / c` whatever c is.
    """
    samples = [len(batch) for batch in inquiry.batches]
    tolerance = max(_NEAR, inquiry.tolerance)
    others = {finding.tensor: share for finding, _, share in _shares(second)}
    groups: dict[tuple[str, str], tuple[Ratio, float, list[Finding]]] = {}
    for finding, matrix, share in _shares(first):
        if finding.tensor not in others or by_name(inquiry.layers)[finding.tensor].size == 1:
            continue
        factors = share, others[finding.tensor]
        scale = scale_of(factors, samples, tolerance, _SAME)
        between = scale and ratio(scale, _SAME, inquiry.subject.sizes, tolerance)
        if between and finding.tensor not in inquiry.without_rate:
            key = matrix, between.text
            groups.setdefault(key, (between, share, []))[2].append(finding)
    verdicts = []
    for (matrix, text), (between, share, findings) in groups.items():
        names = " and ".join(finding.tensor for finding in findings)
        cause = between.causes[0]
        message = (
            f"beside {matrix}, yours = {share:.6g} x expected on {names}: {text}, with a batch of "
            f"{samples[0]}; the factor of {matrix} itself is not known. Look at "
            f"{CAUSES[cause].advice}."
        )
        told = findings[0].tensor, cause, share, findings[0].residual
        verdicts.append(Verdict("gradient", DIFFERS, message, *told))
    return verdicts


def _shares(explanation: Explanation) -> Iterator[tuple[Finding, str, float]]:
    """Yield tensors of which nothing is wrong, the matrix they are held to, and their share of it.

    A matrix is that from which a gradient was solved, or of which the size tells nothing, until
    another one is so wrong further down. What is solved for need not be what is carried back: a
    matrix further down has to follow from it.
    """
    matrix, unit = "", 0.0
    following = {f.tensor for f in explanation.findings if f.known and not f.causes}
    for finding in explanation.findings:
        delta = explanation.deltas[int(finding.tensor[1:]) - 1]
        if not delta.solved:
            matrix, unit = "", 0.0
        elif finding.tensor.startswith("W") and (delta.causes or not unit):
            is_told = finding.known or f"W{int(finding.tensor[1:]) - 1}" in following
            matrix, unit = finding.tensor, finding.factor if finding.known else float(is_told)
        elif unit and finding.known and finding.relative and finding.factor and not finding.causes:
            yield finding, matrix, finding.factor / unit
