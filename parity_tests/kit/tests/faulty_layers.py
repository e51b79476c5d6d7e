"""Layers with one fault each, its name, and conventions that are none."""
# They are written as learners write them.
# ruff: noqa: D103, ARG001, NPY002

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

import numpy_impl as ours
from parity_tests.kit.layers.examine import LayerUnderTest
from parity_tests.kit.tests.right_layers import (
    MODES,
    NEITHER,
    SCALE_ONLY,
    BatchNorm,
    BatchNormOfOneNumber,
    Dense,
    DenseAccumulating,
    Dropout,
    LayerNorm,
    Leaky,
    LogSoftmax,
    Relu,
    Sigmoid,
    Softmax,
    Square,
    StagedBatchNorm,
    Tanh,
    batch_norm,
    dense,
    dropout,
)

Array = NDArray[Any]


# Faults. Each class differs from a right one in one place.


def changed(base: type, **methods: Any) -> Callable[[], Any]:
    """Return a class with some methods replaced."""
    return type(f"Changed{base.__name__}", (base,), methods)


def scaled(base: type, **factors: float | Callable[[int], float]) -> Callable[[], Any]:
    """Return a layer whose gradients are multiplied after its own backward pass."""

    def backward(self: Any, grad: Array) -> Any:
        dx = base.backward(self, grad)  # type: ignore[attr-defined]
        for name, factor in factors.items():
            value = factor(len(grad)) if callable(factor) else factor
            if name == "dx":
                dx = dx * value
            else:
                setattr(self, name, getattr(self, name) * value)
        return dx

    return changed(base, backward=backward)


def with_gradient(base: type, name: str, value: Callable[[Any, Array], Any]) -> Callable[[], Any]:
    """Return a layer with one gradient replaced."""

    def backward(self: Any, grad: Array) -> Any:
        dx = base.backward(self, grad)  # type: ignore[attr-defined]
        if name == "dx":
            return value(self, grad)
        setattr(self, name, value(self, grad))
        return dx

    return changed(base, backward=backward)


def updates_first(self: Any, grad: Array, lr: float) -> Array:
    self.W -= lr * self.x.T @ grad
    self.b -= lr * grad.sum(axis=0)
    return grad @ self.W.T


def keeps_first(self: Any, x: Array) -> Array:
    if not hasattr(self, "x"):
        self.x = x
    return x @ self.W + self.b


def keeps_all(self: Any, x: Array) -> Array:
    self.x = np.concatenate([getattr(self, "x", x[:0]), x])
    return x @ self.W + self.b


def relu_in_place(_: Any, x: Array) -> Array:
    x[x < 0] = 0
    return x


def edits_gradient(self: Any, grad: Array) -> Array:
    grad[~self.mask] = 0
    return grad


def activation(base: type, like: str, **methods: Any) -> LayerUnderTest:
    return LayerUnderTest(changed(base, **methods), like)


def softmax_without_shift(self: Any, x: Array) -> Array:
    e = np.exp(x)
    self.p = e / e.sum(axis=1, keepdims=True)
    return self.p


def softmax_with_one_shift(self: Any, x: Array) -> Array:
    e = np.exp(x - x.max())
    self.p = e / e.sum(axis=1, keepdims=True)
    return self.p


def softmax_over_batch(self: Any, x: Array) -> Array:
    e = np.exp(x - x.max())
    self.p = e / e.sum()
    return self.p


def softmax_over_samples(self: Any, x: Array) -> Array:
    e = np.exp(x - x.max(axis=0))
    self.p = e / e.sum(axis=0)
    return self.p


def over_samples_back(self: Any, grad: Array) -> Array:
    return self.p * (grad - (grad * self.p).sum(axis=0))


def over_batch_back(self: Any, grad: Array) -> Array:
    return self.p * (grad - (grad * self.p).sum())


def sigmoid_of_numbers(self: Any, x: Array) -> Array:
    self.out = np.array([[1 / (1 + math.exp(-value)) for value in row] for row in x])
    return self.out


