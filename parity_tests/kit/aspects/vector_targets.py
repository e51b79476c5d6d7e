"""Networks whose single output is a vector, one number for each sample, and their targets with it.

An output of shape (n,) and targets of shape (n, 1) meet each other n times in a difference, so that
it does not matter which target is whose. Of which shape targets are, a declaration does not say.
"""

from dataclasses import replace

import numpy as np

from parity_tests.kit.aspects.observing import observe
from parity_tests.kit.inquiry import EXACT, Inquiry
from parity_tests.kit.subject.subject import Batch, SubjectError, flat


def has_vector_targets(inquiry: Inquiry) -> bool:
    """Whether targets are to be given as the output of n samples comes, in shape (n,).

    It is so where a column of them raises, or meets all outputs, and a vector does not.
    """
    subject, batch = inquiry.subject, inquiry.batches[0]
    if subject.network.labels != "targets" or subject.single or subject.outputs != 1:
        return False
    # All different, as which is whose shows nothing of those that are the same.
    numbers = batch.targets + np.arange(len(batch))[:, np.newaxis] / len(batch)
    asked = replace(batch, targets=numbers)
    try:
        is_vector = subject.shape_of_output(batch.inputs) == (len(batch),)
        if not is_vector or _is_told_apart(inquiry, asked):
            return False
        subject.has_vector_targets = True
        return _is_told_apart(inquiry, asked)
    except SubjectError:
        return False
    finally:
        subject.has_vector_targets = False
        subject.begin(inquiry.layers)


def _is_told_apart(inquiry: Inquiry, batch: Batch) -> bool:
    """Whether loss and gradient, of those that are declared, are others for targets turned round.

    What raises tells nothing apart.
    """
    subject, network = inquiry.subject, inquiry.subject.network
    turned = replace(batch, targets=batch.targets[::-1].copy())
    try:
        if network.loss is not None:
            subject.begin(inquiry.layers)
            value, other = (subject.loss_of_pass(own) for own in (batch, turned))
            if abs(other - value) <= EXACT * abs(value):
                return False
        if network.gradients or network.backward or network.step:
            came, others = (flat(observe(inquiry, own)[0]) for own in (batch, turned))
            return not np.linalg.norm(others - came) <= EXACT * np.linalg.norm(came)
    except SubjectError:
        return False
    return True
