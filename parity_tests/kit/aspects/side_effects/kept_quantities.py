"""Quantities of a batch before that the gradient of a batch is made of."""

from collections.abc import Iterator
from functools import partial
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.aspects.optimizer.divisors import kept_divisor
from parity_tests.kit.backprop.explain import explain
from parity_tests.kit.forward import Pass, run
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.subject.subject import Batch, flat, tensors, unflat
from parity_tests.kit.verdicts import DIFFERS, UNCHECKED, Verdict, named

Array = NDArray[Any]

_NAMES = ("inputs", "activations", "pre-activations", "last pre-activation", "output")


def of_kept_quantities(
    inquiry: Inquiry, first: Batch, other: Batch, new: Array, after: Array
) -> list[Verdict]:
    """Name quantities of the first batch that give the gradient of another one of its size.

    What explains the gradient of a new network, a fault in it or none, has to explain this one too.

    Parameters
    ----------
    new, after : ndarray
        The gradient of the other batch of a new network, and after that of the first batch.
    """
    form, layers = inquiry.form, inquiry.layers
    if form is None or not new.shape == after.shape == flat(layers).shape:
        return []
    old, own = (run(form, layers, batch.inputs) for batch in (first, other))
    meant = inquiry.meant(other)
    explained = partial(explain, form, layers=layers, updated=None, batch=meant)
    loss, tolerance = inquiry.gradient_loss, inquiry.tolerance
    usual = explained(passed=own, observed=unflat(new, layers), tolerance=tolerance, loss=loss)
    if not usual.known:
        return []
    causes = [finding.causes for finding in usual.findings]
    observed = unflat(after, layers)
    for which, mixed in _mixed(old, own):
        found = explained(passed=mixed, observed=observed, tolerance=tolerance, loss=loss)
        if found.known and [finding.causes for finding in found.findings] == causes:
            told = f"the first one's {', '.join(which)}"
            seen = f"a second batch of the same size has the gradient that comes of {told}"
            return [named("side effects", "activations-kept", seen, "gradients")]
    return []


def _mixed(old: Pass, own: Pass) -> Iterator[tuple[list[str], Pass]]:
    """Yield forward passes with some of their quantities from an old one, and which these are."""
    for kept in product((True, False), repeat=len(_NAMES)):
        if any(kept):
            inputs, hidden, logits, last, output = (old if is_kept else own for is_kept in kept)
            mixed = Pass(
                [*inputs.activations[:1], *hidden.activations[1:-1], output.output],
                [*logits.logits[:-1], last.logits[-1]],
            )
            yield [name for name, is_kept in zip(_NAMES, kept, strict=True) if is_kept], mixed


def of_memory(
    inquiry: Inquiry, first: Batch, other: Batch, gradients: tuple[Array, Array, Array]
) -> list[Verdict]:
    r"""Judge a gradient that is another one after that of another batch.

    Steps may have a memory that is the optimizer's, and yet be the same twice with one batch: of a
    mean of gradients that begins with the first one, or of a rate that goes by them. Then

    .. math:: s_2 = \alpha g_1 + \beta g_2

    in every tensor, and what is no such sum is made of something else that is kept.

    Parameters
    ----------
    first, other : Batch
        In the order in which they are asked.
    gradients : tuple of three ndarray
        Those of both batches of new networks, and that of the other one after the first.

    Returns
    -------
    list of Verdict
        That it is not checked, if the optimizer may have that memory.
    """
    network, tolerance = inquiry.subject.network, inquiry.tolerance
    before, new, after = gradients
    divided = kept_divisor(first, other, new, after, inquiry.layers, tolerance)
    if divided:
        return divided
    if network.gradients is None and network.backward is None:
        if inquiry.is_entrywise or inquiry.steps_explain == "gradient":
            # An adaptive optimizer takes the same step twice, too, and keeps what it divides by.
            return []
        # Where the forward pass is not known, nor is it whether the optimizer is adaptive.
        if inquiry.form is None or _is_sum(after, before, new, inquiry):
            message = "the gradient of a batch is another one after that of another batch"
            return [Verdict("side effects", UNCHECKED, message, "gradients")]
    size = "the same size" if len(first) == len(other) else "another size"
    message = (
        f"a batch has another gradient after that of another batch of {size}, with the same "
        "parameters. The cause is unknown. Look at what is kept of a batch: what is set once, or "
        "only where it is not there yet."
    )
    return [Verdict("side effects", DIFFERS, message, "gradients")]


def _is_sum(after: Array, before: Array, new: Array, inquiry: Inquiry) -> bool:
    """Whether all tensors are made of shares of what they are of two batches."""
    vectors, layers = (after, before, new), inquiry.layers
    if any(vector.shape != flat(layers).shape for vector in vectors):
        return True
    for own, *others in zip(*(tensors(unflat(v, layers)) for v in vectors), strict=True):
        basis, wanted = np.column_stack([other.ravel() for other in others]), own.ravel()
        solution, *_ = np.linalg.lstsq(basis, wanted, rcond=None)
        left = float(np.linalg.norm(wanted - basis @ solution))
        if left > 10 * inquiry.of_steps * float(np.linalg.norm(wanted)):
            return False
    return True
