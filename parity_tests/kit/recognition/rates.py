"""Code of a step with its learning rate, and without any."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from parity_tests.kit.recognition import names
from parity_tests.kit.recognition.backward_calls import Call
from parity_tests.kit.recognition.forwards import Forward
from parity_tests.kit.recognition.hosts import lacking
from parity_tests.kit.recognition.trial import made

# The learning rate as a value, and not as the name of an argument or of an attribute.
_RATE = re.compile(r"(?<!['.\w])lr(?!['=\w])")


def without_rate(text: str) -> str:
    """Return code with a learning rate of zero."""
    return _RATE.sub("0.0", text)


def rates(forward: Forward, call: Call, scope: Mapping[str, Any]) -> Iterator[str]:
    """Yield code of a step with its learning rate: an argument, or an attribute."""
    if call.rated:
        yield call.text
        return
    settings = learning_rates(made(forward.host.make, scope))
    yield from (f"({text}, {call.text})[-1]" for text in settings)
    if not settings:
        yield call.text


def learning_rates(net: Any) -> list[str]:
    """Return code that sets the learning rate of a network or of its optimizer."""
    found = []
    found += [f"setattr(net, {name!r}, lr)" for name in _rates_of(net)]
    for name, value in vars(net).items() if hasattr(net, "__dict__") else ():
        if hasattr(value, "__dict__"):
            found += [f"setattr(net.{name}, {inner!r}, lr)" for inner in _rates_of(value)]
        elif isinstance(value, list) and value:
            inners = dict.fromkeys(inner for layer in value for inner in _rates_of(layer))
            found += [
                f"[setattr(layer, {inner!r}, lr) for layer in net.{name} "
                f"if hasattr(layer, {inner!r})]"
                for inner in inners
            ]
    return found or [f"setattr(net, {name!r}, lr)" for name in lacking(net, "lr")]


def _rates_of(value: Any) -> list[str]:
    """Return the attributes of an object that are learning rates."""
    kept = vars(value) if hasattr(value, "__dict__") else {}
    return [
        name
        for name, number in kept.items()
        if names.role(name) == "lr" and isinstance(number, (int, float, np.floating))
    ]
