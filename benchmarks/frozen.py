"""A training step and a prediction that never change: the yardstick of the regression gate.

The library's speed is given as its ratio to this file, measured in the same process at the same
time, so that the machine and its mood cancel out. That works only while this file stays as it is,
which is why its checksum is pinned in `benchmarks.gate`: whoever changes a character of it changes
the unit that all earlier figures are given in.

It knows one network, Linear-ReLU-Linear with softmax cross-entropy and Adam, in float32.
"""

import math
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

LR, BETA1, BETA2, EPS = 1e-3, 0.9, 0.999, 1e-8


class FrozenNetwork:
    """A network with its training, every array of it allocated in advance.

    Parameters
    ----------
    weights1 : ndarray of float32, shape (inputs, hidden)
    weights2 : ndarray of float32, shape (hidden, outputs)
        First weights; biases start at zero.
    batch_size : int
        Rows of every batch it is trained on.
    """

    def __init__(self, weights1: Array, weights2: Array, batch_size: int) -> None:
        (inputs, hidden), outputs = weights1.shape, weights2.shape[1]
        shapes = ((inputs, hidden), (hidden,), (hidden, outputs), (outputs,))
        size = sum(math.prod(shape) for shape in shapes)
        self._values, self._grads, self._exp_avg, self._exp_avg_sq, self._scratch = (
            np.zeros(size, np.float32) for _ in range(5)
        )
        self._parameters = _views(self._values, shapes)
        self._parameter_grads = _views(self._grads, shapes)
        self._parameters[0][:] = weights1
        self._parameters[2][:] = weights2
        self._steps = 0

        def buffer(*shape: int, dtype: Any = np.float32) -> Array:
            return np.empty((batch_size, *shape), dtype)

        self._raw, self._x = buffer(inputs, dtype=np.uint8), buffer(inputs)
        self._hidden, self._grad_hidden = buffer(hidden), buffer(hidden)
        self._on = buffer(hidden, dtype=np.bool_)
        self._logits, self._row = buffer(outputs), buffer(1)
        self._first = np.arange(0, batch_size * outputs, outputs)
        self._ones = np.ones(batch_size, np.float32)

    def step(self, pixels: Array, labels: Array, rows: Array) -> float:
        """Train on these rows of the pixels, which are bytes; return the mean loss."""
        weights1, bias1, weights2, bias2 = self._parameters
        grad_weights1, grad_bias1, grad_weights2, grad_bias2 = self._parameter_grads
        x, hidden, logits, row = self._x, self._hidden, self._logits, self._row
        np.take(pixels, rows, axis=0, out=self._raw, mode="clip")
        np.copyto(x, self._raw)
        x *= np.float32(1 / 255)

        np.dot(x, weights1, out=hidden)
        hidden += bias1
        np.maximum(hidden, 0, out=hidden)
        np.dot(hidden, weights2, out=logits)
        logits += bias2

        np.maximum.reduce(logits, axis=1, keepdims=True, out=row)
        logits -= row
        places = self._first + labels[rows]
        picked = logits.ravel()[places]
        np.exp(logits, out=logits)
        np.add.reduce(logits, axis=1, keepdims=True, out=row)
        loss = float(np.mean(np.log(row[:, 0]) - picked, dtype=np.float64))
        logits /= row
        logits.ravel()[places] -= 1
        logits /= len(rows)

        np.dot(hidden.T, logits, out=grad_weights2)
        np.dot(self._ones, logits, out=grad_bias2)
        np.dot(logits, weights2.T, out=self._grad_hidden)
        np.greater(hidden, 0, out=self._on)
        self._grad_hidden *= self._on
        np.dot(x.T, self._grad_hidden, out=grad_weights1)
        np.dot(self._ones, self._grad_hidden, out=grad_bias1)
        self._adam()
        return loss

    def predict(self, x: Array) -> Array:
        """Return the logits of inputs of float32."""
        weights1, bias1, weights2, bias2 = self._parameters
        hidden = np.dot(x, weights1)
        hidden += bias1
        np.maximum(hidden, 0, out=hidden)
        logits = np.dot(hidden, weights2)
        logits += bias2
        return logits

    def _adam(self) -> None:
        grads, scratch = self._grads, self._scratch
        self._steps += 1
        root = math.sqrt(1 - BETA2**self._steps)
        np.multiply(grads, 1 - BETA1, out=scratch)
        self._exp_avg *= BETA1
        self._exp_avg += scratch
        np.multiply(grads, grads, out=scratch)
        scratch *= 1 - BETA2
        self._exp_avg_sq *= BETA2
        self._exp_avg_sq += scratch
        np.sqrt(self._exp_avg_sq, out=scratch)
        scratch += EPS * root
        np.divide(self._exp_avg, scratch, out=scratch)
        scratch *= LR * root / (1 - BETA1**self._steps)
        self._values -= scratch


def _views(vector: Array, shapes: tuple[tuple[int, ...], ...]) -> list[Array]:
    views, start = [], 0
    for shape in shapes:
        stop = start + math.prod(shape)
        views.append(vector[start:stop].reshape(shape))
        start = stop
    return views
