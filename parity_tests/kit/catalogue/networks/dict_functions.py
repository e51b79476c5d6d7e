"""Functions over a dict of parameters W1, b1, W2, ...; samples in columns, one-hot labels."""
# ruff: noqa: D103, N803, N806, NPY002

import numpy as np


def initialize_parameters(layer_dims):
    parameters = {}
    for layer in range(1, len(layer_dims)):
        fan_in = layer_dims[layer - 1]
        parameters[f"W{layer}"] = np.random.randn(layer_dims[layer], fan_in) * np.sqrt(2 / fan_in)
        parameters[f"b{layer}"] = np.zeros((layer_dims[layer], 1))
    return parameters


def relu(Z):
    return np.maximum(0, Z)


def softmax(Z):
    expZ = np.exp(Z - np.max(Z, axis=0, keepdims=True))
    return expZ / np.sum(expZ, axis=0, keepdims=True)


def forward_propagation(X, parameters):
    caches = {"A0": X}
    A = X
    L = len(parameters) // 2
    for layer in range(1, L + 1):
        Z = parameters[f"W{layer}"] @ A + parameters[f"b{layer}"]
        A = softmax(Z) if layer == L else relu(Z)
        caches[f"Z{layer}"] = Z
        caches[f"A{layer}"] = A
    return A, caches


def compute_cost(AL, Y, parameters, lambd=0.0):
    m = Y.shape[1]
    cross_entropy = -np.sum(Y * np.log(AL + 1e-10)) / m
    L = len(parameters) // 2
    penalty = sum(np.sum(np.square(parameters[f"W{layer}"])) for layer in range(1, L + 1))
    return cross_entropy + lambd / (2 * m) * penalty


def backward_propagation(X, Y, parameters, lambd=0.0):
    AL, caches = forward_propagation(X, parameters)
    m = X.shape[1]
    L = len(parameters) // 2
    grads = {}
    dZ = AL - Y
    for layer in range(L, 0, -1):
        W = parameters[f"W{layer}"]
        grads[f"dW{layer}"] = dZ @ caches[f"A{layer - 1}"].T / m + lambd / m * W
        grads[f"db{layer}"] = np.sum(dZ, axis=1, keepdims=True) / m
        if layer > 1:
            dA = W.T @ dZ
            dZ = dA * (caches[f"Z{layer - 1}"] > 0)
    return grads


def initialize_velocity(parameters):
    return {"d" + name: np.zeros_like(value) for name, value in parameters.items()}


def update_with_momentum(parameters, grads, velocity, learning_rate, beta=0.9):
    for name in parameters:
        velocity["d" + name] = beta * velocity["d" + name] + grads["d" + name]
        parameters[name] = parameters[name] - learning_rate * velocity["d" + name]
    return parameters, velocity


def random_mini_batches(X, Y, mini_batch_size=64):
    m = X.shape[1]
    permutation = np.random.permutation(m)
    X_shuffled = X[:, permutation]
    Y_shuffled = Y[:, permutation]
    return [
        (X_shuffled[:, k : k + mini_batch_size], Y_shuffled[:, k : k + mini_batch_size])
        for k in range(0, m, mini_batch_size)
    ]


def convert_to_one_hot(labels, C=10):
    return np.eye(C)[labels].T
