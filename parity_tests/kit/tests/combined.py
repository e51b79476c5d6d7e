"""Right networks that are put together from choices, each of which is usual for itself."""
# Networks are written as learners write them.
# ruff: noqa: D102, NPY002

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from parity_tests.kit.network import Network
from parity_tests.kit.tests.asked import Array, relu, sigmoid, softmax

Pair = tuple[Callable[[Array], Array], Callable[[Array], Array]]


def _elu(z: Array) -> Array:
    return np.where(z > 0, z, np.expm1(np.minimum(z, 0)))


# Each with its derivative.
HIDDEN: dict[str, Pair] = {
    "relu": (relu, lambda z: (z > 0) * 1.0),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "sigmoid": (sigmoid, lambda z: sigmoid(z) * (1 - sigmoid(z))),
    "leaky": (lambda z: np.where(z > 0, z, 0.1 * z), lambda z: np.where(z > 0, 1.0, 0.1)),
    "elu": (_elu, lambda z: np.where(z > 0, 1.0, np.exp(np.minimum(z, 0)))),
    "softplus": (lambda z: np.logaddexp(0, z), sigmoid),
    "swish": (lambda z: z * sigmoid(z), lambda z: sigmoid(z) * (1 + z * (1 - sigmoid(z)))),
}


@dataclass(frozen=True)
class Head:
    """An output function with a loss.

    Attributes
    ----------
    output : callable
        Of the last pre-activation z.
    terms : callable
        ``f(p, y, z, eps)``, the terms of the loss.
    delta : callable
        ``f(p, y, z, eps)``, the derivative of their sum by z.
    labels : str
        ``"classes"``, or ``"targets"`` for any numbers.
    fewest : int
        Outputs.
    """

    output: Callable[[Array], Array]
    terms: Callable[..., Array]
    delta: Callable[..., Array]
    labels: str = "classes"
    fewest: int = 1


def _entropy(p: Array, y: Array, eps: float) -> Array:
    return -y * np.log(p + eps)


def _both(p: Array, y: Array, eps: float) -> Array:
    return -(y * np.log(p + eps) + (1 - y) * np.log(1 - p + eps))


def _through_softmax(slope: Array, p: Array) -> Array:
    return p * (slope - (slope * p).sum(axis=1, keepdims=True))


def _huber(e: Array) -> Array:
    return np.where(np.abs(e) < 0.7, e**2 / 2, 0.7 * (np.abs(e) - 0.35))


def _same(z: Array) -> Array:
    return z


