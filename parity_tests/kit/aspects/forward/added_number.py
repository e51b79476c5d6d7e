r"""Softmax with a small number added, as a guard of the logarithm that is taken of it.

.. math:: p_i = \frac{e^{z_i}}{\sum_j e^{z_j}} + c, \qquad c = \frac{1}{n} \Big(\sum_i p_i - 1\Big)
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.aspects.forward.beside_sum import likely_hidden
from parity_tests.kit.forward import Form, run
from parity_tests.kit.functions import with_added
from parity_tests.kit.subject.subject import Layers

Array = NDArray[Any]

# The smallest number that shows in the output, the largest that changes some digits alone, and how
# much of a sum of probabilities is rounding.
_LEAST, _MOST, _ROUNDING = 1e-10, 1e-6, 1e-14


def find_added_number(
    layers: Layers, inputs: Array, observed: Array, tolerance: float, given: Form | None = None
) -> Form | None:
    """Return the first form with such a softmax that gives the output observed, or None.

    Sums of outputs that are 1, or not the same for all samples, are seen before any form is tried.

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
    excess = observed.sum(axis=1) - 1
    number = float(np.median(excess)) / observed.shape[1]
    is_one = np.ptp(excess) <= _ROUNDING
    if observed.shape[1] < 2 or not is_one or not _LEAST <= number <= _MOST:
        return None
    for hidden in likely_hidden(len(layers) - 1, given):
        with np.errstate(all="ignore"):
            form = Form(hidden, with_added(number))
            off = np.linalg.norm(run(form, layers, inputs).output - observed)
        if off <= tolerance * number * np.sqrt(observed.size) + _ROUNDING:
            return form
    return None
