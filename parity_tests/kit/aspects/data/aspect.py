"""Labels become one-hot as they should, and every sample comes once an epoch, with its own label.

Samples are given numbers as their inputs, so that each can be followed into the batches.
"""

import contextlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.aspects.data.several_at_once import of_several
from parity_tests.kit.aspects.observing import RATES
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.subject.seeding import seeded
from parity_tests.kit.subject.subject import Batch, Subject, SubjectError, quiet, tensors
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, UNCHECKED, Verdict, named

Array = NDArray[Any]

# Whole batches only, a last batch of 3, and a last batch of 1.
_BATCH_SIZE, _SAMPLES = 5, (20, 23, 21)


def examine(inquiry: Inquiry) -> list[Verdict]:
    """Ask for one-hot labels and for the batches of an epoch."""
    network = inquiry.subject.network
    verdicts = []
    if network.one_hot is not None and inquiry.subject.outputs > 1:
        verdicts.append(_one_hot(inquiry))
    if network.batches is not None:
        verdicts += _batches(inquiry)
    return verdicts + of_several(inquiry)


# One-hot labels


class _RefusedError(Exception):
    """A function raised, or what it returned could not be read."""


def _one_hot(inquiry: Inquiry) -> Verdict:
    classes = inquiry.subject.outputs
    every = np.arange(classes).repeat(2)[::-1].copy()
    samples = len(every)
    try:
        table, turned = _table(inquiry, every, classes)
    except _RefusedError as error:
        return Verdict("data", UNCHECKED, f"one_hot: {error}", "one-hot labels")
    expected = np.eye(classes)[every]
    if not np.array_equal(_hits(table), expected):
        for shift in range(1, classes):
            if np.array_equal(_hits(table), np.roll(expected, shift, axis=1)):
                seen = f"the 1 of class 0 is in column {shift}, counted from 0"
                return named("data", "one-hot-shifted", seen, "one-hot labels")
        wrong = int((_hits(table) != expected).any(axis=1).sum())
        if np.array_equal(_hits(table), np.broadcast_to(expected.max(axis=0), expected.shape)):
            seen = f"{wrong} of {samples} labels have a 1 at every class that is in the batch"
            return named("data", "one-hot-others", seen, "one-hot labels")
        seen = f"of {samples} labels {wrong} are wrong"
        return named("data", "one-hot-wrong", seen, "one-hot labels")
    found = _absent_classes(inquiry, classes)
    if found is not None:
        return found
    columns = inquiry.subject.network.batch == "columns"
    given = inquiry.subject.network.labels in ("one_hot", "soft")
    if given and not inquiry.subject.single and turned != columns:
        lie = "columns" if turned else "rows"
        message = f"one-hot labels are right, with samples in {lie}; the network takes the other"
        return Verdict("data", CONVENTION, message, "one-hot labels")
    return Verdict("data", EQUAL, f"one-hot labels have {classes} classes{_beyond(inquiry)}")


def _absent_classes(inquiry: Inquiry, classes: int) -> Verdict | None:
    """Return what is wrong if some classes do not come, or None."""
    if classes < 3:
        return None
    without_last = np.arange(classes - 1).repeat(2)
    without_first = np.arange(1, classes).repeat(2)
    widths = []
    for labels in (without_last, without_first):
        try:
            table, _ = _table(inquiry, labels)
        except _RefusedError:
            widths.append(0)
            continue
        widths.append(table.shape[1])
    last, first = widths
    if last == first == classes:
        return None
    # Without the first class, the largest label is still there.
    seen = f"{{}}: a batch has {last or 'no'} columns, of {classes}"
    if last == classes - 1 and first == classes:
        seen = seen.format("without the last class")
        return named("data", "one-hot-by-largest-label", seen, "one-hot labels")
    if first in (0, classes - 1) and last == classes - 1:
        seen = seen.format("without one of the classes")
        return named("data", "one-hot-by-labels-present", seen, "one-hot labels")
    message = f"without some of the classes one-hot labels have {last} and {first} columns"
    return Verdict("data", DIFFERS, f"{message}; the cause is unknown", "one-hot labels")


def _table(inquiry: Inquiry, labels: Array, classes: int | None = None) -> tuple[Array, bool]:
    """Return one-hot labels in rows, and whether they came in columns."""
    one_hot = inquiry.subject.network.one_hot
    assert one_hot is not None
    told = ""
    for form in (labels, labels[:, np.newaxis], labels[np.newaxis]):
        with quiet():
            try:
                table = np.asarray(one_hot(form.copy()), np.float64)
            except Exception as error:
                told = told or f"{type(error).__name__}: {error}"
                continue
        table = table.squeeze()
        if table.ndim == 2 and len(labels) in table.shape:
            turned = table.shape[0] != len(labels)
            table = table.T if turned else table
            if classes is None or table.shape[1] == classes:
                return table, turned
        told = told or f"expected {len(labels)} labels of {classes} classes, got {table.shape}"
    raise _RefusedError(told)


