r"""What a gradient is made of, found out by recomputing it, edge by edge.

A backward pass is a chain of small steps: the loss gives the gradient of the last pre-activation,
every layer hands it back through its matrix and its activation's derivative, and the gradients of
the parameters are its products with what went in, and its sums. With samples in rows,

.. math:: \delta_L = J^T \frac{\partial \ell}{\partial p}, \qquad
          \delta_l = (\delta_{l+1} W_{l+1}) \odot f_l'(z_l), \qquad
          \frac{\partial L}{\partial W_l} = \delta_l^T a_{l-1}, \qquad
          \frac{\partial L}{\partial b_l} = \sum_n \delta_l

Each step is tried in its right form and in all forms in which it goes wrong; what reproduces the
network's own numbers, up to one factor, is what it did. The next step goes on from there, so that
one fault does not hide the next, and a gradient that follows from another fault is not blamed.
Where nothing fits, the gradient of the pre-activation is solved for, if the batch is small enough.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.backprop.asked import Asked
from parity_tests.kit.backprop.biases import of_bias
from parity_tests.kit.backprop.clipping import limit_of
from parity_tests.kit.backprop.exchanged import Back, that_of_another
from parity_tests.kit.backprop.findings import Explanation, Finding, reference_of
from parity_tests.kit.backprop.matrices import of_matrix
from parity_tests.kit.backprop.one_output import MISSING, refuted, through_one_unit
from parity_tests.kit.backprop.settled import (
    settle_collapsed,
    settle_errors,
    settle_exchanged,
    settle_loss,
    settle_short,
)
from parity_tests.kit.candidates.any_guards import any_guards
from parity_tests.kit.candidates.candidate import Candidate, distinct
from parity_tests.kit.candidates.decayed import KINDS
from parity_tests.kit.candidates.hidden import (
    carried_errors,
    errors_of,
    hidden_deltas,
    inputs_of,
    renewed_input,
    right_hidden_deltas,
)
from parity_tests.kit.candidates.outputs import output_deltas, right_deltas, rights_below
from parity_tests.kit.fitting import fit
from parity_tests.kit.forward import Form, Pass, functions
from parity_tests.kit.subject.subject import Batch, Layer, Layers, tensors

Array = NDArray[Any]


def explain(
    form: Form,
    passed: Pass,
    layers: Layers,
    updated: Layers | None,
    batch: Batch,
    observed: Layers,
    tolerance: float,
    loss: str | None = None,
    beside: float = 0.0,
) -> Explanation:
    """Find out how a gradient was computed.

    Parameters
    ----------
    form : Form
        The network's forward.
    passed : Pass
        Its quantities for this batch.
    layers, updated : list of Layer
        Parameters before, and after the step if the network updates itself; matrices are (out, in)
        as the forward pass takes them (see `parity_tests.kit.forward.upright`).
    batch : Batch
        Samples.
    observed : list of Layer
        The gradients.
    tolerance : float
        Relative distance up to which a recomputed tensor is taken for the observed one.
    loss : str, optional
        The loss that is meant; tried first.
    beside : float, default 0
        What is beside the probabilities in that loss.
    """
    result = Explanation()
    last = len(layers) - 1
    # Most layers are right: until one is not, the wrong ways need not be worked out.
    meant = [
        delta for delta in right_deltas(form, passed, batch, loss) if loss in (None, delta.loss)
    ]
    deltas = distinct(meant)
    inputs = list(inputs_of(form, passed, last, batch.inputs))
    if not deltas or not _is_right(
        _layer(Asked(last, observed[last], layers[last], inputs, tolerance), deltas, KINDS[:1])[1]
    ):
        guarded = list(any_guards(form, passed, batch, loss, observed[last].weight, tolerance))
        deltas = guarded[:1] + output_deltas(form, passed, batch, loss, beside) or meant[:1]
    # One that is zero is no candidate, and yet it may be what is right.
    rights = [meant[0] if meant and not np.any(meant[0].value) else deltas[0]]
    ways: Callable[[], list[Candidate]] | None = None
    errors: list[Candidate] = []
    limit = limit_of(tensors(observed), tolerance)
    back = partial(carried_back, form, passed, layers)
    for number, own in reversed(list(enumerate(layers))):
        inputs = list(inputs_of(form, passed, number, batch.inputs))
        asked = Asked(number, observed[number], own, inputs, tolerance, rights[0], loss, limit)
        found = _layer(asked, deltas, KINDS[:1]) if ways is not None else None
        if found is None or not _is_right(found[1]):
            found = _of_another(asked, layers, passed, meant, back)
        if found is None:
            deltas = deltas if ways is None else ways() or deltas
            if updated is not None and number and _are_shaped_alike(updated, layers):
                renewed = renewed_input(form, updated, number, batch.inputs)
                asked = replace(asked, inputs=[*inputs, renewed])
            # Most likely all matrices have the penalties that the first one has.
            likely = next((tuple(decay) for decay in result.decays.values()), None)
            every = sorted(KINDS, key=lambda kinds: kinds != likely)
            found = _layer(asked, deltas, every)
            if number < last:
                found = _of_one_output(asked, found, deltas, every, layers[number + 1], result)
        chosen, findings = found
        if number == last and loss is None and not findings[0].known and len(meant) > 1:
            # Of no loss that is meant, what came is held to the nearest.
            near = _nearest(observed[last].weight, meant, inputs[0].value)
            others = [delta for delta in deltas if delta is not near]
            chosen, findings = _layer(replace(asked, right=near), [near, *others], KINDS[:1])
        result.findings += findings
        result.deltas[number] = chosen
        if number == last:
            result.loss = chosen.loss
            # What lies below is held to the loss whose gradient this is, and to the one meant.
            is_found = findings[0].known and not findings[0].causes
            rights = rights_below(chosen, deltas, meant, loss, is_found=is_found)
            errors = errors_of(form, passed, batch, chosen.loss)
        if number:
            errors = carried_errors(errors, layers, updated, number)
            # A fault on the way to one matrix need not be on the way to the next.
            above = [chosen, *(right for right in rights if not _is_same(right, chosen))]
            factor = findings[0].factor if findings[0].known else 1.0
            given = form, passed, layers, updated, number - 1, above, errors, factor
            ways = partial(hidden_deltas, *given, observed[number].weight)
            rights = [
                replace(
                    right,
                    value=carried_back(form, passed, layers, right.value, number),
                    upstream=None,
                )
                for right in rights
            ]
            deltas = right_hidden_deltas(form, passed, layers, number - 1, above) or rights[:1]
    settle_loss(result, last, [right.loss for right in rights[1:]])
    came = result.deltas[last].value
    settle_errors(result, last, carried_back(form, passed, layers, came, last) if last else None)
    settle_collapsed(result, observed, layers)
    settle_exchanged(result, observed, layers, tolerance)
    settle_short(result, observed, layers, tolerance)
    return result


def _nearest(observed: Array, deltas: Sequence[Candidate], source: Array) -> Candidate:
    """Return the delta of whose product with a source a gradient leaves the least."""

    def left(delta: Candidate) -> float:
        expected = delta.value.T @ source
        return fit(observed, expected)[1] if observed.shape == expected.shape else np.inf

    return min(deltas, key=left)


def _are_shaped_alike(one: Layers, other: Layers) -> bool:
    return [np.shape(own) for own in tensors(one)] == [np.shape(own) for own in tensors(other)]


def _is_right(findings: Sequence[Finding]) -> bool:
    return all(finding.known and not (finding.causes or finding.decay) for finding in findings)


def _is_same(one: Candidate, other: Candidate) -> bool:
    return one is other or (not other.causes and np.array_equal(one.value, other.value))


def _layer(
    asked: Asked, deltas: Sequence[Candidate], penalties: Sequence[tuple[str, ...]]
) -> tuple[Candidate, list[Finding]]:
    """Return the gradient of the pre-activation, and what was found of matrix and bias."""
    chosen, finding = of_matrix(asked, deltas, penalties)
    if asked.observed.bias is None:
        return chosen, [finding]
    return chosen, [finding, of_bias(asked, deltas, chosen, finding)]


def _of_another(
    asked: Asked, layers: Layers, passed: Pass, rights: Sequence[Candidate], back: Back
) -> tuple[Candidate, list[Finding]] | None:
    """Return what was found of a layer whose matrix has the gradient of another one, or None."""
    of_matrix = that_of_another(
        asked.number,
        asked.observed.weight,
        layers,
        rights,
        back,
        passed.activations,
        asked.tolerance,
    )
    if of_matrix is None or asked.right is None:
        return None
    if asked.observed.bias is None:
        return asked.right, [of_matrix]
    return asked.right, [of_matrix, of_bias(asked, [asked.right], asked.right, of_matrix)]


def _of_one_output(
    asked: Asked,
    found: tuple[Candidate, list[Finding]],
    deltas: Sequence[Candidate],
    penalties: Sequence[tuple[str, ...]],
    above: Layer,
    result: Explanation,
) -> tuple[Candidate, list[Finding]]:
    """Return what a layer below one output is where its factor says that no matrix is missing."""
    chosen, (finding, *_) = found
    name = f"W{asked.number + 2}"
    of_above = next(own for own in result.findings if own.tensor == name)
    reference = reference_of(of_above, result.deltas[asked.number + 1])
    if not refuted(chosen, finding, above, reference):
        return found
    ways = through_one_unit(chosen, finding, above, reference, name)
    return _layer(asked, ways or [own for own in deltas if MISSING not in own.causes], penalties)


def carried_back(form: Form, passed: Pass, layers: Layers, delta: Array, number: int) -> Array:
    r"""Return the gradient of the pre-activation below a layer, from that of its own.

    .. math:: \delta_l = (\delta_{l+1} W_{l+1}) \odot f_l'(z_l)
    """
    below = functions(form)[0][number - 1]
    return below.back(delta @ layers[number].weight, passed.logits[number - 1])
