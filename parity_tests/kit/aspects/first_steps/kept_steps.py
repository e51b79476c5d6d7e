"""What steps keep of those before, where their gradient has a fault."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from numpy.typing import NDArray

from parity_tests.kit.aspects.first_steps.kept_apart import of_accumulated_apart
from parity_tests.kit.aspects.first_steps.shares import (
    average_verdict,
    first_share,
    sum_or_average,
)
from parity_tests.kit.aspects.walks import Trajectory, kept_walk, taken_anew
from parity_tests.kit.inquiry import CLOSE, Inquiry
from parity_tests.kit.optimizers.asked_again import is_usual, times_rate
from parity_tests.kit.optimizers.formulas import read
from parity_tests.kit.optimizers.kept import Kept, kept
from parity_tests.kit.subject.subject import SubjectError, tensors
from parity_tests.kit.verdicts import DIFFERS, EQUAL, UNCHECKED, Verdict, named

Array = NDArray[Any]
# Steps that are short, so that the order of updates hardly shows in them.
_SHORT = 1e-5
# Of what stays where it is, any formula is that which takes no step.
STILL = "none of the steps that are asked changes a parameter"
# Rates at which momentum that goes with them can be told, and how closely it does.
_LONG, _ROUGH = (0.08, 0.02), 1e-3


def of_faulty(inquiry: Inquiry) -> list[Verdict]:
    """Judge what steps keep of those before, where their gradient has a fault or is not known."""
    if inquiry.is_entrywise:
        return [Verdict("optimizer", UNCHECKED, _of_gradient(inquiry))]
    return of_kept(inquiry)


def _of_gradient(inquiry: Inquiry) -> str:
    if inquiry.slopes_show not in ("", DIFFERS):
        return "the gradient is known by slopes alone, and steps are not recomputed from those"
    what = "has a fault" if inquiry.is_gradient_faulty else "is not known"
    return f"the gradient {what}, and the steps with it"


def of_kept(inquiry: Inquiry) -> list[Verdict]:
    """Judge what steps keep of those before, whatever their gradient is."""
    spec, faulty = inquiry.spec, _of_gradient(inquiry)
    try:
        found = what_is_kept(inquiry)
    except SubjectError as error:
        return [Verdict("optimizer", UNCHECKED, str(error))]
    if found is None:
        return [Verdict("optimizer", UNCHECKED, faulty)]
    if found.kind == "other" and (apart := of_accumulated_apart(inquiry)):
        return apart
    if found.kind == "other":
        inquiry.steps_explain = "factor"
        depends = "the steps depend on those before, in a way that is not known"
        return [
            Verdict("gradient", UNCHECKED, f"{depends}: a factor that all have is not judged"),
            Verdict("optimizer", UNCHECKED, f"{faulty}; {depends}"),
        ]
    kind, given = read(spec.optimizer, spec.options) if spec.optimizer else (None, {})
    if given.get("momentum") == 0:
        kind = "sgd"
    if found.kind == "nothing" and not found.moves:
        return [Verdict("optimizer", UNCHECKED, STILL)]
    if found.kind == "nothing":
        seen = "no state is kept between steps"
        if kind in ("momentum", "nesterov"):
            return [named("optimizer", "momentum-without-effect", seen)]
        if kind not in (None, "sgd"):
            return [named("optimizer", "another-optimizer", f"{seen}, declared is {kind}")]
        message = f"{seen}: they are plain descent, by the gradient as it is"
        return [Verdict("optimizer", EQUAL, message)]
    return of_kept_momentum(inquiry, found, kind, given)


def of_kept_momentum(
    inquiry: Inquiry, found: Kept, kind: str | None, given: Mapping[str, float | None]
) -> list[Verdict]:
    """Hold the momentum that steps have to what is declared."""
    momentum = found.momentum
    if momentum == 1:
        return [
            named("optimizer", "step-of-accumulated", "a step has all those before it once more")
        ]
    is_open = kind is None and found.kind == "momentum" and inquiry.first_share is None
    either = sum_or_average(inquiry, momentum, None) if is_open else []
    if either:
        return either
    ahead = 1 + momentum if found.kind == "nesterov" else 1.0
    average = (1 - momentum) * ahead
    first, left = first_share(inquiry, (ahead, average, 1.0), None)
    if inquiry.first_share is not None:
        first, left = inquiry.first_share, []
    name = "Nesterov's momentum" if found.kind == "nesterov" else "momentum"
    seen = f"the steps have {name} of {momentum:g}, whatever the gradient is"
    declared = given.get("momentum")
    of_rate = of_momentum_times_rate(inquiry, momentum, given)
    if of_rate:
        return [*left, *of_rate]
    if kind not in (None, found.kind):
        plain = kind == "nesterov" and found.kind == "momentum"
        cause = "nesterov-is-momentum" if plain else "another-optimizer"
        return [*left, named("optimizer", cause, f"{seen}, declared is {kind}")]
    if declared is not None and declared != momentum:
        cause = "another-hyperparameter"
        return [*left, named("optimizer", cause, f"{seen}, declared is {declared:g}")]
    if first == average != 1:
        return [*left, average_verdict(momentum, first, None)]
    return [*left, Verdict("optimizer", EQUAL, seen)]


def of_momentum_times_rate(
    inquiry: Inquiry, momentum: float, given: Mapping[str, float | None]
) -> list[Verdict]:
    """Return that momentum goes with the learning rate; nothing if it is one that may be meant."""
    if is_usual(momentum, given) or inquiry.subject.network.lr is not None:
        return []
    try:
        one, later = (what_is_kept(inquiry, rate) for rate in _LONG)
    except SubjectError:
        return []
    if one is None or later is None or (one.kind, later.kind) != ("momentum", "momentum"):
        return []
    if abs(later.momentum / one.momentum / (_LONG[1] / _LONG[0]) - 1) > _ROUGH:
        return []
    return [times_rate(one.momentum, _LONG[0], None)]


def what_is_kept(inquiry: Inquiry, rate: float = _SHORT) -> Kept | None:
    """Return what steps keep of those before; None if a new network does not step as another."""
    if inquiry.tolerance >= CLOSE:
        return None
    rate = inquiry.subject.network.lr or rate
    walk = kept_walk(inquiry, rate)
    anew = taken_anew(inquiry, walk, rate)
    return None if anew is None else kept(_changes(walk), [_changes(own)[0] for own in anew])


def _changes(walk: Trajectory) -> list[list[Array]]:
    return [
        [after - before for before, after in zip(tensors(old), tensors(new), strict=True)]
        for old, new in pairwise(walk.layers)
    ]
