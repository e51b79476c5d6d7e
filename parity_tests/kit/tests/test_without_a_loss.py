"""Which loss a gradient is that of, where the network reports none and one tensor is wrong."""

from typing import Any

import pytest

from parity_tests.kit.aspects.gradient import aspect as gradient
from parity_tests.kit.tests.asked import SLOPES, Array, Classifier, ask, causes, network, sigmoid
from parity_tests.kit.verdicts import DIFFERS, EQUAL


class _OfSquares(Classifier):
    """Sigmoid and half the squares, with a function in the hidden layers and none in between."""

    activation = staticmethod(sigmoid)
    last = staticmethod(sigmoid)

    def delta(self, x: Array, y: Array) -> Array:
        p = self.forward(x)
        return (p - y) * p * (1 - p) / len(x)


class _MatrixOfEntropy(_OfSquares):
    """The last matrix alone lacks the derivative of its function."""

    def gradients(self, x: Array, y: Array) -> list[Array]:
        found = super().gradients(x, y)
        found[2] = self.a[2].T @ (self.a[3] - y) / len(x)
        return found


class _BiasOfEntropy(_OfSquares):
    """The last bias alone lacks it."""

    def gradients(self, x: Array, y: Array) -> list[Array]:
        found = super().gradients(x, y)
        found[5] = (self.a[3] - y).mean(axis=0, keepdims=True)
        return found


class _OneLayer(_BiasOfEntropy):
    sizes = (12, 10)

    def gradients(self, x: Array, y: Array) -> list[Array]:
        weight, _ = Classifier.gradients(self, x, y)
        return [weight, (self.a[1] - y).mean(axis=0, keepdims=True)]


@pytest.mark.parametrize(("make", "tensor"), [(_MatrixOfEntropy, "W3"), (_BiasOfEntropy, "b3")])
@pytest.mark.parametrize("declared", [{}, {"gradients": None}], ids=["gradients", "steps"])
def test_the_tensor_that_is_of_no_other_ones_loss_is_blamed(
    make: type[Classifier], tensor: str, declared: dict[str, Any]
) -> None:
    found = ask(network(make, loss=None, **declared), gradient.examine)
    [verdict] = [v for v in found if v.status == DIFFERS]
    assert (verdict.cause, verdict.tensor) == ("output-derivative-missing", tensor)


def test_no_loss_is_said_to_be_reported_where_none_is() -> None:
    verdicts = ask(network(_OneLayer, loss=None), gradient.examine)
    [verdict] = [v for v in verdicts if v.status == DIFFERS]
    assert verdict.tensor in ("W1", "b1")
    assert "reported" not in verdict.message


def test_a_right_gradient_without_a_loss_is_right() -> None:
    [verdict] = ask(network(_OfSquares, loss=None, step=None), gradient.examine)
    assert verdict.status == EQUAL


class _LostActivation(Classifier):
    """The forward pass hands on z, where the backward pass has sigmoid(z)."""

    activation = staticmethod(lambda z: z)

    def gradients(self, x: Array, y: Array) -> list[Array]:
        delta = self.delta(x, y)
        inner = [self.a[0], *map(sigmoid, self.a[1:3])]
        dw, db = [], []
        for number in (2, 1, 0):
            dw.insert(0, inner[number].T @ delta)
            db.insert(0, delta.sum(axis=0, keepdims=True))
            delta = (delta @ self.w[number].T) * SLOPES[sigmoid](inner[number])
        return dw + db


def test_an_activation_that_the_forward_pass_has_lost_is_found_in_the_backward_pass() -> None:
    found = ask(network(_LostActivation, loss=None), gradient.examine)
    assert set(causes(found)) == {"activation-not-passed-on"}
    assert "sigmoid(z2)" in found[0].message
