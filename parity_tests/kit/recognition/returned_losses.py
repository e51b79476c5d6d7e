"""Losses that a backward pass returns beside the gradients, as ``loss, grads``."""

from collections.abc import Mapping
from typing import Any

from parity_tests.kit.recognition import names
from parity_tests.kit.recognition.gradients import Backward
from parity_tests.kit.recognition.trial import reported_loss

_PLACES = ("g[0]", "g[-1]")


def returned_loss(backward: Backward, scope: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return code of the loss that comes with gradients, and how sure that is; or None.

    What has no loss's name is one only if its value is that of a loss that is known.

    Parameters
    ----------
    backward : Backward
        The pass that gives the gradients.
    """
    if backward.in_place or backward.own_delta:
        return None
    forward = backward.forward
    fields = {**forward.fields, "labels": repr(backward.labels)}
    named = [code for name, code in backward.exact.items() if names.is_loss(name)]
    for code in dict.fromkeys((*named, *_PLACES)):
        source = f"lambda net, x, y: (lambda g: {code})({backward.call})"
        reported = reported_loss(forward.inquiry, {**fields, "loss": source}, scope)
        if isinstance(reported, tuple):
            return source, "sure"
        if reported and code in named:
            return source, "likely"
    return None
