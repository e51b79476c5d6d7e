"""A network that computes in float32 throughout."""
# ruff: noqa: D101, D102, NPY002

import numpy as np


class Float32Network:
    def __init__(self, n_in, n_hidden, n_out):
        scale = np.sqrt(2.0 / n_in)
        self.W1 = (np.random.randn(n_in, n_hidden) * scale).astype(np.float32)
        self.b1 = np.zeros(n_hidden, dtype=np.float32)
        scale = np.sqrt(2.0 / n_hidden)
        self.W2 = (np.random.randn(n_hidden, n_out) * scale).astype(np.float32)
        self.b2 = np.zeros(n_out, dtype=np.float32)

    def forward(self, x):
        x = x.astype(np.float32)
        self.z1 = x @ self.W1 + self.b1
        self.a1 = np.maximum(self.z1, np.float32(0))
        logits = self.a1 @ self.W2 + self.b2
        logits = logits - logits.max(axis=1, keepdims=True)
        e = np.exp(logits)
        return e / e.sum(axis=1, keepdims=True)

    def loss(self, x, y):
        p = self.forward(x)
        return -np.mean(np.log(p[np.arange(len(y)), y] + np.float32(1e-12)))

    def backward(self, x, y):
        p = self.forward(x)
        n = np.float32(len(y))
        p[np.arange(len(y)), y] -= 1
        dz2 = p / n
        dz1 = (dz2 @ self.W2.T) * (self.z1 > 0)
        self.dW2, self.db2 = self.a1.T @ dz2, dz2.sum(axis=0)
        self.dW1, self.db1 = x.astype(np.float32).T @ dz1, dz1.sum(axis=0)
