r"""Gradients of some samples of a batch, as where a slice or a loop ends too early.

.. math:: \nabla = c \sum_{n \in S} \nabla L_n

All tensors together are far more numbers than a batch has samples, so that shares of these are
solved for: each is c or 0.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from numpy_impl import InputError
from parity_tests.kit.aspects.first_steps.shares import expected_of
from parity_tests.kit.aspects.walks import losses_at, right_gradient
from parity_tests.kit.forward import run
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.subject.subject import Batch, Layers, flat
from parity_tests.kit.verdicts import Verdict, named

CAUSE = "samples-left-out"
# How much more numbers than samples there have to be, and how closely a share is one of two.
_ENOUGH, _NEAR = 3, 1e-6
_LAST = 2000


def of_left_out(inquiry: Inquiry, seen: Sequence[Layers], loss: str | None) -> list[Verdict]:
    """Return that the gradients of both batches leave samples out, if they do.

    Parameters
    ----------
    seen : sequence of two lists of Layer
        The gradients of the batches.
    loss : str or None
        The loss that is meant; None for any.
    """
    if inquiry.form is None or inquiry.subject.single:
        return []
    for name in [loss] if loss else losses_at(inquiry):
        pairs = zip(inquiry.batches, seen, strict=True)
        shares = [_shares(inquiry, name, batch, own) for batch, own in pairs]
        told = [own for own in shares if own is not None]
        if len(told) == len(shares) and any(not own.all() for own in told):
            inquiry.gradient_loss = name
            inquiry.is_gradient_known = inquiry.is_gradient_faulty = True
            return [_verdict(inquiry, told)]
    return []


def _shares(
    inquiry: Inquiry, loss: str, batch: Batch, observed: Layers
) -> NDArray[np.float64] | None:
    """Return by how much each sample is in a gradient; None if that is not one number or none."""
    samples = range(len(batch))
    try:
        alone = [
            flat(right_gradient(inquiry, loss, inquiry.layers, batch.part(slice(n, n + 1))))
            for n in samples
        ]
        whole = flat(observed)
        if len(whole) != len(alone[0]):
            return None
        # Those of the last layers are enough to solve for shares.
        basis = np.stack([own[-_LAST:] for own in alone], axis=1)
    except (InputError, ValueError):
        return None
    last = whole[-_LAST:]
    if len(last) < _ENOUGH * len(batch) or not (
        np.isfinite(basis).all() and np.isfinite(last).all()
    ):
        return None
    shares, _, rank, _ = np.linalg.lstsq(basis, last, rcond=None)
    size = np.abs(shares).max()
    if rank < len(batch) or not size:
        return None
    is_in = np.abs(shares) > _NEAR * size
    share = float(np.mean(shares[is_in]))
    again = share * sum(own for own, is_own in zip(alone, is_in, strict=True) if is_own)
    if not np.linalg.norm(whole - again) <= _NEAR * np.linalg.norm(whole):
        return None
    return np.where(is_in, share, 0.0)


def _verdict(inquiry: Inquiry, shares: list[NDArray[np.float64]]) -> Verdict:
    seen = "it is the gradient of " + " and of ".join(
        f"{_listed(np.flatnonzero(own) + 1)} of {len(own)} samples" for own in shares
    )
    expected, first = expected_of(inquiry), shares[0]
    share = float(first[np.flatnonzero(first)[0]])
    counts = (len(first), np.count_nonzero(first))
    meant = [] if expected is None else [expected.at(count) for count in counts]
    if meant and not any(abs(share / unit - 1) <= _NEAR for unit in meant):
        seen += f", times {share / meant[0]:.6g}"
    verdict = named("gradient", CAUSE, seen, f"dL/dz{len(inquiry.layers)}")
    if _are_missed(inquiry, shares):
        look = (
            "They are those whose class has not the largest output: look at the condition by which "
            "a sample counts, as the others have a gradient, too"
        )
        message = f"{verdict.account}. {look}."
        return replace(verdict, message=message)
    if all(map(_is_slice, shares)):
        return verdict
    # Those that a loss or a mask does not count are no slice.
    look = (
        "They are no slice: look at the condition by which a sample counts, as a margin or a mask"
    )
    message = f"{verdict.account}. {look}."
    return replace(verdict, message=message)


def _are_missed(inquiry: Inquiry, shares: list[NDArray[np.float64]]) -> bool:
    """Whether the samples that count are those whose class has not the largest output."""
    assert inquiry.form is not None
    if inquiry.subject.outputs == 1:
        return False
    for batch, own in zip(inquiry.batches, shares, strict=True):
        output = run(inquiry.form, inquiry.layers, batch.inputs).output
        is_missed = output.argmax(axis=1) != batch.targets.argmax(axis=1)
        if not np.array_equal(own != 0, is_missed):
            return False
    return True


def _is_slice(shares: NDArray[np.float64]) -> bool:
    """Whether samples that count follow one another in equal steps."""
    return len(np.unique(np.diff(np.flatnonzero(shares)))) <= 1


def _listed(numbers: NDArray[np.intp]) -> str:
    """Return numbers of samples in words; a few of many."""
    first, last = numbers[0], numbers[-1]
    if len(numbers) == 1:
        return f"number {first}"
    if last - first == len(numbers) - 1:
        return f"numbers {first} to {last}"
    return f"numbers {', '.join(map(str, numbers))}"
