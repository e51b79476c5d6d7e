"""The loss that a training step reports is a number, where that of the same batch is one."""

import numpy as np

from parity_tests.kit.aspects.observing import RATES
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.subject.subject import SubjectError
from parity_tests.kit.verdicts import Verdict, named


def of_step(inquiry: Inquiry) -> list[Verdict]:
    """Hold the loss that a step returns to the one that the network reports otherwise.

    Probabilities that are turned into an error in place have become negative where the loss is
    taken of them afterwards. Which of several losses a step means is left open: only whether it is
    finite is asked.
    """
    subject = inquiry.subject
    network, batch = subject.network, inquiry.batches[0]
    if network.loss is None or network.step is None or subject.single:
        return []
    try:
        subject.begin(inquiry.layers)
        own = subject.loss_of_pass(batch)
        subject.begin(inquiry.layers)
        returned = subject.step(batch, network.lr or RATES[1])
    except SubjectError:
        return []  # told of the loss or of the optimizer
    if own is None or returned is None or not np.isfinite(own) or np.isfinite(returned):
        return []
    seen = f"a step returns {returned}, and the loss of the same batch is {own:.6g}"
    return [named("stability", "step-loss-not-finite", seen, "loss")]
