"""Right layers, as learners write them, and their declarations."""
# They are written as learners write them.
# ruff: noqa: D101, D102, D103, NPY002

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

import numpy_impl as ours
from parity_tests.kit.layers.examine import LayerUnderTest

Array = NDArray[Any]


# Linear layers, as they are written


class Dense:
    def __init__(self, n_in: int = 5, n_out: int = 3) -> None:
        self.W = 0.1 * np.random.randn(n_in, n_out)
        self.b = np.zeros((1, n_out))

    def forward(self, x: Array) -> Array:
        self.x = x
        return x @ self.W + self.b

    def backward(self, grad: Array) -> Array:
        self.dW = self.x.T @ grad
        self.db = grad.sum(axis=0, keepdims=True)
        return grad @ self.W.T


def dense(make: Callable[[], Any], **more: Any) -> LayerUnderTest:
    known: dict[str, Any] = {
        "like": "Linear",
        "parameters": {"weight": "W", "bias": "b"},
        "gradients": {"weight": "dW", "bias": "db"},
    }
    return LayerUnderTest(make, **{**known, **more})


class DenseReturning(Dense):
    def backward(self, grad: Array) -> Any:
        dx = super().backward(grad)
        return dx, self.dW, self.db


class DenseUpdating(Dense):
    def backward(self, grad: Array, lr: float = 0.5) -> Array:
        dx = super().backward(grad)
        self.W -= lr * self.dW
        self.b -= lr * self.db
        return dx


class Square(Dense):
    def __init__(self) -> None:
        super().__init__(5, 5)


class DenseColumns:
    def __init__(self, n_in: int = 5, n_out: int = 3) -> None:
        self.params = {"w": np.ones((n_out, n_in)), "b": np.ones((n_out, 1))}
        self.grads: dict[str, Array] = {}

    def __call__(self, x: Array) -> Array:
        self.x = x
        return self.params["w"] @ x + self.params["b"]

    def grad(self, delta: Array) -> Array:
        self.grads["w"] = delta @ self.x.T
        self.grads["b"] = delta.sum(axis=1, keepdims=True)
        return self.params["w"].T @ delta


class DenseAccumulating(Dense):
    def __init__(self) -> None:
        super().__init__()
        self.dW, self.db = np.zeros_like(self.W), np.zeros_like(self.b)

    def backward(self, grad: Array) -> Array:
        self.dW += self.x.T @ grad
        self.db += grad.sum(axis=0)
        return grad @ self.W.T


class DenseKeeping(Dense):
    """Keeps every batch until it is told to forget them, and has no arrays before the first."""

    def __init__(self) -> None:
        self.xs: list[Array] = []
        self.W: Any = None

    def forget(self) -> None:
        self.xs.clear()

    def forward(self, x: Array) -> Array:
        if self.W is None:
            super().__init__()
        self.xs.append(x)
        return super().forward(x)

    def backward(self, grad: Array) -> Array:
        self.x = np.concatenate(self.xs)
        return super().backward(grad)


class DenseSingle(Dense):
    def __init__(self) -> None:
        super().__init__()
        self.W, self.b = self.W.astype(np.float32), self.b.astype(np.float32)

    def forward(self, x: Array) -> Array:
        return super().forward(x.astype(np.float32))

    def backward(self, grad: Array) -> Array:
        return super().backward(grad.astype(np.float32))


# Activations


class Relu:
    def forward(self, x: Array) -> Array:
        self.mask = x > 0
        return x * self.mask

    def backward(self, grad: Array) -> Array:
        return grad * self.mask


class Sigmoid:
    def forward(self, x: Array) -> Array:
        self.out = 1 / (1 + np.exp(-x))
        return self.out

    def backward(self, grad: Array) -> Array:
        return grad * self.out * (1 - self.out)


class Tanh:
    def forward(self, x: Array) -> Array:
        self.out = np.tanh(x)
        return self.out

    def backward(self, grad: Array) -> Array:
        return grad * (1 - self.out**2)