LINEAR_FAULTS: dict[str, tuple[LayerUnderTest, set[str | None]]] = {
    "bias left out": (
        dense(changed(Dense, forward=lambda s, x: (setattr(s, "x", x), x @ s.W)[1])),
        {"bias-left-out"},
    ),
    "bias collapsed": (
        dense(with_gradient(Dense, "db", lambda _, g: np.full((1, 3), g.sum()))),
        {"bias-collapsed"},
    ),
    "bias not summed": (
        dense(with_gradient(Dense, "db", lambda _, g: g)),
        {"bias-not-summed"},
    ),
    "bias of one sample": (
        dense(with_gradient(Dense, "db", lambda _, g: g[-1:])),
        {"bias-of-one-sample"},
    ),
    "bias averaged": (dense(scaled(Dense, db=lambda n: 1 / n)), {"bias-scaled"}),
    "input's gradient averaged": (dense(scaled(Dense, dx=lambda n: 1 / n)), {"factor-batch"}),
    "input's gradient doubled": (dense(scaled(Dense, dx=2.0)), {"factor-two"}),
    "signs turned": (dense(scaled(Dense, dW=-1.0, db=-1.0)), {"sign"}),
    "weight's gradient zero": (dense(scaled(Dense, dW=0.0)), {"gradient-zero"}),
    "update first": (
        dense(changed(Dense, backward=updates_first), gradients={}, lr=0.5),
        {"update-order"},
    ),
    "weight transposed": (
        dense(with_gradient(Square, "dx", lambda s, g: g @ s.W), weights="in_out"),
        {"weight-transposed"},
    ),
    "gradient transposed": (
        dense(with_gradient(Square, "dW", lambda s, g: g.T @ s.x), weights="in_out"),
        {"gradient-transposed"},
    ),
    "batches kept": (dense(changed(Dense, forward=keeps_all)), {"state-kept"}),
    "first batch kept": (dense(changed(Dense, forward=keeps_first)), {"state-kept"}),
    "gradient unknown": (
        dense(with_gradient(Dense, "dx", lambda s, g: np.tanh(g @ s.W.T))),
        {None},
    ),
    "output unknown": (
        dense(changed(Dense, forward=lambda s, x: np.tanh(Dense.forward(s, x)) ** 3)),
        {None},
    ),
}
FUNCTION_FAULTS: dict[str, tuple[LayerUnderTest, set[str | None]]] = {
    "sigmoid, derivative missing": (
        activation(Sigmoid, "Sigmoid", backward=lambda _, g: g),
        {"activation-derivative-missing"},
    ),
    "sigmoid, derivative on activation": (
        activation(
            Sigmoid,
            "Sigmoid",
            backward=lambda s, g: g / (1 + np.exp(-s.out)) * (1 - 1 / (1 + np.exp(-s.out))),
        ),
        {"derivative-on-activation"},
    ),
    "tanh, derivative of sigmoid": (
        activation(Tanh, "Tanh", backward=lambda s, g: g * s.out * (1 - s.out)),
        {"derivative-of-another-function"},
    ),
    "tanh, derivative twice": (
        activation(Tanh, "Tanh", backward=lambda s, g: g * (1 - s.out**2) ** 2),
        {"derivative-twice"},
    ),
    "relu, mask of gradient": (
        activation(Relu, "ReLU", backward=lambda _, g: g * (g > 0)),
        {"derivative-on-gradient"},
    ),
    "relu, mask turned round": (
        activation(Relu, "ReLU", backward=lambda s, g: g * ~s.mask),
        {"derivative-inverted"},
    ),
    "relu, another function": (
        LayerUnderTest(Leaky, "ReLU"),
        {"another-activation"},
    ),
    "relu, input edited": (
        activation(Relu, "ReLU", forward=relu_in_place, backward=lambda _, g: g),
        {"input-edited", "activation-derivative-missing"},
    ),
    "relu, gradient edited": (
        activation(Relu, "ReLU", backward=edits_gradient),
        {"gradient-edited"},
    ),
    "tanh, overflow": (
        activation(
            Tanh,
            "Tanh",
            forward=lambda s, x: (
                setattr(s, "out", (np.exp(x) - np.exp(-x)) / (np.exp(x) + np.exp(-x))),
                s.out,
            )[1],
        ),
        {"overflow"},
    ),
    "leaky, another slope": (
        LayerUnderTest(Leaky, "LeakyReLU", options={"negative_slope": 0.01}),
        {"another-activation"},
    ),
    "random": (
        LayerUnderTest(
            changed(Tanh, forward=lambda _, x: x + np.random.rand(*x.shape)),
            "Tanh",
            backward=None,
        ),
        {"forward-random"},
    ),
    "softmax, diagonal": (
        activation(Softmax, "Softmax", backward=lambda s, g: g * s.p * (1 - s.p)),
        {"softmax-jacobian-diagonal"},
    ),
    "softmax, handed through": (
        activation(Softmax, "Softmax", backward=lambda _, g: g),
        {"output-derivative-missing"},
    ),
    "softmax, sum over all": (
        activation(Softmax, "Softmax", backward=over_batch_back),
        {"softmax-jacobian-axis"},
    ),
    "softmax, over samples": (
        activation(Softmax, "Softmax", forward=softmax_over_samples, backward=over_samples_back),
        {"softmax-over-samples"},
    ),
    "softmax, over the batch": (
        activation(Softmax, "Softmax", forward=softmax_over_batch, backward=over_batch_back),
        {"softmax-over-batch"},
    ),
    "softmax, no shift": (
        activation(Softmax, "Softmax", forward=softmax_without_shift),
        {"softmax-no-shift"},
    ),
    "softmax, one shift": (
        activation(Softmax, "Softmax", forward=softmax_with_one_shift),
        {"softmax-one-shift"},
    ),
    "log-softmax, diagonal": (
        activation(LogSoftmax, "LogSoftmax", backward=lambda s, g: g * (1 - s.p)),
        {"softmax-jacobian-diagonal"},
    ),
    "log-softmax, no Jacobian": (
        activation(LogSoftmax, "LogSoftmax", backward=lambda _, g: g),
        {"output-derivative-missing"},
    ),
    "log-softmax, axis": (
        activation(LogSoftmax, "LogSoftmax", backward=lambda s, g: g - s.p * g.sum(axis=0)),
        {"softmax-jacobian-axis"},
    ),
    "log-softmax, unknown": (
        activation(LogSoftmax, "LogSoftmax", backward=lambda s, g: g - s.p**2 * g.sum()),
        {None},
    ),
    "sigmoid of Python's numbers": (
        activation(Sigmoid, "Sigmoid", forward=sigmoid_of_numbers),
        {"overflow"},
    ),
}


