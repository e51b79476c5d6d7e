"""Answers that random numbers are drawn for: two of them may be the same by chance."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from parity_tests.kit.seeding import preserved, states
from parity_tests.kit.subject import Subject

# How often an answer is asked again: where nothing is seen to be drawn for it, and where it is. A
# mask that leaves out one unit in twenty of ten is the same mask in one of three pairs.
_FEW, _MANY = 3, 64


def is_ever_another(
    subject: Subject, ask: Callable[[], Any], differs: Callable[[Any], bool]
) -> bool:
    """Whether an answer is another one once, if it is asked again.

    Parameters
    ----------
    subject : Subject
        The network that is asked; new ones are made of it.
    ask : callable
        Returns the answer.
    differs : callable
        ``f(answer)``, whether it is another one than before.
    """
    if differs(ask()):
        return True
    times = _MANY if is_drawn(subject, ask) else _FEW
    return any(differs(ask()) for _ in range(times))


def is_drawn(subject: Subject, ask: Callable[[], Any]) -> bool:
    """Whether an answer takes numbers from the global generators."""
    with _made_aside(subject):
        before = states()
        ask()
        return states() != before


@contextlib.contextmanager
def _made_aside(subject: Subject) -> Iterator[None]:
    """Let new networks take nothing from the global generators."""
    network = subject.network

    def make() -> Any:
        with preserved():
            return network.make()

    subject.network = replace(network, make=make)
    try:
        yield
    finally:
        subject.network = network
