"""Lists of weights and biases, one sample at a time as a column; gradients of a sample returned."""
# ruff: noqa: D101, D102, D103, NPY002, RUF007

import numpy as np


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def sigmoid_prime(z):
    return sigmoid(z) * (1 - sigmoid(z))


class Network:
    def __init__(self, sizes, cost="quadratic"):
        self.sizes = sizes
        self.cost_name = cost
        self.biases = [np.random.randn(n, 1) for n in sizes[1:]]
        self.weights = [
            np.random.randn(n, m) / np.sqrt(m) for m, n in zip(sizes[:-1], sizes[1:], strict=True)
        ]

    def feedforward(self, a):
        for w, b in zip(self.weights, self.biases, strict=True):
            a = sigmoid(w @ a + b)
        return a

    def cost(self, x, y):
        a = self.feedforward(x)
        if self.cost_name == "quadratic":
            return 0.5 * np.sum((a - y) ** 2)
        a = np.clip(a, 1e-15, 1 - 1e-15)
        return -np.sum(y * np.log(a) + (1 - y) * np.log(1 - a))

    def cost_derivative(self, z, a, y):
        if self.cost_name == "quadratic":
            return (a - y) * sigmoid_prime(z)
        return a - y

    def backprop(self, x, y):
        nabla_b = [np.zeros(b.shape) for b in self.biases]
        nabla_w = [np.zeros(w.shape) for w in self.weights]
        activations = [x]
        zs = []
        for w, b in zip(self.weights, self.biases, strict=True):
            z = w @ activations[-1] + b
            zs.append(z)
            activations.append(sigmoid(z))
        delta = self.cost_derivative(zs[-1], activations[-1], y)
        nabla_b[-1] = delta
        nabla_w[-1] = delta @ activations[-2].T
        for i in range(2, len(self.sizes)):
            delta = (self.weights[-i + 1].T @ delta) * sigmoid_prime(zs[-i])
            nabla_b[-i] = delta
            nabla_w[-i] = delta @ activations[-i - 1].T
        return nabla_b, nabla_w

    def update_mini_batch(self, mini_batch, eta):
        sum_b = [np.zeros(b.shape) for b in self.biases]
        sum_w = [np.zeros(w.shape) for w in self.weights]
        for x, y in mini_batch:
            part_b, part_w = self.backprop(x, y)
            sum_b = [s + p for s, p in zip(sum_b, part_b, strict=True)]
            sum_w = [s + p for s, p in zip(sum_w, part_w, strict=True)]
        step = eta / len(mini_batch)
        self.weights = [w - step * s for w, s in zip(self.weights, sum_w, strict=True)]
        self.biases = [b - step * s for b, s in zip(self.biases, sum_b, strict=True)]
