"""Layers in which softmax and cross-entropy are apart, softmax with its full Jacobian."""
# ruff: noqa: D101, D102, N803, N806, NPY002, RUF007

import numpy as np


class FullyConnected:
    def __init__(self, inputs, outputs):
        self.params = {
            "W": np.random.normal(0, np.sqrt(1.0 / inputs), (inputs, outputs)),
            "b": np.zeros((1, outputs)),
        }
        self.gradients = {}

    def forward(self, X):
        self.X = X
        return X @ self.params["W"] + self.params["b"]

    def backward(self, dY):
        self.gradients["W"] = self.X.T @ dY
        self.gradients["b"] = np.sum(dY, axis=0, keepdims=True)
        return dY @ self.params["W"].T


class Tanh:
    def forward(self, X):
        self.Y = np.tanh(X)
        return self.Y

    def backward(self, dY):
        return dY * (1.0 - self.Y * self.Y)


class Softmax:
    def forward(self, X):
        exps = np.exp(X - np.max(X, axis=1, keepdims=True))
        self.P = exps / np.sum(exps, axis=1, keepdims=True)
        return self.P

    def backward(self, dY):
        dX = np.zeros_like(dY)
        for n in range(dY.shape[0]):
            p = self.P[n].reshape(-1, 1)
            jacobian = np.diagflat(p) - p @ p.T
            dX[n] = jacobian @ dY[n]
        return dX


class CrossEntropy:
    def loss(self, P, Y):
        return -np.sum(Y * np.log(P + 1e-15)) / Y.shape[0]

    def gradient(self, P, Y):
        return -(Y / (P + 1e-15)) / Y.shape[0]


class Net:
    def __init__(self, sizes):
        self.stack = []
        for a, b in zip(sizes[:-1], sizes[1:], strict=True):
            self.stack += [FullyConnected(a, b), Tanh()]
        self.stack[-1] = Softmax()
        self.loss_function = CrossEntropy()

    def forward(self, X):
        for layer in self.stack:
            X = layer.forward(X)
        return X

    def loss(self, X, Y):
        return self.loss_function.loss(self.forward(X), Y)

    def backward(self, X, Y):
        grad = self.loss_function.gradient(self.forward(X), Y)
        for layer in self.stack[::-1]:
            grad = layer.backward(grad)
        return grad
