"""A bias that is added after the activation is named, and everything else is asked all the same."""

from typing import Any

import numpy as np
import pytest

from parity_tests.kit.arbiter import pytorch
from parity_tests.kit.check import examine
from parity_tests.kit.spec import Spec
from parity_tests.kit.tests.asked import Array, Classifier, network, relu, sigmoid
from parity_tests.kit.verdicts import DIFFERS, EQUAL, UNCHECKED

_CAUSE = "bias-outside-activation"
_MEAN = Spec(loss="cross_entropy", scale="mean")


def _slope(activation: Any, z: Array) -> Array:
    if activation is relu:
        return (z > 0).astype(float)
    value = activation(z)
    return np.asarray(value * (1 - value) if activation is sigmoid else 1 - value**2)


class _Outside(Classifier):
    """f(x W) + b in the hidden layers, with the gradient of just that."""

    def forward(self, x: Array) -> Array:
        self.a, self.z = [x], []
        for w, b in zip(self.w[:-1], self.b[:-1], strict=True):
            self.z.append(self.a[-1] @ w)
            self.a.append(self.activation(self.z[-1]) + b)
        self.a.append(self.last(self.a[-1] @ self.w[-1] + self.b[-1]))
        return self.a[-1]

    def derivative(self, number: int) -> Array:
        return _slope(type(self).activation, self.z[number])

    def of_bias(self, upstream: Array, delta: Array) -> Array:  # noqa: ARG002
        return upstream

    def gradients(self, x: Array, y: Array) -> list[Array]:
        upstream = delta = self.delta(x, y)
        dw, db = [], []
        for n in reversed(range(len(self.w))):
            dw.insert(0, self.a[n].T @ delta)
            summed = delta if n == len(self.w) - 1 else self.of_bias(upstream, delta)
            db.insert(0, summed.sum(axis=0, keepdims=True))
            if n:
                upstream = delta @ self.w[n].T
                delta = upstream * self.derivative(n - 1)
        return dw + db


class _AsUsual(_Outside):
    """The gradient of the bias is that of one inside."""

    def of_bias(self, upstream: Array, delta: Array) -> Array:  # noqa: ARG002
        return delta


class _FromActivation(_Outside):
    """The derivative is taken from the activation, which has the bias in it."""

    def derivative(self, number: int) -> Array:
        a = self.a[number + 1]
        return np.asarray(a * (1 - a))


class _Inverted(_Outside):
    """A wrong derivative besides."""

    def derivative(self, number: int) -> Array:
        return 1 - super().derivative(number)


def _found(made: type[Classifier], **more: Any) -> dict[str, list[tuple[str, str | None]]]:
    report = examine(network(made, spec=_MEAN, **more), arbiter=pytorch())
    return {
        aspect: [(v.status, v.cause) for v in report.of(aspect)]
        for aspect in ("forward", "loss", "gradient", "optimizer", "stability", "side effects")
    }


@pytest.mark.parametrize("activation", [relu, sigmoid, np.tanh])
@pytest.mark.parametrize("sizes", [(12, 9, 10), (12, 9, 8, 10), (12, 9, 1)])
@pytest.mark.parametrize("is_inferred", [False, True])
def test_a_right_gradient_of_it_is_right(
    activation: Any, sizes: tuple[int, ...], is_inferred: bool
) -> None:
    parts: dict[str, Any] = {"activation": staticmethod(activation), "sizes": sizes}
    spec, labels = _MEAN, "one_hot"
    if sizes[-1] == 1:
        parts["last"] = staticmethod(sigmoid)
        parts["loss"] = _binary
        spec, labels = Spec(loss="binary_cross_entropy", scale="mean"), "integer_column"
    made = type("Made", (_Outside,), parts)
    asked = network(made, spec=spec, labels=labels)
    if is_inferred:
        asked = network(made, spec=spec, labels=labels, gradients=None)
    report = examine(asked, arbiter=pytorch())
    assert [verdict.cause for verdict in report.failures] == [_CAUSE]
    assert [verdict.aspect for verdict in report.failures] == ["forward"]
    for aspect in ("gradient", "optimizer", "stability"):
        assert {verdict.status for verdict in report.of(aspect)} <= {
            EQUAL,
            "equal up to a convention",
        }
    assert UNCHECKED not in {verdict.status for verdict in report.verdicts}


