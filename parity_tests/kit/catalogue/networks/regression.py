"""A regression: tanh, identity output, mean of all squared errors; gradients as attributes."""
# ruff: noqa: D101, D102, NPY002

import numpy as np


class Regressor:
    def __init__(self, n_in, n_hidden, n_out):
        self.wh = np.random.randn(n_in, n_hidden) / np.sqrt(n_in)
        self.bh = np.zeros((1, n_hidden))
        self.wo = np.random.randn(n_hidden, n_out) / np.sqrt(n_hidden)
        self.bo = np.zeros((1, n_out))

    def forward(self, x):
        self.x = x
        self.h = np.tanh(x @ self.wh + self.bh)
        self.out = self.h @ self.wo + self.bo
        return self.out

    def mse(self, x, y):
        return np.mean((self.forward(x) - y) ** 2)

    def backward(self, y):
        d_out = 2 * (self.out - y) / y.size
        self.d_wo = self.h.T @ d_out
        self.d_bo = d_out.sum(axis=0, keepdims=True)
        d_h = (d_out @ self.wo.T) * (1 - self.h**2)
        self.d_wh = self.x.T @ d_h
        self.d_bh = d_h.sum(axis=0, keepdims=True)

    def step(self, lr):
        self.wh -= lr * self.d_wh
        self.bh -= lr * self.d_bh
        self.wo -= lr * self.d_wo
        self.bo -= lr * self.d_bo
