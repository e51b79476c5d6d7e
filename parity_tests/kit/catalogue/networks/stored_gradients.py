"""A network class that keeps its gradients in a dict; rows, one-hot labels, penalty on weights."""
# ruff: noqa: D101, D102, NPY002

import numpy as np


class TwoLayerNet:
    def __init__(self, input_size, hidden_size, output_size, reg=0.0, lasso=0.0, ridge=0.0):
        self.params = {}
        self.params["W1"] = 0.01 * np.random.randn(input_size, hidden_size)
        self.params["b1"] = np.zeros(hidden_size)
        self.params["W2"] = 0.01 * np.random.randn(hidden_size, output_size)
        self.params["b2"] = np.zeros(output_size)
        self.reg = reg
        self.lasso = lasso
        self.ridge = ridge
        self.grads = {}

    def predict(self, x):
        self.h = np.maximum(0, x.dot(self.params["W1"]) + self.params["b1"])
        scores = self.h.dot(self.params["W2"]) + self.params["b2"]
        exp_scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        return exp_scores / exp_scores.sum(axis=1, keepdims=True)

    def loss(self, x, t):
        y = self.predict(x)
        data_loss = -np.sum(t * np.log(y + 1e-12)) / len(x)
        reg_loss = (
            0.5 * self.reg * (np.sum(self.params["W1"] ** 2) + np.sum(self.params["W2"] ** 2))
        )
        for name in ("W1", "W2"):
            reg_loss += self.lasso * np.abs(self.params[name]).sum()
        for array in self.params.values():
            reg_loss += self.ridge * np.sum(array**2)
        return data_loss + reg_loss

    def gradient(self, x, t):
        batch_num = x.shape[0]
        y = self.predict(x)
        dscores = (y - t) / batch_num
        self.grads["W2"] = self.h.T.dot(dscores) + self.reg * self.params["W2"]
        self.grads["b2"] = dscores.sum(axis=0)
        dhidden = dscores.dot(self.params["W2"].T)
        dhidden[self.h <= 0] = 0
        self.grads["W1"] = x.T.dot(dhidden) + self.reg * self.params["W1"]
        self.grads["b1"] = dhidden.sum(axis=0)
        for name in ("W1", "W2"):
            self.grads[name] += self.lasso * np.sign(self.params[name])
        for name in self.params:
            self.grads[name] += 2 * self.ridge * self.params[name]
        return self.grads


class SGD:
    def __init__(self, lr=0.01, momentum=0.0, weight_decay=0.0):
        self.lr = lr
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.v = None

    def update(self, params, grads):
        if self.v is None:
            self.v = {key: np.zeros_like(val) for key, val in params.items()}
        for key in params:
            g = grads[key] + self.weight_decay * params[key]
            self.v[key] = self.momentum * self.v[key] - self.lr * g
            params[key] += self.v[key]


class RMSProp:
    def __init__(self, lr=0.01, decay_rate=0.99):
        self.lr = lr
        self.decay_rate = decay_rate
        self.h = {}

    def update(self, params, grads):
        for key, value in params.items():
            if key not in self.h:
                self.h[key] = np.zeros_like(value)
            self.h[key] = self.decay_rate * self.h[key] + (1 - self.decay_rate) * grads[key] ** 2
            params[key] -= self.lr * grads[key] / (np.sqrt(self.h[key]) + 1e-8)
