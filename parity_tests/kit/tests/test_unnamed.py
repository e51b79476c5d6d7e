"""Hidden functions of no known name, which are asked of the network itself."""

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from parity_tests.kit.arbiter import pytorch
from parity_tests.kit.aspects.forward.measured import find_measured
from parity_tests.kit.check import examine
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.network import Network
from parity_tests.kit.spec import Spec
from parity_tests.kit.subject.subject import Subject
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, UNCHECKED

Array = NDArray[Any]
Function = Callable[[Array], Array]

# Functions and their derivatives, smooth and with kinks, bounded and not.
FUNCTIONS: Mapping[str, tuple[Function, Function]] = {
    "hardswish": (
        lambda z: z * np.clip(z + 3, 0, 6) / 6,
        lambda z: np.where(z < -3, 0, np.where(z > 3, 1, (2 * z + 3) / 6)),
    ),
    "capped": (lambda z: np.clip(z, 0, 1.5), lambda z: 1.0 * ((z > 0) & (z < 1.5))),
    "small elu": (
        lambda z: np.where(z > 0, z, 0.3 * np.expm1(z)),
        lambda z: np.where(z > 0, 1, 0.3 * np.exp(z)),
    ),
    "logarithm": (lambda z: np.sign(z) * np.log1p(abs(z)), lambda z: 1 / (1 + abs(z))),
}
# What comes back behind a layer, of the derivative f', the pre-activation z and the value f(z).
Back = Callable[[Function, Array, Array], Array]
BACKWARD: Mapping[str, Back] = {
    "activation-derivative-missing": lambda _slope, z, _value: np.ones_like(z),
    "derivative-on-activation": lambda slope, _z, value: slope(value),
    "derivative-of-another-function": lambda _slope, z, _value: 1.0 * (z > 0),
    "times-activation": lambda _slope, _z, value: value,
    "factor-two": lambda slope, z, _value: 2 * slope(z),
}


def _softmax(z: Array) -> Array:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))


def _sigmoid(z: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-z)))


def network(
    name: str,
    sizes: tuple[int, ...] = (12, 9, 10),
    output: Function = _softmax,
    back: Back = lambda slope, z, _value: slope(z),
    *,
    is_biased: bool = True,
    dtype: type = np.float64,
    spec: Spec | None = None,
) -> Network:
    """Return a network whose gradient at its outputs is p - y, over the samples."""
    function, slope = FUNCTIONS[name]

    def make() -> list[Array]:
        rng = np.random.default_rng()
        layers = [(rng.standard_normal(pair) / 3, np.zeros(pair[1])) for pair in pairwise(sizes)]
        return [a.astype(dtype) for pair in layers for a in pair[: 1 + is_biased]]

    def run(net: list[Array], x: Array) -> tuple[list[Array], list[Array]]:
        values, logits = [x], []
        for number in range(len(sizes) - 1):
            z = values[-1] @ net[number * (1 + is_biased)]
            logits.append(z + net[2 * number + 1] if is_biased else z)
            is_last = number == len(sizes) - 2
            values.append(output(logits[-1]) if is_last else function(logits[-1]))
        return values, logits

    def gradients(net: list[Array], x: Array, y: Array) -> list[Array]:
        values, logits = run(net, x)
        delta, found = (values[-1] - y) / len(x), []
        for number in reversed(range(len(sizes) - 1)):
            found = [values[number].T @ delta, delta.sum(axis=0)][: 1 + is_biased] + found
            if number:
                above = delta @ net[number * (1 + is_biased)].T
                delta = above * back(slope, logits[number - 1], values[number])
        return found

    return Network(
        make=make,
        parameters=lambda net: net,
        forward=lambda net, x: run(net, x)[0][-1],
        gradients=gradients,
        spec=spec or Spec(),
    )


SHAPES: list[tuple[tuple[int, ...], Function]] = [
    ((12, 9, 10), _softmax),
    ((12, 9, 8, 5), lambda z: z),
    ((12, 9, 1), _sigmoid),
    ((12, 9, 3), _sigmoid),
]


