"""Backward passes that compute a forward pass of their own, which is another one.

A training step that does not keep what the forward pass has computed goes through the layers once
more. Where that goes wrong, its gradient is right for a network with that fault.
"""

from collections.abc import Iterator
from copy import copy
from dataclasses import replace

import numpy as np

from parity_tests.kit.aspects.gradient.account import Account
from parity_tests.kit.aspects.gradient.judged import judged
from parity_tests.kit.backprop.findings import Explanation
from parity_tests.kit.candidates.outputs import right_deltas
from parity_tests.kit.forward import Form, run
from parity_tests.kit.functions import OUTPUTS, USUAL, wrong_output
from parity_tests.kit.subject.subject import SubjectError
from parity_tests.kit.verdicts import DIFFERS, Verdict, named

CAUSE = "forward-of-its-own"


def of_own_forward(account: Account) -> list[Verdict]:
    """Name the fault of a forward pass that the backward pass has for itself."""
    inquiry = account.inquiry
    unknown = [v for v in account.verdicts if v.status == DIFFERS and v.cause is None]
    form = inquiry.form
    is_askable = form is not None and form.is_as_meant and form.unnamed is None
    if not unknown or not is_askable or inquiry.is_loss_unknown or inquiry.spec.hidden:
        return []
    assert form is not None
    for other, what in _with_one_fault(form):
        if not _may_be_of(account, other):
            continue
        own = copy(inquiry)
        own.form = other
        again = replace(account, inquiry=own)
        try:
            explanations = again.explained(account.seen)
        except SubjectError:
            continue
        if not all(_is_of(found, other) for found in explanations):
            continue
        residual = max(finding.residual for finding in explanations[0].findings)
        seen = f"the gradient is that of a network {what} (residual {residual:.1g})"
        told = named("gradient", CAUSE, seen, unknown[0].tensor)
        besides = judged(own, explanations, account.loss)
        account.verdicts = [told, *(v for v in besides if v.status == DIFFERS)]
        return []
    return []


def _may_be_of(account: Account, form: Form) -> bool:
    """Whether the last matrix has the gradient of a form, and a multiple of itself besides."""
    inquiry, batch = account.inquiry, account.inquiry.batches[0]
    last, observed = inquiry.layers[-1].weight, account.seen[0][0][-1].weight
    with np.errstate(all="ignore"):
        passed = run(form, inquiry.layers, batch.inputs)
        errors = [passed.output - batch.targets]
        errors += [delta.value for delta in right_deltas(form, passed, batch, account.loss)]
    if observed.shape != last.shape:
        return False
    close = 10 * inquiry.tolerance * float(np.linalg.norm(observed))
    for error in errors:
        basis = np.stack([(error.T @ passed.activations[-2]).ravel(), last.ravel()], axis=1)
        if np.isfinite(basis).all():
            shares, *_ = np.linalg.lstsq(basis, observed.ravel(), rcond=None)
            if np.linalg.norm(observed.ravel() - basis @ shares) <= close:
                return True
    return False


def _is_of(explanation: Explanation, form: Form) -> bool:
    """Whether nothing is wrong about a gradient but what is wrong about the forward pass."""
    causes = {cause for finding in explanation.findings for cause in finding.causes}
    return explanation.known and causes <= {wrong_output(form.output)}


def _with_one_fault(form: Form) -> Iterator[tuple[Form, str]]:
    """Yield forward passes with one fault, and what it is."""
    for number in range(len(form.hidden) + 1):
        yield replace(form, without_bias=(number,)), f"without the bias of layer {number + 1}"
    for number, own in enumerate(form.hidden):
        for name in USUAL:
            if name != own:
                hidden = (*form.hidden[:number], name, *form.hidden[number + 1 :])
                yield replace(form, hidden=hidden), f"with {name} in layer {number + 1}"
    if form.output == "softmax":
        for name in OUTPUTS:
            if wrong_output(name) is not None:
                yield replace(form, output=name), f"with {name}"
