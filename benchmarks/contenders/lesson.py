"""The network as a first course writes it: layer objects, float64, one-hot targets.

Its optimizer and settings are those of all contenders, so that the losses can be compared.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.work import LR, SCALE, Work

Array = NDArray[Any]


class Dense:
    """A layer with its own copy of the input and its own Adam."""

    def __init__(self, weight: Array) -> None:
        self.weight = weight.T.astype(np.float64)
        self.bias = np.zeros((1, weight.shape[0]))
        self.moments = [np.zeros_like(p) for p in (self.weight, self.weight, self.bias, self.bias)]

    def forward(self, x: Array) -> Array:
        """Return x W + b."""
        self.x = x
        result: Array = np.dot(x, self.weight) + self.bias
        return result

    def backward(self, grad: Array) -> Array:
        """Keep the gradients of the parameters, return that of the input."""
        self.grad_weight = np.dot(self.x.T, grad)
        self.grad_bias = np.sum(grad, axis=0, keepdims=True)
        result: Array = np.dot(grad, self.weight.T)
        return result

    def step(self, t: int) -> None:
        """Update by Adam."""
        m_w, v_w, m_b, v_b = self.moments
        m_w = 0.9 * m_w + 0.1 * self.grad_weight
        v_w = 0.999 * v_w + 0.001 * self.grad_weight**2
        m_b = 0.9 * m_b + 0.1 * self.grad_bias
        v_b = 0.999 * v_b + 0.001 * self.grad_bias**2
        self.moments = [m_w, v_w, m_b, v_b]
        mean, square = 1 - 0.9**t, 1 - 0.999**t
        self.weight = self.weight - LR * (m_w / mean) / (np.sqrt(v_w / square) + 1e-8)
        self.bias = self.bias - LR * (m_b / mean) / (np.sqrt(v_b / square) + 1e-8)


class Rectifier:
    """max(0, x)."""

    def forward(self, x: Array) -> Array:
        """Return max(0, x)."""
        self.positive = x > 0
        return np.maximum(0, x)

    def backward(self, grad: Array) -> Array:
        """Return the gradient where the input was positive."""
        return grad * self.positive

    def step(self, t: int) -> None:
        """Do nothing: there are no parameters."""


def make(work: Work) -> Callable[[Array], float]:
    """Return the epoch; see `benchmarks.contenders`."""
    images = work.pixels.astype(np.float64) * SCALE
    one_hot = np.eye(work.sizes[-1])[work.labels]
    layers: list[Dense | Rectifier] = [Dense(work.weights[0])]
    for weight in work.weights[1:]:
        layers += [Rectifier(), Dense(weight)]
    t = 0

    def epoch(order: Array) -> float:
        nonlocal t
        shuffled, targets = images[order], one_hot[order]
        total = 0.0
        for start in range(0, len(order), work.batch_size):
            t += 1
            z = shuffled[start : start + work.batch_size]
            y = targets[start : start + work.batch_size]
            for layer in layers:
                z = layer.forward(z)
            exps = np.exp(z - np.max(z, axis=1, keepdims=True))
            probabilities = exps / np.sum(exps, axis=1, keepdims=True)
            total -= float(np.sum(y * np.log(probabilities + 1e-15)))
            grad = (probabilities - y) / len(y)
            for layer in reversed(layers):
                grad = layer.backward(grad)
            for layer in layers:
                layer.step(t)
        return total / len(order)

    return epoch
