"""Generators of a network's own are found, seeded and put back."""

import random
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from parity_tests.kit.aspects.drawn import drawing_apart, is_drawn
from parity_tests.kit.subject.generators import generators_of, kept, seed_own, states_of
from parity_tests.kit.subject.subject import Subject
from parity_tests.kit.tests.asked import Array, Classifier, network

_MAKERS: list[Callable[[], Any]] = [
    lambda: np.random.default_rng(0),
    lambda: np.random.Generator(np.random.MT19937(0)),
    lambda: np.random.RandomState(0),
    lambda: np.random.RandomState(np.random.PCG64(0)),
    lambda: random.Random(0),
]


def _drawn(generator: Any) -> float:
    return float(generator.uniform(0, 1))


@pytest.mark.parametrize("make", _MAKERS)
def test_a_generator_is_seeded_and_put_back(make: Callable[[], Any]) -> None:
    net = SimpleNamespace(layers=[{"dropout": make()}])
    [generator] = generators_of(net)
    usual, seeded = _drawn(make()), []
    for _ in range(2):
        with kept(net):
            before = states_of(net)
            seed_own(net, 7)
            seeded.append(_drawn(generator))
            assert states_of(net) != before
        assert states_of(net) == before
    assert seeded[0] == seeded[1] != usual
    assert _drawn(generator) == usual


def test_generators_that_began_alike_are_seeded_apart() -> None:
    net = [np.random.default_rng(0), np.random.default_rng(0)]
    seed_own(net, 0)
    assert _drawn(net[0]) != _drawn(net[1])


def test_the_system_s_generator_is_left_alone() -> None:
    assert generators_of([random.SystemRandom()]) == []


def test_what_holds_itself_is_looked_at_once() -> None:
    net = SimpleNamespace(rng=random.Random(0))
    net.own = [net, net.rng]
    assert len(generators_of(net)) == 1


_SHARED = np.random.default_rng(0)


class _Sharing(Classifier):
    def __init__(self) -> None:
        super().__init__()
        self.rng = _SHARED

    def forward(self, x: Array) -> Array:
        return super().forward(x) * (self.rng.random() > 0.5)


def test_a_generator_that_all_networks_share_is_put_back() -> None:
    subject, before = Subject(network(_Sharing)), _drawn_next(_SHARED)
    with drawing_apart(subject):
        subject.renew()
        subject.forward(np.ones((2, 12)))
    assert _drawn_next(_SHARED) == before


def _drawn_next(generator: np.random.Generator) -> float:
    with kept([generator]):
        return _drawn(generator)


@pytest.mark.parametrize(("make", "expected"), [(_Sharing, True), (Classifier, False)])
def test_what_is_drawn_from_its_own_generator_is_seen(
    make: type[Classifier], expected: bool
) -> None:
    subject = Subject(network(make))
    layers = subject.get()

    def ask() -> Array:
        subject.begin(layers)
        return subject.forward(np.ones((2, 12)))

    assert is_drawn(subject, ask) is expected
