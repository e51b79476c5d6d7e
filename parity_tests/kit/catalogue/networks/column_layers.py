"""Layers for samples in columns, matrices (out, in), biases (out, 1); squared error of sigmoids."""
# ruff: noqa: D101, D102, D103, N803, N806, NPY002

import numpy as np


class Linear:
    def __init__(self, fan_in, fan_out):
        limit = np.sqrt(6.0 / (fan_in + fan_out))
        self.weight = np.random.uniform(-limit, limit, (fan_out, fan_in))
        self.bias = np.zeros((fan_out, 1))

    def forward(self, X):
        self.input = X
        return np.dot(self.weight, X) + self.bias

    def backward(self, dZ):
        self.weight_grad = np.dot(dZ, self.input.T)
        self.bias_grad = np.sum(dZ, axis=1, keepdims=True)
        return np.dot(self.weight.T, dZ)


class Activation:
    def __init__(self, name):
        self.name = name

    def forward(self, Z):
        if self.name == "sigmoid":
            self.A = 1.0 / (1.0 + np.exp(-Z))
        elif self.name == "tanh":
            self.A = np.tanh(Z)
        else:
            self.A = np.maximum(Z, 0)
        return self.A

    def backward(self, dA):
        if self.name == "sigmoid":
            return dA * self.A * (1 - self.A)
        if self.name == "tanh":
            return dA * (1 - np.square(self.A))
        return dA * (self.A > 0)


class Network:
    def __init__(self, sizes, hidden="sigmoid", output="sigmoid"):
        self.layers = []
        for k in range(len(sizes) - 1):
            self.layers.append(Linear(sizes[k], sizes[k + 1]))
            self.layers.append(Activation(output if k == len(sizes) - 2 else hidden))

    def forward(self, X):
        for layer in self.layers:
            X = layer.forward(X)
        return X

    def cost(self, X, Y):
        errors = self.forward(X) - Y
        return 0.5 * np.sum(errors**2) / X.shape[1]

    def backward(self, X, Y):
        dA = (self.forward(X) - Y) / X.shape[1]
        for layer in reversed(self.layers):
            dA = layer.backward(dA)


def sgd(network, lr):
    for layer in network.layers:
        if isinstance(layer, Linear):
            layer.weight -= lr * layer.weight_grad
            layer.bias -= lr * layer.bias_grad
