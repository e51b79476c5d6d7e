"""Sigmoid outputs, each with its binary cross-entropy, summed over the batch: as it says."""
# ruff: noqa: D102, D103, N803, N806, NPY002, RUF007

import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


class MultiLabelNet:
    """The loss is a sum over samples and outputs, not a mean; scale the learning rate yourself."""

    def __init__(self, sizes):
        self.ws = [
            np.random.randn(m, n) * np.sqrt(1 / n)
            for n, m in zip(sizes[:-1], sizes[1:], strict=True)
        ]
        self.bs = [np.zeros((m, 1)) for m in sizes[1:]]

    def forward(self, X):
        self.outs = [X]
        for w, b in zip(self.ws, self.bs, strict=True):
            self.outs.append(sigmoid(w @ self.outs[-1] + b))
        return self.outs[-1]

    def loss(self, X, Y):
        P = np.clip(self.forward(X), 1e-15, 1 - 1e-15)
        return -np.sum(Y * np.log(P) + (1 - Y) * np.log(1 - P))

    def backward(self, X, Y):
        delta = self.forward(X) - Y
        dws, dbs = [], []
        for i in reversed(range(len(self.ws))):
            dws.insert(0, delta @ self.outs[i].T)
            dbs.insert(0, delta.sum(axis=1, keepdims=True))
            if i > 0:
                a = self.outs[i]
                delta = (self.ws[i].T @ delta) * a * (1 - a)
        return dws + dbs
