"""What judging a layer, a loss and a gradient has in common."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Found = TypeVar("Found")

# Nothing fits better than to this, in float64.
ROUNDING = 1e-14


def distance(observed: Array, expected: Array) -> float:
    """Return the norm of the difference over that of the expected; infinite if shapes differ."""
    if observed.shape != expected.shape:
        return np.inf
    difference = float(np.linalg.norm(observed - expected))
    size = float(np.linalg.norm(expected))
    if not np.isfinite(difference):
        return np.inf
    return difference / size if size else difference


def simplest(
    found: Iterable[tuple[Found, float]], complexity: Callable[[Found], Any]
) -> tuple[Found, float] | None:
    """Return the simplest of those whose residuals are as small as any; None if there are none."""
    pairs = list(found)
    if not pairs:
        return None
    least = max(min(residual for _, residual in pairs), ROUNDING)
    return min((p for p in pairs if p[1] <= 20 * least), key=lambda p: complexity(p[0]))
