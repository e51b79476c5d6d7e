"""Parameters that stay as they are in a first step, and move in later ones."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from parity_tests.kit.aspects.gradient.readings import explained
from parity_tests.kit.aspects.observing import RATES, changed
from parity_tests.kit.aspects.walks import ends, walk_on
from parity_tests.kit.backprop.findings import Explanation
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.subject.subject import SubjectError, by_name, flat

# Steps after which a parameter that has not moved is taken for one that never does.
_STEPS = 3
_CAUSES = ("not-updated",)


def moving_later(inquiry: Inquiry, explanations: Sequence[Explanation]) -> list[Explanation]:
    """Take tensors that stay in the first step for unknown, if later steps change them.

    Parameters
    ----------
    explanations : sequence of Explanation
        Of gradients that are seen from first steps alone.
    """
    still = {
        finding.tensor
        for own in explanations
        for finding in own.findings
        if finding.causes == _CAUSES
    }
    if not still:
        return list(explanations)
    batch = ends(inquiry.batches[0])[0] if inquiry.subject.single else inquiry.batches[0]
    rate = inquiry.subject.network.lr or RATES[1]
    try:
        last = by_name(walk_on(inquiry, [batch] * _STEPS, rate).layers[-1])
    except SubjectError:
        return list(explanations)
    before = by_name(inquiry.layers)
    moved = {name for name in still if not np.array_equal(last[name], before[name])}
    return [
        replace(
            own,
            findings=[
                replace(
                    finding,
                    causes=("unknown",),
                    known=False,
                    factor=np.nan,
                    residual=np.inf,
                    text="the first step leaves it as it is, and later ones do not",
                )
                if finding.tensor in moved and finding.causes == _CAUSES
                else finding
                for finding in own.findings
            ],
        )
        for own in explanations
    ]


def of_step_before(inquiry: Inquiry, loss: str | None) -> list[Explanation]:
    r"""Return the gradients of second steps on another batch, where first steps change nothing.

    .. math:: \theta_2 = \theta_1 - \eta \, g_1, \qquad \theta_1 = \theta_0

    Returns
    -------
    list of Explanation
        One for each batch, of the steps behind those on it; empty if first steps do change
        something, if second ones do not, or if they are not all known.
    """
    if inquiry.subject.single or inquiry.is_one_by_one:
        return []
    one, other = inquiry.batches
    rate = inquiry.subject.network.lr or RATES[0]
    explanations = []
    for first, second in ((one, other), (other, one)):
        try:
            start, still, after = walk_on(inquiry, [first, second], rate).layers
        except SubjectError:
            return []
        if not np.array_equal(flat(start), flat(still)) or np.array_equal(flat(still), flat(after)):
            return []
        gradients = changed(still, after, rate)
        explanations.append(explained(inquiry, first, gradients, after, loss))
        if not explanations[-1].known or any(own.is_vacant for own in explanations[-1].findings):
            return []
    return explanations