def _hits(table: Array) -> Array:
    """Return 1 where a label is on; soft labels have 0.99 there."""
    return (table > 0.5).astype(np.float64)


def _beyond(inquiry: Inquiry) -> str:
    """Return what becomes of a label that is no class."""
    classes = inquiry.subject.outputs
    try:
        table, _ = _table(inquiry, np.array([*range(classes), classes]))
    except _RefusedError:
        return ""
    if table.shape[1] != classes:
        return ""
    return f"; a label of {classes}, which is none, is taken without an error"


# Batches


@dataclass(frozen=True)
class _Epoch:
    """What came in an epoch.

    Attributes
    ----------
    samples : int
        How many were given.
    ids : list of list of int
        The samples of each batch, in order.
    given : list of list of int
        The classes that came with them; -1 for none.
    labels : ndarray of int
        The classes that they have.
    in_place : bool
        Whether the caller's arrays are not what they were.
    """

    samples: int
    ids: list[list[int]]
    given: list[list[int]]
    labels: Array
    in_place: bool

    @property
    def counts(self) -> Counter[int]:
        """How often each sample came."""
        return Counter(number for batch in self.ids for number in batch)

    @property
    def missing(self) -> list[int]:
        """Samples that did not come."""
        counts = self.counts
        return [number for number in range(self.samples) if not counts[number]]

    @property
    def repeated(self) -> list[int]:
        """Samples that came more than once."""
        return [number for number, count in self.counts.items() if count > 1]

    @property
    def own(self) -> list[int]:
        """The classes that belong to the samples that came."""
        return [int(self.labels[number]) for batch in self.ids for number in batch]

    @property
    def came(self) -> list[int]:
        """The classes that came with them."""
        return [label for batch in self.given for label in batch]

    @property
    def in_order(self) -> bool:
        """Whether the samples came as they were given."""
        return all(a < b for a, b in pairwise(n for batch in self.ids for n in batch))


def _batches(inquiry: Inquiry) -> list[Verdict]:
    epochs, refused = [], []
    for samples in _SAMPLES:
        try:
            epochs.append(_epoch(inquiry, samples))
        except _RefusedError as error:
            refused.append(str(error))
    # What goes wrong in one batch of all samples does so in any.
    apart = _apart(epochs)
    if apart is not None:
        return [apart]
    if not epochs or len(epochs[0].ids) < 2:
        why = refused[0] if refused else "an epoch of 20 samples has one batch"
        return [Verdict("data", UNCHECKED, f"batches: {why}", "batches")]
    told = (_overlapping(inquiry, epochs), _empty(inquiry, epochs))
    found = [verdict for verdict in told if verdict is not None]
    if not found:
        dropped = _dropped(epochs)
        found = [] if dropped is None else [dropped]
    if not found and refused:
        message = f"it raises for a last batch that is not full: {refused[0]}"
        found = [Verdict("data", CONVENTION, message, "batches")]
    if not found:
        order = "in the order given" if all(e.in_order for e in epochs) else "shuffled"
        message = f"every sample comes once an epoch, {order}, with its own label"
        if any(epoch.in_place for epoch in epochs):
            message += "; the arrays handed over are shuffled themselves"
        found = [Verdict("data", EQUAL, message)]
    return found