class Leaky:
    def __init__(self, slope: float = 0.2) -> None:
        self.slope = slope

    def forward(self, x: Array) -> Array:
        self.x = x
        return np.maximum(x, self.slope * x)

    def backward(self, grad: Array) -> Array:
        return np.where(self.x > 0, grad, self.slope * grad)


class Softmax:
    def forward(self, x: Array) -> Array:
        e = np.exp(x - np.max(x, axis=1, keepdims=True))
        self.p = e / np.sum(e, axis=1, keepdims=True)
        return self.p

    def backward(self, grad: Array) -> Array:
        dx = np.empty_like(grad)
        for n, p in enumerate(self.p):
            jacobian = np.diag(p) - np.outer(p, p)
            dx[n] = jacobian @ grad[n]
        return dx


class LogSoftmax:
    def forward(self, x: Array) -> Array:
        z = x - np.max(x, axis=1, keepdims=True)
        logs = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
        self.p = np.exp(logs)
        return logs

    def backward(self, grad: Array) -> Array:
        return grad - self.p * grad.sum(axis=1, keepdims=True)


# Normalization


class BatchNorm:
    momentum = 0.9

    def __init__(self, width: int = 5, eps: float = 1e-5) -> None:
        self.eps = eps
        self.gamma, self.beta = np.ones(width), np.zeros(width)
        self.running_mean, self.running_var = np.zeros(width), np.ones(width)

    def statistics(self, x: Array) -> tuple[Array, Array]:
        return x.mean(axis=0), x.var(axis=0)

    def track(self, mean: Array, var: Array, n: int) -> None:
        m = self.momentum
        self.running_mean = m * self.running_mean + (1 - m) * mean
        self.running_var = m * self.running_var + (1 - m) * var * n / (n - 1)

    def forward(self, x: Array, train: bool = True) -> Array:
        if not train:
            return self.evaluate(x)
        mean, var = self.statistics(x)
        self.track(mean, var, len(x))
        self.std = np.sqrt(var + self.eps)
        self.xhat = (x - mean) / self.std
        return self.gamma * self.xhat + self.beta

    def evaluate(self, x: Array) -> Array:
        xhat = (x - self.running_mean) / np.sqrt(self.running_var + self.eps)
        return self.gamma * xhat + self.beta

    def backward(self, grad: Array) -> Array:
        n = len(grad)
        self.dgamma = (grad * self.xhat).sum(axis=0)
        self.dbeta = grad.sum(axis=0)
        g = grad * self.gamma
        return (n * g - g.sum(axis=0) - self.xhat * (g * self.xhat).sum(axis=0)) / (n * self.std)


NORM = {
    "parameters": {"weight": "gamma", "bias": "beta"},
    "gradients": {"weight": "dgamma", "bias": "dbeta"},
}


def batch_norm(make: Callable[[], Any] = BatchNorm, **more: Any) -> LayerUnderTest:
    known: dict[str, Any] = {
        "like": "BatchNorm1d",
        **NORM,
        "buffers": {"running_mean": "running_mean", "running_var": "running_var"},
        "train": {"train": True},
        "evaluate": {"train": False},
    }
    return LayerUnderTest(make, **{**known, **more})


class LazyBatchNorm(BatchNorm):
    def __init__(self) -> None:
        self.gamma: Any = None

    def forward(self, x: Array, train: bool = True) -> Array:
        if self.gamma is None:
            super().__init__(x.shape[1])
        return super().forward(x, train)


class BatchNormOfOneNumber(BatchNorm):
    """Scale and shift are the same for all features."""

    def __init__(self) -> None:
        super().__init__()
        self.gamma, self.beta = np.ones(1), np.zeros(1)

    def backward(self, grad: Array) -> Array:
        dx = super().backward(grad)
        self.dgamma, self.dbeta = self.dgamma.sum(keepdims=True), self.dbeta.sum(keepdims=True)
        return dx


