"""Signs of a gradient that follow from a sigmoid of the negated argument."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from parity_tests.kit.backprop.findings import Finding
from parity_tests.kit.functions import WRONG_ACTIVATIONS
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.verdicts import Verdict

_CAUSE = "sigmoid-of-negative"
FOLLOWS = (
    " That follows from the sigmoid of the negated argument: with 1 / (1 + exp(-z)) the sign is "
    "right."
)
_OF_ALL = (
    " With 1 / (1 + exp(-z)) in the place of the sigmoid of the negated argument, all tensors have "
    "-1 x: look at that first."
)


def with_negation(
    inquiry: Inquiry, findings: Sequence[Finding], verdicts: list[Verdict]
) -> list[Verdict]:
    r"""Say of signs that they follow from negated arguments, if they do.

    With m of the functions from a layer on negated, its gradient is as many times turned as for
    those that are meant:

    .. math:: \frac{\partial}{\partial z} \sigma(-z) = -\sigma(-z) (1 - \sigma(-z))

    What goes by the formula of the sigmoid has :math:`(-1)^m` of the gradient.
    """
    form = inquiry.form
    assert form is not None
    names = (*form.hidden, form.output)
    negated = [WRONG_ACTIVATIONS.get(name, ("", ""))[0] == _CAUSE for name in names]
    if not any(negated):
        return verdicts
    signs = {
        np.sign(finding.factor) * (-1) ** sum(negated[int(finding.tensor[1:]) - 1 :])
        for finding in findings
        if finding.factor
    }
    if len(signs) != 1:
        return verdicts
    told = FOLLOWS if signs == {1} else _OF_ALL
    return [
        replace(verdict, message=verdict.message + told) if verdict.cause == "sign" else verdict
        for verdict in verdicts
    ]
