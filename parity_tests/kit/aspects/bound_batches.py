"""Networks that take some batches alone: of a size written in the code, or of all classes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from parity_tests.kit import probe
from parity_tests.kit.aspects.observing import observe
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.subject.subject import Batch, SubjectError
from parity_tests.kit.verdicts import Verdict, named

# Numbers of samples that are tried, besides those that an error message has.
_TRIED, _MOST = range(2, 33), 4096


@dataclass(frozen=True)
class Bound:
    """Which batches a network takes.

    Attributes
    ----------
    samples : tuple of two ints
        Sizes of two batches that it takes.
    all_classes : bool
        Whether they must have all classes in them.
    verdict : Verdict
        What is said of it.
    """

    samples: tuple[int, int]
    all_classes: bool
    verdict: Verdict


def batch_bound(inquiry: Inquiry) -> Bound | None:
    """Return which batches a network takes, if it raises for both that are asked, or for one.

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
    aspect = "forward" if told.startswith("forward") else "gradient"
    sizes = _large_sizes(inquiry)
    if not any(_refusal(inquiry, _of_all_classes(inquiry, size)) for size in sizes):
        # Then it is not the size.
        if not all(_refusal(inquiry, _without_a_class(inquiry, size)) for size in sizes):
            return None
        seen = (
            f"batches of {sizes[0]} and {sizes[1]} samples are taken if all classes occur in them, "
            f"and without one of the classes they raise {told}"
        )
        return Bound(sizes, True, named(aspect, "one-hot-by-labels-present", seen))
    for size in dict.fromkeys(taken or _sizes(told)):
        if size in refused or _refusal(inquiry, probe.batch(inquiry.subject, size, inquiry.rng)):
            continue
        near = (probe.batch(inquiry.subject, n, inquiry.rng) for n in (size - 1, size + 1) if n > 1)
        if not all(_refusal(inquiry, batch) for batch in near):
            return None
        seen = f"one of {size} samples is taken, and one of {refused[0]} raises {told}"
        if size in inquiry.subject.sizes:
            seen += f"; {size} is the width of a layer, too, as in a product that lacks a transpose"
        return Bound((size, size), False, named(aspect, "batch-size-fixed", seen))
    return None


def _sizes(told: str) -> Iterator[int]:
    """Yield sizes that may be the one, those of an error message first."""
    yield from (number for text in re.findall(r"\d+", told) if 1 < (number := int(text)) <= _MOST)
    yield from _TRIED


def _large_sizes(inquiry: Inquiry) -> tuple[int, int]:
    """Return two sizes of batches that have room for all classes, and are no width."""
    sizes = inquiry.subject.sizes
    taken = {*sizes, *(2 * size for size in sizes)}
    least = sizes[-1] + 2
    first, second, *_ = (n for n in range(least, least + len(taken) + 2) if n not in taken)
    return first, second


def _of_all_classes(inquiry: Inquiry, samples: int) -> Batch:
    return probe.batch(inquiry.subject, samples, inquiry.rng, all_classes=True)


def _without_a_class(inquiry: Inquiry, samples: int) -> Batch:
    """Return a batch in which the first class is absent, and the last one is not."""
    batch = _of_all_classes(inquiry, samples)
    labels = np.where(batch.labels == 0, batch.labels.max(), batch.labels)
    return inquiry.subject.batch(batch.inputs, labels)


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
