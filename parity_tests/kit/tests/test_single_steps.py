"""What steps on single samples tell of the gradient is told of all samples."""

from collections.abc import Callable

import numpy as np

from parity_tests.kit.check import examine
from parity_tests.kit.network import Network
from parity_tests.kit.spec import Spec
from parity_tests.kit.tests.update_rules import Array
from parity_tests.kit.verdicts import DIFFERS, UNCHECKED

Errors = Callable[[Array, Array], Array]


def network(errors: Errors, outputs: int, output: Callable[[Array], Array]) -> Network:
    def make() -> list[Array]:
        rng = np.random.default_rng()
        shapes = (5, 6), (5,), (outputs, 5), (outputs,)
        return [rng.standard_normal(shape) for shape in shapes]

    def step(p: list[Array], x: Array, y: Array, lr: float) -> list[Array]:
        h = np.tanh(p[0] @ x + p[1])
        d = errors(output(p[2] @ h + p[3]), y)
        e = p[2].T @ d * (1 - h * h)
        gradients = np.outer(e, x), e, np.outer(d, h), d
        return [own - lr * gradient for own, gradient in zip(p, gradients, strict=True)]

    return Network(
        make=make,
        parameters="0 1 2 3",
        forward=lambda p, x: output(p[2] @ np.tanh(p[0] @ x + p[1]) + p[3]),
        step=step,
        batch="vector",
        spec=Spec(loss="squared_error", scale="half sum"),
    )


def sigmoid(z: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-z)))


def rounded(p: Array, y: Array) -> Array:
    return np.asarray((np.round(p) - y) * p * (1 - p))


def test_what_fits_two_samples_is_not_said_of_all() -> None:
    clipped = network(lambda p, y: np.clip(p, -1, 1) - y, 10, np.asarray)
    verdicts = examine(clipped, 0, "gradient").verdicts
    assert [(v.status, v.cause, v.factor) for v in verdicts] == [
        (DIFFERS, "error-of-another-form", None)
    ]


def test_samples_that_change_nothing_do_not_tell_that_none_does() -> None:
    report = examine(network(rounded, 1, sigmoid), 5, ("gradient", "optimizer"))
    assert {v.status for v in report.of("gradient")} == {DIFFERS}
    assert {v.cause for v in report.of("gradient")} <= {None, "error-of-another-form"}
    assert [(v.status, v.cause) for v in report.of("optimizer")] == [(UNCHECKED, None)]
