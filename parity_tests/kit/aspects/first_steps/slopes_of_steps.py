"""What slopes tell of a gradient that only steps show: an optimizer may account for the rest."""

from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.aspects.first_steps.entrywise import is_spread_alike
from parity_tests.kit.aspects.first_steps.kept_steps import of_kept, what_is_kept
from parity_tests.kit.aspects.first_steps.limited_norms import (
    OF_LIMITED,
    limits_reached,
    take_shorter,
)
from parity_tests.kit.aspects.gradient.held_to_slopes.by_slopes import by_slopes
from parity_tests.kit.aspects.observing import RATES, is_inferred, observe
from parity_tests.kit.aspects.walks import ends, walk_on
from parity_tests.kit.fitting import fit
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.optimizers.formulas import LINEAR, read
from parity_tests.kit.optimizers.kept import Kept
from parity_tests.kit.subject.subject import ReshapedError, SubjectError, by_name, flat
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, UNCHECKED, Verdict, named, worst

Array = NDArray[Any]

# How closely the first step is the share that its momentum gives, or a factor a learning rate.
_CLOSE = 1e-4
# How much smaller another learning rate is at which steps are asked.
_LATER = 4
_OF_STATE = (
    "only steps show it, and they keep something of those before, or are signs of it, as an "
    "adaptive optimizer's: no cause is concluded from a first step that is no slope of the loss "
    "reported"
)


def of_slopes(inquiry: Inquiry) -> list[Verdict]:
    """Hold the gradient to slopes of the loss, where the forward pass is not known."""
    found = by_slopes(inquiry)
    if is_inferred(inquiry) and any(verdict.status == DIFFERS for verdict in found):
        found = _of_limits(inquiry) or found
    if is_inferred(inquiry) and any(verdict.status == DIFFERS for verdict in found):
        found = _of_steps(inquiry, found)
    inquiry.slopes_show = worst([verdict.status for verdict in found])
    return found


def _of_limits(inquiry: Inquiry) -> list[Verdict]:
    """Judge by weights that no step shortens to a largest norm; empty if none is."""
    try:
        limits = limits_reached(inquiry)
        if not limits:
            return []
        if take_shorter(inquiry, limits):
            return by_slopes(inquiry)
    except SubjectError as error:
        return [Verdict("gradient", UNCHECKED, str(error))]
    return [Verdict("gradient", UNCHECKED, OF_LIMITED)]


def _of_steps(inquiry: Inquiry, found: list[Verdict]) -> list[Verdict]:
    """Leave what no optimizer accounts for."""
    if any(verdict.cause == "bias-not-summed" for verdict in found):
        return found  # a second step would be taken with another shape
    spec = inquiry.spec
    kind, _ = read(spec.optimizer, spec.options) if spec.optimizer else (None, {})
    try:
        observed, _ = observe(inquiry, inquiry.batches[0])
        if kind in (None, *LINEAR) and not is_spread_alike(observed):
            if _keeps_nothing(inquiry):
                return by_rates(inquiry, found)
            kept = what_is_kept(inquiry)
            if _is_momentum(kept):
                return _of_momentum(inquiry, found, kept)
    except ReshapedError as error:
        return [named("gradient", "parameter-reshaped", str(error), error.tensor)]
    except SubjectError as error:
        return [Verdict("gradient", UNCHECKED, str(error))]
    return [Verdict("gradient", UNCHECKED, _OF_STATE)]


def _keeps_nothing(inquiry: Inquiry) -> bool:
    """Whether a network's second step is that of a new one, to the last digit."""
    subject, (one, other) = inquiry.subject, inquiry.batches
    if subject.single:
        one, other = ends(one)
    rate = subject.network.lr or RATES[0]
    with subject.drawing_alike(int(inquiry.rng.integers(2**31))):
        _, between, after = walk_on(inquiry, [one, other], rate).layers
        _, anew = walk_on(inquiry, [other], rate, between).layers
    return bool(np.array_equal(flat(after), flat(anew), equal_nan=True))


