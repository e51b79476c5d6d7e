r"""Steps on several samples, of a network that takes them one at a time.

What trains may go through a batch itself, and give one sample after the other to the forward pass.
By small steps, which keep nothing, what it takes away is the sum of what it takes away for each, or
as many times that as a mean is,

.. math:: \Delta\theta = c \sum_n \Delta\theta_n

Where it is not, samples do not count, or count with the labels of others.
"""

from dataclasses import replace
from types import CodeType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.aspects.calls_recorded import Note, record_forward
from parity_tests.kit.aspects.first_steps.kept_steps import what_is_kept
from parity_tests.kit.aspects.observing import RATES, stepped
from parity_tests.kit.fitting import fit
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.subject.subject import Batch, SubjectError, by_name, flat, unflat
from parity_tests.kit.verdicts import Verdict, named

Array = NDArray[Any]

# How several samples lie, where single ones lie so.
_SEVERAL = {"row": "rows", "column": "columns", "vector": "rows"}
# So small a step that a sample's hardly changes that of the next, and how near sums are then.
_RATE, _NEAR = 1e-3 * RATES[1], 1e-3


def of_several(inquiry: Inquiry) -> list[Verdict]:
    """Hold the step on a batch to those on its samples, if it takes these one by one."""
    network, batch = inquiry.subject.network, inquiry.batches[0]
    if network.batch not in _SEVERAL or network.step is None or network.lr is not None:
        return []
    if inquiry.gradient_scale is None or inquiry.is_gradient_faulty:
        return []
    try:
        kept = what_is_kept(inquiry)
        if kept is None or kept.kind != "nothing":
            return []
        order, whole = _taken(inquiry, batch)
        if sorted(order) != list(range(len(batch))):
            return []
        each = np.stack([_step(inquiry, batch, n, n) for n in range(len(batch))])
        if _is_multiple(whole, each.sum(axis=0)):
            return []
        apart = sum(_step(inquiry, batch, n, place) for place, n in enumerate(order))
    except SubjectError:
        return []
    if _is_multiple(whole, np.asarray(apart)):
        seen = f"a step on {len(batch)} samples at once takes each with the label of another"
        return [named("data", "shuffled-apart", seen, "batches")]
    return _left_out(inquiry, whole, each)


def _left_out(inquiry: Inquiry, whole: Array, each: Array) -> list[Verdict]:
    """Return that a step is that of some of the samples alone, if it is, in all or some tensors."""
    missing = _missing(whole, each)
    if missing:
        return [named("data", "samples-left-out", _seen(missing, len(each)), "batches")]
    parts = by_name(unflat(whole, inquiry.layers))
    alone = [by_name(unflat(one, inquiry.layers)) for one in each]
    found: dict[str, list[int]] = {}
    for name, own in by_name(inquiry.layers).items():
        part = _without(own, parts[name])
        singles = np.stack([_without(own, one[name]) for one in alone])
        if not _is_multiple(part, singles.sum(axis=0)):
            found[name] = _missing(part, singles)
    if not found or len({*map(tuple, found.values())}) > 1 or not all(found.values()):
        return []
    first, places = next(iter(found.items()))
    where = "" if len(found) == len(parts) else f"in {', '.join(found)}, "
    return [named("data", "samples-left-out", where + _seen(places, len(each)), first)]


def _without(own: Array, change: Array) -> Array:
    """Return a change without what is along a parameter, of which a step may lose a share once."""
    along, flat_change = np.ravel(own), np.ravel(change)
    square = along @ along
    return flat_change - along * (along @ flat_change / square) if square else flat_change


def _seen(missing: list[int], count: int) -> str:
    places = ", ".join(map(str, missing))
    return f"a step on {count} samples at once has nothing of those at {places}, counted from 0"


def _missing(whole: Array, each: Array) -> list[int]:
    """Return the samples without which a step is that of all; empty if there are none."""
    if whole.size < len(each):
        return []
    shares, *_ = np.linalg.lstsq(each.T, whole, rcond=None)
    missing = np.abs(shares) <= _NEAR * np.abs(shares).max()
    if missing.all() or not _is_multiple(whole, each[~missing].sum(axis=0)):
        return []
    return [int(n) for n in np.flatnonzero(missing)]


def _is_multiple(one: Array, other: Array) -> bool:
    return fit(one, other)[1] <= _NEAR


def _step(inquiry: Inquiry, batch: Batch, sample: int, label: int) -> Array:
    """Return what a step on one sample takes away, with the label of that or of another."""
    own, other = batch.part([sample]), batch.part([label])
    mixed = replace(own, labels=other.labels, targets=other.targets)
    return flat(stepped(inquiry, mixed, _RATE)[0])


def _taken(inquiry: Inquiry, batch: Batch) -> tuple[list[int], Array]:
    """Return in which order a step on several samples takes them, and what it takes away.

    An order that is not one of the samples says that they are not taken one by one. Where none goes
    through the forward pass, it is that in which the gradient is asked.
    """
    network = inquiry.subject.network
    subject = inquiry.subject.another(replace(network, batch=_SEVERAL[network.batch]))
    before = subject.set(inquiry.layers)
    through: list[int] = []
    back: list[int] = []

    def note(order: list[int]) -> Note:
        def noted(arguments: tuple[Any, ...], _result: Any, _caller: CodeType) -> None:
            given = np.ravel(arguments[0]) if arguments else np.zeros(0)
            same = [n for n, one in enumerate(batch.inputs) if np.array_equal(one, given)]
            order.extend(same or [-1])

        return noted

    record_forward(subject.net, network.forward, note(through))
    if network.gradients is not None:
        record_forward(subject.net, network.gradients, note(back))
    subject.step(batch, _RATE)
    subject.arrays_as_made()
    # After it, the error of all may be asked for.
    order = (through or back)[: len(batch)]
    return order, (flat(before) - flat(subject.get())) / _RATE
