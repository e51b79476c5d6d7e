"""Training loops that give samples the labels of others, as far as their batches can be followed.

What a loop draws besides, or makes itself, does not matter then: see `followed`.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from parity_tests.kit.aspects.data import aspect as data_aspect
from parity_tests.kit.recognition import names
from parity_tests.kit.recognition.backward_calls import callee
from parity_tests.kit.recognition.callers import names_used, parts_called
from parity_tests.kit.recognition.calls import bindings, parameters_of
from parity_tests.kit.recognition.forwards import Forward
from parity_tests.kit.recognition.hosts import Named
from parity_tests.kit.recognition.loops import loops
from parity_tests.kit.recognition.settings import all_at_once, behind, one_round
from parity_tests.kit.recognition.steps import GIVEN
from parity_tests.kit.recognition.trial import FAILURES, Fields, begin, made

_AXES = {"rows": 0, "columns": 1}
_FOLLOWED = ("gradients", "backward", "step", "training")
_METHOD = re.compile(r"\bnet\.(\w+)\(")
_MOST_LOOPS, _MOST_CALLS = 3, 3
_RATE = "0.01"


def batches_apart(forward: Forward, fields: Fields, scope: Mapping[str, Any]) -> str:
    """Return code of the batches of a loop that shuffles labels apart; empty if none is seen to.

    Parameters
    ----------
    forward : Forward
        The pass of the network.
    fields : mapping
        The declaration, as Python code, with its labels.
    """
    batch = forward.fields["batch"].strip("'")
    if batch not in _AXES or fields.get("labels") == "'targets'":
        return ""
    watched = _watched(forward, fields, scope)
    around = _around(forward, fields, scope) if watched else []
    for one in islice(around, _MOST_LOOPS):
        for call in islice(_calls(one, forward, fields, scope), _MOST_CALLS):
            body = f"followed(lambda: {call}, x, y, ({watched},), {_AXES[batch]})"
            source = f"lambda x, y, size: (lambda net: {body})(({fields['make']})())"
            if _is_apart({**fields, "batches": source}, forward, scope):
                return source
    return ""


def _is_apart(fields: Fields, forward: Forward, scope: Mapping[str, Any]) -> bool:
    inquiry = begin(fields, scope, forward.inquiry)
    try:
        told = [] if inquiry is None else data_aspect.examine(inquiry)
    except FAILURES:
        return False
    return any(verdict.cause == "shuffled-apart" for verdict in told)


def _watched(forward: Forward, fields: Fields, scope: Mapping[str, Any]) -> str:
    """Return code of the functions that a declaration gives samples or labels."""
    sources = [fields[name] for name in _FOLLOWED if name in fields]
    net = made(fields["make"], scope)
    if forward.host.kind == "object":
        found = dict.fromkeys(_METHOD.findall(" ".join(sources)))
        return ", ".join(f"net.{name}" for name in found if callable(getattr(net, name, None)))
    own = {one.name for one in forward.host.functions}
    return ", ".join(name for name in sorted(names_used(sources)) if name in own)


def _around(forward: Forward, fields: Fields, scope: Mapping[str, Any]) -> list[Named]:
    """Return the loops that call what was recognized, and are no part of it."""
    host = forward.host
    if host.kind == "object":
        return loops(host, fields, may_make=True)
    used = names_used(fields.values())
    return [
        one
        for one in host.ranked(names.TRAIN)
        if one.name not in used and parts_called(one.function, fields, scope)
    ]


def _calls(one: Named, forward: Forward, fields: Fields, scope: Mapping[str, Any]) -> Iterator[str]:
    """Yield code that trains on ``x`` and ``y`` for a round, by batches of ``size``.

    Classes are numbers to many a loop that makes one-hot labels of them.
    """
    net = made(fields["make"], scope)
    settings = [*one_round(net), *all_at_once(net, "size")]
    labels = ["y"]
    if fields.get("labels", "'one_hot'") == "'one_hot'":
        labels.append(
            "y.argmax(axis=1)" if "columns" not in fields["batch"] else "y.argmax(axis=0)"
        )
    roles = {
        "inputs": ["x"],
        "labels": labels,
        "parameters": ["net"],
        "lr": [_RATE],
        "epochs": ["1"],
        "batch_size": ["size"],
        "zero": ["0.0"],
        "quiet": ["False"],
    }
    exact = {**_given_to_maker(fields["make"], scope), **forward.host.exact}
    for text in bindings(one.function, exact, roles, GIVEN):
        if "x" in text and "y" in text:
            yield behind(settings, f"{callee(one, forward)}({text})")


def _given_to_maker(make: str, scope: Mapping[str, Any]) -> dict[str, str]:
    """Return code for arguments by the names that the maker has for what it is given.

    A loop that makes its parameters hands them on.
    """
    given: dict[str, str] = {}
    for node in ast.walk(ast.parse(make, mode="eval")):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        taken = [
            one.name.lower().strip("_") for one in parameters_of(scope.get(node.func.id)) or []
        ]
        given |= dict(zip(taken, map(ast.unparse, node.args), strict=False))
        given |= {one.arg.lower(): ast.unparse(one.value) for one in node.keywords if one.arg}
    return given
