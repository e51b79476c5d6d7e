"""Networks of more layers that a class makes, and whose forward pass raises."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from parity_tests.kit.paths import arrays
from parity_tests.kit.recognition.forwards import Forward
from parity_tests.kit.recognition.hosts import Host
from parity_tests.kit.recognition.trial import FAILURES, evaluate, explore, made


def deeper_that_raises(
    hosts: Sequence[Host], forward: Forward, scope: Mapping[str, Any]
) -> tuple[str, str] | None:
    """Return what makes a deeper network, and what its forward pass raises; or None.

    Parameters
    ----------
    hosts : sequence of Host
        Those of which no forward pass was found.
    forward : Forward
        The pass that was found, of a network of the same class.
    """
    head = forward.host.make.partition("(")[0]
    depth = len(forward.chain.weights)
    call = evaluate(f"lambda net, x: {forward.call}", scope)
    for host in hosts:
        if host.kind != "object" or host.is_filled or host.make.partition("(")[0] != head:
            continue
        told: list[str] = []

        def explorer(_net: Any, x: Any, _y: Any, host: Host = host, told: list[str] = told) -> None:
            net = made(host.make, scope)
            if _chained(net) <= depth:
                return
            try:
                call(net, x)
            except FAILURES as error:
                told.append(f"{type(error).__name__}: {error}")

        if explore(forward.inquiry, explorer, "one_hot") and told:
            return host.make.partition(": ")[2], told[0]
    return None


def _chained(net: Any) -> int:
    """Return how many matrices a network has, each of which takes what the one before it gives."""
    shapes = [one.array.shape for one in arrays(net) if one.array.ndim == 2]
    matrices = [shape for shape in shapes if min(shape) > 1]
    are_chained = all(set(one) & set(other) for one, other in pairwise(matrices))
    return len(matrices) if are_chained else 0
