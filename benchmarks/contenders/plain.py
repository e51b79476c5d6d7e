"""The textbook's network: every formula as it stands in the book, every result a new array."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.work import LR, SCALE, Work

BETA1, BETA2, EPS = 0.9, 0.999, 1e-8

Array = NDArray[Any]


def make(work: Work) -> Callable[[Array], float]:
    """Return the epoch; see `benchmarks.contenders`."""
    pixels = work.pixels.astype(np.float32) * np.float32(SCALE)
    targets = np.eye(work.sizes[-1], dtype=np.float32)[work.labels]
    weights = [weight.T.copy() for weight in work.weights]
    values = [*weights, *(np.zeros(weight.shape[1], np.float32) for weight in weights)]
    means = [np.zeros_like(value) for value in values]
    squares = [np.zeros_like(value) for value in values]
    depth = len(weights)
    steps = 0

    def step(x: Array, y: Array) -> float:
        nonlocal steps
        steps += 1
        inputs, sums_in = [x], []
        for layer in range(depth):
            z = inputs[-1] @ values[layer] + values[depth + layer]
            sums_in.append(z)
            inputs.append(np.maximum(z, 0))
        shifted = z - z.max(axis=1, keepdims=True)
        exps = np.exp(shifted)
        sums = exps.sum(axis=1, keepdims=True)
        loss = float(np.mean(np.log(sums[:, 0]) - (shifted * y).sum(axis=1)))
        d = (exps / sums - y) / len(x)
        grads: list[Array] = [d] * (2 * depth)
        for layer in reversed(range(depth)):
            grads[layer], grads[depth + layer] = inputs[layer].T @ d, d.sum(axis=0)
            if layer:
                d = (d @ values[layer].T) * (sums_in[layer - 1] > 0)
        for index, grad in enumerate(grads):
            means[index] = BETA1 * means[index] + (1 - BETA1) * grad
            squares[index] = BETA2 * squares[index] + (1 - BETA2) * grad**2
            mean = means[index] / (1 - BETA1**steps)
            square = squares[index] / (1 - BETA2**steps)
            values[index] -= LR * mean / (np.sqrt(square) + EPS)
        return loss

    def epoch(order: Array) -> float:
        total = 0.0
        for start in range(0, len(order), work.batch_size):
            rows = order[start : start + work.batch_size]
            total += step(pixels[rows], targets[rows]) * len(rows)
        return total / len(order)

    return epoch


def make_predict(work: Work) -> Callable[[Array], Array]:
    """Return the inference; see `benchmarks.contenders`."""
    weights = [weight.T.copy() for weight in work.weights]
    biases = [np.zeros(weight.shape[1], np.float32) for weight in weights]

    def predict(x: Array) -> Array:
        for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
            x = np.maximum(x @ weight + bias, 0)
        result: Array = x @ weights[-1] + biases[-1]
        return result

    return predict
