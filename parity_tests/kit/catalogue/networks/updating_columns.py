"""A network class that updates itself from the last layer on; columns, one-hot, rate given."""
# ruff: noqa: D101, D102, N803, N806, NPY002

import numpy as np


class ANN:
    def __init__(self, topology):
        self.depth = len(topology) - 1
        self.W = {}
        self.B = {}
        for k in range(1, self.depth + 1):
            bound = np.sqrt(6 / (topology[k - 1] + topology[k]))
            self.W[k] = np.random.uniform(-bound, bound, (topology[k], topology[k - 1]))
            self.B[k] = np.zeros((topology[k], 1))

    def feed_forward(self, X):
        self.A = {0: X}
        for k in range(1, self.depth):
            self.A[k] = np.tanh(self.W[k] @ self.A[k - 1] + self.B[k])
        Z = self.W[self.depth] @ self.A[self.depth - 1] + self.B[self.depth]
        E = np.exp(Z - Z.max(axis=0))
        self.A[self.depth] = E / E.sum(axis=0)
        return self.A[self.depth]

    def back_propagate(self, Y, rate):
        m = Y.shape[1]
        delta = self.A[self.depth] - Y
        for k in range(self.depth, 0, -1):
            dW = delta @ self.A[k - 1].T / m
            dB = delta.sum(axis=1, keepdims=True) / m
            delta = (self.W[k].T @ delta) * (1 - self.A[k - 1] ** 2)
            self.W[k] -= rate * dW
            self.B[k] -= rate * dB

    def fit_batch(self, X, Y, rate):
        P = self.feed_forward(X)
        cost = -np.sum(Y * np.log(P + 1e-12)) / Y.shape[1]
        self.back_propagate(Y, rate)
        return float(cost)
