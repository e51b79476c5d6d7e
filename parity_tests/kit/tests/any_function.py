"""Networks with any function in hidden layers, and anything for its derivative and the loss's."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.network import Network
from parity_tests.kit.spec import Spec

Array = NDArray[Any]
Function = Callable[[Array], Array]
# What comes back behind a layer, of the derivative f', the pre-activation z and the value f(z).
Back = Callable[[Function, Array, Array], Array]
# What is taken for the derivative by the last pre-activation, of the outputs and the labels.
Error = Callable[[Array, Array], Array]


def softmax(z: Array) -> Array:
    """Return probabilities, samples in rows."""
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))


def sigmoid(z: Array) -> Array:
    """Return probabilities, entry by entry."""
    return np.asarray(1 / (1 + np.exp(-z)))


def network(
    function: Function,
    slope: Function,
    sizes: tuple[int, ...] = (12, 9, 10),
    output: Function = softmax,
    back: Back = lambda slope, z, _value: slope(z),
    error: Error = lambda p, y: p - y,
    *,
    is_biased: bool = True,
    dtype: type = np.float64,
    spec: Spec | None = None,
) -> Network:
    """Return a network; at its outputs the gradient is an error, over the samples."""

    def make() -> list[Array]:
        rng = np.random.default_rng()
        layers = [(rng.standard_normal(pair) / 3, np.zeros(pair[1])) for pair in pairwise(sizes)]
        return [a.astype(dtype) for pair in layers for a in pair[: 1 + is_biased]]

    def run(net: list[Array], x: Array) -> tuple[list[Array], list[Array]]:
        values, logits = [x], []
        for number in range(len(sizes) - 1):
            z = values[-1] @ net[number * (1 + is_biased)]
            logits.append(z + net[2 * number + 1] if is_biased else z)
            is_last = number == len(sizes) - 2
            values.append(output(logits[-1]) if is_last else function(logits[-1]))
        return values, logits

    def gradients(net: list[Array], x: Array, y: Array) -> list[Array]:
        values, logits = run(net, x)
        delta, found = error(values[-1], y) / len(x), []
        for number in reversed(range(len(sizes) - 1)):
            found = [values[number].T @ delta, delta.sum(axis=0)][: 1 + is_biased] + found
            if number:
                above = delta @ net[number * (1 + is_biased)].T
                delta = above * back(slope, logits[number - 1], values[number])
        return found

    return Network(
        make=make,
        parameters=lambda net: net,
        forward=lambda net, x: run(net, x)[0][-1],
        gradients=gradients,
        spec=spec or Spec(),
    )
