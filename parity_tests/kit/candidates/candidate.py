"""One way to compute a quantity."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.losses import Guard

Array = NDArray[Any]


@dataclass(frozen=True)
class Candidate:
    """One way to compute a quantity.

    Attributes
    ----------
    value : ndarray
        The quantity.
    text : str
        As a formula.
    causes : tuple of str
        What is wrong about it; empty if it is right.
    loss : str or None
        The loss whose gradient it is, for the last pre-activation.
    solved : bool
        Whether it was solved for and not recomputed; or is so wrong that its factor tells nothing.
    also : list of str
        Causes of which the same numbers would come.
    guard : Guard or None
        What keeps the denominators of the loss's derivative from zero, for that of the last
        pre-activation.
    carried : ndarray or None
        What a derivative is multiplied with, if something is wrong about that already.
    begins : str
        The function of the last pre-activation with which its loss begins, if that is none of the
        network's output: a softmax behind the activation of the last layer.
    upstream : ndarray or None
        The gradient of the layer's output, where that is the gradient of a bias: one that is added
        after the function.
    """

    value: Array
    text: str
    causes: tuple[str, ...] = ()
    loss: str | None = None
    solved: bool = False
    also: list[str] = field(default_factory=list)
    guard: Guard | None = None
    carried: Array | None = None
    upstream: Array | None = None
    begins: str = ""


# Entries by which candidates are told apart.
_HEAD = 24


def distinct(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Leave out what another candidate before gives as well, up to a factor; note its causes."""
    every = list(candidates)
    if not every:
        return []
    flat = np.stack([candidate.value.ravel() for candidate in every])
    sizes = np.linalg.norm(flat, axis=1)
    usable = np.flatnonzero(np.isfinite(sizes) & (sizes > 0))
    flat = flat[usable] / sizes[usable, np.newaxis]
    lead = flat[np.arange(len(flat)), np.argmax(np.abs(flat) > 1e-6, axis=1)]
    keys = np.round(np.sign(lead)[:, np.newaxis] * flat[:, :_HEAD], 10) + 0.0
    kept: dict[bytes, Candidate] = {}
    for index, own in zip(usable, keys, strict=True):
        candidate, key = every[index], own.tobytes()
        first = kept.setdefault(key, candidate)
        is_as_simple = len(candidate.causes) <= len(first.causes)
        if first is not candidate and first.causes and is_as_simple:
            known = (*first.also, *first.causes, "derivative-of-another-function")
            first.also.extend(cause for cause in candidate.causes if cause not in known)
    return list(kept.values())
