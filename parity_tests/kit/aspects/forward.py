"""The network computes what it is meant to compute."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from numpy_impl import InputError
from parity_tests.kit.forward import Form, find, run
from parity_tests.kit.functions import WRONG_ACTIVATIONS, WRONG_OUTPUTS, in_full
from parity_tests.kit.inquiry import CLOSE, EXACT, Inquiry
from parity_tests.kit.subject import SubjectError
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, UNCHECKED, Verdict, named

Array = NDArray[Any]


def examine(inquiry: Inquiry) -> list[Verdict]:
    """Find the form of the forward pass, and judge it by what is declared."""
    subject, batch = inquiry.subject, inquiry.batches[0]
    try:
        outputs = [subject.forward(batch.inputs) for _ in range(2)]
    except SubjectError as error:
        return [Verdict("forward", UNCHECKED, str(error))]
    if not np.array_equal(*outputs, equal_nan=True):
        return [_named("forward-random", "the output of the same batch changes from call to call")]
    observed = inquiry.evidence.answers[0].output = outputs[0]
    if not np.isfinite(observed).all():
        message = "the output for normal inputs and small weights has infinities or NaN"
        return [Verdict("forward", DIFFERS, message, tensor="output")]
    # What comes whole out of float32 is kept in it: labels or zeros alone would, too.
    is_fraction = bool((observed != np.round(observed)).any())
    is_kept = np.array_equal(observed, observed.astype(np.float32).astype(np.float64))
    inquiry.is_float32 |= is_fraction and is_kept
    declared = _declared(inquiry)
    for _ in subject.readings():
        if _is_found(inquiry, declared):
            break
    else:
        next(subject.readings())
        inquiry.restore()
        return [_unknown(inquiry, declared, observed)]
    observed = inquiry.evidence.answers[0].output
    expected = run(inquiry.form, inquiry.layers, batch.inputs).output
    residual = float(np.linalg.norm(observed - expected) / np.linalg.norm(expected))
    return [_judged(inquiry, inquiry.form, residual)]


def _is_found(inquiry: Inquiry, declared: Form | None) -> bool:
    """Whether the output is of a known form, by the way in which parameters are read now."""
    inquiry.restore()
    inputs = inquiry.batches[0].inputs
    observed = inquiry.evidence.answers[0].output = inquiry.subject.forward(inputs)
    for tolerance in (EXACT, CLOSE):
        inquiry.form = find(inquiry.layers, inputs, observed, tolerance, declared)
        if inquiry.form is not None:
            inquiry.evidence.form = inquiry.form
            inquiry.tolerance = max(tolerance, inquiry.tolerance)
            return True
    return False


def _declared(inquiry: Inquiry) -> Form | None:
    hidden, output = _declared_hidden(inquiry), inquiry.spec.output
    return None if hidden is None or output is None else Form(hidden, output)


def _declared_hidden(inquiry: Inquiry) -> tuple[str, ...] | None:
    hidden, depth = inquiry.spec.hidden, len(inquiry.layers) - 1
    if hidden is None and depth:
        return None
    names = (hidden,) * depth if isinstance(hidden, str) else tuple(hidden or ())
    if len(names) != depth:
        raise InputError("hidden", f"{depth} activations, one for each layer", str(list(names)))
    return in_full(names)


def _judged(inquiry: Inquiry, form: Form, residual: float) -> Verdict:
    depth = len(form.hidden)
    hidden, output = _declared_hidden(inquiry), inquiry.spec.output
    found = in_full(form.hidden)
    cause, tensor, seen = None, None, ""
    if form.without_bias:
        cause, tensor = "bias-left-out", f"z{form.without_bias[0] + 1}"
        seen = f"the output is reproduced without the bias of layer {form.without_bias[0] + 1}"
    elif form.transposed:
        cause, tensor = "forward-transposed", f"z{form.transposed[0] + 1}"
        seen = f"the output is reproduced with W{form.transposed[0] + 1} transposed"
    elif form.output in WRONG_OUTPUTS and not (
        form.output == "softmax over the whole batch" and inquiry.subject.single
    ):
        cause, tensor, seen = WRONG_OUTPUTS[form.output], "output", f"the output is {form.output}"
    elif wrong := [n for n, name in enumerate(form.hidden) if name in WRONG_ACTIVATIONS]:
        number = wrong[0]
        cause, meant = WRONG_ACTIVATIONS[form.hidden[number]]
        tensor, seen = f"a{number + 1}", f"layer {number + 1} has {form.hidden[number]} for {meant}"
    elif hidden is not None and found != hidden:
        number = next(n for n in range(depth) if found[n] != hidden[n])
        cause, tensor = "another-activation", f"a{number + 1}"
        seen = f"layer {number + 1} has {form.hidden[number]}, declared is {hidden[number]}"
    elif output is not None and form.output != output:
        cause, tensor = "another-output", "output"
        seen = f"the last layer has {form.output}, declared is {output}"
    if cause is not None:
        return _named(cause, seen, tensor, residual)
    status = EQUAL
    message = f"the output is that of {form}"
    if form.scale != 1:
        status = CONVENTION
        message += f", of inputs times {form.scale:.4g}: the network scales them itself"
    elif form.inputs != "as given":
        status = CONVENTION
        message += f", of inputs {form.inputs}, which the network does itself"
    elif inquiry.tolerance > EXACT:
        message += ", as precise as float32"
    return Verdict("forward", status, f"{message} (residual {residual:.1g})", residual=residual)


def _unknown(inquiry: Inquiry, declared: Form | None, observed: Array) -> Verdict:
    if declared is None:
        message = (
            "the output is of no form that is known; declare hidden and output, or leave the "
            "forward pass to the comparison of gradients with differences"
        )
        return Verdict("forward", UNCHECKED, message, tensor="output")
    expected = run(declared, inquiry.layers, inquiry.batches[0].inputs).output
    distance = float(np.linalg.norm(observed - expected) / np.linalg.norm(expected))
    message = (
        f"the output is off by {distance:.2g} of its norm from that of {declared}; the cause is "
        "unknown"
    )
    return Verdict("forward", DIFFERS, message, tensor="output", residual=distance)


def _named(
    cause: str, seen: str, tensor: str | None = None, residual: float | None = None
) -> Verdict:
    after = "" if residual is None else f" (residual {residual:.1g})"
    return named("forward", cause, f"{seen}{after}", tensor, residual=residual)