def _epoch(inquiry: Inquiry, samples: int) -> _Epoch:
    """Return what becomes of an epoch of numbered samples."""
    subject = inquiry.subject
    function = subject.network.batches
    assert function is not None
    numbers = np.arange(samples)
    classes = max(subject.outputs, 2)
    # Neighbours have different classes, and the classes do not repeat from batch to batch.
    labels = (numbers + numbers // classes) % classes
    inputs = _marked(samples, subject.sizes[0])
    x, y = _laid_out(subject, subject.batch(inputs, labels))
    before = x.copy()
    with quiet(), seeded(int(inquiry.rng.integers(2**32))):
        try:
            pairs = _pairs(function(x, y, _BATCH_SIZE), 4 * samples)
        except Exception as error:
            raise _RefusedError(f"{type(error).__name__}: {error}") from error
    ids = [_numbers(subject, own, samples) for own, _ in pairs]
    given = [_classes(subject, own, len(ids[n])) for n, (_, own) in enumerate(pairs)]
    return _Epoch(samples, ids, given, labels, not np.array_equal(x, before))


def _marked(samples: int, features: int) -> Array:
    """Return inputs by which samples are recognized, and of which no column is in any order.

    Inputs that rise, or are alike in all columns, would hide what is sorted by one of them.

    Returns
    -------
    ndarray of shape (samples, features)
        Each column has the numbers from 1 on, in another order.
    """
    # The same each time, so that a batch can be looked up.
    rng = np.random.default_rng(samples)
    return np.stack([rng.permutation(samples) + 1.0 for _ in range(features)], axis=1)


def _pairs(epoch: Any, limit: int) -> list[tuple[Any, Any]]:
    """Return the batches of an epoch as pairs; they may also be two lists, inputs and labels."""
    if isinstance(epoch, (list, tuple)) and len(epoch) == 2:
        epoch = zip(*epoch, strict=True)
    return [(x, y) for x, y in islice(epoch, limit)]


def _laid_out(subject: Subject, batch: Batch) -> tuple[Array, Array]:
    """Return samples and labels as the network takes them, single ones in a stack."""
    form, labels = subject.network.batch, subject.network.labels

    def turned(rows: Array) -> Array:
        if form == "columns":
            return np.ascontiguousarray(rows.T)
        if form == "column":
            return rows[:, :, np.newaxis].copy()
        return rows[:, np.newaxis].copy() if form == "row" else rows.copy()

    if labels in ("integers", "integer_column"):
        classes = batch.labels % 2 if subject.outputs == 1 else batch.labels
        given = classes.copy() if labels == "integers" else turned(classes[:, np.newaxis])
    else:
        given = turned(batch.targets)
    return turned(batch.inputs), given


def _numbers(subject: Subject, x: Any, samples: int) -> list[int]:
    """Return the numbers of the samples in a batch."""
    with contextlib.suppress(ValueError, TypeError):
        array = np.asarray(x, np.float64)
        if subject.network.batch == "columns":
            array = array.T
        marks = _marked(samples, subject.sizes[0])
        known = {tuple(row): number for number, row in enumerate(marks.tolist())}
        rows = array.reshape(-1, subject.sizes[0]).tolist()
        if all(tuple(row) in known for row in rows):
            return [known[tuple(row)] for row in rows]
    raise _RefusedError(f"the samples cannot be recognized in a batch of shape {np.shape(x)}")


def _classes(subject: Subject, y: Any, samples: int) -> list[int]:
    """Return the classes in a batch, -1 where there is none."""
    try:
        array = np.asarray(y, np.float64)
    except (ValueError, TypeError):
        return [-1] * samples
    outputs = subject.outputs
    if outputs > 1 and array.size == samples * outputs:
        table = array.squeeze()
        columns = subject.network.batch == "columns" or samples != outputs
        if columns and table.shape == (outputs, samples):
            table = table.T
        return [int(label) for label in table.reshape(samples, outputs).argmax(axis=1)]
    flat = [round(float(label)) for label in array.ravel()]
    return (flat + [-1] * samples)[:samples]


def _apart(epochs: Sequence[_Epoch]) -> Verdict | None:
    """Return what is wrong with the labels that come with the samples, or None."""
    for epoch in epochs:
        wrong = sum(a != b for a, b in zip(epoch.own, epoch.came, strict=True))
        if not wrong:
            continue
        seen = f"{wrong} of {len(epoch.own)} samples come with the label of another"
        same = not Counter(epoch.came) - Counter(epoch.labels.tolist())
        # Labels that are out of step by a few places are no shuffle.
        moved = any(
            np.array_equal(np.roll(epoch.own, n), epoch.came) for n in range(len(epoch.own))
        )
        if same and not moved:
            return named("data", "shuffled-apart", seen, "batches")
        return Verdict("data", DIFFERS, f"{seen}; the cause is unknown", "batches")
    return None


def _overlapping(inquiry: Inquiry, epochs: Sequence[_Epoch]) -> Verdict | None:
    """Return what it is if samples come more than once, or None."""
    epoch = next((e for e in epochs if e.repeated), None)
    if epoch is None:
        return None
    again = [
        len(other) > len(one) and other[: len(one)] == one for one, other in pairwise(epoch.ids)
    ]
    if again and again[-1] and sum(again) == 1:
        one, other = epoch.ids[-2:]
        seen = (
            f"the last batch has the {len(one)} samples of the one before it and "
            f"{len(other) - len(one)} more, with a batch size of {_BATCH_SIZE}"
        )
        return named("data", "batches-leftover-appended", seen, "batches")
    longest = max(map(len, epoch.ids))
    full = [batch for batch in epoch.ids if len(batch) == longest]
    for common in range(1, longest):
        windows = [one[-common:] == other[:common] for one, other in pairwise(full)]
        if windows and all(windows):
            seen = (
                f"the last {common} of every batch of {longest} come again as the first of the "
                f"next, with a batch size of {_BATCH_SIZE}; of {epoch.samples} samples "
                f"{len(epoch.missing)} do not come"
            )
            return named("data", "batches-overlap", seen, "batches")
    filled = all(len(batch) == _BATCH_SIZE for batch in epoch.ids) and not epoch.missing
    what = (
        f"of {epoch.samples} samples {len(epoch.repeated)} come more than once and "
        f"{len(epoch.missing)} do not come"
    )
    if filled and not epochs[0].repeated:
        message = "the last batch is filled up with samples that have come before"
    elif epoch.missing and _is_drawn(inquiry, epoch):
        message = f"batches are drawn at random: {what}"
    else:
        # The same places of every epoch have the same samples, whatever their order.
        sizes = ", ".join(str(len(batch)) for batch in epoch.ids)
        message = f"the batches have {sizes} samples; {what}, unless it is meant otherwise"
    return Verdict("data", CONVENTION, message, "batches")


# Epochs that are drawn again to see whether they repeat samples at the same places.
_AGAIN = 3


def _is_drawn(inquiry: Inquiry, epoch: _Epoch) -> bool:
    """Whether other epochs have samples once more at other places."""
    places = {_places(epoch)}
    for _ in range(_AGAIN):
        try:
            places.add(_places(_epoch(inquiry, epoch.samples)))
        except _RefusedError:
            return False
    return len(places) > 1


def _places(epoch: _Epoch) -> tuple[int, ...]:
    """Return for each place in an epoch the first place with the same sample."""
    came = [number for batch in epoch.ids for number in batch]
    return tuple(came.index(number) for number in came)


def _empty(inquiry: Inquiry, epochs: Sequence[_Epoch]) -> Verdict | None:
    """Return what it is if a batch has no samples, or None."""
    epoch = next((epoch for epoch in epochs if not all(epoch.ids)), None)
    if epoch is None:
        return None
    number = next(number for number, batch in enumerate(epoch.ids, start=1) if not batch)
    seen = (
        f"of {epoch.samples} samples with a batch size of {_BATCH_SIZE}, batch {number} of "
        f"{len(epoch.ids)} has none"
    )
    harm = _harm_of_none(inquiry)
    if harm is None:
        return Verdict("data", CONVENTION, f"{seen}, which does no harm here", "batches")
    return named("data", "batches-empty", f"{seen}, and {harm}", "batches")


def _harm_of_none(inquiry: Inquiry) -> str | None:
    """Return what comes of a batch without samples; None if nothing does."""
    subject, none = inquiry.subject, inquiry.batches[0].part(slice(0, 0))
    network = subject.network
    if subject.single or (network.step is None and network.gradients is None):
        return None
    try:
        subject.begin(inquiry.layers)
        if network.step is not None:
            subject.step(none, RATES[0])
            what, layers = "parameters", subject.get()
        else:
            what, layers = "gradients", subject.gradients(none)
    except SubjectError as error:
        return f"it raises {error}"
    finally:
        inquiry.restore()
    is_finite = all(np.isfinite(array).all() for array in tensors(layers))
    return None if is_finite else f"the {what} are not finite after it: its mean is 0 / 0"


def _dropped(epochs: Sequence[_Epoch]) -> Verdict | None:
    """Return what it is if samples do not come, or None."""
    lacking = [epoch for epoch in epochs if epoch.missing]
    if not lacking:
        return None
    whole = all(
        len(e.missing) == e.samples % _BATCH_SIZE and {len(b) for b in e.ids} == {_BATCH_SIZE}
        for e in epochs
    )
    if whole:
        message = (
            "the samples of a last batch that is not full do not come, as with drop_last=True in "
            "PyTorch; if they are not shuffled before every epoch, it is always the same ones"
        )
        return Verdict("data", CONVENTION, message, "batches", "batches-drop-samples")
    epoch = lacking[0]
    sizes = [len(batch) for batch in epoch.ids]
    seen = (
        f"of {epoch.samples} samples {len(epoch.missing)} do not come; with a batch size of "
        f"{_BATCH_SIZE} the batches have {', '.join(map(str, sizes))}"
    )
    return named("data", "batches-drop-samples", seen, "batches")
