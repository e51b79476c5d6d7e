"""A network with an optimizer of its own inside of its training step; two hidden layers, rows."""
# ruff: noqa: D101, D102, NPY002

import numpy as np


class OwnOptimizer:
    def __init__(self, sizes, rule="adam", decay=0.0):
        self.params, self.rule, self.decay, self.t = {}, rule, decay, 0
        for k in range(1, len(sizes)):
            scale = np.sqrt(2 / sizes[k - 1])
            self.params[f"W{k}"] = scale * np.random.randn(sizes[k - 1], sizes[k])
            self.params[f"b{k}"] = np.zeros(sizes[k])
        self.depth = len(sizes) - 1
        self.m = {key: np.zeros_like(value) for key, value in self.params.items()}
        self.v = {key: np.zeros_like(value) for key, value in self.params.items()}

    def forward(self, x):
        self.a = [x]
        for k in range(1, self.depth + 1):
            z = self.a[-1] @ self.params[f"W{k}"] + self.params[f"b{k}"]
            self.a.append(np.maximum(z, 0) if k < self.depth else z)
        e = np.exp(z - z.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    def loss(self, x, y):
        return -np.sum(y * np.log(self.forward(x) + 1e-12)) / len(x)

    def gradients(self, x, y):
        size = len(x)
        delta = (self.forward(x) - y) / size
        grads = {}
        for k in range(self.depth, 0, -1):
            grads[f"W{k}"] = self.a[k - 1].T @ delta
            grads[f"b{k}"] = delta.sum(axis=0)
            if k > 1:
                delta = delta @ self.params[f"W{k}"].T * (self.a[k - 1] > 0)
        return grads

    def train(self, x, y, lr):
        grads = self.gradients(x, y)
        self.t += 1
        for key, value in self.params.items():
            g = grads[key] + self.decay * value
            if self.rule == "momentum":
                self.m[key] = 0.9 * self.m[key] + g
                value -= lr * self.m[key]
            elif self.rule == "rmsprop":
                self.v[key] = 0.99 * self.v[key] + 0.01 * g**2
                value -= lr * g / (np.sqrt(self.v[key]) + 1e-8)
            else:
                self.m[key] = 0.9 * self.m[key] + 0.1 * g
                self.v[key] = 0.999 * self.v[key] + 0.001 * g**2
                m = self.m[key] / (1 - 0.9**self.t)
                v = self.v[key] / (1 - 0.999**self.t)
                value -= lr * m / (np.sqrt(v) + 1e-8)