def statistics(mean_of: Callable[[Array], Any], var_of: Callable[[Array], Any]) -> Any:
    return lambda _, x: (mean_of(x), var_of(x))


def tracked(update: Callable[[Any, Array, Array, int], tuple[Array, Array]]) -> Callable[[], Any]:
    def track(self: Any, mean: Array, var: Array, n: int) -> None:
        self.running_mean, self.running_var = update(self, mean, var, n)

    return changed(BatchNorm, track=track)


def from_zero(self: Any) -> None:
    BatchNorm.__init__(self)
    self.running_var = np.zeros(5)


def begun(mean: float, var: float) -> Callable[[], Any]:
    """Return a batch norm whose running statistics begin with other numbers."""

    def begin(self: Any) -> None:
        BatchNorm.__init__(self)
        self.running_mean, self.running_var = np.full(5, mean), np.full(5, var)

    return changed(BatchNorm, __init__=begin)


def eps_outside(self: Any, x: Array, train: bool = True) -> Array:
    y = BatchNorm.forward(self, x, train)
    if train:
        self.deviation = x.std(axis=0)
        self.std = self.deviation + 1e-3
        self.xhat = (x - x.mean(axis=0)) / self.std
        return self.gamma * self.xhat + self.beta
    xhat = (x - self.running_mean) / (np.sqrt(self.running_var) + 1e-3)
    return y * 0 + self.gamma * xhat + self.beta


