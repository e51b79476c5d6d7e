"""First steps that are multiples of the gradient as long as they are short."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from numpy_impl import InputError
from parity_tests.kit.aspects.first_steps import ENOUGH
from parity_tests.kit.aspects.observing import RATES, is_inferred
from parity_tests.kit.aspects.shares import expected_of
from parity_tests.kit.aspects.walks import ends, right_gradient, walk_on
from parity_tests.kit.fitting import fit
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.scales import Scale
from parity_tests.kit.subject import Batch, SubjectError, by_name
from parity_tests.kit.verdicts import DIFFERS, UNCHECKED, Verdict

Array = NDArray[Any]

# Rates at which what a step does to the gradient hardly shows, and how closely it is a multiple.
_SHORT, _SHORTER, _NEAR = 1e-5, 2.5e-6, 1e-3


def of_short_steps(inquiry: Inquiry, loss: str) -> list[Verdict]:
    r"""Return of which multiples of the gradient short steps are; nothing if they are of none.

    .. math:: \theta_0 - \theta_1 = \eta \sum_{i=1}^{k} g(\theta^{(i)})
              \to k \, \eta \, g(\theta_0)

    as a step is that goes on from where it came to, several times. One that does not go with the
    learning rate is none of them.
    """
    if not is_inferred(inquiry) or inquiry.subject.network.lr is not None:
        return []
    is_single = inquiry.subject.single or inquiry.is_one_by_one
    batch = ends(inquiry.batches[0])[0] if is_single else inquiry.batches[0]
    try:
        gradient = by_name(right_gradient(inquiry, loss, inquiry.layers, batch))
        factors = _multiples(inquiry, batch, _SHORT, gradient)
        shorter = _multiples(inquiry, batch, _SHORTER, gradient) if factors else {}
    except (SubjectError, InputError):
        return []
    is_same = all(abs(factors[n] - own) <= 10 * _NEAR * abs(own) for n, own in shorter.items())
    if not shorter or not is_same:
        return []
    expected = expected_of(inquiry)
    unit = (expected or Scale(float(np.median([*factors.values()])), 0)).at(len(batch))
    others = {n: f / unit for n, f in factors.items() if abs(f / unit - 1) > 10 * _NEAR}
    seen = "longer steps are not the same multiples of it"
    why = ", as where parameters are updated several times, each time from where they came to"
    if _is_at_every_rate(inquiry, batch, gradient, factors):
        seen, why = "longer steps are the same multiples of it", ""
    if not others:
        which = "those of the gradient expected"
        if expected is None:
            every = ", as of every loss of one output" if batch.targets[:1].size == 1 else ""
            which = f"a multiple of the gradient of the {loss.replace('_', ' ')}{every}"
        message = f"only steps show it: short ones are {which}, and {seen}"
        return [Verdict("gradient", UNCHECKED, message)]
    told = " and ".join(
        f"{factor:.4g} x that expected on {name}" for name, factor in others.items()
    )
    message = (
        f"the gradient that short steps show is {told}, and {seen}{why}. The cause is unknown."
    )
    first = max(others, key=lambda name: (int(name[1:]), name.startswith("W")))
    return [Verdict("gradient", DIFFERS, message, first, factor=others[first])]


def _is_at_every_rate(
    inquiry: Inquiry, batch: Batch, gradient: dict[str, Array], factors: dict[str, float]
) -> bool:
    """Whether a step that is not short is of the same multiples of the gradient."""
    try:
        longer = _multiples(inquiry, batch, RATES[0], gradient)
    except SubjectError:
        return False
    return bool(longer) and all(
        abs(longer[name] - own) <= 10 * _NEAR * abs(own) for name, own in factors.items()
    )


def _multiples(
    inquiry: Inquiry, batch: Batch, rate: float, gradient: dict[str, Array]
) -> dict[str, float]:
    """Return which multiple of the gradient a step at a rate is, by tensor; none if one is none."""
    before, after = (by_name(own) for own in walk_on(inquiry, [batch], rate).layers)
    factors: dict[str, float] = {}
    for name, values in before.items():
        step = (values - after[name]) / rate
        if step.shape != gradient[name].shape:
            return {}
        factors[name], left = fit(step, gradient[name])
        if not left <= _NEAR or (name.startswith("W") and step.size < ENOUGH):
            return {}
    return factors
