"""What the kit recomputes in NumPy is what PyTorch computes, and PyTorch has the last word."""

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest

from parity_tests.kit.arbiter import Arbiter, Expected, pytorch
from parity_tests.kit.candidates.outputs import output_deltas
from parity_tests.kit.catalogue.correct import CORRECT
from parity_tests.kit.check import confirm, examine
from parity_tests.kit.evidence import Evidence
from parity_tests.kit.forward import PREPARATIONS, Form, run
from parity_tests.kit.functions import ACTIVATIONS, WRONG_ACTIVATIONS, activation
from parity_tests.kit.losses import LOSSES as DISTANCES
from parity_tests.kit.network import Network
from parity_tests.kit.spec import LOSSES, Spec
from parity_tests.kit.subject.subject import Batch, Layer
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL

SIZES = (13, 11, 5)
SAMPLES = 7
# Outputs that are probabilities, for the losses that want them.
_PROBABILITIES = ("softmax", "sigmoid", "identity")


def _layers(rng: np.random.Generator) -> list[Layer]:
    return [
        Layer(0.4 * rng.standard_normal((outs, ins)), 0.3 * rng.standard_normal(outs))
        for ins, outs in ((13, 11), (11, 5))
    ]


def _batch(rng: np.random.Generator) -> Batch:
    labels = rng.integers(0, 5, SAMPLES)
    return Batch(rng.standard_normal((SAMPLES, 13)), labels, np.eye(5)[labels])


def _arbiter() -> Arbiter:
    arbiter = pytorch()
    assert arbiter is not None
    return arbiter


@pytest.mark.parametrize("name", [n for n in ACTIVATIONS if n not in WRONG_ACTIVATIONS])
def test_activations_and_their_slopes_are_those_of_pytorch(name: str) -> None:
    rng = np.random.default_rng(3)
    layers, batch = _layers(rng), _batch(rng)
    form = Form((name,), "identity")
    expected = _arbiter().ask(form, "squared_error", layers, batch, 0)
    passed = run(form, layers, batch.inputs)
    np.testing.assert_allclose(passed.output, expected.output, rtol=1e-12, atol=1e-13)
    delta = (passed.output - batch.targets) @ layers[1].weight
    delta = delta * activation(name).slope(passed.logits[0])
    np.testing.assert_allclose(delta.T @ batch.inputs, expected.gradients["W1"], atol=1e-12)
    np.testing.assert_allclose(delta.sum(axis=0), expected.gradients["b1"], atol=1e-12)


@pytest.mark.parametrize(
    ("output", "loss"),
    [
        (output, loss)
        for output, loss in product((*_PROBABILITIES, "tanh", "log_softmax", "exponential"), LOSSES)
        if ("entropy" not in loss or output in _PROBABILITIES)
        and (loss != "poisson" or output == "exponential")
    ],
)
def test_the_first_step_back_is_that_of_pytorch(output: str, loss: str) -> None:
    rng = np.random.default_rng(5)
    layers, batch = _layers(rng), _batch(rng)
    form = Form(("tanh",), output)
    expected = _arbiter().ask(form, loss, layers, batch, 0)
    passed = run(form, layers, batch.inputs)
    right = [c for c in output_deltas(form, passed, batch, loss) if not c.causes]
    found = [delta.value.T @ passed.activations[1] for delta in right if delta.loss == loss]
    off = [np.abs(gradient - expected.gradients["W2"]).max() for gradient in found]
    assert min(off) < 1e-12
    if loss in DISTANCES:
        value = DISTANCES[loss].value(passed.output, batch.targets).sum()
        assert value == pytest.approx(expected.loss, rel=1e-12)


def test_slopes_from_values_are_the_slopes() -> None:
    z = np.linspace(-3, 3, 37)
    for function in ACTIVATIONS.values():
        if function.slope_from_value is not None:
            slopes = function.slope_from_value(function.value(z))
            np.testing.assert_allclose(slopes, function.slope(z), atol=1e-12, err_msg=function.name)


def _of_another(expected: Expected, tensor: str) -> Expected:
    """Return what an arbiter says who is off in one tensor."""
    if tensor == "output":
        return replace(expected, output=expected.output + 1e-6)
    changed = {**expected.gradients, tensor: 1.000001 * expected.gradients[tensor]}
    return replace(expected, gradients=changed)


@pytest.mark.parametrize("tensor", ["output", "W1", "b2"])
def test_what_the_arbiter_does_not_confirm_differs(tensor: str) -> None:
    [lesson] = (correct for correct in CORRECT if correct.name == "lesson")
    arbiter = _arbiter()

    def ask(*arguments: Any) -> Expected:
        return _of_another(arbiter.ask(*arguments), tensor)

    assert examine(lesson.network, arbiter=arbiter).failures == []
    [verdict] = examine(lesson.network, arbiter=Arbiter("another", ask)).failures
    assert verdict.tensor == tensor
    assert verdict.cause is None
    assert "that of another" in verdict.message


