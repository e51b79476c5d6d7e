"""A gradient held against slopes of the reported loss, where the forward pass is not known."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.aspects.observing import is_another, observe
from parity_tests.kit.backprop import fit
from parity_tests.kit.causes import CAUSES
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.scales import Scale, ratio, scale_of
from parity_tests.kit.slopes import slopes
from parity_tests.kit.subject import Batch, SubjectError
from parity_tests.kit.verdicts import DIFFERS, EQUAL, UNCHECKED, Verdict

Array = NDArray[Any]

# Entries of each tensor whose slopes are taken, and how closely they are met.
_ENTRIES, _CLOSE = 12, 1e-5
# A learning rate with which it is the same whether a step tells the loss before or after it.
_STILL = 1e-12


Loss = Callable[[Batch], float]


def by_slopes(inquiry: Inquiry) -> list[Verdict]:
    """Hold the gradient to differences of the reported loss.

    With dropout or noise in it, loss and gradient are asked with the same random numbers.
    """
    subject = inquiry.subject
    if subject.network.loss is None:
        message = "the forward pass is not known, and no loss is declared whose slopes it could be"
        return [Verdict("gradient", UNCHECKED, message)]
    reported: Loss = subject.loss_of_pass
    try:
        if not _changes(inquiry, reported):
            return [_judged(inquiry, reported, "")]
        # The loss that a training step tells has the noise of training.
        told: Loss = partial(_told, inquiry)
        loss = reported if _is_random(inquiry, reported) else told
        with subject.drawing_alike(int(inquiry.rng.integers(2**31))):
            if not _changes(inquiry, loss):
                return [_judged(inquiry, loss, "; with the same random numbers in every call")]
    except SubjectError as error:
        return [Verdict("gradient", UNCHECKED, str(error))]
    message = (
        "it changes from call to call, by the same parameters: dropout, noise or samples in random "
        "order, from a generator of its own"
    )
    return [Verdict("gradient", UNCHECKED, message)]


def _told(inquiry: Inquiry, batch: Batch) -> float:
    network = inquiry.subject.network
    value = None
    if network.step is not None and network.lr is None and not inquiry.subject.single:
        value = inquiry.subject.step(batch, _STILL)
    if value is None:
        raise SubjectError(
            "it is another one each time, by the same parameters: dropout, noise or samples in "
            "random order, which the loss does not have"
        )
    return value


def _is_random(inquiry: Inquiry, loss: Loss) -> bool:
    return loss(inquiry.batches[0]) != loss(inquiry.batches[0])


def _changes(inquiry: Inquiry, loss: Loss) -> bool:
    """Whether the loss, or the gradient, of the same batch is another one the next time."""
    subject, batch = inquiry.subject, inquiry.batches[0]
    seen = []
    for _ in range(2):
        observed, _ = observe(inquiry, batch)
        subject.begin(inquiry.layers)
        seen.append((loss(batch), observed))
    (value, one), (again, other) = seen
    return value != again or is_another(one, other)


def _judged(inquiry: Inquiry, loss: Loss, how: str) -> Verdict:
    met = _met(inquiry, inquiry.batches[0], loss)
    if isinstance(met, Verdict):
        return met
    if met.residual > _CLOSE:
        return _first_off(met, how)
    if abs(met.factor - 1) <= _CLOSE:
        message = (
            f"some entries of all tensors are slopes of the loss reported ({met.residual:.1g}){how}"
        )
        return Verdict("gradient", EQUAL, message, residual=met.residual)
    return _constant(inquiry, met, loss)


@dataclass(frozen=True)
class _Met:
    """Entries of the gradient beside the slopes, by tensor, and how they fit together."""

    pairs: dict[str, tuple[Array, Array]]
    factor: float
    residual: float


def _met(inquiry: Inquiry, batch: Batch, loss: Loss) -> _Met | Verdict:
    subject = inquiry.subject
    observed, _ = observe(inquiry, batch)
    subject.begin(inquiry.layers)
    found = slopes(subject, inquiry.layers, batch, _ENTRIES, inquiry.rng, loss)
    pairs = {}
    for number, layer in enumerate(observed, start=1):
        for name, tensor in ((f"W{number}", layer.weight), (f"b{number}", layer.bias)):
            if tensor is not None and name in found and len(found[name][0]):
                positions, wanted = found[name]
                if positions.max() >= tensor.size:
                    return _off(name, np.nan, np.inf, "it has another shape than its parameter")
                pairs[name] = tensor.ravel()[positions], wanted
    if not pairs:
        return Verdict("gradient", UNCHECKED, "the loss is nowhere smooth")
    came, wanted = (np.concatenate(part) for part in zip(*pairs.values(), strict=True))
    return _Met(pairs, *fit(came, wanted))


def _constant(inquiry: Inquiry, met: _Met, loss: Loss) -> Verdict:
    """Name the factor that all tensors have, by two batches."""
    again = _met(inquiry, inquiry.batches[1], loss)
    factors = met.factor, met.factor if isinstance(again, Verdict) else again.factor
    samples = [len(batch) for batch in inquiry.batches]
    scale = scale_of(factors, samples, 1e-4)
    sizes = inquiry.subject.sizes
    between = None if scale is None else ratio(scale, Scale(1.0, 0), sizes, 1e-4)
    cause = between.causes[0] if between else "factor-constant"
    why = between.text if between else "a constant factor"
    message = (
        f"yours = {met.factor:.6g} x the slope of the loss reported, on all tensors: {why}; the "
        f"batch is {samples[0]}. Look at {CAUSES[cause].advice}."
    )
    tensor = f"dL/dz{len(inquiry.layers)}"
    return Verdict("gradient", DIFFERS, message, tensor, cause, met.factor, met.residual)


def _first_off(met: _Met, how: str) -> Verdict:
    """Return the first tensor, from the last layer, that is no multiple of its slopes."""
    for name, (came, wanted) in reversed(met.pairs.items()):
        factor, residual = fit(came, wanted)
        if residual > _CLOSE:
            return _off(name, factor, residual, f"it is not the slope of the loss reported{how}")
    return _off(name, factor, residual, "tensors have different factors to the slopes")


def _off(name: str, factor: float, residual: float, what: str) -> Verdict:
    nearest = (
        f"; the nearest multiple is {factor:.4g} x, which leaves {residual:.2g} of its norm"
        if np.isfinite(residual)
        else ""
    )
    message = f"{name}: {what}{nearest}. The cause is unknown."
    return Verdict("gradient", DIFFERS, message, name, None, None, residual)
