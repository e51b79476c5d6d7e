"""Faults in batches and one-hot labels are named, and what is right or meant is not blamed."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from parity_tests.kit.aspects.data import aspect as data
from parity_tests.kit.tests.asked import (
    SIZES,
    Array,
    Classifier,
    ask,
    by_largest_label,
    network,
    only,
    variant,
)
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, UNCHECKED


def by_labels_present(labels: Array) -> Array:
    return (labels[:, np.newaxis] == np.unique(labels)).astype(float)


def of_the_whole_batch(labels: Array) -> Array:
    table = np.zeros((len(labels), 10))
    table[:, labels] = 1
    return table


@pytest.mark.parametrize(
    ("one_hot", "status", "cause"),
    [
        (by_largest_label, DIFFERS, "one-hot-by-largest-label"),
        (by_labels_present, DIFFERS, "one-hot-by-labels-present"),
        (lambda labels: np.eye(10)[labels - 1], DIFFERS, "one-hot-shifted"),
        (lambda labels: np.eye(10)[9 - labels], DIFFERS, "one-hot-wrong"),
        (of_the_whole_batch, DIFFERS, "one-hot-others"),
        (lambda labels: np.eye(10)[labels] + np.eye(10)[9 - labels], DIFFERS, "one-hot-wrong"),
        (lambda labels: np.eye(10)[labels].T, CONVENTION, None),
        (lambda labels: np.eye(10)[labels], EQUAL, None),
        (lambda labels: np.eye(10)[labels.reshape(-1)][:, :, np.newaxis], EQUAL, None),
        (lambda labels: np.where(np.eye(10)[labels] > 0, 0.99, 0.01), EQUAL, None),
        (lambda labels: labels.nothing, UNCHECKED, None),
    ],
)
def test_one_hot_labels(one_hot: Any, status: str, cause: str | None) -> None:
    verdict = only(ask(network(one_hot=one_hot), data.examine))
    assert (verdict.status, verdict.cause) == (status, cause), verdict


def test_a_label_that_is_no_class_is_told() -> None:
    def compared(labels: Array) -> Array:
        return (labels[:, np.newaxis] == np.arange(10)).astype(float)

    verdict = only(ask(network(one_hot=compared), data.examine))
    assert verdict.status == EQUAL
    assert "without an error" in verdict.message


Pairs = Iterator[tuple[Array, Array]]


def right(x: Array, y: Array, size: int) -> Pairs:
    order = np.random.permutation(len(x))  # noqa: NPY002
    for start in range(0, len(x), size):
        yield x[order[start : start + size]], y[order[start : start + size]]


def in_order(x: Array, y: Array, size: int) -> Pairs:
    for start in range(0, len(x), size):
        yield x[start : start + size], y[start : start + size]


def overlapping(x: Array, y: Array, size: int) -> Pairs:
    for start in range(len(x) // size):
        yield x[start : start + size], y[start : start + size]


def overlapping_by_one(x: Array, y: Array, size: int) -> Pairs:
    for start in range(0, len(x), size - 1):
        yield x[start : start + size], y[start : start + size]


def leftover_appended(x: Array, y: Array, size: int) -> Pairs:
    whole = len(x) // size
    for start in range(whole):
        yield x[start * size : (start + 1) * size], y[start * size : (start + 1) * size]
    if len(x) % size:
        yield x[(whole - 1) * size :], y[(whole - 1) * size :]


def leftover_appended_shuffled(x: Array, y: Array, size: int) -> Pairs:
    order = np.random.permutation(len(x))  # noqa: NPY002
    yield from leftover_appended(x[order], y[order], size)


def first_batch_again(x: Array, y: Array, size: int) -> Pairs:
    yield from right(x, y, size)
    yield x[:size], y[:size]


def one_less(x: Array, y: Array, size: int) -> Pairs:
    for start in range(0, len(x), size):
        yield x[start : start + size - 1], y[start : start + size - 1]


def without_the_last_batch(x: Array, y: Array, size: int) -> Pairs:
    for start in range(0, len(x) - size, size):
        yield x[start : start + size], y[start : start + size]


def without_the_last_sample(x: Array, y: Array, size: int) -> Pairs:
    yield from in_order(x[:-1], y[:-1], size)


def drop_last(x: Array, y: Array, size: int) -> Pairs:
    for n in range(len(x) // size):
        yield x[n * size : (n + 1) * size], y[n * size : (n + 1) * size]


def shuffled_apart(x: Array, y: Array, size: int) -> Pairs:
    np.random.shuffle(x)  # noqa: NPY002
    np.random.shuffle(y)  # noqa: NPY002
    yield from in_order(x, y, size)


def out_of_step(x: Array, y: Array, size: int) -> Pairs:
    yield from in_order(x, np.roll(y, 1, axis=0), size)


def _sorted(column: int, *, is_whole: bool) -> Callable[..., Pairs]:
    """Return batches of which the inputs, or inputs and labels, are sorted by a column."""

    def batches(x: Array, y: Array, size: int) -> Pairs:
        order = np.argsort(x[:, column])
        yield from in_order(x[order], y[order] if is_whole else y, size)

    return batches


def with_replacement(x: Array, y: Array, size: int) -> Pairs:
    for _ in range(len(x) // size):
        chosen = np.random.choice(len(x), size)  # noqa: NPY002
        yield x[chosen], y[chosen]


def filled_up(x: Array, y: Array, size: int) -> Pairs:
    for start in range(0, len(x), size):
        chosen = np.arange(start, start + size) % len(x)
        yield x[chosen], y[chosen]


def one_more(x: Array, y: Array, size: int) -> Pairs:
    for start in range(0, len(x) // size * size + 1, size):
        yield x[start : start + size], y[start : start + size]


def whole_only(x: Array, y: Array, size: int) -> Pairs:
    return zip(x.reshape(-1, size, x.shape[1]), y.reshape(-1, size, y.shape[1]), strict=True)


def two_lists(x: Array, y: Array, size: int) -> Any:
    xs, ys = zip(*in_order(x, y, size), strict=True)
    return list(xs), list(ys)


def scaling(x: Array, y: Array, size: int) -> Pairs:
    yield from in_order(x / 255, y, size)


BATCHES: list[tuple[Any, str, str | None]] = [
    (overlapping, DIFFERS, "batches-overlap"),
    (overlapping_by_one, DIFFERS, "batches-overlap"),
    (one_less, DIFFERS, "batches-drop-samples"),
    (without_the_last_batch, DIFFERS, "batches-drop-samples"),
    (without_the_last_sample, DIFFERS, "batches-drop-samples"),
    (one_more, CONVENTION, None),
    (shuffled_apart, DIFFERS, "shuffled-apart"),
    (out_of_step, DIFFERS, None),
    (_sorted(0, is_whole=False), DIFFERS, "shuffled-apart"),
    (_sorted(11, is_whole=False), DIFFERS, "shuffled-apart"),
    (_sorted(0, is_whole=True), EQUAL, None),
    (drop_last, CONVENTION, "batches-drop-samples"),
    (leftover_appended, DIFFERS, "batches-leftover-appended"),
    (leftover_appended_shuffled, DIFFERS, "batches-leftover-appended"),
    (first_batch_again, CONVENTION, None),
    (with_replacement, CONVENTION, None),
    (filled_up, CONVENTION, None),
    (whole_only, CONVENTION, None),
    (right, EQUAL, None),
    (in_order, EQUAL, None),
    (two_lists, EQUAL, None),
    (scaling, UNCHECKED, None),
    (lambda x, y, size: [(x, y)], UNCHECKED, None),  # noqa: ARG005
    (lambda x, y, size: x.nothing, UNCHECKED, None),  # noqa: ARG005
]


@pytest.mark.parametrize(("batches", "status", "cause"), BATCHES)
def test_batches(batches: Any, status: str, cause: str | None) -> None:
    for seed in range(3):
        verdict = only(ask(network(batches=batches), data.examine, seed))
        assert (verdict.status, verdict.cause) == (status, cause), verdict


class _Means(Classifier):
    """Sums are divided by the number of samples, where `Classifier` divides each sample's part."""

    def gradients(self, x: Array, y: Array) -> list[Array]:
        return [np.divide(len(x) * g, len(x)) for g in super().gradients(x, y)]


