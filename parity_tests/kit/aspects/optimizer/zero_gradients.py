"""Gradients of zero, by which steps without eps are asked before 0 / 0 is said of them."""

from dataclasses import replace

import numpy as np

from parity_tests.kit.aspects.walks import ends, walk_on
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.optimizers.asking import RATES
from parity_tests.kit.subject.subject import Layer, SubjectError, flat
from parity_tests.kit.verdicts import CONVENTION, Verdict

_CAUSE = "epsilon-missing"


def with_guarded_zeros(inquiry: Inquiry, found: list[Verdict]) -> list[Verdict]:
    """Take steps without eps for a convention, where something else keeps 0 / 0 away."""
    if not any(verdict.cause == _CAUSE for verdict in found) or not _is_finite_at_zero(inquiry):
        return found
    return [_guarded(verdict) if verdict.cause == _CAUSE else verdict for verdict in found]


def _is_finite_at_zero(inquiry: Inquiry) -> bool:
    r"""Whether a step is finite where some entries of the gradient are zero.

    .. math:: \frac{\partial L}{\partial W_1} = x^T \frac{\partial L}{\partial z_1} \quad
              \text{is zero in row } i \text{ if } x_i = 0

    A penalty adds nothing where the row of the matrix is zero, too.
    """
    if not inquiry.subject.is_chain:
        return False
    batch = inquiry.batches[0]
    if inquiry.subject.single:
        [batch, _] = ends(batch)
    inputs, weight = batch.inputs.copy(), inquiry.layers[0].weight.copy()
    inputs[:, 0] = 0
    weight[0] = 0
    start = [Layer(weight, inquiry.layers[0].bias), *inquiry.layers[1:]]
    lr = inquiry.subject.network.lr or RATES["sgd"]
    try:
        walk = walk_on(inquiry, [replace(batch, inputs=inputs)], lr, start)
    except SubjectError:
        return False
    return bool(np.isfinite(flat(walk.layers[-1])).all())


def _guarded(verdict: Verdict) -> Verdict:
    seen = verdict.account
    message = f"{seen}; a step is finite where the gradient is zero, so that 0 / 0 is kept away"
    return replace(verdict, status=CONVENTION, message=message)
