"""What a training loop keeps while it runs, where each call of it was asked as one step.

Its velocity or moments, or how far its rate has come down, begin anew in every call then. They are
seen in what several rounds of one call do, beside as many calls of one round.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.aspects.drawn import drawing_apart
from parity_tests.kit.aspects.observing import RATES
from parity_tests.kit.aspects.walks import walk_on
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.recognition import names
from parity_tests.kit.recognition.calls import parameters_of
from parity_tests.kit.recognition.forwards import Forward
from parity_tests.kit.recognition.proposal import LIKELY, Convention
from parity_tests.kit.recognition.trial import FAILURES, Fields, begin, made
from parity_tests.kit.recognition.zeros import called
from parity_tests.kit.rendering.wording import KEPT_INSIDE
from parity_tests.kit.subject.subject import flat

Array = NDArray[Any]

_MOMENTUM = re.compile(r"momentum|mu|beta_?\d?|rho")
_ROUNDS = 2
# How near two places are that are the same but for rounding, relative to the way there.
_CLOSE = 1e-7


@dataclass(frozen=True)
class _Loop:
    """A call that trains for one round.

    Attributes
    ----------
    name : str
        Of the function.
    node : ast.Call
        The call, within `whole`.
    place : int or str
        Where the number of rounds is among its arguments.
    whole : ast.Expression
        The code of the step.
    momenta : dict
        Momenta that it has by default and that are not given, and their values.
    """

    name: str
    node: ast.Call
    place: int | str
    whole: ast.Expression
    momenta: dict[str, float]

    def going(self, rounds: int, momentum: str | None = None) -> str:
        """Return code of a step of several rounds, with one of its momenta zero."""
        one = self.node
        args, keywords = list(one.args), list(one.keywords)
        value = ast.Constant(rounds)
        if isinstance(self.place, int):
            one.args[self.place] = value
        else:
            one.keywords = [
                ast.keyword(own.arg, value) if own.arg == self.place else own for own in keywords
            ]
        if momentum is not None:
            one.keywords = [*one.keywords, ast.keyword(momentum, ast.Constant(0.0))]
        try:
            return ast.unparse(self.whole)
        finally:
            one.args, one.keywords = args, keywords


def kept_inside(fields: Fields, forward: Forward, scope: Mapping[str, Any]) -> Iterator[Convention]:
    r"""Yield that what a step's training loop keeps was not seen, and which momentum does nothing.

    With :math:`T_k` for a call of :math:`k` rounds, it keeps something if

    .. math:: T_2(\theta) \neq T_1(T_1(\theta))

    and a momentum :math:`\mu` does nothing if :math:`T_2(\theta)` is the same with :math:`\mu = 0`.
    Of a loop that leads elsewhere each time nothing is said.

    Parameters
    ----------
    fields : mapping
        The declaration, as Python code.
    forward : Forward
        The pass of the network.
    """
    loop = _found(fields, scope) if "step" in fields else None
    if loop is None:
        return
    inquiry = begin({**fields, "step": loop.going(_ROUNDS)}, scope, forward.inquiry)
    single = begin(fields, scope, forward.inquiry)
    if inquiry is None or single is None:
        return
    try:
        with drawing_apart(inquiry.subject):
            together, again = _way(inquiry, 1), _way(inquiry, 1)
        apart = _way(single, _ROUNDS)
    except FAILURES:
        return
    if not np.any(together) or not _are_same(together, again):
        return
    if not _are_same(together, apart):
        told = (
            f"every step that was asked is a call of {loop.name}, and {_ROUNDS} rounds in one call "
            "lead elsewhere than one in each of as many: what it keeps meanwhile, as a velocity, "
            "moments or a changing rate, is not judged"
        )
        yield Convention(KEPT_INSIDE, "not seen", LIKELY, told)
    for name, value in loop.momenta.items():
        without = {**fields, "step": loop.going(_ROUNDS, name)}
        if _leads_to(together, without, forward, scope):
            told = (
                f"{_ROUNDS} rounds in one call of {loop.name} lead to the same place with {name}=0"
            )
            yield Convention(name, f"{value:g} changes nothing", LIKELY, told)


def _leads_to(place: Array, fields: Fields, forward: Forward, scope: Mapping[str, Any]) -> bool:
    inquiry = begin(fields, scope, forward.inquiry)
    try:
        return inquiry is not None and _are_same(place, _way(inquiry, 1))
    except FAILURES:
        return False


def _way(inquiry: Inquiry, calls: int) -> Array:
    """Return how far several steps on the same batch lead, or on one sample of it."""
    batch = inquiry.batches[0]
    batch = batch.part(slice(0, 1)) if inquiry.subject.single else batch
    rate = inquiry.subject.network.lr or RATES[-1]
    places = walk_on(inquiry, [batch] * calls, rate, may_repeat=True).layers
    return flat(places[-1]) - flat(places[0])


def _are_same(one: Array, other: Array) -> bool:
    return bool(np.linalg.norm(one - other) <= _CLOSE * np.linalg.norm(one))


def _found(fields: Fields, scope: Mapping[str, Any]) -> _Loop | None:
    """Return the call of a step that is given one round, or None if there is none."""
    whole = ast.parse(fields["step"], mode="eval")
    net = made(fields["make"], scope)
    for node in ast.walk(whole):
        if not isinstance(node, ast.Call):
            continue
        function = called(node.func, scope, net)
        taken = parameters_of(function) or []
        named = {number: one.name for number, one in enumerate(taken[: len(node.args)])}
        given: dict[int | str, ast.expr] = dict(enumerate(node.args))
        given |= {one.arg: one.value for one in node.keywords if one.arg}
        for place, value in given.items():
            name = place if isinstance(place, str) else named.get(place, "")
            if names.role(name) == "epochs" and _is_one(value):
                own = {*named.values(), *(one.arg for one in node.keywords)}
                momenta = {
                    one.name: float(one.default)
                    for one in taken
                    if one.name not in own
                    and _MOMENTUM.fullmatch(one.name.lower())
                    and isinstance(one.default, float)
                    and one.default
                }
                return _Loop(getattr(function, "__name__", "it"), node, place, whole, momenta)
    return None


def _is_one(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) is int and node.value == 1
