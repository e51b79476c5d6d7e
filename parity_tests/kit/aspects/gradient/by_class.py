r"""Gradients in which samples count by their class, where they do not in the loss.

.. math:: \nabla = \sum_n w_{y_n} \nabla L_n

The shares of samples are solved for. They are factors of classes if those of one class are one
number, in two batches that show it and in a third one that is asked.
"""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.aspects.first_steps.shares import expected_of
from parity_tests.kit.aspects.gradient.sample_shares import NEAR, apart
from parity_tests.kit.aspects.observing import observe
from parity_tests.kit.aspects.walks import losses_at
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.probe import batch as drawn_batch
from parity_tests.kit.scales import MEAN
from parity_tests.kit.subject.subject import Batch, Layers, SubjectError
from parity_tests.kit.verdicts import Verdict, named

Array = NDArray[Any]

CAUSE = "classes-weighted"
# How many samples there have to be of classes that others had before.
_AGAIN = 6


def of_classes(inquiry: Inquiry, seen: Sequence[Layers], loss: str | None) -> list[Verdict]:
    """Return that samples count by their class, if they do.

    Parameters
    ----------
    seen : sequence of two lists of Layer
        The gradients of both batches.
    loss : str or None
        The loss that is meant; None for any.
    """
    if inquiry.form is None or inquiry.subject.single or inquiry.is_given:
        return []
    if inquiry.batches[0].are_numbers:
        return []
    for name in [loss] if loss else losses_at(inquiry):
        shares = [
            _shares(inquiry, name, batch, own)
            for batch, own in zip(inquiry.batches, seen, strict=True)
        ]
        factors = _of_all(inquiry.batches, shares)
        if factors is None:
            continue
        batches, shares = _with_another(inquiry, name, shares)
        factors = _of_all(batches, shares)
        size = sum(len(batch) for batch in batches)
        if factors is None or size - len(factors) < _AGAIN:
            continue
        inquiry.gradient_loss = name
        inquiry.is_gradient_known = inquiry.is_gradient_faulty = True
        return [_verdict(inquiry, factors)]
    return []


def _shares(inquiry: Inquiry, loss: str, batch: Batch, observed: Layers) -> Array | None:
    """Return by how much each sample is in a gradient, times what a mean divides by."""
    found = apart(inquiry, loss, batch, observed)
    if found is None:
        return None
    return np.asarray(found.shares / (expected_of(inquiry) or MEAN).at(len(batch)))


def _with_another(
    inquiry: Inquiry, loss: str, shares: list[Array | None]
) -> tuple[list[Batch], list[Array | None]]:
    """Return the batches and shares with those of one more batch."""
    rng = copy.deepcopy(inquiry.rng)
    another = drawn_batch(inquiry.subject, len(inquiry.batches[0]), rng)
    # A factor of the first sample is none of its class, which is the last one of every batch.
    another = another.part(slice(None, None, -1))
    try:
        observed, _ = observe(inquiry, another)
    except SubjectError:
        return [*inquiry.batches], [None]
    return [*inquiry.batches, another], [*shares, _shares(inquiry, loss, another, observed)]


def _of_all(batches: Sequence[Batch], shares: Sequence[Array | None]) -> Mapping[int, float] | None:
    """Return the factors of classes that several batches have in common, None if there are none."""
    factors: dict[int, float] = {}
    for batch, own in zip(batches, shares, strict=True):
        if own is None or not (own > 0).all():
            return None
        for label, share in zip(batch.labels, own, strict=True):
            if abs(share / factors.setdefault(int(label), float(share)) - 1) > NEAR:
                return None
    sizes = [*factors.values()]
    return factors if max(sizes) > (1 + NEAR) * min(sizes) else None


def _verdict(inquiry: Inquiry, factors: Mapping[int, float]) -> Verdict:
    changed = {label: factor for label, factor in factors.items() if abs(factor - 1) > NEAR}
    told = ", ".join(
        f"those of class {label} count {factor:.6g} times"
        for label, factor in sorted(changed.items())
    )
    others = ", and those of all others that were asked once" if changed != factors else ""
    seen = f"it is the gradient of the samples of which {told}{others}"
    return named("gradient", CAUSE, seen, f"dL/dz{len(inquiry.layers)}")
