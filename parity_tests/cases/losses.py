"""Losses."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import numpy_impl as ours


@dataclass(frozen=True)
class LossCase:
    """A loss in one form of its targets.

    Attributes
    ----------
    name : str
        Stands in the ids of its checks.
    make : callable
        To the loss under test.
    targets : callable
        From a generator and the logits' shape to targets.
    """

    name: str
    make: Callable[[], ours.CrossEntropyLoss]
    targets: Callable[[np.random.Generator, tuple[int, int]], np.ndarray[Any, Any]]


def labels(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray[Any, Any]:
    """Integer labels, the first and the last class among them."""
    rows, classes = shape
    drawn = rng.integers(0, classes, rows)
    drawn[:2] = (0, classes - 1)[:rows]
    return drawn


def one_hot(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray[Any, Any]:
    """Labels as rows of zeros and one 1, integers."""
    return np.eye(shape[1], dtype=np.int64)[labels(rng, shape)]


def probabilities(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray[Any, Any]:
    """Rows of probabilities; the first is one-hot, so there are exact zeros."""
    drawn = rng.dirichlet(np.ones(shape[1]), shape[0])
    drawn[0] = np.eye(shape[1])[0]
    return drawn


def unnormalized(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray[Any, Any]:
    """Rows that do not sum to one; the formula is defined for them as well."""
    return rng.uniform(0.01, 0.99, shape)


_TARGETS = (labels, one_hot, probabilities, unnormalized)

LOSSES: tuple[LossCase, ...] = tuple(
    LossCase(
        f"cross-entropy-{reduction}-{targets.__name__}",
        lambda reduction=reduction: ours.CrossEntropyLoss(reduction),  # type: ignore[misc]
        targets,
    )
    for reduction in ("mean", "sum")
    for targets in _TARGETS
)