HEADS: dict[str, Head] = {
    "softmax": Head(
        softmax,
        lambda p, y, _, eps: _entropy(p, y, eps),
        lambda p, y, *_: p - y,
        fewest=3,
    ),
    "logits": Head(
        _same,
        lambda _p, y, z, eps: _entropy(softmax(z), y, eps),
        lambda _p, y, z, _eps: softmax(z) - y,
        fewest=3,
    ),
    "softmax behind relu": Head(
        relu,
        lambda p, y, _, eps: _entropy(softmax(p), y, eps),
        lambda p, y, z, _eps: (softmax(p) - y) * (z > 0),
        fewest=3,
    ),
    "softmax, squares": Head(
        softmax,
        lambda p, y, *_: (p - y) ** 2,
        lambda p, y, *_: _through_softmax(2 * (p - y), p),
        fewest=3,
    ),
    "sigmoid": Head(sigmoid, lambda p, y, _, eps: _both(p, y, eps), lambda p, y, *_: p - y),
    "sigmoid, divided": Head(
        sigmoid,
        lambda p, y, _, eps: _both(p, y, eps),
        lambda p, y, _, eps: ((1 - y) / (1 - p + eps) - y / (p + eps)) * p * (1 - p),
    ),
    "logits, binary": Head(
        _same,
        lambda _p, y, z, _eps: np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z))),
        lambda _p, y, z, _eps: sigmoid(z) - y,
    ),
    "sigmoid, squares": Head(
        sigmoid,
        lambda p, y, *_: (p - y) ** 2 / 2,
        lambda p, y, *_: (p - y) * p * (1 - p),
    ),
    "tanh, signs": Head(
        np.tanh,
        lambda p, y, *_: (p - (2 * y - 1)) ** 2,
        lambda p, y, *_: 2 * (p - (2 * y - 1)) * (1 - p**2),
    ),
    "tanh, squares": Head(
        np.tanh,
        lambda p, y, *_: (p - y) ** 2,
        lambda p, y, *_: 2 * (p - y) * (1 - p**2),
        "targets",
    ),
    "squares": Head(_same, lambda p, y, *_: (p - y) ** 2, lambda p, y, *_: 2 * (p - y), "targets"),
    "half squares": Head(
        _same, lambda p, y, *_: (p - y) ** 2 / 2, lambda p, y, *_: p - y, "targets"
    ),
    "absolute": Head(
        _same, lambda p, y, *_: np.abs(p - y), lambda p, y, *_: np.sign(p - y), "targets"
    ),
    "huber": Head(
        _same,
        lambda p, y, *_: _huber(p - y),
        lambda p, y, *_: np.clip(p - y, -0.7, 0.7),
        "targets",
    ),
    "log cosh": Head(
        _same,
        lambda p, y, *_: np.logaddexp(p - y, y - p) - np.log(2),
        lambda p, y, *_: np.tanh(p - y),
        "targets",
    ),
    "rates": Head(np.exp, lambda p, y, z, _: p - y * z, lambda p, y, *_: p - y, "targets"),
}
# Optimizers whose steps are sums of gradients, and others.
_SUMS = ("sgd", "momentum", "average", "velocity", "nesterov")
_OTHERS = ("rmsprop", "adagrad", "adam", "adamw")


@dataclass(frozen=True)
class Choices:
    """What a network is put together from.

    Attributes
    ----------
    sizes, hidden, head : tuple of int, tuple of str, str
        Widths, and names in `HIDDEN` and `HEADS`.
    eps : float
        What is beside probabilities.
    over : str
        What the loss is divided by: ``"samples"``, ``"nothing"`` or ``"all"``, outputs as well.
    is_summed : bool
        Whether the gradient is that of the sum, and the step divides.
    squares, magnitudes : float
        Coefficients of penalties on the matrices, in loss and gradient.
    rule : str
        The optimizer.
    longest, axis : float, int
        The largest norm of weights after a step, zero for none, and over which axis.
    clip, limit : str, float
        What is limited before a step: ``"value"``, ``"norm"``, or nothing; and to which size.
    batch, labels, bias : str
        As in a `Network`; biases are of one axis, or a row.
    shows : str
        ``"gradients"``, ``"step"`` or ``"both"``.
    dropped : float
        Which share of the hidden units in training.
    is_shuffled, is_single : bool
        Whether a step draws the order of its samples, and parameters are of float32.
    scale : str
        That of the initial weights.
    """

    sizes: tuple[int, ...]
    hidden: tuple[str, ...]
    head: str
    eps: float
    over: str
    is_summed: bool
    squares: float
    magnitudes: float
    rule: str
    longest: float
    axis: int
    clip: str
    limit: float
    batch: str
    labels: str
    bias: str
    shows: str
    dropped: float
    is_shuffled: bool
    is_single: bool
    scale: str


