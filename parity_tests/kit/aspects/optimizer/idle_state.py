r"""What steps keep from one to the next that none of them depends on.

A velocity, or a moment, is computed for the step:

.. math:: v \leftarrow \mu v + g, \qquad \Delta\theta = -\eta v

With :math:`\Delta\theta = -\eta g` the steps are plain ones, and nothing else shows that they were
meant otherwise.
"""

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.aspects.walks import ends
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.optimizers.asking import RATES
from parity_tests.kit.paths import Found, Step, arrays
from parity_tests.kit.subject.subject import SubjectError, flat
from parity_tests.kit.verdicts import Verdict, named

Array = NDArray[Any]
Path = tuple[Step, ...]
# RAdam's steps do not depend on the second moment before the sixth.
_STEPS = 9
LATER = _STEPS - 1
# How many times as large each is made, and how many are.
_TIMES, _MOST = 3.0, 24
# An average of the parameters is for the answers, and one of the steps is for nothing else.
_AVERAGE = re.compile(r".*(avg|average|ema|shadow|mean|polyak|swa).*", re.IGNORECASE)
_ALONG = 0.9
# How far parameters may be from each other, over how far they have moved.
_ROUNDING = 1e-9


def of_idle_state(inquiry: Inquiry) -> Verdict | None:
    """Return that arrays of all matrices' shapes add up from step to step for nothing; or None."""
    try:
        with inquiry.subject.drawing_alike(0):
            found = _idle(inquiry)
    except SubjectError:
        return None
    finally:
        inquiry.subject.begin(inquiry.layers)
    if not found:
        return None
    names = ", ".join(dict.fromkeys(map(_attribute, found)))
    seen = (
        f"every step adds to {names} what depends on it, and with {_TIMES:g} x its values the next "
        f"{LATER} steps are the same"
    )
    return named("optimizer", "state-without-effect", seen)


def _attribute(one: Found) -> str:
    """Return the attribute that an array is in, or its name where it is in none."""
    attributes = [str(step.name) for step in one.path if step.kind == "attribute"]
    return attributes[-1] if attributes else one.name


def _idle(inquiry: Inquiry) -> list[Found]:
    """Return what begins at zero and adds up, without any effect on the steps."""
    subject = inquiry.subject
    subject.begin(inquiry.layers)
    begun = {one.path: one.array.copy() for one in arrays(subject.net)}

    def states(net: Any) -> list[Found]:
        own = {id(array) for array in subject.arrays()}
        return [
            one
            for one in arrays(net)
            if id(one.array) not in own
            and one.array.flags.writeable
            and not _AVERAGE.fullmatch(one.text)
            and not np.any(begun.get(one.path, 0.0))
            and np.any(one.array)
        ]

    seen: list[Found] = []
    walked, kept = walk_with(inquiry, lambda net: seen.extend(states(net)))
    idle = []
    for one in seen[:_MOST]:

        def enlarge(net: Any, path: Path = one.path) -> None:
            for own in arrays(net):
                if own.path == path:
                    own.array[...] *= _TIMES

        enlarged, others = walk_with(inquiry, enlarge)
        is_kept = {one.path} <= kept.keys() & others.keys()
        adds_up = is_kept and not np.array_equal(kept[one.path], others[one.path])
        if adds_up and are_same(walked, enlarged):
            idle.append(one)
    idle = [one for one in idle if not _is_along(kept[one.path], subject.arrays())]
    wanted = Counter(array.shape for array in subject.arrays() if array.ndim > 1)
    there = Counter(one.array.shape for one in idle)
    return idle if wanted and all(there[shape] >= n for shape, n in wanted.items()) else []


def walk_with(
    inquiry: Inquiry, after_first: Callable[[Any], None]
) -> tuple[list[Array], dict[Path, Array]]:
    """Return the parameters after each of several steps, and all arrays after the second one."""
    subject, (one, other) = inquiry.subject, inquiry.batches
    if subject.single or inquiry.is_one_by_one:
        one, other = ends(one)
    lr = subject.network.lr or RATES["sgd"]
    subject.begin(inquiry.layers)
    walked, kept = [], {}
    for number in range(_STEPS):
        subject.step((one, other)[number % 2], lr)
        walked.append(flat(subject.get()))
        if number == 0:
            after_first(subject.net)
        if number == 1:
            kept = {own.path: own.array.copy() for own in arrays(subject.net)}
    return walked, kept


def are_same(walked: list[Array], others: list[Array]) -> bool:
    """Whether parameters are the same ones, but for rounding where what is kept cancels out."""
    first, last = walked[0], walked[-1]
    moved = float(np.linalg.norm(last - first))
    pairs = zip(walked, others, strict=True)
    return all(np.linalg.norm(one - other) <= _ROUNDING * moved for one, other in pairs)


def _is_along(array: Array, parameters: list[Array]) -> bool:
    """Whether an array goes the way of parameters, as an average of them does."""
    sizes = ((own, np.linalg.norm(own) * np.linalg.norm(array)) for own in parameters)
    return any(
        own.shape == array.shape and abs(np.vdot(own, array)) > _ALONG * size for own, size in sizes
    )
