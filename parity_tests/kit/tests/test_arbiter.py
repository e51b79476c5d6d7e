"""What the kit recomputes in NumPy is what PyTorch computes, and PyTorch has the last word."""

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest

from parity_tests.kit.arbiter import Arbiter, Expected, pytorch
from parity_tests.kit.backprop import output_deltas
from parity_tests.kit.catalogue.correct import CORRECT
from parity_tests.kit.check import confirm, examine
from parity_tests.kit.evidence import Evidence
from parity_tests.kit.forward import Form, run
from parity_tests.kit.functions import ACTIVATIONS, activation
from parity_tests.kit.spec import LOSSES
from parity_tests.kit.subject import Batch, Layer
from parity_tests.kit.verdicts import DIFFERS, EQUAL

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


@pytest.mark.parametrize("name", ACTIVATIONS)
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
        for output, loss in product((*_PROBABILITIES, "tanh", "log_softmax"), LOSSES)
        if loss == "squared_error" or output in _PROBABILITIES
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
