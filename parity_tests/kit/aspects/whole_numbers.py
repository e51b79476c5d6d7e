"""Parameters that are made as integers, which lose the fractions that a step writes to them."""

import numpy as np

from parity_tests.kit.aspects.observing import RATES
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.subject.subject import SubjectError, by_name
from parity_tests.kit.verdicts import CONVENTION, Verdict, named

_CAUSE = "parameters-of-integers"


def of_integers(inquiry: Inquiry) -> list[Verdict]:
    r"""Return that parameters are made as integers, and whether the step fails for it.

    Everything else is asked with floats in their place. A step that raises with the integers, and
    not with floats of the same values, does so for their type. One that writes into them leaves

    .. math:: b \leftarrow \operatorname{trunc}(b - \eta \, \partial L / \partial b)
    """
    subject = inquiry.subject
    if not subject.integers:
        return []
    made = [f"{subject.name_of(n)} ({dtype})" for n, dtype in subject.integers.items()]
    told = f"{', '.join(made)}: made as arrays of integers"
    seen = _of_step(inquiry)
    if seen:
        tensor = subject.name_of(next(iter(subject.integers)))
        return [named("optimizer", _CAUSE, f"{told}; {seen}", tensor)]
    message = (
        f"{told}, in whose place everything was asked with floats: an in-place step such as "
        "`b -= lr * db` on them would raise in NumPy"
    )
    return [Verdict("initialization", CONVENTION, message)]


def _of_step(inquiry: Inquiry) -> str:
    """Return what a step on the integers does that it does not do on floats; or nothing."""
    subject, batch = inquiry.subject, inquiry.batches[0]
    if subject.network.step is None:
        return ""
    lr = subject.network.lr or RATES[0]
    with subject.drawing_alike(int(inquiry.rng.integers(2**31))):
        try:
            subject.begin(subject.begin_in_integers(inquiry.layers))
            subject.step(batch, lr)
            wanted = subject.get()
        except SubjectError:
            return ""
        try:
            subject.begin_in_integers(inquiry.layers)
            subject.step(batch, lr)
            came = subject.get()
        except SubjectError as error:
            return f"the step raises, and with floats it does not: {error}"
    names = [subject.name_of(n) for n in subject.integers]
    one, other = by_name(came), by_name(wanted)
    lost = [name for name in names if not np.array_equal(one[name], other[name], equal_nan=True)]
    if lost and all(np.array_equal(one[name], np.trunc(other[name])) for name in names):
        return f"the step cuts off the fractions of what it writes to {' and '.join(lost)}"
    return ""
