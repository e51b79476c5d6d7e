"""Factors of a gradient seen in steps that are those of a learning rate the network keeps."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from parity_tests.kit.aspects.observing import RATES, is_inferred
from parity_tests.kit.aspects.walks import walk_on
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.scales import NEAR
from parity_tests.kit.subject.members import walk
from parity_tests.kit.subject.subject import SubjectError
from parity_tests.kit.verdicts import CONVENTION, Verdict

# Factors that no number of samples and no width explains.
_OF_NUMBERS = ("factor-constant", "factor-two")
_EITHER = "Steps alone show it: it may as well be what the learning rate is multiplied with."
# Where a number is kept: which of the objects that a network consists of, and its name there.
_Place = tuple[int, str]


def with_own_rate(inquiry: Inquiry, verdicts: list[Verdict]) -> list[Verdict]:
    r"""Take a factor of all tensors for that of a learning rate which has changed before the step.

    .. math:: \eta' = c \, \eta, \qquad \Delta\theta = -\eta' g

    So does a schedule that acts at the start of a training step. It is certain where the network
    keeps :math:`c \, \eta` for every :math:`\eta` that it is given. Where it does not, it is said
    that steps alone do not tell a factor of the gradient from one of the rate.
    """
    tensor = f"dL/dz{len(inquiry.layers)}"
    if not is_inferred(inquiry) or inquiry.subject.network.lr is not None:
        return verdicts
    return [
        _of_rate(inquiry, verdict)
        if verdict.cause in _OF_NUMBERS and verdict.tensor == tensor
        else verdict
        for verdict in verdicts
    ]


def _of_rate(inquiry: Inquiry, verdict: Verdict) -> Verdict:
    factor = verdict.factor or 0.0
    name = _rate_kept(inquiry, factor)
    if not name:
        return replace(verdict, message=f"{verdict.message} {_EITHER}")
    message = (
        f"steps have {factor:.6g} x the learning rate that they are given, which is what the "
        f"network keeps of it as {name}: that of a schedule which acts before the first step, and "
        "no factor of the gradient"
    )
    return replace(verdict, status=CONVENTION, message=message, tensor=None, cause=None)


def _rate_kept(inquiry: Inquiry, factor: float) -> str:
    """Return the name of a number that is so many times each learning rate after a step."""
    places: set[_Place] | None = None
    for rate in RATES:
        try:
            walk_on(inquiry, [inquiry.batches[0]], rate)
        except SubjectError:
            return ""
        wanted = factor * rate
        found = {
            place
            for place, number in _numbers(inquiry.subject.net)
            if abs(number - wanted) <= NEAR * abs(wanted)
        }
        places = found if places is None else places & found
    return min(places)[1] if places else ""


def _numbers(net: object) -> Iterator[tuple[_Place, float]]:
    """Yield the numbers that a network keeps by their names, and where."""
    for position, (_, members) in enumerate(walk(net)):
        for name, member in members.items():
            if isinstance(member, (float, np.floating)) and isinstance(name, str):
                yield (position, name), float(member)