def eps_outside_back(self: Any, grad: Array) -> Array:
    BatchNorm.backward(self, grad)
    g = grad * self.gamma
    inner = g - g.mean(axis=0)
    product = (g * self.xhat).mean(axis=0) * self.std / self.deviation
    return (inner - self.xhat * product) / self.std


def moving_mean(self: Any, x: Array, train: bool = True) -> Array:
    self.average = 0.9 * getattr(self, "average", 0.0) + 0.1 * x.mean(axis=0)
    d = x - self.average
    self.std = np.sqrt((d**2).mean(axis=0) + self.eps)
    self.xhat = d / self.std
    return self.gamma * self.xhat + self.beta


def of_layer(self: Any, x: Array, train: bool = True) -> Array:
    self.std = np.sqrt(x.var(axis=1, keepdims=True) + self.eps)
    self.xhat = (x - x.mean(axis=1, keepdims=True)) / self.std
    return self.gamma * self.xhat + self.beta


def of_layer_back(self: Any, grad: Array) -> Array:
    BatchNorm.backward(self, grad)
    g = grad * self.gamma
    inner = g - g.mean(axis=1, keepdims=True)
    return (inner - self.xhat * (g * self.xhat).mean(axis=1, keepdims=True)) / self.std


def by_batch(self: Any, x: Array) -> Array:
    return self.gamma * (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + self.eps) + self.beta


def by_mean(self: Any, x: Array) -> Array:
    with np.errstate(invalid="ignore"):
        xhat = (x - self.running_mean) / np.sqrt(self.running_mean + self.eps)
    return np.asarray(self.gamma * xhat + self.beta)


def gain_behind(self: Any, grad: Array) -> Any:
    gain, self.g = self.g, np.ones_like(self.g)
    dx, *others = LayerNorm.backward(self, grad)
    self.g = gain
    return dx * gain, *others


def tracks_in_evaluation(self: Any, x: Array) -> Array:
    y = BatchNorm.evaluate(self, x)
    self.track(x.mean(axis=0), x.var(axis=0), len(x))
    return y


def tracks_before_evaluation(self: Any, x: Array) -> Array:
    self.track(x.mean(axis=0), x.var(axis=0), len(x))
    return BatchNorm.evaluate(self, x)


def without_eps(self: Any, x: Array) -> Array:
    return self.gamma * (x - self.running_mean) / np.sqrt(self.running_var) + self.beta


def without(*terms: str, base: type = BatchNorm) -> Callable[[], Any]:
    def value(self: Any, grad: Array) -> Array:
        g = grad * (1.0 if "gamma" in terms else self.gamma)
        total = g
        if "mean" not in terms:
            total = total - g.mean(axis=0)
        if "variance" not in terms:
            total = total - self.xhat * (g * self.xhat).mean(axis=0)
        return total / self.std

    return with_gradient(base, "dx", value)


def swapped(self: Any, grad: Array) -> Array:
    dx = BatchNorm.backward(self, grad)
    self.dgamma, self.dbeta = self.dbeta, self.dgamma
    return dx


def by_scaled(self: Any, grad: Array) -> Array:
    dx = BatchNorm.backward(self, grad)
    grad = grad * self.gamma
    self.dgamma, self.dbeta = (grad * self.xhat).sum(axis=0), grad.sum(axis=0)
    return dx


def by_input(self: Any, grad: Array) -> Any:
    dx, dg, _ = LayerNorm.backward(self, grad)
    return dx, dg, dx.sum(axis=0, keepdims=True)


