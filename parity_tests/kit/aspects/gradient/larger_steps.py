r"""Steps where inputs are larger, if the forward pass is another one there.

A rectifier that is cut off above, :math:`\min(\max(0, z), c)`, is a plain one until values reach
its end. Of a network that only takes steps, inputs are made larger and the last matrix smaller,

.. math:: x \to s x, \qquad W_L \to W_L / s

which a plain rectifier passes on as it was: other weights and errors keep their sizes, and with
them most limits of steps, of gradients and of norms are as far as before.
"""

from dataclasses import replace

import numpy as np

from parity_tests.kit.aspects.gradient.held_to_slopes.met import (
    ENOUGH_OF_ONE,
    EXACT,
    fits_of,
    met_slopes,
)
from parity_tests.kit.aspects.gradient.larger_values import LARGER, are_close, are_straight
from parity_tests.kit.aspects.observing import is_inferred, observe
from parity_tests.kit.backprop.clipping import own_limit
from parity_tests.kit.forward import Form, run
from parity_tests.kit.inquiry import CLOSE, Inquiry
from parity_tests.kit.subject.subject import SubjectError, tensors
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, Verdict

# What a mask that is wrong leaves of a tensor at least; a penalty leaves less.
_MUCH = 0.05


def of_larger_steps(inquiry: Inquiry) -> list[Verdict]:
    """Return what is said of steps on inputs so large that the forward pass is another one there.

    Nothing is said where it is the one that was found. Steps are held to the slopes of the loss up
    to a factor, and only if those on usual inputs are multiples of them.
    """
    form = inquiry.form
    if form is None or inquiry.is_given or inquiry.is_one_by_one or inquiry.tolerance >= CLOSE:
        return []
    if not is_inferred(inquiry) or not are_straight(form):
        return []
    off, beside = _asked(inquiry, form)
    if beside is None:
        return []
    # With usual inputs steps are right all the same, as the optimizer is going to be asked with.
    is_off = bool(off) and not _off_by_directions(inquiry)
    return [_told(beside, off), beside] if is_off else [beside]


def _asked(inquiry: Inquiry, form: Form) -> tuple[dict[str, float], Verdict | None]:
    """Return by tensor what steps leave of slopes, and that the forward pass has an end."""
    usual = inquiry.batches
    *below, last = inquiry.layers
    try:
        with inquiry.elsewhere():
            batch = replace(usual[0], inputs=LARGER * usual[0].inputs)
            inquiry.batches = [batch, *usual[1:]]
            smaller = [*below, replace(last, weight=last.weight / LARGER)]
            inquiry.layers = inquiry.subject.begin(smaller)
            came = inquiry.subject.forward(batch.inputs)
            meant = run(form, inquiry.layers, batch.inputs).output
            if not np.isfinite(came).all() or are_close(came, meant):
                return {}, None
            return _off_by_directions(inquiry), _of_end(form)
    except SubjectError:
        return {}, None
    finally:
        inquiry.batches = usual


def _of_end(form: Form) -> Verdict:
    message = (
        f"by inputs that are {LARGER:g} x as large the output is none of {form}: it has an end "
        "that usual values do not reach"
    )
    return Verdict("forward", CONVENTION, message)


def _off_by_directions(inquiry: Inquiry) -> dict[str, float]:
    """Return of each tensor that is no multiple of the slopes of the loss how much is left of it.

    Steps that are limited are none, whatever they are by.
    """
    batch, loss = inquiry.batches[0], inquiry.subject.loss_of_pass
    if inquiry.subject.network.loss is None:
        return {}
    observed, _ = observe(inquiry, batch)
    met = met_slopes(inquiry, batch, loss)
    limits = (own_limit(array, None, EXACT) for array in tensors(observed))
    if isinstance(met, Verdict) or any(limit is not None for limit in limits):
        return {}
    return {
        name: residual
        for name, (_, residual) in fits_of(met).items()
        if residual > _MUCH and len(met.positions[name]) >= ENOUGH_OF_ONE
    }


def _told(beside: Verdict, off: dict[str, float]) -> Verdict:
    where, _, _ = beside.message.partition(": ")
    first, *_ = names = sorted(off)
    residual = max(off.values())
    message = (
        f"{where}, and steps are no multiple of the slopes of its loss there by "
        f"{' and '.join(names)}. Look at the mask: beyond an end of the activation it is zero."
    )
    return Verdict("gradient", DIFFERS, message, first, None, None, residual)
