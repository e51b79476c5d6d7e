"""Hidden functions of no known name, which are asked of the network itself."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from parity_tests.kit.arbiter import pytorch
from parity_tests.kit.aspects.forward.measured import find_measured
from parity_tests.kit.check import examine
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.network import Network
from parity_tests.kit.spec import Spec
from parity_tests.kit.subject.subject import Subject
from parity_tests.kit.tests.any_function import Array, Back, Function, network, sigmoid, softmax
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, UNCHECKED

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
BACKWARD: Mapping[str, Back] = {
    "activation-derivative-missing": lambda _slope, z, _value: np.ones_like(z),
    "derivative-on-activation": lambda slope, _z, value: slope(value),
    "derivative-of-another-function": lambda _slope, z, _value: 1.0 * (z > 0),
    "times-activation": lambda _slope, _z, value: value,
    "factor-two": lambda slope, z, _value: 2 * slope(z),
}


SHAPES: list[tuple[tuple[int, ...], Function]] = [
    ((12, 9, 10), softmax),
    ((12, 9, 8, 5), lambda z: z),
    ((12, 9, 1), sigmoid),
    ((12, 9, 3), sigmoid),
]


@pytest.mark.parametrize(
    ("name", "sizes", "output"),
    [*((name, *SHAPES[0]) for name in FUNCTIONS), *(("hardswish", *shape) for shape in SHAPES[1:])],
)
def test_a_right_network_is_right(name: str, sizes: tuple[int, ...], output: Function) -> None:
    report = examine(network(*FUNCTIONS[name], sizes, output), only="gradient", arbiter=pytorch())
    assert report.failures == []
    [gradient] = report.of("gradient")
    assert gradient.status in (EQUAL, CONVENTION)
    assert gradient.residual is not None
    assert gradient.residual < 1e-9


def failures(name: str, cause: str, *shape: Any, **options: Any) -> set[str | None]:
    """Return the causes that are named for a network with one of the faults."""
    faulty = network(*FUNCTIONS[name], *shape, back=BACKWARD[cause], **options)
    return {verdict.cause for verdict in examine(faulty, only="gradient").failures}


@pytest.mark.parametrize("cause", BACKWARD)
def test_a_fault_is_named(cause: str) -> None:
    assert failures("hardswish", cause) == {cause}


def test_a_fault_is_named_where_two_layers_have_it() -> None:
    cause = "derivative-on-activation"
    assert failures("hardswish", cause, *SHAPES[1]) == {cause}


def test_without_biases_the_sample_gives_the_pre_activations() -> None:
    report = examine(network(*FUNCTIONS["capped"], is_biased=False), only="gradient")
    assert [verdict.status for verdict in report.of("gradient")] == [EQUAL]
    cause = "activation-derivative-missing"
    assert failures("capped", cause, is_biased=False) == {cause}


def test_what_is_told_of_it_and_of_another_one_that_is_declared() -> None:
    told = "f(-2), f(-1), f(0), f(1), f(2) = 0, 0, 0, 1, 1.5"
    [verdict] = examine(network(*FUNCTIONS["capped"]), only="forward").of("forward")
    assert verdict.status == CONVENTION
    assert told in verdict.message
    declared = Spec(hidden="relu", output="softmax", loss="cross_entropy")
    report = examine(network(*FUNCTIONS["capped"], spec=declared), only="forward")
    [failure] = report.failures
    assert (failure.aspect, failure.cause) == ("forward", "another-activation")
    assert told in failure.message


def test_the_last_layer_alone_has_it_where_the_others_are_declared() -> None:
    plain = network(*FUNCTIONS["capped"], (12, 9, 8, 5), lambda z: z)

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
    function: Function, kind: type
) -> None:
    [verdict] = examine(network(function, np.ones_like, dtype=kind), only="forward").of("forward")
    assert verdict.status == UNCHECKED


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_slopes_are_those_of_the_function(name: str) -> None:
    function, slope = FUNCTIONS[name]
    inquiry = Inquiry.begin(Subject(network(*FUNCTIONS[name])), Spec(), 0)
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
    report = examine(network(*FUNCTIONS["hardswish"]), arbiter=pytorch())
    assert DIFFERS not in {verdict.status for verdict in report.verdicts}
