"""Inverted dropout in training, switched off for prediction; the step tells the training loss."""
# ruff: noqa: D101, D102, N803, N806, NPY002

import numpy as np


class DropoutNetwork:
    def __init__(self, n_in, n_hidden, n_out, keep=0.7):
        self.W1 = np.random.randn(n_in, n_hidden) * np.sqrt(2 / n_in)
        self.b1 = np.zeros(n_hidden)
        self.W2 = np.random.randn(n_hidden, n_out) * np.sqrt(2 / n_hidden)
        self.b2 = np.zeros(n_out)
        self.keep = keep

    def forward(self, X, training=False):
        self.a1 = np.maximum(X @ self.W1 + self.b1, 0)
        self.mask = 1.0
        if training:
            self.mask = (np.random.rand(*self.a1.shape) < self.keep) / self.keep
        self.dropped = self.a1 * self.mask
        z = self.dropped @ self.W2 + self.b2
        e = np.exp(z - z.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    def loss(self, X, Y):
        return self.cross_entropy(self.forward(X), Y)

    def cross_entropy(self, p, Y):
        return -np.sum(Y * np.log(p + 1e-12)) / len(Y)

    def training_loss(self, X, Y):
        return self.cross_entropy(self.forward(X, training=True), Y)

    def gradients(self, X, Y):
        p = self.forward(X, training=True)
        d2 = (p - Y) / len(X)
        d1 = (d2 @ self.W2.T) * self.mask * (self.a1 > 0)
        return p, X.T @ d1, d1.sum(axis=0), self.dropped.T @ d2, d2.sum(axis=0)

    def train_step(self, X, Y, lr):
        p, dW1, db1, dW2, db2 = self.gradients(X, Y)
        self.W2 -= lr * dW2
        self.b2 -= lr * db2
        self.W1 -= lr * dW1
        self.b1 -= lr * db1
        return self.cross_entropy(p, Y)
