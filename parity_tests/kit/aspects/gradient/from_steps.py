"""What steps do that show a gradient, before it is taken for one that is not known.

Each question answers with verdicts, or leaves what it found in the account.
"""

from dataclasses import replace

import numpy as np

from parity_tests.kit.aspects.first_steps.entrywise import of_entrywise
from parity_tests.kit.aspects.first_steps.infinite_steps import (
    is_of_first_step_alone,
    of_infinite_step,
)
from parity_tests.kit.aspects.first_steps.later_steps import moving_later, of_step_before
from parity_tests.kit.aspects.first_steps.limited_norms import (
    OF_LIMITED,
    limits_reached,
    take_shorter,
    verdict_on,
)
from parity_tests.kit.aspects.first_steps.shared_states import of_own_velocities
from parity_tests.kit.aspects.first_steps.single_steps import causes_of, of_single_steps
from parity_tests.kit.aspects.first_steps.solved import solved
from parity_tests.kit.aspects.gradient.account import Account, keep
from parity_tests.kit.aspects.gradient.factors import of_factors
from parity_tests.kit.aspects.gradient.judged import judged
from parity_tests.kit.aspects.gradient.measured_factors import factors_of
from parity_tests.kit.aspects.gradient.readings import explained
from parity_tests.kit.aspects.gradient.told_findings import edges, told_findings
from parity_tests.kit.aspects.observing import (
    is_accumulated,
    is_one_by_one,
    is_one_by_one_of_mean,
    mini_batch_of,
    observe,
)
from parity_tests.kit.backprop.findings import Explanation
from parity_tests.kit.inquiry import CLOSE, Inquiry
from parity_tests.kit.scales import MEAN
from parity_tests.kit.subject.subject import tensors
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, UNCHECKED, Verdict, named

_INFINITE = "only steps show it, and the first one is not finite"
_ONE_BY_ONE = (
    "a step on a batch updates after every sample of it: the gradient is judged by single samples"
)
_OF_MOVING = "a step tells it, while the parameters move from one sample to the next"
_OF_MEAN = (
    f"{_ONE_BY_ONE}, and each of those is divided by the size of the batch: steps are that much "
    "shorter than one at a time"
)
_MINI_BATCHES = (
    "a step on a batch updates after every {} samples of it: the gradient is judged by so many"
)
_ACCUMULATED = (
    "with two samples, a step takes the change of the first once more with that of the second"
)
_LATE = "a first step changes nothing, and one on another batch behind it goes by that before"
_SOLVED = "Only steps show it: sizes are solved from what eps takes away of a first one."


def of_infinite(account: Account) -> list[Verdict]:
    """Return that a first step is not finite: what the second one is not, the gradient is not."""
    inquiry, observed = account.inquiry, tensors(account.seen[0][0])
    if not account.is_inferred or all(np.isfinite(own).all() for own in observed):
        return []
    if of_infinite_step(inquiry):
        return [Verdict("gradient", UNCHECKED, _INFINITE)]
    if any(np.isfinite(own).any() for own in observed):
        return []
    status = UNCHECKED if is_of_first_step_alone(inquiry) else DIFFERS
    return [Verdict("gradient", status, _INFINITE)]


def of_limits(account: Account) -> list[Verdict]:
    """Take the gradient at weights that no step shortens to a largest norm.

    A matrix that is shortened as a whole looks as if it had a penalty.
    """
    is_asked = account.explanations[0].decays or not account.is_known
    if not (account.is_inferred and is_asked):
        return []
    inquiry, usual, after = account.inquiry, account.inquiry.layers, account.seen[0][1]
    seen = None if inquiry.subject.single else [own for _, own in account.seen]
    limits = limits_reached(inquiry, seen)
    if not limits:
        return []
    if not take_shorter(inquiry, limits):
        return [Verdict("gradient", UNCHECKED, OF_LIMITED)]
    account.seen = keep(inquiry, [observe(inquiry, batch) for batch in inquiry.batches])
    account.explanations = account.explained(account.seen)
    first = account.explanations[0]
    inquiry.of_limits = [verdict_on(inquiry, limits, first, usual, after)]
    return []


def of_velocities(account: Account) -> list[Verdict]:
    """Take the gradient without velocities that are shared, if that is a right one."""
    if not account.is_inferred or account.is_known:
        return []
    for parted in of_own_velocities(account.inquiry, account.gradients):
        again = [(own, after) for own, (_, after) in zip(parted, account.seen, strict=True)]
        found = account.explained(again)
        if all(explanation.is_right for explanation in found):
            account.seen, account.explanations = keep(account.inquiry, again), found
            break
    return []