NORM_FAULTS: dict[str, tuple[LayerUnderTest, set[str | None]]] = {
    "variance biased": (
        batch_norm(
            tracked(
                lambda s, m, v, _: (0.9 * s.running_mean + 0.1 * m, 0.9 * s.running_var + 0.1 * v)
            )
        ),
        {"running-variance-biased"},
    ),
    "variance from zero": (
        batch_norm(changed(BatchNorm, __init__=from_zero)),
        {"running-variance-from-zero"},
    ),
    "mean from one": (batch_norm(begun(1.0, 1.0)), {"running-statistics-start"}),
    "mean from another number": (batch_norm(begun(0.25, 1.0)), {"running-statistics-start"}),
    "variance from another number": (batch_norm(begun(0.0, 2.0)), {"running-statistics-start"}),
    "mean from one, variance from zero, another momentum": (
        batch_norm(
            changed(begun(1.0, 0.0), momentum=0.7),  # type: ignore[arg-type]
            options={"momentum": 0.1},
        ),
        {
            "running-statistics-start",
            "running-variance-from-zero",
            "momentum-of-another-size",
        },
    ),
    "momentum turned round": (
        batch_norm(changed(BatchNorm, momentum=0.1)),
        {"momentum-turned-round"},
    ),
    "momentum of another size": (
        batch_norm(changed(BatchNorm, momentum=0.8), options={"momentum": 0.1}),
        {"momentum-of-another-size"},
    ),
    "deviations averaged": (
        batch_norm(
            tracked(
                lambda s, m, v, n: (
                    0.9 * s.running_mean + 0.1 * m,
                    0.9 * s.running_var + 0.1 * np.sqrt(v * n / (n - 1)),
                )
            ),
            evaluate=None,
        ),
        {"running-standard-deviation"},
    ),
    "last batch only": (
        batch_norm(tracked(lambda _, m, v, n: (m, v * n / (n - 1)))),
        {"running-statistics-not-averaged"},
    ),
    "never updated": (
        batch_norm(tracked(lambda s, *_: (s.running_mean, s.running_var))),
        {"running-statistics-not-updated"},
    ),
    "average unknown": (
        batch_norm(
            tracked(
                lambda s, m, v, n: (
                    0.9 * s.running_mean + 0.1 * np.tanh(m),
                    0.9 * s.running_var + 0.1 * v * n / (n - 1),
                )
            )
        ),
        {None},
    ),
    "root of the running mean": (
        batch_norm(changed(BatchNorm, evaluate=by_mean)),
        {"running-mean-for-variance"},
    ),
    "batch statistics in evaluation": (
        batch_norm(changed(BatchNorm, evaluate=by_batch)),
        {"batch-statistics-in-evaluation"},
    ),
    "updated in evaluation": (
        batch_norm(changed(BatchNorm, evaluate=tracks_in_evaluation)),
        {"running-statistics-updated-in-evaluation"},
    ),
    "updated before evaluation": (
        batch_norm(changed(BatchNorm, evaluate=tracks_before_evaluation)),
        {"running-statistics-updated-in-evaluation"},
    ),
    "evaluation unknown": (
        batch_norm(changed(BatchNorm, evaluate=lambda s, x: np.tanh(BatchNorm.evaluate(s, x)))),
        {None},
    ),
    "no eps in evaluation": (
        batch_norm(changed(BatchNorm, evaluate=without_eps)),
        {"eps-left-out"},
    ),
    "eps outside": (
        batch_norm(changed(BatchNorm, forward=eps_outside, backward=eps_outside_back)),
        {"eps-outside-root"},
    ),
    "eps of another size": (
        batch_norm(lambda: BatchNorm(eps=1e-3), options={"eps": 1e-5}),
        {"eps-of-another-size"},
    ),
    "no eps": (
        batch_norm(lambda: BatchNorm(eps=0.0), evaluate=None),
        {"eps-left-out"},
    ),
    "wrong axis": (
        batch_norm(
            changed(BatchNorm, forward=of_layer, backward=of_layer_back), buffers={}, evaluate=None
        ),
        {"normalized-over-wrong-axis"},
    ),
    "moving mean in training": (
        batch_norm(changed(BatchNorm, forward=moving_mean), buffers={}, evaluate=None),
        {"running-mean-in-training"},
    ),
    "mean constant": (batch_norm(without("mean")), {"mean-taken-for-constant"}),
    "variance constant": (batch_norm(without("variance")), {"variance-taken-for-constant"}),
    "both constant": (batch_norm(without("mean", "variance")), {"moments-taken-for-constants"}),
    "gamma left out": (batch_norm(without("gamma")), {"scale-left-out-of-backward"}),
    "mean constant, without shift": (
        batch_norm(without("mean"), **SCALE_ONLY),
        {"mean-taken-for-constant"},
    ),
    "both constant, without scale and shift": (
        batch_norm(without("mean", "variance"), **NEITHER),
        {"moments-taken-for-constants"},
    ),
    "variance constant, of one number": (
        batch_norm(without("variance", base=BatchNormOfOneNumber)),
        {"variance-taken-for-constant"},
    ),
    "one number not summed over features": (
        batch_norm(with_gradient(BatchNormOfOneNumber, "dbeta", lambda _, g: g.sum(axis=0))),
        {None},
    ),
    "swapped": (batch_norm(changed(BatchNorm, backward=swapped)), {"scale-and-shift-swapped"}),
    "beta averaged": (batch_norm(scaled(BatchNorm, dbeta=lambda n: 1 / n)), {"bias-scaled"}),
    "gamma by the raw input": (
        batch_norm(with_gradient(StagedBatchNorm, "dgamma", lambda s, g: (g * s.x).sum(axis=0))),
        {"scale-by-raw-input"},
    ),
    "gamma and beta by the scaled gradient": (
        batch_norm(changed(BatchNorm, backward=by_scaled)),
        {"parameters-by-downstream-gradient"},
    ),
    "beta by the gradient of the input": (
        LayerUnderTest(
            changed(LayerNorm, backward=by_input),
            "LayerNorm",
            parameters={"weight": "g", "bias": "b"},
        ),
        {"parameters-by-downstream-gradient"},
    ),
    "layer norm, unbiased": (
        LayerUnderTest(
            changed(
                LayerNorm,
                forward=lambda s, x: (
                    (x - x.mean(axis=1, keepdims=True))
                    / np.sqrt(x.var(axis=1, keepdims=True, ddof=1) + 1e-5)
                    * s.g
                    + s.b
                ),
            ),
            "LayerNorm",
            backward=None,
            parameters={"weight": "g", "bias": "b"},
        ),
        {"variance-unbiased"},
    ),
    "layer norm, divided by variance": (
        LayerUnderTest(
            changed(
                LayerNorm,
                forward=lambda s, x: (
                    (x - x.mean(axis=1, keepdims=True))
                    / (x.var(axis=1, keepdims=True) + 1e-5)
                    * s.g
                    + s.b
                ),
            ),
            "LayerNorm",
            backward=None,
            parameters={"weight": "g", "bias": "b"},
        ),
        {"divided-by-variance"},
    ),
    "layer norm, gain behind the derivative": (
        LayerUnderTest(
            changed(LayerNorm, backward=gain_behind),
            "LayerNorm",
            parameters={"weight": "g", "bias": "b"},
        ),
        {"scale-behind-derivative"},
    ),
    "layer norm, whole array": (
        LayerUnderTest(
            changed(
                LayerNorm,
                forward=lambda s, x: (x - x.mean()) / np.sqrt(x.var() + 1e-5) * s.g + s.b,
            ),
            "LayerNorm",
            backward=None,
            parameters={"weight": "g", "bias": "b"},
        ),
        {"normalized-over-whole-batch"},
    ),
    "layer norm, no shift": (
        LayerUnderTest(
            changed(
                LayerNorm,
                forward=lambda s, x: (
                    (x - x.mean(axis=1, keepdims=True))
                    / np.sqrt(x.var(axis=1, keepdims=True) + 1e-5)
                    * s.g
                ),
            ),
            "LayerNorm",
            backward=None,
            parameters={"weight": "g", "bias": "b"},
        ),
        {"affine-left-out"},
    ),
}


