"""Losses that divide by their targets, or take a logarithm of them."""

from dataclasses import replace

import numpy as np

from parity_tests.kit.aspects.observing import observe
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.subject.subject import Batch, SubjectError, tensors


def needs_nonzero_targets(inquiry: Inquiry) -> bool:
    """Whether loss or gradient are finite for targets that are not 0, and not for those that are.

    It is so for the mean absolute percentage error. Of labels that are classes, 0 is a proper one.
    """
    subject = inquiry.subject
    if subject.network.labels != "targets" or inquiry.is_given:
        return False
    asked = inquiry.batches[0]
    other = replace(asked, targets=asked.targets + 1.0)
    return not _is_finite(inquiry, asked) and _is_finite(inquiry, other)


def _is_finite(inquiry: Inquiry, batch: Batch) -> bool:
    """Whether loss and gradient of a batch, of those that are declared, are finite."""
    subject, network = inquiry.subject, inquiry.subject.network
    is_asked = network.gradients or network.backward or network.step
    try:
        subject.begin(inquiry.layers)
        if network.loss is not None and not np.isfinite(subject.loss_of_pass(batch)):
            return False
        observed = observe(inquiry, batch)[0] if is_asked else []
        return all(np.isfinite(tensor).all() for tensor in tensors(observed))
    except SubjectError:
        # What raises is told where it is asked.
        return True
    finally:
        subject.begin(inquiry.layers)
