"""Steps in which the learning rate is twice, or not at all."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

import numpy as np

from parity_tests.kit.aspects.constant_parts import constant_part
from parity_tests.kit.aspects.observing import RATES
from parity_tests.kit.backprop import Explanation, Finding
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.penalties import close as close_shares
from parity_tests.kit.scales import NEAR, ROUGH
from parity_tests.kit.subject import SubjectError, by_name
from parity_tests.kit.verdicts import Verdict, named

# How much smaller another learning rate is at which steps are asked.
_LATER = 4


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
    close = max(NEAR, 10 * inquiry.tolerance)
    still, moving, twice = [], [], []
    parts: dict[str, float] = {}
    for one, other, short in zip(*(e.findings for e in explanations), strict=True):
        if not (one.known and other.known and one.factor and np.isfinite(one.factor)):
            continue
        change = other.factor / one.factor
        moved, shortly = abs(one.factor) * rate, abs(short.factor) * RATES[1]
        is_limited = short.known and shortly < moved * (1 - ROUGH)
        if abs(change / _LATER - 1) <= close and not is_limited:
            still.append(one.tensor)
        elif abs(change - 1) <= close:
            moving.append(one.tensor)
        elif abs(change * _LATER - 1) <= close:
            twice.append(one.tensor)
            shares = {name: share / _LATER for name, share in one.decay.items()}
            if shares and close_shares(other.decay, shares, ROUGH):
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
