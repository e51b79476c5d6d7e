"""Steps, recomputed: those of an optimizer, and those of a network that updates itself."""

from collections.abc import Mapping
from copy import copy
from dataclasses import replace
from functools import partial

import numpy as np

from parity_tests.kit.aspects.first_steps import reshaped
from parity_tests.kit.aspects.first_steps.beginnings import of_beginnings
from parity_tests.kit.aspects.first_steps.first_step import (
    Factors,
    all_known,
    first_factors,
    observed_steps,
    without_decay,
)
from parity_tests.kit.aspects.first_steps.infinite_steps import (
    OF_INFINITE,
    is_of_first_step_alone,
    of_infinite_step,
    of_zero_over_zero,
)
from parity_tests.kit.aspects.first_steps.kept_apart import of_accumulated_apart
from parity_tests.kit.aspects.first_steps.kept_steps import STILL, of_faulty, of_momentum_times_rate
from parity_tests.kit.aspects.first_steps.limited_norms import limits_of
from parity_tests.kit.aspects.first_steps.shared_states import of_shared_state
from parity_tests.kit.aspects.first_steps.shares import first_share, of_average, of_first_fall
from parity_tests.kit.aspects.first_steps.slopes_of_steps import steps_alone
from parity_tests.kit.aspects.gradient import aspect as gradient
from parity_tests.kit.aspects.never_set import refused
from parity_tests.kit.aspects.observing import is_inferred
from parity_tests.kit.aspects.one_left_out import of_one_left_out
from parity_tests.kit.aspects.optimizer.ahead import nearest_ahead, of_ahead
from parity_tests.kit.aspects.optimizer.beside import beside_gradients
from parity_tests.kit.aspects.optimizer.changing_rates import of_changing_rates
from parity_tests.kit.aspects.optimizer.divisors import first_divisor_verdict, of_first_divisor
from parity_tests.kit.aspects.optimizer.idle_momentum import of_idle_momentum
from parity_tests.kit.aspects.optimizer.idle_state import of_idle_state
from parity_tests.kit.aspects.optimizer.moments import of_moments
from parity_tests.kit.aspects.optimizer.rates import (
    is_rate_without_effect,
    of_decay_after,
    of_lost_rate,
    of_unscaled_decay,
    with_lost_rate,
    with_second_rate,
)
from parity_tests.kit.aspects.optimizer.steps_apart import keeps_nothing, of_first_steps_apart
from parity_tests.kit.aspects.optimizer.training_steps import of_training_steps
from parity_tests.kit.aspects.optimizer.zero_gradients import with_guarded_zeros
from parity_tests.kit.aspects.shuffled_steps import of_shuffled
from parity_tests.kit.aspects.walks import (
    MORE_STEPS,
    STEPS,
    right_gradient,
    trajectory,
    walk_on,
)
from parity_tests.kit.causes import CAUSES
from parity_tests.kit.codes import hands_on
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.network import Rule
from parity_tests.kit.optimizers.asked_again import is_usual
from parity_tests.kit.optimizers.asking import RATES
from parity_tests.kit.optimizers.formulas import LINEAR, USUAL, read
from parity_tests.kit.optimizers.judging import judged
from parity_tests.kit.optimizers.observed import Observed
from parity_tests.kit.optimizers.rules import examine_rule
from parity_tests.kit.optimizers.search import find
from parity_tests.kit.scales import Scale
from parity_tests.kit.subject.subject import ReshapedError, SubjectError, flat
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, UNCHECKED, Verdict, named

# How far a momentum may be from its estimate, with a decay beside it.
_NEAR = 0.1
_OF_TWO = "momentum-of-last-gradient"
# How many times the gradient a first step is of which the velocity is beside it without momentum.
_WHOLE = 2.0
# How closely steps are linear in gradients, and by how much the share of their own has to change.
_LINEAR, _CHANGING = 1e-6, 1e-3
_RANDOM = (
    "the gradient is another one each time, by the same parameters, so that no step can be "
    "recomputed: declare the optimizer on its own"
)
_RANDOM_STEPS = (
    "steps by the same parameters on the same batch are others each time, beside gradients that "
    "are the same, so that none can be recomputed: declare the optimizer on its own"
)


