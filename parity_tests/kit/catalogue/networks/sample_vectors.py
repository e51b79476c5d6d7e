"""One sample at a time as a vector, outer products; the gradients of a sample are returned."""
# ruff: noqa: D101, D102, D103, NPY002

import numpy as np


def relu(v):
    return np.maximum(v, 0)


def softmax(v):
    e = np.exp(v - v.max())
    return e / e.sum()


class OnlineNet:
    def __init__(self, n_in, n_hidden, n_out):
        self.V = np.random.randn(n_hidden, n_in) * np.sqrt(2 / n_in)
        self.c = np.zeros(n_hidden)
        self.U = np.random.randn(n_out, n_hidden) * np.sqrt(2 / n_hidden)
        self.d = np.zeros(n_out)

    def predict(self, x):
        self.hidden = relu(self.V @ x + self.c)
        return softmax(self.U @ self.hidden + self.d)

    def error(self, x, label):
        return -np.log(self.predict(x)[label] + 1e-12)

    def grads(self, x, label):
        delta = self.predict(x)
        delta[label] -= 1
        grad_u = np.outer(delta, self.hidden)
        below = self.U.T @ delta
        below[self.hidden == 0] = 0
        grad_v = np.outer(below, x)
        return grad_v, below, grad_u, delta

    def learn(self, x, label, rate):
        for p, g in zip((self.V, self.c, self.U, self.d), self.grads(x, label), strict=True):
            p -= rate * g
