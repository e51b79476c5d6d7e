r"""Steps that take samples and labels in two orders.

A random order of samples does not change a step on the whole batch,

.. math:: \sum_n g(x_{\pi(n)}, y_{\pi(n)}) = \sum_n g(x_n, y_n)

but one of samples alone does: a step is then by the gradient of the labels in another order.

Where no gradient is known, steps on two samples tell it, whatever their rule is: there are two of
them, and the same two where the labels are exchanged; with one label for both there is one.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numpy_impl import InputError
from parity_tests.kit.aspects.drawn import drawing_apart
from parity_tests.kit.aspects.observing import RATES, is_inferred, observe, stepped
from parity_tests.kit.aspects.walks import right_gradient
from parity_tests.kit.fitting import fit
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.subject.subject import Batch, Layers, SubjectError, flat
from parity_tests.kit.verdicts import Verdict, named

Array = NDArray[Any]

# Samples whose labels are put in all orders, steps on them, and how near these are to the gradient.
_SAMPLES, _STEPS, _CLOSE = 3, 12, 1e-7


def of_shuffled(inquiry: Inquiry) -> Verdict | None:
    """Return that random steps are by labels in other orders, if each of them is; or None.

    The gradients that are handed out say what a step by labels in another order is.
    """
    if is_inferred(inquiry):
        return None
    seen = _seen(inquiry, lambda batch: observe(inquiry, batch)[0]) or seen_in_exchanged(inquiry)
    return named("optimizer", "shuffled-apart", seen) if seen else None


def of_shuffled_alone(inquiry: Inquiry, loss: str | None) -> Verdict | None:
    """Return what `of_shuffled` does of steps beside which no gradient is handed out.

    Parameters
    ----------
    loss : str or None
        What is reported or declared: its gradient, recomputed, says what such a step is. Without,
        steps by exchanged labels do.
    """
    if not is_inferred(inquiry):
        return None
    seen = ""
    if inquiry.form is not None and loss is not None:
        right = partial(right_gradient, inquiry, loss, inquiry.layers)
        # A loss may be of what the output is not, or of labels that are not these.
        with suppress(InputError):
            seen = _seen(inquiry, right)
    seen = seen or seen_in_exchanged(inquiry)
    return named("gradient", "shuffled-apart", seen) if seen else None


def seen_in_exchanged(inquiry: Inquiry) -> str:
    """Return how steps on two samples have their labels in any order; empty if they do not.

    Steps that are random for another reason, as masks and the order of updates are, go elsewhere
    where labels are exchanged, and are random too where both samples have one label.
    """
    subject = inquiry.subject
    if subject.single:
        return ""
    inputs = inquiry.batches[0].inputs[:2]
    alike = np.repeat(inputs[:1], 2, axis=0)
    try:
        with drawing_apart(subject):
            own, exchanged = _kinds(inquiry, inputs, [0, 1]), _kinds(inquiry, inputs, [1, 0])
            if len(own) != 2 or len(exchanged) != 2:
                return ""
            if any(_place(inquiry, exchanged, step) is None for step in own):
                return ""
            single = [
                *(_kinds(inquiry, inputs, [label, label]) for label in (0, 1)),
                _kinds(inquiry, alike, [0, 1]),
            ]
    except SubjectError:
        return ""
    if any(len(kinds) != 1 for kinds in single):
        return ""
    return (
        f"{_STEPS} steps on the same 2 samples go to two places, and to the same two where the "
        "labels are exchanged; with one label for both, or the same sample twice, to one"
    )


def _kinds(inquiry: Inquiry, inputs: Array, labels: list[int]) -> list[Array]:
    """Return the different ones of steps on the same samples, at most three."""
    subject = inquiry.subject
    batch = subject.batch(inputs, np.array(labels))
    rate = subject.network.lr or RATES[0]
    found: list[Array] = []
    for _ in range(_STEPS):
        step = flat(stepped(inquiry, batch, rate)[0])
        if _place(inquiry, found, step) is None:
            found.append(step)
        if len(found) > 2:
            break
    return found


def _place(inquiry: Inquiry, found: list[Array], step: Array) -> int | None:
    """Return which of some steps is the same as one; None if none is."""
    close = max(_CLOSE, inquiry.tolerance) * np.linalg.norm(step)
    near = (n for n, own in enumerate(found) if np.linalg.norm(own - step) <= close)
    return next(near, None)


def _seen(inquiry: Inquiry, gradient: Callable[[Batch], Layers]) -> str:
    """Return how many steps are by labels in another order; empty if not all are by some order."""
    subject = inquiry.subject
    if subject.single:
        return ""
    inputs = inquiry.batches[0].inputs[:_SAMPLES]
    labels = np.arange(len(inputs)) % max(subject.outputs, 2)
    orders = list(permutations(range(len(inputs))))
    rate = subject.network.lr or RATES[0]
    try:
        expected = [flat(gradient(subject.batch(inputs, labels[list(own)]))) for own in orders]
        batch = subject.batch(inputs, labels)
        with drawing_apart(subject):
            steps = [flat(stepped(inquiry, batch, rate)[0]) for _ in range(_STEPS)]
    except SubjectError:
        return ""
    factors, moved = [], 0
    for step in steps:
        tried = [fit(step, own) for own in expected]
        place = int(np.argmin([residual for _, residual in tried]))
        factor, residual = tried[place]
        if not residual <= max(_CLOSE, inquiry.tolerance):
            return ""
        factors.append(factor)
        moved += not tried[0][1] <= max(_CLOSE, inquiry.tolerance)
    if not moved or not np.allclose(factors, factors[0], rtol=1e-5, atol=0):
        return ""
    return (
        f"of {_STEPS} steps on the same {len(inputs)} samples, {moved} are by the gradient of "
        "their labels in another order"
    )
