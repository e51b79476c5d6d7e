"""Gradients that a training step leaves in a network, beside the update that it makes of them."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from parity_tests.kit.paths import Found, arrays
from parity_tests.kit.recognition.forwards import Forward
from parity_tests.kit.recognition.gradients import Backward, is_called_gradient, of_labels
from parity_tests.kit.recognition.moving import is_same, moves
from parity_tests.kit.recognition.places import assigned
from parity_tests.kit.recognition.rates import without_rate
from parity_tests.kit.recognition.trial import Match, evaluate, explore


def stored_by(
    step: tuple[str, Match], forward: Forward, labels: str, scope: Mapping[str, Any]
) -> Backward | None:
    """Return how to read the gradients that a step was made of, or None if it leaves none.

    A step of a known optimizer says what its gradient was; one with a fault says neither. Layers
    that keep their gradients still have them after the step.

    Parameters
    ----------
    step : tuple of str and Match
        Code of the step, and how well that is explained as a gradient.
    labels : str
        The form of labels.
    """
    if forward.host.kind != "object" or step[1].complete:
        return None
    function = evaluate(step[0], scope)
    kept: list[Found] = []

    def explorer(net: Any, x: Any, y: Any) -> None:
        before = {one.path: one.array.copy() for one in arrays(net)}
        function(net, x, y, 0.5)
        own = {one.path for one in forward.chain.found}
        kept[:] = [
            Found(one.path, np.array(one.array))
            for one in arrays(net)
            # The first moments of an optimizer are multiples of its first gradients.
            if one.path not in own
            and is_called_gradient(one)
            and not is_same(one.array, before.get(one.path))
        ]

    if not explore(forward.inquiry, explorer, labels):
        return None
    places = assigned(forward, kept, None)
    if places is None:
        return None
    body = ", ".join(one.code("net") for one in places)
    call = step[0].partition(": ")[2]
    # At a rate of zero a step moves no parameter; one that does, or has a rate of its own, is a
    # copy's.
    still = without_rate(call)
    kept_still = f"({still}, [{body}])[-1]"
    is_still_moving = still == call or moves(still, forward, labels, scope)
    call = f"(lambda net: {kept_still})(copy.deepcopy(net))" if is_still_moving else kept_still
    fields = {**forward.fields, "labels": repr(labels), "gradients": f"lambda net, x, y: {call}"}
    match = of_labels(fields, scope, forward)
    if match is None or match.right <= max(step[1].right, match.total // 2):
        return None
    return Backward(forward, fields, labels, call, match)
