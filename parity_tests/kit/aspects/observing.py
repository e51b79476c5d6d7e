"""How a gradient is seen: handed out, or in what a training step changes."""

from collections.abc import Iterator, Sequence
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.aspects.walks import walk_on
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.subject import Batch, Layer, Layers, SubjectError, flat, unflat

Array = NDArray[Any]

# Learning rates at which an update shows the gradient. With the first little is lost to rounding;
# if the answer changes with the second, an update used what had been updated.
RATES = (0.5, 1e-3)


def is_inferred(inquiry: Inquiry) -> bool:
    """Whether the gradient is only seen from steps."""
    network = inquiry.subject.network
    return network.gradients is None and network.backward is None


def precision_of(inquiry: Inquiry) -> float:
    """Return the relative rounding of the parameters."""
    dtypes = [array.dtype for array in inquiry.subject.arrays()]
    return max(float(np.finfo(dtype).eps) for dtype in dtypes if dtype.kind == "f")


def observe(
    inquiry: Inquiry, batch: Batch, rate: float | None = None
) -> tuple[Layers, Layers | None]:
    """Return the gradients, and the parameters after the update if that is how they are seen."""
    subject = inquiry.subject
    if not is_inferred(inquiry):
        subject.begin(inquiry.layers)
        return subject.gradients(batch), None
    rate = rate or subject.network.lr or RATES[0]
    if not subject.single:
        return stepped(inquiry, batch, rate)
    total: Layers | None = None
    for number in range(len(batch)):
        one = batch.part(slice(number, number + 1))
        before, after = walk_on(inquiry, [one], rate).layers
        part = _difference(before, after, rate * len(batch))
        total = part if total is None else _sum(total, part)
    assert total is not None
    return total, after if len(batch) == 1 else None


def stepped(inquiry: Inquiry, batch: Batch, rate: float) -> tuple[Layers, Layers]:
    """Return what a new network's step takes away, over its learning rate, and what is left."""
    before, after = walk_on(inquiry, [batch], rate).layers
    return _difference(before, after, rate), after


def _difference(before: Layers, after: Layers, rate: float) -> Layers:
    """Return what a step with a learning rate has taken away, over that rate."""
    return [
        Layer(
            (old.weight - new.weight) / rate,
            None if old.bias is None or new.bias is None else (old.bias - new.bias) / rate,
        )
        for old, new in zip(before, after, strict=True)
    ]


def _sum(one: Layers, other: Layers) -> Layers:
    return [
        Layer(a.weight + b.weight, None if a.bias is None or b.bias is None else a.bias + b.bias)
        for a, b in zip(one, other, strict=True)
    ]


def is_one_by_one(inquiry: Inquiry) -> bool:
    """Whether a step on two samples, and on three, is one step after the other, in any order.

    So is an epoch of single samples, which may be shuffled.
    """
    return _is_near(inquiry, 0.0)


def is_accumulated(inquiry: Inquiry) -> bool:
    """Whether a step on two samples takes the first one's change once more with the second's."""
    return _is_near(inquiry, 1.0)


def _is_near(inquiry: Inquiry, again: float) -> bool:
    try:
        # Three are asked only where two agree.
        return all(
            any(_distance(inquiry, order, again) <= inquiry.tolerance for order in orders)
            for orders in (_orders(inquiry, samples) for samples in (2, 3))
        )
    except SubjectError:
        return False


def _orders(inquiry: Inquiry, samples: int) -> Iterator[tuple[Batch, ...]]:
    parts = [inquiry.batches[0].part(slice(number, number + 1)) for number in range(samples)]
    yield from permutations(parts)


# Of so many attempts one has the samples in an order that is asked for, nearly always.
_ATTEMPTS = 12


def _distance(inquiry: Inquiry, parts: Sequence[Batch], again: float) -> float:
    """Return how far a step on some samples is from steps on each, over the size of the change.

    Parameters
    ----------
    again : float
        How many times the change of each step is taken once more by every step that follows.
    """
    rate = inquiry.subject.network.lr or RATES[0]
    start, layers, changes = flat(inquiry.layers), inquiry.layers, []
    for part in parts:
        before = flat(layers)
        changes.append(_after(inquiry, part, rate, layers) - before)
        layers = unflat(before + changes[-1] + again * sum(changes[:-1]), inquiry.layers)
    wanted = flat(layers)
    together = inquiry.batches[0].part(slice(0, len(parts)))
    distances = []
    for _ in range(_ATTEMPTS):
        off = np.linalg.norm(_after(inquiry, together, rate, inquiry.layers) - wanted)
        distances.append(float(off / np.linalg.norm(wanted - start)))
        if distances[-1] <= inquiry.tolerance:
            break
    return min(distances)


def _after(inquiry: Inquiry, batch: Batch, rate: float, start: Layers) -> Array:
    """Return the parameters after a step."""
    after = walk_on(inquiry, [batch], rate, start).layers[-1]
    inquiry.subject.arrays_as_made()
    return flat(after)


def is_another(one: Layers, other: Layers) -> bool:
    """Whether the gradients of the last matrix are not the same.

    Dropout, wherever it is, changes the output and with it that gradient; noise in another one
    alone is no dropout.
    """
    first, second = one[-1].weight, other[-1].weight
    return not np.allclose(first, second, rtol=1e-6, atol=0.0, equal_nan=True)
