r"""First steps of adaptive optimizers with a decay beside them, whatever the rest of them is.

The first step of Adam, and of all that divides a gradient by the root of its own square, takes the
sign of each entry. With a decoupled decay,

.. math:: \theta' = \theta - \eta \, (\alpha \operatorname{sign} g + \lambda \theta)

so that it is no multiple of the gradient, and none of the signs either. The decay may be one of
matrices alone, as is usual.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.subject.subject import Layers, flat, tensors

Array = NDArray[Any]

# How closely a step is made of both, and what is none of it but rounding.
_CLOSE, _ROUNDING = 1e-3, 1e-6
# How many times what is left over each of both has to be.
_TIMES = 3.0
# Gradients, relative to the largest, that have a sign beside what is added to the root.
_LEAST = 1e-4


def is_of_signs_and_decay(layers: Layers, handed: Layers, taken: Layers) -> bool:
    """Whether a first step takes signs of the gradient and a share of matrices or biases, and both.

    Parameters
    ----------
    layers : list of Layer
        The parameters before it.
    handed, taken : list of Layer
        The gradient that is handed out, and the step over its learning rate.
    """
    vectors = [flat(one) for one in (layers, handed, taken)]
    if len({vector.size for vector in vectors}) > 1:
        return False
    values, gradient, step = vectors
    has_sign = np.abs(gradient) > _LEAST * np.abs(gradient).max(initial=0.0)
    of_matrix = np.concatenate([np.full(own.size, own.ndim > 1) for own in tensors(layers)])
    parts = [np.where(of_matrix, values, 0.0), np.where(of_matrix, 0.0, values)]
    basis = np.column_stack([np.sign(gradient), *parts])[has_sign]
    shares, *_ = np.linalg.lstsq(basis, step[has_sign], rcond=None)
    size = float(np.linalg.norm(step[has_sign]))
    left = float(np.linalg.norm(step[has_sign] - basis @ shares))
    # What is added to the root is no share of the parameter, though some of it looks like that.
    least = max(_ROUNDING * size, _TIMES * left)
    of_signs, *of_decays = np.abs(shares) * np.linalg.norm(basis, axis=0) > least
    return bool(of_signs and any(of_decays)) and left <= _CLOSE * size
