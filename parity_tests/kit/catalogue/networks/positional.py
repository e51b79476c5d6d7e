"""Functions of W1, b1, W2, b2, one after the other; samples in rows, integer labels."""
# ruff: noqa: D103, N803, N806, NPY002

import numpy as np


def init_params(n_in=12, n_hidden=9, n_out=10):
    W1 = np.random.randn(n_in, n_hidden) * np.sqrt(1.0 / n_in)
    b1 = np.zeros((1, n_hidden))
    W2 = np.random.randn(n_hidden, n_out) * np.sqrt(1.0 / n_hidden)
    b2 = np.zeros((1, n_out))
    return W1, b1, W2, b2


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def softmax(z):
    z = z - z.max(axis=1, keepdims=True)
    e = np.exp(z)
    return e / e.sum(axis=1, keepdims=True)


def forward_prop(W1, b1, W2, b2, X):
    Z1 = X @ W1 + b1
    A1 = sigmoid(Z1)
    Z2 = A1 @ W2 + b2
    A2 = softmax(Z2)
    return A2, A1


def one_hot(Y, n_classes=10):
    result = np.zeros((Y.size, n_classes))
    result[np.arange(Y.size), Y] = 1
    return result


def cross_entropy(A2, Y):
    return -np.mean(np.log(A2[np.arange(Y.size), Y] + 1e-12))


def back_prop(A1, A2, W2, X, Y):
    m = Y.size
    dZ2 = A2 - one_hot(Y)
    dW2 = 1 / m * A1.T.dot(dZ2)
    db2 = 1 / m * dZ2.sum(axis=0, keepdims=True)
    dZ1 = dZ2.dot(W2.T) * A1 * (1 - A1)
    dW1 = 1 / m * X.T.dot(dZ1)
    db1 = 1 / m * dZ1.sum(axis=0, keepdims=True)
    return dW1, db1, dW2, db2


def update_params(W1, b1, W2, b2, dW1, db1, dW2, db2, alpha):
    W1 = W1 - alpha * dW1
    b1 = b1 - alpha * db1
    W2 = W2 - alpha * dW2
    b2 = b2 - alpha * db2
    return W1, b1, W2, b2
