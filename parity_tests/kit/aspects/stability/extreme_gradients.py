r"""Gradients for large pre-activations, where outputs are finite.

A derivative may overflow where its function does not: with

.. math:: \sigma'(z) = \frac{e^z}{(1 + e^z)^2}

it is infinity over infinity from z = 710 on, and so is all that is carried back through it.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.aspects.observing import observe
from parity_tests.kit.aspects.stability.extreme_outputs import judged
from parity_tests.kit.aspects.stability.extremes import Extreme, extremes, may_be_infinite
from parity_tests.kit.aspects.stability.overflowing import Naive, raised, slopes
from parity_tests.kit.forward import Form, functions, run
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.subject.subject import Batch, Layers, SubjectError
from parity_tests.kit.verdicts import Verdict

Array = NDArray[np.float64]

# From where on a function of a logit may be infinite.
_FAR = 100.0


def of_derivatives(
    inquiry: Inquiry, form: Form, inputs: Array | None, besides: Sequence[Extreme] = ()
) -> list[Verdict] | None:
    """Return what is wrong with gradients for large pre-activations; None if nothing was asked.

    Where a gradient is not finite for ordinary reasons, as one that divides by a probability of 0,
    it is not asked.

    Parameters
    ----------
    besides : sequence of Extreme, optional
        What is asked as well.
    """
    if inquiry.gradient_loss is None:
        return None
    answers = []
    for extreme in (*besides, *extremes(inquiry, form, inputs)):
        layers = inquiry.subject.begin(extreme.layers)
        # What is wrong with the outputs has been told.
        if _has_outputs(inquiry, form, extreme.batch):
            asked = Extreme(extreme.text, layers, extreme.batch)
            answers.append((asked, _is_finite(inquiry, asked)))
    if not answers:
        return None
    wrong = [(extreme, finite) for extreme, finite in answers if not all(finite)]
    if not wrong:
        return []
    shown, where = wrong[0]
    found = {
        naive.cause: naive
        for naive, places in _explanations(form)
        if all(_expected(form, extreme, naive, places) == finite for extreme, finite in answers)
    }
    seen = f"with {shown.text}, the gradient is not finite and the output is"
    tensor = f"W{max(n for n, finite in enumerate(where, start=1) if not finite)}"
    if len(found) != 1:
        return [judged(None, seen, tensor)]
    (naive,) = found.values()
    return [judged(naive.cause, f"{seen}, as a derivative {naive.text} gives", tensor)]


def _has_outputs(inquiry: Inquiry, form: Form, batch: Batch) -> bool:
    """Return whether the forward pass answers with finite numbers, at which a loss is finite."""
    try:
        outputs = inquiry.subject.forward(batch.inputs)
    except SubjectError:
        return False
    largest = _FAR if may_be_infinite(inquiry, form) else np.inf
    return bool(np.isfinite(outputs).all() and np.abs(outputs).max() < largest)


def _is_finite(inquiry: Inquiry, extreme: Extreme) -> tuple[bool, ...]:
    """Return whether the gradient of each matrix is finite; of none if it raises."""
    try:
        observed = with_layers(
            inquiry, extreme.layers, lambda: observed_of_any(inquiry, extreme.batch)
        )
    except SubjectError as error:
        if not raised(error):
            raise
        return (False,) * len(extreme.layers)
    return tuple(bool(np.isfinite(layer.weight).all()) for layer in observed)


def _explanations(form: Form) -> Iterator[tuple[Naive, frozenset[int]]]:
    """Yield derivatives that overflow, and the layers that they are taken in."""
    hidden, last = functions(form)
    names = [*(function.name for function in hidden), last.name]
    for name in dict.fromkeys(names):
        own = frozenset(number for number, other in enumerate(names) if other == name)
        # With a cross-entropy the last derivative cancels, and any may be written another way.
        at_last = own & {len(hidden)}
        yield from product(slopes(name), {own, own - at_last, at_last})


def _expected(
    form: Form, extreme: Extreme, naive: Naive, places: frozenset[int]
) -> tuple[bool, ...]:
    """Return whether the gradient of each matrix is finite with a derivative that overflows."""
    logits: Sequence[Array] = run(form, extreme.layers, extreme.batch.inputs).logits
    own = [
        number not in places or bool(np.isfinite(naive.value(z)).all())
        for number, z in enumerate(logits)
    ]
    # What is not finite is carried back to all layers below.
    return tuple(all(own[number:]) for number in range(len(own)))


def with_layers(inquiry: Inquiry, layers: Layers, call: Callable[[], Any]) -> Any:
    """Call something while the network is asked with other parameters."""
    usual, inquiry.layers = inquiry.layers, layers
    try:
        return call()
    finally:
        inquiry.layers = usual


def observed_of_any(inquiry: Inquiry, batch: Batch) -> Layers:
    """Return the gradient; of one sample, if it is refused for a batch."""
    try:
        return observe(inquiry, batch)[0]
    except SubjectError as error:
        if raised(error):
            raise
        return observe(inquiry, batch.part(slice(0, 1)))[0]
