"""The network computes what it is meant to compute."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numpy_impl import InputError
from parity_tests.kit.aspects.drawn import is_ever_another
from parity_tests.kit.aspects.forward import measured
from parity_tests.kit.aspects.forward.added_number import find_added_number
from parity_tests.kit.aspects.forward.beside_sum import find_beside_sum
from parity_tests.kit.aspects.forward.dropped import drops, in_training, kept_of
from parity_tests.kit.aspects.forward.measured import find_measured, told_values
from parity_tests.kit.aspects.forward.rescaled import find_rescaled
from parity_tests.kit.aspects.forward.rounded import find_rounded
from parity_tests.kit.causes import CAUSES
from parity_tests.kit.fitting import are_single
from parity_tests.kit.forward import Form, find, run
from parity_tests.kit.functions import (
    WRONG_ACTIVATIONS,
    has_small_number,
    in_full,
    is_of_rates,
    shortened,
    unrounded,
    wrong_output,
)
from parity_tests.kit.inquiry import CLOSE, EXACT, Inquiry
from parity_tests.kit.losses import POISSON
from parity_tests.kit.subject.subject import Layers, SubjectError, flat
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, UNCHECKED, Verdict, named

Array = NDArray[Any]
Search = Callable[[Layers, Array, Array, float, Form | None], Form | None]

# How closely two numbers in activations are one, of which names have six digits.
_DIGITS = 1e-5
# How often a mask is drawn.
_DRAWS = 8
# By how much inputs are changed, and how closely outputs change with it.
_TINY, _SMOOTH = 1e-8, 1e-3


def examine(inquiry: Inquiry) -> list[Verdict]:
    """Find the form of the forward pass, and judge it by what is declared."""
    subject, batch = inquiry.subject, inquiry.batches[0]
    try:
        first = subject.forward(batch.inputs)
        is_random = is_ever_another(
            subject,
            lambda: subject.forward(batch.inputs),
            lambda again: not np.array_equal(first, again, equal_nan=True),
        )
    except SubjectError as error:
        return [Verdict("forward", UNCHECKED, str(error))]
    if is_random:
        return [_named("forward-random", "the output of the same batch changes from call to call")]
    observed = first
    for _ in range(_DRAWS):
        if observed.any():
            break
        inquiry.draw_again()
        observed = subject.forward(batch.inputs)
    inquiry.evidence.answers[0].output = observed
    if not np.isfinite(observed).all():
        message = "the output for normal inputs and small weights has infinities or NaN"
        return [Verdict("forward", DIFFERS, message, tensor="output")]
    # What comes whole out of float32 is kept in it: labels or zeros alone would, too.
    is_fraction = bool((observed != np.round(observed)).any())
    is_kept = are_single(observed)
    inquiry.is_float32 |= is_fraction and is_kept
    declared = _declared(inquiry)
    # Those that ask little come first: they have the sums of the outputs to go by.
    searches = (find_beside_sum, find_added_number, find, find_rounded, find_rescaled)
    ways = ((search, way) for search in searches for way in subject.readings())
    for search, _ in ways:
        if not _is_found(inquiry, declared, search):
            continue
        assert inquiry.form is not None
        if not inquiry.enliven(inquiry.form) or _is_found(inquiry, declared, search):
            break
    else:
        next(subject.readings())
        inquiry.restore()
        if not _is_measured(inquiry, declared):
            return [_unknown(inquiry, declared, observed)]
    assert inquiry.form is not None
    subtracted = _settle_subtracted(inquiry)
    beside = _settle_small_number(inquiry)
    _keep_probabilities(inquiry, inquiry.form)
    observed = inquiry.evidence.answers[0].output
    expected = run(inquiry.form, inquiry.layers, batch.inputs).output
    residual = float(np.linalg.norm(observed - expected) / np.linalg.norm(expected))
    return [*subtracted, _judged(inquiry, inquiry.form, residual, beside)]


def _settle_subtracted(inquiry: Inquiry) -> list[Verdict]:
    """Read biases that are subtracted with the other sign from here on, and return that.

    Then z = W a + b, and a gradient with respect to b is turned with it.
    """
    form, subject = inquiry.form, inquiry.subject
    assert form is not None
    if not form.bias_subtracted:
        return []
    subject.subtracted = form.bias_subtracted
    inquiry.form = inquiry.evidence.form = plain = replace(form, bias_subtracted=())
    inquiry.layers = inquiry.evidence.layers = subject.set(inquiry.layers)
    inquiry.enliven(plain)
    inquiry.evidence.answers[0].output = subject.forward(inquiry.batches[0].inputs)
    which = " and ".join(f"b{number + 1}" for number in form.bias_subtracted)
    cause = "bias-subtracted"
    message = (
        f"{CAUSES[cause].title}: the output is reproduced with z = W a - b for {which}; the "
        "derivative with respect to it has the other sign than that of one that is added"
    )
    return [Verdict("forward", CONVENTION, message, None, cause)]


def _settle_small_number(inquiry: Inquiry) -> str:
    """Take a softmax with a small number for softmax, to the digits that this has.

    The number stands beside its sum, or is added to its values.

    Returns
    -------
    str
        What it is; empty if it has no such number, or one that changes more.
    """
    form = inquiry.form
    assert form is not None
    if not has_small_number(form.output):
        return ""
    plain = replace(form, output="softmax")
    observed = inquiry.evidence.answers[0].output
    expected = run(plain, inquiry.layers, inquiry.batches[0].inputs).output
    if np.linalg.norm(expected - observed) > CLOSE * np.linalg.norm(observed):
        return ""
    inquiry.form = inquiry.evidence.form = plain
    inquiry.tolerance = max(CLOSE, inquiry.tolerance)
    return shortened(form.output)


# Parameters that are drawn for an output that is not zero everywhere.
_DRAWS = 8


def _is_found(inquiry: Inquiry, declared: Form | None, search: Search) -> bool:
    """Whether the output is of a known form, by the way in which parameters are read now."""
    inquiry.restore()
    inputs = inquiry.batches[0].inputs
    observed = inquiry.evidence.answers[0].output = inquiry.subject.forward(inputs)
    is_single = inquiry.is_float32 or _is_rounded(inquiry, observed)
    # A fit takes long, and is no nearer by another tolerance.
    exact = (EXACT,) if search is find or not is_single else ()
    for tolerance in (*exact, CLOSE) if is_single else exact:
        # The same output is asked for once, however many calls give it.
        key = (search, tolerance, *(a.tobytes() for a in (flat(inquiry.layers), inputs, observed)))
        if key not in inquiry.forms:
            form = search(inquiry.layers, inputs, observed, tolerance, declared)
            inquiry.forms[key] = form
        inquiry.form = inquiry.forms[key]
        if inquiry.form is not None:
            inquiry.evidence.form = inquiry.form
            inquiry.tolerance = max(tolerance, inquiry.tolerance)
            return True
    return False


def _is_measured(inquiry: Inquiry, declared: Form | None) -> bool:
    """Whether the output is known with a hidden function of no name, asked of the network.

    PyTorch has none of that kind, and has no say in it.
    """
    inputs = inquiry.batches[0].inputs
    observed = inquiry.evidence.answers[0].output = inquiry.subject.forward(inputs)
    inquiry.form = find_measured(inquiry, observed, declared)
    if inquiry.form is None:
        return False
    inquiry.tolerance = max(measured.CLOSE, inquiry.tolerance)
    if inquiry.enliven(inquiry.form):
        inquiry.evidence.answers[0].output = inquiry.subject.forward(inputs)
    return True


def _is_rounded(inquiry: Inquiry, observed: Array) -> bool:
    """Whether tiny changes of the inputs do not show in the output, as where float32 is inside."""
    inputs = inquiry.batches[0].inputs
    one, two = (
        inquiry.subject.forward(inputs * (1 + share * _TINY)) - observed for share in (1.0, 2.0)
    )
    return not np.linalg.norm(two - 2 * one) < _SMOOTH * np.linalg.norm(two)


# How often a bias is halved until what it is added to remains between 0 and 1.
_HALVINGS = 30


def _keep_probabilities(inquiry: Inquiry, form: Form) -> None:
    """Ask with a smaller bias where it is added to probabilities: logarithms are taken of them."""
    *below, last = inquiry.layers
    if last.bias is None or len(below) not in form.bias_outside:
        return
    inputs = np.concatenate([batch.inputs for batch in inquiry.batches])
    for share in (0.0, *(0.5**n for n in range(_HALVINGS))):
        layers = [*below, replace(last, bias=share * last.bias)]
        outputs = run(form, layers, inputs).output
        is_within = bool(((outputs > 0) & (outputs < 1)).all())
        if not share and not is_within:
            return  # no probabilities
        if share and is_within:
            inquiry.layers = inquiry.evidence.layers = inquiry.subject.set(layers)
            first = inquiry.batches[0].inputs
            inquiry.evidence.answers[0].output = inquiry.subject.forward(first)
            return


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


def _judged(inquiry: Inquiry, form: Form, residual: float, beside: str) -> Verdict:
    depth = len(form.hidden)
    hidden, output = _declared_hidden(inquiry), inquiry.spec.output
    found, are_numbers = in_full(unrounded(form.hidden)), inquiry.batches[0].are_numbers
    cause, tensor, seen = None, None, ""
    if form.without_bias:
        cause, tensor = "bias-left-out", f"z{form.without_bias[0] + 1}"
        seen = f"the output is reproduced without the bias of layer {form.without_bias[0] + 1}"
    elif form.bias_outside:
        cause, tensor = "bias-outside-activation", f"a{form.bias_outside[0] + 1}"
        which = " and ".join(str(number + 1) for number in form.bias_outside)
        seen = (
            f"the output is reproduced with f(x W) + b in layer{'s' * (len(form.bias_outside) > 1)}"
            f" {which}"
        )
    elif form.from_inputs:
        cause, tensor = "layer-fed-with-inputs", f"z{form.from_inputs[0] + 1}"
        which = " and ".join(str(number + 1) for number in form.from_inputs)
        seen = f"the output is reproduced with the network's inputs in layer {which}"
    elif form.transposed:
        cause, tensor = "forward-transposed", f"z{form.transposed[0] + 1}"
        seen = f"the output is reproduced with W{form.transposed[0] + 1} transposed"
    elif wrong_output(form.output) and not (
        (form.output == "softmax over the whole batch" and inquiry.subject.single)
        or is_of_rates(form.output, inquiry.subject.outputs, output, are_numbers=are_numbers)
        or (form.output == "exponential" and inquiry.spec.loss == POISSON.name)
    ):
        cause, tensor = wrong_output(form.output), "output"
        seen = f"the output is {shortened(form.output)}"
    elif wrong := [n for n, name in enumerate(form.hidden) if name in WRONG_ACTIVATIONS]:
        number = wrong[0]
        cause, meant = WRONG_ACTIVATIONS[form.hidden[number]]
        tensor, seen = f"a{number + 1}", f"layer {number + 1} has {form.hidden[number]} for {meant}"
    elif hidden is not None and found != hidden:
        number = next(n for n in range(depth) if found[n] != hidden[n])
        tensor = f"a{number + 1}"
        seen = f"layer {number + 1} has {form.hidden[number]}, declared is {hidden[number]}"
        if form.unnamed is not None:
            seen = (
                f"layer {number + 1} has a function with {told_values(form)}, and declared is "
                f"{hidden[number]}"
            )
        is_scaled = hidden[number] in (
            found[number].partition(" x ")[2],
            found[number].partition(" of ")[0],
        )
        cause = "activation-scaled" if is_scaled else "another-activation"
        if _is_twice(hidden[number], found[number]):
            cause, seen = "activation-twice", f"{seen}: the square of the slope"
        factors = _factors(hidden, found)
        if factors and max(factors.values()) < 1 and drops(in_training(inquiry)):
            return _of_dropout(inquiry, hidden, factors, residual)
        if factors.get(number, 0.0) > 1:
            seen += f", as of dropout that keeps {1 / factors[number]:.6g} and divides by that"
    elif output is not None and form.output != output:
        cause, tensor = "another-output", "output"
        seen = f"the last layer has {form.output}, declared is {output}"
    if tensor == "output" and form.output == "exponential":
        seen += "; 1 / exp(-z), a sigmoid without its 1 +, is the same"
    if cause is not None:
        return _named(cause, seen, tensor, residual)
    if form.unnamed is not None:
        message = (
            f"the output is that of {form}, with {told_values(form)}: the same function of each "
            f"entry, which has no name here and is asked of the network (residual {residual:.1g})"
        )
        return Verdict("forward", CONVENTION, message, residual=residual)
    status = EQUAL
    message = f"the output is that of {form}"
    if form.scale != 1:
        status = CONVENTION
        message += f", of inputs times {form.scale:.4g}: the network scales them itself"
    elif form.inputs != "as given":
        status = CONVENTION
        message += f", of inputs {form.inputs}, which the network does itself"
    elif unrounded(form.hidden) != form.hidden:
        status = CONVENTION
        message += ": its constants are rounded"
    elif beside:
        status = CONVENTION
        message += f", but for some digits: it is {beside}"
    elif inquiry.tolerance > EXACT:
        message += f", within {CLOSE:.0e}, to which single precision is held"
    message += f" (residual {residual:.1g})"
    if hidden is None:
        message += _of_linear(form)
    return Verdict("forward", status, message, residual=residual)


def _of_linear(form: Form) -> str:
    """Return that layers hand their pre-activation on, which nobody has declared."""
    linear = [number for number, name in enumerate(form.hidden, start=1) if name == "identity"]
    if not linear:
        return ""
    which = " and ".join(f"z{number}" for number in linear)
    goes = "go on as they are" if len(linear) > 1 else "goes on as it is"
    return f"; {which} {goes}: if a function is meant there, its values go nowhere"


def _is_twice(declared: str, found: str) -> bool:
    """Whether a leaky ReLU is that of another one, whose slope is the root of its own."""
    (name, _, slope), (other, _, square) = (own.partition(":") for own in (declared, found))
    if name != "leaky_relu" or other != name:
        return False
    return abs(float(square) - float(slope) ** 2) <= _DIGITS * float(square)


def _factors(hidden: tuple[str, ...], found: tuple[str, ...]) -> dict[int, float]:
    """Return what activations are multiplied with; empty if something else differs about one."""
    factors = {}
    for number, (wanted, name) in enumerate(zip(hidden, found, strict=True)):
        factor, is_multiple, base = name.partition(" x ")
        if name == wanted:
            continue
        if not is_multiple or base != wanted:
            return {}
        factors[number] = float(factor)
    return factors


def _of_dropout(
    inquiry: Inquiry, hidden: tuple[str, ...], factors: dict[int, float], residual: float
) -> Verdict:
    """Judge factors of hidden layers below 1, where training drops units."""
    first, last = min(factors), len(hidden) - 1
    tensor = f"a{first + 1}"
    seen = " and ".join(
        f"layer {number + 1} has {factor:.6g} x {hidden[number]}"
        for number, factor in factors.items()
    )
    taken = kept_of(in_training(inquiry), last, hidden[last], _DRAWS) if last in factors else None
    if taken is not None and abs(taken.factor * factors[last] - 1) <= _DIGITS:
        seen += f" in evaluation, and training multiplies what is kept by {taken.factor:.6g}"
        return _named("dropout-scaled-twice", seen, tensor, residual)
    message = (
        f"{seen}: the units that dropout keeps are not scaled in training, and all are in "
        "evaluation, where PyTorch does it the other way round"
    )
    cause = "dropout-scaled-in-evaluation"
    return Verdict("forward", CONVENTION, message, tensor, cause, residual=residual)


def _unknown(inquiry: Inquiry, declared: Form | None, observed: Array) -> Verdict:
    if declared is None:
        if not observed.any():
            message = "the output of all samples is 0, for several parameters"
            return Verdict("forward", UNCHECKED, message, tensor="output")
        message = (
            "the output is of no form that is known; declare hidden and output, or leave the "
            "forward pass to the comparison of gradients with differences"
        )
        return Verdict("forward", UNCHECKED, message, tensor="output")
    expected = run(declared, inquiry.layers, inquiry.batches[0].inputs).output
    if not expected.any():
        message = "the output of all samples is 0, as it should be, and tells nothing"
        return Verdict("forward", UNCHECKED, message, tensor="output")
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