def masks(
    draw: Callable[[Any, Array], Array], evaluate: Callable[[Any, Array], Array] = lambda _, x: x
) -> Callable[[], Any]:
    def forward(self: Any, x: Array) -> Array:
        if not self.training:
            return evaluate(self, x)
        self.mask = draw(self, x)
        return x * self.mask

    return changed(Dropout, forward=forward)


def uniform(*shape: int) -> Array:
    return np.random.rand(*shape)


def normal(*shape: int) -> Array:
    return np.random.randn(*shape)


def kept_once(self: Any, x: Array) -> Array:
    if not hasattr(self, "mask"):
        self.mask = (uniform(*x.shape) >= self.p) / (1 - self.p)
    return self.mask


def kept_for_columns(self: Any, x: Array) -> Array:
    if not hasattr(self, "mask"):
        self.mask = (uniform(1, x.shape[1]) < self.p) / (1 - self.p) * np.ones_like(x)
    return self.mask


def drops_in_place(self: Any, x: Array) -> Array:
    if self.training:
        self.mask = (uniform(*x.shape) >= self.p) / (1 - self.p)
        x *= self.mask
    return x


DROPOUT_FAULTS: dict[str, tuple[LayerUnderTest, set[str | None]]] = {
    "not inverted": (
        dropout(masks(lambda s, x: 1.0 * (uniform(*x.shape) >= s.p))),
        {"dropout-not-inverted"},
    ),
    "scaled twice": (
        dropout(
            masks(lambda s, x: (uniform(*x.shape) >= s.p) / (1 - s.p), lambda s, x: x * (1 - s.p))
        ),
        {"dropout-scaled-twice"},
    ),
    "scaled in evaluation as in training": (
        dropout(
            masks(lambda s, x: (uniform(*x.shape) >= s.p) / (1 - s.p), lambda s, x: x / (1 - s.p))
        ),
        {"dropout-scaled-twice"},
    ),
    "keep probability": (
        dropout(masks(lambda s, x: (uniform(*x.shape) < s.p) / s.p)),
        {"dropout-keep-probability"},
    ),
    "scale of p": (
        dropout(masks(lambda s, x: (uniform(*x.shape) >= s.p) / s.p)),
        {"dropout-scale"},
    ),
    "normal numbers": (
        dropout(masks(lambda s, x: (normal(*x.shape) < 1 - s.p) / (1 - s.p))),
        {"dropout-mask-normal"},
    ),
    "normal numbers above p": (
        dropout(masks(lambda s, x: 1.0 * (normal(*x.shape) > s.p))),
        {"dropout-mask-normal"},
    ),
    "normal numbers, p of 0.8": (
        dropout(
            lambda: masks(lambda s, x: (normal(*x.shape) < s.p) / s.p)(0.8),  # type: ignore[call-arg]
            options={"p": 0.8},
        ),
        {"dropout-mask-normal"},
    ),
    "normal numbers, p of 0.2": (
        dropout(
            lambda: masks(lambda s, x: (normal(*x.shape) < 1 - s.p) / (1 - s.p))(0.2),  # type: ignore[call-arg]
            options={"p": 0.2},
        ),
        {"dropout-mask-normal"},
    ),
    "normal numbers, p not declared": (
        dropout(masks(lambda s, x: (normal(*x.shape) < 1 - s.p) / (1 - s.p)), options={}),
        {"dropout-mask-normal"},
    ),
    "too many dropped": (
        dropout(masks(lambda _, x: (uniform(*x.shape) >= 0.4) / 0.6)),
        {None},
    ),
    "mask not applied back": (
        dropout(changed(Dropout, backward=lambda _, g: g)),
        {"dropout-not-in-backward"},
    ),
    "back without the scale": (
        dropout(changed(Dropout, backward=lambda s, g: g * (s.mask > 0))),
        {"dropout-backward-scale"},
    ),
    "back with the inverse scale": (
        dropout(changed(Dropout, backward=lambda s, g: g * (s.mask > 0) * (1 - s.p))),
        {"dropout-backward-scale"},
    ),
    "new mask": (
        dropout(changed(Dropout, backward=lambda s, g: g * (uniform(*g.shape) >= s.p) / (1 - s.p))),
        {"dropout-new-mask"},
    ),
    "everything dropped": (dropout(masks(lambda _, x: np.zeros_like(x))), {None}),
    "inactive": (dropout(masks(lambda _, x: np.ones_like(x))), {"dropout-inactive"}),
    "active in evaluation": (
        dropout(evaluate=lambda layer: setattr(layer, "training", True)),
        {"dropout-active-in-evaluation"},
    ),
    "mask kept": (dropout(masks(kept_once)), {"dropout-mask-kept"}),
    "mask kept and shared, which keeps with p": (
        dropout(masks(kept_for_columns)),
        {"dropout-mask-kept", "dropout-mask-shared", "dropout-keep-probability"},
    ),
    "mask kept and shared, which keeps with p, not declared": (
        dropout(masks(kept_for_columns), options={}),
        {"dropout-mask-kept", "dropout-mask-shared", "dropout-scale"},
    ),
    "mask shared": (
        dropout(masks(lambda s, x: (uniform(1, x.shape[1]) >= s.p) / (1 - s.p) * np.ones_like(x))),
        {"dropout-mask-shared"},
    ),
    "input edited": (dropout(changed(Dropout, forward=drops_in_place)), {"input-edited"}),
    "noise": (dropout(masks(lambda _, x: uniform(*x.shape))), {None}),
}
FAULTS = {**LINEAR_FAULTS, **FUNCTION_FAULTS, **NORM_FAULTS, **DROPOUT_FAULTS}


