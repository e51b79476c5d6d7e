"""Layers that update themselves with one sample as a row; tanh everywhere and squared error."""
# ruff: noqa: D101, D102, D103, NPY002

import numpy as np


class FCLayer:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out) / np.sqrt(n_in)
        self.B = np.zeros((1, n_out))

    def forward_propagation(self, data):
        self.data = data
        return data @ self.W + self.B

    def backward_propagation(self, error, rate):
        back = error @ self.W.T
        self.W -= rate * (self.data.T @ error)
        self.B -= rate * error
        return back


class ActivationLayer:
    def __init__(self, function, derivative):
        self.function, self.derivative = function, derivative

    def forward_propagation(self, data):
        self.data = data
        return self.function(data)

    def backward_propagation(self, error, rate):  # noqa: ARG002
        return self.derivative(self.data) * error


def tanh_prime(x):
    return 1 - np.tanh(x) ** 2


def mse(y, out):
    return np.mean((y - out) ** 2)


def mse_prime(y, out):
    return 2 * (out - y) / y.size


class Net:
    def __init__(self, n_in, n_hidden, n_out):
        self.layers = [
            FCLayer(n_in, n_hidden),
            ActivationLayer(np.tanh, tanh_prime),
            FCLayer(n_hidden, n_out),
            ActivationLayer(np.tanh, tanh_prime),
        ]

    def run(self, x):
        for layer in self.layers:
            x = layer.forward_propagation(x)
        return x

    def train_sample(self, x, y, rate):
        out = self.run(x)
        error = mse_prime(y, out)
        for layer in reversed(self.layers):
            error = layer.backward_propagation(error, rate)
        return mse(y, out)
