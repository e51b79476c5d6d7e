"""The loss of a batch, where a training step is given samples one by one.

Then the loss is written for one of them, and whether that of a batch is the sum or the mean, the
step alone says.
"""

from collections.abc import Mapping
from typing import Any

from parity_tests.kit.aspects.gradient import aspect as gradient
from parity_tests.kit.aspects.loss import aspect as loss_aspect
from parity_tests.kit.recognition.steps import PAIRS_OF_COLUMNS, PAIRS_OF_ROWS
from parity_tests.kit.recognition.trial import FAILURES, with_forward
from parity_tests.kit.verdicts import DIFFERS

_OF_BATCH = "factor-batch"


def of_each(fields: Mapping[str, str], scope: Mapping[str, Any]) -> str | None:
    r"""Return code of the mean of the losses of all samples, if steps go by its gradient.

    .. math:: L = \frac{1}{N} \sum_n \ell(x_n, y_n)

    Parameters
    ----------
    fields : mapping of str to str
        The declaration as code, with a loss and a step.

    Returns
    -------
    str or None
        None if the step is not given samples one by one, or goes by the gradient of the loss as it
        is, or not by that of the mean either.
    """
    pairs = next((own for own in (PAIRS_OF_COLUMNS, PAIRS_OF_ROWS) if own in fields["step"]), None)
    if pairs is None or not _is_blamed(fields, scope):
        return None
    mean = f"lambda net, x, y: np.mean([({fields['loss']})(net, *one) for one in {pairs}])"
    return None if _is_blamed({**fields, "loss": mean}, scope) else mean


def _is_blamed(fields: Mapping[str, str], scope: Mapping[str, Any]) -> bool:
    """Whether steps are said to go by another gradient than that of the loss, or by its mean."""
    inquiry = with_forward(fields, scope)
    if inquiry is None or inquiry.form is None:
        return True
    try:
        loss_aspect.examine(inquiry)
        found = gradient.examine(inquiry)
    except FAILURES:
        return True
    return any(verdict.status == DIFFERS or verdict.cause == _OF_BATCH for verdict in found)
