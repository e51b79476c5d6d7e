"""The matrix products of a step and nothing else: no NumPy training can be faster."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.work import SCALE, Work

Product = tuple[NDArray[Any], NDArray[Any], NDArray[Any]]  # left, right, result


def make(work: Work) -> Callable[[NDArray[Any]], None]:
    """Return the epoch; see `benchmarks.contenders`."""
    rows = np.resize(work.pixels[: work.batch_size], (work.batch_size, work.sizes[0]))
    x = rows * np.float32(SCALE)
    products: list[Product] = []
    for number, (weights, _) in enumerate(work.layers):
        z = x @ weights.T
        products += [_product(x, weights.T), _product(z.T, x)]
        if number > 0:
            products.append(_product(z, weights))
        x = np.maximum(z, 0)

    def epoch(order: NDArray[Any]) -> None:
        for _ in range(0, len(order), work.batch_size):
            for left, right, result in products:
                np.matmul(left, right, out=result)

    return epoch


def _product(left: NDArray[Any], right: NDArray[Any]) -> Product:
    return left, right, left @ right
