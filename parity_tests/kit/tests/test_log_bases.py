"""A logarithm of another base in the loss is no fault of a gradient that does not have it."""

from collections.abc import Callable

import numpy as np
import pytest

from parity_tests.kit.arbiter import pytorch
from parity_tests.kit.check import examine
from parity_tests.kit.tests.asked import Array, Classifier, causes, network, variant
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL

_BASES: list[tuple[Callable[[Array], Array], float]] = [(np.log2, 2.0), (np.log10, 10.0)]


def _by(logarithm: Callable[[Array], Array], *, mean: bool = True) -> type[Classifier]:
    def loss(net: Classifier, x: Array, y: Array) -> float:
        whole = -np.sum(y * logarithm(net.forward(x) + net.guard))
        return float(whole / len(x) if mean else whole)

    return variant(sizes=(12, 9, 10), activation=np.tanh, loss=loss)


def _times(number: float) -> Callable[[Classifier, Array, Array], list[Array]]:
    return lambda net, x, y: [number * own for own in net.gradients(x, y)]


@pytest.mark.parametrize(("logarithm", "base"), _BASES)
@pytest.mark.parametrize("has_base", [False, True])
def test_a_gradient_is_right_by_the_natural_logarithm_and_by_that_of_the_loss(
    logarithm: Callable[[Array], Array], base: float, has_base: bool
) -> None:
    gradients = _times(1 / np.log(base) if has_base else 1.0)
    report = examine(
        network(_by(logarithm), gradients=gradients, step=None),
        only=("loss", "gradient"),
        arbiter=pytorch(),
    )
    [of_loss] = report.of("loss")
    assert of_loss.cause == "loss-log-base"
    # Where both have it, it is meant.
    assert of_loss.status == (CONVENTION if has_base else DIFFERS)
    assert [verdict.status for verdict in report.of("gradient")] == [EQUAL]


@pytest.mark.parametrize(
    ("number", "cause"), [(2.0, "factor-two"), (2 / np.log(2), "factor-two"), (-1.0, "sign")]
)
def test_another_factor_is_told_beside_the_base(number: float, cause: str) -> None:
    declared = network(_by(np.log2), gradients=_times(number), step=None)
    assert causes(list(examine(declared, only="gradient").verdicts)) == [cause]


def test_a_sum_of_gradients_is_told_beside_the_base() -> None:
    def summed(net: Classifier, x: Array, y: Array) -> list[Array]:
        return [len(x) * own for own in net.gradients(x, y)]

    of_mean = network(_by(np.log2), gradients=summed, step=None)
    assert causes(list(examine(of_mean, only="gradient").verdicts)) == ["factor-batch"]
    of_sum = network(_by(np.log2, mean=False), gradients=summed, step=None)
    assert causes(list(examine(of_sum, only="gradient").verdicts)) == []


def test_steps_are_held_to_the_natural_logarithm() -> None:
    declared = network(_by(np.log10))
    assert causes(list(examine(declared, only=("gradient", "optimizer")).verdicts)) == []