def choose(rng: np.random.Generator) -> Choices:
    """Draw choices that go with one another."""

    def one(*several: Any) -> Any:
        return several[rng.integers(len(several))]

    name = one(*HEADS)
    head = HEADS[name]
    outputs = max(one(10, 10, 3, 1), head.fewest)
    hidden = tuple(one("relu", "relu", *HIDDEN) for _ in range(one(1, 1, 2)))
    classes = one("one_hot", "one_hot", "integers") if outputs > 1 else "one_hot"
    shows = one("gradients", "both", "both", "step")
    rule, dropped = one("sgd", *_SUMS, *_OTHERS), one(0.0, 0.0, 0.0, 0.4)
    clip = one("", "", "", "value", "norm")
    is_penalized = one(True, False)
    is_shuffled = one(True, False, False)
    # What steps make up for shows in steps that are sums, and where nothing else is done to them.
    is_summed = shows == "both" and rule in _SUMS and not (clip or is_penalized)
    is_summed = is_summed and not (dropped and is_shuffled) and one(True, False)
    # Of single precision what an average takes of a first step is not told from a factor, and a
    # norm is no limit.
    is_single = one(*[False] * 9, True) and shows != "step"
    return Choices(
        sizes=(12, *(9, 8)[: len(hidden)], outputs),
        hidden=hidden,
        head=name,
        eps=one(1e-12, 1e-9, 1e-8),
        over=one("samples", "samples", "nothing", "all"),
        is_summed=is_summed,
        squares=one(0.0, 0.01) if is_penalized and rule != "adamw" else 0.0,
        magnitudes=one(0.0, 0.01) if is_penalized else 0.0,
        rule=rule,
        longest=one(0.0, 0.0, 3.0) if shows != "gradients" and not clip else 0.0,
        axis=one(0, 1),
        clip=clip,
        limit=one(5.0, 5.0, 1.0, 0.3),
        batch=one("rows", "rows", "columns"),
        labels="targets" if head.labels == "targets" else classes,
        bias=one("row", "flat"),
        shows=shows,
        dropped=dropped,
        is_shuffled=is_shuffled,
        is_single=is_single,
        scale=one("he", "xavier", "lecun", "fixed"),
    )


