"""A learner's network: objects for layers, samples in rows, a dictionary of moments per layer.

It computes in float64, which is what NumPy gives to those who do not ask for anything else.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.work import LR, Work


class Linear:
    """Inputs times weights plus bias; it remembers its inputs for the way back."""

    def __init__(self, weights: NDArray[Any], bias: NDArray[Any]) -> None:
        self.W = weights
        self.b = bias

    def forward(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return the outputs, of shape (batch, out_features)."""
        self.x = x
        return np.dot(x, self.W) + self.b

    def backward(self, grad: NDArray[Any]) -> NDArray[Any]:
        """Keep the gradients of the parameters and return that of the inputs."""
        self.dW = np.dot(self.x.T, grad)
        self.db = np.sum(grad, axis=0, keepdims=True)
        return np.dot(grad, self.W.T)


class ReLU:
    """Positive inputs as they are, zero for the others."""

    def forward(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return the outputs."""
        self.mask = x > 0
        return x * self.mask

    def backward(self, grad: NDArray[Any]) -> NDArray[Any]:
        """Return the gradient of the inputs."""
        return grad * self.mask


class SoftmaxCrossEntropy:
    """Softmax and the mean negative log-likelihood, over targets in one-hot rows."""

    def forward(self, logits: NDArray[Any], y: NDArray[Any]) -> float:
        """Return the loss."""
        exps = np.exp(logits - np.max(logits, axis=1, keepdims=True))
        self.probs = exps / np.sum(exps, axis=1, keepdims=True)
        right = self.probs[np.arange(len(y)), np.argmax(y, axis=1)]
        return float(np.mean(-np.log(right)))

    def backward(self, y: NDArray[Any]) -> NDArray[Any]:
        """Return the gradient of the logits."""
        return (self.probs - y) / len(y)


class Adam:
    """Both moments of every parameter, in dictionaries."""

    def __init__(self, layers: list[Linear], lr: float = LR) -> None:
        self.layers = layers
        self.lr, self.beta1, self.beta2, self.eps = lr, 0.9, 0.999, 1e-8
        self.m: dict[tuple[Linear, str], Any] = {}
        self.v: dict[tuple[Linear, str], Any] = {}
        self.t = 0

    def step(self) -> None:
        """Update all parameters by their gradients."""
        self.t += 1
        for layer in self.layers:
            for name in ("W", "b"):
                key, grad = (layer, name), getattr(layer, "d" + name)
                self.m[key] = self.beta1 * self.m.get(key, 0) + (1 - self.beta1) * grad
                self.v[key] = self.beta2 * self.v.get(key, 0) + (1 - self.beta2) * grad**2
                m_hat = self.m[key] / (1 - self.beta1**self.t)
                v_hat = self.v[key] / (1 - self.beta2**self.t)
                value = getattr(layer, name)
                setattr(layer, name, value - self.lr * m_hat / (np.sqrt(v_hat) + self.eps))


def make(work: Work) -> Callable[[NDArray[Any]], float]:
    """Return the epoch; see `benchmarks.contenders`."""
    pixels = work.pixels / 255.0
    targets = np.eye(work.sizes[-1])[work.labels]
    linear = [Linear(w.T.astype(np.float64), b[None].astype(np.float64)) for w, b in work.layers]
    layers = [
        layer for pair in zip(linear, [ReLU() for _ in linear], strict=True) for layer in pair
    ]
    layers.pop()
    loss = SoftmaxCrossEntropy()
    optimizer = Adam(linear)

    def epoch(order: NDArray[Any]) -> float:
        x_shuffled, y_shuffled = pixels[order], targets[order]
        total = 0.0
        for start in range(0, len(order), work.batch_size):
            x = x_shuffled[start : start + work.batch_size]
            y = y_shuffled[start : start + work.batch_size]
            out = x
            for layer in layers:
                out = layer.forward(out)
            total += loss.forward(out, y) * len(x)
            grad = loss.backward(y)
            for layer in reversed(layers):
                grad = layer.backward(grad)
            optimizer.step()
        return total / len(order)

    return epoch
