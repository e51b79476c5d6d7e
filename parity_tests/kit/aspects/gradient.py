"""The gradient is that of the loss, by the network's own forward pass."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.aspects.loss import declared_scale
from parity_tests.kit.backprop import Explanation, Finding, explain, fit, output_deltas
from parity_tests.kit.causes import CAUSES
from parity_tests.kit.forward import run
from parity_tests.kit.inquiry import CLOSE, Inquiry
from parity_tests.kit.locate import locate
from parity_tests.kit.scales import Ratio, Scale, ratio, scale_of
from parity_tests.kit.slopes import slopes
from parity_tests.kit.subject import Batch, Layer, Layers, SubjectError
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, UNCHECKED, Edge, Line, Verdict

Array = NDArray[Any]

# Learning rates at which an update shows the gradient. With the first little is lost to rounding;
# if the answer changes with the second, an update used what had been updated.
_RATES = (0.5, 1e-3)


def examine(inquiry: Inquiry) -> list[Verdict]:
    """Explain the gradients of two batches, and judge what they have in common."""
    subject = inquiry.subject
    network = subject.network
    if network.gradients is None and network.backward is None and network.step is None:
        return [Verdict("gradient", UNCHECKED, "neither gradients nor a step are declared")]
    if inquiry.form is None:
        return _by_slopes(inquiry)
    loss = inquiry.spec.loss or (inquiry.reported and inquiry.reported[0])
    seen = []
    for batch, answer in zip(inquiry.batches, inquiry.evidence.answers, strict=True):
        try:
            seen.append(observe(inquiry, batch))
        except SubjectError as error:
            return [_not_observed(inquiry, str(error))]
        answer.gradients = seen[-1][0]
    explanations = [
        _explained(inquiry, batch, observed, updated, loss)
        for batch, (observed, updated) in zip(inquiry.batches, seen, strict=True)
    ]
    if subject.single and is_inferred(inquiry) and not explanations[0].known:
        explanations = _of_single_steps(inquiry, loss) or explanations
    verdicts = _judge(inquiry, explanations, loss)
    differs = any(verdict.status == DIFFERS for verdict in verdicts)
    if differs and _is_random(inquiry, seen[0][0]):
        inquiry.edges.clear()
        message = "it is another one each time, by the same parameters: dropout or noise is in it"
        return [Verdict("gradient", UNCHECKED, message)]
    if inquiry.is_loss_unknown and not differs:
        return _of_another(inquiry, explanations[0]) or verdicts
    if inquiry.is_loss_unknown:
        # What is wrong for all losses that are known may be right for the one that is reported.
        found = _by_slopes(inquiry)
        return found if all(verdict.status == EQUAL for verdict in found) else verdicts
    return verdicts


def _is_random(inquiry: Inquiry, seen: Layers) -> bool:
    """Whether the gradient of the last matrix changes from one new network to the next.

    Dropout, wherever it is, changes the output and with it that gradient; noise in another one
    alone is no dropout.
    """
    again, _ = observe(inquiry, inquiry.batches[0])
    one, other = seen[-1].weight, again[-1].weight
    return not np.allclose(one, other, rtol=1e-6, atol=0.0, equal_nan=True)


def _of_another(inquiry: Inquiry, explanation: Explanation) -> list[Verdict]:
    """Hold a right gradient to a loss that is not known, by its slopes."""
    found = _by_slopes(inquiry)
    if all(verdict.status != DIFFERS for verdict in found):
        return found
    return [_another_loss(inquiry, explanation, f"another function ({found[0].message})")]


def _of_single_steps(inquiry: Inquiry, loss: str | None) -> list[Explanation] | None:
    """Explain the steps of two samples, each with the matrices as they are after it."""
    explanations = []
    for number in range(2):
        one = inquiry.batches[0].part(slice(number, number + 1))
        observed, updated = observe(inquiry, one)
        explanations.append(_explained(inquiry, one, observed, updated, loss))
    # Batches of one sample each: as means, whatever the number.
    first, second = inquiry.batches
    for explanation, batch in zip(explanations, (first, second), strict=True):
        explanation.findings = [
            replace(finding, factor=finding.factor / len(batch)) for finding in explanation.findings
        ]
    pairs = zip(*(explanation.findings for explanation in explanations), strict=True)
    samples = len(first), len(second)
    alike = all(
        abs(a.factor * samples[0] - b.factor * samples[1]) <= 1e-6 * abs(a.factor * samples[0])
        for a, b in pairs
    )
    known = all(explanation.known for explanation in explanations)
    return explanations if known and alike else None


def _explained(
    inquiry: Inquiry, batch: Batch, observed: Layers, updated: Layers | None, loss: str | None
) -> Explanation:
    assert inquiry.form is not None
    passed = run(inquiry.form, inquiry.layers, batch.inputs)

    def explained(tolerance: float) -> Explanation:
        assert inquiry.form is not None
        return explain(
            inquiry.form, passed, inquiry.layers, updated, batch, observed, tolerance, loss
        )

    exactly = explained(inquiry.tolerance)
    if exactly.known or inquiry.tolerance >= CLOSE:
        return exactly
    # A small number beside a denominator, or a constant in float32, shows in later digits.
    closely = explained(CLOSE)
    return closely if closely.known else exactly


# Entries of each tensor whose slopes are taken, and how closely they are met.
_ENTRIES, _CLOSE_TO_SLOPE = 12, 1e-5


def _by_slopes(inquiry: Inquiry) -> list[Verdict]:
    """Hold the gradient to differences of the reported loss, where the forward is not known."""
    subject, batch = inquiry.subject, inquiry.batches[0]
    if subject.network.loss is None:
        message = "the forward pass is not known, and no loss is declared whose slopes it could be"
        return [Verdict("gradient", UNCHECKED, message)]
    try:
        observed, _ = observe(inquiry, batch)
        subject.renew()
        found = slopes(subject, inquiry.layers, batch, _ENTRIES, inquiry.rng)
    except SubjectError as error:
        return [Verdict("gradient", UNCHECKED, str(error))]
    pairs = {}
    for number, layer in enumerate(observed, start=1):
        for name, tensor in ((f"W{number}", layer.weight), (f"b{number}", layer.bias)):
            if tensor is not None and name in found and len(found[name][0]):
                positions, wanted = found[name]
                if positions.max() >= tensor.size:
                    return [_off(name, np.nan, np.inf, "it has another shape than its parameter")]
                pairs[name] = tensor.ravel()[positions], wanted
    if not pairs:
        return [Verdict("gradient", UNCHECKED, "the loss is nowhere smooth")]
    came, wanted = (np.concatenate(part) for part in zip(*pairs.values(), strict=True))
    factor, residual = fit(came, wanted)
    if residual <= _CLOSE_TO_SLOPE:
        if abs(factor - 1) <= _CLOSE_TO_SLOPE:
            message = (
                f"some entries of all tensors are slopes of the loss reported ({residual:.1g})"
            )
            return [Verdict("gradient", EQUAL, message, residual=residual)]
        between = ratio(Scale(factor, 0), Scale(1.0, 0), (*subject.sizes, len(batch)), 1e-4)
        why = between.text if between else "a constant factor"
        message = f"yours = {factor:.6g} x the slope of the loss reported, on all tensors: {why}"
        cause = "factor-constant"
        return [Verdict("gradient", DIFFERS, message, next(iter(pairs)), cause, factor, residual)]
    for name, (came, wanted) in reversed(pairs.items()):
        factor, residual = fit(came, wanted)
        if residual > _CLOSE_TO_SLOPE:
            return [_off(name, factor, residual, "it is not the slope of the loss reported")]
    name = next(reversed(pairs))
    return [_off(name, factor, residual, "tensors have different factors to the slopes")]


def _off(name: str, factor: float, residual: float, what: str) -> Verdict:
    message = (
        f"{name}: {what}; the nearest multiple is {factor:.4g} x, which leaves {residual:.2g} of "
        "its norm. The cause is unknown."
    )
    return Verdict("gradient", DIFFERS, message, name, None, None, residual)


def _not_observed(inquiry: Inquiry, told: str) -> Verdict:
    one = inquiry.batches[0].part(slice(0, 1))
    try:
        observe(inquiry, one)
    except SubjectError:
        return Verdict("gradient", UNCHECKED, told)
    message = (
        f"it works with one sample and raises for a batch of {len(inquiry.batches[0])}: {told}"
    )
    return Verdict("gradient", DIFFERS, message, cause="batch-raises")


def is_inferred(inquiry: Inquiry) -> bool:
    """Whether the gradient is only seen from steps."""
    network = inquiry.subject.network
    return network.gradients is None and network.backward is None


def observe(
    inquiry: Inquiry, batch: Batch, rate: float | None = None
) -> tuple[Layers, Layers | None]:
    """Return the gradients, and the parameters after the update if that is how they are seen."""
    subject = inquiry.subject
    subject.renew()
    before = subject.set(inquiry.layers)
    if not is_inferred(inquiry):
        return subject.gradients(batch), None
    rate = rate or subject.network.lr or _RATES[0]
    if not subject.single:
        subject.step(batch, rate)
        after = subject.get()
        return _difference(before, after, rate), after
    total: Layers | None = None
    for number in range(len(batch)):
        subject.renew()
        subject.set(inquiry.layers)
        subject.step(batch.part(slice(number, number + 1)), rate)
        after = subject.get()
        part = _difference(before, after, rate * len(batch))
        total = part if total is None else _sum(total, part)
    assert total is not None
    return total, after if len(batch) == 1 else None


def _difference(before: Layers, after: Layers, rate: float) -> Layers:
    return [
        Layer(
            (old.weight - new.weight) / rate,
            None if old.bias is None or new.bias is None else (old.bias - new.bias) / rate,
        )
        for old, new in zip(before, after, strict=True)
    ]


def _sum(one: Layers, other: Layers) -> Layers:
    return [
        Layer(a.weight + b.weight, None if a.bias is None or b.bias is None else a.bias + b.bias)
        for a, b in zip(one, other, strict=True)
    ]


@dataclass(frozen=True)
class _Factor:
    """Where the factor of one tensor comes from."""

    finding: Finding
    scale: Scale | None
    ratio: Ratio | None


def _judge(inquiry: Inquiry, explanations: list[Explanation], loss: str | None) -> list[Verdict]:
    first, second = explanations
    inquiry.gradient_loss = first.loss
    inquiry.is_gradient_faulty = first.known and any(f.causes for f in first.findings)
    inquiry.edges += edges(first, len(inquiry.layers))
    verdicts = _named(inquiry, first)
    another = loss is not None and first.loss not in (None, loss)
    if another and not first.deltas[len(inquiry.layers) - 1].causes:
        verdicts.insert(0, _another_loss(inquiry, first, str(loss)))
    expected = _expected(inquiry, first, another)
    factors = _factors(inquiry, first, second, expected or Scale(1.0, 1))
    weights = [f for f in factors if f.finding.tensor.startswith("W")]
    if weights:
        inquiry.gradient_scale = weights[0].scale
    verdicts += _of_factors(inquiry, factors, expected)
    verdicts += _of_decays(inquiry, first.decays, first.decayed_biases)
    if not verdicts:
        residual = max(f.residual for f in first.findings if np.isfinite(f.residual))
        name = str(first.loss).replace("_", " ")
        message = (
            f"all {len(first.findings)} tensors are the gradient of the {name} (residual "
            f"{residual:.1g})"
        )
        verdicts.append(Verdict("gradient", EQUAL, message, residual=residual))
    if first.known and not any(finding.causes for finding in first.findings):
        inquiry.evidence.loss = first.loss
        common = {finding.factor for finding in first.findings}
        if max(common) - min(common) <= inquiry.tolerance * max(map(abs, common)):
            inquiry.evidence.factors = [e.findings[0].factor for e in explanations]
            off = max(_off_the_loss(inquiry, e, n) for n, e in enumerate(explanations) if e.known)
            if off > inquiry.tolerance:
                inquiry.evidence.tolerance = max(CLOSE, 10 * off)
            if first.decays:
                depth = range(len(inquiry.layers))
                inquiry.evidence.decays = [first.decays.get(number, 0.0) for number in depth]
                inquiry.evidence.decayed_biases = first.decayed_biases
    return verdicts


def _off_the_loss(inquiry: Inquiry, explanation: Explanation, number: int) -> float:
    """Return how far a right gradient is from that of the loss: by a small number in a denominator.

    That is what an arbiter, who has no such number, may be away from it.
    """
    assert inquiry.form is not None
    batch = inquiry.batches[number]
    passed = run(inquiry.form, inquiry.layers, batch.inputs)
    plain = (
        candidate.value
        for candidate in output_deltas(inquiry.form, passed, batch, explanation.loss)
        if candidate.loss == explanation.loss and not candidate.causes
    )
    own = explanation.deltas[len(inquiry.layers) - 1].value
    _, beside = fit(own, next(plain, own))
    return max(beside, *(finding.residual for finding in explanation.findings))


def _line(inquiry: Inquiry, explanation: Explanation, finding: Finding) -> Line | None:
    """Return where a wrong quantity was computed."""
    number = int(finding.tensor[1:]) - 1
    delta = explanation.deltas[number]
    layer = (inquiry.evidence.answers[0].gradients or [])[number]
    wanted = layer.bias if finding.tensor.startswith("b") else layer.weight
    if set(finding.causes) & set(delta.causes):
        wanted = delta.value
    if wanted is None or inquiry.subject.single:
        return None
    try:
        return locate(lambda: observe(inquiry, inquiry.batches[0]), wanted)
    except SubjectError:
        return None


def _named(inquiry: Inquiry, explanation: Explanation) -> list[Verdict]:
    """Return a verdict for every fault on the way back, the first one first."""
    tensors: dict[tuple[str, ...], list[Finding]] = {}
    for finding in explanation.findings:
        if finding.causes:
            tensors.setdefault(finding.causes, []).append(finding)
    verdicts = []
    for causes, findings in tensors.items():
        where = " and ".join(f.tensor for f in findings)
        finding = findings[0]
        line = _line(inquiry, explanation, finding)
        if "unknown" in causes:
            message = (
                f"{where}: not the gradient; the nearest multiple of what was expected is "
                f"{finding.factor:.4g} x, which leaves {finding.residual:.2g} of its norm. "
                "The cause is unknown."
            )
            verdicts.append(
                Verdict(
                    "gradient",
                    DIFFERS,
                    message,
                    finding.tensor,
                    residual=finding.residual,
                    line=line,
                )
            )
            continue
        for cause in causes:
            named = CAUSES[cause]
            message = (
                f"{named.title}. Yours is {finding.text}, on {where} (residual "
                f"{finding.residual:.1g}). Look at {named.advice}.{_also(finding)}"
            )
            verdicts.append(
                Verdict(
                    "gradient",
                    DIFFERS,
                    message,
                    finding.tensor,
                    cause,
                    residual=finding.residual,
                    line=line,
                )
            )
    return verdicts


def _also(finding: Finding) -> str:
    """Return what else would give the same numbers."""
    titles = [CAUSES[cause].title for cause in finding.also]
    return f" The same numbers come if {', or if '.join(titles)}." if titles else ""


def _another_loss(inquiry: Inquiry, explanation: Explanation, loss: str) -> Verdict:
    cause = CAUSES["gradient-of-another-loss"]
    which = "declared" if inquiry.spec.loss == loss else "reported"
    message = (
        f"{cause.title}: it is that of the {explanation.loss}, and the loss {which} is {loss}. "
        f"Look at {cause.advice}."
    )
    tensor = f"dL/dz{len(inquiry.layers)}"
    return Verdict("gradient", DIFFERS, message, tensor, "gradient-of-another-loss")


def _expected(inquiry: Inquiry, explanation: Explanation, another: bool) -> Scale | None:
    """Return the scale that the gradient should have, if anything says it."""
    single = inquiry.subject.single
    if another:
        return None
    declared = declared_scale(inquiry.spec, inquiry.subject.outputs)
    if declared is not None:
        return Scale(declared.constant, 1) if single else declared
    if inquiry.reported is not None and inquiry.reported[0] == explanation.loss:
        scale = inquiry.reported[1]
        return Scale(scale.constant, scale.power + 1) if single else scale
    return None


def _factors(
    inquiry: Inquiry, first: Explanation, second: Explanation, expected: Scale
) -> list[_Factor]:
    sizes = inquiry.subject.sizes
    samples = [len(batch) for batch in inquiry.batches]
    # A loss may be known to a few digits only; its scale is a number that is easy to name.
    tolerance = max(inquiry.tolerance, 1e-7, *(f.residual for f in first.findings if f.known))
    factors = []
    for one, other in zip(first.findings, second.findings, strict=True):
        if not one.known or one.relative or not one.factor:
            continue
        if "gradient-of-another-loss" in one.causes:
            # Its factor would be that from one loss to the other.
            continue
        scale = scale_of((one.factor, other.factor), samples, tolerance)
        between = None if scale is None else ratio(scale, _rounded(expected), sizes, tolerance)
        factors.append(_Factor(one, scale, between))
    return factors


def _rounded(scale: Scale) -> Scale:
    """Take the digits away that 1e-8 in a logarithm puts into a scale."""
    for numerator in (1, 2):
        whole = numerator / scale.constant
        if abs(whole - round(whole)) < 1e-4 * abs(whole) and round(whole):
            return Scale(numerator / round(whole), scale.power)
    return scale


def _of_factors(inquiry: Inquiry, factors: list[_Factor], expected: Scale | None) -> list[Verdict]:
    samples = len(inquiry.batches[0])
    reference = expected or Scale(1.0, 1)
    texts = {factor.ratio.text if factor.ratio else "" for factor in factors}
    if texts == {""} or not factors:
        return []
    if len(texts) == 1:
        return [_common(inquiry, factors, expected)]
    verdicts = []
    groups: dict[str, list[_Factor]] = {}
    for factor in factors:
        groups.setdefault(factor.ratio.text if factor.ratio else "", []).append(factor)
    for text, group in groups.items():
        if not text:
            continue
        assert group[0].ratio is not None
        names = ", ".join(f.finding.tensor for f in group)
        value = group[0].finding.factor / reference.at(samples)
        biases = all(f.finding.tensor.startswith("b") for f in group)
        turned = "sign" in group[0].ratio.causes
        cause = "bias-scaled" if biases and not turned else group[0].ratio.causes[0]
        message = (
            f"yours = {value:.6g} x expected on {names} and not on the others: {text}, with a "
            f"batch of {samples}. Look at {CAUSES[cause].advice}."
        )
        verdicts.append(
            Verdict(
                "gradient",
                DIFFERS,
                message,
                group[0].finding.tensor,
                cause,
                value,
                group[0].finding.residual,
            )
        )
    return verdicts


def _common(inquiry: Inquiry, factors: list[_Factor], expected: Scale | None) -> Verdict:
    samples = len(inquiry.batches[0])
    first = factors[0]
    assert first.ratio is not None
    value = first.finding.factor / (expected or Scale(1.0, 1)).at(samples)
    residual = max(f.finding.residual for f in factors)
    what = f"yours = {value:.6g} x expected on all {len(factors)} tensors, residual {residual:.1g}"
    why = f"{first.ratio.text}; the batch is {samples}"
    cause = first.ratio.causes[0]
    if expected is None and is_convention(inquiry, first.ratio):
        message = f"{what}: {why}. No loss says which is meant: it may as well be its convention."
        return Verdict("gradient", CONVENTION, message, None, cause, value, residual)
    if _is_rate(inquiry, first):
        message = (
            f"{what}. The step takes no learning rate that it could be given, and its own is not "
            "declared: the factor is not judged."
        )
        return Verdict("gradient", CONVENTION, message, None, None, value, residual)
    message = f"{what}: {why}. Look at {CAUSES[cause].advice}."
    return Verdict("gradient", DIFFERS, message, _above(factors), cause, value, residual)


def _is_rate(inquiry: Inquiry, factor: _Factor) -> bool:
    """Whether a factor may be that of a learning rate that nobody can set."""
    if not is_inferred(inquiry) or inquiry.subject.network.lr is not None:
        return False
    assert factor.ratio is not None
    if factor.finding.factor < 0 or "factor-batch" in factor.ratio.causes:
        return False
    batch = inquiry.batches[0]
    moved = [observe(inquiry, batch, rate)[0][-1].weight * rate for rate in _RATES]
    return bool(np.allclose(*moved, rtol=1e-6, atol=0.0))


def _above(factors: list[_Factor]) -> str:
    """Return what all tensors come from."""
    last = max(int(factor.finding.tensor[1:]) for factor in factors)
    return f"dL/dz{last}"


def is_convention(inquiry: Inquiry, factor: Ratio) -> bool:
    """Whether a factor may be meant, where no loss says: sum for mean, and how squares are."""
    allowed = {"factor-batch"}
    if inquiry.gradient_loss == "squared_error":
        allowed |= {"factor-two", "factor-classes"}
    return not inquiry.spec.scale and set(factor.causes) <= allowed


def _of_decays(inquiry: Inquiry, decays: dict[int, float], biases: list[str]) -> list[Verdict]:
    """Judge the multiples of the weights, and of some biases, in the gradient."""
    if inquiry.penalty is not None and inquiry.spec.weight_decay is None:
        return _by_penalty(inquiry, decays, biases)
    if not decays:
        return []
    values = list(decays.values())
    close = max(map(abs, values)) * max(1e-6, 100 * inquiry.tolerance)
    rate = inquiry.subject.network.lr or _RATES[0]
    if is_inferred(inquiry) and all(abs(value * rate - 1) < 1e-6 for value in values):
        named = CAUSES["weights-replaced"]
        names = " and ".join(f"W{number + 1}" for number in sorted(decays))
        message = f"{named.title}: nothing is left of {names}. Look at {named.advice}."
        return [Verdict("gradient", DIFFERS, message, names, "weights-replaced")]
    squares = [float((inquiry.layers[n].weight ** 2).sum()) for n in decays]
    ratios = [value / square for value, square in zip(values, squares, strict=True)]
    if max(values) - min(values) <= close:
        if inquiry.spec.weight_decay is not None:
            return _declared_decay(values[0], inquiry.spec.weight_decay)
        of = "the matrices and biases" if biases else "the matrices"
        message = (
            f"the gradient of {of} has {values[0]:.6g} x the weights added: a penalty of "
            f"{values[0] / 2:.6g} x their squares, unless it is meant otherwise"
        )
        return [Verdict("gradient", CONVENTION, message, None, "weight-decay", values[0])]
    if max(ratios) - min(ratios) <= 1e-6 * max(map(abs, ratios)):
        named = CAUSES["penalty-as-gradient"]
        message = (
            f"{named.title}: every matrix has {ratios[0]:.4g} x its sum of squares x itself added. "
            f"Look at {named.advice}."
        )
        tensor = f"W{max(decays) + 1}"
        return [Verdict("gradient", DIFFERS, message, tensor, "penalty-as-gradient", ratios[0])]
    told = ", ".join(f"{value:.4g} x W{number + 1}" for number, value in sorted(decays.items()))
    message = f"multiples of the weights are added that differ from layer to layer: {told}"
    return [Verdict("gradient", CONVENTION, message, None, "weight-decay")]


def _by_penalty(inquiry: Inquiry, decays: dict[int, float], biases: list[str]) -> list[Verdict]:
    """Hold the multiples of the weights to the penalty in the loss that is reported."""
    assert inquiry.penalty is not None
    expected = 2 * inquiry.penalty
    if inquiry.gradient_scale is not None and inquiry.reported is not None:
        # A factor that the whole gradient has is judged for itself.
        samples = len(inquiry.batches[0])
        expected *= inquiry.gradient_scale.at(samples) / inquiry.reported[1].at(samples)
    for number in range(len(inquiry.layers)):
        came = decays.get(number, 0.0)
        if abs(came - expected) > 1e-5 * abs(expected):
            factor = came / expected
            message = (
                f"the loss has {inquiry.penalty:.6g} x the squares of the weights; the gradient of "
                f"W{number + 1} has {came:.6g} x the weights, {factor:.6g} x what belongs to that. "
                f"Look at {CAUSES['weight-decay'].advice}."
            )
            tensor = f"W{number + 1}"
            return [Verdict("gradient", DIFFERS, message, tensor, "weight-decay", factor)]
    if biases:
        message = (
            f"the loss has {inquiry.penalty:.6g} x the squares of the weights alone; the gradient "
            f"has that of the biases, too. Look at {CAUSES['weight-decay'].advice}."
        )
        return [Verdict("gradient", DIFFERS, message, biases[0], "weight-decay")]
    return []


def _declared_decay(value: float, declared: float) -> list[Verdict]:
    if abs(value - declared) <= 1e-6 * abs(declared):
        return []
    factor = value / declared if declared else np.inf
    message = (
        f"the weights are added {value:.6g} times, declared is {declared:.6g}. Look at "
        f"{CAUSES['weight-decay'].advice}."
    )
    return [Verdict("gradient", DIFFERS, message, "W1", "weight-decay", factor)]


def edges(explanation: Explanation, depth: int) -> list[Edge]:
    """Return the backward pass as a graph."""
    found = {finding.tensor: finding for finding in explanation.findings}
    result = []
    for number in reversed(range(depth)):
        delta = explanation.deltas[number]
        above = "loss" if number == depth - 1 else f"dL/dz{number + 2}"
        status = DIFFERS if delta.causes else EQUAL
        result.append(Edge(above, f"dL/dz{number + 1}", status, delta.text))
        for name in (f"W{number + 1}", f"b{number + 1}"):
            if name in found:
                finding = found[name]
                own = [cause for cause in finding.causes if cause not in delta.causes]
                bad = bool(own) or not finding.known
                status = DIFFERS if bad else EQUAL
                result.append(Edge(f"dL/dz{number + 1}", f"dL/d{name}", status, finding.text))
    return result