# After a step that is not finite nothing is.
@np.errstate(all="ignore")
def examine(inquiry: Inquiry) -> list[Verdict]:
    """Recompute the steps of a network's optimizer, or of the network that updates itself."""
    network = inquiry.subject.network
    if network.optimizer is not None:
        rule = network.optimizer
        kind = rule.kind or inquiry.spec.optimizer
        options = rule.options or inquiry.spec.options
        seed = int(inquiry.rng.integers(2**31))
        whole = Rule(rule.make, rule.step, kind, options)
        found = examine_rule(whole, seed, inquiry.subject.shapes)
        return [_of_kept_arrays(inquiry, v) if v.cause == "gradient-kept" else v for v in found]
    if network.step is None:
        return []
    refusal = _refusal(inquiry)
    if refusal is not None:
        return [refusal]
    if inquiry.is_gradient_random:
        return _of_itself(inquiry)
    if is_inferred(inquiry):
        found = with_lost_rate(inquiry, _within_limits(inquiry))
    else:
        found = beside_gradients(inquiry, _within_limits)
        if any(verdict.message == _RANDOM for verdict in found):
            told = of_shuffled(inquiry) or of_one_left_out(inquiry)
            found = [
                replace(v, message=_RANDOM_STEPS) if v.message == _RANDOM else v for v in found
            ]
            found = (of_training_steps(inquiry) or found) if told is None else [told]
    found = _with_own_rate(inquiry, with_second_rate(inquiry, found))
    found = with_guarded_zeros(inquiry, found)
    if any(v.cause == OF_INFINITE for v in found):
        # Of a gradient they show nothing.
        inquiry.steps_explain = "nothing"
        if not is_of_first_step_alone(inquiry):
            lost = Verdict("optimizer", DIFFERS, "the steps are not finite. The cause is unknown.")
            return [of_infinite_step(inquiry) or lost]
    # Of infinities alone no formula is told from others.
    known = inquiry.spec.optimizer and OF_INFINITE
    is_open = any(
        v.status in (DIFFERS, UNCHECKED) and (v.cause is None or v.cause != known) for v in found
    )
    infinite = of_infinite_step(inquiry) if is_open else None
    if infinite is None and any(v.status in (DIFFERS, UNCHECKED) and not v.cause for v in found):
        infinite = of_zero_over_zero(inquiry)
    if infinite is not None:
        return [infinite]
    # A fault may be the reason, and was told.
    is_fine = not any(v.status in (DIFFERS, UNCHECKED) for v in found)
    if not found or not is_fine:
        return found
    if hands_on(inquiry.subject.network.step, "lr") and is_rate_without_effect(inquiry):
        seen = "steps are the same at every learning rate that they are given"
        return [*found, named("optimizer", "step-without-rate", seen)]
    idle = of_idle_state(inquiry) or of_idle_momentum(inquiry)
    return found if idle is None else [*found, idle]


def _of_kept_arrays(inquiry: Inquiry, verdict: Verdict) -> Verdict:
    """Take arrays that the optimizer keeps for a convention, where nothing writes to them."""
    try:
        if not inquiry.subject.has_new_gradients(inquiry.batches[0]):
            return verdict
    except SubjectError:
        return verdict
    finally:
        inquiry.restore()
    title = CAUSES[str(verdict.cause)].title
    message = f"{title}: the network makes new ones for every gradient, so that it does no harm"
    return replace(verdict, status=CONVENTION, message=message)


def _with_own_rate(inquiry: Inquiry, found: list[Verdict]) -> list[Verdict]:
    r"""Say of steps that are the same at every learning rate that it has no effect.

    .. math:: \eta g \Big/ \sqrt{(\eta g)^2} = g \Big/ \sqrt{g^2}

    Where gradients are multiplied with it before they are divided by their size, steps are those
    of a rate of 1. Those of another rate have one of their own.
    """
    blamed = [
        verdict
        for verdict in found
        if verdict.aspect == "optimizer"
        and verdict.status == DIFFERS
        and verdict.cause in (None, "step-scaled")
    ]
    if not blamed or not is_rate_without_effect(inquiry):
        return found
    others = [verdict for verdict in found if verdict not in blamed]
    subject = copy(inquiry.subject)
    subject.network = replace(subject.network, lr=1.0)
    own = inquiry.before_gradient(subject)
    gradient.examine(own)
    try:
        alone = _within_limits(own) if is_inferred(own) else beside_gradients(own, _within_limits)
    except SubjectError:
        return found
    if alone and all(map(_is_reproduced, alone)):
        seen = f"at a rate of 1 {alone[0].message}, and at every other one steps are the same"
        besides = [verdict for verdict in alone if verdict.status == DIFFERS]
        return [*others, named("optimizer", "rate-without-effect", seen), *besides]
    is_scaled = all(verdict.cause == "step-scaled" for verdict in blamed)
    if is_scaled and hands_on(inquiry.subject.network.step, "lr"):
        seen = f"{blamed[0].account}, and with every learning rate that it is given as much"
        return [*others, named("optimizer", "step-without-rate", seen)]
    if is_scaled:
        told = "The step takes no learning rate that it could be given, and its own is not declared"
        rate = (blamed[0].factor or 0.0) * RATES["sgd"]
        message = (
            f"{blamed[0].account}. {told}: the factor is not judged. A rate of {rate:.6g} gives it."
        )
        return [*others, replace(blamed[0], status=CONVENTION, message=message, cause=None)]
    message = f"{blamed[0].message} Steps are much the same at every learning rate."
    return [*others, replace(blamed[0], message=message), *blamed[1:]]


