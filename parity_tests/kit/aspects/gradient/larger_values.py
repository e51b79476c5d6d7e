r"""Gradients where values are larger, if forward pass or loss are other ones there.

A rectifier that is cut off above, and Huber's loss, are a plain rectifier and the squared error
until values reach their end.

.. math:: \min(\max(0, z), c) = \max(0, z) \text{ for } z < c
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.aspects.gradient.elsewhere import explained_by
from parity_tests.kit.aspects.gradient.held_to_slopes.by_slopes import off_slopes, shared_factor
from parity_tests.kit.aspects.observing import is_inferred
from parity_tests.kit.forward import Form, functions, run
from parity_tests.kit.inquiry import CLOSE, Inquiry
from parity_tests.kit.losses import LOSSES
from parity_tests.kit.scales import ROUGH
from parity_tests.kit.subject.subject import Layers, SubjectError
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, Verdict, named

Array = NDArray[Any]

# How many times as large pre-activations and errors are asked.
LARGER = 16.0
_ANOTHER, _SQUARES = "gradient-of-another-loss", "squared_error"


def of_larger_values(inquiry: Inquiry) -> list[Verdict]:
    """Return what is said where values are so large that a right gradient need not be right there.

    Of forward pass and loss, where they are found to have an end, and of the gradient, if it is not
    the slope of the loss there. Steps that are long are left out.
    """
    form, subject = inquiry.form, inquiry.subject
    if form is None or inquiry.is_given or inquiry.is_one_by_one or inquiry.tolerance >= CLOSE:
        return []
    if subject.network.loss is None or is_inferred(inquiry):
        return []
    found: list[Verdict] = []
    for aspect, layers in _asked(inquiry, form):
        with inquiry.elsewhere():
            try:
                share, usual = _share(inquiry, form), inquiry.layers
                inquiry.layers = subject.begin(layers)
                found += _judged(inquiry, form, aspect, share, usual)
            except SubjectError:
                continue
    if any(verdict.status == DIFFERS for verdict in found):
        inquiry.is_gradient_faulty = True
    return found


def _asked(inquiry: Inquiry, form: Form) -> Iterator[tuple[str, Layers]]:
    """Yield which aspect may be another one, and the parameters that show it."""
    *below, last = inquiry.layers
    if are_straight(form):
        first, *others = below
        larger = [first.times(LARGER), *others]
        yield "forward", [*larger, replace(last, weight=last.weight / LARGER)]
    if form.output == "identity" and _is_of_squares(inquiry):
        yield "loss", [*below, last.times(LARGER)]


def are_straight(form: Form) -> bool:
    """Whether hidden functions pass a multiple of a value on as that multiple, as ReLU does."""
    points = np.linspace(-1, 1, 8)
    hidden, _ = functions(form)
    return bool(hidden) and all(
        np.allclose(own.value(2 * points), 2 * own.value(points)) for own in hidden
    )


def _is_of_squares(inquiry: Inquiry) -> bool:
    reported = inquiry.reported and inquiry.reported[0]
    return inquiry.gradient_loss == reported == _SQUARES


def _share(inquiry: Inquiry, form: Form) -> float | None:
    """Return the loss that is reported over the squares; None where it has more in it."""
    if inquiry.penalty is not None or not _is_of_squares(inquiry):
        return None
    batch = inquiry.batches[0]
    output = run(form, inquiry.layers, batch.inputs).output
    squares = float(LOSSES[_SQUARES].value(output, batch.targets).sum())
    return inquiry.subject.loss_of_pass(batch) / squares


def _judged(
    inquiry: Inquiry, form: Form, aspect: str, share: float | None, usual: Layers
) -> list[Verdict]:
    batch = inquiry.batches[0]
    came, passed = inquiry.subject.forward(batch.inputs), run(form, inquiry.layers, batch.inputs)
    is_of_form = are_close(came, passed.output)
    if aspect == "forward":
        is_another = not is_of_form
        where = f"by pre-activations that are {LARGER:g} x as large the output is none of {form}"
    else:
        now = _share(inquiry, form)
        is_another = is_of_form and share is not None and not are_close(now, share)
        where = f"by outputs that are {LARGER:g} x as large"
    if not np.isfinite(came).all() or not (is_another or (aspect == "loss" and is_of_form)):
        return []
    off = off_slopes(inquiry)
    if not is_another:
        # The loss goes on as it begins, and the gradient may be cut off, or go on as well.
        if off and _is_as_usual(inquiry, usual):
            return []
        return [replace(own, message=f"{where}: {own.message}") for own in off]
    if aspect == "loss":
        where = f"{where} the loss is no squared error"
    beside = Verdict(aspect, CONVENTION, f"{where}: it has an end that usual values do not reach")
    again = explained_by(inquiry, inquiry.layers, _SQUARES) if off else None
    is_of_squares = again is not None and again.is_right and again.loss == _SQUARES
    if is_of_squares and aspect == "loss":
        seen = f"it is that of the squared error, and {where} ({off[0].tensor})"
        return [named("gradient", _ANOTHER, seen, off[0].tensor), beside]
    return [*(replace(own, message=f"{where}, and {own.message}") for own in off), beside]


def _is_as_usual(inquiry: Inquiry, usual: Layers) -> bool:
    """Whether the gradient is as many times the slope as with usual parameters, which was judged.

    Steps may make up for the factor.
    """
    here = shared_factor(inquiry)
    with inquiry.elsewhere():
        inquiry.layers = inquiry.subject.begin(usual)
        there = shared_factor(inquiry)
    return here is not None and there is not None and are_close(here, there)


def are_close(came: Any, meant: Any) -> bool:
    """Whether values are the same but for a small part of the largest one."""
    size = np.abs(meant).max()
    return bool(np.allclose(came, meant, rtol=ROUGH, atol=ROUGH * size))
