"""Logistic output over samples in columns, labels (1, N), a dict of parameters and of caches."""
# ruff: noqa: D103, N803, N806, NPY002

import numpy as np


def initialize(n_x, n_h):
    return {
        "W1": np.random.randn(n_h, n_x) * np.sqrt(2 / n_x),
        "b1": np.zeros((n_h, 1)),
        "W2": np.random.randn(1, n_h) * np.sqrt(1 / n_h),
        "b2": np.zeros((1, 1)),
    }


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def linear_forward(A, W, b):
    return np.dot(W, A) + b


def forward(p, X):
    Z1 = linear_forward(X, p["W1"], p["b1"])
    A1 = np.maximum(0, Z1)
    Z2 = linear_forward(A1, p["W2"], p["b2"])
    return sigmoid(Z2), {"Z1": Z1, "A1": A1}


def cost(p, X, Y):
    AL, _ = forward(p, X)
    m = Y.shape[1]
    logs = Y * np.log(AL + 1e-12) + (1 - Y) * np.log(1 - AL + 1e-12)
    return float(np.squeeze(-np.sum(logs) / m))


def backward(p, X, Y):
    AL, cache = forward(p, X)
    m = Y.shape[1]
    AL = np.clip(AL, 1e-15, 1 - 1e-15)
    dAL = -(np.divide(Y, AL) - np.divide(1 - Y, 1 - AL))
    dZ2 = dAL * AL * (1 - AL)
    dA1 = np.dot(p["W2"].T, dZ2)
    dZ1 = np.array(dA1, copy=True)
    dZ1[cache["Z1"] <= 0] = 0
    return {
        "dW1": np.dot(dZ1, X.T) / m,
        "db1": np.sum(dZ1, axis=1, keepdims=True) / m,
        "dW2": np.dot(dZ2, cache["A1"].T) / m,
        "db2": np.sum(dZ2, axis=1, keepdims=True) / m,
    }
