"""Biases as the last row of each matrix, fed with a column of ones; sum of squared errors."""
# ruff: noqa: D101, D102, D103, N803, NPY002, RUF007

import numpy as np


def add_ones(a):
    return np.hstack([a, np.ones((a.shape[0], 1))])


class FoldedNetwork:
    def __init__(self, sizes):
        self.W = []
        for n_in, n_out in zip(sizes[:-1], sizes[1:], strict=True):
            w = np.random.randn(n_in + 1, n_out) * np.sqrt(1.0 / n_in)
            w[-1] = 0
            self.W.append(w)

    def forward(self, X):
        self.A = [add_ones(X)]
        for k, w in enumerate(self.W):
            a = 1 / (1 + np.exp(-self.A[-1] @ w))
            self.A.append(a if k == len(self.W) - 1 else add_ones(a))
        return self.A[-1]

    def loss(self, X, T):
        return 0.5 * np.sum((T - self.forward(X)) ** 2)

    def gradients(self, X, T):
        out = self.forward(X)
        delta = (out - T) * out * (1 - out)
        grads = []
        for k in range(len(self.W) - 1, -1, -1):
            grads.insert(0, self.A[k].T @ delta)
            if k:
                hidden = self.A[k][:, :-1]
                delta = delta @ self.W[k][:-1].T * hidden * (1 - hidden)
        return grads
