"""How a gradient is seen: handed out, or in what a training step changes."""

from collections.abc import Sequence
from itertools import pairwise, permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.aspects.walks import walk_on
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.subject.subject import Batch, Layer, Layers, SubjectError, flat, unflat

Array = NDArray[Any]

# Learning rates at which an update shows the gradient. With the first little is lost to rounding;
# if the answer changes with the second, an update used what had been updated. The first is no
# factor that a gradient has for another reason than that the rate is in the step twice.
RATES = (0.37, 1e-3)


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
        part = changed(before, after, rate * len(batch))
        total = part if total is None else _sum(total, part)
    assert total is not None
    return total, after if len(batch) == 1 else None


def stepped(inquiry: Inquiry, batch: Batch, rate: float) -> tuple[Layers, Layers]:
    """Return what a new network's step takes away, over its learning rate, and what is left."""
    before, after = walk_on(inquiry, [batch], rate, may_repeat=True).layers
    return changed(before, after, rate), after


def changed(before: Layers, after: Layers, rate: float) -> Layers:
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


def is_one_by_one_of_mean(inquiry: Inquiry) -> bool:
    """Whether it is so with each step divided by the number of samples."""
    return _is_near(inquiry, 0.0, is_divided=True)


def is_accumulated(inquiry: Inquiry) -> bool:
    """Whether a step on two samples takes the first one's change once more with the second's."""
    return _is_near(inquiry, 1.0)


def mini_batch_of(inquiry: Inquiry) -> int | None:
    """Return after how many samples of a batch a step updates, where it does so more than once.

    None if a part of the batch changes nothing, as the last one where it is left out.
    """
    batch = inquiry.batches[0]
    rate = inquiry.subject.network.lr or RATES[0]
    try:
        whole = _after(inquiry, batch, rate, inquiry.layers)
        for size in range(2, len(batch)):
            starts = range(0, len(batch), size)
            parts = [batch.part(slice(start, start + size)) for start in starts]
            places = _in_turn(inquiry, parts, 0.0, is_divided=False)
            moved = inquiry.tolerance * np.linalg.norm(whole - places[0])
            are_moving = all(np.any(one != other) for one, other in pairwise(places))
            if are_moving and np.linalg.norm(whole - places[-1]) <= moved:
                return size
    except SubjectError:
        pass
    return None


GROWN_OUTSIDE = (
    "in every new network that of the same batch is larger by the same amount: what is added up is "
    "kept outside of the networks"
)
KEPT_OUTSIDE = (
    "none of the generators that are known is drawn from, so that one is made for every call, or "
    "something is kept outside of the networks, such as a velocity in a global name"
)
# Of how many answers each has to be as much larger than the one before.
_GROWING = 4


def is_grown_outside(inquiry: Inquiry) -> bool:
    """Whether the gradient of the same batch grows by the same in every new network.

    So it is where sums are kept in what all networks share, as in a module, and never set to zero.
    """
    try:
        seen = [flat(observe(inquiry, inquiry.batches[0])[0]) for _ in range(_GROWING)]
    except SubjectError:
        return False
    first, *others = np.diff(seen, axis=0)
    close = inquiry.tolerance * max(map(float, map(np.linalg.norm, seen)))
    is_growing = np.linalg.norm(first) > 1e3 * close
    return bool(is_growing and all(np.linalg.norm(own - first) <= 10 * close for own in others))


# Of so many attempts one has the samples in an order that is asked for, nearly always.
_ATTEMPTS = 12


def _is_near(inquiry: Inquiry, again: float, *, is_divided: bool = False) -> bool:
    try:
        # Three are asked only where two agree.
        return all(
            _is_in_turn(inquiry, samples, again, is_divided=is_divided) for samples in (2, 3)
        )
    except SubjectError:
        return False


# A step need not be finite.
@np.errstate(all="ignore")
def _is_in_turn(inquiry: Inquiry, samples: int, again: float, *, is_divided: bool) -> bool:
    """Whether a step on some samples goes where steps on each go, in any order.

    Parameters
    ----------
    again : float
        How many times the change of each step is taken once more by every step that follows.
    is_divided : bool
        Whether each step is at the rate over the number of samples. Where steps cannot be given a
        rate, their changes are divided.
    """
    batch, own = inquiry.batches[0], inquiry.subject.network.lr
    rate = own or RATES[0]
    chosen = _moving(inquiry, samples, rate)
    if len(chosen) < samples:
        if again:
            return False  # what changes nothing is nothing once more, too
        chosen = list(range(samples))
    parts = [batch.part(slice(number, number + 1)) for number in chosen]
    start = flat(inquiry.layers)
    wanted = [
        _in_turn(inquiry, order, again, is_divided=is_divided)[-1] for order in permutations(parts)
    ]
    together = batch.part(chosen)
    if not again and not (is_divided and own):
        # What is kept of the samples before, as a velocity is, one network alone has.
        shorter = rate / samples if is_divided else rate
        wanted += [
            flat(walk_on(inquiry, list(order), shorter).layers[-1]) for order in permutations(parts)
        ]
    for _ in range(_ATTEMPTS):
        after = _after(inquiry, together, rate, inquiry.layers)
        if any(
            np.linalg.norm(after - own) <= inquiry.tolerance * np.linalg.norm(own - start)
            for own in wanted
            if np.any(own != start) and np.isfinite(own).all()
        ):
            return True
    return False


def _moving(inquiry: Inquiry, samples: int, rate: float) -> list[int]:
    """Return which samples of a batch are the first whose steps change something: so many at most.

    Of a hinge, one whose margin is kept changes nothing.
    """
    start, batch = flat(inquiry.layers), inquiry.batches[0]
    found: list[int] = []
    for number in range(len(batch)):
        one = batch.part(slice(number, number + 1))
        if len(found) < samples and np.any(_after(inquiry, one, rate, inquiry.layers) != start):
            found.append(number)
    return found


def _in_turn(
    inquiry: Inquiry, parts: Sequence[Batch], again: float, *, is_divided: bool
) -> list[Array]:
    """Return the parameters before one step on each part, and after each."""
    own = inquiry.subject.network.lr
    share = 1 / len(parts) if is_divided else 1.0
    rate, part_of = (RATES[0] * share, 1.0) if own is None else (own, share)
    places = [flat(inquiry.layers)]
    changes: list[Array] = []
    for part in parts:
        before = places[-1]
        after = _after(inquiry, part, rate, unflat(before, inquiry.layers))
        changes.append(part_of * (after - before))
        places.append(before + changes[-1] + again * sum(changes[:-1]))
    return places


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
