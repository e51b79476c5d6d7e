"""The line of the network's code that computed a wrong gradient."""

import contextlib
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.aspects.observing import observe
from parity_tests.kit.backprop.findings import Explanation, Finding
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.locate import is_one_number, locate, locate_number
from parity_tests.kit.subject.subject import Batch, SubjectError, tensors
from parity_tests.kit.verdicts import Line

Array = NDArray[Any]


def line_of(inquiry: Inquiry, explanation: Explanation, finding: Finding) -> Line | None:
    """Return where a wrong quantity was computed."""
    if "bias-not-summed" in finding.causes:
        return None  # it is the gradient of the pre-activation itself, computed elsewhere
    number = int(finding.tensor[1:]) - 1
    delta = explanation.deltas[number]
    batch = inquiry.batches[0]
    if inquiry.subject.single or inquiry.is_one_by_one:
        batch = batch.part(slice(explanation.sample, explanation.sample + 1))
    is_unknown = "unknown" in finding.causes
    try:
        if inquiry.is_entrywise and not set(finding.causes) & set(delta.causes):
            return None  # what is observed is no multiple of it
        wanted = _observed(inquiry, batch, finding.tensor)
        if set(finding.causes) & set(delta.causes):
            wanted = (delta.value if delta.carried is None else delta.carried)[: len(batch)]
        elif wanted is not None and is_one_number(wanted):
            return _line_of_number(inquiry, batch, finding.tensor, wanted, alone=is_unknown)
        if wanted is None:
            return None
        given = tensors(inquiry.layers)
        return locate(lambda: observe(inquiry, batch), wanted, alone=is_unknown, given=given)
    except SubjectError:
        return None


def _observed(inquiry: Inquiry, batch: Batch, tensor: str) -> Array | None:
    layer = observe(inquiry, batch)[0][int(tensor[1:]) - 1]
    return layer.bias if tensor.startswith("b") else layer.weight


def _line_of_number(
    inquiry: Inquiry, batch: Batch, tensor: str, wanted: Array, *, alone: bool
) -> Line | None:
    """Return where a gradient is computed that is one number, by another batch of samples."""
    other = inquiry.batches[1]
    if inquiry.subject.single or inquiry.is_one_by_one:
        other = other.part(slice(0, 1))
    again = _observed(inquiry, other, tensor)
    if again is None or not is_one_number(again):
        return None
    runs = [(partial(observe, inquiry, own), of) for own, of in ((batch, wanted), (other, again))]
    return locate_number(runs, alone=alone)


def line_of_mask(inquiry: Inquiry, explanation: Explanation, finding: Finding) -> Line | None:
    """Return where a derivative is computed that is one everywhere."""
    batch = inquiry.batches[0]
    if inquiry.subject.single or inquiry.is_one_by_one:
        batch = batch.part(slice(explanation.sample, explanation.sample + 1))
    number = int(finding.tensor[1:]) - 1
    shape = explanation.deltas[number].value[: len(batch)].shape
    if shape[1] == 1:
        return None  # too small to be told from other ones
    with contextlib.suppress(SubjectError):
        above = explanation.deltas.get(number + 1)
        behind = None if above is None else above.value[: len(batch)]
        return locate(lambda: observe(inquiry, batch), np.ones(shape), behind=behind)
    return None
