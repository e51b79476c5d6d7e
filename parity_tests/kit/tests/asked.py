"""Small networks that the tests of aspects ask, and how they are asked."""
# ruff: noqa: D102, D103

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.aspects.forward import aspect as forward
from parity_tests.kit.aspects.loss import aspect as loss
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.network import Network
from parity_tests.kit.subject.subject import Subject
from parity_tests.kit.verdicts import DIFFERS, Verdict

Array = NDArray[Any]

Draw = Callable[[int, int], Array]

SIZES = (12, 9, 8, 10)


def softmax(z: Array) -> Array:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def softmax_without_shift(z: Array) -> Array:
    return np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)


def softmax_without_shift_and_eps(z: Array) -> Array:
    return np.exp(z) / (np.exp(z).sum(axis=1, keepdims=True) + 1e-12)


def softmax_with_one_shift(z: Array) -> Array:
    e = np.exp(z - z.max())
    return e / e.sum(axis=1, keepdims=True)


def softmax_with_one_shift_and_eps(z: Array) -> Array:
    e = np.exp(z - z.max())
    return e / (e.sum(axis=1, keepdims=True) + 1e-12)


def softmax_of_all_without_shift(z: Array) -> Array:
    return np.exp(z) / np.exp(z).sum()


def sigmoid(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


def tanh_of_exponentials(z: Array) -> Array:
    return (np.exp(z) - np.exp(-z)) / (np.exp(z) + np.exp(-z))


def relu(z: Array) -> Array:
    return np.maximum(z, 0)


def he(fan_in: int, fan_out: int) -> Array:
    return np.random.randn(fan_in, fan_out) * np.sqrt(2 / fan_in)  # noqa: NPY002


def normal(std: Callable[[int, int], float]) -> Draw:
    return lambda fan_in, fan_out: (
        std(fan_in, fan_out)
        * np.random.randn(  # noqa: NPY002
            fan_in, fan_out
        )
    )


def uniform(bound: Callable[[int, int], float]) -> Draw:
    return lambda fan_in, fan_out: np.random.uniform(  # noqa: NPY002
        -bound(fan_in, fan_out), bound(fan_in, fan_out), (fan_in, fan_out)
    )


SLOPES: dict[Any, Callable[[Array], Array]] = {
    relu: lambda a: (a > 0).astype(float),
    sigmoid: lambda a: a * (1 - a),
    np.tanh: lambda a: 1 - a**2,
    tanh_of_exponentials: lambda a: 1 - a**2,
}


class Classifier:
    """A right network, whose parts can be replaced."""

    draw: Draw = staticmethod(he)
    activation: Any = staticmethod(relu)
    last: Any = staticmethod(softmax)
    sizes: tuple[int, ...] = SIZES
    guard = 1e-12

    def __init__(self) -> None:
        pairs = list(zip(self.sizes, self.sizes[1:], strict=False))
        self.w = [type(self).draw(a, b) for a, b in pairs]
        self.b = [np.zeros((1, b)) for _, b in pairs]
        self.a: list[Array] = []

    def forward(self, x: Array) -> Array:
        self.a = [x]
        for w, b in zip(self.w[:-1], self.b[:-1], strict=True):
            self.a.append(self.activation(self.a[-1] @ w + b))
        self.a.append(self.last(self.a[-1] @ self.w[-1] + self.b[-1]))
        return self.a[-1]

    def loss(self, x: Array, y: Array) -> float:
        return float(-np.mean(np.sum(y * np.log(self.forward(x) + self.guard), axis=1)))

    def delta(self, x: Array, y: Array) -> Array:
        return (self.forward(x) - y) / len(x)

    def gradients(self, x: Array, y: Array) -> list[Array]:
        d = self.delta(x, y)
        dw, db = [], []
        for n in reversed(range(len(self.w))):
            dw.insert(0, self.a[n].T @ d)
            db.insert(0, d.sum(axis=0, keepdims=True))
            if n:
                d = (d @ self.w[n].T) * SLOPES[self.activation](self.a[n])
        return dw + db

    def step(self, x: Array, y: Array, lr: float) -> None:
        for p, g in zip(self.w + self.b, self.gradients(x, y), strict=True):
            p -= lr * g


def variant(**parts: Any) -> type[Classifier]:
    plain = {
        name: staticmethod(part) if name in ("draw", "activation", "last") else part
        for name, part in parts.items()
    }
    return type("Variant", (Classifier,), plain)


def network(make: Callable[[], Any] = Classifier, **more: Any) -> Network:
    declared = Network(
        make,
        lambda net: net.w + net.b,
        "forward",
        gradients=lambda net, x, y: net.gradients(x, y),
        loss="loss",
        step="step",
    )
    return replace(declared, **more)


def ask(declared: Network, examine: Callable[[Inquiry], list[Verdict]], seed: int = 0) -> Any:
    inquiry = Inquiry.begin(Subject(declared), declared.spec, seed)
    forward.examine(inquiry)
    loss.examine(inquiry)
    return examine(inquiry)


def only(verdicts: list[Verdict]) -> Verdict:
    assert len(verdicts) == 1, verdicts
    return verdicts[0]


def causes(verdicts: list[Verdict]) -> list[str | None]:
    return [verdict.cause for verdict in verdicts if verdict.status == DIFFERS]


class Unfused(Classifier):
    """The derivative of the loss divides by the probability."""

    guard = 1e-300

    def delta(self, x: Array, y: Array) -> Array:
        p = self.forward(x)
        upstream = -y / p
        return p * (upstream - (upstream * p).sum(axis=1, keepdims=True)) / len(x)


class LooksAhead(Classifier):
    """The forward pass is that of the parameters after the next step of the velocity."""

    def __init__(self) -> None:
        super().__init__()
        self.v = [np.zeros_like(p) for p in self.w + self.b]

    def forward(self, x: Array) -> Array:
        own = self.w + self.b
        count = len(self.w)
        ahead = [p + 0.6 * v for p, v in zip(own, self.v, strict=True)]
        self.w, self.b = ahead[:count], ahead[count:]
        try:
            return super().forward(x)
        finally:
            self.w, self.b = own[:count], own[count:]

    def step(self, x: Array, y: Array, lr: float) -> None:
        for p, v, g in zip(self.w + self.b, self.v, self.gradients(x, y), strict=True):
            v *= 0.6
            v -= lr * g
            p += v


def by_largest_label(labels: Array) -> Array:
    return np.eye(labels.max() + 1)[labels]
