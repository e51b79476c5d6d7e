"""Layers whose backward pass updates them, with the learning rate as its argument; rows."""
# ruff: noqa: D101, D102, NPY002

import numpy as np


class Layer:
    def __init__(self, n_inputs, n_neurons, activation):
        self.weights = np.random.randn(n_inputs, n_neurons) / np.sqrt(n_inputs)
        self.biases = np.zeros((1, n_neurons))
        self.activation = activation

    def forward(self, inputs):
        self.inputs = inputs
        self.pre = inputs @ self.weights + self.biases
        if self.activation == "relu":
            return np.maximum(self.pre, 0)
        if self.activation == "tanh":
            return np.tanh(self.pre)
        return self.pre

    def backward(self, output_gradient, learning_rate):
        if self.activation == "relu":
            output_gradient = output_gradient * (self.pre > 0)
        elif self.activation == "tanh":
            output_gradient = output_gradient * (1 - np.tanh(self.pre) ** 2)
        weights_gradient = self.inputs.T @ output_gradient
        biases_gradient = np.sum(output_gradient, axis=0, keepdims=True)
        input_gradient = output_gradient @ self.weights.T
        self.weights -= learning_rate * weights_gradient
        self.biases -= learning_rate * biases_gradient
        return input_gradient


class Net:
    def __init__(self, sizes, hidden="relu"):
        self.layers = [
            Layer(sizes[k], sizes[k + 1], hidden if k < len(sizes) - 2 else "linear")
            for k in range(len(sizes) - 1)
        ]

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        e = np.exp(x - np.max(x, axis=1, keepdims=True))
        return e / np.sum(e, axis=1, keepdims=True)

    def loss(self, x, y):
        return -np.mean(np.sum(y * np.log(self.forward(x) + 1e-9), axis=1))

    def train(self, x, y, learning_rate):
        grad = (self.forward(x) - y) / x.shape[0]
        for layer in reversed(self.layers):
            grad = layer.backward(grad, learning_rate)