def _is_reproduced(verdict: Verdict) -> bool:
    """Whether a formula gives the steps, right or wrong, and a factor is no part of it."""
    is_named = verdict.cause not in (None, "step-scaled", "step-sign")
    return verdict.status in (EQUAL, CONVENTION) or (verdict.status == DIFFERS and is_named)


def _refusal(inquiry: Inquiry) -> Verdict | None:
    """Return that steps raise, or leave parameters in another shape; None if they do not.

    A network that raises for a single sample alone is asked on.
    """
    one = inquiry.batches[0]
    lr = inquiry.subject.network.lr or RATES["sgd"]
    of_errors = []
    for batch in (one.part(slice(0, 1)), one):
        try:
            walk_on(inquiry, [batch], lr)
        except ReshapedError as error:
            return reshaped.of_steps(inquiry, error)
        except SubjectError as error:
            of_errors.append(refused("optimizer", error))
    if of_errors and (len(of_errors) == 2 or of_errors[0].status == DIFFERS):
        return of_errors[0]
    return None


def _of_itself(inquiry: Inquiry, handed: Scale | None = None) -> list[Verdict]:
    """Recompute the steps of a network that updates itself, from the gradients of its loss.

    Parameters
    ----------
    handed : Scale or None
        That of the gradients that it hands out besides, where they are known to be right.
    """
    network, spec = inquiry.subject.network, inquiry.spec
    is_by_slopes = inquiry.is_loss_unknown and inquiry.slopes_show in (EQUAL, CONVENTION)
    if inquiry.form is None or is_by_slopes:
        return steps_alone(inquiry)
    if inquiry.is_gradient_random:
        return [Verdict("optimizer", UNCHECKED, _RANDOM)]
    if inquiry.beginnings:
        return of_beginnings(inquiry)
    if inquiry.is_gradient_faulty:
        return of_faulty(inquiry)
    loss = inquiry.gradient_loss or spec.loss or (inquiry.reported and inquiry.reported[0])
    if loss is None:
        return [Verdict("optimizer", UNCHECKED, "the loss is not known")]
    lr = network.lr or RATES["sgd"]
    try:
        walks = trajectory(inquiry, STEPS, lr)
        alone = walk_on(inquiry, [walks[1].batches[1]], lr)
    except SubjectError as error:
        return [Verdict("optimizer", UNCHECKED, str(error))]
    if not any(np.any(flat(now) != flat(walk.layers[0])) for walk in walks for now in walk.layers):
        return [Verdict("optimizer", UNCHECKED, STILL)]
    kind, given = read(spec.optimizer, spec.options) if spec.optimizer else (None, {})
    shown = [first_factors(inquiry, walk, loss, lr) for walk in (walks[0], alone)]
    one, other = map(all_known, shown)
    if inquiry.gradient_scale is None or one is None or other is None:
        shared = of_shared_state(inquiry, walks[1], loss, lr, kind, given)
        if shared:
            return shared
        found = of_moments(inquiry, walks[1], loss, lr, shown, kind, given, handed)
        is_told = inquiry.steps_explain != "nothing" or inquiry.is_gradient_known
        # What steps keep shows without a gradient, and a factor of the first step may be its.
        return found if is_told or inquiry.is_entrywise else of_faulty(inquiry)
    right = partial(right_gradient, inquiry, loss)
    at_place = of_ahead(inquiry, walks[1], right, lr, (one, other), kind, given)
    if at_place:
        return at_place
    # A decay that is declared is the optimizer's, and what else is added the gradient's.
    one, other = (without_decay(inquiry, factors, given) for factors in (one, other))
    turns = observed_steps(inquiry, walks[1], loss, lr, (one, other))
    if turns.are_means:
        try:
            walks = trajectory(inquiry, MORE_STEPS, lr)
        except SubjectError as error:
            return [Verdict("optimizer", UNCHECKED, str(error))]
        turns = observed_steps(inquiry, walks[1], loss, lr, (one, other))
    same = observed_steps(inquiry, walks[0], loss, lr, (one, one))
    changing = of_changing_rates(inquiry, turns, same, kind, given)
    if changing:
        return changing
    ahead = _first_step(turns, kind, given)
    found = judged(_divided(turns, ahead), kind, given)
    if ahead == 1 and any(verdict.cause == _OF_TWO for verdict in found):
        ahead = _share_of_two(inquiry, turns, kind, given)
        found = judged(_divided(turns, ahead), kind, given)
    is_known = _is_known(found)
    if not is_known:
        apart = of_accumulated_apart(inquiry)
        if apart:
            return apart
        stale = of_first_divisor(inquiry, walks[1], loss, lr, (one, other))
        if stale is not None and _is_known(judged(_divided(stale, ahead), kind, given)):
            return [first_divisor_verdict(inquiry)]
    if not (is_known and keeps_nothing(turns)):
        apart = of_first_steps_apart(inquiry, walks[1], loss, lr, (one, other), kind, given)
        if apart:
            is_either = handed is None and is_known and not any(v.cause for v in found)
            return _with_other_account(apart) if is_either else apart
    if not is_known and _is_any_added(inquiry, one):
        # What is added beside a velocity is in none of what it takes in, and has no share of it.
        inquiry.decays_told = None
        bare = [[(factor, 0.0) for factor, _ in own] for own in (one, other)]
        turns = observed_steps(inquiry, walks[1], loss, lr, bare)
        same = observed_steps(inquiry, walks[0], loss, lr, (bare[0], bare[0]))
        ahead = _first_step(turns, kind, given)
        found = judged(_divided(turns, ahead), kind, given)
        is_known = _is_known(found)
    if ahead == 1 and not is_known and kind == "nesterov":
        return [nearest_ahead(inquiry, walks[1], right, lr, (one, other), given.get("momentum"))]
    left = [] if is_known else _of_changing_factor(inquiry, turns)
    again = judged(_divided(same, ahead), kind, given) if is_known else found
    if ahead != 1 and is_known:
        _, left = first_share(inquiry, (ahead,), None)
        inquiry.share_of_steps = ahead
    if {v.cause for v in found} != {v.cause for v in again}:
        message = "steps on one batch and steps on two batches in turn are of different formulas"
        return [Verdict("optimizer", UNCHECKED, message)]
    of_rate = _of_momentum_times_rate(inquiry, turns, given) if is_known else []
    if of_rate:
        return left + of_rate
    beside = of_unscaled_decay(inquiry, loss) + of_decay_after(inquiry, loss)
    beside += of_lost_rate(inquiry, loss)
    beside = [verdict for verdict in beside if verdict.cause not in {v.cause for v in found}]
    is_apart = any(verdict.cause == "decay-not-scaled" for verdict in beside)
    if is_apart and is_inferred(inquiry) and inquiry.steps_explain == "nothing":
        # What it adds to the gradient that steps show is no penalty of another size.
        inquiry.steps_explain = "decay"
    if ahead == 1 and any(verdict.cause == "lr-decay" for verdict in found):
        left, found = of_first_fall(inquiry, turns, kind, given, found)
    if ahead == 1 and [verdict.cause for verdict in found] == ["decay-decoupled"]:
        # A moving average may have it beside itself, too.
        left = left + of_average(inquiry, turns)
    if [verdict.status for verdict in found] != [EQUAL]:
        return left + found + beside
    if all(factor < 0 for factor, _ in one):
        message = f"the steps go up; but for that, {found[0].message}"
        return [*beside, Verdict("optimizer", UNCHECKED, message)]
    if ahead == 1:
        beside = of_average(inquiry, turns) + beside
    return left + (beside or found)


