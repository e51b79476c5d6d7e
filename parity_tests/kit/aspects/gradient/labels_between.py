r"""Gradients that are zero for labels of 0 and 1, and not for labels between them.

A derivative that is taken at the labels in the place of the outputs is zero at both, as that of the
sigmoid, :math:`y (1 - y)`: nothing is ever updated, and only other labels tell why.
"""

from dataclasses import replace

import numpy as np

from parity_tests.kit.aspects.gradient.account import Account
from parity_tests.kit.aspects.observing import observe
from parity_tests.kit.backprop.explain import explain
from parity_tests.kit.backprop.findings import Explanation
from parity_tests.kit.forward import run
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.subject.subject import SubjectError, tensors
from parity_tests.kit.verdicts import Verdict, named

_NOTHING, _CAUSE = "not-updated", "derivative-on-labels"
# Where the labels lie that are asked: between those of the classes.
_LEAST, _MOST = 0.2, 0.8


def of_labels_between(account: Account) -> list[Verdict]:
    """Name a derivative that is taken at labels, where that is why nothing is ever updated."""
    inquiry = account.inquiry
    findings = account.explanations[0].findings
    is_still = not any(np.any(own) for seen in account.gradients for own in tensors(seen))
    are_classes = inquiry.subject.network.labels == "one_hot" and not inquiry.is_given
    if not (is_still and are_classes) or any(_NOTHING not in own.causes for own in findings):
        return []
    try:
        explanation = _between(inquiry)
    except SubjectError:
        return []
    name = f"W{len(inquiry.layers)}"
    found = next((own for own in explanation.findings if own.tensor == name), None)
    if found is None or _CAUSE not in found.causes:
        return []
    seen = (
        f"for labels of 0 and 1 it is 0, and nothing is updated; for labels between them yours is "
        f"{found.text}, on {name} (residual {found.residual:.1g})"
    )
    told = named("gradient", _CAUSE, seen, name)
    return [told, *(own for own in account.verdicts if own.cause != _NOTHING)]


def _between(inquiry: Inquiry) -> Explanation:
    """Return what the gradient is for labels between 0 and 1."""
    form, batch = inquiry.form, inquiry.batches[0]
    assert form is not None
    targets = inquiry.rng.uniform(_LEAST, _MOST, batch.targets.shape)
    asked = replace(batch, targets=targets, are_numbers=True)
    with inquiry.elsewhere():
        inquiry.layers = inquiry.subject.begin(inquiry.layers)
        observed, updated = observe(inquiry, asked)
        passed = run(form, inquiry.layers, asked.inputs)
        given = form, passed, inquiry.layers, updated, asked, observed, inquiry.tolerance
        return explain(*given)
