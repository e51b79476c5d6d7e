r"""Signs of what a penalty adds, beside those of what comes from the data.

Of a gradient :math:`d \, g + s \, \lambda W` one of both is turned where the signs d and s are two.
Which one it is tells the update: of what it takes off, that with -1, and of what it adds, that with
1. Where both are turned together, that is one fault, and the penalty has no other one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from parity_tests.kit.aspects.observing import is_inferred
from parity_tests.kit.backprop.findings import Explanation, Finding
from parity_tests.kit.causes import CAUSES
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.penalties import Shares, added
from parity_tests.kit.scales import Scale
from parity_tests.kit.subject.subject import by_name
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, Verdict

# From which share on something is added, and of how many entries of a matrix its sign can be told.
_LEAST, _ENOUGH = 1e-8, 4
# A share of parameters that no step of a penalty has, whatever the learning rate is.
LARGE = 0.1
AT_ANY_RATE = "whatever the learning rate is"


def direction_of(inquiry: Inquiry, expected: Scale | None, of_factors: Sequence[Verdict]) -> int:
    """Return 1 where the gradient is one that updates take off, and -1 where they add it.

    Parameters
    ----------
    expected : Scale or None
        What the gradient should have. It is negative where the loss reported is to be climbed.
    of_factors : sequence of Verdict
        What was said of its factors: of a sign, that it is a convention where steps make up for it.
    """
    if is_inferred(inquiry):
        return 1
    is_made_up_for = any(v.cause == "sign" and v.status == CONVENTION for v in of_factors)
    is_to_climb = expected is not None and expected.constant < 0
    return -1 if is_made_up_for or is_to_climb else 1


def turned_alone(inquiry: Inquiry, explanation: Explanation, direction: int) -> list[Finding]:
    """Return what has a penalty of the wrong sign, beside data of the right one.

    Parameters
    ----------
    direction : {1, -1}
        As `direction_of` returns it. Of data that goes the other way that was said.
    """
    whole = inquiry.gradient_scale.constant if inquiry.gradient_scale else 1.0
    expected = inquiry.penalty
    found = []
    for finding in explanation.findings:
        sign = np.sign(finding.factor or whole)
        # What is beside a logarithm, or clipped, leaves as much as nothing of any form.
        came = [share for share in finding.decay.values() if abs(share) > _LEAST]
        is_meant = expected is not None and any(v < 0 for v in expected.of(finding.tensor).values())
        is_against = bool(came) and all(share * direction < 0 for share in came)
        if is_against and sign == direction and not is_meant:
            found.append(finding)
    sizes = {name: array.size for name, array in by_name(inquiry.layers).items()}
    return found if any(sizes[finding.tensor] >= _ENOUGH for finding in found) else []


def turned_together(explanation: Explanation) -> list[str]:
    """Return the tensors of which the data and the penalty are both negated."""
    return [
        finding.tensor
        for finding in explanation.findings
        if finding.decay and finding.factor < 0 and max(finding.decay.values()) < 0
    ]


def negative(shares: Shares) -> Shares:
    """Return the same shares with the other sign."""
    return {name: -share for name, share in shares.items()}


def negated(explanation: Explanation) -> Explanation:
    """Return the same with shares of the other sign."""
    findings = [replace(own, decay=negative(own.decay)) for own in explanation.findings]
    return replace(explanation, findings=findings)


def growing_verdict(turned: Sequence[Finding], steps: Mapping[str, Shares]) -> Verdict:
    """Return that penalties make parameters grow.

    Parameters
    ----------
    steps : mapping
        What a step takes of each, where that does not go with the learning rate; else nothing.
    """
    tensors = sorted(turned, key=lambda finding: finding.tensor)
    shares = {own.tensor: negative(steps[own.tensor]) if steps else own.decay for own in tensors}
    is_large = bool(steps) and all(sum(own.values()) > LARGE for own in shares.values())
    cause = "parameters-added" if is_large else "penalty-sign"
    told = ", ".join(added(share, tensor) for tensor, share in shares.items())
    seen = f"a step adds {told}, {AT_ANY_RATE}" if steps else f"the gradient has {told} added"
    message = f"{CAUSES[cause].title}: {seen}. Look at {CAUSES[cause].advice}."
    return Verdict("gradient", DIFFERS, message, tensors[0].tensor, cause)
