"""What of the parameters steps take away, where that does not go with the learning rate."""

from collections.abc import Callable

from parity_tests.kit.backprop.findings import Explanation, Finding
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.penalties import Shares, close

# How much smaller another learning rate is at which steps are asked.
_LATER = 4


def steps_apart(
    inquiry: Inquiry,
    explanation: Explanation,
    rate: float | None,
    at_another: Callable[[float], Explanation],
) -> dict[str, Shares]:
    """Return what a step takes away, if that is the same with a rate that is so much smaller."""
    if rate is None or inquiry.subject.network.lr is not None or not explanation.decays:
        return {}
    slowly = at_another(rate / _LATER).decays
    steps = {
        name: {kind: share * rate for kind, share in shares.items()}
        for name, shares in explanation.decays.items()
    }
    is_same = set(slowly) == set(steps) and all(
        close({k: share * rate / _LATER for k, share in shares.items()}, steps[name], 1e-4)
        for name, shares in slowly.items()
    )
    return steps if is_same else {}


def replaced_by(inquiry: Inquiry, explanation: Explanation, rate: float | None) -> list[Finding]:
    """Return what of the parameters a step takes away as a whole."""
    if rate is None:
        return []
    close = max(1e-6, inquiry.tolerance)
    decayed = (finding for finding in explanation.findings if finding.decay)
    return [f for f in decayed if abs(f.decay.get("squares", 0.0) * rate - 1) < close]
