r"""Steps that take samples and labels in two orders.

A random order of samples does not change a step on the whole batch,

.. math:: \sum_n g(x_{\pi(n)}, y_{\pi(n)}) = \sum_n g(x_n, y_n)

but one of samples alone does: a step is then by the gradient of the labels in another order.
"""

from itertools import permutations

import numpy as np

from parity_tests.kit.aspects.drawn import drawing_apart
from parity_tests.kit.aspects.observing import RATES, is_inferred, stepped
from parity_tests.kit.fitting import fit
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.subject.subject import SubjectError, flat
from parity_tests.kit.verdicts import Verdict, named

# Samples whose labels are put in all orders, steps on them, and how near these are to the gradient.
_SAMPLES, _STEPS, _CLOSE = 3, 12, 1e-7


def of_shuffled(inquiry: Inquiry) -> Verdict | None:
    """Return that random steps are by labels in other orders, if each of them is; or None.

    The gradients that are handed out say what a step by labels in another order is.
    """
    subject = inquiry.subject
    if is_inferred(inquiry) or subject.single:
        return None
    inputs = inquiry.batches[0].inputs[:_SAMPLES]
    labels = np.arange(len(inputs)) % max(subject.outputs, 2)
    orders = list(permutations(range(len(inputs))))
    rate = subject.network.lr or RATES[0]
    try:
        expected = []
        for order in orders:
            subject.begin(inquiry.layers)
            expected.append(flat(subject.gradients(subject.batch(inputs, labels[list(order)]))))
        batch = subject.batch(inputs, labels)
        with drawing_apart(subject):
            steps = [flat(stepped(inquiry, batch, rate)[0]) for _ in range(_STEPS)]
    except SubjectError:
        return None
    factors, moved = [], 0
    for step in steps:
        tried = [fit(step, gradient) for gradient in expected]
        place = int(np.argmin([residual for _, residual in tried]))
        factor, residual = tried[place]
        if not residual <= max(_CLOSE, inquiry.tolerance):
            return None
        factors.append(factor)
        moved += not tried[0][1] <= max(_CLOSE, inquiry.tolerance)
    if not moved or not np.allclose(factors, factors[0], rtol=1e-5, atol=0):
        return None
    seen = (
        f"of {_STEPS} steps on the same {len(inputs)} samples, {moved} are by the gradient of "
        "their labels in another order"
    )
    return named("optimizer", "shuffled-apart", seen)
