r"""Learning rates that change from step to step in a way that no formula has, as in a warm-up.

.. math:: \Delta\theta_t = -\eta \, c_t \, g_t

Of such steps the first one tells no factor of the gradient.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from parity_tests.kit.aspects.first_steps.shares import expected_of, first_share
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.optimizers.observed import Observed
from parity_tests.kit.optimizers.search import find
from parity_tests.kit.scales import MEAN
from parity_tests.kit.verdicts import CONVENTION, Verdict

# How far apart the factors of two steps are that are not the same.
_APART = 1e-6


def of_changing_rates(
    inquiry: Inquiry,
    turns: Observed,
    same: Observed,
    kind: str | None,
    given: Mapping[str, float | None],
) -> list[Verdict]:
    """Return that every step is another multiple of its gradient, if that is so.

    Nothing where a formula is known by which the rate falls.

    Parameters
    ----------
    turns, same : Observed
        Steps on two batches in turn, and on one: what goes by the batch is no rate. The gradients
        are those observed, so that the first step is once its own.
    """
    shown = _multiples(turns)
    if not shown or not _are_of(same, shown) or find(turns, kind, given, simple=True):
        return []
    first, left = first_share(inquiry, (1.0, *_shares(inquiry)), None)
    inquiry.share_of_steps = first
    told = ", ".join(f"{first * own:.6g}" for own in shown)
    message = (
        f"the learning rate changes from step to step: they take {told} x the gradient, and "
        "nothing of those before"
    )
    return [*left, Verdict("optimizer", CONVENTION, message)]


def _shares(inquiry: Inquiry) -> list[float]:
    """Return the numbers that the first step's factor has beside what the batch makes of it."""
    if inquiry.factors_apart is not None:
        return inquiry.factors_apart.possible_shares
    expected = expected_of(inquiry) or MEAN
    scale = inquiry.gradient_scale
    return [] if scale is None else [abs(scale.constant / expected.constant)]


def _are_of(observed: Observed, multiples: Sequence[float]) -> bool:
    """Whether each step is so many times its own gradient.

    On one batch all gradients are nearly the same, and no solution tells one from another.
    """
    asked = observed.asked
    if len(multiples) != len(observed.steps):
        return False
    steps = -asked.lr * np.array(multiples)[:, np.newaxis] * asked.gradients
    return bool(observed.misfit(steps) <= max(_APART, observed.tolerance))


def _multiples(observed: Observed) -> Sequence[float]:
    """Return how many times its own gradient each step is; empty if that is always the same."""
    coefficients, decays, misfit = observed.responses
    if misfit > observed.tolerance or any(abs(decay) > _APART for decay in decays):
        return []
    own = [float(step[-1]) for step in coefficients]
    before = [float(np.abs(step[:-1]).max(initial=0.0)) for step in coefficients]
    is_alone = all(other <= _APART * abs(last) for other, last in zip(before, own, strict=True))
    return own if is_alone and np.ptp(own) > _APART * max(own) and min(own) > 0 else []