class Combined:
    """A network of some choices."""

    choices: Choices

    def __init__(self) -> None:
        own = self.choices
        kind = np.float32 if own.is_single else np.float64
        self.w, self.b = [], []
        for n, m in pairwise(own.sizes):
            scales = {"he": 2 / n, "xavier": 2 / (n + m), "lecun": 1 / n, "fixed": 0.01}
            self.w.append((np.random.randn(n, m) * np.sqrt(scales[own.scale])).astype(kind))
            self.b.append(np.zeros((1, m) if own.bias == "row" else m, kind))
        self.m = [np.zeros_like(p) for p in self.params]
        self.v = [np.zeros_like(p) for p in self.params]
        self.t = 0

    @property
    def params(self) -> list[Array]:
        return self.w + self.b

    def _turned(self, array: Array) -> Array:
        return array.T if self.choices.batch == "columns" else array

    def passed(self, x: Array, *, trains: bool = False) -> Array:
        own = self.choices
        self.a, self.z, self.masks = [self._turned(x)], [], []
        for n, (w, b) in enumerate(zip(self.w, self.b, strict=True)):
            self.z.append(self.a[-1] @ w + b)
            if n < len(own.hidden):
                a = HIDDEN[own.hidden[n]][0](self.z[-1])
                mask = np.ones_like(a)
                if trains and own.dropped:
                    mask = (np.random.rand(*a.shape) > own.dropped) / (1 - own.dropped)
                self.masks.append(mask)
                self.a.append(a * mask)
        self.p = HEADS[own.head].output(self.z[-1])
        return self._turned(self.p)

    def targets(self, y: Array) -> Array:
        if self.choices.labels == "integers":
            return np.eye(self.choices.sizes[-1])[y]
        return self._turned(y)

    def times(self) -> float:
        """Return what the sum over samples and outputs is multiplied with."""
        of = {"samples": len(self.p), "nothing": 1, "all": self.p.size}
        return 1 / of[self.choices.over]

    def forward(self, x: Array) -> Array:
        return self.passed(x)

    def in_training(self, x: Array) -> Array:
        return self.passed(x, trains=True)

    def loss(self, x: Array, y: Array, *, trains: bool = False) -> float:
        own = self.choices
        self.passed(x, trains=trains)
        terms = HEADS[own.head].terms(self.p, self.targets(y), self.z[-1], own.eps)
        squares = sum(float((w**2).sum()) for w in self.w)
        magnitudes = sum(float(np.abs(w).sum()) for w in self.w)
        value = float(terms.sum() * self.times())
        return value + own.squares / 2 * squares + own.magnitudes * magnitudes

    def gradients(self, x: Array, y: Array, *, trains: bool = False) -> list[Array]:
        own = self.choices
        self.passed(x, trains=trains)
        d = HEADS[own.head].delta(self.p, self.targets(y), self.z[-1], own.eps)
        d = d if own.is_summed else d * self.times()
        of_w, of_b = [], []
        for n in reversed(range(len(self.w))):
            w = self.w[n]
            of_w.insert(0, self.a[n].T @ d + own.squares * w + own.magnitudes * np.sign(w))
            of_b.insert(0, d.sum(axis=0).reshape(self.b[n].shape))
            if n:
                slope = HIDDEN[own.hidden[n - 1]][1](self.z[n - 1])
                d = d @ w.T * self.masks[n - 1] * slope
        return [g.astype(p.dtype) for g, p in zip(of_w + of_b, self.params, strict=True)]

    def step(self, x: Array, y: Array, lr: float) -> None:
        own = self.choices
        if own.is_shuffled:
            order = np.random.permutation(len(self._turned(x)))
            x = self._turned(self._turned(x)[order])
            y = y[order] if own.labels == "integers" else self._turned(self._turned(y)[order])
        gradients = self.gradients(x, y, trains=True)
        if own.is_summed:
            gradients = [g * self.times() for g in gradients]
        if own.clip == "value":
            gradients = [np.clip(g, -own.limit, own.limit) for g in gradients]
        if own.clip == "norm":
            norm = np.sqrt(sum(float((g**2).sum()) for g in gradients))
            gradients = [g * min(1.0, own.limit / norm) for g in gradients]
        self.t += 1
        for p, g, m, v in zip(self.params, gradients, self.m, self.v, strict=True):
            p += self.change(p, g, m, v, lr).astype(p.dtype)
        if own.longest:
            for w in self.w:
                norms = np.linalg.norm(w, axis=own.axis, keepdims=True)
                w *= np.minimum(1, own.longest / norms)

    def change(self, p: Array, g: Array, m: Array, v: Array, lr: float) -> Array:
        """Return what a step adds to a parameter, and keep what the rule keeps."""
        rule = self.choices.rule
        if rule in ("sgd", "momentum", "nesterov"):
            m[...] = (0.0 if rule == "sgd" else 0.9) * m + g
            return -lr * (g + 0.9 * m if rule == "nesterov" else m)
        if rule == "velocity":
            m[...] = 0.9 * m - lr * g
            return m
        if rule == "average":
            m[...] = 0.9 * m + 0.1 * g
            return -lr * m
        if rule in ("rmsprop", "adagrad"):
            v[...] = 0.9 * v + 0.1 * g**2 if rule == "rmsprop" else v + g**2
            return np.asarray(-lr * g / (np.sqrt(v) + 1e-8))
        m[...], v[...] = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        root = np.sqrt(v / (1 - 0.999**self.t)) + 1e-8
        decay = 0.01 * p if rule == "adamw" else 0.0
        return np.asarray(-lr * (m / (1 - 0.9**self.t) / root + decay))


def combined(choices: Choices) -> Network:
    """Return the declaration of a network of some choices."""
    made = type("Made", (Combined,), {"choices": choices})
    told: dict[str, Any] = {}
    if choices.shows != "step":
        told["gradients"] = "gradients"
    if choices.shows != "gradients":
        told["step"] = "step"
    if choices.dropped:
        training = {
            "forward": lambda net, x: net.in_training(x),
            "loss": lambda net, x, y: net.loss(x, y, trains=True),
        }
        if choices.shows != "step":
            training["gradients"] = lambda net, x, y: net.gradients(x, y, trains=True)
        told["training"] = training
    return Network(
        made,
        parameters=lambda net: net.params,
        forward="forward",
        loss="loss",
        batch=choices.batch,
        labels=choices.labels,
        **told,
    )
