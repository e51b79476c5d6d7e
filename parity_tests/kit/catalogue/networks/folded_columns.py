"""Biases as the first column of each matrix, and samples in columns behind ones; a regression."""
# ruff: noqa: D101, D102, D103, N803

import numpy as np


def with_ones(A):
    return np.vstack([np.ones((1, A.shape[1])), A])


class Regressor:
    def __init__(self, n_inputs, n_hidden, n_outputs, seed=None):
        rng = np.random.default_rng(seed)
        bound1, bound2 = 1 / np.sqrt(n_inputs), 1 / np.sqrt(n_hidden)
        self.theta1 = rng.uniform(-bound1, bound1, (n_hidden, n_inputs + 1))
        self.theta2 = rng.uniform(-bound2, bound2, (n_outputs, n_hidden + 1))

    def predict(self, X):
        self.a0 = with_ones(X)
        self.a1 = with_ones(np.tanh(self.theta1 @ self.a0))
        return self.theta2 @ self.a1

    def cost(self, X, Y):
        return np.sum((self.predict(X) - Y) ** 2) / (2 * X.shape[1])

    def gradients(self, X, Y):
        delta2 = (self.predict(X) - Y) / X.shape[1]
        hidden = self.a1[1:]
        delta1 = (self.theta2[:, 1:].T @ delta2) * (1 - hidden**2)
        return delta1 @ self.a0.T, delta2 @ self.a1.T
