r"""Softmax with a number beside the sum that it divides by, which is fitted.

.. math:: p_i = \frac{e^{z_i - m}}{c + \sum_j e^{z_j - m}}, \qquad
          c = \frac{1 - r}{r} \sum_j e^{z_j - m}, \qquad r = \sum_i p_i
"""

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.forward import Form, run
from parity_tests.kit.functions import (
    ACTIVATIONS,
    SHIFTS,
    USUAL,
    WRONG_ACTIVATIONS,
    beside_sum,
)
from parity_tests.kit.subject.subject import Layers

Array = NDArray[Any]

# What is smaller does not show; how closely the number of all samples is one.
_LEAST, _ONE = 1e-10, 1e-5


def find_beside_sum(
    layers: Layers, inputs: Array, observed: Array, tolerance: float, given: Form | None = None
) -> Form | None:
    """Return the first form with such a softmax that gives the output observed, or None.

    Parameters
    ----------
    layers : list of Layer
        Parameters.
    inputs, observed : ndarray
        Samples in rows, and the outputs.
    tolerance : float
        Largest distance from the output, relative to its norm.
    given : Form, optional
        What it is meant to be; its activations are tried first.
    """
    share = observed.sum(axis=1, keepdims=True)
    if observed.shape[1] < 2 or observed.min() < 0 or share.min() <= 0:
        return None
    missing = (1 - share) / share
    if missing.min() < _LEAST:
        return None
    for hidden in likely_hidden(len(layers) - 1, given):
        with np.errstate(all="ignore"):
            z = run(Form(hidden, "identity"), layers, inputs).output
            for kind, shifted in SHIFTS.items():
                numbers = missing * np.exp(shifted(z)).sum(axis=1, keepdims=True)
                number = float(np.median(numbers))
                if not np.abs(numbers - number).max() <= _ONE * number:
                    continue
                form = Form(hidden, beside_sum(number, kind))
                off = np.linalg.norm(run(form, layers, inputs).output - observed)
                if off <= tolerance * np.linalg.norm(observed):
                    return form
    return None


def likely_hidden(depth: int, given: Form | None) -> Iterator[tuple[str, ...]]:
    """Yield activations of the hidden layers, the likeliest first.

    Parameters
    ----------
    depth : int
        Number of hidden layers.
    given : Form, optional
        What the network is meant to be.
    """
    if given is not None:
        yield given.hidden
    names = [name for name in ACTIVATIONS if name not in WRONG_ACTIVATIONS]
    if not depth:
        yield ()
        return
    yield from ((name,) * depth for name in sorted(names, key=lambda name: name not in USUAL))
    if depth > 1:
        for mixed in product(USUAL, repeat=min(depth, 4)):
            yield mixed + (mixed[-1],) * (depth - len(mixed))