@pytest.mark.parametrize(
    ("name", "sizes", "output"),
    [*((name, *SHAPES[0]) for name in FUNCTIONS), *(("hardswish", *shape) for shape in SHAPES[1:])],
)
def test_a_right_network_is_right(name: str, sizes: tuple[int, ...], output: Function) -> None:
    report = examine(network(name, sizes, output), only="gradient", arbiter=pytorch())
    assert report.failures == []
    [gradient] = report.of("gradient")
    assert gradient.status in (EQUAL, CONVENTION)
    assert gradient.residual is not None
    assert gradient.residual < 1e-9


@pytest.mark.parametrize("cause", BACKWARD)
@pytest.mark.parametrize(("sizes", "output"), SHAPES[:2])
def test_a_fault_is_named(cause: str, sizes: tuple[int, ...], output: Function) -> None:
    report = examine(network("hardswish", sizes, output, BACKWARD[cause]), only="gradient")
    assert {verdict.cause for verdict in report.failures} == {cause}


def test_without_biases_the_sample_gives_the_pre_activations() -> None:
    [verdict] = examine(network("capped", is_biased=False), only="gradient").verdicts[-1:]
    assert verdict.status == EQUAL
    back = BACKWARD["activation-derivative-missing"]
    [failure] = examine(network("capped", back=back, is_biased=False), only="gradient").failures
    assert failure.cause == "activation-derivative-missing"


def test_what_is_told_of_it_and_of_another_one_that_is_declared() -> None:
    told = "f(-2), f(-1), f(0), f(1), f(2) = 0, 0, 0, 1, 1.5"
    [verdict] = examine(network("capped"), only="forward").of("forward")
    assert verdict.status == CONVENTION
    assert told in verdict.message
    declared = Spec(hidden="relu", output="softmax", loss="cross_entropy")
    report = examine(network("capped", spec=declared), only="forward")
    [failure] = report.failures
    assert (failure.aspect, failure.cause) == ("forward", "another-activation")
    assert told in failure.message


def test_the_last_layer_alone_has_it_where_the_others_are_declared() -> None:
    plain = network("capped", (12, 9, 8, 5), lambda z: z)

    def forward(net: list[Array], x: Array) -> Array:
        first = np.tanh(x @ net[0] + net[1])
        second = np.clip(first @ net[2] + net[3], 0, 1.5)
        return np.asarray(second @ net[4] + net[5])

    for hidden, tensor in (("tanh", "a2"), ("relu", "output")):
        spec = Spec(hidden=hidden, output="identity", loss="squared_error")
        report = examine(
            Network(plain.make, plain.parameters, forward, plain.gradients, spec=spec),
            only="forward",
        )
        assert [failure.tensor for failure in report.failures] == [tensor]


@pytest.mark.parametrize(
    ("function", "kind"),
    [(lambda z: z - z.mean(axis=1, keepdims=True), np.float64), (np.arcsinh, np.float32)],
    ids=["of all units", "single precision"],
)
def test_what_is_no_function_of_an_entry_or_not_exact_is_not_known(
    monkeypatch: pytest.MonkeyPatch, function: Function, kind: type
) -> None:
    other = {**FUNCTIONS, "other": (function, np.ones_like)}
    monkeypatch.setattr("parity_tests.kit.tests.test_unnamed.FUNCTIONS", other)
    [verdict] = examine(network("other", dtype=kind), only="forward").of("forward")
    assert verdict.status == UNCHECKED


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_slopes_are_those_of_the_function(name: str) -> None:
    function, slope = FUNCTIONS[name]
    inquiry = Inquiry.begin(Subject(network(name)), Spec(), 0)
    observed = inquiry.subject.forward(inquiry.batches[0].inputs)
    form = find_measured(inquiry, observed, None)
    assert form is not None
    assert form.unnamed is not None
    z = np.random.default_rng(0).standard_normal((7, 11)) * 3
    np.testing.assert_allclose(form.unnamed.value(z), function(z), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(form.unnamed.slope(z), slope(z), rtol=1e-8, atol=1e-9)
    # Next to a kink the steps are short, and beyond floats there is nothing.
    near = np.array([2e-5, -2e-5])
    np.testing.assert_allclose(form.unnamed.slope(near), slope(near), rtol=1e-4, atol=1e-4)
    assert np.isnan(form.unnamed.value(np.array([np.nan, np.inf]))).all()


def test_nothing_is_wrong_with_one_in_any_aspect() -> None:
    report = examine(network("hardswish"), arbiter=pytorch())
    assert DIFFERS not in {verdict.status for verdict in report.verdicts}
