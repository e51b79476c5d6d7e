"""What is said of networks that raise for a batch, and not for one sample."""

from collections.abc import Callable

import numpy as np
import pytest

from parity_tests.kit.check import examine
from parity_tests.kit.tests.asked import Array, Classifier, network

Step = Callable[[Classifier, Array, Array, float], None]


def whole(net: Classifier, x: Array, y: Array, lr: float) -> None:
    """Take all samples."""
    net.step(x, y, lr)


def without_the_last(net: Classifier, x: Array, y: Array, lr: float) -> None:
    """Lose the last sample, and not its label: of one sample nothing is left."""
    net.step(x[:-1], y, lr)


def of_one_row(net: Classifier, x: Array, y: Array, lr: float) -> None:
    """Take an array that has room for one sample."""
    row = np.empty((1, x.shape[1]))
    row[:] = x
    net.step(row, y, lr)


@pytest.mark.parametrize(
    ("step", "causes", "told"),
    [
        (whole, [], ""),
        (without_the_last, [None], "one sample changes nothing, and it raises for a batch of 7"),
        (of_one_row, ["batch-raises"], "it works with one sample and raises for a batch of 7"),
    ],
)
def test_what_raises_for_a_batch_takes_one_sample_if_that_changes_something(
    step: Step, causes: list[str | None], told: str
) -> None:
    report = examine(network(gradients=None, step=step), only="gradient")
    assert [verdict.cause for verdict in report.failures] == causes
    assert all(told in verdict.message for verdict in report.failures)
