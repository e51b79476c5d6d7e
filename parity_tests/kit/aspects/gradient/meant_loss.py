"""Whether a gradient is right for another loss, or that of the loss that is meant with a fault."""

from collections.abc import Sequence
from dataclasses import replace

from parity_tests.kit.aspects.gradient.expected_scales import expected_scale
from parity_tests.kit.aspects.gradient.measured_factors import factors_of
from parity_tests.kit.backprop.findings import Explanation
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.scales import MEAN, Scale


def without_factor(
    inquiry: Inquiry, explanations: Sequence[Explanation], loss: str | None
) -> list[Explanation]:
    r"""Return explanations by the loss that is meant, if that leaves no factor and another does.

    With softmax and squared error, :math:`\partial L / \partial p` in the place of
    :math:`J^T \, \partial L / \partial p` is a multiple of :math:`p - y`, the gradient of
    cross-entropy. Which of them is meant is told by the factor.

    Parameters
    ----------
    explanations : sequence of Explanation
        Those of two batches.
    loss : str or None
        The loss that is meant.
    """
    first, second = explanations
    last = len(inquiry.layers) - 1
    delta = first.deltas[last]
    if loss is None or first.loss in (None, loss) or delta.causes or not delta.also:
        return list(explanations)
    meant = expected_scale(inquiry, replace(first, loss=loss), another=False)
    if meant is None or not _is_left(inquiry, first, second, MEAN):
        return list(explanations)
    if _is_left(inquiry, first, second, meant):
        return list(explanations)
    return [_with_fault(explanation, last, loss) for explanation in explanations]


def _is_left(inquiry: Inquiry, first: Explanation, second: Explanation, expected: Scale) -> bool:
    """Whether any tensor has another factor than what is expected."""
    factors = factors_of(inquiry, first, second, expected)
    return any(factor.ratio is not None for factor in factors)


def _with_fault(explanation: Explanation, last: int, loss: str) -> Explanation:
    """Return an explanation with the fault by which the loss meant gives the same numbers."""
    delta = explanation.deltas[last]
    cause, *others = delta.also
    also = ["gradient-of-another-loss", *others]
    changed = replace(delta, causes=(cause,), also=also, loss=loss)
    findings = [
        replace(finding, causes=(cause, *finding.causes), also=also)
        if finding.tensor == f"W{last + 1}"
        else finding
        for finding in explanation.findings
    ]
    deltas = {**explanation.deltas, last: changed}
    return replace(explanation, findings=findings, deltas=deltas, loss=loss)
