"""The line of the network's code that computed a wrong gradient."""

import contextlib
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.aspects.observing import observe
from parity_tests.kit.backprop.findings import Explanation, Finding
from parity_tests.kit.forward import run
from parity_tests.kit.handed_on import locate_handed_on
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
        # Labels alone, as those which the code makes one-hot, are no error yet.
        given = [*tensors(inquiry.layers), batch.targets]
        sources = _sources(inquiry, explanation, number, len(batch)) if is_unknown else ()
        asked = partial(observe, inquiry, batch)
        return locate(asked, wanted, alone=is_unknown, given=given, sources=sources)
    except SubjectError:
        return None


def _sources(
    inquiry: Inquiry, explanation: Explanation, number: int, samples: int
) -> Sequence[Array]:
    """Return what the gradient of a hidden pre-activation is made of: that above, and as carried.

    Empty for the last one.
    """
    above = explanation.deltas.get(number + 1)
    if above is None:
        return ()
    own = above.value[:samples]
    return own, own @ inquiry.layers[number + 1].weight


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
    """Return where a derivative is computed that is one everywhere, or is left out.

    Where layers are apart, the line is that with which one that knows the pre-activation, or the
    value, hands on what comes from above.
    """
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
        asked = partial(observe, inquiry, batch)
        line = locate(asked, np.ones(shape), behind=behind)
        if line is not None or inquiry.form is None:
            return line
        passed = run(inquiry.form, inquiry.layers, batch.inputs)
        known = passed.logits[number], passed.activations[number + 1]
        return locate_handed_on(asked, explanation.deltas[number].value[: len(batch)], known)
    return None