def by_rates(inquiry: Inquiry, found: list[Verdict]) -> list[Verdict]:
    r"""Say of factors that are the learning rate, or one over it, where they come from.

    .. math:: \Delta\theta = -\eta^2 g \text{ looks like } -\eta \, (\eta g), \qquad
              \Delta\theta = -g \text{ looks like } -\eta \, \frac{g}{\eta}
    """
    rate = RATES[0]
    if inquiry.subject.network.lr is not None:
        return found
    if not any(_is_near(v.factor, own) for v in found for own in (rate, 1 / rate)):
        return found
    seed, batch = int(inquiry.rng.integers(2**31)), inquiry.batches[0]
    with inquiry.subject.drawing_alike(seed):
        one, later = (by_name(observe(inquiry, batch, own)[0]) for own in (rate, rate / _LATER))
    return [_of_rate(verdict, one, later) for verdict in found]


def _of_rate(verdict: Verdict, one: dict[str, Array], later: dict[str, Array]) -> Verdict:
    """Return what is said of a factor, by what steps show at a rate and at a smaller one."""
    names = [name for name in one if name == verdict.tensor]
    changes = [fit(later[name], one[name])[0] for name in names or one]
    seen = verdict.account
    if _is_near(verdict.factor, RATES[0]) and all(_is_near(own * _LATER, 1) for own in changes):
        told = f"{seen}, which goes with the learning rate"
        return named("gradient", "rate-twice", told, verdict.tensor)
    # Where all tensors move as far at every rate, none may be taken at all.
    is_alone = bool(names) and _is_near(verdict.factor, 1 / RATES[0])
    if is_alone and all(_is_near(own / _LATER, 1) for own in changes):
        told = f"{seen}, which goes with 1 / the learning rate"
        return named("gradient", "step-without-rate", told, verdict.tensor)
    return verdict


def _is_near(factor: float | None, number: float) -> bool:
    return factor is not None and abs(factor / number - 1) <= _CLOSE


def with_momentum(inquiry: Inquiry, found: list[Verdict]) -> list[Verdict]:
    """Take a factor of steps for what their momentum makes of a first one, if they have any."""
    if not any(map(_is_factor_of_all, found)):
        return found
    try:
        kept = what_is_kept(inquiry)
    except SubjectError:
        return found
    return _of_momentum(inquiry, found, kept) if _is_momentum(kept) else found


def _is_momentum(kept: Kept | None) -> TypeGuard[Kept]:
    return kept is not None and kept.kind in ("momentum", "nesterov")


def _of_momentum(inquiry: Inquiry, found: list[Verdict], kept: Kept) -> list[Verdict]:
    """Take the factor of the first step for what the momentum makes of it."""
    ahead = 1 + kept.momentum if kept.kind == "nesterov" else 1.0
    for verdict in found:
        if verdict.status != DIFFERS or verdict.factor is None:
            continue
        for share in (ahead, (1 - kept.momentum) * ahead):
            if abs(verdict.factor - share) > _CLOSE * share or not _is_factor_of_all(verdict):
                continue
            inquiry.first_share = share
            message = (
                f"some entries of all tensors are slopes of the loss reported, by a first step of "
                f"{share:.6g} x those, as the momentum of {kept.momentum:g} that steps have gives"
            )
            own = Verdict("gradient", EQUAL, message, residual=verdict.residual)
            return [own, *(other for other in found if other is not verdict)]
    return found


def _is_factor_of_all(verdict: Verdict) -> bool:
    return str(verdict.tensor).startswith("dL/dz") and str(verdict.cause).startswith("factor")


def steps_alone(inquiry: Inquiry) -> list[Verdict]:
    """Judge what steps keep of those before, where the forward pass is not known."""
    if inquiry.slopes_show not in (EQUAL, CONVENTION):
        message = "the forward pass is not known, nor the gradient by which steps are taken"
        return [Verdict("optimizer", UNCHECKED, message)]
    return [verdict for verdict in of_kept(inquiry) if verdict.aspect == "optimizer"]