class _Raises(Classifier):
    def delta(self, x: Array, y: Array) -> Array:
        if not len(x):
            raise ValueError("no samples")
        return super().delta(x, y)


@pytest.mark.parametrize(
    ("make", "more", "status", "told"),
    [
        (_Means, {}, DIFFERS, "batch 5 of 5 has none, and the parameters are not finite"),
        (_Means, {"step": None}, DIFFERS, "the gradients are not finite"),
        (_Raises, {}, DIFFERS, "it raises step: ValueError: no samples"),
        (Classifier, {}, CONVENTION, "does no harm"),
        (Classifier, {"step": None, "gradients": None}, CONVENTION, "does no harm"),
    ],
)
def test_a_batch_of_no_samples_is_told_by_what_it_does(
    make: type[Classifier], more: dict[str, None], status: str, told: str
) -> None:
    verdict = only(ask(network(make, batches=one_more, **more), data.examine))
    assert verdict.status == status
    assert verdict.cause == ("batches-empty" if status == DIFFERS else None)
    assert told in verdict.message


@pytest.mark.parametrize(
    ("batches", "is_drawn"), [(with_replacement, True), (first_batch_again, False)]
)
def test_batches_are_drawn_at_random_if_places_differ(batches: Any, is_drawn: bool) -> None:
    told = only(ask(network(batches=batches), data.examine)).message
    assert ("drawn at random" in told) == is_drawn


@pytest.mark.parametrize("labels", ["integers", "integer_column", "one_hot", "soft"])
@pytest.mark.parametrize("sizes", [SIZES, (5, 4, 1), (20, 5)])
def test_batches_in_all_layouts(labels: str, sizes: tuple[int, ...]) -> None:
    make = variant(sizes=sizes)
    for batches, cause in ((right, None), (shuffled_apart, "shuffled-apart")):
        verdict = only(ask(network(make, batches=batches, labels=labels), data.examine))
        assert verdict.cause == cause, verdict


@pytest.mark.parametrize("labels", ["integer_column", "one_hot"])
def test_batches_in_columns(labels: str) -> None:
    def columns(x: Array, y: Array, size: int) -> Pairs:
        order = np.random.permutation(x.shape[1])  # noqa: NPY002
        for start in range(0, len(order), size):
            yield x[:, order[start : start + size]], y[:, order[start : start + size]]

    declared = network(lambda: _turned(), weights="out_in", batch="columns", labels=labels)
    assert only(ask(replace(declared, batches=columns), data.examine)).status == EQUAL


def _turned() -> Any:
    net = Classifier()
    net.w = [w.T.copy() for w in net.w]
    net.b = [b.T.copy() for b in net.b]
    return net


def test_nothing_is_asked_where_nothing_is_declared() -> None:
    assert ask(network(), data.examine) == []
