"""The values of losses, right and wrong, in all ways in which codes keep the logarithm finite."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.candidates.outputs import losses_of, misnormalized
from parity_tests.kit.fitting import are_single
from parity_tests.kit.forward import Pass
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.losses import huber, losses_behind
from parity_tests.kit.subject.subject import Batch

Array = NDArray[Any]

# What is added to probabilities, or what they are clipped to.
_EPSILONS = (0.0, 1e-15, 1e-12, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5)
# Name, cause, epsilon and value.
Row = tuple[str, str | None, float, float]


def is_single(reported: Sequence[float]) -> bool:
    """Whether values are those of float32, of which whole numbers tell nothing."""
    own = np.asarray(reported, np.float64)
    return are_single(own) and bool((own != np.round(own)).all())


def values(inquiry: Inquiry, passed: Pass, batch: Batch) -> Iterator[Row]:
    """Yield losses, summed over samples and outputs.

    Yields
    ------
    name : str
    cause : str or None
        What is wrong about it.
    epsilon : float
        What is added to probabilities, or what they are clipped to.
    value : float
    """
    assert inquiry.form is not None
    y = batch.targets
    for name, _, p, _ in losses_of(inquiry.form, passed, batch):
        with np.errstate(all="ignore"):
            for epsilon in _EPSILONS:
                ways = (p + epsilon, np.clip(p, epsilon, 1 - epsilon))
                for way in ways if epsilon else ways[:1]:
                    yes = y * np.log(way)
                    no = (1 - y) * np.log(1 - way)
                    yield "cross_entropy", None, epsilon, -_sum(yes)
                    yield "binary_cross_entropy", None, epsilon, -_sum(yes) - _sum(no)
                shifted = -_sum(y * np.log(p + epsilon))
                no = (1 - y) * np.log(1 - p + epsilon)
                yield "binary_cross_entropy", None, epsilon, shifted - _sum(no)
            for loss in losses_behind(name, y, are_numbers=batch.are_numbers).values():
                yield loss.name, None, 0.0, float(loss.value(p, y).sum())
            squares = (p - y) ** 2
            yield "squared_error", "loss-not-squared", 0.0, np.sqrt(squares.sum(axis=1)).sum()
            yield "squared_error", "loss-not-squared", 0.0, np.sqrt(squares.sum())
            # Of the mean of all entries, or of the samples alone.
            yield "squared_error", "loss-not-squared", 0.0, np.sqrt(squares.mean())
            yield "squared_error", "loss-not-squared", 0.0, np.sqrt(squares.sum(axis=1).mean())
            if name != "log_softmax":  # whose output has the logarithm
                yield "cross_entropy", "loss-without-log", 0.0, -(y * p).sum()
                yield "cross_entropy", "loss-without-log", 0.0, (1 - (y * p).sum(axis=1)).sum()
        if inquiry.subject.single:
            if y.shape[1] > 1:
                yield from _broadcast_each(p, y)
        elif y.shape[1] == 1 and len(y) > 1:
            yield from _broadcast(p, y[:, 0])
    # Of numbers, the sum of exponentials less the target's output is the loss of Poisson's rates.
    if inquiry.form.output in ("identity", "softmax") and not batch.are_numbers:
        # log softmax is the logit less the logarithm of the sum.
        z = passed.logits[-1]
        with np.errstate(all="ignore"):
            for logits in (z - z.max(axis=1, keepdims=True), z):
                rest = logits - np.exp(logits).sum(axis=1, keepdims=True)
                yield "cross_entropy", "loss-without-log", 0.0, -_sum(y * rest)
    for cause, p in misnormalized(inquiry.form, passed):
        with np.errstate(all="ignore"):
            yield "cross_entropy", cause, 0.0, -_sum(y * np.log(p))


def of_wrong_softmax(inquiry: Inquiry, passed: Pass, batch: Batch) -> Iterator[Row]:
    """Yield cross-entropies of softmaxes that nobody means as `values` does, each with a number.

    It shows where such a probability is next to nothing, as that of one sample among a batch.
    """
    assert inquiry.form is not None
    for cause, p in misnormalized(inquiry.form, passed):
        for epsilon in _EPSILONS[1:]:
            for way in (p + epsilon, np.clip(p, epsilon, 1 - epsilon)):
                with np.errstate(all="ignore"):
                    yield "cross_entropy", cause, epsilon, -_sum(batch.targets * np.log(way))


def of_threshold(threshold: float, _inquiry: Inquiry, passed: Pass, batch: Batch) -> Iterator[Row]:
    """Yield Huber's loss with another threshold than 1 as `values` does."""
    yield "huber", None, 0.0, float(huber(passed.output, batch.targets, threshold).sum())


def exchanged(inquiry: Inquiry, passed: Pass, batch: Batch) -> Iterator[Row]:
    """Yield cross-entropies as `values` does, as they are if labels are given for outputs.

    Without a number beside them, labels of 0 make them infinite.
    """
    assert inquiry.form is not None
    y, cause = batch.targets, "loss-arguments-exchanged"
    for _, _, p, _ in losses_of(inquiry.form, passed, batch):
        for epsilon in _EPSILONS[1:]:
            for yes, no in ((y + epsilon, 1 - y + epsilon), _clipped(y, epsilon)):
                with np.errstate(all="ignore"):
                    entropy = -_sum(p * np.log(yes))
                    both = entropy - _sum((1 - p) * np.log(no))
                yield "cross_entropy", cause, epsilon, entropy
                yield "binary_cross_entropy", cause, epsilon, both


def _clipped(y: Array, epsilon: float) -> tuple[Array, Array]:
    yes = np.clip(y, epsilon, 1 - epsilon)
    return yes, 1 - yes


def _broadcast(p: Array, labels: Array) -> Iterator[Row]:
    """Yield the losses of (samples, 1) outputs and (samples,) labels: of each with every other."""
    with np.errstate(all="ignore"):
        for epsilon in _EPSILONS:
            way = np.clip(p, epsilon, 1 - epsilon)
            entropy = -_sum(labels * np.log(way)) - _sum((1 - labels) * np.log(1 - way))
            yield "binary_cross_entropy", "labels-broadcast", epsilon, entropy
    yield "squared_error", "labels-broadcast", 0.0, float(((p - labels) ** 2).sum() / 2)


def _broadcast_each(p: Array, y: Array) -> Iterator[Row]:
    """Yield the losses of single samples whose outputs are a column and whose labels a row.

    Over the number of outputs, as each label is met so often.
    """
    rows = [
        list(_broadcast(outputs[:, np.newaxis], labels))
        for outputs, labels in zip(p, y, strict=True)
    ]
    for (name, cause, epsilon, _), *own in zip(rows[0], *rows, strict=True):
        yield name, cause, epsilon, sum(value for *_, value in own) / y.shape[1]


def _sum(terms: Array) -> float:
    # 0 log 0 is 0.
    return float(np.where(np.isnan(terms), 0.0, terms).sum())
