r"""Steps by all samples of a batch but one, which is another one each time.

.. math:: \theta_0 - \theta_1 = c \, \Big( \sum_n \nabla L_n - \nabla L_j \Big)

So it is where samples are shuffled and a slice of them ends one too early. What is kept for a
validation, or left over by batches of a fixed size, is more of a larger batch; so all but one has
to be taken of a few samples and of many.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numpy_impl import InputError
from parity_tests.kit.aspects.drawn import drawing_apart
from parity_tests.kit.aspects.observing import RATES, is_inferred, observe, stepped
from parity_tests.kit.aspects.walks import right_gradient
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.subject.subject import Batch, Layers, SubjectError, flat
from parity_tests.kit.verdicts import Verdict, named

Array = NDArray[Any]
# Samples of the largest batch, steps on the first one and on others, and how closely they are met.
_MANY, _STEPS, _FEWER, _CLOSE = 128, 6, 2, 1e-7


def of_one_left_out(inquiry: Inquiry) -> Verdict | None:
    """Return that random steps leave out one sample, by the gradients handed out; or None."""
    if is_inferred(inquiry):
        return None
    seen = _seen(inquiry, lambda batch: observe(inquiry, batch)[0])
    return named("optimizer", "samples-left-out", seen) if seen else None


def of_one_left_out_alone(inquiry: Inquiry, loss: str | None) -> Verdict | None:
    """Return the same of steps beside which no gradient is handed out.

    Parameters
    ----------
    loss : str or None
        What is reported or declared; its gradient is recomputed.
    """
    if not is_inferred(inquiry) or inquiry.form is None or loss is None:
        return None
    # A loss may be of what the output is not.
    with suppress(InputError):
        seen = _seen(inquiry, partial(right_gradient, inquiry, loss, inquiry.layers))
        if seen:
            return named("gradient", "samples-left-out", seen, f"dL/dz{len(inquiry.layers)}")
    return None


def _seen(inquiry: Inquiry, gradient: Callable[[Batch], Layers]) -> str:
    """Return which samples steps leave out; empty if it is not one of each batch."""
    first, second = inquiry.batches
    if inquiry.subject.single or min(len(first), len(second)) < 3:
        return ""
    many = _stretched(inquiry, _MANY)
    try:
        with drawing_apart(inquiry.subject):
            found = _left_out(inquiry, gradient, first, _STEPS)
            if len(set(found)) < 2:
                return ""
            for batch in (second, many):
                if not _left_out(inquiry, gradient, batch, _FEWER):
                    return ""
    except SubjectError:
        return ""
    numbers = ", ".join(str(number + 1) for number in found)
    return (
        f"of {len(found)} steps on the same {len(first)} samples each is by all but one: without "
        f"number {numbers}; steps on {len(second)} and on {len(many)} leave out one as well"
    )


def _stretched(inquiry: Inquiry, count: int) -> Batch:
    """Return so many samples that are multiples of those of a batch, no two of them alike."""
    batch = inquiry.batches[0]
    places = np.arange(count) % len(batch)
    sizes = np.linspace(0.5, 1.5, count)[:, np.newaxis]
    labels = np.arange(count) % max(inquiry.subject.outputs, 2)
    return inquiry.subject.batch(batch.inputs[places] * sizes, labels)


def _left_out(
    inquiry: Inquiry, gradient: Callable[[Batch], Layers], batch: Batch, count: int
) -> list[int]:
    """Return which sample each of some steps is without; empty if not each is without one."""
    ones = [batch.part(slice(n, n + 1)) for n in range(len(batch))]
    alone = np.stack([flat(gradient(one)) for one in ones], axis=1)
    whole = alone.sum(axis=1, keepdims=True)
    rate = inquiry.subject.network.lr or RATES[0]
    found = []
    for _ in range(count):
        step = flat(stepped(inquiry, batch, rate)[0])
        close = max(_CLOSE, inquiry.tolerance) * np.linalg.norm(step)
        off = _off(step, whole - alone)
        if not off.min() <= close or _off(step, whole).min() <= close:
            return []
        found.append(int(off.argmin()))
    return found


def _off(step: Array, ways: Array) -> Array:
    """Return how far a step is from the nearest multiple of each column."""
    sizes = np.maximum((ways**2).sum(axis=0), np.finfo(float).tiny)
    distances: Array = np.linalg.norm(step[:, np.newaxis] - step @ ways / sizes * ways, axis=0)
    return distances
