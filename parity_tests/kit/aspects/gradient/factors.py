"""Constant factors of a gradient, and whether they are meant."""

from dataclasses import replace

import numpy as np

from parity_tests.kit.aspects.gradient.by_width import by_width
from parity_tests.kit.aspects.gradient.conventions import conventional_scale, is_convention
from parity_tests.kit.aspects.gradient.made_up_for import made_up_for
from parity_tests.kit.aspects.gradient.measured_factors import Factor, times_of, with_more
from parity_tests.kit.aspects.gradient.shared_factors import carried_factor, shared_scale
from parity_tests.kit.aspects.observing import RATES, is_inferred, observe, precision_of
from parity_tests.kit.causes import CAUSES
from parity_tests.kit.codes import hands_on
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.penalties import slopes_of
from parity_tests.kit.scales import MEAN, NEAR, Ratio, Scale, ratio
from parity_tests.kit.subject.subject import by_name, tensors
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, Verdict, named


def of_factors(inquiry: Inquiry, factors: list[Factor], expected: Scale | None) -> list[Verdict]:
    """Judge the factors of all tensors, by what is expected or, if nothing is, by the mean."""
    reference = expected or MEAN
    texts = {factor.ratio.text if factor.ratio else "" for factor in factors}
    if texts == {""} or not factors:
        return []
    if len(texts) == 1:
        return [_common(inquiry, factors, expected)]
    carried = carried_factor(inquiry, factors, reference)
    if carried is not None:
        return [carried]
    if "" not in texts and (by_layer := _of_widths(inquiry, factors, reference, besides=False)):
        return [by_layer]
    shared = shared_scale(inquiry, factors, reference)
    if shared is None and expected is None:
        shared = conventional_scale(inquiry, factors)
    shared = shared or _of_unknown_rate(inquiry, factors)
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
        whole.append(replace(factor, scale=shared, ratio=ratio(shared, reference, sizes, NEAR)))
        rest.append(replace(factor, ratio=ratio(alone, reference, sizes, 1e-7)))
    carried = carried_factor(inquiry, rest, shared, besides=True)
    others = [carried] if carried else _of_groups(inquiry, rest, shared, besides=True)
    return [_common(inquiry, whole, expected), *others]


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
    both = [len(batch) for batch in inquiry.batches]
    samples = both[0]
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
        value, with_which = times_of(group[0], reference, both)
        if not group[0].ratio.causes:
            verdicts.append(_changing(group, text))
            continue
        biases = all(f.finding.tensor.startswith("b") for f in group)
        turned = "sign" in group[0].ratio.causes
        cause = "bias-scaled" if biases and not turned else group[0].ratio.causes[0]
        what = f"yours = {value:.6g} x expected{with_which} on {names} and not on the others"
        shared = _with_one_batch(inquiry, group[0], factors, reference)
        if shared and cause == "bias-scaled":
            cause = group[0].ratio.causes[0]
            what = (
                f"yours = {value:.6g} x expected on {names} with both batches, and on "
                f"{', '.join(shared)} with one of them"
            )
        if besides:
            have = "have" if len(group) > 1 else "has"
            what = f"besides what all have, {names} {have} another {value:.6g} x{with_which}"
        seen = text if with_which else f"{text}, with a batch of {samples}"
        look = CAUSES[cause].advice
        if cause in ("factor-two", "factor-classes") and f"W{len(inquiry.layers)}" not in names:
            # The last layer has what the loss has.
            look = CAUSES["factor-constant"].advice
            if cause == "factor-classes":
                cause = "factor-constant"
                seen = f"a constant, with a batch of {samples}"
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
            abs(found.factor / reference.at(n) / value - 1) <= NEAR
            for found, n in pairs
            if found is not None and found.known and not found.relative
        )

    matrices = (factor for factor in factors if factor.finding.tensor.startswith("W"))
    return [factor.finding.tensor for factor in matrices if is_shared(factor)]


def _is_decay(inquiry: Inquiry, share: float) -> bool:
    """Whether a number is the coefficient of a penalty that is declared, or in the loss."""
    meant = [inquiry.spec.weight_decay or 0.0]
    if inquiry.penalty is not None and inquiry.reported is not None:
        squares = slopes_of(inquiry.penalty.weights).get("squares", 0.0)
        samples = len(inquiry.batches[0])
        meant += [squares, squares * samples]
    return any(own > 0 and abs(share - own) <= 1e-5 * own for own in meant)


def _changing(group: list[Factor], text: str) -> Verdict:
    """Return that the factor of some tensors changes with the batch in a way that is not known."""
    names = ", ".join(factor.finding.tensor for factor in group)
    what = "a multiple of what is expected"
    if ", " in text:
        what += (
            f", and another one for each batch: {text}, which no power of the batch size explains"
        )
    else:
        what += f" with one batch alone: {text}"
    message = f"{names}: {what}. The cause is unknown."
    first = group[0].finding
    return Verdict("gradient", DIFFERS, message, first.tensor, None, None, first.residual)


def _who_says(inquiry: Inquiry) -> str:
    """Return why nothing says what the factor of a gradient should be."""
    reported = inquiry.reported and inquiry.reported[0]
    own = inquiry.gradient_loss
    if inquiry.is_loss_unknown:
        return "The loss reported is none that is known"
    if reported is None or own in (None, reported):
        return "No loss says which is meant"
    one, other = (name.replace("_", " ") for name in (str(own), reported))
    return (
        f"It is reproduced from the derivative of the {one}, and the loss reported is the {other}"
    )


