r"""Matrices that are updated twice in a step, the second time with a decay.

.. math:: W' = W - \eta g, \qquad W'' = W' - \eta (g + \lambda W')
          = W - \eta \big((2 - \eta \lambda) g + \lambda W\big)

Half of both updates is a multiple of the first one, and an error that is carried back in between
has the factor of that:

.. math:: \tfrac{1}{2} (W + W'') = \big(1 - \tfrac{1}{2} \eta \lambda\big) W'
"""

from dataclasses import replace

from parity_tests.kit.backprop.findings import Explanation, Finding
from parity_tests.kit.scales import NEAR

_HALF, _FIRST = "after half of its update", "after the first of two updates"


def with_two_updates(own: Explanation, rate: float) -> Explanation:
    """Return an explanation with the factors that are left where a decay belongs to two updates.

    Parameters
    ----------
    own : Explanation
        Of steps.
    rate : float
        Their learning rate.
    """
    found = {finding.tensor: finding for finding in own.findings}
    for number in sorted((int(name[1:]) for name in found if name.startswith("W")), reverse=True):
        above, below = found[f"W{number}"], found.get(f"W{number - 1}")
        share = rate * above.decay.get("squares", 0.0)
        if below is None or not share or not _is_carried_between(above, below, share):
            continue
        text = f"(W{number} {_HALF})"
        for name, finding in found.items():
            if int(name[1:]) < number:
                told = finding.text.replace(text, f"(W{number} {_FIRST})")
                found[name] = replace(finding, factor=finding.factor * (1 - share / 2), text=told)
        found[above.tensor] = replace(above, factor=above.factor * 2 / (2 - share))
    return replace(own, findings=list(found.values()))


def _is_carried_between(above: Finding, below: Finding, share: float) -> bool:
    """Whether factors are those of a matrix before its second update, which has the decay."""
    if not (above.known and below.known and f"({above.tensor} {_HALF})" in below.text):
        return False
    once, carried = above.factor / (2 - share), below.factor * (1 - share / 2)
    return abs(once - carried) <= NEAR * abs(carried)
