"""What switches a network to training and to evaluation."""

import re
from collections.abc import Iterator
from typing import Any

from parity_tests.kit.recognition import names
from parity_tests.kit.recognition.calls import parameters_of
from parity_tests.kit.recognition.hosts import Host

_TRAINING = (r"train", r"training", r"(set_?|to_?)?train(ing)?_?mode|set_?train(ing)?")
# Members of a list that are looked at: it may be one of samples.
_MOST = 64
FLAG = re.compile(r"_?(is_?|in_?)?train(ing)?(_?(mode|flg|flag))?", re.IGNORECASE)


def to_evaluation(host: Host, net: Any) -> list[str]:
    """Return code that switches to evaluation: a method without arguments, or attributes."""
    return [*_methods(host, names.EVALUATION), *_flags(net, value=False)]


def to_training(host: Host, net: Any) -> list[str]:
    """Return code that switches to training.

    A method of such a name may train, where no other one switches to evaluation.
    """
    methods = _methods(host, _TRAINING) if _methods(host, names.EVALUATION) else []
    return [*methods, *_flags(net, value=True)]


def _methods(host: Host, patterns: tuple[str, ...]) -> list[str]:
    switches = [one for one in host.ranked(patterns) if not parameters_of(one.function)]
    return [f"{one.code}()" for one in switches[:1]]


def _flags(net: Any, *, value: bool) -> list[str]:
    """Return code that sets every flag of a network and of the layers that it has."""
    sets = [
        f"setattr({code}, {name!r}, {value})"
        for code, own in _holders(net)
        for name, flag in vars(own).items()
        if isinstance(flag, bool) and FLAG.fullmatch(name)
    ]
    return [sets[0] if len(sets) == 1 else f"({', '.join(sets)})"] if sets else []


def _holders(net: Any) -> Iterator[tuple[str, Any]]:
    """Yield a network and the objects that it has, alone or in lists, with their code."""
    if not hasattr(net, "__dict__"):
        return
    yield "net", net
    for name, value in vars(net).items():
        members = enumerate(value[:_MOST]) if isinstance(value, list | tuple) else ()
        for code, own in ((f"net.{name}", value), *((f"net.{name}[{n}]", m) for n, m in members)):
            if hasattr(own, "__dict__") and not isinstance(own, type):
                yield code, own
