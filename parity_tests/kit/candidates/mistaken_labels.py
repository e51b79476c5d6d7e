"""One-hot labels that are made wrongly of the classes.

Classes that are counted from 1 give labels of the class beside theirs. An index that takes all
rows with each label, as ``[:, y]`` in the place of ``[range(n), y]``, gives every sample the labels
of all.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.subject.subject import Batch

Array = NDArray[Any]


@dataclass(frozen=True)
class Mistaken:
    """Labels that are made wrongly.

    Attributes
    ----------
    cause : str
        What is wrong.
    which : str
        What they are.
    labels : ndarray of shape (samples, classes)
    """

    cause: str
    which: str
    labels: Array


def is_one_hot(targets: Array) -> bool:
    """Whether labels are of one class each, of more than two."""
    are_ones = np.isin(targets, (0, 1)).all() and (targets.sum(axis=1) == 1).all()
    return bool(targets.shape[1] > 2 and are_ones)


def mistaken(targets: Array) -> Iterator[Mistaken]:
    """Yield labels that are made wrongly of the same classes."""
    for which, labels in _shifted(targets):
        yield Mistaken("labels-shifted", which, labels)
    for which, labels in _of_whole_batch(targets):
        yield Mistaken("labels-of-whole-batch", which, labels)


def _of_whole_batch(targets: Array) -> Iterator[tuple[str, Array]]:
    """Yield labels that have a 1 where any sample of the batch has one, and sums of all labels.

    Where every class occurs nothing tells the first from ones.
    """
    counts = targets.sum(axis=0)
    if not counts.all():
        ones = np.broadcast_to((counts > 0).astype(float), targets.shape)
        yield "labels that are 1 in the columns of all classes of the batch", ones
        yield (
            "labels that are added up over the batch",
            np.broadcast_to(counts, targets.shape),
        )


def _shifted(targets: Array) -> Iterator[tuple[str, Array]]:
    """Yield one-hot labels of the class before each, and behind it.

    Parameters
    ----------
    targets : ndarray of shape (samples, classes)

    Yields
    ------
    text : str
        Which class it is.
    labels : ndarray of shape (samples, classes)
        Of a sample whose class has none beside it, that at the other end, or of no class.
    """
    for step, which in ((-1, "before"), (1, "behind")):
        rolled = np.roll(targets, step, axis=1)
        yield (
            f"the class {which} that of each sample, the first and the last being neighbours",
            rolled,
        )
        cut = rolled.copy()
        cut[:, -1 if step < 0 else 0] = 0.0
        yield f"the class {which} that of each sample, where there is one", cut


def mistaken_batches(
    batches: tuple[Batch, Batch],
) -> Iterator[tuple[Mistaken, tuple[Batch, Batch]]]:
    """Yield batches with such labels, which a network gets as they were."""
    first, second = batches
    of_second = {(own.cause, own.which): own.labels for own in mistaken(second.targets)}
    for own in mistaken(first.targets):
        other = of_second.get((own.cause, own.which))
        if other is not None:
            yield own, (replace(first, targets=own.labels), replace(second, targets=other))