# What such a layer has no parameter for stays as it began, at 1 and 0.
SCALE_ONLY = {"parameters": {"weight": "gamma"}, "gradients": {"weight": "dgamma"}}
SHIFT_ONLY = {"parameters": {"bias": "beta"}, "gradients": {"bias": "dbeta"}}
NEITHER: dict[str, Any] = {"parameters": {}, "gradients": {}}


class StagedBatchNorm(BatchNorm):
    """The derivative node by node, as in the paper."""

    def forward(self, x: Array, train: bool = True) -> Array:
        self.x = x
        return super().forward(x, train)

    def backward(self, grad: Array) -> Array:
        super().backward(grad)
        n, mean = len(grad), self.x.mean(axis=0)
        dxhat = grad * self.gamma
        dvar = (dxhat * (self.x - mean)).sum(axis=0) * -0.5 * self.std**-3
        dmean = -(dxhat / self.std).sum(axis=0) + dvar * (-2 * (self.x - mean)).mean(axis=0)
        return dxhat / self.std + dvar * 2 * (self.x - mean) / n + dmean / n


class LayerNorm:
    def __init__(self, width: int = 5) -> None:
        self.g, self.b = np.ones((1, width)), np.zeros((1, width))

    def forward(self, x: Array) -> Array:
        self.std = np.sqrt(x.var(axis=1, keepdims=True) + 1e-5)
        self.xhat = (x - x.mean(axis=1, keepdims=True)) / self.std
        return self.xhat * self.g + self.b

    def backward(self, grad: Array) -> Any:
        g = grad * self.g
        dx = g - g.mean(axis=1, keepdims=True)
        dx = (dx - self.xhat * (g * self.xhat).mean(axis=1, keepdims=True)) / self.std
        return dx, (grad * self.xhat).sum(axis=0, keepdims=True), grad.sum(axis=0, keepdims=True)


# Dropout


class Dropout:
    def __init__(self, p: float = 0.3) -> None:
        self.p = p
        self.training = True

    def forward(self, x: Array) -> Array:
        if not self.training:
            return x
        self.mask = (np.random.rand(*x.shape) >= self.p) / (1 - self.p)
        return x * self.mask

    def backward(self, grad: Array) -> Array:
        return grad * self.mask


def dropout(make: Callable[[], Any] = Dropout, **more: Any) -> LayerUnderTest:
    known: dict[str, Any] = {
        "like": "Dropout",
        "options": {"p": 0.3},
        "train": lambda layer: setattr(layer, "training", True),
        "evaluate": lambda layer: setattr(layer, "training", False),
    }
    return LayerUnderTest(make, **{**known, **more})


def own(like: str, *arguments: Any, **more: Any) -> LayerUnderTest:
    """A layer of this project."""
    affine = {"weight": "weight.data", "bias": "bias.data"}
    grads = {"weight": "weight.grad", "bias": "bias.grad"}
    if like == "Linear":
        more |= {"weights": "out_in"}
    if like in ("Linear", "BatchNorm1d", "LayerNorm"):
        more |= {"parameters": affine, "gradients": grads}
    if like == "RMSNorm":
        more |= {"parameters": {"weight": "weight.data"}, "gradients": {"weight": "weight.grad"}}
    return LayerUnderTest(lambda: getattr(ours, like)(*arguments, **_typed(like)), like, **more)


def _typed(like: str) -> dict[str, Any]:
    if like == "Linear":
        return {"rng": np.random.default_rng(0), "dtype": np.float64}
    return {"dtype": np.float64} if like.endswith(("Norm", "Norm1d")) else {}


MODES = {"train": "train", "evaluate": "eval"}
BUFFERS = {"running_mean": "running_mean", "running_var": "running_var"}

