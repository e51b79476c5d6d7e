"""A network that returns logits, and losses apart from it; any number of leaky hidden layers."""
# ruff: noqa: D101, D102, D103, NPY002

import numpy as np


class MLP:
    def __init__(self, dims, slope=0.1):
        self.slope = slope
        self.weights = []
        self.biases = []
        for i in range(len(dims) - 1):
            self.weights.append(np.random.randn(dims[i], dims[i + 1]) * (2 / dims[i]) ** 0.5)
            self.biases.append(np.zeros(dims[i + 1]))

    def __call__(self, x):
        self.saved = []
        last = len(self.weights) - 1
        for i in range(last + 1):
            z = x @ self.weights[i] + self.biases[i]
            self.saved.append((x, z))
            x = z if i == last else np.where(z > 0, z, self.slope * z)
        return x

    def backward(self, grad):
        grad_w = []
        grad_b = []
        for i in reversed(range(len(self.weights))):
            x, z = self.saved[i]
            if i < len(self.weights) - 1:
                grad = grad * np.where(z > 0, 1, self.slope)
            grad_w.append(x.T @ grad)
            grad_b.append(grad.sum(0))
            grad = grad @ self.weights[i].T
        return grad_w[::-1] + grad_b[::-1]


def softmax_loss(logits, y):
    n = logits.shape[0]
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_probs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    loss = -log_probs[np.arange(n), y].sum() / n
    dlogits = np.exp(log_probs)
    dlogits[np.arange(n), y] -= 1
    return loss, dlogits / n


def binary_loss(logits, y):
    p = 1 / (1 + np.exp(-logits))
    loss = np.maximum(logits, 0) - logits * y + np.log1p(np.exp(-np.abs(logits)))
    return loss.sum() / len(y), (p - y) / len(y)


def mse_loss(outputs, y):
    difference = outputs - y
    return np.mean(difference**2), 2 * difference / difference.size


def hinge_loss(scores, y):
    n = len(y)
    margins = np.maximum(0, scores - scores[np.arange(n), y][:, None] + 1)
    margins[np.arange(n), y] = 0
    dscores = (margins > 0).astype(float)
    dscores[np.arange(n), y] = -dscores.sum(axis=1)
    return margins.sum() / n, dscores / n


def huber_loss(outputs, y):
    error = np.abs(outputs - y)
    loss = np.where(error < 1, 0.5 * error**2, error - 0.5)
    return loss.mean(), np.clip(outputs - y, -1, 1) / y.size


def absolute_loss(outputs, y):
    return np.abs(outputs - y).mean(), np.sign(outputs - y) / y.size