def _of_momentum_times_rate(
    inquiry: Inquiry, observed: Observed, given: Mapping[str, float | None]
) -> list[Verdict]:
    """Return that momentum goes with the learning rate, if no usual one accounts for the steps."""
    shown = observed.estimates.get("momentum", [])
    if any(is_usual(momentum, given) for momentum in shown):
        return []
    return of_momentum_times_rate(inquiry, shown[0], given) if shown else []


def _within_limits(inquiry: Inquiry, handed: Scale | None = None) -> list[Verdict]:
    """Judge steps as `_of_itself` does, those alone after which no norm of weights is limited."""
    if not inquiry.of_limits:
        return _of_itself(inquiry, handed)
    try:
        walks = trajectory(inquiry, STEPS, inquiry.subject.network.lr or RATES["sgd"])
    except SubjectError as error:
        return [Verdict("optimizer", UNCHECKED, str(error))]
    if any(limits_of(walk.layers[0], walk.layers[1:]) for walk in walks):
        return inquiry.of_limits
    found = _of_itself(inquiry, handed)
    return inquiry.of_limits + [verdict for verdict in found if verdict.status != EQUAL]


def _of_changing_factor(inquiry: Inquiry, observed: Observed) -> list[Verdict]:
    r"""Take the factor of a first step for its own, where later ones have another one.

    .. math:: \theta_{t+1} = \theta_t - \eta_t (g_t + \mu g_{t-1} + \dots), \qquad
              \eta_1 \ne \eta_2

    as while the learning rate is warmed up. What is kept besides need not be known.
    """
    coefficients, _, misfit = observed.responses
    own = [row[number] for number, row in enumerate(coefficients)]
    if misfit > _LINEAR or np.ptp(own) <= _CHANGING * np.max(np.abs(own)):
        return []
    inquiry.steps_explain = "factor"
    told = ", ".join(f"{factor:.4g}" for factor in own)
    message = (
        f"its factor is not judged: of their own gradient steps take {told} x as much as the first"
    )
    return [Verdict("gradient", UNCHECKED, message)]