_MAGNITUDES = "penalty-of-magnitudes"


def _common(inquiry: Inquiry, factors: list[Factor], expected: Scale | None) -> Verdict:
    both = [len(batch) for batch in inquiry.batches]
    samples = both[0]
    first = factors[0]
    assert first.ratio is not None
    if not first.ratio.causes:
        return _changing(factors, first.ratio.text)
    value, with_which = times_of(first, expected or MEAN, both)
    residual = max(f.finding.residual for f in factors)
    everything = len(tensors(inquiry.layers))
    whole = len(factors) == everything
    of = f"all {everything} tensors" if whole else f"the {len(factors)} tensors that are known"
    added = (own.finding.decay or _MAGNITUDES in own.finding.causes for own in factors)
    if any(added):
        # What a penalty adds need not have the factor, and is judged by itself.
        of += ", in what comes from the data"
    what = f"yours = {value:.6g} x expected{with_which} on {of}, residual {residual:.1g}"
    why = first.ratio.text if with_which else f"{first.ratio.text}; the batch is {samples}"
    cause = first.ratio.causes[0]
    if expected is None and is_convention(inquiry, first.ratio):
        message = f"{what}: {why}. {_who_says(inquiry)}: it may as well be its convention."
        return Verdict("gradient", CONVENTION, message, None, cause, value, residual)
    # Where nothing says that a mean is meant, it may be of the sum.
    is_of_batch = not {"factor-batch", "factor-nominal-batch"}.isdisjoint(first.ratio.causes)
    is_of_sum = expected is None and is_of_batch
    is_still = _is_still(inquiry, first)
    if is_still and is_of_batch and expected is not None and first.scale is not None:
        power = expected.power - first.scale.power
        sizes = {1: "batch size", -1: "1 / batch size"}.get(power, f"batch size^{power}")
        message = (
            f"{what}: {sizes} x a number, which may have to do with its learning rate, as the "
            f"step takes none that it could be given; the batch is {samples}. Look at "
            f"{CAUSES['factor-batch'].advice}."
        )
        return Verdict(
            "gradient", DIFFERS, message, _above(factors), "factor-batch", value, residual
        )
    if is_still and hands_on(inquiry.subject.network.step, "lr"):
        seen = f"{what}, as far at every learning rate that the step is given"
        tensor = _above(factors)
        return named("gradient", "step-without-rate", seen, tensor, value, residual)
    if is_still:
        of_what = ", by the gradient of the sum over the samples" if is_of_sum else ""
        rate = (first.finding.factor if is_of_sum else value) * RATES[0]
        message = (
            f"{what}. The step takes no learning rate that it could be given, and its own is not "
            f"declared: the factor is not judged. A rate of {rate:.6g} gives it{of_what}."
        )
        return Verdict("gradient", CONVENTION, message, None, None, value, residual)
    taken, more = made_up_for(inquiry, first, expected) or (None, 0)
    if more:
        message = (
            f"{what}: {why}. The training step is meant to make up for it: it divides by "
            f"{with_more(more)}, and should by the number of samples."
        )
        return Verdict("gradient", DIFFERS, message, _above(factors), cause, value, residual)
    if taken is not None:
        is_whole = abs(taken - 1) <= NEAR
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
        if abs(value / number - 1) <= NEAR:
            seen = f"{value:.6g} = {name}, with the learning rate of {rate:g} that is declared"
            is_alone = factor.causes == ("factor-constant",)
            return cause if is_alone else None, seen, CAUSES[cause].advice
    return None


def _of_unknown_rate(inquiry: Inquiry, factors: list[Factor]) -> Scale | None:
    """Return the scale that at least half of the tensors have, if it may be a learning rate's.

    Of two halves, that of the last layer, which is nearest to the loss.
    """
    # That of a tensor with another fault may belong to it.
    own = [(factor, factor.scale) for factor in factors if not factor.finding.causes]
    groups: list[tuple[int, int, Factor, Scale]] = []
    for factor, scale in own:
        if scale is not None:
            having = sum(other is not None and other.is_near(scale) for _, other in own)
            groups.append((having, int(factor.finding.tensor[1:]), factor, scale))
    if not groups:
        return None
    having, _, factor, scale = max(groups, key=lambda group: group[:2])
    return scale if 2 * having >= len(factors) and _is_still(inquiry, factor) else None


def _is_still(inquiry: Inquiry, factor: Factor) -> bool:
    """Whether a tensor moves as far at every learning rate, which its factor may be that of."""
    if not is_inferred(inquiry) or inquiry.subject.network.lr is not None:
        return False
    if factor.finding.factor < 0:
        return False
    batch, tensor = inquiry.batches[0], factor.finding.tensor
    moved = [by_name(observe(inquiry, batch, rate)[0])[tensor] * rate for rate in RATES]
    # Of a short step much is the rounding of the parameters.
    rounding = 4 * precision_of(inquiry) * float(np.abs(by_name(inquiry.layers)[tensor]).max())
    return bool(np.allclose(*moved, rtol=1e-6, atol=rounding))


def _above(factors: list[Factor]) -> str:
    """Return what all tensors come from."""
    last = max(int(factor.finding.tensor[1:]) for factor in factors)
    return f"dL/dz{last}"
