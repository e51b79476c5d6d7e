"""The gradient of a training pass that drops units, where the forward pass drops none."""

import contextlib
import re
from dataclasses import replace

from parity_tests.kit.aspects.first_steps.slopes_of_steps import of_slopes
from parity_tests.kit.aspects.forward import aspect as forward_aspect
from parity_tests.kit.aspects.forward.dropped import in_training
from parity_tests.kit.aspects.forward.kept_units import kept_units, of_kept_units
from parity_tests.kit.aspects.gradient.held_to_slopes.by_slopes import is_random
from parity_tests.kit.aspects.gradient.loss_of_outputs import loss_of_outputs, with_penalty
from parity_tests.kit.forward import Form
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.subject.subject import SubjectError
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, UNCHECKED, Verdict, named

# How closely a factor is that of a mask.
_CLOSE = 1e-6

IN_TRAINING = "in the training pass"
_REPORTED = "the loss reported"
_BACKWARD = "dropout-backward-scale"


def with_training(inquiry: Inquiry, found: list[Verdict]) -> list[Verdict]:
    """Return what is said of a gradient, and of that of the training pass where that is another.

    It is held to slopes of the loss of the training pass, with the same random numbers in every
    call, and what is dropped and kept to evaluation.

    Parameters
    ----------
    found : list of Verdict
        What is said of the gradient as it is declared.
    """
    if not inquiry.subject.network.training:
        return _with_kept(inquiry, inquiry, found) if inquiry.is_gradient_random else found
    # Where the gradient is that of the training pass already, this is the first that is seen.
    is_open = inquiry.is_gradient_random and all(own.status == UNCHECKED for own in found)
    if not (is_open or _are_right(found)):
        return [*found, _not_asked("the gradient has a fault without it")]
    try:
        told = _of_training(inquiry, is_compared=not is_open)
    except SubjectError as error:
        told = [_not_asked(str(error))]
    return told if is_open else found + told


def _are_right(found: list[Verdict]) -> bool:
    statuses = {verdict.status for verdict in found}
    return bool(statuses & {EQUAL, CONVENTION}) and DIFFERS not in statuses


def _not_asked(why: str) -> Verdict:
    return Verdict("gradient", UNCHECKED, f"{IN_TRAINING} it was not asked: {why}")


def _of_training(inquiry: Inquiry, *, is_compared: bool) -> list[Verdict]:
    """Hold the gradient of the training pass to slopes of its loss.

    Parameters
    ----------
    is_compared : bool
        Whether the same has to be said of the pass without dropout first: what the slopes do not
        know to be right there, as a factor that is a convention, they do not know here.
    """
    training = in_training(inquiry)
    subject = training.subject
    has_own = subject.network.loss is not None and is_random(training, subject.loss_of_pass)
    of_loss = _REPORTED
    plain = inquiry.into(inquiry.subject.another(replace(inquiry.subject.network, training={})))
    if not has_own:
        of_output, is_penalized = loss_of_outputs(inquiry)
        if of_output is None:
            return [_not_asked("no loss of it is reported whose slopes it could be")]
        if is_penalized:
            subject.loss_of_output = with_penalty(of_output, subject, plain.subject)
            of_loss = "that loss of its outputs with its penalty"
        else:
            of_loss = "that loss of its outputs"
            subject.loss_of_output = plain.subject.loss_of_output = of_output
    plain.is_one_by_one = training.is_one_by_one = inquiry.is_one_by_one
    if is_compared and any(verdict.status != EQUAL for verdict in of_slopes(plain)):
        return [_not_asked("without dropout it is not told by slopes of the loss either")]
    found = of_slopes(training)
    if not is_compared:
        inquiry.slopes_show = training.slopes_show
    found = _with_kept(inquiry, training, found)
    return [_told(own, of_loss) for own in found]


def _told(verdict: Verdict, of_loss: str) -> Verdict:
    """Return a verdict on the gradient as one of the training pass, and of its loss."""
    if verdict.aspect != "gradient":
        return verdict
    message = f"{IN_TRAINING}: {verdict.message}"
    return replace(verdict, message=message.replace(_REPORTED, of_loss))


def _with_kept(inquiry: Inquiry, training: Inquiry, found: list[Verdict]) -> list[Verdict]:
    """Judge what is dropped and kept where the gradient shows that, and a factor that it has."""
    if inquiry.form is None:
        return found
    is_right = all(own.status == EQUAL for own in found)
    if not is_right:
        found = [_of_scale(training, inquiry.form, own) for own in found]
        # What is above a mask shows it, whatever the factor of what is below.
        if any(own.status != EQUAL and own.cause != _BACKWARD for own in found):
            return found
    evaluated = _form_of_evaluation(inquiry)
    if evaluated is None:
        return found
    wrong, right = of_kept_units(training, evaluated)
    if right and is_right:
        *others, last = found
        told = f"{last.message}; {right}, so that the mean is the same"
        found = [*others, replace(last, message=told)]
    return found + wrong


def _form_of_evaluation(inquiry: Inquiry) -> Form | None:
    """Return the form of the pass that predicts; None if it is not known."""
    network = inquiry.subject.network
    if network.evaluation is None:
        return inquiry.form
    other = inquiry.into(inquiry.subject.another(network.in_evaluation()))
    with contextlib.suppress(SubjectError):
        forward_aspect.examine(other)
    return other.form


def _of_scale(training: Inquiry, form: Form, verdict: Verdict) -> Verdict:
    """Name a factor from a hidden layer on down as that of its mask, where it is that."""
    number = re.fullmatch(r"[Wb](\d+)", verdict.tensor or "")
    factor = verdict.factor
    if number is None or factor is None or not str(verdict.cause).startswith("factor"):
        return verdict
    layer = int(number[1])
    kept = None if layer > len(form.hidden) else kept_units(training, form, layer - 1)
    # The backward pass leaves the factor out, has it twice, or divides by it.
    scales = (1.0,) if kept is None else (kept.factor, 1 / kept.factor, kept.factor**-2)
    if kept is None or all(abs(factor / own - 1) > _CLOSE for own in scales):
        return verdict
    seen = (
        f"{verdict.account}, and the forward pass multiplies what it keeps of layer {layer} by "
        f"{kept.factor:.6g}"
    )
    asked = verdict.tensor, factor, verdict.residual
    return named("gradient", _BACKWARD, seen, *asked)
