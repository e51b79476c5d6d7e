"""Penalties on the weights that losses have added, and what their gradients add."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.subject import Layers

Array = NDArray[Any]


@dataclass(frozen=True)
class Penalty:
    """A penalty on a matrix.

    Attributes
    ----------
    name : str
        What is penalized: ``"squares"`` or ``"absolute values"``.
    value : callable
        The sum over the entries.
    slope : callable
        Its derivative over `factor`.
    factor : float
        The derivative is so many times `slope`.
    added : str
        What the gradient has added, in words.
    """

    name: str
    value: Callable[[Array], float]
    slope: Callable[[Array], Array]
    factor: float
    added: str


def penalized(penalty: Penalty, layers: Layers, *, biases: bool) -> float:
    """Return a penalty on all matrices, and on all biases if they are penalized, too."""
    arrays = [layer.weight for layer in layers]
    if biases:
        arrays += [layer.bias for layer in layers if layer.bias is not None]
    return sum(map(penalty.value, arrays))


PENALTIES = {
    penalty.name: penalty
    for penalty in (
        Penalty("squares", lambda w: float((w**2).sum()), lambda w: w, 2.0, "the weights"),
        Penalty(
            "absolute values",
            lambda w: float(np.abs(w).sum()),
            np.sign,
            1.0,
            "the signs of the weights",
        ),
    )
}
