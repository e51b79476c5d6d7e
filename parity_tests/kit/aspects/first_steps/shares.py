"""What of a factor in the first step is the optimizer's, and what is left of the gradient."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from parity_tests.kit.aspects.descent_on_mean import mean_of
from parity_tests.kit.aspects.gradient.conventions import is_convention
from parity_tests.kit.aspects.log_bases import held_to
from parity_tests.kit.aspects.loss.aspect import declared_scale
from parity_tests.kit.causes import CAUSES
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.optimizers.observed import Observed
from parity_tests.kit.optimizers.search import find
from parity_tests.kit.scales import MEAN, Ratio, Scale, ratio, scale_of
from parity_tests.kit.told_by_share import FactorsApart, difficulty
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, Verdict

# How closely a factor is a number with a meaning.
NEAR = 1e-7
_EITHER = (
    "No step tells whether a first one takes {} x the gradient: with {:.6g} x this is what is left."
)
# The same of one that is seen in first steps alone.
_CLOSE = 1e-6


def of_average(inquiry: Inquiry, observed: Observed) -> list[Verdict]:
    """Take a factor in the first step of momentum for that of a moving average.

    The first step of a moving average is 1 - momentum times the gradient. Empty if that does not
    make the factor of the gradient a simpler one. Where a factor is left that has a meaning either
    way, both accounts are told.
    """
    for match in find(observed, None, {}):
        momentum = match.formula.options.get("momentum")
        if not momentum:
            continue
        either = sum_or_average(inquiry, momentum, match.residual)
        if either:
            return either
        first, left = first_share(inquiry, (1.0, 1 - momentum), match.residual)
        if first != 1:
            inquiry.share_of_steps = first
            told = average_verdict(momentum, first, match.residual)
            return [*left, told if left else _with_sum(inquiry, momentum, told)]
    return []


def sum_or_average(inquiry: Inquiry, momentum: float, residual: float | None) -> list[Verdict]:
    r"""Return two accounts of a factor, where each is one with a meaning; else nothing.

    .. math:: v_t = \mu v_{t-1} + c \, g_t = \mu v_{t-1} + (1 - \mu) \frac{c}{1 - \mu} g_t

    No step tells the sum of a gradient from the moving average of another multiple of it. Gradients
    that are handed out besides do, as far as their scale is known.
    """
    if inquiry.factors_apart is not None:
        return []
    summed, averaged, value = _of_sum_and_average(inquiry, momentum)
    if summed is None or averaged is None or difficulty(summed)[0] or difficulty(averaged)[0]:
        return []
    samples = len(inquiry.batches[0])
    common = [cause for cause in summed.causes if cause in averaged.causes]
    cause = common[0] if common else None
    message = (
        f"the steps are those of {value:.6g} x the gradient expected: {summed.text}, if momentum "
        f"adds gradients up, and of {value / (1 - momentum):.6g} x: {averaged.text}, if it is a "
        f"moving average; no step tells which. The batch is {samples}. Look at "
        f"{CAUSES[cause or summed.causes[0]].advice}."
    )
    inquiry.steps_explain = "factor"
    tensor = f"dL/dz{len(inquiry.layers)}"
    seen = f"all steps have momentum of {momentum:g}, of a sum or of a moving average"
    return [
        Verdict("gradient", DIFFERS, message, tensor, cause, value, residual),
        Verdict("optimizer", EQUAL, seen, residual=residual),
    ]


def _of_sum_and_average(
    inquiry: Inquiry, momentum: float
) -> tuple[Ratio | None, Ratio | None, float]:
    """Return the factor of the gradient if momentum adds up and if it averages; its value summed.

    None where there is no factor, or nothing says which is expected.
    """
    scale, expected = inquiry.gradient_scale, inquiry.handed_scale or expected_of(inquiry)
    if scale is None or expected is None:
        return None, None, 1.0
    if inquiry.subject.single:
        expected = Scale(expected.constant, scale.power)
    summed, averaged = _factors(inquiry, scale, expected, (1.0, 1 - momentum))
    samples = len(inquiry.batches[0])
    return summed, averaged, scale.at(samples) / expected.at(samples)


def _with_sum(inquiry: Inquiry, momentum: float, told: Verdict) -> Verdict:
    """Add that a sum gives the same steps, where the share of an average is a usual factor."""
    summed, _, value = _of_sum_and_average(inquiry, momentum)
    if summed is None or difficulty(summed)[0]:
        return told
    message = (
        f"{told.message}. The same steps come of a sum of gradients that are {value:.6g} x those "
        f"expected ({summed.text}): no step tells which"
    )
    return replace(told, message=message)


def average_verdict(momentum: float, first: float, residual: float | None) -> Verdict:
    """Return what is said of momentum that is a moving average."""
    message = (
        f"{CAUSES['momentum-average'].title}: as momentum {momentum:g}, and the first step is "
        f"{first:.6g} x the gradient (the same as PyTorch's with lr x {1 - momentum:.6g})"
    )
    cause = "momentum-average"
    return Verdict("optimizer", CONVENTION, message, None, cause, 1 - momentum, residual)


def of_first_fall(
    inquiry: Inquiry,
    observed: Observed,
    kind: str | None,
    given: Mapping[str, float | None],
    found: list[Verdict],
) -> tuple[list[Verdict], list[Verdict]]:
    r"""Take a factor in the first step for that of a learning rate that has fallen before it.

    Where steps are counted from 1, with the decay d that shows from the first step on,

    .. math:: (1 - d)^{t + 1} = (1 - d) (1 - d)^t, \qquad
              \frac{1}{1 + c (t + 1)} = \frac{1 - d}{1 + d t}, \quad d = \frac{c}{1 + c}

    Returns
    -------
    tuple of (list of Verdict, list of Verdict)
        What is left to be said of the gradient, and what is said of the optimizer.
    """
    for match in find(observed, kind, given):
        decay = match.changed.get("lr_decay", 0.0)
        first, left = first_share(inquiry, (1.0, 1 - decay), match.residual)
        if first != 1:
            inquiry.share_of_steps = first
            seen = f"the first step has a rate of {first:.6g} lr already"
            return left, [replace(v, message=f"{v.message}; {seen}") for v in found]
    return [], found


def without_accounted(
    inquiry: Inquiry, verdicts: list[Verdict], left: list[Verdict]
) -> list[Verdict]:
    """Take back what was said of a gradient, where the optimizer's steps account for it.

    Parameters
    ----------
    left : list of Verdict
        What the steps leave to be said of the gradient.
    """
    kept = [verdict for verdict in verdicts if not _is_accounted_for(verdict, inquiry)]
    if len(kept) < len(verdicts):
        kept += left
    share, decays = inquiry.share_of_steps, inquiry.decays_told
    if (
        decays is None
        or share == 1
        or not any(verdict.aspect == "gradient" for verdict in verdicts)
    ):
        return kept
    return [verdict for verdict in kept if verdict not in decays.told] + decays.told_by(share)


def _is_accounted_for(verdict: Verdict, inquiry: Inquiry) -> bool:
    """Whether the optimizer accounts for what is said, by its `steps_explain`."""
    explained, apart = inquiry.steps_explain, inquiry.factors_apart
    if verdict.aspect != "gradient" or explained == "nothing":
        return False
    if explained == "decay":
        return verdict.cause == "weight-decay"
    if explained == "penalty":
        return verdict.cause == "weight-decay" and verdict.factor == 0
    if explained == "factors":
        return apart is not None and verdict in apart.told
    # What only some tensors have is not the optimizer's.
    of_all = verdict.tensor is None or verdict.tensor.startswith("dL/dz")
    is_factor = verdict.factor is not None and str(verdict.cause).startswith("factor")
    return explained == "gradient" or (is_factor and of_all)


def first_share(
    inquiry: Inquiry, shares: Sequence[float], residual: float | None
) -> tuple[float, list[Verdict]]:
    """Return how many times the gradient the first step is, and what that leaves to be said.

    Parameters
    ----------
    shares : sequence of float
        What it may be. The first one is taken that makes the factor of the gradient simplest.
    """
    scale = inquiry.gradient_scale
    if scale is None:
        inquiry.possible_shares = tuple(shares)
        return shares[0], []
    if inquiry.factors_apart is not None:
        return _share_apart(inquiry, inquiry.factors_apart, shares)
    expected = expected_of(inquiry) or MEAN
    if inquiry.subject.single:
        expected = Scale(expected.constant, scale.power)
    found = _factors(inquiry, scale, expected, shares)
    best = min(range(len(shares)), key=lambda index: difficulty(found[index]))
    share, rest = shares[best], found[best]
    if share == 1:
        return share, []
    inquiry.steps_explain = "factor"
    alone = Scale(scale.constant / share, scale.power)
    return share, [] if rest is None else [left_of(inquiry, rest, alone, expected, residual)]


def _share_apart(
    inquiry: Inquiry, apart: FactorsApart, shares: Sequence[float]
) -> tuple[float, list[Verdict]]:
    """Return the same where tensors have different factors.

    That share is taken which leaves the fewest and simplest. If another one leaves as simple ones,
    that is said.
    """
    near = max(NEAR, inquiry.tolerance)
    least = min(apart.difficulty(share, near) for share in shares)
    likely = [share for share in shares if apart.difficulty(share, near) == least]
    share, *others = likely
    if abs(share - 1) <= near:
        return 1.0, []
    inquiry.steps_explain = "factors"
    left = apart.told_by(share)
    others = [other for other in others if abs(other / share - 1) > near]
    if not others:
        return share, left
    either = _EITHER.format(" or ".join(f"{other:.6g}" for other in (share, *others)), share)
    return share, [replace(verdict, message=f"{verdict.message} {either}") for verdict in left]


def by_what_is_kept(inquiry: Inquiry, share: Scale, once: Scale) -> Scale:
    """Return how many times steps take a gradient, but for what they keep of those before.

    Parameters
    ----------
    share : Scale
        How many times the first step takes it.
    once : Scale
        How many times it should.
    """
    found = _factors(inquiry, share, once, inquiry.possible_shares)
    if not found:
        return share
    best = min(range(len(found)), key=lambda index: difficulty(found[index]))
    return Scale(share.constant / inquiry.possible_shares[best], share.power)


def _factors(
    inquiry: Inquiry, scale: Scale, expected: Scale, shares: Sequence[float]
) -> list[Ratio | None]:
    """Return the factor of the gradient, if its first step is each of several multiples of it."""
    near, sizes = max(NEAR, inquiry.tolerance), inquiry.subject.sizes
    return [
        ratio(Scale(scale.constant / share, scale.power), expected, sizes, near) for share in shares
    ]


def left_of(
    inquiry: Inquiry, factor: Ratio, scale: Scale, expected: Scale, residual: float | None
) -> Verdict:
    """Return what is to be said of the gradient that the steps show, which has a factor."""
    samples = len(inquiry.batches[0])
    value = scale.at(samples) / expected.at(samples)
    cause = factor.causes[0]
    what = (
        f"the steps are those of {value:.6g} x the gradient expected: {factor.text}; the batch is "
        f"{samples}"
    )
    if expected_of(inquiry) is None and is_convention(inquiry, factor):
        message = f"{what}. No loss says which is meant: it may as well be its convention."
        return Verdict("gradient", CONVENTION, message, None, cause, value, residual)
    message = f"{what}. Look at {CAUSES[cause].advice}."
    tensor = f"dL/dz{len(inquiry.layers)}"
    return Verdict("gradient", DIFFERS, message, tensor, cause, value, residual)


def rest_of(inquiry: Inquiry, factors: Sequence[float], samples: Sequence[int]) -> list[Verdict]:
    """Return what is to be said of the factors that the gradients of both batches have."""
    expected = expected_of(inquiry) or MEAN
    scale: Scale | None
    if inquiry.subject.single:
        scale, expected = Scale(factors[0], 1), Scale(expected.constant, 1)
    else:
        scale = scale_of(factors, samples, _CLOSE)
    between = None if scale is None else ratio(scale, expected, inquiry.subject.sizes, _CLOSE)
    if between is None or scale is None:
        return []
    return [left_of(inquiry, between, scale, expected, None)]


def expected_of(inquiry: Inquiry) -> Scale | None:
    """Return the scale that is declared, or that of the loss reported."""
    declared = declared_scale(inquiry.spec, inquiry.subject.outputs)
    if declared is None and inquiry.reported is not None:
        samples, sizes = len(inquiry.batches[0]), inquiry.subject.sizes
        own = 0.0 if inquiry.gradient_scale is None else inquiry.gradient_scale.at(samples)
        _, declared = held_to(inquiry.reported, own, samples, sizes)
    is_mean = inquiry.gradient_scale is not None and inquiry.gradient_scale.power == 1
    return (mean_of(inquiry, declared) if is_mean else None) or declared
