"""Networks that take batches of one size alone, as of a number of samples written in the code."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from parity_tests.kit import probe
from parity_tests.kit.aspects.observing import observe
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.subject import Batch, SubjectError
from parity_tests.kit.verdicts import Verdict, named

# Numbers of samples that are tried, besides those that an error message has.
_TRIED, _MOST = range(2, 33), 4096


@dataclass(frozen=True)
class FixedSize:
    """The size of batch that a network takes.

    Attributes
    ----------
    samples : int
    verdict : Verdict
        What is said of it.
    """

    samples: int
    verdict: Verdict


def fixed_size(inquiry: Inquiry) -> FixedSize | None:
    """Return the one size of batch that a network takes, if it raises for both that are asked.

    One that takes single samples alone is judged by these.
    """
    network = inquiry.subject.network
    is_asked = network.gradients or network.backward or network.step
    if inquiry.subject.single or inquiry.is_given or not is_asked:
        return None
    refusals = {len(batch): _refusal(inquiry, batch) for batch in inquiry.batches}
    refused = [size for size, told in refusals.items() if told]
    if not refused or not _refusal(inquiry, inquiry.batches[0].part(slice(0, 1))):
        return None
    taken = [size for size in refusals if size not in refused]
    told = refusals[refused[0]]
    for size in dict.fromkeys(taken or _sizes(told)):
        if size in refused or _refusal(inquiry, _drawn(inquiry, size)):
            continue
        near = {size - 1, size + 1} - {1}
        if not all(_refusal(inquiry, _drawn(inquiry, other)) for other in near):
            return None
        aspect = "forward" if told.startswith("forward") else "gradient"
        seen = f"one of {size} samples is taken, and one of {refused[0]} raises {told}"
        return FixedSize(size, named(aspect, "batch-size-fixed", seen))
    return None


def _sizes(told: str) -> Iterator[int]:
    """Yield sizes that may be the one, those of an error message first."""
    yield from (number for text in re.findall(r"\d+", told) if 1 < (number := int(text)) <= _MOST)
    yield from _TRIED


def _drawn(inquiry: Inquiry, samples: int) -> Batch:
    return probe.batch(inquiry.subject, samples, inquiry.rng)


def _refusal(inquiry: Inquiry, batch: Batch) -> str:
    """Return what forward pass or gradient raise for a batch; nothing if they do not."""
    try:
        inquiry.subject.begin(inquiry.layers)
        inquiry.subject.forward(batch.inputs)
        observe(inquiry, batch)
    except SubjectError as error:
        return str(error)
    finally:
        # A step may have left parameters of other shapes.
        inquiry.subject.begin(inquiry.layers)
    return ""
