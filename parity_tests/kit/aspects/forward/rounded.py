"""Forward passes with an activation whose constants are written with a few decimals."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.forward import Form, run
from parity_tests.kit.functions import OUTPUTS, ROUNDED, output
from parity_tests.kit.subject.subject import Layers

Array = NDArray[Any]


def find_rounded(
    layers: Layers, inputs: Array, observed: Array, tolerance: float, given: Form | None = None
) -> Form | None:
    """Return the first form with rounded constants that gives the output observed, or None.

    All layers that have the activation have the same constants.

    Parameters
    ----------
    layers : list of Layer
        Parameters.
    inputs, observed : ndarray
        Samples in rows, and the outputs.
    tolerance : float
        Largest distance from the output, relative to its norm.
    given : Form, optional
        What it is meant to be; otherwise all hidden layers have the activation.
    """
    depth, size = len(layers) - 1, float(np.linalg.norm(observed))
    outputs = OUTPUTS if given is None else {given.output: None} | OUTPUTS
    for name, meant in ROUNDED.items():
        everywhere = (meant,) * depth
        for exact in dict.fromkeys((everywhere if given is None else given.hidden, everywhere)):
            hidden = tuple(name if own == meant else own for own in exact)
            if name not in hidden:
                continue
            with np.errstate(all="ignore"):
                z = run(Form(hidden, "identity"), layers, inputs).output
                for last in outputs:
                    if np.linalg.norm(output(last).value(z) - observed) <= tolerance * size:
                        return Form(hidden, last)
    return None
