"""Steps in which the learning rate is twice, or not at all."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

import numpy as np

from parity_tests.kit.aspects.first_steps.constant_parts import constant_part
from parity_tests.kit.aspects.observing import RATES
from parity_tests.kit.backprop.findings import Explanation, Finding
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.penalties import close as close_shares
from parity_tests.kit.scales import NEAR, ROUGH
from parity_tests.kit.subject.subject import SubjectError, by_name
from parity_tests.kit.verdicts import Verdict, named

# How much smaller another learning rate is at which steps are asked.
_LATER = 4
# With which powers of it steps may go, as where it is multiplied with in every layer.
_POWERS = {2: "square", 3: "cube", 4: "fourth power", 5: "fifth power"}


def note_rates(inquiry: Inquiry, rate: float, at: Callable[[float], Explanation]) -> set[str]:
    r"""Note which tensors move as far at every learning rate, or go with a power of it.

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
    inquiry.rate_powers, inquiry.constant_parts = {}, {}
    if inquiry.subject.network.lr is not None:
        return decayed
    try:
        # A change that is limited is the same at long steps only.
        explanations = at(rate), at(rate / _LATER), at(RATES[1])
    except SubjectError:
        return decayed
    close = max(NEAR, 10 * inquiry.tolerance)
    still, moving = [], []
    powers: dict[str, int] = {}
    parts: dict[str, float] = {}
    for one, other, short in zip(*(e.findings for e in explanations), strict=True):
        if not (one.known and other.known and one.factor and np.isfinite(one.factor)):
            continue
        change = other.factor / one.factor
        power = next((k for k in _POWERS if abs(change * _LATER ** (k - 1) - 1) <= close), 0)
        moved, shortly = abs(one.factor) * rate, abs(short.factor) * RATES[1]
        is_limited = short.known and shortly < moved * (1 - ROUGH)
        if abs(change / _LATER - 1) <= close and not is_limited:
            still.append(one.tensor)
        elif abs(change - 1) <= close:
            moving.append(one.tensor)
        elif power:
            powers[one.tensor] = power
            more = _LATER ** (power - 1)
            shares = {name: share / more for name, share in one.decay.items()}
            if shares and close_shares(other.decay, shares, ROUGH):
                decayed.add(one.tensor)
        elif short.known and by_name(inquiry.layers)[one.tensor].size > 1:
            part = constant_part((one.factor, other.factor, short.factor), rate)
            if part is not None and abs(part * one.decay.get("squares", 0.0) + 1) <= ROUGH:
                still.append(one.tensor)  # what goes with the rate is what shrinks of the rest
            elif part is not None:
                parts[one.tensor] = part
    inquiry.rate_powers, inquiry.constant_parts = powers, parts
    if still and moving:
        inquiry.without_rate, inquiry.with_rate = still, moving
    return decayed


def without_second_rate(
    inquiry: Inquiry, own: Explanation, rate: float, decayed: Collection[str]
) -> Explanation:
    """Take out of the factors of tensors what was noted of the learning rate.

    That it is in their step twice, or that a part of it is the same at every one.
    """
    powers, parts = inquiry.rate_powers, inquiry.constant_parts
    findings = []
    for finding in own.findings:
        factor = finding.factor / (1 + parts.get(finding.tensor, 0.0) / rate)
        decay = finding.decay
        more = rate ** (powers.get(finding.tensor, 1) - 1)
        factor = factor / more
        if finding.tensor in decayed:
            decay = {name: share / more for name, share in decay.items()}
        findings.append(replace(finding, factor=factor, decay=decay))
    return replace(own, findings=findings)


def of_second_rate(inquiry: Inquiry, findings: Sequence[Finding]) -> list[Verdict]:
    """Return that tensors have the learning rate in their step twice, or more often."""
    powers = inquiry.rate_powers
    if not powers:
        return []
    several = {power: [n for n in powers if powers[n] == power] for power in powers.values()}
    told = ", and ".join(
        f"{', '.join(names)} {'go' if len(names) > 1 else 'goes'} with the {_POWERS[power]} of it"
        for power, names in sorted(several.items())
    )
    others = [finding.tensor for finding in findings if finding.tensor not in powers]
    if others:
        told += f", and {', '.join(others)} {'do' if len(others) > 1 else 'does'} not"
    tensor = f"dL/dz{len(inquiry.layers)}"
    if others or len(several) > 1:
        tensor = several[min(several)][0]
    return [named("gradient", "rate-twice", told, tensor)]
