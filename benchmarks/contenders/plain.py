"""The textbook's network: every formula as it stands in the book, every result a new array."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.work import LR, SCALE, Work

BETA1, BETA2, EPS = 0.9, 0.999, 1e-8


def make(work: Work) -> Callable[[NDArray[Any]], float]:
    """Return the epoch; see `benchmarks.contenders`."""
    pixels = work.pixels.astype(np.float32) * np.float32(SCALE)
    targets = np.eye(work.sizes[-1], dtype=np.float32)[work.labels]
    # Weights, bias, weights, bias, ...; weights of shape (in_features, out_features).
    values = [value.T.copy() for value in work.parameters.values()]
    means = [np.zeros_like(value) for value in values]
    squares = [np.zeros_like(value) for value in values]
    steps = 0

    def step(x: NDArray[Any], y: NDArray[Any]) -> float:
        nonlocal steps
        steps += 1
        inputs = [x]
        for weights, bias in zip(values[:-2:2], values[1:-2:2], strict=True):
            inputs.append(np.maximum(inputs[-1] @ weights + bias, 0))
        logits = inputs[-1] @ values[-2] + values[-1]
        shifted = logits - logits.max(axis=1, keepdims=True)
        exps = np.exp(shifted)
        sums = exps.sum(axis=1, keepdims=True)
        loss = float(np.mean(np.log(sums[:, 0]) - (shifted * y).sum(axis=1)))
        delta = (exps / sums - y) / len(x)
        grads: list[NDArray[Any]] = []
        for number in reversed(range(len(inputs))):
            a = inputs[number]
            grads[:0] = [a.T @ delta, delta.sum(axis=0)]
            if number > 0:
                delta = (delta @ values[2 * number].T) * (a > 0)
        for number, grad in enumerate(grads):
            means[number] = BETA1 * means[number] + (1 - BETA1) * grad
            squares[number] = BETA2 * squares[number] + (1 - BETA2) * grad**2
            mean = means[number] / (1 - BETA1**steps)
            square = squares[number] / (1 - BETA2**steps)
            values[number] -= LR * mean / (np.sqrt(square) + EPS)
        return loss

    def epoch(order: NDArray[Any]) -> float:
        x, y = pixels[order], targets[order]
        total = 0.0
        for start in range(0, len(order), work.batch_size):
            batch = slice(start, start + work.batch_size)
            total += step(x[batch], y[batch]) * len(x[batch])
        return total / len(order)

    return epoch
