"""Networks whose targets are their inputs, whatever labels they are given: autoencoders."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.aspects.observing import observe
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.subject.subject import Batch, SubjectError, flat

Array = NDArray[Any]


def is_of_inputs(inquiry: Inquiry) -> bool:
    """Whether a network has as many outputs as inputs, and labels change neither loss nor gradient.

    What is zero for all labels, or raises, tells nothing of them.
    """
    subject, network = inquiry.subject, inquiry.subject.network
    is_asked = network.gradients or network.backward or network.step
    if not (subject.is_chain and is_asked) or inquiry.is_given:
        return False
    if subject.sizes[0] != subject.sizes[-1]:
        return False
    asked = inquiry.batches[0]
    # With a single output, labels are zeros and ones.
    others = (asked.labels + 1) % max(subject.outputs, 2)
    try:
        (loss, gradient), (other_loss, other) = (
            _answers(inquiry, batch) for batch in (asked, subject.batch(asked.inputs, others))
        )
    except SubjectError:
        return False
    finally:
        subject.begin(inquiry.layers)
    return bool(gradient.any()) and loss == other_loss and np.array_equal(gradient, other)


def _answers(inquiry: Inquiry, batch: Batch) -> tuple[float | None, Array]:
    """Return loss, if one is reported, and gradient of a batch."""
    subject = inquiry.subject
    subject.begin(inquiry.layers)
    loss = None if subject.network.loss is None else subject.loss_of_pass(batch)
    return loss, flat(observe(inquiry, batch)[0])
