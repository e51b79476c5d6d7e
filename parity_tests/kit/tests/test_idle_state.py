"""What steps keep and no step takes is told, and what has an effect later, or none to have, not."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from parity_tests.kit.check import examine
from parity_tests.kit.tests.learners import Learner
from parity_tests.kit.tests.test_steps import beside, found, stepping
from parity_tests.kit.tests.update_rules import State, Update, adam, each, momentum, radam, sgd
from parity_tests.kit.verdicts import DIFFERS, EQUAL

_CAUSE = "state-without-effect"


def plain_beside_velocity(s: State, p: Any, g: Any, lr: float) -> None:
    s.m = 0.9 * s.m + g
    p -= lr * g


def plain_beside_squares(s: State, p: Any, g: Any, lr: float) -> None:
    s.v = 0.9 * s.v + 0.1 * g**2
    p -= lr * g


def velocity_that_cancels(s: State, p: Any, g: Any, lr: float) -> None:
    """Nesterov's step without 1 + momentum."""
    before, s.m = s.m, 0.9 * s.m - lr * g
    p += s.m - 0.9 * before


def velocity_beside_moment(s: State, p: Any, g: Any, lr: float) -> None:
    momentum(s, p, g, lr)
    s.v = 0.999 * s.v + 0.001 * g**2


def average_kept(s: State, p: Any, g: Any, lr: float) -> None:
    sgd(s, p, g, lr)
    s.average = 0.9 * getattr(s, "average", 0.0) + 0.1 * p


def parameters_kept(s: State, p: Any, g: Any, lr: float) -> None:
    """An average of the parameters that begins at zero, whatever it is called."""
    sgd(s, p, g, lr)
    s.u = 0.9 * s.u + 0.1 * p


def gradient_kept(s: State, p: Any, g: Any, lr: float) -> None:
    s.m = np.array(g)
    p -= lr * s.m


def sizes_kept(s: State, p: Any, g: Any, lr: float) -> None:
    s.u = s.u + np.abs(g).sum(axis=-1)
    p -= lr * g


@pytest.mark.parametrize(
    "rule",
    [plain_beside_velocity, plain_beside_squares, velocity_that_cancels, velocity_beside_moment],
)
def test_what_no_step_takes(rule: Update) -> None:
    assert found(beside(stepping(each(rule)))) == [(EQUAL, None), (DIFFERS, _CAUSE)]


@pytest.mark.parametrize(
    "rule",
    [sgd, momentum, adam, radam, average_kept, parameters_kept, gradient_kept, sizes_kept],
)
def test_what_has_an_effect_or_is_none_of_the_steps(rule: Update) -> None:
    assert found(beside(stepping(each(rule)))) == [(EQUAL, None)]


def test_the_name_of_what_has_no_effect_is_told() -> None:
    report = examine(beside(stepping(each(plain_beside_squares))), only="optimizer")
    assert "every step adds to v what" in report.failures[0].message


class _ByName(Learner):
    """What is kept of each parameter has a name of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.vw1, self.vb1, self.vw2, self.vb2 = map(np.zeros_like, _params(self))

    def train(self, x: Any, y: Any, lr: float) -> None:
        """Take a step that adds to the velocity, and does not take it."""
        for name, g in zip(("w1", "b1", "w2", "b2"), Learner.gradients(self, x, y), strict=True):
            setattr(self, f"v{name}", 0.9 * getattr(self, f"v{name}") + g)
            setattr(self, name, getattr(self, name) - lr * g)


def test_what_has_a_name_for_each_parameter() -> None:
    network = replace(beside(_ByName.train), make=_ByName)
    assert found(network) == [(EQUAL, None), (DIFFERS, _CAUSE)]


class _Forgetful(Learner):
    """Its velocity is not kept, or is another's."""

    momentum, keeps = 0.9, False

    def __init__(self) -> None:
        super().__init__()
        self.mu, self.own = self.momentum, State(momentum=self.momentum)
        self.v = [np.zeros_like(p) for p in _params(self)]

    def train(self, x: Any, y: Any, lr: float) -> None:
        """Take a step by a velocity that it does not keep, or not always."""
        for n, (p, g) in enumerate(zip(_params(self), Learner.gradients(self, x, y), strict=True)):
            v = self.v[n] * self.mu + g
            p -= lr * v
            if self.keeps:
                self.v[n] = v


class _Keeping(_Forgetful):
    keeps = True


class _Unused(_Forgetful):
    """Its momentum is for another optimizer."""

    def train(self, x: Any, y: Any, lr: float) -> None:
        """Take a plain step."""
        for p, g in zip(_params(self), Learner.gradients(self, x, y), strict=True):
            p -= lr * g


class _Statistics(_Unused):
    """A momentum is that of statistics, which no step takes."""

    def train(self, x: Any, y: Any, lr: float) -> None:
        """Take a plain step, and keep the mean of the inputs."""
        super().train(x, y, lr)
        before = vars(self.own).setdefault("running_mean", 0.0)
        self.own.running_mean = self.own.momentum * before + 0.1 * x.mean(axis=0)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (_Forgetful, [(EQUAL, None), (DIFFERS, "momentum-without-effect")]),
        (_Keeping, [(EQUAL, None)]),
        (_Unused, [(EQUAL, None)]),
        (_Statistics, [(EQUAL, None)]),
    ],
)
def test_momentum_that_is_computed_with_has_an_effect(
    make: type[_Forgetful], told: list[tuple[str, str | None]]
) -> None:
    assert found(replace(beside(make.train), make=make)) == told


class _Frozen(Learner):
    """What it keeps cannot be written to."""

    def train(self, x: Any, y: Any, lr: float) -> None:
        """Take a plain step, and add the gradients up."""
        gradients = Learner.gradients(self, x, y)
        for name, p, g in zip(("w1", "b1", "w2", "b2"), _params(self), gradients, strict=True):
            p -= lr * g
            total = getattr(self, f"s_{name}", 0.0) + g
            total.flags.writeable = False
            setattr(self, f"s_{name}", total)


def _params(net: Learner) -> list[Any]:
    return [net.w1, net.b1, net.w2, net.b2]


def test_what_cannot_be_written_to_is_not_asked() -> None:
    assert found(replace(beside(_Frozen.train), make=_Frozen)) == [(EQUAL, None)]
