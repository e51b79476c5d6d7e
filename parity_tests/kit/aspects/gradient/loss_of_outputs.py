"""The loss of a training pass that reports none: that of its outputs, and the penalty beside it."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.losses import losses_behind
from parity_tests.kit.scales import MEAN, Scale
from parity_tests.kit.subject.subject import Batch, Subject

Array = NDArray[np.float64]
OfOutput = Callable[[Array, Batch], float]

# How closely the loss reported is the one that is recomputed, with what keeps a logarithm finite.
_CLOSE = 1e-6


def loss_of_outputs(inquiry: Inquiry) -> tuple[OfOutput | None, bool]:
    """Return the loss that the network reports, or whose gradient it has, as one of its outputs.

    Returns
    -------
    loss : callable or None
        None if it is not known, or is not the loss that is reported.
    is_penalized : bool
        Whether the one that is reported has a penalty beside it.
    """
    known = inquiry.reported
    if known is None and inquiry.gradient_loss is not None and not inquiry.is_loss_unknown:
        known = inquiry.gradient_loss, inquiry.gradient_scale or MEAN
    if known is None or inquiry.form is None:
        return None, False
    name, scale = known
    loss = _recomputed(inquiry, name, scale)
    subject, batch = inquiry.subject, inquiry.batches[0]
    if loss is None or subject.network.loss is None or inquiry.reported is None:
        return loss, False
    value = subject.loss_of_pass(batch)
    beside = value - loss(subject.forward(batch.inputs), batch)
    is_penalized = inquiry.penalty is not None
    expected = inquiry.penalty.value(inquiry.layers) if inquiry.penalty is not None else 0.0
    return (loss if abs(beside - expected) <= _CLOSE * abs(value) else None), is_penalized


def with_penalty(loss: OfOutput, training: Subject, plain: Subject) -> OfOutput:
    """Return the loss of outputs, and what the one reported adds to it by the same parameters.

    A penalty that is divided by the number of samples is that of the batch which is asked.

    Parameters
    ----------
    training : Subject
        Whose parameters are asked.
    plain : Subject
        Another network of the same kind, in which nothing is dropped.
    """

    def penalized(output: Array, batch: Batch) -> float:
        plain.set(training.get())
        # Some compute the loss from what the pass before has left.
        passed = plain.forward(batch.inputs)
        return loss(output, batch) + plain.loss(batch) - loss(passed, batch)

    return penalized


def _recomputed(inquiry: Inquiry, name: str, scale: Scale) -> OfOutput | None:
    assert inquiry.form is not None
    known = losses_behind(
        inquiry.form.output,
        inquiry.batches[0].targets,
        are_numbers=inquiry.batches[0].are_numbers,
    )
    logarithmic = name in ("cross_entropy", "binary_cross_entropy")
    if not (logarithmic or name in known):
        return None

    def loss(output: Array, batch: Batch) -> float:
        y = inquiry.meant(batch).targets
        samples = 1 if inquiry.subject.single else len(batch)
        whole = scale.at(samples) * samples / len(batch)
        if not logarithmic:
            return whole * float(known[name].value(output, y).sum())
        with np.errstate(all="ignore"):
            total = -float(np.where(y != 0, y * np.log(output), 0.0).sum())
            if name == "binary_cross_entropy":
                total -= float(np.where(y != 1, (1 - y) * np.log(1 - output), 0.0).sum())
        return whole * total

    return loss
