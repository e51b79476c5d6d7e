"""Layers that end in log-softmax, with the mean of negated log-likelihoods for a loss."""
# ruff: noqa: D101, D102, D103, NPY002, RUF007

import numpy as np


class Affine:
    def __init__(self, n_in, n_out):
        bound = 1 / np.sqrt(n_in)
        self.params = {
            "w": np.random.uniform(-bound, bound, (n_in, n_out)),
            "b": np.random.uniform(-bound, bound, n_out),
        }
        self.grads = {}

    def forward(self, x):
        self.x = x
        return x @ self.params["w"] + self.params["b"]

    def backward(self, up):
        self.grads["w"] = self.x.T @ up
        self.grads["b"] = up.sum(axis=0)
        return up @ self.params["w"].T


class Tanh:
    params, grads = {}, {}

    def forward(self, x):
        self.y = np.tanh(x)
        return self.y

    def backward(self, up):
        return up * (1 - self.y**2)


class LogSoftmax:
    params, grads = {}, {}

    def forward(self, x):
        shifted = x - x.max(axis=1, keepdims=True)
        self.y = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        return self.y

    def backward(self, up):
        return up - np.exp(self.y) * up.sum(axis=1, keepdims=True)


def nll_loss(log_p, target):
    return -log_p[np.arange(len(target)), target].mean()


def nll_grad(log_p, target):
    up = np.zeros_like(log_p)
    up[np.arange(len(target)), target] = -1 / len(target)
    return up


class Model:
    def __init__(self, sizes):
        self.layers = []
        for n_in, n_out in zip(sizes[:-1], sizes[1:], strict=True):
            self.layers += [Affine(n_in, n_out), Tanh()]
        self.layers[-1] = LogSoftmax()

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, x, target):
        up = nll_grad(self.forward(x), target)
        for layer in reversed(self.layers):
            up = layer.backward(up)

    def train_step(self, x, target, lr):
        self.backward(x, target)
        for layer in self.layers:
            for name in layer.params:
                layer.params[name] -= lr * layer.grads[name]
