"""What of a first step does not go with the learning rate, and what comes after the step."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.aspects.first_steps.constant_parts import constant_part
from parity_tests.kit.aspects.first_steps.first_step import Factors, all_known, first_factors
from parity_tests.kit.aspects.first_steps.shares import first_share, rest_of
from parity_tests.kit.aspects.gradient.decay_signs import LARGE
from parity_tests.kit.aspects.observing import RATES
from parity_tests.kit.aspects.walks import ends, walk_on
from parity_tests.kit.causes import CAUSES
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.optimizers.asking import RATES as STEP_RATES
from parity_tests.kit.subject.subject import Batch, SubjectError, by_name, flat, tensors
from parity_tests.kit.verdicts import CONVENTION, EQUAL, Verdict, named

Array = NDArray[Any]
# How closely two steps are the same, or go with the learning rate.
_ROUGH, _CLOSE = 1e-4, 1e-6
# How nearly steps are the same, beside what a small number in a denominator makes of them.
_LATER, _NEARLY = 4, 0.05


def of_unscaled_decay(inquiry: Inquiry, loss: str) -> list[Verdict]:
    """Return that a decay is the same at every learning rate, where the rest of a step is not."""
    if inquiry.subject.network.lr is not None:
        return []
    seen = []
    for rate in (RATES[0], RATES[0] / _LATER):
        factors = _at(inquiry, _first(inquiry), loss, rate)
        if factors is None or not any(decay for _, decay in factors):
            return []
        seen.append(np.array(factors) * (1.0, rate))
    if not np.allclose(seen[0], seen[1], rtol=_ROUGH, atol=0):
        return []
    shares = dict(zip(by_name(inquiry.layers), seen[0][:, 1], strict=True))
    # That nothing is left of a parameter, or much is added, has been said of its gradient.
    decayed = {
        name: own for name, own in shares.items() if own and abs(own - 1) > _CLOSE and own >= -LARGE
    }
    return [_unscaled(inquiry, decayed)] if decayed else []


def _unscaled(inquiry: Inquiry, shares: Mapping[str, float]) -> Verdict:
    """Return that shares of some parameters are taken away at every learning rate."""
    spec, values = inquiry.spec, np.array([*shares.values()])
    taken = float(values[np.abs(values).argmax()])
    of = "the parameters"
    if len(shares) < len(by_name(inquiry.layers)):
        of = ", ".join(shares)
    much = f"{taken:.6g} x" if np.ptp(values) <= _ROUGH * abs(taken) else f"up to {taken:.6g} x"
    what = f"a step takes {much} {of} away, whatever the learning rate is"
    if spec.weight_decay or spec.options.get("weight_decay") or inquiry.penalty:
        return named("optimizer", "decay-not-scaled", what)
    message = f"{CAUSES['decay-not-scaled'].title}: {what}, unless it is meant otherwise"
    return Verdict("optimizer", CONVENTION, message, None, "decay-not-scaled", taken)


def of_lost_rate(inquiry: Inquiry, loss: str) -> list[Verdict]:
    r"""Return that some parameters move as far at every learning rate, or have a part that does.

    .. math:: \Delta\theta = -\eta \, c \, g, \qquad \Delta b = -c' g, \quad
              \Delta w = -(\eta \, c + c') \, g \quad \text{for all } \eta
    """
    if inquiry.subject.network.lr is not None:
        return []
    first = _first(inquiry)
    found = [_at(inquiry, first, loss, rate) for rate in (RATES[0], RATES[0] / _LATER)]
    if found[0] is None or found[1] is None:
        return []
    (large, decays), (small, _) = (np.array(factors).T for factors in found)
    moved = large != 0
    still = moved & (np.abs(large * _LATER - small) <= _CLOSE * np.abs(small))
    with_rate = moved & (np.abs(large - small) <= _CLOSE * np.abs(large))
    partly = moved & ~(still | with_rate)
    if any(
        array.size == 1 for array, own in zip(tensors(inquiry.layers), partly, strict=True) if own
    ):
        return []  # one number is a multiple of the gradient, whatever it is
    if not (still | partly).any() or not (with_rate | partly).any():
        return []
    by_rate = np.where(with_rate, large, 0.0)
    if partly.any():
        third = _at(inquiry, first, loss, RATES[1])
        if third is None:
            return []
        for number in np.flatnonzero(partly):
            seen = (large[number], small[number], third[number][0])
            part = constant_part(seen, RATES[0])
            if part is None:
                return []
            by_rate[number] = large[number] / (1 + part / RATES[0])
    constant = (large - by_rate) * RATES[0]
    names = np.array([*by_name(inquiry.layers)])
    own = float(by_rate[with_rate | partly][0])
    blamed = np.flatnonzero(still | partly)
    taken = float(constant[blamed[0]]) / own
    told = _told_of_constant(names, still, partly, with_rate, constant / own)
    verdict = named("optimizer", "step-without-rate", told, str(names[blamed[0]]), taken)
    is_alike = np.abs(by_rate[with_rate | partly] - own).max() <= _CLOSE * abs(own)
    if inquiry.is_gradient_faulty or decays.any() or not moved.all() or not is_alike:
        return [verdict]
    # What is said of single tensors follows from it; a factor that the others have is their own.
    inquiry.steps_explain = "gradient"
    tensor = int(np.flatnonzero(with_rate | partly)[0])
    return [verdict, *_rest(inquiry, loss, own, tensor, own / large[tensor])]


def _told_of_constant(
    names: Array, still: Array, partly: Array, with_rate: Array, constant: Array
) -> str:
    """Return in words what of the steps is the same at every learning rate."""
    told = []
    for own, besides in ((still, ""), (partly, ", and by it x the gradient besides")):
        if own.any():
            move = "move" if own.sum() > 1 else "moves"
            much = ", ".join(dict.fromkeys(f"{part:.6g} x" for part in constant[own]))
            told.append(
                f"{', '.join(names[own])} {move} by {much} the gradient whatever the learning rate "
                f"is{besides}"
            )
    if with_rate.any():
        told.append(f"{', '.join(names[with_rate])} by it x theirs")
    return ", and ".join(told)


def with_lost_rate(inquiry: Inquiry, found: list[Verdict]) -> list[Verdict]:
    """Add that some parameters move as far at every learning rate, if nobody has said it."""
    names, others = inquiry.without_rate, inquiry.with_rate
    if any(verdict.cause == "step-without-rate" for verdict in found):
        return found
    others_said = [verdict for verdict in found if verdict.status != EQUAL]
    if inquiry.constant_parts:
        of = ", ".join(inquiry.constant_parts)
        told = f"of the step of {of} a part is the same at every learning rate"
        first = next(iter(inquiry.constant_parts))
        return [named("optimizer", "step-without-rate", told, first), *others_said]
    if not names:
        return found
    told = (
        f"{', '.join(names)} {'move' if len(names) > 1 else 'moves'} as far at every learning "
        f"rate, and {', '.join(others)} {'do' if len(others) > 1 else 'does'} not"
    )
    return [named("optimizer", "step-without-rate", told, names[0]), *others_said]


def with_second_rate(inquiry: Inquiry, found: list[Verdict]) -> list[Verdict]:
    """Say of a factor that is the learning rate at every one that it is in the step twice."""
    scaled = [verdict for verdict in found if verdict.cause == "step-scaled"]
    rate = STEP_RATES["sgd"]
    if inquiry.subject.network.lr is not None or not scaled:
        return found
    if not all(abs((verdict.factor or 0.0) / rate - 1) <= _CLOSE for verdict in scaled):
        return found
    one, start = _first(inquiry), flat(inquiry.layers)
    try:
        moves = [
            float(np.linalg.norm(flat(walk_on(inquiry, [one], own).layers[1]) - start))
            for own in (rate, rate / _LATER)
        ]
    except SubjectError:
        return found
    if not abs(moves[0] / _LATER**2 - moves[1]) <= _NEARLY * moves[1]:
        return found
    seen = f"{scaled[0].account}, which goes with the square of it"
    return [named("optimizer", "rate-twice", seen) if v in scaled else v for v in found]


def is_rate_without_effect(inquiry: Inquiry) -> bool:
    """Whether two steps are the same at several learning rates."""
    if inquiry.subject.network.lr is not None:
        return False
    one, start, moves = _first(inquiry), flat(inquiry.layers), []
    for rate in (RATES[0], RATES[0] / _LATER, RATES[0] / _LATER**2):
        try:
            layers = walk_on(inquiry, [one, one], rate).layers
        except SubjectError:
            return False
        moves.append(np.stack([flat(own) - start for own in layers[1:]]))
    size = float(np.linalg.norm(moves[0]))
    # What keeps a denominator from zero shows the more, the shorter a gradient is.
    return size > 0 and all(np.linalg.norm(own - moves[0]) <= _NEARLY * size for own in moves)


def of_decay_after(inquiry: Inquiry, loss: str) -> list[Verdict]:
    r"""Return that the parameters shrink after the step, and with them what it has added.

    .. math:: \theta_1 = (1 - w) (\theta_0 - \eta \, c \, g)
    """
    rate = inquiry.subject.network.lr or RATES[0]
    factors = _at(inquiry, _first(inquiry), loss, rate)
    if factors is None or not any(decay for _, decay in factors):
        return []
    values, decays = np.array(factors).T
    shares = 1 - rate * decays
    decayed = decays != 0
    if not values.all() or (shares <= 0).any() or np.ptp(decays[decayed]) > _CLOSE * decays.max():
        return []
    share = float(shares[decayed][0])
    whole = values / shares
    if np.ptp(whole) > _CLOSE * np.abs(whole).max():
        return []
    if decayed.all():
        first, left = first_share(inquiry, (1.0, share), None)
        if first == 1:
            return []
    elif inquiry.penalty is not None or inquiry.spec.weight_decay is not None:
        return []
    else:
        inquiry.steps_explain = "gradient"
        left = _rest(inquiry, loss, float(whole[0]), int(np.flatnonzero(~decayed)[0]))
    names = ", ".join(np.array([*by_name(inquiry.layers)])[decayed])
    message = (
        f"{CAUSES['decay-after-step'].title}: a step at the rate {rate:g} leaves {share:.6g} x "
        f"what {names} came to, and of the gradient's share as much"
    )
    return [*left, Verdict("optimizer", CONVENTION, message, None, "decay-after-step", share)]


def _first(inquiry: Inquiry) -> Batch:
    one = inquiry.batches[0]
    return ends(one)[0] if inquiry.subject.single else one


def _at(inquiry: Inquiry, batch: Batch, loss: str, rate: float) -> Factors | None:
    return all_known(first_factors(inquiry, walk_on(inquiry, [batch], rate), loss, rate))


def _rest(
    inquiry: Inquiry, loss: str, factor: float, tensor: int, share: float = 1.0
) -> list[Verdict]:
    """Return what is to be said of the factor that the gradient of one tensor has.

    Parameters
    ----------
    share : float, default 1.0
        What it is of the factor that the tensor's first steps show.
    """
    second = inquiry.batches[1]
    if inquiry.subject.single:
        second = ends(inquiry.batches[0])[1]
    rate = inquiry.subject.network.lr or RATES[0]
    other = _at(inquiry, second, loss, rate)
    if other is None and not inquiry.subject.single:
        return []
    factors = (factor, factor if other is None else other[tensor][0] * share)
    return rest_of(inquiry, factors, [len(_first(inquiry)), len(second)])
