"""Gradients summed over the batch, handed out from the last layer down; the update divides them."""
# ruff: noqa: D101, D102, N803, NPY002

import numpy as np


class SummingNetwork:
    def __init__(self, n_in, n_hidden, n_out):
        self.weights = [
            np.random.randn(n_in, n_hidden) / np.sqrt(n_in),
            np.random.randn(n_hidden, n_out) / np.sqrt(n_hidden),
        ]
        self.biases = [np.zeros(n_hidden), np.zeros(n_out)]

    def forward(self, X):
        self.hidden = np.tanh(X @ self.weights[0] + self.biases[0])
        return 1 / (1 + np.exp(-(self.hidden @ self.weights[1] + self.biases[1])))

    def cost(self, X, Y):
        return 0.5 * np.sum((self.forward(X) - Y) ** 2) / len(X)

    def backprop(self, X, Y):
        out = self.forward(X)
        delta = (out - Y) * out * (1 - out)
        gradients = {"W2": self.hidden.T @ delta, "b2": delta.sum(axis=0)}
        delta = delta @ self.weights[1].T * (1 - self.hidden**2)
        gradients["W1"] = X.T @ delta
        gradients["b1"] = delta.sum(axis=0)
        return gradients

    def update(self, X, Y, lr):
        gradients = self.backprop(X, Y)
        for k in range(2):
            self.weights[k] -= lr * gradients[f"W{k + 1}"] / len(X)
            self.biases[k] -= lr * gradients[f"b{k + 1}"] / len(X)
