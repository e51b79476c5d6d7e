"""A function that is computed in the forward pass, and whose values go nowhere, is told as that."""
# ruff: noqa: D102

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from parity_tests.kit.aspects.forward import aspect as forward
from parity_tests.kit.aspects.gradient import aspect as gradient
from parity_tests.kit.spec import Spec
from parity_tests.kit.tests.asked import SIZES, Array, Classifier, ask, causes, network, only, relu
from parity_tests.kit.tests.asked import sigmoid as logistic
from parity_tests.kit.verdicts import DIFFERS, EQUAL

Function = Callable[[Array], Array]
# By the pre-activation.
SLOPES: dict[Function, Function] = {
    relu: lambda z: 1.0 * (z > 0),
    logistic: lambda z: logistic(z) * (1 - logistic(z)),
    np.tanh: lambda z: 1 - np.tanh(z) ** 2,
}


class Linear(Classifier):
    """A right network whose hidden layers hand on z."""

    activation = staticmethod(lambda z: z)
    summed = True

    def gradients(self, x: Array, y: Array) -> list[Array]:
        d = self.delta(x, y)
        dw, db = [], []
        for n in reversed(range(len(self.w))):
            dw.insert(0, self.kept(n).T @ d)
            db.insert(0, d.sum(axis=0, keepdims=True) if self.summed else d[:1])
            if n:
                d = (d @ self.w[n].T) * self.slope(n)
        return dw + db

    def kept(self, number: int) -> Array:
        return self.a[number]

    def slope(self, number: int) -> Array:
        return np.ones_like(self.a[number])


def lost(function: Any, **parts: Any) -> type[Linear]:
    """Return networks that keep f(z) for the backward pass, and hand on z."""

    class Lost(Linear):
        def kept(self, number: int) -> Array:
            return np.asarray(function(self.a[number]) if number else self.a[0])

        def slope(self, number: int) -> Array:
            return SLOPES[function](self.a[number])

    return type("Lost", (Lost,), parts)


@pytest.mark.parametrize("function", SLOPES)
@pytest.mark.parametrize("sizes", [SIZES, (12, 9, 10)])
def test_a_function_that_is_not_passed_on_is_one_fault(
    function: Any, sizes: tuple[int, ...]
) -> None:
    verdict = only(ask(network(lost(function, sizes=sizes), step=None), gradient.examine))
    assert (verdict.status, verdict.cause) == (DIFFERS, "activation-not-passed-on"), verdict
    assert verdict.tensor == "a1"
    assert "z1 itself to layer 2" in verdict.message


def test_one_layer_of_two_may_hand_its_pre_activation_on() -> None:
    class Half(Linear):
        """The first hidden layer has tanh, and the second has lost it."""

        def forward(self, x: Array) -> Array:
            self.a = [x, np.tanh(x @ self.w[0] + self.b[0])]
            self.a.append(self.a[1] @ self.w[1] + self.b[1])
            self.a.append(self.last(self.a[2] @ self.w[2] + self.b[2]))
            return self.a[3]

        def kept(self, number: int) -> Array:
            return np.tanh(self.a[2]) if number == 2 else self.a[number]

        def slope(self, number: int) -> Array:
            return 1 - self.kept(number) ** 2

    verdict = only(ask(network(Half, step=None), gradient.examine))
    assert (verdict.cause, verdict.tensor) == ("activation-not-passed-on", "a2")


def test_it_is_seen_from_steps() -> None:
    made = network(lost(logistic), gradients=None)
    assert causes(ask(made, gradient.examine)) == ["activation-not-passed-on"]


def test_a_fault_beside_it_is_told() -> None:
    found = ask(network(lost(np.tanh, summed=False), step=None), gradient.examine)
    assert set(causes(found)) == {"activation-not-passed-on", "bias-of-one-sample"}


def test_the_function_that_is_declared_is_what_is_missing() -> None:
    made = network(lost(logistic), step=None, spec=Spec(hidden="sigmoid", output="softmax"))
    assert causes(ask(made, gradient.examine)) == ["another-activation"]


def test_a_linear_network_is_right_and_told_as_linear() -> None:
    verdicts = [only(ask(network(Linear), own.examine)) for own in (forward, gradient)]
    assert [verdict.status for verdict in verdicts] == [EQUAL, EQUAL]
    assert "z1 and z2 go on as they are" in verdicts[0].message
    declared = network(Linear, spec=Spec(hidden="identity", output="softmax"))
    assert "go on" not in only(ask(declared, forward.examine)).message


def test_a_derivative_alone_is_no_function_of_the_forward_pass() -> None:
    class Wrong(Linear):
        def slope(self, number: int) -> Array:
            return SLOPES[np.tanh](self.a[number])

    found = ask(network(Wrong, step=None), gradient.examine)
    assert set(causes(found)) == {"derivative-of-another-function"}
