r"""Derivatives of cross-entropies whose denominators are kept from zero by a number of any size.

It is solved for in the gradient of the last matrix,

.. math:: G(\varepsilon) = c \, \delta(\varepsilon)^T a, \qquad
    G \approx c \, G(\varepsilon_k) + c \, (\varepsilon - \varepsilon_k) \, G'(\varepsilon_k),

by Newton's method: a least squares fit gives c and the next number.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.candidates.candidate import Candidate
from parity_tests.kit.candidates.outputs import losses_of
from parity_tests.kit.fitting import fit
from parity_tests.kit.forward import Form, Pass
from parity_tests.kit.functions import Output
from parity_tests.kit.losses import Guard, guarded_slope, guards
from parity_tests.kit.subject.subject import Batch

Array = NDArray[Any]

# What may be meant to keep a denominator from zero, over which step its derivative is taken, and
# how often the number is solved for.
_LARGEST, _STEP, _ROUNDS = 1e-3, 1e-7, 4


def any_guards(
    form: Form, passed: Pass, batch: Batch, loss: str | None, observed: Array, tolerance: float
) -> Iterator[Candidate]:
    """Yield gradients of the last pre-activation with the number that an observed matrix shows.

    Parameters
    ----------
    loss : str or None
        The loss that is meant; without, both cross-entropies are tried.
    observed : ndarray of shape (out_features, in_features)
        The gradient of the last matrix.
    tolerance : float
        Relative distance up to which that has to be met.
    """
    source = passed.activations[-2]
    for name, function, p, slopes in losses_of(form, passed, batch):
        if name == "identity" or "cross_entropy" not in slopes or np.any(p < 0):
            continue
        for kind in ("cross_entropy", "binary_cross_entropy"):
            for guard in guards(kind, 1.0) if loss in (None, kind) else ():
                if guard.way == "clipped":
                    continue  # of what is not clipped it is no number at all
                asked = function, passed.logits[-1], p, batch.targets, guard
                number = _solved(lambda e, asked=asked: _delta(*asked, e).T @ source, observed)
                if number is None:
                    continue
                if fit(observed, _delta(*asked, 0.0).T @ source)[1] <= tolerance:
                    continue  # what is found beside what fits without it is rounding
                value = _delta(*asked, number)
                if fit(observed, value.T @ source)[1] <= tolerance:
                    text = f"dL/dz with {number:.4g} beside the probabilities"
                    own = replace(guard, epsilon=number)
                    yield Candidate(value, text, (), kind, guard=own)


def _delta(function: Output, z: Array, p: Array, y: Array, guard: Guard, number: float) -> Array:
    slope = guarded_slope(replace(guard, epsilon=number), p, y)
    return np.asarray(function.back(slope, z))


def _solved(gradient: Callable[[float], Array], observed: Array) -> float | None:
    """Return the number with which a gradient is a multiple of what was observed, or None."""
    number = 0.0
    with np.errstate(all="ignore"):
        for _ in range(_ROUNDS):
            here = gradient(number)
            rate = (gradient(number + _STEP) - here) / _STEP
            basis = np.stack([here.ravel(), rate.ravel()], axis=1)
            if observed.shape != here.shape or not np.isfinite(basis).all():
                return None
            (factor, moved), *_ = np.linalg.lstsq(basis, observed.ravel(), rcond=None)
            if not factor:
                return None
            number += float(moved / factor)
            if not 0 < number <= _LARGEST:
                return None
    return number
