"""Everything that an object consists of is reached once, the nearest first."""

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from parity_tests.kit.subject.copies import copies_of
from parity_tests.kit.subject.generators import generators_of
from parity_tests.kit.subject.members import walk


class _Called:
    """An object that is called as a function, as layers and models often are."""

    def __init__(self) -> None:
        self.weight = np.arange(6.0).reshape(2, 3)
        self.weight_last = self.weight.copy()
        self.rng = np.random.default_rng(0)

    def __call__(self, x: Any) -> Any:
        return x @ self.weight


def test_objects_that_can_be_called_are_looked_into() -> None:
    net = SimpleNamespace(layers=[_Called()])
    (layer,) = net.layers
    assert generators_of(net) == [layer.rng]
    ((copy, position),) = copies_of(net, [layer.weight])
    assert copy is layer.weight_last
    assert position == 0


def test_each_is_reached_once() -> None:
    shared = SimpleNamespace(number=3)
    root = SimpleNamespace(pair=(shared, [shared]), again={"it": shared}, some={shared.number})
    shared.root = root
    reached = [id(owner) for owner, _ in walk(root)]
    assert reached.count(id(shared)) == reached.count(id(root)) == 1
    assert len(reached) == len(set(reached)) == 6


def test_the_nearest_come_first() -> None:
    deep, near = SimpleNamespace(), SimpleNamespace()
    root = SimpleNamespace(first=SimpleNamespace(deep=deep), near=near)
    reached = [id(owner) for owner, _ in walk(root)]
    assert reached.index(id(near)) < reached.index(id(deep))


@pytest.mark.parametrize("value", [math, dict, test_each_is_reached_once])
def test_modules_classes_and_functions_are_not_looked_into(value: Any) -> None:
    assert list(walk(value)) == [(value, {})]


def test_an_object_of_many_members_ends() -> None:
    many = [SimpleNamespace() for _ in range(3000)]
    assert len(list(walk([many, many[::-1]]))) <= 500
