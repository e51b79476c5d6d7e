"""What judging a layer, a loss and a gradient has in common."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.causes import CAUSES
from parity_tests.kit.verdicts import DIFFERS, Verdict

Array = NDArray[Any]
Found = TypeVar("Found")

# Nothing fits better than to this, in float64.
ROUNDING = 1e-14


def named(
    aspect: str,
    cause: str,
    seen: str,
    tensor: str,
    *,
    factor: float | None = None,
    residual: float | None = None,
    more: Sequence[str] = (),
) -> Verdict:
    """Return the verdict that something differs, and why.

    Parameters
    ----------
    aspect, cause, tensor, factor, residual
        As in `Verdict`.
    seen : str
        What was observed, as part of a sentence.
    more : sequence of str
        Other causes of the same.
    """
    message = f"{CAUSES[cause].title}: {seen}. Look at {CAUSES[cause].advice}."
    message += "".join(f" Also: {CAUSES[other].title}." for other in more)
    return Verdict(aspect, DIFFERS, message, tensor, cause, factor, residual)


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
