"""Parameters by which some margins of a hinge are kept, and others missed, by less and by more."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.forward import Form, run
from parity_tests.kit.losses import BINARY_HINGES, LOSSES
from parity_tests.kit.probe import parameters
from parity_tests.kit.subject.subject import Batch, Layers, Subject

Array = NDArray[Any]

# How often parameters are drawn, and how many times as large their last layer is, in turn.
_DRAWS, _SIZES = 60, (1.0, 2.0, 4.0)
# Where a term of a hinge is zero, its output on its side, near on the other one, and far from it.
_ENDS = (0.0, 1.0, 2.0)


def terms_of(hinge: str, p: Array, y: Array) -> Array:
    """Return the terms of a hinge, of shape (samples, margins of each)."""
    terms = (BINARY_HINGES.get(hinge) or LOSSES[hinge]).value(p, y)
    if p.shape[1] == 1 or terms.shape != y.shape:
        return terms
    # The class that is meant has no margin.
    return np.asarray(terms[y != 1].reshape(len(y), -1))


def with_mixed_margins(
    subject: Subject, form: Form, hinge: str, batch: Batch, rng: np.random.Generator
) -> Layers:
    """Return parameters as `parameters` does, by which terms of a hinge are of all sizes.

    Parameters
    ----------
    form : Form
        The forward pass.
    hinge : str
        The name of a hinge loss.
    """
    best, most = parameters(subject, rng), -1
    for number in range(_DRAWS):
        *below, last = parameters(subject, rng)
        drawn = [*below, last.times(_SIZES[number % len(_SIZES)])]
        terms = terms_of(hinge, run(form, drawn, batch.inputs).output, batch.targets)
        kinds = len(np.unique(np.searchsorted(_ENDS, terms)))
        if kinds > most:
            best, most = drawn, kinds
        if kinds > len(_ENDS):
            break
    return best
