"""What losses take as targets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from numpy_impl.arrays import IntArray
from numpy_impl.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray


def check_labels(name: str, labels: NDArray[np.integer], classes: int) -> IntArray:
    """Return `labels` if all are in 0..classes-1, else raise InputError naming the first."""
    # Negative numbers become the largest unsigned ones, so one comparison finds both kinds.
    unsigned = labels.view(np.uint64) if labels.dtype == np.int64 else labels.astype(np.uint64)
    if len(labels) and np.maximum.reduce(unsigned) >= classes:
        wrong = int(np.argmax(unsigned >= classes))
        raise InputError(name, f"labels from 0 to {classes - 1}", f"{labels[wrong]} at {wrong}")
    return labels
