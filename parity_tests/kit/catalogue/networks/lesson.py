"""A network whose backward pass updates it: train_step, and the rate as an attribute."""
# ruff: noqa: D101, D102, N803, NPY002

import numpy as np


class NeuralNetwork:
    def __init__(self, n_in=784, n_hidden=128, n_out=10, lr=0.05):
        self.lr = lr
        self.w1 = np.random.randn(n_in, n_hidden) * np.sqrt(2.0 / n_in)
        self.b1 = np.zeros((1, n_hidden))
        self.w2 = np.random.randn(n_hidden, n_out) * np.sqrt(2.0 / n_hidden)
        self.b2 = np.zeros((1, n_out))
        self.memory = {}

    def forward(self, X):
        z1 = np.dot(X, self.w1) + self.b1
        h = np.maximum(z1, 0)
        z2 = np.dot(h, self.w2) + self.b2
        top = np.max(z2, axis=1, keepdims=True)
        e = np.exp(z2 - top)
        p = e / np.sum(e, axis=1, keepdims=True)
        self.memory = {"z1": z1, "h": h}
        return p

    def backward(self, X, y, p):
        n = len(y)
        rows = np.arange(n)
        loss = -np.log(p[rows, y] + 1e-12).mean()

        d2 = p.copy()
        d2[rows, y] -= 1.0
        d2 = d2 / n
        d1 = np.dot(d2, self.w2.T)
        d1 = d1 * (self.memory["z1"] > 0)

        g2 = np.dot(self.memory["h"].T, d2)
        c2 = np.sum(d2, axis=0, keepdims=True)
        g1 = np.dot(X.T, d1)
        c1 = np.sum(d1, axis=0, keepdims=True)

        self.w2 -= self.lr * g2
        self.b2 -= self.lr * c2
        self.w1 -= self.lr * g1
        self.b1 -= self.lr * c1
        return loss

    def train_step(self, X, y):
        return self.backward(X, y, self.forward(X))

    def predict(self, X):
        return self.forward(X).argmax(axis=1)
