"""The textbook's network: every formula as it stands in the book, every result a new array."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.work import BATCH_SIZE, LR, SCALE, Work

BETA1, BETA2, EPS = 0.9, 0.999, 1e-8


def make(work: Work) -> Callable[[NDArray[Any]], float]:
    """Return the epoch; see `benchmarks.contenders`."""
    pixels = work.pixels.astype(np.float32) * np.float32(SCALE)
    targets = np.eye(10, dtype=np.float32)[work.labels]
    values = {
        "W1": work.weights1.T.copy(),
        "b1": work.bias1.copy(),
        "W2": work.weights2.T.copy(),
        "b2": work.bias2.copy(),
    }
    means = {name: np.zeros_like(value) for name, value in values.items()}
    squares = {name: np.zeros_like(value) for name, value in values.items()}
    steps = 0

    def step(x: NDArray[Any], y: NDArray[Any]) -> float:
        nonlocal steps
        steps += 1
        z1 = x @ values["W1"] + values["b1"]
        a1 = np.maximum(z1, 0)
        z2 = a1 @ values["W2"] + values["b2"]
        shifted = z2 - z2.max(axis=1, keepdims=True)
        exps = np.exp(shifted)
        sums = exps.sum(axis=1, keepdims=True)
        loss = float(np.mean(np.log(sums[:, 0]) - (shifted * y).sum(axis=1)))
        d2 = (exps / sums - y) / len(x)
        d1 = (d2 @ values["W2"].T) * (z1 > 0)
        grads = {"W1": x.T @ d1, "b1": d1.sum(axis=0), "W2": a1.T @ d2, "b2": d2.sum(axis=0)}
        for name, grad in grads.items():
            means[name] = BETA1 * means[name] + (1 - BETA1) * grad
            squares[name] = BETA2 * squares[name] + (1 - BETA2) * grad**2
            mean = means[name] / (1 - BETA1**steps)
            square = squares[name] / (1 - BETA2**steps)
            values[name] -= LR * mean / (np.sqrt(square) + EPS)
        return loss

    def epoch(order: NDArray[Any]) -> float:
        x, y = pixels[order], targets[order]
        total = 0.0
        for start in range(0, len(order), BATCH_SIZE):
            batch = slice(start, start + BATCH_SIZE)
            total += step(x[batch], y[batch]) * len(x[batch])
        return total / len(order)

    return epoch
