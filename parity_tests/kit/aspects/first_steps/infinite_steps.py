r"""First steps that are not finite, as of an optimizer that divides by 0.

.. math:: \hat m_t = \frac{m_t}{1 - \beta_1^t} \quad\text{is infinite for}\quad t = 0

They tell nothing of the gradient but its signs.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numpy_impl import InputError
from parity_tests.kit.aspects.observing import RATES, changed, is_inferred
from parity_tests.kit.aspects.walks import losses_at, right_gradient, walk_on
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.optimizers.formulas import LINEAR, read
from parity_tests.kit.subject.subject import Batch, SubjectError, by_name, flat
from parity_tests.kit.verdicts import DIFFERS, Verdict, named

Array = NDArray[Any]
Tensors = Mapping[str, Array]

# The cause of which steps are infinite where gradients are not 0.
OF_INFINITE = "adam-step-from-zero"
# Next to the largest, an entry of a gradient is not told from none.
_ROUNDING = 1e-12
# Of the entries that a first step loses, how many a second one has to show.
_MOST = 0.5


def of_infinite_step(inquiry: Inquiry) -> Verdict | None:
    """Return that a first step is not finite, where that is not the gradient's; else None.

    It is not where gradients that are handed out are finite, an adaptive optimizer is declared, or
    the step is infinite as the gradient over 0 is. One that is NaN where the gradient is 0 alone is
    0 over 0, which is told by itself. The step is a short one, which no number of updates in it
    makes infinite.
    """
    one, rate = _first(inquiry)
    try:
        before, after = walk_on(inquiry, [one], rate, may_repeat=True).layers
        step = by_name(changed(before, after, rate))
        infinite = {name: own for name, own in step.items() if not np.isfinite(own).all()}
        why = _why(inquiry, one, step) if infinite else ""
    except SubjectError:
        return None
    if not why:
        return None
    told = ", ".join(f"{name} in {_told(own)}" for name, own in infinite.items())
    if is_of_first_step_alone(inquiry):
        look = "what the step divides by, such as 1 - beta**t where t begins at 0"
    else:
        told += ", and one more from the same parameters is not finite either"
        look = "what is divided by, and at what is under a root: squares are added there"
    message = f"the first step is not finite: {told}; {why}. The cause is unknown. Look at {look}."
    return Verdict("optimizer", DIFFERS, message, next(iter(infinite)))


def of_zero_over_zero(inquiry: Inquiry) -> Verdict | None:
    """Return that a first step is NaN just where gradients that are handed out are 0; else None."""
    if is_inferred(inquiry):
        return None
    one, rate = _first(inquiry)
    try:
        before, after = walk_on(inquiry, [one], rate).layers
        step = by_name(changed(before, after, rate))
        handed = _handed(inquiry, one)
    except SubjectError:
        return None
    lost = {name: own for name, own in step.items() if np.isnan(own).any()}
    are_zero = all(
        handed[name].shape == own.shape and np.array_equal(np.isnan(own), handed[name] == 0)
        for name, own in lost.items()
    )
    if not lost or not are_zero:
        return None
    told = ", ".join(f"{name} in {_told(own)}" for name, own in lost.items())
    seen = f"a first step leaves {told}, just where the gradient is 0"
    return named("optimizer", "epsilon-missing", seen, next(iter(lost)))


def is_of_first_step_alone(inquiry: Inquiry) -> bool:
    r"""Return whether a second step is finite, from the parameters written once more.

    .. math:: 1 - \beta^t = 0 \quad\text{for}\quad t = 0 \quad\text{alone}

    After a step that is not finite all others are NaN by their parameters, so that any first step
    without numbers looks like one that is counted from 0.
    """
    subject = inquiry.subject
    one, rate = _first(inquiry)
    try:
        subject.begin(inquiry.layers)
        subject.step(one, rate)
        lost = ~np.isfinite(flat(subject.get()))
        subject.set(inquiry.layers)
        subject.step(one, rate)
        told = np.isfinite(flat(subject.get()))[lost]
    except SubjectError:
        return False
    # An entry whose gradient is 0 may stay 0 over 0.
    return bool(told.mean() > _MOST) if lost.any() else False


def _first(inquiry: Inquiry) -> tuple[Batch, float]:
    """Return the batch and the learning rate of the first step that is looked at."""
    subject, batch = inquiry.subject, inquiry.batches[0]
    one = batch.part(slice(0, 1)) if subject.single else batch
    return one, subject.network.lr or RATES[1]


def _handed(inquiry: Inquiry, batch: Batch) -> Tensors:
    """Return the gradients that are handed out at the first parameters."""
    inquiry.subject.begin(inquiry.layers)
    return by_name(inquiry.subject.gradients(batch))


def _told(step: Array) -> str:
    lost = int(np.isnan(step).sum())
    kinds = {"infinite": int(np.isinf(step).sum()), "NaN": lost}
    told = (f"{count} of {step.size} entries {kind}" for kind, count in kinds.items() if count)
    return " and ".join(told)


def _why(inquiry: Inquiry, batch: Batch, step: Tensors) -> str:
    """Return in words why a step that is not finite is not the gradient's; empty if it may be."""
    if not is_inferred(inquiry):
        handed = _handed(inquiry, batch)
        is_finite = all(np.isfinite(own).all() for own in handed.values())
        is_lost = is_finite and _is_lost(step, handed)
        return "the gradients that are handed out are finite" if is_lost else ""
    spec, meant = inquiry.spec, _meant(inquiry, batch)
    if any(_is_over_zero(step, gradient) for gradient in meant):
        return "where the gradient has a sign, it is infinite and has the same"
    is_adaptive = spec.optimizer and read(str(spec.optimizer), spec.options)[0] not in LINEAR
    if is_adaptive and meant and all(_is_lost(step, gradient) for gradient in meant):
        return f"only steps show the gradient, which {spec.optimizer} divides by its size"
    return ""


def _meant(inquiry: Inquiry, batch: Batch) -> list[Tensors]:
    """Return the gradients that may be meant; none if the forward pass is not known."""
    found: list[Tensors] = []
    if inquiry.form is None:
        return found
    loss = inquiry.spec.loss or (inquiry.reported and inquiry.reported[0])
    for name in [loss] if loss else losses_at(inquiry):
        with suppress(InputError):
            found.append(by_name(right_gradient(inquiry, name, inquiry.layers, batch)))
    return found


def _is_lost(step: Tensors, gradient: Tensors) -> bool:
    """Whether a step is not finite somewhere where the gradient is not 0."""
    return any(
        own.shape == step[name].shape and not np.isfinite(step[name][_is_told(own)]).all()
        for name, own in gradient.items()
    )


def _is_over_zero(step: Tensors, gradient: Tensors) -> bool:
    """Whether a step is infinite wherever the gradient is not 0, and has its signs."""
    return all(
        own.shape == step[name].shape
        and (step[name][_is_told(own)] == np.inf * np.sign(own[_is_told(own)])).all()
        for name, own in gradient.items()
    )


def _is_told(gradient: Array) -> NDArray[np.bool_]:
    size = np.abs(gradient)
    return np.asarray(size > _ROUNDING * size.max(initial=0.0))
