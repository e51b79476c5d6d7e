"""Answers that random numbers are drawn for: two of them may be the same by chance."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from typing import Any

from parity_tests.kit.subject.generators import kept, seed_own, states_of
from parity_tests.kit.subject.seeding import preserved, seed_both, states
from parity_tests.kit.subject.subject import Subject

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
    with drawing_apart(subject):
        if differs(ask()):
            return True
        times = _MANY if is_drawn(subject, ask) else _FEW
        return any(differs(ask()) for _ in range(times))


@contextlib.contextmanager
def drawing_apart(subject: Subject) -> Iterator[None]:
    """Let every new network draw other numbers, though its own generators, or all, be seeded.

    Where the seed is the same for all, new networks have the same masks, and nothing looks random.
    """
    network, seeds = subject.network, count()
    with preserved(), contextlib.ExitStack() as stack:

        def make() -> Any:
            net = network.make()
            # One that all networks share is no other one afterwards.
            stack.enter_context(kept(net))
            seed = next(seeds)
            seed_own(net, seed)
            # Its own code may have seeded the global ones.
            seed_both(seed)
            return net

        with _made_by(subject, make):
            yield


def is_drawn(subject: Subject, ask: Callable[[], Any]) -> bool:
    """Whether an answer takes numbers from the global generators, or from the network's own."""
    network, own = subject.network, states_of(subject.net)

    def make() -> Any:
        nonlocal own
        # What new networks are made of is not drawn for the answer.
        with preserved():
            net = network.make()
        own = states_of(net)
        return net

    with _made_by(subject, make):
        before = states()
        ask()
        return states() != before or states_of(subject.net) != own


@contextlib.contextmanager
def _made_by(subject: Subject, make: Callable[[], Any]) -> Iterator[None]:
    network = subject.network
    subject.network = replace(network, make=make)
    try:
        yield
    finally:
        subject.network = network
