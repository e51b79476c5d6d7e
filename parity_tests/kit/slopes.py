"""Slopes of the loss that a network reports, entry by entry, whatever its forward pass is."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.subject import Batch, Layer, Layers, Subject

Array = NDArray[Any]

# Steps, relative to parameters of about 1: the error of a central difference is h^2 from its
# curvature and eps / h from rounding.
_STEP = 1e-5
# How far the slopes of two steps may differ where the loss is smooth.
_SMOOTH = 1e-6


def slopes(
    subject: Subject,
    layers: Layers,
    batch: Batch,
    entries: int,
    rng: np.random.Generator,
    loss: Callable[[Batch], float],
) -> dict[str, tuple[Array, Array]]:
    """Return slopes of a loss for some entries of every parameter.

    Parameters
    ----------
    subject : Subject
        Gets the parameters at which the loss is asked.
    entries : int
        Of each tensor at most.
    loss : callable
        ``f(batch)``, the loss by the parameters that the network has.

    Returns
    -------
    dict of str to (ndarray of int, ndarray)
        By the tensor's name: positions in the flattened tensor, (out, in) for a matrix, and the
        slopes there. Entries next to a kink are left out.
    """
    found = {}
    for number, layer in enumerate(layers):
        for name, tensor in ((f"W{number + 1}", layer.weight), (f"b{number + 1}", layer.bias)):
            if tensor is None:
                continue
            chosen = rng.permutation(tensor.size)[:entries]
            pairs = [
                _slope(subject, layers, batch, number, name.startswith("W"), int(position), loss)
                for position in chosen
            ]
            smooth = [n for n, pair in enumerate(pairs) if pair is not None]
            values = np.array([pairs[n] for n in smooth], np.float64)
            found[name] = chosen[smooth], values
    subject.set(layers)
    return found


def _slope(
    subject: Subject,
    layers: Layers,
    batch: Batch,
    number: int,
    is_weight: bool,
    position: int,
    loss: Callable[[Batch], float],
) -> float | None:
    found = []
    for step in (_STEP, 2 * _STEP):
        ends = []
        for sign in (1, -1):
            moved = list(layers)
            layer = layers[number]
            tensor = layer.weight if is_weight else layer.bias
            assert tensor is not None
            tensor = tensor.copy()
            tensor.flat[position] += sign * step
            moved[number] = Layer(tensor, layer.bias) if is_weight else Layer(layer.weight, tensor)
            subject.set(moved)
            ends.append(loss(batch))
        found.append((ends[0] - ends[1]) / (2 * step))
    near = abs(found[0] - found[1]) <= _SMOOTH * (1 + abs(found[0]))
    return found[0] if near else None
