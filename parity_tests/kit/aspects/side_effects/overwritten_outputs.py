"""Outputs that a forward pass has returned, and that the backward pass writes to."""

from types import CodeType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.aspects.calls_recorded import record_forward
from parity_tests.kit.codes import codes_in
from parity_tests.kit.network import arrays_in
from parity_tests.kit.subject.members import walk
from parity_tests.kit.subject.subject import Batch, Layers, Subject, SubjectError

Array = NDArray[Any]


def overwritten_inside(subject: Subject, layers: Layers, batch: Batch) -> list[Array]:
    """Return outputs that are written to where a declaration calls both passes in one function.

    There the array never passes from hand to hand: the network's own method is replaced by one
    that keeps its results. What a method of the network calls the forward pass for is its own.

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
    functions = (network.gradients, network.backward)
    declared = [own for one in functions for own in codes_in(getattr(one, "__code__", None))]

    def note(_arguments: Any, result: Any, caller: CodeType) -> None:
        if caller in declared:
            kept.extend((array, array.copy()) for array in list(arrays_in(result))[:1])

    record_forward(subject.net, network.forward, note)
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