CONVENTIONS: dict[str, tuple[LayerUnderTest, str]] = {
    "the layer takes the mean": (
        dense(scaled(Dense, dW=lambda n: 1 / n, db=lambda n: 1 / n)),
        "takes the mean",
    ),
    "adds to gradients": (dense(DenseAccumulating), "set to zero"),
    "derivative 1 at the kink": (
        LayerUnderTest(
            changed(
                Relu,
                forward=lambda s, x: (setattr(s, "x", x), np.maximum(x, 0))[1],
                backward=lambda s, g: g * (s.x >= 0),
            ),
            "ReLU",
        ),
        "at 0 is taken for 1, PyTorch's is 0",
    ),
    "another slope": (LayerUnderTest(Leaky, "LeakyReLU"), "negative_slope = 0.2"),
    "gelu by tanh": (
        LayerUnderTest(lambda: ours.GELU(approximate="tanh"), "GELU"),
        "approximate = 'tanh'",
    ),
    "eps": (batch_norm(lambda: BatchNorm(eps=1e-3)), "eps = 0.001"),
    "momentum": (batch_norm(changed(BatchNorm, momentum=0.8)), "the weight 0.2"),
    "mean of all batches": (
        batch_norm(
            lambda: ours.BatchNorm1d(5, momentum=None, dtype=np.float64),
            parameters={"weight": "weight.data", "bias": "bias.data"},
            gradients={"weight": "weight.grad", "bias": "bias.grad"},
            **MODES,
        ),
        "momentum=None",
    ),
    "dropout scaled in evaluation": (
        dropout(masks(lambda s, x: 1.0 * (uniform(*x.shape) >= s.p), lambda s, x: x * (1 - s.p))),
        "where PyTorch does it",
    ),
}
