"""Gradients that only slopes or steps show are judged by them."""

from collections.abc import Callable
from typing import Any

import numpy as np

from parity_tests.kit.aspects import gradient
from parity_tests.kit.tests.asked import Array, Classifier, ask, causes, network, only
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, UNCHECKED


class _Smoothed(Classifier):
    """Labels are mixed with 1 / classes, in the loss and in the gradient."""

    keep = 0.9

    def mixed(self, y: Array, keep: float) -> Array:
        return keep * y + (1 - keep) / y.shape[1]

    def loss(self, x: Array, y: Array) -> float:
        return float(-np.mean(np.sum(self.mixed(y, 0.9) * np.log(self.forward(x)), axis=1)))

    def gradients(self, x: Array, y: Array) -> list[Array]:
        return super().gradients(x, self.mixed(y, self.keep))


class _SmoothedLess(_Smoothed):
    keep = 0.8


def test_a_gradient_of_a_loss_that_is_not_known_is_held_to_its_slopes() -> None:
    for make, status in ((_Smoothed, EQUAL), (_SmoothedLess, DIFFERS)):
        verdicts = ask(network(make), gradient.examine)
        assert {verdict.status for verdict in verdicts} == {status}, verdicts


def test_a_gradient_that_drops_units_is_not_judged() -> None:
    def dropped(net: Any, x: Array, y: Array) -> list[Array]:
        mask = np.random.rand(*x.shape) > 0.5  # noqa: NPY002
        return list(net.gradients(x * mask, y))

    verdict = only(ask(network(gradients=dropped), gradient.examine))
    assert (verdict.status, verdict.cause) == (UNCHECKED, None)
    assert "another one each time" in verdict.message


def _fixed(factor: float) -> Callable[..., None]:
    """Return a step that takes no learning rate."""

    def step(net: Any, x: Array, y: Array, _lr: float) -> None:
        for parameter, one in zip(net.w + net.b, net.gradients(x, y), strict=True):
            parameter -= factor * one

    return step


def test_a_learning_rate_that_nobody_can_set_is_no_factor_of_the_gradient() -> None:
    verdict = only(ask(network(gradients=None, step=_fixed(0.05)), gradient.examine))
    assert (verdict.status, verdict.cause) == (CONVENTION, None)
    assert causes(ask(network(gradients=None, step=_fixed(-0.05)), gradient.examine)) == ["sign"]
    given = network(gradients=None, step=_fixed(0.05), lr=0.1)
    assert causes(ask(given, gradient.examine)) == ["factor-two"]


def test_biases_that_go_up_are_not_said_to_be_averaged() -> None:
    def turned(net: Any, x: Array, y: Array) -> list[Array]:
        found = net.gradients(x, y)
        return [*found[:3], *(-one for one in found[3:])]

    assert causes(ask(network(gradients=turned), gradient.examine)) == ["sign"]
