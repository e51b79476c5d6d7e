"""What a gradient has added for a penalty on the parameters."""

from parity_tests.kit.backprop import Explanation
from parity_tests.kit.causes import CAUSES
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.penalties import PENALTIES, Shares, added, close
from parity_tests.kit.subject import by_name
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, Verdict

_ADVICE = f"Look at {CAUSES['weight-decay'].advice}."


def of_decays(inquiry: Inquiry, explanation: Explanation, rate: float | None) -> list[Verdict]:
    """Judge the multiples of the weights, and of some biases, in the gradient.

    Parameters
    ----------
    rate : float or None
        The learning rate of the steps that show the gradient, None if it is handed out.
    """
    decays = explanation.decays
    replaced = _replaced(decays, rate)
    if replaced:
        return replaced
    declared = inquiry.spec.weight_decay
    verdicts = [] if declared is None else _declared(explanation, declared)
    if inquiry.penalty is not None:
        return verdicts or _by_penalty(inquiry, explanation)
    if verdicts or declared is not None or not decays:
        return verdicts
    return _by_itself(inquiry, explanation)


def _replaced(decays: dict[str, Shares], rate: float | None) -> list[Verdict]:
    matrices = {name: shares for name, shares in decays.items() if name.startswith("W")}
    if rate is None or not matrices:
        return []
    if any(abs(shares.get("squares", 0.0) * rate - 1) >= 1e-6 for shares in matrices.values()):
        return []
    named, tensors = CAUSES["weights-replaced"], " and ".join(sorted(matrices))
    message = f"{named.title}: nothing is left of {tensors}. Look at {named.advice}."
    return [Verdict("gradient", DIFFERS, message, tensors, "weights-replaced")]


def _by_itself(inquiry: Inquiry, explanation: Explanation) -> list[Verdict]:
    """Judge what is added where nothing says what should be."""
    decays = explanation.decays
    tensors = [finding.tensor for finding in explanation.findings]
    matrices = [name for name in tensors if name.startswith("W")]
    first = decays.get(matrices[0], {})
    tolerance = max(1e-6, 100 * inquiry.tolerance)
    is_alike = all(close(shares, first, tolerance) for shares in decays.values())
    if first and is_alike and set(decays) in (set(matrices), set(tensors)):
        of, whole = "the matrices", "the matrix itself"
        if len(decays) > len(matrices):
            of, whole = "the matrices and biases", "the parameter itself"
        penalty = " and ".join(
            f"{share / PENALTIES[name].factor:.6g} x their {name}" for name, share in first.items()
        )
        message = (
            f"the gradient of {of} has {added(first, whole)} added: a penalty of {penalty}, unless "
            "it is meant otherwise"
        )
        return [Verdict("gradient", CONVENTION, message, None, "weight-decay")]
    as_gradient = _penalty_as_gradient(inquiry, decays)
    if as_gradient:
        return as_gradient
    told = ", ".join(added(decays[name], name) for name in sorted(decays))
    message = f"the gradient has {told} added and no more, unless it is meant otherwise"
    return [Verdict("gradient", CONVENTION, message, None, "weight-decay")]


def _penalty_as_gradient(inquiry: Inquiry, decays: dict[str, Shares]) -> list[Verdict]:
    if any(set(shares) != {"squares"} or name.startswith("b") for name, shares in decays.items()):
        return []
    ratios, weights = [], by_name(inquiry.layers)
    for name, shares in decays.items():
        ratios.append(shares["squares"] / float((weights[name] ** 2).sum()))
    if max(ratios) - min(ratios) > 1e-6 * max(map(abs, ratios)) or len(ratios) < 2:
        return []
    named = CAUSES["penalty-as-gradient"]
    message = (
        f"{named.title}: every matrix has {ratios[0]:.4g} x its sum of squares x itself added. "
        f"Look at {named.advice}."
    )
    return [Verdict("gradient", DIFFERS, message, max(decays), "penalty-as-gradient", ratios[0])]


def _by_penalty(inquiry: Inquiry, explanation: Explanation) -> list[Verdict]:
    """Hold what is added to the penalty in the loss that is reported."""
    assert inquiry.penalty is not None
    # A factor that the whole gradient has is judged for itself.
    whole = 1.0
    if inquiry.gradient_scale is not None and inquiry.reported is not None:
        samples = len(inquiry.batches[0])
        whole = inquiry.gradient_scale.at(samples) / inquiry.reported[1].at(samples)
    # From the first layer to the last, and matrices first.
    for finding in sorted(explanation.findings, key=lambda finding: finding.tensor):
        tensor, came = finding.tensor, finding.decay
        if not finding.known:
            continue
        expected = {
            name: PENALTIES[name].factor * share * whole
            for name, share in inquiry.penalty.of(tensor).items()
        }
        if close(came, expected, 1e-5):
            continue
        message = (
            f"the loss has {inquiry.penalty}; the gradient of {tensor} has {added(came, tensor)} "
            f"added, and {added(expected, tensor)} belongs to that. {_ADVICE}"
        )
        factor = None
        if list(came) == list(expected) and len(came) == 1:
            [(one, other)] = zip(came.values(), expected.values(), strict=True)
            factor = one / other
        elif not came:
            factor = 0.0
        return [Verdict("gradient", DIFFERS, message, tensor, "weight-decay", factor)]
    return []


def _declared(explanation: Explanation, declared: float) -> list[Verdict]:
    """Hold what is added to the matrices to the coefficient that is declared."""
    matrices = [f for f in explanation.findings if f.tensor.startswith("W") and f.known]
    for finding in sorted(matrices, key=lambda finding: finding.tensor):
        if "not-updated" in finding.causes:
            continue
        share = finding.decay.get("squares", 0.0)
        others = set(finding.decay) - {"squares"}
        if abs(share - declared) <= 1e-6 * abs(declared) and not others:
            continue
        message = (
            f"the gradient of {finding.tensor} has {added(finding.decay, finding.tensor)} added, "
            f"declared is {declared:.6g}. {_ADVICE}"
        )
        factor = share / declared if declared and not others else None
        return [Verdict("gradient", DIFFERS, message, finding.tensor, "weight-decay", factor)]
    return []