def test_what_came_where_nothing_is_wanted_differs() -> None:
    [lesson] = (correct for correct in CORRECT if correct.name == "lesson")
    arbiter = _arbiter()

    def ask(*arguments: Any) -> Expected:
        expected = arbiter.ask(*arguments)
        return replace(
            expected, gradients={name: 0 * own for name, own in expected.gradients.items()}
        )

    report = examine(lesson.network, arbiter=Arbiter("another", ask))
    assert {verdict.tensor for verdict in report.failures} == {"W1"}


def test_evidence_goes_through_a_file(tmp_path: Any) -> None:
    [lesson] = (correct for correct in CORRECT if correct.name == "lesson")
    report = examine(lesson.network)
    assert report.evidence is not None
    report.evidence.save(tmp_path / "evidence.npz")
    report.evidence = Evidence.load(tmp_path / "evidence.npz")
    confirm(report, _arbiter())
    assert report.spec["arbiter"].startswith("PyTorch")
    assert {verdict.status for verdict in report.of("gradient")} == {EQUAL}
    gradients = report.evidence.answers[0].gradients
    assert gradients is not None
    gradients[0].weight[0, 0] += 1e-3
    confirm(report, _arbiter())
    assert DIFFERS in {verdict.status for verdict in report.of("gradient")}


def _preparing(name: str, prepared_back: bool = True) -> Network:
    """Return a network that prepares its inputs, on the way back too or only forward."""
    prepare = PREPARATIONS[name]

    def passed(p: dict[str, Any], x: Any) -> tuple[Any, Any]:
        hidden = np.tanh(prepare(x) @ p["w1"] + p["b1"])
        logits = hidden @ p["w2"] + p["b2"]
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return hidden, powers / powers.sum(axis=1, keepdims=True)

    def gradients(p: dict[str, Any], x: Any, y: Any) -> list[Any]:
        hidden, output = passed(p, x)
        last = (output - y) / len(x)
        first = last @ p["w2"].T * (1 - hidden**2)
        a = prepare(x) if prepared_back else x
        return [a.T @ first, first.sum(axis=0), hidden.T @ last, last.sum(axis=0)]

    def make() -> dict[str, Any]:
        rng = np.random.default_rng()
        first, last = 0.3 * rng.standard_normal((12, 9)), 0.3 * rng.standard_normal((9, 10))
        return {"w1": first, "b1": np.zeros(9), "w2": last, "b2": np.zeros(10)}

    return Network(
        make,
        parameters="w1 b1 w2 b2",
        forward=lambda p, x: passed(p, x)[1],
        gradients=gradients,
        spec=Spec(loss="cross_entropy", scale="mean"),
    )


@pytest.mark.parametrize("name", [name for name in PREPARATIONS if name != "as given"])
def test_inputs_that_a_network_prepares_itself_are_a_convention(name: str, tmp_path: Any) -> None:
    report = examine(_preparing(name), arbiter=_arbiter())
    [verdict] = report.of("forward")
    assert verdict.status == CONVENTION
    assert f"of inputs {name}," in verdict.message
    assert [verdict.status for verdict in report.of("gradient")] == [EQUAL]
    assert report.failures == []
    assert report.evidence is not None
    report.evidence.save(tmp_path / "evidence.npz")
    assert Evidence.load(tmp_path / "evidence.npz").form == report.evidence.form


def test_inputs_that_are_prepared_forward_alone_are_the_wrong_ones() -> None:
    network = _preparing("standardized by feature", prepared_back=False)
    verdicts = examine(network, only="gradient").failures
    assert [(verdict.tensor, verdict.cause) for verdict in verdicts] == [("W1", "wrong-input")]


@pytest.mark.parametrize("number", [1e-8, 1e-9, 2e-10])
def test_a_small_number_in_the_derivative_is_no_fault(number: float) -> None:
    def passed(p: dict[str, Any], x: Any) -> tuple[Any, Any]:
        hidden = np.tanh(x @ p["w1"] + p["b1"])
        return hidden, 1 / (1 + np.exp(-(hidden @ p["w2"] + p["b2"])))

    def gradients(p: dict[str, Any], x: Any, y: Any) -> list[Any]:
        hidden, output = passed(p, x)
        slope = output * (1 - output)
        last = (output - y) / (slope + number) * slope / len(x)
        first = last @ p["w2"].T * (1 - hidden**2)
        return [x.T @ first, first.sum(axis=0), hidden.T @ last, last.sum(axis=0)]

    shapes = {"w1": (12, 9), "b1": (9,), "w2": (9, 10), "b2": (10,)}
    network = Network(
        lambda: {name: np.ones(shape) for name, shape in shapes.items()},
        parameters="w1 b1 w2 b2",
        forward=lambda p, x: passed(p, x)[1],
        gradients=gradients,
        spec=Spec(loss="binary_cross_entropy", scale="mean"),
    )
    report = examine(network, only="gradient", arbiter=_arbiter())
    assert [verdict.status for verdict in report.of("gradient")] == [EQUAL]
