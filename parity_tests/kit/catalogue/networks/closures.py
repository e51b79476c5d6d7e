"""Functions that return their output and the function back; parameters that have a gradient."""
# ruff: noqa: D101, D102, D103, NPY002, RUF007

import numpy as np


class Parameter:
    def __init__(self, data):
        self.data = data
        self.grad = np.zeros_like(data)


def linear(w, b):
    def forward(x):
        def backward(g):
            w.grad += x.T @ g
            b.grad += g.sum(axis=0)
            return g @ w.data.T

        return x @ w.data + b.data, backward

    return forward


def relu(x):
    return np.maximum(x, 0), lambda g: np.where(x > 0, g, 0)


def softmax_cross_entropy(logits, y):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    n = len(y)
    value = -(y * np.log(p + 1e-12)).sum() / n
    return value, lambda: (p - y) / n


class Model:
    def __init__(self, sizes):
        self.parameters = []
        self.functions = []
        for i, o in zip(sizes[:-1], sizes[1:], strict=True):
            w, b = Parameter(np.random.randn(i, o) * np.sqrt(2 / i)), Parameter(np.zeros(o))
            self.parameters += [w, b]
            self.functions += [linear(w, b), relu]
        del self.functions[-1]

    def zero_grad(self):
        for p in self.parameters:
            p.grad[...] = 0

    def forward(self, x):
        self.tape = []
        for f in self.functions:
            x, backward = f(x)
            self.tape.append(backward)
        return x

    def loss(self, x, y):
        return softmax_cross_entropy(self.forward(x), y)[0]

    def compute_gradients(self, x, y):
        self.zero_grad()
        _, backward = softmax_cross_entropy(self.forward(x), y)
        g = backward()
        for back in reversed(self.tape):
            g = back(g)
        return [p.grad for p in self.parameters]


class AdamW:
    def __init__(self, shapes, lr=0.001, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01):
        self.lr, self.betas, self.eps, self.weight_decay = lr, betas, eps, weight_decay
        self.state = [(np.zeros(s), np.zeros(s)) for s in shapes]
        self.steps = 0

    def step(self, values, grads):
        self.steps += 1
        b1, b2 = self.betas
        for k, (p, g) in enumerate(zip(values, grads, strict=True)):
            m, v = self.state[k]
            m = b1 * m + (1 - b1) * g
            v = b2 * v + (1 - b2) * g * g
            self.state[k] = (m, v)
            p *= 1 - self.lr * self.weight_decay
            m_hat, v_hat = m / (1 - b1**self.steps), v / (1 - b2**self.steps)
            p -= self.lr * m_hat / (np.sqrt(v_hat) + self.eps)


class Nesterov:
    def __init__(self, shapes, lr, momentum=0.9):
        self.lr, self.momentum = lr, momentum
        self.velocity = [np.zeros(s) for s in shapes]

    def step(self, values, grads):
        for k, (p, g) in enumerate(zip(values, grads, strict=True)):
            self.velocity[k] = self.momentum * self.velocity[k] + g
            p -= self.lr * (g + self.momentum * self.velocity[k])
