"""What is said of steps that take all of the gradients handed out the same number of times."""

from parity_tests.kit.aspects.first_steps.shares import expected_of
from parity_tests.kit.aspects.optimizer.handed_shares import ONCE, Shares
from parity_tests.kit.causes import CAUSES
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.scales import MEAN, NEAR, Scale, ratio, scale_of
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, Verdict, named

_OF_MEAN = (
    "a first step takes {:.6g} x the gradient handed out, 1 / batch size with a batch of {}: loss "
    "and gradient are sums over the batch, and the step goes down their mean"
)
# What steps do not take of what is handed out: multiples of parameters, and of the learning rate.
_OF_STEPS_ALONE = (
    *("weight-decay", "penalty-sign", "penalty-as-gradient", "decay-not-scaled"),
    *("weights-replaced", "parameters-added", "decay-of-gradient"),
    *("rate-twice", "step-without-rate"),
)


def is_of_steps_alone(verdict: Verdict) -> bool:
    """Whether something is said of steps that is no multiple of what is handed out."""
    return verdict.cause in _OF_STEPS_ALONE


def of_share(inquiry: Inquiry, share: Scale) -> list[Verdict]:
    """Judge how many times steps take gradients that are handed out with a fault, or with a factor.

    Parameters
    ----------
    share : Scale
        How many times, of all tensors.

    Returns
    -------
    list of Verdict
        Empty where it is once, or where it makes up for a factor that the gradients have.
    """
    samples, sizes = len(inquiry.batches[0]), inquiry.subject.sizes
    times = ratio(share, ONCE, sizes, NEAR)
    if times is None:
        return []
    if is_of_mean(inquiry, share):
        return [of_mean(inquiry)]
    own = share.at(samples)
    told = f"a first step takes {own:.6g} x the gradient that is handed out"
    scale, expected = inquiry.gradient_scale, _expected(inquiry)
    if times.causes == ("factor-batch",) and (scale is None or expected is None):
        message = (
            f"{told}, with a batch of {samples}. No loss says which is meant: sum or mean may be "
            "its convention."
        )
        return [Verdict("optimizer", CONVENTION, message, None, times.causes[0], own)]
    if scale is not None and expected is not None:
        taken = Scale(share.constant * scale.constant, share.power + scale.power)
        whole = ratio(taken, expected, sizes, NEAR)
        if whole is None:
            return []
        if len(whole.causes) < len(times.causes):
            # It makes up for some of what is handed out.
            own, times = taken.at(samples) / expected.at(samples), whole
            told = f"a first step takes {own:.6g} x the gradient expected"
    if "sign" in times.causes:
        return [named("optimizer", "step-sign", told, None, own)]
    told = f"{told}: {CAUSES[times.causes[0]].title}"
    return [named("optimizer", "step-scaled", told, None, own)]


def has_factor(inquiry: Inquiry) -> bool:
    """Whether the gradients handed out have a factor that they should not have."""
    scale, expected = inquiry.gradient_scale, _expected(inquiry)
    if scale is None or expected is None:
        return False
    return ratio(scale, expected, inquiry.subject.sizes, NEAR) is not None


def _expected(inquiry: Inquiry) -> Scale | None:
    """Return the scale that is declared or reported; of single samples, whose means are seen."""
    expected = expected_of(inquiry)
    if expected is None or not inquiry.subject.single:
        return expected
    return Scale(expected.constant, expected.power + 1)


def is_of_mean(inquiry: Inquiry, share: Scale) -> bool:
    """Whether loss and gradient are sums over the batch, and steps divide by its size."""
    expected = expected_of(inquiry)
    if inquiry.gradient_scale is None or expected is None or expected.power != 0:
        return False
    if inquiry.subject.single or inquiry.is_one_by_one or has_factor(inquiry):
        return False
    return ratio(share, MEAN, inquiry.subject.sizes, NEAR) is None


def of_mean(inquiry: Inquiry) -> Verdict:
    """Return that steps go down the mean of a loss that is a sum, which is its convention."""
    samples = len(inquiry.batches[0])
    message = _OF_MEAN.format(1 / samples, samples)
    return Verdict("optimizer", CONVENTION, message, None, "factor-batch", 1 / samples)


def of_mean_and_others(inquiry: Inquiry, shares: Shares) -> list[Verdict]:
    """Judge steps on the mean of a loss that is a sum, where some tensors have a factor besides.

    Those of all matrices or of all biases are on the mean, and none is taken as it is handed out:
    then it would not be told which of the two is meant.

    Returns
    -------
    list of Verdict
        Empty if that is not so.
    """
    samples, sizes = [len(batch) for batch in inquiry.batches], inquiry.subject.sizes
    groups: dict[str, list[str]] = {}
    scales: dict[str, Scale] = {}
    for name, own in shares.items():
        scale = scale_of(own, samples, NEAR, ONCE)
        if scale is None or ratio(scale, ONCE, sizes, NEAR) is None:
            return []
        between = ratio(scale, MEAN, sizes, NEAR)
        groups.setdefault("" if between is None else between.text, []).append(name)
        scales[name] = scale
    usual = groups.pop("", [])
    is_whole = any(all(name in usual for name in shares if name[0] == kind) for kind in "Wb")
    if not groups or not is_whole or not is_of_mean(inquiry, MEAN):
        return []
    told = [of_mean(inquiry)]
    for text, names in groups.items():
        between = ratio(scales[names[0]], MEAN, sizes, NEAR)
        assert between is not None
        value = scales[names[0]].at(samples[0]) * samples[0]
        is_of_biases = all(name.startswith("b") for name in names)
        cause = "bias-scaled" if is_of_biases else between.causes[0]
        message = (
            f"a first step takes {value:.6g} x as much of {', '.join(names)} as of the others: "
            f"{text}, with a batch of {samples[0]}. Look at what the step multiplies with."
        )
        told.append(Verdict("optimizer", DIFFERS, message, names[0], cause, value))
    return told
