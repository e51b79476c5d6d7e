"""What the gradient of one layer tells of that of another, once all are explained."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.backprop.bias_sums import right_sum
from parity_tests.kit.backprop.biases import is_nothing
from parity_tests.kit.backprop.exchanged import OF_ANOTHER
from parity_tests.kit.backprop.findings import OF_ERRORS, Explanation, Finding, reference_of
from parity_tests.kit.candidates.decayed import OF_ONE_ARRAY
from parity_tests.kit.fitting import fit
from parity_tests.kit.penalties import slope_of
from parity_tests.kit.subject.subject import Layers

Array = NDArray[Any]

# How closely what is carried back is one multiple of something.
_CLOSE = 1e-9


def settle_loss(result: Explanation, last: int, others: Sequence[str | None]) -> None:
    """Take a last layer for wrong that is right for another loss than all else.

    What lies below, or the bias, tells which loss is meant: the gradient of that is carried back.
    """
    name = f"W{last + 1}"
    right = {f.tensor: f.loss for f in result.findings if f.known and not f.causes}
    told = [loss for tensor, loss in right.items() if tensor != name]
    below = [loss for tensor, loss in right.items() if int(tensor[1:]) <= last]
    meant = next((loss for loss in others if loss in told), None)
    if meant is None or result.loss in below:
        return
    delta = result.deltas[last]
    causes = delta.causes or tuple(delta.also[:1]) or ("gradient-of-another-loss",)
    if not delta.causes:
        delta = replace(delta, causes=causes, also=delta.also[1:])
        place = next(n for n, f in enumerate(result.findings) if f.tensor == name)
        found = result.findings[place]
        causes = tuple(dict.fromkeys((*causes, *found.causes)))
        result.findings[place] = replace(found, causes=causes, also=delta.also)
    result.deltas[last] = replace(delta, loss=meant)
    result.loss = meant


def settle_errors(result: Explanation, last: int, below: Array | None) -> None:
    """Take a fault of the error for none that is known where what else comes of it is right.

    Parameters
    ----------
    below : ndarray or None
        The gradient of the pre-activation below, carried back from that of the last one.
    """
    place = {finding.tensor: number for number, finding in enumerate(result.findings)}
    found = result.findings[place[f"W{last + 1}"]]
    if not OF_ERRORS.intersection(found.causes):
        return
    right = {f.tensor: f for f in result.findings if f.known and not (f.causes or f.is_vacant)}
    bias = right.get(f"b{last + 1}")
    is_apart = bias is not None and bias.is_apart
    if bias is None and below is not None and f"W{last}" in right:
        is_apart = fit(result.deltas[last - 1].value, below)[1] > _CLOSE
    if is_apart:
        text = f"it is {found.text}, and what else comes of the error is not of that"
        unknown = replace(
            found, causes=("unknown",), known=False, residual=np.inf, text=text, relative=False
        )
        result.findings[place[found.tensor]] = unknown
        result.deltas[last] = replace(result.deltas[last], causes=("unknown",), solved=True)


def settle_collapsed(result: Explanation, observed: Layers, layers: Layers) -> None:
    """Call a bias gradient of nothing but rounding what those of the other layers are called.

    Summed over samples and classes, softmax's p - y is zero. Without another layer it is called so
    only where it is one number: rounding that differs from unit to unit comes of several sums.
    """
    position = {finding.tensor: number for number, finding in enumerate(result.findings)}
    collapsed = any("bias-collapsed" in finding.causes for finding in result.findings)
    for number, (layer, own) in enumerate(zip(observed, layers, strict=True), start=1):
        if layer.bias is None or own.has_shared_bias:
            continue
        delta = result.deltas[number - 1]
        if result.findings[position[f"b{number}"]].is_vacant:
            continue
        samples, units = delta.value.shape
        # A sum over the units, spread over the samples by the update.
        even = 1e-9 * np.linalg.norm(delta.value)
        spread = layer.bias.shape == (samples, units) and np.ptp(layer.bias, axis=1).max() <= even
        if (layer.bias.shape == (samples,) and samples != units) or (spread and samples > 1):
            # With softmax p - y is zero over the classes, so that the numbers tell nothing.
            cause, text = "bias-wrong-axis", f"sum of {delta.text} over the units"
            if units == 1:
                cause, text = "bias-not-summed", f"{delta.text} of every sample"
            finding = Finding(f"b{number}", (cause,), True, 0.0, 0.0, text)
            result.findings[position[finding.tensor]] = finding
            continue
        size = float(np.linalg.norm(layer.bias))
        if size > 1e-9 * np.linalg.norm(delta.value) or not (size or collapsed):
            continue
        if is_nothing(delta.value.sum(axis=0), delta.value):
            # So is the right sum, as of what was centred on its way.
            text = f"sum of {delta.text} over the samples, which is zero"
            finding = Finding(f"b{number}", (), True, 0.0, 0.0, text, delta.solved)
            result.findings[position[finding.tensor]] = finding
        elif is_nothing(delta.value.sum(), delta.value) and (collapsed or not np.ptp(layer.bias)):
            text = f"sum of {delta.text} over samples and units, zero for softmax"
            finding = Finding(f"b{number}", ("bias-collapsed",), True, 0.0, 0.0, text)
            result.findings[position[finding.tensor]] = finding
        else:
            finding = Finding(f"b{number}", ("unknown",), False, 0.0, np.inf, "")
            result.findings[position[finding.tensor]] = finding


def settle_exchanged(
    result: Explanation, observed: Layers, layers: Layers, tolerance: float
) -> None:
    """Say of biases beside a right matrix that they have the gradient of another layer's.

    That is no fault of what is carried back, whatever gives its numbers. Nor is it where the matrix
    has that of another one.
    """
    found = {finding.tensor: finding for finding in result.findings}
    others: dict[str, Finding] = {}
    for number, own in enumerate(observed, start=1):
        name, matrix = f"b{number}", found[f"W{number}"]
        is_wrong = name in found and bool(found[name].causes)
        if not is_wrong or own.bias is None or own.bias.ndim > 1 or own.bias.size < 2:
            continue
        is_carried = matrix.known and set(matrix.causes) <= {OF_ANOTHER}
        if not is_carried or result.deltas[number - 1].solved:
            continue
        for other, delta in sorted(result.deltas.items()):
            total = right_sum(delta.value, layers[other])
            if other == number - 1 or total.shape != own.bias.shape:
                continue
            factor, residual = fit(own.bias, total)
            is_same = abs(factor - found[f"W{other + 1}"].factor) <= 10 * tolerance * abs(factor)
            if residual <= tolerance and is_same:
                text = f"that of b{other + 1}"
                others[name] = Finding(name, (OF_ANOTHER,), True, factor, residual, text)
    findings = [others.get(finding.tensor, finding) for finding in result.findings]
    # They are told together.
    exchanged = [finding for finding in findings if OF_ANOTHER in finding.causes]
    text = _in_turn([finding.text for finding in exchanged])
    result.findings[:] = [
        replace(finding, text=text) if finding in exchanged else finding for finding in findings
    ]


def _in_turn(texts: Sequence[str]) -> str:
    """Return several texts as one, in the order of what is named beside them."""
    if len(texts) < 2:
        return "".join(texts)
    return f"{', '.join(texts[:-1])} and {texts[-1]}, in this order"


def settle_short(result: Explanation, observed: Layers, layers: Layers, tolerance: float) -> None:
    """Say of biases of few units that they have the penalty of the others, where that is all.

    No number is fitted: the factor is that of the matrix, and the penalty is known of others.
    """
    found = {finding.tensor: finding for finding in result.findings}
    others = [own for tensor, own in result.decays.items() if tensor.startswith("b")]
    for place, finding in enumerate(result.findings):
        if not finding.tensor.startswith("b") or not finding.causes:
            continue
        number = int(finding.tensor[1:]) - 1
        bias, came = layers[number].bias, observed[number].bias
        delta, matrix = result.deltas[number], found[f"W{number + 1}"]
        reference = reference_of(matrix, delta)
        if bias is None or came is None or reference is None or came.size >= OF_ONE_ARRAY:
            continue
        total = reference * right_sum(delta.value, layers[number])
        for shares in others if came.shape == np.shape(bias) == total.shape else ():
            left = came - slope_of(shares, np.asarray(bias)) - total
            residual = float(np.linalg.norm(left) / (np.linalg.norm(came) or 1.0))
            if residual <= 10 * tolerance:
                text = f"sum of {delta.text} over the samples"
                known = Finding(finding.tensor, (), True, reference, residual, text, delta.solved)
                result.findings[place] = replace(known, decay=shares, loss=delta.loss)
                break
