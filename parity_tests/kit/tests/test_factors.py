"""Factors of several tensors are told as one account, and as one that is there."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from parity_tests.kit.aspects.gradient import aspect as gradient
from parity_tests.kit.network import Network
from parity_tests.kit.spec import Spec
from parity_tests.kit.tests.asked import (
    SLOPES,
    Array,
    Classifier,
    ask,
    network,
    sigmoid,
    variant,
)
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, Verdict


def _told(declared: Network) -> list[Verdict]:
    return [v for v in ask(declared, gradient.examine) if v.status == DIFFERS]


def _multiplied(sizes: tuple[int, ...], power: int, *factors: float) -> Network:
    """Return a network with factors of layers or of tensors, over a power of the batch size."""

    def gradients(net: Any, x: Array, y: Array) -> list[Array]:
        found = net.gradients(x, y)
        pairs = zip(found, (factors * 2)[: len(found)], strict=True)
        return [g * factor / len(x) ** power for g, factor in pairs]

    return network(variant(sizes=sizes), gradients=gradients, step=None)


_TWO, _THREE = (12, 9, 10), (12, 9, 8, 3)


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        (_multiplied(_TWO, 0, 1 / 4, 1 / 2), [("dL/dz2", "factor-two", 0.5)]),
        (
            _multiplied(_THREE, 1, 3 / 8, 3 / 4, 3 / 2),
            [("dL/dz3", "factor-batch", 1.5 / 7), ("dL/dz2", "factor-two", 0.5)],
        ),
        (
            _multiplied((12, 9, 3), 1, 3 / 4, 3 / 2),
            [("dL/dz2", "factor-batch", 1.5 / 7), ("W1", "factor-two", 0.5)],
        ),
        (
            _multiplied(_THREE, 0, 3 / 2, 3, 9 / 2, 3 / 2, 3 / 2, 3 / 2),
            [
                ("dL/dz3", "factor-classes", 1.5),
                ("W3", "factor-classes", 3),
                ("W2", "factor-two", 2),
            ],
        ),
        # What is averaged over the outputs comes in at the last layer.
        (_multiplied(_THREE, 0, 9 / 4, 3 / 2, 1), [("dL/dz2", "factor-constant", 1.5)]),
        (_multiplied(_TWO, 0, 5, 1), [("W1", "factor-constant", 5)]),
        (_multiplied(_TWO, 0, 1, -1), [("W2", "sign", -1)]),
        (
            _multiplied(_TWO, -1, 1, 1, -1, -1),
            [("dL/dz2", "factor-batch", 7), ("b2", "sign", -1)],
        ),
        # Each layer divides by its own width, of which others are multiples.
        (
            _multiplied((12, 9, 8, 4), -1, 1 / 9, 1 / 8, 1 / 4),
            [("W3", "factor-width", 7 / 4)],
        ),
        # A sum over the batch is a convention where no loss says otherwise.
        (replace(_multiplied(_TWO, -1, 1, 1, -1, -1), loss=None), [("b2", "sign", -1)]),
    ],
)
def test_factors_of_layers_are_told_as_the_fewest(declared: Network, expected: Any) -> None:
    verdicts = _told(declared)
    assert [(v.tensor, v.cause) for v in verdicts] == [pair[:2] for pair in expected]
    assert [v.factor for v in verdicts] == pytest.approx([factor for *_, factor in expected])
    # Neither the loss nor its square comes in with every layer.
    assert not any("square" in v.message for v in verdicts)


def test_a_sign_of_one_layer_may_be_one_that_both_layers_turn() -> None:
    def turned(net: Any, x: Array, y: Array) -> list[Array]:
        return [g * sign for g, sign in zip(net.gradients(x, y), (1, -1, 1, -1), strict=True)]

    def delta(net: Any, x: Array, y: Array) -> Array:
        return np.asarray((net.forward(x) - y) * net.a[-1] * (1 - net.a[-1]))

    same = variant(sizes=_TWO, activation=sigmoid, last=sigmoid, delta=delta)
    spec = Spec("sigmoid", "sigmoid", "squared_error", "half sum")
    [verdict] = _told(network(same, gradients=turned, loss=None, step=None, spec=spec))
    assert (verdict.tensor, verdict.cause) == ("dL/dz2", "sign")
    assert "the update of the last layer alone" in verdict.message


@pytest.mark.parametrize(("share", "expected"), [(1, []), (2, ["factor-two"])])
def test_the_gradient_of_another_loss_is_held_to_the_mean_that_is_declared(
    share: float, expected: list[str]
) -> None:
    def delta(net: Any, x: Array, y: Array) -> Array:
        return np.asarray(share * np.sign(net.forward(x) - y) / y.size)

    made = variant(sizes=(12, 9, 3), last=lambda z: z, delta=delta)
    spec = Spec("relu", "identity", "squared_error", "mean of all")
    verdicts = _told(network(made, loss=None, step=None, labels="targets", spec=spec))
    assert [v.cause for v in verdicts] == ["gradient-of-another-loss", *expected]


def test_the_gradient_of_another_loss_may_be_divided_as_the_one_reported() -> None:
    def loss(net: Any, x: Array, y: Array) -> float:
        p = net.forward(x)
        return float(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)))

    def delta(net: Any, x: Array, y: Array) -> Array:
        return np.asarray(-y * (1 - net.forward(x)) / y.size)

    made = variant(sizes=(12, 9, 3), last=sigmoid, delta=delta)
    [verdict] = _told(network(made, loss=loss, step=None))
    assert verdict.cause == "gradient-of-another-loss"


@pytest.mark.parametrize(("more", "divisor"), [(-1, "(batch size - 1)"), (1, "(batch size + 1)")])
def test_one_sample_more_or_less_is_told(more: int, divisor: str) -> None:
    def sums(net: Any, x: Array, y: Array) -> list[Array]:
        return [g * len(x) for g in net.gradients(x, y)]

    def divided(net: Any, x: Array, y: Array) -> list[Array]:
        return [g / (len(x) + more) for g in sums(net, x, y)]

    def step(net: Any, x: Array, y: Array, lr: float) -> None:
        for p, g in zip(net.w + net.b, divided(net, x, y), strict=True):
            p -= lr * g

    spec = Spec("relu", "softmax", "cross_entropy", "mean")
    for declared in (
        network(variant(sizes=_TWO), gradients=divided, step=None),
        network(variant(sizes=_TWO), gradients=None, step=step, spec=spec),
    ):
        [verdict] = _told(declared)
        assert verdict.cause == "factor-batch"
        assert f"batch size / {divisor}" in verdict.message
    # The step is meant to make up for the sums that are handed out.
    [verdict] = _told(network(variant(sizes=_TWO), gradients=sums, step=step))
    assert verdict.cause == "factor-batch"
    assert f"it divides by {divisor}" in verdict.message


@pytest.mark.parametrize("number", [-2.0, 3.0])
def test_a_number_in_a_wrong_derivative_is_a_part_of_its_formula(
    number: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    def radial(z: Array) -> Array:
        return np.asarray(np.exp(-(z**2)))

    monkeypatch.setitem(SLOPES, radial, lambda a: number * a)
    [verdict] = _told(network(variant(activation=radial), step=None))
    assert (verdict.tensor, verdict.cause) == ("W2", "times-activation")
    assert f"{number:g} x ((dz3 @ W3) * a2).T @ a1, on W2, likewise on W1" in verdict.message


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (lambda p, y: (p - y) ** 2, "loss-as-gradient"),
        (lambda p, y: np.sin(p - y) ** 3, "error-of-another-form"),
        (lambda p, y: (p - y) * p.max(axis=1, keepdims=True), None),
    ],
)
def test_what_tensors_have_beside_one_another_shows_behind_a_wrong_error(
    error: Any, cause: str | None
) -> None:
    class Net(variant(last=sigmoid, sizes=(12, 9, 10))):  # type: ignore[misc]
        def loss(self, x: Array, y: Array) -> float:
            return float(np.sum((self.forward(x) - y) ** 2) / 2 / len(x))

        def delta(self, x: Array, y: Array) -> Array:
            p = self.forward(x)
            return np.asarray(error(p, y) * p * (1 - p))

        def gradients(self, x: Array, y: Array) -> list[Array]:
            *matrices, b1, b2 = super().gradients(x, y)
            return [*matrices, b1 / len(x), b2 / len(x)]

    first, *others = _told(network(Net, step=None))
    assert (first.tensor, first.cause) == ("W2", cause)
    assert [(v.tensor, v.cause, v.factor) for v in others] == [
        ("b2", "factor-batch", pytest.approx(1 / 7))
    ]
    assert "on b2 and b1: 1 / batch size" in others[0].message


def test_biases_are_not_held_to_what_matrices_are_solved_for_alone() -> None:
    class Net(variant(sizes=(12, 9, 10))):  # type: ignore[misc]
        def gradients(self, x: Array, y: Array) -> list[Array]:
            d2 = self.delta(x, y)
            d1 = (d2 @ self.w[1].T) * (self.a[1] > 0)
            # Matrices are of the first sample's input, biases are right.
            pairs = ((x, d1), (self.a[1], d2))
            sums = [d.sum(axis=0, keepdims=True) for _, d in pairs]
            return [*(len(x) * np.outer(a[0], d.sum(axis=0)) for a, d in pairs), *sums]

    assert {(v.tensor, v.cause) for v in _told(network(Net, step=None))} == {("W2", None)}


@pytest.mark.parametrize("rate", [0.1, 0.01])
@pytest.mark.parametrize(("is_mean", "told"), [(False, "of the sum over the samples"), (True, "")])
def test_a_rate_that_nobody_can_set_may_go_with_the_sum(
    is_mean: bool, told: str, rate: float
) -> None:
    def step(net: Classifier, x: Array, y: Array, _lr: float) -> None:
        net.step(x, y, rate if is_mean else rate * len(x))

    [verdict] = ask(network(gradients=None, loss=None, step=step), gradient.examine)
    assert (verdict.status, verdict.cause) == (CONVENTION, None)
    assert f"A rate of {rate} gives it" in verdict.message
    assert told in verdict.message
    # A loss that is the mean says that the sum is not meant.
    causes = {v.cause for v in ask(network(gradients=None, step=step), gradient.examine)}
    assert causes == {None if is_mean else "factor-batch"}


@pytest.mark.parametrize(("power", "told"), [(0.5, "the root of"), (-0.5, "1 / the root of")])
def test_a_root_of_the_batch_size_is_told(power: float, told: str) -> None:
    def gradients(net: Classifier, x: Array, y: Array) -> list[Array]:
        return [len(x) ** power * own for own in net.gradients(x, y)]

    [verdict] = _told(network(gradients=gradients, step=None))
    assert verdict.cause == "factor-batch"
    assert f": {told} the batch size" in verdict.message


@pytest.mark.parametrize(
    ("times", "told"),
    [
        (lambda n: n / (n - 1), "batch size / (batch size - 1); the batch is 7. Look"),
        (lambda n: n / (n + 1), "batch size / (batch size + 1); the batch is 7. Look"),
        (lambda n: n**0.5, "the root of the batch size; the batch is 7. Look"),
    ],
)
def test_what_no_power_of_the_batch_size_is_shows_beside_steps(
    times: Callable[[int], float], told: str
) -> None:
    class Net(variant(sizes=_TWO)):  # type: ignore[misc]
        def gradients(self, x: Array, y: Array) -> list[Array]:
            return [times(len(x)) * own for own in super().gradients(x, y)]

        def back(self, x: Array, y: Array, lr: float) -> None:
            for p, g in zip(self.w + self.b, self.gradients(x, y), strict=True):
                p -= lr / times(len(x)) * g

    # A step by what is handed out, which has the factor, too.
    [verdict] = _told(network(Net))
    assert (verdict.status, verdict.cause) == (DIFFERS, "factor-batch")
    assert told in verdict.message
    [verdict] = ask(network(Net, step="back"), gradient.examine)
    assert (verdict.status, verdict.cause) == (CONVENTION, "factor-batch")
    assert "The training step makes up for it." in verdict.message