def _with_other_account(apart: list[Verdict]) -> list[Verdict]:
    """Add that one formula gives the same steps, where nothing but steps shows the gradient."""
    *others, of_steps = apart
    message = (
        f"{of_steps.message} The same steps come of one formula for all parameters, if the "
        "gradient of some has a factor: no step tells which."
    )
    return [*others, replace(of_steps, message=message)]


def _is_any_added(inquiry: Inquiry, factors: Factors) -> bool:
    """Whether steps add something of the parameters that no penalty accounts for."""
    is_penalized = inquiry.penalty is not None or inquiry.spec.weight_decay is not None
    return not is_penalized and any(decay for _, decay in factors)


def _is_known(found: list[Verdict]) -> bool:
    return any(verdict.cause or verdict.status in (EQUAL, CONVENTION) for verdict in found)


def _first_step(observed: Observed, kind: str | None, given: Mapping[str, float | None]) -> float:
    """Return how many times the gradient a first step is: 1 + momentum for Nesterov's.

    A decay that is declared tells that of a moving average, too, and so does a mean of two
    gradients.
    """
    decays = bool(given.get("weight_decay"))

    # Who declares momentum may have Nesterov's.
    kinds = (kind, "nesterov") if kind == "momentum" else (kind,)

    def is_found(share: float) -> bool:
        alone = _divided(observed, share)
        # No other kind has a share of its own in a first step.
        tried = kinds if kind is not None or share == 1 else sorted(LINEAR)
        matches = (match for own in tried for match in find(alone, own, given, simple=True))
        return any(not (decays and "weight_decay" in match.changed) for match in matches)

    if not is_found(1.0):
        shown = observed.estimates.get("momentum", [])
        if decays:
            # The decay of the step before is in the estimates, which are near to what they show.
            usual = (given.get("momentum"), *USUAL["momentum"])
            shown = [m for m in usual if m and any(abs(m - near) < _NEAR for near in shown)]
        for momentum in shown:
            average = 1 - momentum
            shares = (average, average * (1 + momentum)) if decays else ()
            for share in (1 + momentum, *shares):
                if is_found(share):
                    return share
        if "nesterov" in (*kinds, kind or "nesterov") and is_found(_WHOLE):
            return _WHOLE
        if kind in (None, "momentum"):
            means = (
                1 - momentum
                for momentum in dict.fromkeys([*shown, given.get("momentum")])
                if momentum
            )
            return next(filter(is_found, means), 1.0)
    return 1.0


def _share_of_two(
    inquiry: Inquiry, observed: Observed, kind: str | None, given: Mapping[str, float | None]
) -> float:
    r"""Return how many times the gradient a first step is, if later ones have that before.

    .. math:: g_t + m g_{t-1} = (1 + m) ((1 - \mu) g_t + \mu g_{t-1}), \qquad
              \mu = \frac{m}{1 + m}
    """
    for match in find(observed, kind, given, simple=True):
        if match.formula.average == "last":
            of_two = 1 / (1 + match.formula.options["momentum"])
            return first_share(inquiry, (1.0, of_two), match.residual)[0]
    return 1.0


def _divided(observed: Observed, factor: float) -> Observed:
    asked = observed.asked
    return replace(observed, asked=replace(asked, gradients=asked.gradients / factor))
