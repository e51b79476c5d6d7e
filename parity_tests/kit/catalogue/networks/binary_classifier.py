"""A network class that returns its gradients; one tanh layer, one output for two classes."""
# ruff: noqa: D101, D102, N803, N806, NPY002

import numpy as np


class BinaryClassifier:
    def __init__(self, n_x, n_h):
        self.W1 = np.random.randn(n_h, n_x) * 0.01
        self.b1 = np.zeros((n_h, 1))
        self.W2 = np.random.randn(1, n_h) * 0.01
        self.b2 = np.zeros((1, 1))

    def forward(self, X):
        Z1 = X @ self.W1.T + self.b1.T
        A1 = np.tanh(Z1)
        Z2 = A1 @ self.W2.T + self.b2.T
        A2 = 1 / (1 + np.exp(-Z2))
        self.cache = (A1, A2)
        return A2

    def compute_loss(self, X, y):
        p = np.clip(self.forward(X), 1e-12, 1 - 1e-12)
        return np.mean(-(y * np.log(p) + (1 - y) * np.log(1 - p)))

    def backward(self, X, y):
        m = X.shape[0]
        self.forward(X)
        A1, A2 = self.cache
        dZ2 = A2 - y
        dW2 = dZ2.T @ A1 / m
        db2 = dZ2.sum(axis=0, keepdims=True) / m
        dZ1 = (dZ2 @ self.W2) * (1 - np.power(A1, 2))
        dW1 = dZ1.T @ X / m
        db1 = dZ1.sum(axis=0, keepdims=True).T / m
        return dW1, db1, dW2, db2
