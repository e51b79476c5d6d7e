"""Momentum that begins with parameters in it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from numpy.typing import NDArray

from parity_tests.kit.check import examine
from parity_tests.kit.spec import Spec
from parity_tests.kit.tests.learners import Learner
from parity_tests.kit.tests.test_steps import beside, params
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, UNCHECKED

Array = NDArray[Any]
Gradients = Callable[[Learner, Array, Array], list[Array]]
_MOMENTUM = 0.7
_BEGINS = (DIFFERS, "momentum-begins-elsewhere")


def _of_differences(
    gradients: Gradients = Learner.gradients, numbers: tuple[int, ...] = (0, 1, 2, 3)
) -> Callable[..., None]:
    """Return steps by differences of weights, of which the first one is of zeros."""

    def step(net: Learner, x: Array, y: Array, lr: float) -> None:
        kept = net.state.__dict__
        for number, (array, gradient) in enumerate(
            zip(params(net), gradients(net, x, y), strict=True)
        ):
            velocity = _MOMENTUM * (array - kept.get(f"w{number}", 0.0)) if number in numbers else 0
            kept[f"w{number}"] = array.copy()
            array += velocity - lr * gradient

    return step


def _decayed(net: Learner, x: Array, y: Array) -> list[Array]:
    return [g + 0.1 * p for g, p in zip(net.gradients(x, y), params(net), strict=True)]


def _averaged(net: Learner, x: Array, y: Array) -> list[Array]:
    return [(1 - _MOMENTUM) * gradient for gradient in net.gradients(x, y)]


def _of_velocity(net: Learner, x: Array, y: Array, lr: float) -> None:
    kept = net.state.__dict__
    for number, (array, gradient) in enumerate(zip(params(net), net.gradients(x, y), strict=True)):
        kept[f"v{number}"] = _MOMENTUM * kept.get(f"v{number}", array) + gradient
        array -= lr * kept[f"v{number}"]


def _at_first(net: Learner, x: Array, y: Array, lr: float) -> None:
    grown = net.state.__dict__.setdefault("grown", 1.5)
    net.state.grown = 1.0
    for array, gradient in zip(params(net), net.gradients(x, y), strict=True):
        array += (grown - 1) * array - lr * gradient


@pytest.mark.parametrize(
    ("step", "gradients", "options", "expected"),
    [
        (_of_differences(), None, None, [(EQUAL, None), _BEGINS]),
        (_of_differences(), Learner.gradients, 0.7, [(EQUAL, None), _BEGINS]),
        (
            _of_differences(),
            None,
            0.9,
            [(EQUAL, None), _BEGINS, (DIFFERS, "another-hyperparameter")],
        ),
        # A penalty that every step has is left.
        (_of_differences(_decayed), None, None, [(CONVENTION, "weight-decay"), _BEGINS]),
        (
            _of_differences(_averaged),
            None,
            None,
            [(EQUAL, None), _BEGINS, (CONVENTION, "momentum-average")],
        ),
        (_of_velocity, None, None, [(EQUAL, None), _BEGINS]),
        (_at_first, None, None, [(EQUAL, None), (DIFFERS, None)]),
        # Biases are zeros before the first step.
        (_of_differences(numbers=(1, 3)), None, None, [(EQUAL, None), (EQUAL, None)]),
    ],
)
def test_what_the_first_step_alone_has_of_parameters_is_no_penalty(
    step: Callable[..., None],
    gradients: Any,
    options: float | None,
    expected: list[tuple[str, str | None]],
) -> None:
    spec = Spec() if options is None else Spec(optimizer="momentum", options={"momentum": options})
    network = beside(step, gradients, spec=spec)
    verdicts = examine(network, only=("gradient", "optimizer")).verdicts
    assert [(verdict.status, verdict.cause) for verdict in verdicts] == expected


def test_what_the_first_step_alone_has_is_none_of_a_loss_that_is_not_known() -> None:
    def loss(net: Learner, x: Array, y: Array) -> float:
        return float(((net.forward(x) - y) ** 4).sum() / 4 / len(x))

    def gradients(net: Learner, x: Array, y: Array) -> list[Array]:
        p = net.forward(x)
        d2 = (p - y) ** 3 * p * (1 - p) / len(x)
        d1 = d2 @ net.w2.T * net.a * (1 - net.a)
        return [x.T @ d1, d1.sum(axis=0), net.a.T @ d2, d2.sum(axis=0)]

    network = replace(beside(_of_differences(gradients), None), loss=loss)
    verdicts = examine(network, only=("gradient", "optimizer")).verdicts
    assert [(v.status, v.cause) for v in verdicts] == [(UNCHECKED, None), _BEGINS]
