r"""Momentum that steps are computed with, and that has no effect on any.

As where the velocity is not kept, and is zero in every step:

.. math:: v \leftarrow 0, \qquad \Delta\theta = -\eta (\mu v + g) = -\eta g

A network that has momentum for another of its optimizers does not compute with it.
"""

import re
from collections.abc import Callable
from typing import Any

from parity_tests.kit.aspects.optimizer.idle_state import LATER, are_same, walk_with
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.subject.members import walk
from parity_tests.kit.subject.subject import SubjectError
from parity_tests.kit.verdicts import Verdict, named

_MOMENTUM = re.compile(r"_*(momentum\w*|mu|beta_?1)_*", re.IGNORECASE)
# What keeps statistics has a momentum for these.
_STATISTICS = re.compile(r".*(running|moving|average|gamma).*", re.IGNORECASE)
_MOST = 4


class _Watched(float):
    """A number that calls a function when something is computed with it."""

    # So that an array leaves it to this number to be multiplied with it.
    __array_ufunc__ = None
    told: Callable[[], None]

    def __mul__(self, other: Any) -> Any:
        self.told()
        return float(self) * other

    def __rmul__(self, other: Any) -> Any:
        self.told()
        return other * float(self)

    def __rsub__(self, other: Any) -> Any:
        self.told()
        return other - float(self)

    def __radd__(self, other: Any) -> Any:
        self.told()
        return other + float(self)


def of_idle_momentum(inquiry: Inquiry) -> Verdict | None:
    """Return that a momentum is multiplied with in steps, and that another one makes no other."""
    try:
        with inquiry.subject.drawing_alike(0):
            asked = (_of_one(inquiry, number) for number in range(_MOST))
            return next(filter(None, asked), None)
    except SubjectError:
        return None
    finally:
        inquiry.subject.begin(inquiry.layers)


def _of_one(inquiry: Inquiry, number: int) -> Verdict | None:
    """Ask about one of all attributes that may be a momentum."""
    seen: list[tuple[str, float]] = []
    uses: list[None] = []

    def watch(net: Any) -> None:
        for owner, name, value in _momentums(net)[number : number + 1]:
            watched = _Watched(value)
            watched.told = lambda: uses.append(None)
            seen.append((name, value))
            setattr(owner, name, watched)

    def halve(net: Any) -> None:
        for owner, name, value in _momentums(net)[number : number + 1]:
            setattr(owner, name, value / 2)

    walked, _ = walk_with(inquiry, watch)
    if not uses or not are_same(walked, walk_with(inquiry, halve)[0]):
        return None
    [(name, value)] = seen
    what = (
        f"{name} is {value:g} and is computed with, and with {value / 2:g} in its place the next "
        f"{LATER} steps are the same"
    )
    return named("optimizer", "momentum-without-effect", what)


def _momentums(net: Any) -> list[tuple[Any, str, float]]:
    """Return the attributes that may be a momentum, with what has them, in a fixed order."""
    return [
        (owner, name, float(value))
        for owner, members in walk(net)
        if not any(_STATISTICS.fullmatch(str(name)) for name in members)
        for name, value in members.items()
        if isinstance(name, str)
        and _MOMENTUM.fullmatch(name)
        and isinstance(value, float)
        and 0 < value < 1
        and name in getattr(owner, "__dict__", ())
    ]
