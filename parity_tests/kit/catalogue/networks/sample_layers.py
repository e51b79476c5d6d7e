"""Layers that update themselves, one sample at a time as a column; softmax with its Jacobian."""
# ruff: noqa: D101, D102, D103, NPY002

import numpy as np


class Dense:
    def __init__(self, input_size, output_size):
        bound = np.sqrt(6 / (input_size + output_size))
        self.weights = np.random.uniform(-bound, bound, (output_size, input_size))
        self.bias = np.zeros((output_size, 1))

    def forward(self, input_):
        self.input = input_
        return np.dot(self.weights, self.input) + self.bias

    def backward(self, output_gradient, learning_rate):
        weights_gradient = np.dot(output_gradient, self.input.T)
        input_gradient = np.dot(self.weights.T, output_gradient)
        self.weights -= learning_rate * weights_gradient
        self.bias -= learning_rate * output_gradient
        return input_gradient


class Tanh:
    def forward(self, input_):
        self.input = input_
        return np.tanh(self.input)

    def backward(self, output_gradient, learning_rate):  # noqa: ARG002
        return np.multiply(output_gradient, 1 - np.tanh(self.input) ** 2)


class Softmax:
    def forward(self, input_):
        tmp = np.exp(input_ - np.max(input_))
        self.output = tmp / np.sum(tmp)
        return self.output

    def backward(self, output_gradient, learning_rate):  # noqa: ARG002
        n = np.size(self.output)
        return np.dot((np.identity(n) - self.output.T) * self.output, output_gradient)


def build(inputs, hidden, outputs):
    return [Dense(inputs, hidden), Tanh(), Dense(hidden, outputs), Softmax()]


def predict(network, x):
    output = x
    for layer in network:
        output = layer.forward(output)
    return output


def loss(network, x, y):
    return -np.sum(y * np.log(predict(network, x) + 1e-15))


def train_one(network, x, y, learning_rate):
    grad = -y / (predict(network, x) + 1e-15)
    for layer in reversed(network):
        grad = layer.backward(grad, learning_rate)
