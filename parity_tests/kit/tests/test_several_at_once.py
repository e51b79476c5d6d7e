"""A step on several samples is that on each, of a network that takes them one at a time."""

# Networks are written as learners write them.
# ruff: noqa: NPY002

import numpy as np
import pytest
from numpy.typing import NDArray

from parity_tests.kit.check import examine
from parity_tests.kit.network import Network
from parity_tests.kit.verdicts import DIFFERS

Array = NDArray[np.float64]


class _Net:
    """Goes through its samples itself, and updates by what they add up to."""

    def __init__(self) -> None:
        self.w1, self.b1 = np.random.randn(12, 9) / 3, np.zeros(9)
        self.w2, self.b2 = np.random.randn(9, 8) / 3, np.zeros(8)

    def forward(self, x: Array) -> Array:
        self.a = np.tanh(x @ self.w1 + self.b1)
        return self.a @ self.w2 + self.b2

    def gradients(self, x: Array, y: Array) -> list[Array]:
        d2 = self.forward(x) - y
        d1 = self.w2 @ d2 * (1 - self.a**2)
        return [np.outer(x, d1), d1, np.outer(self.a, d2), d2]

    def order(self, samples: int) -> tuple[Array, Array]:
        order = np.random.permutation(samples)
        return order, order

    def added(self, total: list[Array], own: list[Array]) -> list[Array]:
        return [a + b for a, b in zip(total, own, strict=True)]

    def train(self, x: Array, y: Array, lr: float) -> None:
        x, y = np.atleast_2d(x), np.atleast_2d(y)
        total = [np.zeros_like(p) for p in (self.w1, self.b1, self.w2, self.b2)]
        for n, k in zip(*self.order(len(x)), strict=True):
            total = self.added(total, self.gradients(x[n], y[k]))
        for p, g in zip((self.w1, self.b1, self.w2, self.b2), total, strict=True):
            p -= lr * g / len(x)


class _OneByOne(_Net):
    def train(self, x: Array, y: Array, lr: float) -> None:
        for one, label in zip(np.atleast_2d(x), np.atleast_2d(y), strict=True):
            super().train(one, label, lr)


class _ShuffledApart(_Net):
    def order(self, samples: int) -> tuple[Array, Array]:
        return np.random.permutation(samples), np.arange(samples)


class _LastAlone(_Net):
    def added(self, total: list[Array], own: list[Array]) -> list[Array]:  # noqa: ARG002
        return own


class _AllAtOnce(_Net):
    """A batch goes through the forward pass as it is, which nobody means."""

    def train(self, x: Array, y: Array, lr: float) -> None:
        if x.ndim > 1:
            self.forward(x)
        super().train(np.atleast_2d(x)[0], np.atleast_2d(y)[0], lr)


class _OfPairs(_Net):
    """Asks for the gradient of each pair, which goes its own way, and lets matrices decay once."""

    def backprop(self, x: Array, y: Array) -> list[Array]:
        a = np.tanh(x @ self.w1 + self.b1)
        d2 = a @ self.w2 + self.b2 - y
        d1 = self.w2 @ d2 * (1 - a**2)
        return [np.outer(x, d1), d1, np.outer(a, d2), d2]

    def train(self, x: Array, y: Array, lr: float) -> None:
        pairs = list(zip(np.atleast_2d(x), np.atleast_2d(y), strict=True))
        total = [0 * p for p in (self.w1, self.b1, self.w2, self.b2)]
        for one, label in pairs:
            total = self.added(total, self.backprop(one, label))
        for p, g in zip((self.w1, self.b1, self.w2, self.b2), total, strict=True):
            p -= lr * (g / len(pairs) + (0.01 * p if p.ndim == 2 else 0))


class _LastPair(_OfPairs):
    def added(self, total: list[Array], own: list[Array]) -> list[Array]:  # noqa: ARG002
        return own


class _LastInBiases(_OfPairs):
    def added(self, total: list[Array], own: list[Array]) -> list[Array]:
        return [a + b if b.ndim == 2 else b for a, b in zip(total, own, strict=True)]


@pytest.mark.parametrize(
    ("make", "where"), [(_OfPairs, None), (_LastPair, "gradient: a"), (_LastInBiases, "in b1, b2")]
)
def test_samples_count_alike_where_only_their_gradients_are_asked(
    make: type[_Net], where: str | None
) -> None:
    network = Network(
        make,
        "w1 b1 w2 b2",
        "forward",
        gradients=lambda net, x, y: net.backprop(x, y),
        step="train",
        batch="vector",
    )
    failures = examine(network, only="data").failures
    assert [verdict.cause for verdict in failures] == ["samples-left-out"] * bool(where)
    assert all(where in verdict.message for verdict in failures if where)


def _of_data(make: type[_Net]) -> list[tuple[str, str | None]]:
    network = Network(make, "w1 b1 w2 b2", "forward", step="train", batch="vector")
    return [(v.status, v.cause) for v in examine(network, only="data").verdicts]


@pytest.mark.parametrize(
    ("make", "cause"),
    [
        (_Net, None),
        (_OneByOne, None),
        (_AllAtOnce, None),
        (_ShuffledApart, "shuffled-apart"),
        (_LastAlone, "samples-left-out"),
    ],
)
def test_samples_of_a_batch_count_alike_with_their_own_labels(
    make: type[_Net], cause: str | None
) -> None:
    assert _of_data(make) == [(DIFFERS, cause)] * bool(cause)
