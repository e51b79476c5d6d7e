"""Any number of hidden layers with a chosen activation; matrices (out, in), samples in rows."""
# ruff: noqa: D101, D102, D103, N803, NPY002, RUF007

import numpy as np

FUNCTIONS = {
    "relu": lambda z: np.maximum(z, 0),
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": np.tanh,
    "elu": lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0))),
    "softplus": lambda z: np.logaddexp(0, z),
    "silu": lambda z: z / (1 + np.exp(-z)),
}


def slope(name, z):
    s = 1 / (1 + np.exp(-z))
    if name == "relu":
        return (z > 0).astype(float)
    if name == "sigmoid":
        return s * (1 - s)
    if name == "tanh":
        return 1 - np.tanh(z) ** 2
    if name == "elu":
        return np.where(z > 0, 1.0, np.exp(np.minimum(z, 0)))
    if name == "softplus":
        return s
    return s + z * s * (1 - s)


class DeepNetwork:
    def __init__(self, sizes, activation="relu"):
        self.activation = activation
        self.layers = [
            {"W": np.random.randn(o, i) * np.sqrt(2 / i), "b": np.zeros(o)}
            for i, o in zip(sizes, sizes[1:], strict=False)
        ]

    def forward(self, X):
        self.zs, self.activations = [], [X]
        for number, layer in enumerate(self.layers, start=1):
            z = self.activations[-1] @ layer["W"].T + layer["b"]
            self.zs.append(z)
            if number < len(self.layers):
                self.activations.append(FUNCTIONS[self.activation](z))
        z = self.zs[-1]
        z = z - z.max(axis=1, keepdims=True)
        return np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)

    def loss(self, X, Y):
        return -(Y * np.log(self.forward(X) + 1e-12)).sum(axis=1).mean()

    def gradients(self, X, Y):
        delta = (self.forward(X) - Y) / len(X)
        grads = []
        for k in range(len(self.layers) - 1, -1, -1):
            grads.append({"W": delta.T @ self.activations[k], "b": delta.sum(axis=0)})
            if k > 0:
                delta = delta @ self.layers[k]["W"] * slope(self.activation, self.zs[k - 1])
        return grads[::-1]
