r"""Outputs that are exponentials and no probabilities: rates, as those of a Poisson distribution.

With several outputs that alone is a softmax whose sum is missing. Rates have a loss of their own,

.. math:: \ell = \sum_j \left( e^{z_j} - y_j z_j \right)

and the gradient is that of this loss. Where a sum is missing, the softmax's gradient is not.
"""

from parity_tests.kit.functions import is_of_rates
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.losses import POISSON
from parity_tests.kit.verdicts import CONVENTION, EQUAL, Verdict

_RATES = "the output is exponential, and not divided by its sum: numbers above 0, as rates are"
_REPORTED = f"{_RATES}, whose loss is reported"
_MEANT = (
    f"{_RATES}. The loss reported is one of its own, none of probabilities that is known, and the "
    "gradient is that of this loss by its slopes"
)


def of_rates(inquiry: Inquiry, found: list[Verdict]) -> list[Verdict]:
    """Return that exponentials are meant, where the gradient is that of a loss of their own.

    Parameters
    ----------
    found : list of Verdict
        What is said of the gradient.
    """
    form, spec = inquiry.form, inquiry.spec
    is_alone = form is not None and is_of_rates(form.output, 1, spec.output)
    is_open = spec.loss is None and spec.output is None
    if not (is_alone and is_open and inquiry.subject.outputs > 1):
        return []
    if inquiry.reported is not None and inquiry.reported[0] == POISSON.name:
        return [Verdict("forward", CONVENTION, _REPORTED, None, "softmax-not-normalized")]
    if not inquiry.is_loss_unknown:
        return []
    of_gradient = [verdict for verdict in found if verdict.aspect == "gradient"]
    if not of_gradient or any(verdict.status != EQUAL for verdict in of_gradient):
        return []
    return [Verdict("forward", CONVENTION, _MEANT, None, "softmax-not-normalized")]
