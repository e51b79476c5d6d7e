"""How a gradient is seen: handed out, or in what a training step changes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.subject import Batch, Layer, Layers, SubjectError

Array = NDArray[Any]

# Learning rates at which an update shows the gradient. With the first little is lost to rounding;
# if the answer changes with the second, an update used what had been updated.
RATES = (0.5, 1e-3)


def is_inferred(inquiry: Inquiry) -> bool:
    """Whether the gradient is only seen from steps."""
    network = inquiry.subject.network
    return network.gradients is None and network.backward is None


def observe(
    inquiry: Inquiry, batch: Batch, rate: float | None = None
) -> tuple[Layers, Layers | None]:
    """Return the gradients, and the parameters after the update if that is how they are seen."""
    subject = inquiry.subject
    subject.renew()
    before = subject.set(inquiry.layers)
    if not is_inferred(inquiry):
        return subject.gradients(batch), None
    rate = rate or subject.network.lr or RATES[0]
    if not subject.single:
        subject.step(batch, rate)
        after = subject.get()
        return difference(before, after, rate), after
    total: Layers | None = None
    for number in range(len(batch)):
        subject.renew()
        subject.set(inquiry.layers)
        subject.step(batch.part(slice(number, number + 1)), rate)
        after = subject.get()
        part = difference(before, after, rate * len(batch))
        total = part if total is None else _sum(total, part)
    assert total is not None
    return total, after if len(batch) == 1 else None


def difference(before: Layers, after: Layers, rate: float) -> Layers:
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
    """Whether a step on two samples is one step after the other, in either order.

    So is an epoch of single samples, which may be shuffled.
    """
    return _is_near(inquiry, 0.0)


def is_accumulated(inquiry: Inquiry) -> bool:
    """Whether a step on two samples takes the first one's change once more with the second's."""
    return _is_near(inquiry, 1.0)


def _is_near(inquiry: Inquiry, again: float) -> bool:
    try:
        return any(
            _distance(inquiry, order, again) <= inquiry.tolerance for order in _orders(inquiry)
        )
    except SubjectError:
        return False


def _orders(inquiry: Inquiry) -> list[list[Batch]]:
    parts = [inquiry.batches[0].part(slice(number, number + 1)) for number in range(2)]
    return [parts, parts[::-1]]


# Of so many attempts one has two samples in the order that is asked for, nearly always.
_ATTEMPTS = 12


def _distance(inquiry: Inquiry, parts: list[Batch], again: float) -> float:
    """Return how far a step on two samples is from steps on each, over the size of the change.

    Parameters
    ----------
    again : float
        How many times the change of each step is taken once more by every step that follows.
    """
    subject, rate = inquiry.subject, inquiry.subject.network.lr or RATES[0]
    start = layers = _vector(inquiry.layers)
    changes: list[Array] = []
    for part in parts:
        subject.renew()
        subject.set(_layers(inquiry.layers, layers))
        subject.step(part, rate)
        changes.append(_now(inquiry) - layers)
        layers = layers + changes[-1] + again * sum(changes[:-1])
    both = inquiry.batches[0].part(slice(0, 2))
    size = float(np.linalg.norm(layers - start))
    distances = []
    for _ in range(_ATTEMPTS):
        subject.renew()
        subject.set(inquiry.layers)
        subject.step(both, rate)
        distances.append(float(np.linalg.norm(_now(inquiry) - layers)) / size)
        if distances[-1] <= inquiry.tolerance:
            break
    return min(distances)


def _now(inquiry: Inquiry) -> Array:
    inquiry.subject.arrays_as_made()
    return _vector(inquiry.subject.get())


def _vector(layers: Layers) -> Array:
    return np.concatenate(
        [
            np.ravel(array)
            for layer in layers
            for array in (layer.weight, layer.bias)
            if array is not None
        ]
    )


def _layers(like: Layers, vector: Array) -> Layers:
    """Return a vector's entries as layers of the same shapes as others."""
    found, position = [], 0
    for layer in like:
        arrays = []
        for array in (layer.weight, layer.bias):
            if array is None:
                arrays.append(None)
                continue
            arrays.append(vector[position : position + array.size].reshape(array.shape))
            position += array.size
        found.append(Layer(*arrays))
    return found
