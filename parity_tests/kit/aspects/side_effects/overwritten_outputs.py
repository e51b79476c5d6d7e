"""Outputs that a forward pass has returned, and that the backward pass writes to."""

import contextlib
from inspect import ismethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.network import Access, arrays_in
from parity_tests.kit.subject.members import walk
from parity_tests.kit.subject.subject import Batch, Layers, Subject, SubjectError

Array = NDArray[Any]


def overwritten_inside(subject: Subject, layers: Layers, batch: Batch) -> list[Array]:
    """Return outputs that are written to by gradients that call the forward pass themselves.

    A declaration often has both passes in one function, so that the array never passes from hand
    to hand. The network's own method is replaced by one that keeps its results.

    Parameters
    ----------
    subject : Subject
        A network of its own, of which only gradients are asked.
    """
    network = subject.network
    if network.gradients is None and network.backward is None:
        return []
    subject.set(layers)
    kept: list[tuple[Array, Array]] = []
    for name in _methods_of(network.forward, subject.net):
        _record(subject.net, name, kept)
    try:
        subject.gradients(batch)
    except SubjectError:
        return []  # told where the gradients are judged
    return [one for one, copy in kept if not np.array_equal(one, copy, equal_nan=True)]


def is_kept(net: Any, array: Array) -> bool:
    """Whether a network has an array among what it consists of, and may well write to it."""
    return any(
        isinstance(member, np.ndarray) and np.may_share_memory(member, array)
        for _, members in walk(net)
        for member in members.values()
    )


def _methods_of(forward: Access, net: Any) -> list[str]:
    """Return the methods of a network that its forward pass is, or calls."""
    names = [forward] if isinstance(forward, str) else getattr(forward, "__code__", None)
    names = names if isinstance(names, list) else list(getattr(names, "co_names", ()))
    return [name for name in names if ismethod(getattr(net, name, None))]


def _record(net: Any, name: str, kept: list[tuple[Array, Array]]) -> None:
    """Let a method of a network note the first array of each result, and a copy of it."""
    method = getattr(net, name)

    def recorded(*arguments: Any, **more: Any) -> Any:
        result = method(*arguments, **more)
        for array in arrays_in(result):
            kept.append((array, array.copy()))
            break
        return result

    # A class with slots takes no attribute, and is not asked.
    with contextlib.suppress(AttributeError):
        setattr(net, name, recorded)
