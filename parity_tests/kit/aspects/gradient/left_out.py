r"""Gradients of some samples of a batch, as where a slice or a loop ends too early.

.. math:: \nabla = c \sum_{n \in S} \nabla L_n

Shares of samples are solved for: each is c or 0.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.aspects.first_steps.shares import expected_of
from parity_tests.kit.aspects.gradient.sample_shares import NEAR, apart, is_met_by
from parity_tests.kit.aspects.walks import losses_at
from parity_tests.kit.backprop.findings import Finding
from parity_tests.kit.causes import CAUSES
from parity_tests.kit.forward import run
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.subject.subject import Batch, Layers
from parity_tests.kit.verdicts import Verdict, named

CAUSE = "samples-left-out"


def of_left_out(
    inquiry: Inquiry, seen: Sequence[Layers], loss: str | None, findings: Sequence[Finding]
) -> list[Verdict]:
    """Return that the gradients of both batches leave samples out, if they do.

    Parameters
    ----------
    seen : sequence of two lists of Layer
        The gradients of the batches.
    loss : str or None
        The loss that is meant; None for any.
    findings : sequence of Finding
        What the tensors of both were found to be: those that could not be reproduced may leave
        samples out, and others none.
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
        shares_of = _of_unknown(inquiry, name, seen, findings)
        if shares_of:
            inquiry.gradient_loss = name
            inquiry.is_gradient_known = inquiry.is_gradient_faulty = True
            return _of_tensors(inquiry, shares_of)
    return []


def _of_unknown(
    inquiry: Inquiry, loss: str, seen: Sequence[Layers], findings: Sequence[Finding]
) -> dict[str, list[NDArray[np.float64]]]:
    """Return the shares of the samples in each tensor that leaves some out; empty if not all tell.

    What is solved for from a tensor that is not known is right for those below, by itself.
    """
    if any(own.known and own.causes for own in findings):
        return {}  # what those have would not be told
    unknown = {own.tensor for own in findings if not own.known}
    asked = dict.fromkeys(own.tensor for own in findings if own.relative or not own.known)
    told: dict[str, list[NDArray[np.float64]]] = {}
    for tensor in asked:
        shares = _shares_of(inquiry, loss, seen, tensor)
        if shares:
            told[tensor] = shares
        elif tensor in unknown and tensor.startswith("W"):
            return {}
    # A bias may have too few entries to solve for shares: it may have those of its matrix.
    for tensor, shares in list(told.items()):
        bias = tensor.replace("W", "b")
        pairs = zip(inquiry.batches, seen, shares, strict=True)
        if bias not in told and all(
            is_met_by(inquiry, loss, batch, own, bias, share) for batch, own, share in pairs
        ):
            told[bias] = shares
    return told if unknown <= set(told) else {}


def _shares_of(
    inquiry: Inquiry, loss: str, seen: Sequence[Layers], tensor: str
) -> list[NDArray[np.float64]]:
    """Return the shares of the samples in one tensor, with both batches; empty if all are in it."""
    pairs = zip(inquiry.batches, seen, strict=True)
    found = [_shares(inquiry, loss, batch, own, tensor) for batch, own in pairs]
    shares = [own for own in found if own is not None]
    is_told = len(shares) == len(found) and any(not own.all() for own in shares)
    return shares if is_told else []


def _of_tensors(
    inquiry: Inquiry, shares_of: Mapping[str, list[NDArray[np.float64]]]
) -> list[Verdict]:
    """Return what each tensor leaves out, once for those that leave out the same."""
    groups: list[tuple[list[str], list[NDArray[np.float64]]]] = []
    for tensor, shares in shares_of.items():
        for names, other in groups:
            pairs = zip(shares, other, strict=True)
            if all(np.allclose(one, own, rtol=NEAR) for one, own in pairs):
                names.append(tensor)
                break
        else:
            groups.append(([tensor], shares))
    verdicts = []
    for names, shares in groups:
        whole = _verdict(inquiry, shares)
        message = f"{whole.message} That goes for {', '.join(names)}, and not for the others."
        verdicts.append(replace(whole, message=message, tensor=names[0]))
    return verdicts


def _shares(
    inquiry: Inquiry, loss: str, batch: Batch, observed: Layers, tensor: str | None = None
) -> NDArray[np.float64] | None:
    """Return by how much each sample is in a gradient; None if that is not one number or none."""
    found = apart(inquiry, loss, batch, observed, tensor)
    if found is None:
        return None
    is_in = np.abs(found.shares) > NEAR * np.abs(found.shares).max()
    share = float(np.mean(found.shares[is_in]))
    shares = np.where(is_in, share, 0.0)
    return shares if found.is_met(shares) else None


def _verdict(inquiry: Inquiry, shares: list[NDArray[np.float64]]) -> Verdict:
    seen = "it is the gradient of " + " and of ".join(
        f"{_listed(np.flatnonzero(own) + 1)} of {len(own)} samples" for own in shares
    )
    expected, first = expected_of(inquiry), shares[0]
    share = float(first[np.flatnonzero(first)[0]])
    counts = (len(first), np.count_nonzero(first))
    meant = [] if expected is None else [expected.at(count) for count in counts]
    if meant and not any(abs(share / unit - 1) <= NEAR for unit in meant):
        seen += f", times {share / meant[0]:.6g}"
    verdict = named("gradient", CAUSE, seen, f"dL/dz{len(inquiry.layers)}")
    is_slice = all(map(_is_slice, shares))
    if _are_missed(inquiry, shares):
        look = (
            "They are those whose class has not the largest output: look at the condition by which "
            "a sample counts, as the others have a gradient, too"
        )
        if is_slice:
            look += f", or at {CAUSES[CAUSE].advice}"
        message = f"{verdict.account}. {look}."
        return replace(verdict, message=message)
    if is_slice:
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
