"""Steps of single samples, which show the gradient of each with the matrices as they are then."""

from dataclasses import replace

import numpy as np

from parity_tests.kit.aspects.observing import observe
from parity_tests.kit.aspects.readings import explained
from parity_tests.kit.backprop import Explanation
from parity_tests.kit.forward import functions, run
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.subject import Batch


def of_single_steps(inquiry: Inquiry, loss: str | None) -> list[Explanation] | None:
    """Explain the steps of two samples, each with the matrices as they are after it.

    They are two that are explained alike: where one unit of a layer is alive, all gradients below
    are multiples of each other, and the first that is tried is taken.
    """
    batch, tried = inquiry.batches[0], list[Explanation]()
    alike = None
    for number in _liveliest(inquiry, batch):
        one = batch.part(slice(number, number + 1))
        observed, updated = observe(inquiry, one)
        explanation = replace(explained(inquiry, one, observed, updated, loss), sample=number)
        if not explanation.known:
            continue
        for before in tried:
            if pair := _alike(inquiry, before, explanation):
                if causes_of(before) == causes_of(explanation):
                    return pair
                alike = alike or pair
        tried.append(explanation)
    return alike


def causes_of(explanation: Explanation) -> list[tuple[str, ...]]:
    """Return what is wrong with each tensor."""
    return [finding.causes for finding in explanation.findings]


def _liveliest(inquiry: Inquiry, batch: Batch) -> list[int]:
    """Return samples, those first that have two units or more alive in every hidden layer."""
    assert inquiry.form is not None
    passed, (hidden, _) = run(inquiry.form, inquiry.layers, batch.inputs), functions(inquiry.form)
    alive = np.full(len(batch), _TWO)
    for function, z in zip(hidden, passed.logits, strict=False):
        alive = np.minimum(alive, np.count_nonzero(function.slope(z), axis=1))
    return list(np.argsort(-alive, kind="stable"))


# Units of which no gradient is a multiple of another one.
_TWO = 2


def _alike(inquiry: Inquiry, one: Explanation, other: Explanation) -> list[Explanation] | None:
    """Return explanations of two samples as those of the batches, if they have the same factors."""
    close = max(1e-6, 10 * inquiry.tolerance)
    if any(
        abs(a.factor - b.factor) > close * abs(a.factor)
        for a, b in zip(one.findings, other.findings, strict=True)
    ):
        return None
    # Batches of one sample each: as means, whatever the number.
    return [
        replace(
            explanation,
            findings=[replace(f, factor=f.factor / len(batch)) for f in explanation.findings],
        )
        for explanation, batch in zip((one, other), inquiry.batches, strict=True)
    ]
