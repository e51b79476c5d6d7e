"""Labels that are taken for the class beside theirs, as of classes that are counted from 1."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.subject.subject import Batch

Array = NDArray[Any]


def is_one_hot(targets: Array) -> bool:
    """Whether labels are of one class each, of more than two."""
    are_ones = np.isin(targets, (0, 1)).all() and (targets.sum(axis=1) == 1).all()
    return bool(targets.shape[1] > 2 and are_ones)


def shifted(targets: Array) -> Iterator[tuple[str, Array]]:
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


def shifted_batches(batches: tuple[Batch, Batch]) -> Iterator[tuple[str, tuple[Batch, Batch]]]:
    """Yield batches with such labels, which a network gets as they were."""
    first, second = batches
    for (which, one), (_, other) in zip(
        shifted(first.targets), shifted(second.targets), strict=True
    ):
        yield which, (replace(first, targets=one), replace(second, targets=other))
