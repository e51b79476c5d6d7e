"""The gradient by other parameters, where what usual ones do not show is seen."""

from dataclasses import replace

import numpy as np

from parity_tests.kit.aspects.first_steps.limited_norms import limits_reached
from parity_tests.kit.aspects.gradient.held_to_slopes.by_slopes import off_slopes
from parity_tests.kit.aspects.gradient.readings import explained
from parity_tests.kit.aspects.gradient.told_findings import told_findings
from parity_tests.kit.aspects.observing import is_inferred, observe
from parity_tests.kit.aspects.walks import right_gradient
from parity_tests.kit.backprop.clipping import CAUSE as CLIPPED
from parity_tests.kit.backprop.findings import Explanation
from parity_tests.kit.fitting import fit
from parity_tests.kit.forward import run
from parity_tests.kit.inquiry import CLOSE, Inquiry
from parity_tests.kit.probe import wider_parameters
from parity_tests.kit.scales import ROUGH
from parity_tests.kit.subject.subject import Layers, SubjectError, flat
from parity_tests.kit.verdicts import Verdict

# At how many other parameters a gradient has to be wrong that is right with usual outputs.
_WIDE_PLACES = 3
# At how many other parameters the gradient of a hinge is asked.
PLACES = 8


def is_last_known(explanation: Explanation) -> bool:
    """Whether the gradient of the last matrix is known, with a fault or without."""
    last = max(int(f.tensor[1:]) for f in explanation.findings)
    return any(f.known for f in explanation.findings if f.tensor == f"W{last}")


def is_elsewhere(inquiry: Inquiry, explanation: Explanation) -> bool:
    """Whether the gradient is that of the same loss by other parameters, or these are given.

    Where all outputs are on one side of their labels, several losses have one gradient.
    """
    again = _elsewhere(inquiry, explanation.loss)
    return again is None or (again.is_right and again.loss == explanation.loss)


def is_last_elsewhere(inquiry: Inquiry, explanation: Explanation) -> bool:
    """Whether that of the last matrix is of the same loss by other parameters, or these are given.

    Where all that is carried back is clipped, it is as that of an absolute error.
    """
    again = _elsewhere(inquiry, explanation.loss)
    return again is None or (is_last_known(again) and again.loss == explanation.loss)


_WIDER = "with larger outputs:"


def of_wider_outputs(inquiry: Inquiry, explanation: Explanation) -> list[Verdict]:
    """Return what is wrong where outputs are larger, as under a condition that none met before.

    Limits are no such conditions: nothing is wrong about a gradient that is shortened to one.
    """
    if inquiry.is_one_by_one or inquiry.of_limits or inquiry.tolerance >= CLOSE:
        # Single precision tells less of outputs near their ends, and steps of single samples more
        # than one gradient.
        return []
    for _ in range(_WIDE_PLACES):
        wider = wider_parameters(inquiry.subject, inquiry.rng)
        again = None if inquiry.is_given else explained_by(inquiry, wider, explanation.loss)
        if again is None or again.is_right or any(own.is_vacant for own in again.findings):
            return []
    if any(CLIPPED in own.causes for own in again.findings) or _is_shortened(inquiry, again.loss):
        return []
    # Of a bias of one number much is left open that its matrix shows.
    matrices = [own for own in again.findings if own.tensor.startswith("W")]
    if not any(own.causes or not own.known for own in matrices):
        return []
    if not inquiry.subject.single and not _is_right_as_seen(inquiry, explanation.loss):
        return []
    if _is_slope(inquiry, wider):
        return []  # it is the loss that is another one there
    inquiry.is_gradient_faulty = True
    found = told_findings(inquiry, again, inquiry.gradient_scale)
    return [replace(own, message=f"{_WIDER} {own.message}", line=None) for own in found]


def _is_slope(inquiry: Inquiry, layers: Layers) -> bool:
    """Whether the gradient by other parameters is the slope of the loss reported."""
    if inquiry.subject.network.loss is None or is_inferred(inquiry):
        return False
    with inquiry.elsewhere():
        inquiry.layers = inquiry.subject.begin(layers)
        return not off_slopes(inquiry)


def _is_right_as_seen(inquiry: Inquiry, loss: str | None) -> bool:
    """Whether the gradient is right without anything that steps have besides taken out of it."""
    batch = inquiry.batches[0]
    return explained(inquiry, batch, *observe(inquiry, batch), loss).is_right


def _is_shortened(inquiry: Inquiry, loss: str | None) -> bool:
    """Whether single samples have shorter gradients in the right direction, and not all or none."""
    if not inquiry.subject.single or loss is None:
        return False
    batch, fits = inquiry.batches[0], []
    with inquiry.elsewhere():
        inquiry.layers = inquiry.subject.begin(wider_parameters(inquiry.subject, inquiry.rng))
        for n in range(len(batch)):
            one = batch.part(slice(n, n + 1))
            right = flat(right_gradient(inquiry, loss, inquiry.layers, one))
            fits.append(fit(flat(observe(inquiry, one)[0]), right))
    factors = np.abs([factor for factor, _ in fits])
    is_part = (factors > ROUGH * factors.max()) & (factors < (1 - ROUGH) * factors.max())
    return bool(is_part.any() and all(residual <= ROUGH for _, residual in fits))


def _elsewhere(inquiry: Inquiry, loss: str | None) -> Explanation | None:
    """Explain the gradient by other parameters; None where these are given or nothing comes."""
    if inquiry.is_given:
        return None
    return explained_by(inquiry, wider_parameters(inquiry.subject, inquiry.rng), loss)


def explained_by(inquiry: Inquiry, layers: Layers, loss: str | None) -> Explanation | None:
    """Explain the gradient by these parameters.

    Returns
    -------
    Explanation or None
        None where nothing comes by them, or a step shortens them to a largest norm.
    """
    batch = inquiry.batches[0]
    with inquiry.elsewhere():
        try:
            inquiry.layers = inquiry.subject.begin(layers)
            if not _is_of_form(inquiry):
                return None
            found = explained(inquiry, batch, *observe(inquiry, batch), loss)
            # A matrix that is shortened looks as if it had a penalty.
            is_doubtful = bool(found.decays) or not found.is_right
            return None if is_doubtful and limits_reached(inquiry) else found
        except SubjectError:
            return None


def _is_of_form(inquiry: Inquiry) -> bool:
    """Whether the output is of the form that it has by usual parameters, as if nothing cuts it."""
    assert inquiry.form is not None
    inputs = inquiry.batches[0].inputs
    meant = run(inquiry.form, inquiry.layers, inputs).output
    came = inquiry.subject.forward(inputs)
    return bool(np.allclose(came, meant, rtol=ROUGH, atol=ROUGH * np.abs(meant).max()))
