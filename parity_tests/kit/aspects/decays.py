"""What a gradient has added for a penalty on the weights."""

import numpy as np

from parity_tests.kit.backprop import Explanation
from parity_tests.kit.causes import CAUSES
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.penalties import PENALTIES
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, Verdict


def of_decays(inquiry: Inquiry, explanation: Explanation, rate: float | None) -> list[Verdict]:
    """Judge the multiples of the weights, and of some biases, in the gradient.

    Parameters
    ----------
    rate : float or None
        The learning rate of the steps that show the gradient, None if it is handed out.
    """
    decays, biases = explanation.decays, explanation.decayed_biases
    if inquiry.penalty is not None and inquiry.spec.weight_decay is None:
        return _by_penalty(inquiry, explanation)
    if not decays:
        return []
    penalty = PENALTIES[explanation.penalized]
    values = list(decays.values())
    close = max(map(abs, values)) * max(1e-6, 100 * inquiry.tolerance)
    if rate is not None and all(abs(value * rate - 1) < 1e-6 for value in values):
        named = CAUSES["weights-replaced"]
        names = " and ".join(f"W{number + 1}" for number in sorted(decays))
        message = f"{named.title}: nothing is left of {names}. Look at {named.advice}."
        return [Verdict("gradient", DIFFERS, message, names, "weights-replaced")]
    if max(values) - min(values) <= close:
        if inquiry.spec.weight_decay is not None:
            return _declared(values[0], inquiry.spec.weight_decay)
        of = "the matrices and biases" if biases else "the matrices"
        message = (
            f"the gradient of {of} has {values[0]:.6g} x {penalty.added} added: a penalty of "
            f"{values[0] / penalty.factor:.6g} x their {penalty.name}, unless it is meant otherwise"
        )
        return [Verdict("gradient", CONVENTION, message, None, "weight-decay")]
    squares = [float((inquiry.layers[n].weight ** 2).sum()) for n in decays]
    ratios = [value / square for value, square in zip(values, squares, strict=True)]
    if max(ratios) - min(ratios) <= 1e-6 * max(map(abs, ratios)):
        named = CAUSES["penalty-as-gradient"]
        message = (
            f"{named.title}: every matrix has {ratios[0]:.4g} x its sum of squares x itself added. "
            f"Look at {named.advice}."
        )
        tensor = f"W{max(decays) + 1}"
        return [Verdict("gradient", DIFFERS, message, tensor, "penalty-as-gradient", ratios[0])]
    told = ", ".join(f"{value:.4g} x W{number + 1}" for number, value in sorted(decays.items()))
    message = f"multiples of {penalty.added} are added that differ from layer to layer: {told}"
    return [Verdict("gradient", CONVENTION, message, None, "weight-decay")]


def _by_penalty(inquiry: Inquiry, explanation: Explanation) -> list[Verdict]:
    """Hold the multiples of the weights to the penalty in the loss that is reported."""
    assert inquiry.penalty is not None
    penalty, told = PENALTIES[inquiry.penalized], PENALTIES[explanation.penalized]
    loss = f"the loss has {inquiry.penalty:.6g} x the {penalty.name} of the weights"
    advice = f"Look at {CAUSES['weight-decay'].advice}."
    decays, biases = explanation.decays, explanation.decayed_biases
    if decays and told is not penalty:
        message = f"{loss}; the gradient has {told.added} added, of another penalty. {advice}"
        tensor = f"W{max(decays) + 1}"
        return [Verdict("gradient", DIFFERS, message, tensor, "weight-decay")]
    expected = penalty.factor * inquiry.penalty
    if inquiry.gradient_scale is not None and inquiry.reported is not None:
        # A factor that the whole gradient has is judged for itself.
        samples = len(inquiry.batches[0])
        expected *= inquiry.gradient_scale.at(samples) / inquiry.reported[1].at(samples)
    for number in range(len(inquiry.layers)):
        came = decays.get(number, 0.0)
        if abs(came - expected) > 1e-5 * abs(expected):
            factor = came / expected
            message = (
                f"{loss}; the gradient of W{number + 1} has {came:.6g} x {penalty.added}, "
                f"{factor:.6g} x what belongs to that. {advice}"
            )
            tensor = f"W{number + 1}"
            return [Verdict("gradient", DIFFERS, message, tensor, "weight-decay", factor)]
    everything = [f.tensor for f in explanation.findings if f.tensor.startswith("b")]
    if biases and not inquiry.are_biases_penalized:
        message = f"{loss} alone; the gradient has that of the biases, too. {advice}"
        return [Verdict("gradient", DIFFERS, message, biases[0], "weight-decay")]
    lacking = [name for name in everything if name not in biases]
    if lacking and inquiry.are_biases_penalized:
        message = f"{loss} and biases; the gradient of {lacking[0]} has nothing of it. {advice}"
        return [Verdict("gradient", DIFFERS, message, lacking[0], "weight-decay")]
    return []


def _declared(value: float, declared: float) -> list[Verdict]:
    if abs(value - declared) <= 1e-6 * abs(declared):
        return []
    factor = value / declared if declared else np.inf
    message = (
        f"the weights are added {value:.6g} times, declared is {declared:.6g}. Look at "
        f"{CAUSES['weight-decay'].advice}."
    )
    return [Verdict("gradient", DIFFERS, message, "W1", "weight-decay", factor)]
