"""Activations with a constant in them, and those of pre-activations less the largest."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from parity_tests.kit.arbiter import pytorch
from parity_tests.kit.aspects.forward.rescaled import find_rescaled
from parity_tests.kit.check import examine
from parity_tests.kit.forward import Form, run
from parity_tests.kit.functions import activation
from parity_tests.kit.spec import Spec
from parity_tests.kit.subject.subject import Layer, Layers
from parity_tests.kit.tests.asked import Array, Classifier, network, relu, sigmoid, softmax
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL

_MEAN = Spec(loss="cross_entropy", scale="mean")


def _layers(sizes: tuple[int, ...]) -> tuple[Layers, Array]:
    rng = np.random.default_rng(0)
    layers = [
        Layer(1.5 / np.sqrt(a) * rng.standard_normal((b, a)), 0.3 * rng.standard_normal(b))
        for a, b in pairwise(sizes)
    ]
    return layers, rng.standard_normal((7, sizes[0]))


@pytest.mark.parametrize("name", ["0.9 x sine", "1.66666666667 x relu", "tanh of 0.25 z"])
@pytest.mark.parametrize(("sizes", "last"), [((12, 9, 10), "softmax"), ((12, 9, 8, 3), "identity")])
def test_a_constant_in_an_activation_is_fitted(
    name: str, sizes: tuple[int, ...], last: str
) -> None:
    layers, inputs = _layers(sizes)
    form = Form((name,) * (len(sizes) - 2), last)
    observed = run(form, layers, inputs).output
    assert find_rescaled(layers, inputs, observed, 1e-9) == form
    assert find_rescaled(layers, inputs, observed + 1e-6 * inputs.std(), 1e-9) is None


def test_a_constant_in_one_layer_alone_is_fitted() -> None:
    layers, inputs = _layers((12, 9, 8, 10))
    form = Form(("relu", "0.8 x relu"), "softmax")
    observed = run(form, layers, inputs).output
    assert find_rescaled(layers, inputs, observed, 1e-9, Form(("relu", "relu"), "softmax")) == form


@pytest.mark.parametrize("name", ["0.9 x sine", "elu:0.1 of 2 z", "2 x tanh", "sigmoid of 3 z"])
def test_derivatives_with_a_constant(name: str) -> None:
    function, z = activation(name), np.linspace(-2.0, 2.0, 24)
    slope = (function.value(z + 1e-6) - function.value(z - 1e-6)) / 2e-6
    np.testing.assert_allclose(function.slope(z), slope, atol=1e-8)
    if function.slope_from_value is not None:
        np.testing.assert_allclose(function.slope_from_value(function.value(z)), slope, atol=1e-8)


def test_the_jacobian_of_a_shifted_activation() -> None:
    rng = np.random.default_rng(0)
    function = activation("sigmoid of z - max(z)")
    z, upstream = rng.standard_normal((2, 5, 4))
    slopes = np.zeros_like(z)
    for place in np.ndindex(*z.shape):
        change = np.zeros_like(z)
        change[place] = 1e-6
        moved = function.value(z + change) - function.value(z - change)
        slopes[place] = (upstream * moved).sum() / 2e-6
    np.testing.assert_allclose(function.back(upstream, z), slopes, atol=1e-8)


class _Sine(Classifier):
    """0.9 sin(z), with its derivative."""

    sizes = (12, 9, 10)

    def forward(self, x: Array) -> Array:
        self.z = x @ self.w[0] + self.b[0]
        self.a = [x, 0.9 * np.sin(self.z)]
        self.a.append(softmax(self.a[1] @ self.w[1] + self.b[1]))
        return self.a[-1]

    def gradients(self, x: Array, y: Array) -> list[Array]:
        d2 = self.delta(x, y)
        d1 = (d2 @ self.w[1].T) * 0.9 * np.cos(self.z)
        sums = [d.sum(axis=0, keepdims=True) for d in (d1, d2)]
        return [x.T @ d1, self.a[1].T @ d2, *sums]


def test_a_right_network_with_a_constant_is_right() -> None:
    report = examine(network(_Sine, spec=_MEAN), arbiter=pytorch())
    assert report.failures == []
    assert [verdict.status for verdict in report.of("gradient")] == [EQUAL]


class _Dropout(Classifier):
    """Evaluation multiplies by what training keeps; the gradient is that of a training pass."""

    sizes, keep = (12, 9, 10), 0.6

    @staticmethod
    def activation(z: Array) -> Array:
        return 0.6 * relu(z)

    def gradients(self, x: Array, y: Array) -> list[Array]:
        mask = np.random.rand(len(x), self.sizes[1]) < self.keep  # noqa: NPY002
        a = relu(x @ self.w[0] + self.b[0]) * mask
        d2 = (softmax(a @ self.w[1] + self.b[1]) - y) / len(x)
        d1 = (d2 @ self.w[1].T) * (a > 0)
        sums = [d.sum(axis=0, keepdims=True) for d in (d1, d2)]
        return [x.T @ d1, a.T @ d2, *sums]


def test_dropout_that_is_scaled_in_evaluation_is_a_convention() -> None:
    declared = Spec("relu", "softmax", "cross_entropy", "mean")
    report = examine(network(_Dropout, spec=declared))
    assert [v for v in report.failures if v.aspect != "optimizer"] == []
    [verdict] = report.of("forward")
    assert (verdict.status, verdict.cause) == (CONVENTION, "dropout-scaled-in-evaluation")


def test_a_constant_is_a_fault_where_another_function_is_declared() -> None:
    def halved(z: Array) -> Array:
        return 0.5 * relu(z)

    made = type("Made", (Classifier,), {"activation": staticmethod(halved)})
    parts: dict[str, Any] = {"gradients": None, "step": None}
    [verdict] = examine(
        network(made, spec=Spec("relu", "softmax"), **parts), only="forward"
    ).verdicts
    assert (verdict.status, verdict.cause) == (DIFFERS, "activation-scaled")
    [verdict] = examine(
        network(made, spec=Spec("tanh", "softmax"), **parts), only="forward"
    ).verdicts
    assert (verdict.status, verdict.cause) == (DIFFERS, "another-activation")


def test_a_shift_is_named_and_what_follows_from_it() -> None:
    def shifted(z: Array) -> Array:
        return sigmoid(z - z.max(axis=1, keepdims=True))

    parts = {
        "activation": staticmethod(shifted),
        "sizes": (12, 9, 10),
        "gradients": lambda net, x, y: _of_entries(net, x, y),
    }
    report = examine(network(type("Made", (Classifier,), parts), spec=_MEAN))
    causes = {verdict.cause for verdict in report.failures}
    assert causes == {"activation-shifted"}


def _of_entries(net: Classifier, x: Array, y: Array) -> list[Array]:
    d2 = net.delta(x, y)
    a = net.a[1]
    d1 = (d2 @ net.w[1].T) * a * (1 - a)
    sums = [d.sum(axis=0, keepdims=True) for d in (d1, d2)]
    return [x.T @ d1, a.T @ d2, *sums]


class _Twice(_Dropout):
    """Training divides by what it keeps, and evaluation multiplies by it as well."""

    def gradients(self, x: Array, y: Array) -> list[Array]:
        mask = (np.random.rand(len(x), self.sizes[1]) < self.keep) / self.keep  # noqa: NPY002
        a = relu(x @ self.w[0] + self.b[0]) * mask
        d2 = (softmax(a @ self.w[1] + self.b[1]) - y) / len(x)
        d1 = (d2 @ self.w[1].T) * mask * (a > 0)
        sums = [d.sum(axis=0, keepdims=True) for d in (d1, d2)]
        return [x.T @ d1, a.T @ d2, *sums]


@pytest.mark.parametrize("seed", range(3))
def test_dropout_that_is_scaled_twice_is_a_fault(seed: int) -> None:
    declared = Spec("relu", "softmax", "cross_entropy", "mean")
    [verdict] = examine(network(_Twice, spec=declared), seed, "forward").of("forward")
    assert (verdict.status, verdict.cause) == (DIFFERS, "dropout-scaled-twice")
    assert "1.66667" in verdict.message
    [verdict] = examine(network(_Dropout, spec=declared), seed, "forward").of("forward")
    assert (verdict.status, verdict.cause) == (CONVENTION, "dropout-scaled-in-evaluation")


def test_every_hidden_layer_may_have_a_factor_of_its_own() -> None:
    layers, inputs = _layers((12, 9, 8, 10))
    form = Form(("0.8 x relu", "0.5 x relu"), "softmax")
    observed = run(form, layers, inputs).output
    meant = Form(("relu", "relu"), "softmax")
    found = find_rescaled(layers, inputs, observed, 1e-9, meant)
    assert found is not None
    np.testing.assert_allclose(run(found, layers, inputs).output, observed, rtol=1e-9)
    assert [float(name.partition(" x ")[0]) for name in found.hidden] == pytest.approx([0.8, 0.5])


@pytest.mark.parametrize("slope", [1e-5, 1e-4, 0.037])
@pytest.mark.parametrize("meant", ["relu", "leaky_relu:0.01"])
def test_the_slope_of_a_leaky_relu_is_fitted(slope: float, meant: str) -> None:
    def leaky(z: Array) -> Array:
        return np.where(z > 0, z, slope * z)

    made = type("Made", (Classifier,), {"activation": staticmethod(leaky)})
    parts: dict[str, Any] = {"gradients": None, "step": None}
    [verdict] = examine(
        network(made, spec=Spec(meant, "softmax"), **parts), only="forward"
    ).verdicts
    is_square = (slope, meant) == (1e-4, "leaky_relu:0.01")
    cause = "activation-twice" if is_square else "another-activation"
    assert (verdict.status, verdict.cause) == (DIFFERS, cause)
    assert f"leaky_relu:{slope:g}" in verdict.message


@pytest.mark.parametrize("function", [np.tanh, sigmoid])
def test_an_activation_that_is_applied_twice_is_named(function: Any) -> None:
    def twice(z: Array) -> Array:
        value: Array = function(function(z))
        return value

    made = type("Made", (Classifier,), {"activation": staticmethod(twice)})
    name = "tanh" if function is np.tanh else "sigmoid"
    parts: dict[str, Any] = {"gradients": None, "step": None}
    [verdict] = examine(network(made, spec=Spec(name, "softmax"), **parts), only="forward").verdicts
    assert (verdict.status, verdict.cause) == (DIFFERS, "activation-twice")


def test_outputs_that_are_off_by_little_are_not_those_of_float32() -> None:
    def off(z: Array) -> Array:
        return softmax(z) / (1 + 1e-6)

    def single(z: Array) -> Array:
        return softmax(z.astype(np.float32)).astype(np.float64) * np.float64(1)

    parts: dict[str, Any] = {"gradients": None, "step": None, "spec": Spec("relu", "softmax")}
    made = type("Made", (Classifier,), {"last": staticmethod(off)})
    [verdict] = examine(network(made, **parts), only="forward").verdicts
    assert (verdict.status, verdict.cause) == (DIFFERS, None)

    class Inside(Classifier):
        """Hidden activations are float32, parameters and outputs are not."""

        @staticmethod
        def activation(z: Array) -> Array:
            return relu(z.astype(np.float32))

    [verdict] = examine(network(Inside, **parts), only="forward").verdicts
    assert verdict.status == EQUAL
    assert "to which single precision is held" in verdict.message
    made = type("Made", (Classifier,), {"last": staticmethod(single)})
    [verdict] = examine(network(made, **parts), only="forward").verdicts
    assert verdict.status == EQUAL
