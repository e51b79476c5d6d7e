"""Training loops around the step that was recognized: how they divide and order their samples.

A loop's step on a whole batch is the step inside, whatever the order of samples, unless these are
given the labels of others. So only that is asked of it, and the rest is told to be left out.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from parity_tests.kit.aspects.shuffled_steps import seen_in_exchanged
from parity_tests.kit.recognition import names
from parity_tests.kit.recognition.backward_calls import count_of
from parity_tests.kit.recognition.callers import names_used
from parity_tests.kit.recognition.calls import attributes_read
from parity_tests.kit.recognition.forwards import Forward
from parity_tests.kit.recognition.hosts import Host, Named
from parity_tests.kit.recognition.settings import all_at_once, behind, one_round
from parity_tests.kit.recognition.steps import calls_of, rated
from parity_tests.kit.recognition.trial import FAILURES, Fields, begin, made

_WORDS = re.compile(r"\bnet\.(\w+)")
_NET = re.compile(r"\bnet\b")
_MOST_CALLS = 3


def loops(host: Host, fields: Mapping[str, str], *, may_make: bool = False) -> list[Named]:
    """Return the methods that train by what a declaration uses, and that it does not use itself.

    Parameters
    ----------
    host : Host
        An object; of functions it is listed which ones nothing calls.
    fields : mapping
        The declaration, as Python code.
    may_make : bool, default False
        Whether those count that make the parameters that they train.
    """
    if host.kind != "object":
        return []
    inside = {name for key in _TRAINING if key in fields for name in _WORDS.findall(fields[key])}
    sources = (source for key, source in fields.items() if not (may_make and key == "make"))
    used = {name for source in sources for name in _WORDS.findall(source)}
    called = _reached(host, used)
    return [
        one
        for one in host.ranked(names.TRAIN)
        if one.name not in called
        and (may_make or not host.is_made_by(one))
        and _reached(host, {one.name}) & inside
    ]


_TRAINING = ("step", "gradients", "backward")


def loops_beside(host: Host, fields: Mapping[str, str]) -> list[Named]:
    """Return the functions beside a network's object, or its layers, that train by their name.

    Those that a declaration uses are none of them, nor are backward passes and derivatives.

    Parameters
    ----------
    host : Host
        Of plain functions it is listed elsewhere which ones nothing calls.
    fields : mapping
        The declaration, as Python code.
    """
    if host.kind == "functions":
        return []
    used = names_used(fields.values())
    return [
        one
        for one in host.helpers
        if names.rank(one.name, names.TRAIN) is not None
        and names.rank(one.name, names.BACKWARD) is None
        and not names.is_derivative(one.name)
        and one.name not in used
    ]


def _reached(host: Host, begin_with: set[str]) -> set[str]:
    """Return the names that methods read from their object, by themselves or through others."""
    functions = {one.name: one.function for one in host.functions}
    reached: set[str] = set()
    waiting = list(begin_with)
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += attributes_read(functions[name]) if name in functions else ()
    return reached


def shuffling_apart(forward: Forward, fields: Fields, scope: Mapping[str, Any]) -> str:
    """Return code of a training loop that gives samples the labels of others; empty if none does.

    Parameters
    ----------
    forward : Forward
        The pass of the network.
    fields : mapping
        The declaration, as Python code, with its labels.
    """
    for one in (*loops(forward.host, fields), *loops_beside(forward.host, fields)):
        for source in _steps(one, forward, scope):
            inquiry = begin({**fields, "step": source}, scope, forward.inquiry)
            try:
                if inquiry is not None and seen_in_exchanged(inquiry):
                    return source
            except FAILURES:
                continue
    return ""


def _steps(one: Named, forward: Forward, scope: Mapping[str, Any]) -> Iterator[str]:
    """Yield code of a loop's steps on all samples at once, in one round."""
    net = made(forward.host.make, scope)
    settings = [*one_round(net), *all_at_once(net, count_of(forward))]
    for body in islice(calls_of(one, forward), _MOST_CALLS):
        # One that is not given the network trains another.
        for text in rated(body, net) if _NET.search(body) else ():
            yield f"lambda net, x, y, lr: {behind(settings, text)}"