RIGHT: dict[str, LayerUnderTest] = {
    "gradients in attributes": dense(Dense),
    "square matrix": dense(lambda: Dense(5, 5)),
    "gradients returned": dense(DenseReturning, gradients={}),
    "updates itself": dense(DenseUpdating, gradients={}, lr=0.25),
    "float32": dense(DenseSingle),
    "adds to gradients": dense(DenseAccumulating),
    "keeps batches": dense(DenseKeeping, reset="forget", options={"in_features": 5}),
    "columns, dicts, other names": dense(
        DenseColumns,
        parameters={"weight": "params.w", "bias": "params.b"},
        gradients={"weight": "grads.w", "bias": "grads.b"},
        forward="__call__",
        backward="grad",
        batch="columns",
        weights="out_in",
    ),
    "matrix whose layout is seen": dense(
        DenseColumns,
        parameters={"weight": "params.w", "bias": "params.b"},
        gradients={"weight": "grads.w", "bias": "grads.b"},
        forward="__call__",
        backward="grad",
        batch="columns",
    ),
    "relu": LayerUnderTest(Relu, "ReLU"),
    "sigmoid": LayerUnderTest(Sigmoid, "Sigmoid"),
    "tanh": LayerUnderTest(Tanh, "Tanh"),
    "leaky relu": LayerUnderTest(Leaky, "LeakyReLU", options={"negative_slope": 0.2}),
    "functions": LayerUnderTest(
        dict,
        "Tanh",
        forward=lambda cache, x: cache.setdefault("y", np.tanh(x)),
        backward=lambda cache, grad: grad * (1 - cache.pop("y") ** 2),
    ),
    "forward only": LayerUnderTest(Relu, "ReLU", backward=None),
    "softmax": LayerUnderTest(Softmax, "Softmax"),
    "log-softmax": LayerUnderTest(LogSoftmax, "LogSoftmax"),
    "batch norm": batch_norm(),
    "batch norm without shift": batch_norm(**SCALE_ONLY),
    "batch norm without scale": batch_norm(**SHIFT_ONLY),
    "batch norm without scale and shift": batch_norm(**NEITHER),
    "batch norm of one number": batch_norm(BatchNormOfOneNumber),
    "batch norm, declared": batch_norm(options={"num_features": 5, "momentum": 0.1, "eps": 1e-5}),
    "batch norm, lazy": batch_norm(LazyBatchNorm),
    "batch norm, node by node": batch_norm(StagedBatchNorm),
    "batch norm, buffers hidden": batch_norm(buffers={}),
    "layer norm": LayerUnderTest(LayerNorm, "LayerNorm", parameters={"weight": "g", "bias": "b"}),
    "dropout": dropout(),
    "dropout without evaluation": dropout(evaluate=None),
    "dropout, p not declared": dropout(options={}),
    "dropout, p neither declared nor seen in evaluation": dropout(options={}, evaluate=None),
    **{
        f"this project's {name}": own(name)
        for name in ("ReLU", "Sigmoid", "Tanh", "LeakyReLU", "ELU", "SELU", "GELU", "SiLU")
    },
    **{
        f"this project's {name}": own(name)
        for name in ("Softplus", "Mish", "ReLU6", "Hardtanh", "Hardswish", "Identity", "CELU")
    },
    "this project's Softmax": own("Softmax", 1),
    "this project's LogSoftmax": own("LogSoftmax", 1),
    "this project's Softmin": own("Softmin", 1),
    "this project's Linear": own("Linear", 5, 3),
    "this project's LayerNorm": own("LayerNorm", 5),
    "this project's RMSNorm": own("RMSNorm", 5),
    "this project's BatchNorm1d": own("BatchNorm1d", 5, buffers=BUFFERS, **MODES),
    "this project's Dropout": LayerUnderTest(
        lambda: ours.Dropout(0.4, rng=np.random.default_rng(3)),
        "Dropout",
        options={"p": 0.4},
        **MODES,
    ),
}
