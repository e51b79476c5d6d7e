"""Whether a call moves the parameters of a network."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.fitting import fit
from parity_tests.kit.paths import arrays
from parity_tests.kit.recognition.forwards import Forward
from parity_tests.kit.recognition.trial import evaluate, explore

Array = NDArray[Any]
# How far what is a multiple of it is from being one.
_ROUNDING = 1e-9
_RATE = 0.5


def is_same(now: Array, before: Array | None) -> bool:
    """Whether an array is what it was before a call, which no gradient is that is computed."""
    return before is not None and np.array_equal(now, before, equal_nan=True)


def is_same_or_shrunk(now: Array, before: Array) -> bool:
    """Whether an array is what it was, or of several numbers a multiple of that."""
    if is_same(now, before):
        return True
    return now.shape == before.shape and now.size > 1 and fit(now, before)[1] <= _ROUNDING


def moves(
    call: str,
    forward: Forward,
    labels: str,
    scope: Mapping[str, Any],
    is_unmoved: Callable[[Array, Array], bool] = is_same,
) -> bool:
    """Whether a call moves a parameter.

    Parameters
    ----------
    call : str
        Code with ``net``, ``x``, ``y`` and maybe ``lr``.
    labels : str
        The form of labels.
    is_unmoved : callable
        What of an array now and before tells that it is no other.
    """
    function = evaluate(f"lambda net, x, y, lr: {call}", scope)
    own = {one.path for one in forward.chain.found}
    moved: list[bool] = []

    def explorer(net: Any, x: Any, y: Any) -> None:
        before = {one.path: one.array.copy() for one in arrays(net)}
        function(net, x, y, _RATE)
        kept = [one for one in arrays(net) if one.path in own and one.path in before]
        moved.extend(not is_unmoved(one.array, before[one.path]) for one in kept)

    return explore(forward.inquiry, explorer, labels) and any(moved)
