"""The five matrix products of a step and nothing else: no NumPy training can be faster."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.work import BATCH_SIZE, SCALE, Work


def make(work: Work) -> Callable[[NDArray[Any]], None]:
    """Return the epoch; see `benchmarks.contenders`."""
    w1, w2 = work.weights1, work.weights2
    x = work.pixels[:BATCH_SIZE] * np.float32(SCALE)
    a1 = np.maximum(x @ w1.T, 0)
    z2 = a1 @ w2.T
    d1 = z2 @ w2
    buffers = [np.empty_like(array) for array in (a1, z2, w2, d1, w1)]

    def epoch(order: NDArray[Any]) -> None:
        for _ in range(0, len(order), BATCH_SIZE):
            np.matmul(x, w1.T, out=buffers[0])
            np.matmul(a1, w2.T, out=buffers[1])
            np.matmul(z2.T, a1, out=buffers[2])
            np.matmul(z2, w2, out=buffers[3])
            np.matmul(d1.T, x, out=buffers[4])

    return epoch
