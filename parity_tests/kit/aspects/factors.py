"""Constant factors of a gradient, and whether they are meant."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.aspects.by_width import by_width
from parity_tests.kit.aspects.constant_parts import constant_part
from parity_tests.kit.aspects.loss import declared_scale
from parity_tests.kit.aspects.observing import RATES, is_inferred, observe, precision_of
from parity_tests.kit.aspects.walks import ends, walk_on
from parity_tests.kit.backprop import Explanation, Finding
from parity_tests.kit.causes import CAUSES
from parity_tests.kit.fitting import fit
from parity_tests.kit.inquiry import CLOSE, Inquiry
from parity_tests.kit.penalties import PENALTIES
from parity_tests.kit.penalties import close as close_shares
from parity_tests.kit.scales import IN_LAYERS, Ratio, Scale, ratio, scale_of
from parity_tests.kit.subject import Layers, SubjectError, by_name, tensors
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, Verdict, named

Array = NDArray[Any]

# How much smaller another learning rate is at which steps are asked, and how closely a factor goes
# with it.
_LATER, _NEAR, _ROUGH = 4, 1e-6, 1e-3
# Of the gradient itself, what may be added by a penalty's mistake.
_SMALL = 0.5


@dataclass(frozen=True)
class Factor:
    """Where the factor of one tensor comes from, and what it was with the other batch."""

    finding: Finding
    scale: Scale | None
    ratio: Ratio | None
    other: Finding | None = None


def expected_scale(inquiry: Inquiry, explanation: Explanation, another: bool) -> Scale | None:
    """Return the scale that the gradient should have, if anything says it.

    Parameters
    ----------
    another : bool
        Whether it is that of another loss than is meant, for which only the reduction is declared.
    """
    single = inquiry.subject.single
    if another:
        declared = _reduction(inquiry, explanation)
    else:
        declared = declared_scale(inquiry.spec, inquiry.subject.outputs, explanation.loss)
    if declared is not None:
        return Scale(declared.constant, 1) if single or inquiry.is_one_by_one else declared
    if inquiry.reported is None:
        return None
    name, scale = inquiry.reported
    if inquiry.is_one_by_one:
        # Each step is of one sample, whether the loss of a batch is a sum or a mean.
        scale = Scale(scale.constant, 1)
    elif single:
        scale = Scale(scale.constant, scale.power + 1)
    if another:
        return _divided_alike(inquiry, explanation, name, scale)
    return scale if name == explanation.loss else None


def _divided_alike(
    inquiry: Inquiry, explanation: Explanation, reported: str, scale: Scale
) -> Scale | None:
    """Return the scale of the loss reported, if the gradient of another one has it.

    Both are means over the samples, or over all entries; nothing says whether half of squares is
    meant.
    """
    last = next(f for f in explanation.findings if f.tensor == f"W{len(inquiry.layers)}")
    halves = (1.0, 0.5, 2.0) if "squared_error" in (reported, explanation.loss) else (1.0,)
    alike = (Scale(half * scale.constant, scale.power) for half in halves)
    samples = len(inquiry.batches[0])
    return next((own for own in alike if abs(last.factor / own.at(samples) - 1) <= _ROUGH), None)


def _reduction(inquiry: Inquiry, explanation: Explanation) -> Scale | None:
    """Return the declared sum or mean of another loss; a half in front of it is that of squares."""
    spec = inquiry.spec
    if spec.scale is None:
        return None
    plain = replace(spec, scale=spec.scale.removeprefix("half "))
    whole = declared_scale(plain, inquiry.subject.outputs, explanation.loss)
    if whole is None or explanation.loss != "squared_error":
        return whole
    # Nothing says whether half of the squares is meant.
    last = next(f for f in explanation.findings if f.tensor == f"W{len(inquiry.layers)}")
    is_whole = abs(last.factor / whole.at(len(inquiry.batches[0])) - 1) <= _ROUGH
    return whole if is_whole else Scale(whole.constant / 2, whole.power)


def factors_of(
    inquiry: Inquiry, first: Explanation, second: Explanation, expected: Scale
) -> list[Factor]:
    """Return the factors of the tensors of two batches, over what is expected."""
    sizes = inquiry.subject.sizes
    samples = [len(batch) for batch in inquiry.batches]
    # A loss may be known to a few digits only; its scale is a number that is easy to name.
    residuals = (f.residual for f in first.findings if f.known and not f.relative)
    tolerance = max(inquiry.tolerance, 1e-7, *residuals)
    factors = []
    rounded = _rounded(expected)
    for one, other in zip(first.findings, second.findings, strict=True):
        if not one.known or one.relative or not one.factor:
            continue
        if "gradient-of-another-loss" in one.causes:
            # Its factor would be that from one loss to the other.
            continue
        scale = scale_of((one.factor, other.factor), samples, tolerance, rounded, IN_LAYERS)
        if scale is None:
            between = _by_batch(one, other, samples, rounded, tolerance)
        else:
            between = ratio(scale, rounded, sizes, tolerance)
        is_named = between is not None and bool(between.causes)
        own = _told_apart(one, first) if is_named else one
        factors.append(Factor(own, scale, between, other))
    return factors


def _told_apart(finding: Finding, explanation: Explanation) -> Finding:
    """Take the factor of a matrix for its own, where the bias shows that its fault has another one.

    Both are of the same gradient of a pre-activation, whatever is wrong about that.
    """
    number, tensor = int(finding.tensor[1:]), finding.tensor
    delta = explanation.deltas.get(number - 1)
    if not tensor.startswith("W") or delta is None or finding.causes != delta.causes:
        return finding
    bias = next((own for own in explanation.findings if own.tensor == f"b{number}"), None)
    if bias is None or not bias.known or bias.causes or bias.relative or not bias.factor:
        return finding
    is_same = abs(finding.factor / bias.factor - 1) <= _ROUGH
    return finding if is_same else replace(finding, causes=())


def _by_batch(
    one: Finding, other: Finding, samples: list[int], expected: Scale, tolerance: float
) -> Ratio | None:
    """Return in words the factors of two batches that no power of their sizes explains."""
    is_told = other.known and not other.relative and not other.is_vacant
    pairs = zip((one, other), samples, strict=True)
    first, second = (finding.factor / expected.at(n) for finding, n in pairs)
    # Of steps a factor is known less closely than the gradient that it is a factor of.
    near = max(_ROUGH, 10 * tolerance)
    if abs(first - 1) <= near and (not is_told or abs(second - 1) <= near):
        return None
    for more in _MORE if is_told and min(samples) > 1 else ():
        wanted = [n / (n + more) for n in samples]
        if (
            max(abs(own / want - 1) for own, want in zip((first, second), wanted, strict=True))
            <= tolerance
        ):
            return Ratio(("factor-batch",), f"batch size / {_with(more)}")
    text = f"{first:.6g} x with a batch of {samples[0]}"
    if is_told:
        text += f", {second:.6g} x with one of {samples[1]}"
    return Ratio((), text)


def note_rates(inquiry: Inquiry, rate: float, at: Callable[[float], Explanation]) -> set[str]:
    r"""Note which tensors move as far at every learning rate, or go with the square of it.

    .. math:: \Delta\theta = -c \, g \text{ looks like } -\eta \, \frac{c}{\eta} \, g, \qquad
              \Delta\theta = -\eta^2 c \, g \text{ looks like } -\eta \, (\eta c) \, g

    So what looks like a factor of such a tensor's gradient is one over a learning rate, or one.
    Tensors that move as far at every rate are noted where others go with it, and parts of steps
    that are the same beside one that goes with it.

    Parameters
    ----------
    rate : float
        At which the gradient is asked.
    at : callable
        ``f(rate)``, the explanation of the steps on the first batch.

    Returns
    -------
    set of str
        Tensors of whose steps what a penalty adds goes with the square, too.
    """
    decayed: set[str] = set()
    inquiry.twice_rate, inquiry.constant_parts = [], {}
    if inquiry.subject.network.lr is not None:
        return decayed
    try:
        # A change that is limited is the same at long steps only.
        explanations = at(rate), at(rate / _LATER), at(RATES[1])
    except SubjectError:
        return decayed
    close = max(_NEAR, 10 * inquiry.tolerance)
    still, moving, twice = [], [], []
    parts: dict[str, float] = {}
    for one, other, short in zip(*(e.findings for e in explanations), strict=True):
        if not (one.known and other.known and one.factor and np.isfinite(one.factor)):
            continue
        change = other.factor / one.factor
        moved, shortly = abs(one.factor) * rate, abs(short.factor) * RATES[1]
        is_limited = short.known and shortly < moved * (1 - _ROUGH)
        if abs(change / _LATER - 1) <= close and not is_limited:
            still.append(one.tensor)
        elif abs(change - 1) <= close:
            moving.append(one.tensor)
        elif abs(change * _LATER - 1) <= close:
            twice.append(one.tensor)
            shares = {name: share / _LATER for name, share in one.decay.items()}
            if shares and close_shares(other.decay, shares, _ROUGH):
                decayed.add(one.tensor)
        elif short.known and by_name(inquiry.layers)[one.tensor].size > 1:
            part = constant_part((one.factor, other.factor, short.factor), rate)
            if part is not None:
                parts[one.tensor] = part
    inquiry.twice_rate, inquiry.constant_parts = twice, parts
    if still and moving:
        inquiry.without_rate, inquiry.with_rate = still, moving
    return decayed


def without_second_rate(
    inquiry: Inquiry, own: Explanation, rate: float, decayed: Collection[str]
) -> Explanation:
    """Take out of the factors of tensors what was noted of the learning rate.

    That it is in their step twice, or that a part of it is the same at every one.
    """
    twice, parts = inquiry.twice_rate, inquiry.constant_parts
    findings = []
    for finding in own.findings:
        factor = finding.factor / (1 + parts.get(finding.tensor, 0.0) / rate)
        decay = finding.decay
        if finding.tensor in twice:
            factor = factor / rate
        if finding.tensor in decayed:
            decay = {name: share / rate for name, share in decay.items()}
        findings.append(replace(finding, factor=factor, decay=decay))
    return replace(own, findings=findings)


def of_second_rate(inquiry: Inquiry, findings: Sequence[Finding]) -> list[Verdict]:
    """Return that tensors have the learning rate in their step twice."""
    names = inquiry.twice_rate
    if not names:
        return []
    others = [finding.tensor for finding in findings if finding.tensor not in names]
    told = f"{', '.join(names)} {'go' if len(names) > 1 else 'goes'} with the square of it"
    if others:
        told += f", and {', '.join(others)} {'do' if len(others) > 1 else 'does'} not"
    tensor = names[0] if others else f"dL/dz{len(inquiry.layers)}"
    return [named("gradient", "rate-twice", told, tensor)]


def _rounded(scale: Scale) -> Scale:
    """Take the digits away that 1e-8 in a logarithm puts into a scale."""
    for numerator in (1, 2):
        whole = numerator / scale.constant
        if abs(whole - round(whole)) < 1e-4 * abs(whole) and round(whole):
            return Scale(numerator / round(whole), scale.power)
    return scale


def of_factors(inquiry: Inquiry, factors: list[Factor], expected: Scale | None) -> list[Verdict]:
    """Judge the factors of all tensors, by what is expected or, if nothing is, by the mean."""
    reference = expected or Scale(1.0, 1)
    texts = {factor.ratio.text if factor.ratio else "" for factor in factors}
    if texts == {""} or not factors:
        return []
    if len(texts) == 1:
        return [_common(inquiry, factors, expected)]
    carried = _carried(inquiry, factors, reference)
    if carried is not None:
        return [carried]
    shared = shared_scale(inquiry, factors, reference)
    if shared is None:
        return _of_groups(inquiry, factors, reference)
    sizes = inquiry.subject.sizes
    whole, rest = [], []
    for factor in factors:
        assert factor.scale is not None
        alone = Scale(
            factor.scale.constant * reference.constant / shared.constant,
            factor.scale.power + reference.power - shared.power,
        )
        whole.append(replace(factor, scale=shared, ratio=ratio(shared, reference, sizes, _NEAR)))
        rest.append(replace(factor, ratio=ratio(alone, reference, sizes, 1e-7)))
    carried = _carried(inquiry, rest, shared, besides=True)
    others = [carried] if carried else _of_groups(inquiry, rest, shared, besides=True)
    return [_common(inquiry, whole, expected), *others]


def shared_scale(inquiry: Inquiry, factors: list[Factor], reference: Scale) -> Scale | None:
    """Return the scale that all tensors have, where some have another factor besides.

    What is shared is a power of the batch size, a sign, and the number that matrices or biases
    have alone, if that is one with a meaning. Where each layer below has another one by the same
    factor, it is what the last layer has; else a number that leaves fewer or simpler ones, which
    most tensors have if it is all that is shared. A sign that some have is no part of it.
    """
    # That of a tensor with another fault may belong to it.
    own = [factor for factor in factors if not factor.finding.causes]
    if not own or any(factor.ratio is None or not factor.ratio.causes for factor in own):
        return None
    layers = _by_layer(inquiry, factors)
    if len(layers) > 2 and _by_which_carried(inquiry, layers) is not None:
        return layers[-1][0]
    scales = [factor.scale for factor in factors if factor.scale is not None]
    powers = {None if factor.scale is None else factor.scale.power for factor in own}
    signs = {factor.finding.factor > 0 for factor in own}
    if len(scales) < len(factors) or len(powers) > 1:
        return None
    sign, power = (-1.0 if signs == {False} else 1.0), scales[factors.index(own[0])].power
    shares: dict[str, list[float]] = {"W": [], "b": []}
    for factor, scale in zip(factors, scales, strict=True):
        if factor in own:
            shares[factor.finding.tensor[0]].append(abs(scale.constant) / reference.constant)
    constants = [constant for group in shares.values() for constant in group]
    if max(constants) - min(constants) <= _NEAR * max(constants):
        # Where all have the same, whatever that is, there is none besides.
        is_one = abs(constants[0] - 1) <= _NEAR and power == reference.power
        is_told = len(signs) == 1 or is_one
        return None if is_told else Scale(constants[0] * reference.constant, power)
    if len(signs) > 1 and power == reference.power:
        return None
    constant = _shared_constant(shares, inquiry.subject.sizes)
    is_whole = sign < 0 or power != reference.power
    if constant == 1:
        simplest = _simplest_constant(constants, inquiry.subject.sizes)
        is_usual = 2 * _count(simplest, constants) > len(constants)
        if not is_whole and (simplest == 1 or not is_usual):
            return None
        constant = simplest
    elif not is_whole and not _is_near(shares):
        return None
    return Scale(sign * constant * reference.constant, power)


def _shared_constant(shares: Mapping[str, list[float]], sizes: Sequence[int]) -> float:
    """Return the number that matrices and biases share, of those that each have."""
    if not all(own and max(own) - min(own) <= _NEAR * max(own) for own in shares.values()):
        return 1.0
    ones = [own[0] for own in shares.values()]
    means = [one for one in ones if not _is_without_meaning(one, sizes)]
    is_one = any(abs(one - 1) <= _NEAR for one in means)
    return means[0] if means and not is_one else 1.0


def _simplest_constant(constants: Sequence[float], sizes: Sequence[int]) -> float:
    """Return the number that leaves the fewest without a meaning, and the fewest parts; or 1.

    Of several, the one that most tensors have.
    """
    unit, distinct = Scale(1.0, 0), [1.0]
    for constant in constants:
        if not _count(constant, distinct):
            distinct.append(constant)

    def cost(shared: float) -> tuple[int, int, int]:
        left = {shared, *(own / shared for own in distinct[1:])}
        found = (ratio(Scale(own, 0), unit, sizes, 1e-7) for own in left)
        parts = [cause for own in found if own is not None for cause in own.causes]
        having = len(constants) if shared == 1 else _count(shared, constants)
        return parts.count("factor-constant"), len(parts), -having

    return min(distinct, key=cost)


def _count(number: float, among: Sequence[float]) -> int:
    return sum(abs(own - number) <= _NEAR * own for own in among)


def _is_near(shares: Mapping[str, list[float]]) -> bool:
    """Whether what matrices have besides is no more than half of the gradient itself."""
    return abs(shares["W"][0] / shares["b"][0] - 1) < _SMALL


def _is_without_meaning(constant: float, sizes: Sequence[int]) -> bool:
    between = ratio(Scale(constant, 0), Scale(1.0, 0), sizes, 1e-7)
    return between is not None and "factor-constant" in between.causes


def _of_groups(
    inquiry: Inquiry, factors: list[Factor], reference: Scale, *, besides: bool = False
) -> list[Verdict]:
    """Judge the factors of tensors that have different ones.

    Parameters
    ----------
    besides : bool, default False
        Whether they are what is left of a factor that all tensors share.
    """
    by_layer = _of_widths(inquiry, factors, reference, besides=besides)
    if by_layer is not None:
        return [by_layer]
    samples = len(inquiry.batches[0])
    matrices = sum(factor.finding.tensor.startswith("W") for factor in factors)
    verdicts = []
    groups: dict[str, list[Factor]] = {}
    for factor in factors:
        groups.setdefault(factor.ratio.text if factor.ratio else "", []).append(factor)
    for text, group in groups.items():
        # That of a tensor with another fault may belong to it.
        if not text or all(factor.finding.causes for factor in group):
            continue
        assert group[0].ratio is not None
        names = ", ".join(f.finding.tensor for f in group)
        value = group[0].finding.factor / reference.at(samples)
        if not group[0].ratio.causes:
            verdicts.append(_changing(group, text))
            continue
        biases = all(f.finding.tensor.startswith("b") for f in group)
        turned = "sign" in group[0].ratio.causes
        cause = "bias-scaled" if biases and not turned else group[0].ratio.causes[0]
        what = f"yours = {value:.6g} x expected on {names} and not on the others"
        shared = _with_one_batch(inquiry, group[0], factors, reference)
        if shared and cause == "bias-scaled":
            cause = group[0].ratio.causes[0]
            what = (
                f"yours = {value:.6g} x expected on {names} with both batches, and on "
                f"{', '.join(shared)} with one of them"
            )
        if besides:
            have = "have" if len(group) > 1 else "has"
            what = f"besides what all have, {names} {have} another {value:.6g} x"
        seen, look = f"{text}, with a batch of {samples}", CAUSES[cause].advice
        if cause == "factor-two" and f"W{len(inquiry.layers)}" not in names:
            # The last layer has what the loss has.
            look = CAUSES["factor-constant"].advice
        is_of_matrices = len(group) == matrices and group[0].finding.tensor.startswith("W")
        if is_of_matrices and _is_decay(inquiry, value - 1):
            cause = "decay-of-gradient"
            seen = f"{CAUSES[cause].title}: 1 + {value - 1:.6g}, which is the penalty's coefficient"
            look = CAUSES[cause].advice
        fixed = _of_fixed_rate(inquiry, value, group[0].ratio)
        if fixed is not None:
            cause, seen, advice = fixed
            look = f"{advice}; or at {look}"
        message = f"{what}: {seen}. Look at {look}."
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


def _of_widths(
    inquiry: Inquiry, factors: list[Factor], reference: Scale, *, besides: bool
) -> Verdict | None:
    """Return that the factor of each layer is one of its widths, if that is so."""
    own = [factor for factor in factors if factor.ratio is not None and factor.ratio.text]
    scales = [factor.scale for factor in own if factor.scale is not None]
    powers = {reference.power - scale.power for scale in scales}
    if len(scales) < len(own) or len(powers) > 1 or any(factor.finding.causes for factor in own):
        return None
    layers: dict[int, list[float]] = {}
    for factor, scale in zip(own, scales, strict=True):
        number = int(factor.finding.tensor[1:])
        layers.setdefault(number, []).append(scale.constant / reference.constant)
    [power] = powers
    text = by_width(layers, inquiry.subject.sizes, 1e-7)
    if text is None:
        return None
    samples = len(inquiry.batches[0])
    values = [factor.finding.factor / reference.at(samples) for factor in own]
    pairs = zip(values, own, strict=True)
    what = ", ".join(f"{value:.6g} x on {factor.finding.tensor}" for value, factor in pairs)
    between = ratio(Scale(1.0, -power), Scale(1.0, 0), inquiry.subject.sizes, 1e-7)
    times = f"{between.text} x " if between else ""
    start = "besides what all have, yours" if besides else "yours"
    first = own[0].finding
    return named(
        "gradient",
        "factor-width",
        f"{start} = {what}: {times}{text} of each layer, with a batch of {samples}",
        first.tensor,
        values[0],
        first.residual,
    )


def _with_one_batch(
    inquiry: Inquiry, bias: Factor, factors: list[Factor], reference: Scale
) -> list[str]:
    """Return the matrices that have the factor of a bias with one of the batches."""
    samples = [len(batch) for batch in inquiry.batches]
    value = bias.finding.factor / reference.at(samples[0])

    def is_shared(factor: Factor) -> bool:
        pairs = zip((factor.finding, factor.other), samples, strict=True)
        return any(
            abs(found.factor / reference.at(n) / value - 1) <= _NEAR
            for found, n in pairs
            if found is not None and found.known and not found.relative
        )

    matrices = (factor for factor in factors if factor.finding.tensor.startswith("W"))
    return [factor.finding.tensor for factor in matrices if is_shared(factor)]


def _is_decay(inquiry: Inquiry, share: float) -> bool:
    """Whether a number is the coefficient of a penalty that is declared, or in the loss."""
    meant = [inquiry.spec.weight_decay or 0.0]
    if inquiry.penalty is not None and inquiry.reported is not None:
        squares = PENALTIES["squares"].factor * inquiry.penalty.weights.get("squares", 0.0)
        samples = len(inquiry.batches[0])
        meant += [squares, squares * samples]
    return any(own > 0 and abs(share - own) <= 1e-5 * own for own in meant)


def _changing(group: list[Factor], text: str) -> Verdict:
    """Return that the factor of some tensors changes with the batch in a way that is not known."""
    names = ", ".join(factor.finding.tensor for factor in group)
    message = (
        f"{names}: a multiple of what is expected, and another one for each batch: {text}, which "
        "no power of the batch size explains. The cause is unknown."
    )
    first = group[0].finding
    return Verdict("gradient", DIFFERS, message, first.tensor, None, None, first.residual)


def _by_layer(inquiry: Inquiry, factors: list[Factor]) -> list[list[Scale]]:
    """Return the scales of the tensors of each layer, the first one first; empty if not all."""
    layers: dict[int, list[Scale]] = {}
    for factor in factors:
        if factor.finding.causes and factor.finding.tensor.startswith("b"):
            # What is wrong about it is told for itself, and its factor may belong to that.
            continue
        if factor.scale is None or factor.finding.causes:
            return []
        layers.setdefault(int(factor.finding.tensor[1:]), []).append(factor.scale)
    depth = len(inquiry.layers)
    if depth < 2 or len(layers) < depth:
        return []
    return [layers[number] for number in range(1, depth + 1)]


def _by_which_carried(inquiry: Inquiry, layers: list[list[Scale]]) -> float | None:
    """Return the factor from each layer to the one below, if that is one and the same."""
    samples = len(inquiry.batches[0])
    at = [[scale.at(samples) for scale in scales] for scales in layers]
    if not at or any(max(own) - min(own) > _NEAR * abs(own[0]) for own in at):
        return None
    steps = [below[0] / above[0] for below, above in pairwise(at)]
    return steps[0] if max(steps) - min(steps) <= _NEAR * abs(steps[0]) else None


def _carried(
    inquiry: Inquiry, factors: list[Factor], expected: Scale, *, besides: bool = False
) -> Verdict | None:
    """Return the factor that a gradient gets each time that it is carried back to a layer below.

    Parameters
    ----------
    besides : bool, default False
        Whether what is expected is what all tensors have.
    """
    layers = _by_layer(inquiry, factors)
    step = _by_which_carried(inquiry, layers)
    if step is None:
        return None
    samples, sizes, depth = len(inquiry.batches[0]), inquiry.subject.sizes, len(layers)
    upper = layers[-1][0].at(samples) / expected.at(samples)
    is_right, is_alike = abs(upper - 1) <= _NEAR, abs(upper / step - 1) <= _NEAR
    between = ratio(layers[-2][0], layers[-1][0], sizes, 1e-7)
    # With two layers, a factor of the first alone may have any other reason.
    if between is None or not (is_alike or (is_right and depth > 2)):
        return None
    either = ""
    if depth == 2 and between.causes == ("sign",):
        # Turned once more, it is as expected: so is it if the last layer alone is turned.
        if not _has_one_function(inquiry):
            return None
        either = ", or the update of the last layer alone is turned: the same numbers come of both"
    cause = between.causes[0]
    if besides:
        last = "has what all have"
    else:
        last = f"has {step:.6g} x expected" if is_alike else "is as expected"
    where = "in every layer" if is_alike else "where a gradient is carried back to the layer below"
    look = _LOOK_IN_LAYERS if cause in ("factor-two", "sign") else CAUSES[cause].advice
    message = (
        f"the gradient of the last layer {last}, and that of each layer below has another "
        f"{step:.6g} x: {between.text}; the batch is {samples}. The factor comes in {where}"
        f"{either}. Look at {look}."
    )
    tensor = f"dL/dz{depth if is_alike else depth - 1}"
    return Verdict("gradient", DIFFERS, message, tensor, cause, step)


# Neither the loss nor the direction of an update comes in once more with every layer.
_LOOK_IN_LAYERS = "what every layer multiplies with: the derivative of its function, or a scalar"


def _has_one_function(inquiry: Inquiry) -> bool:
    """Whether the last layer has the function of the others, and with it their derivative."""
    form = inquiry.form
    return form is not None and set(form.hidden) == {form.output}


def _who_says(inquiry: Inquiry) -> str:
    """Return why nothing says what the factor of a gradient should be."""
    reported = inquiry.reported and inquiry.reported[0]
    own = inquiry.gradient_loss
    if reported is None or own in (None, reported):
        return "No loss says which is meant"
    one, other = (name.replace("_", " ") for name in (str(own), reported))
    return (
        f"It is reproduced from the derivative of the {one}, and the loss reported is the {other}"
    )


_MAGNITUDES = "penalty-of-magnitudes"


def _common(inquiry: Inquiry, factors: list[Factor], expected: Scale | None) -> Verdict:
    samples = len(inquiry.batches[0])
    first = factors[0]
    assert first.ratio is not None
    if not first.ratio.causes:
        return _changing(factors, first.ratio.text)
    factor = first.scale.at(samples) if first.scale else first.finding.factor
    value = factor / (expected or Scale(1.0, 1)).at(samples)
    residual = max(f.finding.residual for f in factors)
    everything = len(tensors(inquiry.layers))
    whole = len(factors) == everything
    of = f"all {everything} tensors" if whole else f"the {len(factors)} tensors that are known"
    added = (own.finding.decay or _MAGNITUDES in own.finding.causes for own in factors)
    if any(added):
        # What a penalty adds need not have the factor, and is judged by itself.
        of += ", in what comes from the data"
    what = f"yours = {value:.6g} x expected on {of}, residual {residual:.1g}"
    why = f"{first.ratio.text}; the batch is {samples}"
    cause = first.ratio.causes[0]
    if expected is None and is_convention(inquiry, first.ratio):
        message = f"{what}: {why}. {_who_says(inquiry)}: it may as well be its convention."
        return Verdict("gradient", CONVENTION, message, None, cause, value, residual)
    if _is_rate(inquiry, first):
        message = (
            f"{what}. The step takes no learning rate that it could be given, and its own is not "
            f"declared: the factor is not judged. A rate of {value * RATES[0]:.6g} gives it."
        )
        return Verdict("gradient", CONVENTION, message, None, None, value, residual)
    taken, more = _made_up_for(inquiry, first, expected) or (None, 0)
    if more:
        message = (
            f"{what}: {why}. The training step is meant to make up for it: it divides by "
            f"{_with(more)}, and should by the number of samples."
        )
        return Verdict("gradient", DIFFERS, message, _above(factors), cause, value, residual)
    if taken is not None:
        is_whole = abs(taken - 1) <= _NEAR
        whole = "it" if is_whole else f"the batch size, and takes {taken:.6g} x what is expected"
        message = f"{what}: {why}. The training step makes up for {whole}."
        return Verdict("gradient", CONVENTION, message, None, cause, value, residual)
    message = f"{what}: {why}. Look at {CAUSES[cause].advice}."
    fixed = _of_fixed_rate(inquiry, value, first.ratio)
    if fixed is not None:
        look = CAUSES[cause].advice
        cause, seen, advice = fixed
        message = f"{what}: {seen}. Look at {advice}; or at {look}."
    return Verdict("gradient", DIFFERS, message, _above(factors), cause, value, residual)


def _of_fixed_rate(
    inquiry: Inquiry, value: float, factor: Ratio
) -> tuple[str | None, str, str] | None:
    """Return that a factor is the learning rate that steps cannot be given, or one over it.

    Returns
    -------
    tuple of (cause, what is seen, what to look at), or None if it is neither
        The cause is None where the factor has another meaning as well.
    """
    rate = inquiry.subject.network.lr
    if rate is None or not is_inferred(inquiry):
        return None
    for cause, number, name in (
        ("step-without-rate", 1 / rate, "1 / lr"),
        ("rate-twice", rate, "lr"),
    ):
        if abs(value / number - 1) <= _NEAR:
            seen = f"{value:.6g} = {name}, with the learning rate of {rate:g} that is declared"
            is_alone = factor.causes == ("factor-constant",)
            return cause if is_alone else None, seen, CAUSES[cause].advice
    return None


def _with(more: int) -> str:
    return f"(batch size {'+' if more > 0 else '-'} {abs(more)})"


# What is added to the number of samples by mistake, as in an unbiased variance, or in a count that
# begins at one.
_MORE = (-1, 1)


def _made_up_for(
    inquiry: Inquiry, handed_out: Factor, expected: Scale | None
) -> tuple[float, int] | None:
    r"""Return how many times the gradient expected steps take, whatever is handed out.

    All of them do, plainly or with momentum: one may come to the same by chance. It is once, or as
    often with batches of all sizes where the factor is nothing but a power of these.

    .. math:: v_t = \mu v_{t-1} + k \frac{m}{c} g_t, \qquad \theta_{t+1} = \theta_t - \eta v_t

    Returns
    -------
    tuple of (float, int) or None
        How many times, and what is added to the number of samples that they divide by; None if
        steps do not make up for the factor.
    """
    subject = inquiry.subject
    if is_inferred(inquiry) or subject.network.step is None:
        return None
    one, other = ends(inquiry.batches[0]) if subject.single else inquiry.batches
    rate = subject.network.lr or RATES[0]
    handed = []
    try:
        walk = walk_on(inquiry, [one, other, one], rate)
        for layers, batch in zip(walk.layers, walk.batches, strict=False):
            subject.begin(layers)
            handed.append(_matrices(subject.gradients(batch)))
    except SubjectError:
        return None
    places = [_matrices(layers) for layers in walk.layers]
    steps = [(before - after) / rate for before, after in pairwise(places)]
    if any(gradient.shape != step.shape for gradient, step in zip(handed, steps, strict=False)):
        return None
    rounding = 4 * precision_of(inquiry) * float(np.linalg.norm(places[0])) / rate
    before = [np.zeros_like(steps[0]), *steps]
    samples = [len(inquiry.batches[0])] * 3 if subject.single else [len(b) for b in walk.batches]
    scale, reference = handed_out.scale, expected or Scale(1.0, 1)
    assert scale is not None
    assert handed_out.ratio is not None
    # Any other factor of steps may be that of what is handed out.
    is_of_batch = handed_out.ratio.causes == ("factor-batch",)
    # Where no loss says it, a sum over the samples may be meant.
    tried = [(0, 0), (1, 0)] if expected is None else [(0, 0), *((0, more) for more in _MORE)]
    for power, more in tried if min(samples) > 1 else tried[:1]:
        shares = [n**power * n / (n + more) * reference.at(n) / scale.at(n) for n in samples]
        if all(abs(share - 1) <= _NEAR for share in shares):
            continue  # steps by what is handed out make up for nothing
        own = [share * gradient for share, gradient in zip(shares, handed, strict=True)]
        times, left = fit(steps[0], own[0])
        is_told = is_of_batch and max(shares) - min(shares) > _NEAR * max(shares)
        if not (is_told and left <= CLOSE and times > 0):
            times = 1.0
        own = [times * gradient for gradient in own]
        momentum, _ = fit(steps[1] - own[1], steps[0])
        if -CLOSE <= momentum <= 1 + CLOSE and all(
            np.linalg.norm(step - momentum * last - gradient)
            <= CLOSE * np.linalg.norm(step) + rounding
            for step, last, gradient in zip(steps, before, own, strict=False)
        ):
            return times, more
    return None


def _matrices(layers: Layers) -> Array:
    return np.concatenate([layer.weight.ravel() for layer in layers])


def _is_rate(inquiry: Inquiry, factor: Factor) -> bool:
    """Whether a factor may be that of a learning rate that nobody can set."""
    if not is_inferred(inquiry) or inquiry.subject.network.lr is not None:
        return False
    assert factor.ratio is not None
    if factor.finding.factor < 0 or "factor-batch" in factor.ratio.causes:
        return False
    batch = inquiry.batches[0]
    moved = [observe(inquiry, batch, rate)[0][-1].weight * rate for rate in RATES]
    # Of a short step much is the rounding of the parameters.
    rounding = 4 * precision_of(inquiry) * float(np.abs(inquiry.layers[-1].weight).max())
    return bool(np.allclose(*moved, rtol=1e-6, atol=rounding))


def _above(factors: list[Factor]) -> str:
    """Return what all tensors come from."""
    last = max(int(factor.finding.tensor[1:]) for factor in factors)
    return f"dL/dz{last}"


# Losses with a term for each output, whose mean may be one over the outputs as well.
_OF_OUTPUTS = {
    "absolute_error",
    "binary_cross_entropy",
    "huber",
    "log_cosh",
    "squared_error",
}


def is_convention(inquiry: Inquiry, factor: Ratio) -> bool:
    """Whether a factor may be meant, where no loss says: what is averaged, and how squares are."""
    allowed = {"factor-batch"}
    if inquiry.gradient_loss in _OF_OUTPUTS:
        allowed.add("factor-classes")
    if inquiry.gradient_loss == "squared_error":
        allowed.add("factor-two")
    return not inquiry.spec.scale and set(factor.causes) <= allowed
