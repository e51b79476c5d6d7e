"""Outputs without a function, and losses that look at a sample's outputs together."""
# ruff: noqa: D101, D102, D103, N803, N806, NPY002

import numpy as np


class Regressor:
    def __init__(self, n_in, n_hidden, n_out):
        self.params = [
            np.random.randn(n_in, n_hidden) * np.sqrt(1 / n_in),
            np.zeros(n_hidden),
            np.random.randn(n_hidden, n_out) * np.sqrt(1 / n_hidden),
            np.zeros(n_out),
        ]

    def forward(self, X):
        W1, b1, W2, b2 = self.params
        self.X = X
        self.H = np.tanh(X @ W1 + b1)
        return self.H @ W2 + b2

    def backward(self, dY):
        dH = (dY @ self.params[2].T) * (1 - self.H * self.H)
        return [self.X.T @ dH, dH.sum(axis=0), self.H.T @ dY, dY.sum(axis=0)]


def euclidean_error(Y, T):
    difference = Y - T
    norms = np.sqrt(np.sum(difference**2, axis=1, keepdims=True))
    return norms.mean(), difference / norms / len(Y)


def categorical_hinge(Y, T):
    rows = np.arange(len(Y))
    own = T.argmax(axis=1)
    others = np.where(T == 1, -np.inf, Y)
    rival = others.argmax(axis=1)
    margin = 1 + Y[rows, rival] - Y[rows, own]
    dY = np.zeros_like(Y)
    dY[rows, rival] = margin > 0
    dY[rows, own] = -1.0 * (margin > 0)
    return np.maximum(0, margin).mean(), dY / len(Y)