def of_samples(account: Account) -> list[Verdict]:
    """Take the gradient of single samples, where each of them has a step of its own."""
    if not account.is_inferred or account.is_known:
        return []
    inquiry, loss = account.inquiry, account.loss
    singles = None
    if inquiry.subject.single:
        singles = of_single_steps(inquiry, loss)
    elif is_accumulated(inquiry):
        tensor = f"W{len(inquiry.layers)}"
        return [named("gradient", "gradient-accumulated", _ACCUMULATED, tensor)]
    elif is_one_by_one(inquiry):
        inquiry.is_one_by_one = True
        account.beside.append(Verdict("gradient", CONVENTION, _ONE_BY_ONE))
        singles = of_single_steps(inquiry, loss)
    elif is_one_by_one_of_mean(inquiry):
        inquiry.is_one_by_one = True
        account.beside.append(Verdict("gradient", CONVENTION, _OF_MEAN, cause="factor-batch"))
        singles = of_single_steps(inquiry, loss)
    elif size := mini_batch_of(inquiry):
        account.beside.append(Verdict("gradient", CONVENTION, _MINI_BATCHES.format(size)))
        _take_parts(account, size)
    account.explanations = singles or account.explanations
    if inquiry.is_one_by_one and inquiry.subject.network.loss is None and account.is_known:
        # What a step tells is of parameters that move from one sample to the next.
        if inquiry.is_loss_unknown:
            account.beside.append(Verdict("loss", UNCHECKED, _OF_MOVING, "loss"))
        inquiry.is_loss_unknown = False
    return []


def _take_parts(account: Account, size: int) -> None:
    """Take the gradient of batches of which a step updates once, of different sizes."""
    inquiry = account.inquiry
    first, second = inquiry.batches
    inquiry.batches = first.part(slice(0, size)), second.part(slice(0, size - 1))
    inquiry.evidence.batches = list(inquiry.batches)
    account.seen = keep(inquiry, [observe(inquiry, batch) for batch in inquiry.batches])
    account.explanations = account.explained(account.seen)


def of_other_steps(account: Account) -> list[Verdict]:
    """Judge what goes by the step before, and what shows signs of a gradient alone."""
    if not account.is_inferred or account.is_right:
        return []
    inquiry, loss = account.inquiry, account.loss
    account.explanations = moving_later(inquiry, account.explanations)
    late = of_step_before(inquiry, loss)
    if late:
        besides = [v for v in judged(inquiry, late, loss) if v.status == DIFFERS]
        # Steps are not those of the gradient where they are taken.
        inquiry.is_gradient_faulty = True
        return [named("gradient", "gradient-late", _LATE), *besides]
    account.verdicts = of_entrywise(inquiry, account.seen[0][0], loss, is_known=account.is_known)
    account.is_of_signs = bool(account.verdicts)
    if account.is_of_signs and not inquiry.is_loss_unknown:
        account.verdicts = _of_solved(account) or account.verdicts
    return []


def _of_solved(account: Account) -> list[Verdict]:
    """Name faults of a gradient that is solved from first steps, if that reproduces all of it."""
    inquiry = account.inquiry
    for gradients in solved(inquiry, account.gradients):
        explanations = []
        for batch, gradient, (_, updated) in zip(
            inquiry.batches, gradients, account.seen, strict=True
        ):
            explanations.append(explained(inquiry, batch, gradient, updated, account.loss, CLOSE))
            if not explanations[-1].known:
                break
        first, *others = explanations
        if not others or not explanations[-1].known or causes_of(first) != causes_of(others[0]):
            continue
        verdicts = told_findings(inquiry, first, None) + _of_several(inquiry, explanations)
        if verdicts:
            inquiry.is_gradient_known = inquiry.is_gradient_faulty = True
            inquiry.edges += edges(first, len(inquiry.layers))
        return [replace(v, message=f"{v.message} {_SOLVED}") for v in verdicts]
    return []


def _of_several(inquiry: Inquiry, explanations: list[Explanation]) -> list[Verdict]:
    """Judge factors of some tensors by those of most, where one of all is not known."""
    scaled = []
    for batch, own in zip(inquiry.batches, explanations, strict=True):
        sizes = np.abs([finding.factor for finding in own.findings])
        usual = float(np.median(sizes))
        if 2 * np.sum(np.abs(sizes - usual) <= CLOSE * usual) <= len(sizes):
            return []
        unit = usual * len(batch)
        findings = [replace(finding, factor=finding.factor / unit) for finding in own.findings]
        scaled.append(replace(own, findings=findings))
    factors = factors_of(inquiry, *scaled, MEAN)
    if len({factor.ratio and factor.ratio.text for factor in factors}) == 1:
        return []
    return of_factors(inquiry, factors, MEAN)
