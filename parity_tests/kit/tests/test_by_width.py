"""Factors that go by the widths of each layer are told as that."""

from collections.abc import Callable

import numpy as np
import pytest

from parity_tests.kit.aspects.gradient import aspect as gradient
from parity_tests.kit.aspects.gradient.by_width import by_width
from parity_tests.kit.tests.asked import Array, Classifier, ask, network
from parity_tests.kit.verdicts import DIFFERS

Divisor = Callable[[Array, Array], float]


def _dividing(matrices: Divisor, biases: Divisor) -> Callable[..., list[Array]]:
    """Return gradients that are divided by what is made of a layer's inputs and outputs."""

    def gradients(net: Classifier, x: Array, y: Array) -> list[Array]:
        found = net.gradients(x, y)
        for n, (inputs, outputs) in enumerate(zip(net.a, net.a[1:], strict=False)):
            found[n] /= matrices(inputs, outputs)
            found[n + len(net.w)] /= biases(inputs, outputs)
        return found

    return gradients


def _one(_inputs: Array, _outputs: Array) -> float:
    return 1.0


@pytest.mark.parametrize(
    ("matrices", "biases", "seen"),
    [
        # The axis of units in the place of that of samples
        (
            lambda x, _: x.shape[1] / x.shape[0],
            lambda x, _: x.shape[1] / x.shape[0],
            "batch size x 1 / (its inputs)",
        ),
        (lambda x, _: x.shape[1] + 1, lambda x, _: x.shape[1] + 1, "1 / (its inputs + 1)"),
        (lambda _, a: np.sqrt(a.shape[1]), _one, "1 / sqrt(its outputs)"),
        # A mean over a matrix
        (lambda x, a: x.shape[1] * a.shape[1], _one, "1 / (its inputs x outputs)"),
        (_one, lambda _, a: 1 / a.shape[1], "(its outputs)"),
    ],
)
def test_widths_of_each_layer_are_told(matrices: Divisor, biases: Divisor, seen: str) -> None:
    declared = network(gradients=_dividing(matrices, biases), step=None)
    *_, verdict = ask(declared, gradient.examine)
    assert (verdict.status, verdict.cause) == (DIFFERS, "factor-width")
    assert f": {seen} of each layer" in verdict.message


def test_what_is_the_same_in_all_layers_or_of_one_alone_is_no_matter_of_widths() -> None:
    sizes = (12, 9, 7, 10)
    widths = {1: [1 / 12], 2: [1 / 9, 1 / 9], 3: [1 / 7]}
    assert by_width(widths, sizes, 1e-7) == "1 / (its inputs)"
    assert by_width({1: [1 / 12]}, sizes, 1e-7) is None
    assert by_width({1: [1 / 12], 2: [1 / 12]}, sizes, 1e-7) is None
    assert by_width({1: [1 / 9], 2: [1 / 9]}, (9, 9, 9), 1e-7) is None
    assert by_width({**widths, 3: [1 / 7, 1.0]}, sizes, 1e-7) is None
    assert by_width({**widths, 3: [(1 + 1e-5) / 7]}, sizes, 1e-7) is None