def _binary(self: Classifier, x: Array, y: Array) -> float:
    p = np.clip(self.forward(x), 1e-12, 1 - 1e-12)
    return float(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)))


def test_what_is_made_of_the_usual_formulas_has_the_same_name() -> None:
    for made in (_AsUsual, type("Made", (_FromActivation,), {"activation": staticmethod(sigmoid)})):
        found = _found(made)
        assert found["forward"] == [(DIFFERS, _CAUSE)]
        assert found["gradient"] == [(DIFFERS, _CAUSE)]


def test_another_fault_behind_it_is_named() -> None:
    found = _found(_Inverted)
    assert found["forward"] == [(DIFFERS, _CAUSE)]
    assert found["gradient"] == [(DIFFERS, "derivative-inverted")]


class _OfOutput(Classifier):
    """f(x W) + b in the last layer, whose loss takes logarithms of it."""

    last = staticmethod(sigmoid)
    sizes = (12, 9, 1)
    loss = _binary
    is_right = True

    def forward(self, x: Array) -> Array:
        self.a = [x, relu(x @ self.w[0] + self.b[0])]
        self.s = sigmoid(self.a[1] @ self.w[1])
        self.a.append(self.s + self.b[1])
        return self.a[-1]

    def gradients(self, x: Array, y: Array) -> list[Array]:
        p = self.forward(x)
        upstream = (p - y) / (p * (1 - p)) / len(x)
        d2 = upstream * self.s * (1 - self.s) if self.is_right else (p - y) / len(x)
        of_b2 = upstream if self.is_right else d2
        d1 = (d2 @ self.w[1].T) * (self.a[1] > 0)
        sums = [d1.sum(axis=0, keepdims=True), of_b2.sum(axis=0, keepdims=True)]
        return [x.T @ d1, self.a[1].T @ d2, *sums]


def test_the_loss_of_outputs_with_a_bias_is_asked_where_it_is_finite() -> None:
    spec = Spec("relu", "sigmoid", "binary_cross_entropy", "mean")
    for made, causes in (
        (_OfOutput, []),
        (type("Made", (_OfOutput,), {"is_right": False}), [_CAUSE]),
    ):
        report = examine(network(made, spec=spec, labels="integer_column"), arbiter=pytorch())
        assert [v.cause for v in report.of("forward")] == [_CAUSE]
        assert [v.status for v in report.of("loss")] == [EQUAL]
        named = [v.cause for v in report.of("gradient") if v.status == DIFFERS]
        assert named == causes
        others = {v.aspect for v in report.failures} - {"forward", "gradient"}
        # The right one divides by the probability.
        assert others == ({"stability"} if made is _OfOutput else set())


def test_a_single_precision_network_with_it() -> None:
    class Single(_Outside):
        def __init__(self) -> None:
            super().__init__()
            self.w = [w.astype(np.float32) for w in self.w]
            self.b = [b.astype(np.float32) for b in self.b]

        def forward(self, x: Array) -> Array:
            return super().forward(x.astype(np.float32))

    found = _found(Single)
    assert found["forward"] == [(DIFFERS, _CAUSE)]
    assert {status for status, _ in found["gradient"]} == {EQUAL}


def test_a_bias_inside_of_a_linear_layer_is_no_other_than_one_outside() -> None:
    made = type("Made", (Classifier,), {"activation": staticmethod(lambda z: z)})
    report = examine(network(made, gradients=None, step=None, loss=None))
    assert [verdict.status for verdict in report.of("forward")] == [EQUAL]
