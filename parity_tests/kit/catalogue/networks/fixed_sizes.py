"""784-128-10 in the code itself; samples in columns, integer labels."""
# ruff: noqa: D103, NPY002

import numpy as np


def init():
    w1 = np.random.randn(128, 784) * np.sqrt(2 / 784)
    b1 = np.zeros((128, 1))
    w2 = np.random.randn(10, 128) * np.sqrt(2 / 128)
    b2 = np.zeros((10, 1))
    return [w1, b1, w2, b2]


def forward(params, x):
    w1, b1, w2, b2 = params
    z1 = w1.dot(x) + b1
    a1 = np.maximum(z1, 0)
    z2 = w2.dot(a1) + b2
    z2 = z2 - z2.max(axis=0)
    a2 = np.exp(z2) / np.exp(z2).sum(axis=0)
    return a2, z1, a1


def get_loss(params, x, y):
    a2, _, _ = forward(params, x)
    return -np.log(a2[y, np.arange(y.size)] + 1e-12).mean()


def backward(params, x, y):
    a2, z1, a1 = forward(params, x)
    m = y.size
    target = np.zeros((10, m))
    target[y, np.arange(m)] = 1
    dz2 = (a2 - target) / m
    dw2 = dz2.dot(a1.T)
    db2 = dz2.sum(axis=1).reshape(10, 1)
    dz1 = params[2].T.dot(dz2) * (z1 > 0)
    dw1 = dz1.dot(x.T)
    db1 = dz1.sum(axis=1).reshape(128, 1)
    return [dw1, db1, dw2, db2]
