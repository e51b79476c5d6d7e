"""What of the gradient of the call before is in that of a call."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.fitting import fit
from parity_tests.kit.subject.subject import Layers, by_name, flat, unflat

Array = NDArray[Any]


def shares_kept(calls: Sequence[Array], layers: Layers, tolerance: float) -> dict[str, float]:
    r"""Return the share of its last gradient that is added to that of each tensor.

    .. math:: g_1 = g, \qquad g_k = g + c \, g_{k-1}

    Parameters
    ----------
    calls : sequence of ndarray
        The gradients of three calls for the same batch, by the same parameters.
    layers : list of Layer
        The parameters.
    tolerance : float
        Relative distance up to which a gradient is reproduced.

    Returns
    -------
    dict of str to float
        The tensors that change, by name; empty if one of them changes in another way.
    """
    if any(call.shape != flat(layers).shape for call in calls):
        return {}
    found: dict[str, float] = {}
    first, second, third = (by_name(unflat(call, layers)) for call in calls)
    for name, own in first.items():
        close = 10 * tolerance * np.linalg.norm(own)
        if max(np.linalg.norm(now[name] - own) for now in (second, third)) <= close:
            continue
        share, _ = fit(second[name] - own, own)
        pairs = ((second[name], own), (third[name], second[name]))
        if not all(np.linalg.norm(now - own - share * last) <= close for now, last in pairs):
            return {}
        found[name] = share
    return found
