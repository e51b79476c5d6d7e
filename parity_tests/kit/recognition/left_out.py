"""What of a module was tried in vain, and what was not tried at all."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from parity_tests.kit.recognition import names
from parity_tests.kit.recognition.callers import stands_for
from parity_tests.kit.recognition.calls import parameters_of
from parity_tests.kit.recognition.forwards import Forward
from parity_tests.kit.recognition.gradients import LABELS, calls
from parity_tests.kit.recognition.hosts import own_functions
from parity_tests.kit.recognition.paths import arrays
from parity_tests.kit.recognition.trial import FAILURES, evaluate, explore

_LONGEST, _MOST_SHAPES, _MOST_CALLS = 160, 6, 3
_RATE = 0.5


def refused(forward: Forward, scope: Mapping[str, Any]) -> str:
    """Return what came of the likeliest backward pass; empty if no function has such a name."""
    tried = (call for call in calls(forward, scope) if call.function is not None)
    for call in islice(tried, _MOST_CALLS):
        function = evaluate(f"lambda net, x, y, lr: {call.text}", scope)
        name = getattr(call.function, "__name__", "")
        came: list[str] = []
        raised: list[str] = []

        def explorer(
            net: Any,
            x: Any,
            y: Any,
            function: Any = function,
            came: list[str] = came,
            raised: list[str] = raised,
        ) -> None:
            try:
                result = function(net, x, y, _RATE)
            except FAILURES as error:
                raised.append(f"{type(error).__name__}: {error}")
                raise
            came.extend(str(one.array.shape) for one in arrays(result, numbers=True))

        if any(explore(forward.inquiry, explorer, labels) for labels in LABELS):
            if not came:
                return f"{name} returns no arrays, and no gradients were found where it leaves them"
            shapes = ", ".join(came[:_MOST_SHAPES]) + (", ..." if came[_MOST_SHAPES:] else "")
            return f"{name} returns arrays of shapes {shapes}, of which no gradients could be made"
        if raised:
            return f"{name} raises {' '.join(raised[0].split())[:_LONGEST]}"
    return next(_not_called(forward), "")


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


def unused(fields: Mapping[str, str], scope: Mapping[str, Any]) -> list[str]:
    """Return the functions of a module that a declaration does not call, in their order."""
    return [
        one.name
        for one in own_functions(scope)
        if one.function.__module__ == scope.get("__name__")
        and not stands_for(one.function, fields, scope)
    ]
