"""How a gradient is read: by the forward pass as it is, or as it is meant."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from parity_tests.kit.aspects.observing import RATES, precision_of
from parity_tests.kit.backprop.explain import explain
from parity_tests.kit.backprop.findings import Explanation
from parity_tests.kit.forward import Form, Pass, functions, run, upright
from parity_tests.kit.functions import USUAL, in_full, unrounded
from parity_tests.kit.inquiry import CLOSE, Inquiry
from parity_tests.kit.subject.subject import Batch, Layers, tensors
from parity_tests.kit.verdicts import CONVENTION, Verdict, named

TAKEN, LEFT_OUT, AS_DECLARED = "taken", "left out", "as declared"
NOT_PASSED_ON = "not passed on"


def explained(
    inquiry: Inquiry,
    batch: Batch,
    observed: Layers,
    updated: Layers | None,
    loss: str | None,
    least: float = 0.0,
) -> Explanation:
    """Explain a gradient by the forward pass as it is.

    If another reading leaves less to be explained, it is that: of a forward pass without any matrix
    transposed, with the activations that are declared, or with one that is computed and not passed
    on.

    Parameters
    ----------
    observed : list of Layer
        The gradient.
    updated : list of Layer or None
        Parameters after the step, if that is how it is seen.
    loss : str or None
        The loss that is meant.
    least : float, default 0
        The least tolerance.
    """
    form = inquiry.form
    assert form is not None
    passed = run(form, inquiry.layers, batch.inputs)
    asked = inquiry, batch, observed, updated, loss, least
    found = _read(*asked, form, passed, form.transposed)
    if form.transposed:
        found = replace(found, reading=TAKEN)
    if found.is_right:
        return found
    for reading, own, quantities, turned in _others(inquiry, form, passed):
        again = _read(*asked, own, quantities, turned)
        again = replace(again, reading=reading, hidden=own.hidden)
        if form.transposed and reading == LEFT_OUT and _left(again) == _left(found):
            found = replace(found, reading="")  # both are as likely
        if _left(again) < _left(found):
            found = again
    return found


def _others(
    inquiry: Inquiry, form: Form, passed: Pass
) -> Iterator[tuple[str, Form, Pass, tuple[int, ...]]]:
    """Yield what a backward pass may be that of besides: name, form, quantities, transposed."""
    if form.transposed:
        yield LEFT_OUT, form, passed, ()
    if form.bias_outside:
        return
    declared, depth = inquiry.spec.hidden, len(form.hidden)
    if declared is None:
        for hidden in _lost(form):
            yield NOT_PASSED_ON, *_with_hidden(form, passed, hidden)
        return
    hidden = in_full((declared,) * depth if isinstance(declared, str) else tuple(declared))
    if hidden != in_full(unrounded(form.hidden)):
        yield AS_DECLARED, *_with_hidden(form, passed, hidden)


def _lost(form: Form) -> Iterator[tuple[str, ...]]:
    """Yield hidden functions with a usual one for each that hands its pre-activation on."""
    for name in USUAL if "identity" in form.hidden else ():
        if name != "identity":
            yield tuple(name if own == "identity" else own for own in form.hidden)


def _with_hidden(
    form: Form, passed: Pass, hidden: tuple[str, ...]
) -> tuple[Form, Pass, tuple[int, ...]]:
    r"""Return a form with other hidden functions, whose values are those of the logits that are.

    .. math:: a_l = f_l(z_l), \qquad z_{l+1} \ne W_{l+1} a_l + b_{l+1}
    """
    own = replace(form, hidden=hidden)
    values = [
        function.value(z) for function, z in zip(functions(own)[0], passed.logits, strict=False)
    ]
    meant = replace(passed, activations=[passed.activations[0], *values, passed.output])
    return own, meant, form.transposed


def _left(explanation: Explanation) -> tuple[int, int]:
    """Return how many tensors are not explained, and how many causes the others have."""
    findings = explanation.findings
    unknown = sum(not finding.known for finding in findings)
    return unknown, sum(len(finding.causes) for finding in findings)


def _read(
    inquiry: Inquiry,
    batch: Batch,
    observed: Layers,
    updated: Layers | None,
    loss: str | None,
    least: float,
    form: Form,
    passed: Pass,
    turned: tuple[int, ...],
) -> Explanation:
    meant = inquiry.meant(batch)
    layers, gradients = upright(inquiry.layers, turned), upright(observed, turned)
    after = None if updated is None else upright(updated, turned)
    beside = inquiry.guard_of_loss if inquiry.reported and inquiry.reported[0] == loss else 0.0

    def read(tolerance: float) -> Explanation:
        def of(name: str | None) -> Explanation:
            # Candidates that are far off may overflow.
            with np.errstate(all="ignore"):
                return explain(
                    form, passed, layers, after, meant, gradients, tolerance, name, beside
                )

        found = of(loss)
        return found if loss is not None or found.is_right else _of_most(found, of)

    tolerance = max(least, inquiry.tolerance, _rounding(inquiry, observed, updated))
    exactly = read(tolerance)
    if exactly.known or tolerance >= CLOSE:
        return exactly
    # A small number beside a denominator, or a constant in float32, shows in later digits.
    closely = read(CLOSE)
    return closely if closely.known else exactly


def _of_most(found: Explanation, of: Callable[[str], Explanation]) -> Explanation:
    """Return what a gradient is by the loss that leaves the least to be explained.

    Where nothing says which loss is meant, the last matrix need not be the one that tells: all
    others may be right for another loss. If two losses leave as much, neither is taken for meant.

    Parameters
    ----------
    found : Explanation
        What it is by the loss of the last matrix.
    of : callable
        ``f(loss)``, what it is by another one.
    """
    losses = dict.fromkeys(f.loss for f in found.findings if f.known and f.loss is not None)
    if len(losses) < 2:
        return found
    # What is said to be of another loss than the one asked for is told without a cause.
    ways = [own for loss in losses if (own := of(loss)).loss == loss]
    least = min(map(_left, ways), default=_left(found))
    likely = [own for own in ways if _left(own) == least]
    return likely[0] if len(likely) == 1 and least <= _left(found) else found


# Beyond this, steps are too short for what they change to show.
_COARSEST = 1e-2


def _rounding(inquiry: Inquiry, observed: Layers, updated: Layers | None) -> float:
    """Return how much of a gradient that is seen from a step is the rounding of parameters."""
    if updated is None:
        return 0.0
    rate = inquiry.subject.network.lr or RATES[0]
    precision = precision_of(inquiry)
    parts = [
        precision * float(np.linalg.norm(own)) / (rate * size)
        for own, size in zip(
            tensors(inquiry.layers),
            (float(np.linalg.norm(array)) for array in tensors(observed)),
            strict=True,
        )
        if np.isfinite(size) and size > 0
    ]
    return min(max(parts, default=0.0), _COARSEST)


def of_reading(inquiry: Inquiry, first: Explanation) -> list[Verdict]:
    """Judge a gradient that is that of another forward pass than the network has."""
    form, declared = inquiry.form, inquiry.spec.hidden
    if form is None:
        return []
    if first.reading == LEFT_OUT:
        seen = f"the gradient belongs to the product without the transposition of {_turned(form)}"
        tensor = f"W{form.transposed[0] + 1}"
        return [named("gradient", "forward-transposed", seen, tensor)]
    if first.reading == AS_DECLARED:
        name = declared if isinstance(declared, str) else ", ".join(declared or ())
        seen = (
            f"the backward pass is that of the network with {name}, as declared, where the forward "
            f"pass has {', '.join(form.hidden)}"
        )
        return [named("gradient", "another-activation", seen, f"W{len(inquiry.layers)}")]
    if first.reading == NOT_PASSED_ON:
        return [_not_passed_on(form, first.hidden)]
    return []


def _not_passed_on(form: Form, hidden: Sequence[str]) -> Verdict:
    """Return that the backward pass has functions of layers that hand their pre-activation on."""
    pairs = enumerate(zip(form.hidden, hidden, strict=True), start=1)
    lost = [(number, name) for number, (own, name) in pairs if own != name]
    taken = ", ".join(f"{name}(z{number}) and {name}'(z{number})" for number, name in lost)
    given = ", ".join(f"z{number} itself to layer {number + 1}" for number, _ in lost)
    seen = f"the backward pass takes {taken}; the forward pass gives {given}"
    return named("gradient", "activation-not-passed-on", seen, f"a{lost[0][0]}")


def of_layout(inquiry: Inquiry, first: Explanation) -> list[Verdict]:
    """Return that transposed matrices in the forward pass are a layout, if the gradient fits."""
    if first.reading != TAKEN or inquiry.form is None:
        return []
    message = (
        f"the output is that of {inquiry.form}, with {_turned(inquiry.form)} transposed, and the "
        "gradient is that of the same product: a square matrix may have a layout of its own"
    )
    return [Verdict("forward", CONVENTION, message, None, "forward-transposed")]


def _turned(form: Form) -> str:
    return " and ".join(f"W{number + 1}" for number in form.transposed)
