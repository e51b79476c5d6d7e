"""Steps of single samples, which show the gradient of each with the matrices as they are then."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.aspects.gradient.readings import explained
from parity_tests.kit.aspects.observing import observe
from parity_tests.kit.backprop.findings import Explanation
from parity_tests.kit.forward import functions, run
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.losses import OF_SIGNS
from parity_tests.kit.subject.subject import Batch


def of_single_steps(inquiry: Inquiry, loss: str | None) -> list[Explanation] | None:
    """Explain the steps of two samples, each with the matrices as they are after it.

    They are two that are explained alike: where one unit of a layer is alive, all gradients below
    are multiples of each other, and the first that is tried is taken. None if a sample in which
    more units are alive has another explanation, or none: then what fits two does so by chance. One
    whose gradients are all as many times as large, as of a norm that is limited, has the same.
    Where no loss is meant, two that have the errors of a loss of signs are returned all the same:
    of which loss these are shows with other parameters.
    """
    batch, tried, is_refuted = inquiry.batches[0], list[Explanation](), False
    alive = _alive_units(inquiry, batch)
    for number in map(int, np.argsort(-alive, kind="stable")):
        is_telling = alive[number] == _TWO
        if not is_telling and len(tried) > 1:
            break
        one = batch.part(slice(number, number + 1))
        observed, updated = observe(inquiry, one)
        own = replace(explained(inquiry, one, observed, updated, loss), sample=number)
        if all(finding.is_vacant for finding in own.findings):
            continue
        is_other = not own.known or (bool(tried) and not _is_multiple(inquiry, tried[0], own))
        is_refuted |= is_telling and is_other
        if is_refuted and loss is not None:
            return None
        tried += [own] if own.known else []
    if is_refuted:
        tried = [own for own in tried if own.is_right and own.loss in OF_SIGNS]
    pairs = [pair for pair in combinations(tried, 2) if _is_alike(inquiry, *pair)]
    pairs.sort(key=lambda pair: causes_of(pair[0]) != causes_of(pair[1]))
    return _as_batches(inquiry, pairs[0]) if pairs else None


def causes_of(explanation: Explanation) -> list[tuple[str, ...]]:
    """Return what is wrong with each tensor."""
    return [finding.causes for finding in explanation.findings]


def _alive_units(inquiry: Inquiry, batch: Batch) -> NDArray[np.int_]:
    """Return how many units each sample has alive in every hidden layer, up to two."""
    assert inquiry.form is not None
    passed, (hidden, _) = run(inquiry.form, inquiry.layers, batch.inputs), functions(inquiry.form)
    alive = np.full(len(batch), _TWO)
    for function, z in zip(hidden, passed.logits, strict=False):
        alive = np.minimum(alive, np.count_nonzero(function.slope(z), axis=1))
    return alive


# Units of which no gradient is a multiple of another one.
_TWO = 2


def _is_multiple(inquiry: Inquiry, one: Explanation, other: Explanation) -> bool:
    """Whether one number is between all factors of two samples, as `_is_alike` compares them."""
    pairs = list(zip(one.findings, other.findings, strict=True))
    share = next((b.factor / a.factor for a, b in pairs if a.factor), 1.0)
    findings = [replace(own, factor=share * own.factor) for own in one.findings]
    return share > 0 and _is_alike(inquiry, replace(one, findings=findings), other)


def _is_alike(inquiry: Inquiry, one: Explanation, other: Explanation) -> bool:
    """Whether two samples have the same factors, but for what rounding leaves of a short step."""
    close = max(1e-6, 10 * inquiry.tolerance)
    return all(
        abs(a.factor - b.factor) <= max(close, a.residual, b.residual) * abs(a.factor)
        for a, b in zip(one.findings, other.findings, strict=True)
    )


def _as_batches(inquiry: Inquiry, pair: Sequence[Explanation]) -> list[Explanation]:
    """Return explanations of two samples as those of the batches.

    Batches of one sample each: as means, whatever the number.
    """
    return [
        replace(
            explanation,
            findings=[replace(f, factor=f.factor / len(batch)) for f in explanation.findings],
        )
        for explanation, batch in zip(pair, inquiry.batches, strict=True)
    ]
