"""What of a module was tried in vain, and what was not tried at all."""

import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from parity_tests.kit.codes import code_of
from parity_tests.kit.paths import arrays
from parity_tests.kit.recognition import names
from parity_tests.kit.recognition.backward_calls import calls
from parity_tests.kit.recognition.callers import reached
from parity_tests.kit.recognition.calls import parameters_of
from parity_tests.kit.recognition.forwards import Forward
from parity_tests.kit.recognition.gradients import LABELS
from parity_tests.kit.recognition.hosts import adders_of, has_any, own_classes, own_functions
from parity_tests.kit.recognition.trial import FAILURES, evaluate, explore

_LONGEST, _MOST_SHAPES, _MOST_CALLS = 160, 6, 3
_RATE = 0.5


def refused(forward: Forward, scope: Mapping[str, Any]) -> str:
    """Return what came of the likeliest backward pass; empty if no function has such a name.

    Of attempts that raise, it is the one that came farthest in the function.
    """
    farthest: tuple[int, str] | None = None
    # What counts only if it is right says nothing where it is not.
    tried = (
        call
        for call in calls(forward, scope)
        if call.function is not None and not call.must_be_right
    )
    unlabelled = ""
    for call in islice(tried, _MOST_CALLS):
        name = getattr(call.function, "__name__", "")
        if not call.is_labelled:
            unlabelled = unlabelled or f"{name} is given no labels, and what it is held to is open"
            continue
        if call.of_inputs:
            # That its inputs stand for labels is a guess.
            continue
        function = evaluate(f"lambda net, x, y, lr: {call.text}", scope)
        came: list[str] = []
        raised: list[tuple[int, str]] = []

        def explorer(
            net: Any,
            x: Any,
            y: Any,
            function: Any = function,
            came: list[str] = came,
            raised: list[tuple[int, str]] = raised,
            own: Any = call.function,
        ) -> None:
            try:
                result = function(net, x, y, _RATE)
            except FAILURES as error:
                told = " ".join(f"{type(error).__name__}: {error}".split())[:_LONGEST]
                raised.append((_line(error, own), told))
                raise
            came.extend(str(one.array.shape) for one in arrays(result, numbers=True))

        if any(explore(forward.inquiry, explorer, labels) for labels in LABELS):
            if not came:
                return f"{name} returns no arrays, and no gradients were found where it leaves them"
            shapes = ", ".join(came[:_MOST_SHAPES]) + (", ..." if came[_MOST_SHAPES:] else "")
            return f"{name} returns arrays of shapes {shapes}, of which no gradients could be made"
        for line, told in raised:
            if farthest is None or line > farthest[0]:
                farthest = line, f"{name} raises {told}"
    return farthest[1] if farthest else unlabelled or next(_not_called(forward), "")


def _line(error: BaseException, function: Any) -> int:
    """Return the line of a function that raised, or that called what did; 0 if none did."""
    code = code_of(function)
    frames = traceback.walk_tb(error.__traceback__)
    return max((line for frame, line in frames if frame.f_code is code), default=0)


def _not_called(forward: Forward) -> Iterator[str]:
    """Yield which arguments of backward passes nothing is known of."""
    exact = {**forward.host.exact, **forward.exact}
    for one in forward.host.ranked(names.BACKWARD):
        strange = [
            parameter.name
            for parameter in parameters_of(one.function) or []
            if parameter.default is parameter.empty
            and names.role(parameter.name) is None
            and parameter.name.lower().strip("_") not in exact
        ]
        if strange:
            yield f"{one.name} was not called: what to give for {', '.join(strange)} is not known"


@dataclass(frozen=True)
class Unused:
    """What of a module a declaration does not use.

    Attributes
    ----------
    functions : list of str
        In their order.
    networks, losses, optimizers, others : list of str
        Classes that compute, by what they are.
    """

    functions: list[str]
    networks: list[str]
    losses: list[str]
    optimizers: list[str]
    others: list[str]


def unused(fields: Mapping[str, str], scope: Mapping[str, Any], net: Any) -> Unused:
    """Return what of a module a declaration does not use.

    Parameters
    ----------
    fields : mapping
        The declaration, as Python code.
    scope : mapping
        The names of the module.
    net : object
        What the declaration makes.
    """
    used = {id(one) for one in reached(fields, scope, net)}
    functions = [
        one.name
        for one in own_functions(scope)
        if one.function.__module__ == scope.get("__name__") and id(one.function) not in used
    ]
    found = Unused(functions, [], [], [], [])
    for name, cls in own_classes(scope):
        if id(cls) not in used and has_any(cls, _COMPUTES):
            _group(name, cls, found).append(name)
    return found


_COMPUTES = (*names.FORWARD, *names.BACKWARD, *names.TRAIN, *names.UPDATE, *names.LOSS)


def _group(name: str, cls: type, found: Unused) -> list[str]:
    """Return the classes among which a class is."""
    if names.is_loss(name) or "loss" in name.lower():
        return found.losses
    if names.is_network(name) or adders_of(cls):
        return found.networks
    updates = has_any(cls, names.UPDATE) and not has_any(cls, names.FORWARD)
    return found.optimizers if updates else found.others
