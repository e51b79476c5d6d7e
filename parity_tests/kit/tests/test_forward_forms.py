"""Forward passes that nobody means are named, and a small number beside a sum is not blamed."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from parity_tests.kit import forward
from parity_tests.kit.arbiter import pytorch
from parity_tests.kit.aspects.forward import aspect as forward_aspect
from parity_tests.kit.aspects.forward.beside_sum import find_beside_sum
from parity_tests.kit.aspects.gradient import aspect as gradient
from parity_tests.kit.aspects.loss import aspect as loss
from parity_tests.kit.check import examine
from parity_tests.kit.evidence import Evidence
from parity_tests.kit.forward import Form, run
from parity_tests.kit.functions import output, wrong_output
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.probe import drawn_layer
from parity_tests.kit.spec import Spec
from parity_tests.kit.subject.subject import Layer, Subject
from parity_tests.kit.tests.asked import Array, Classifier, ask, network, only, softmax, variant
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, UNCHECKED


def _beside(number: float) -> Any:
    def softmax(z: Array) -> Array:
        e = np.exp(z - z.max(axis=1, keepdims=True))
        return np.asarray(e / (e.sum(axis=1, keepdims=True) + number))

    return softmax


@pytest.mark.parametrize("number", [1e-8, 1e-6])
@pytest.mark.parametrize("hidden", ["relu", None])
def test_a_small_number_beside_the_sum_of_softmax_is_not_blamed(
    number: float, hidden: str | None
) -> None:
    spec = Spec(hidden=hidden, output="softmax" if hidden else None)
    report = examine(network(variant(last=_beside(number)), spec=spec))
    assert report.failures == []
    [verdict] = report.of("forward")
    assert verdict.status == CONVENTION
    assert f"with {number:g} beside the sum" in verdict.message
    assert {v.status for a in ("loss", "gradient") for v in report.of(a)} <= {EQUAL, CONVENTION}


class _Selu(variant(sizes=(6, 5, 3))):  # type: ignore[misc]
    scale, alpha = 1.0507, 1.67326

    def activation(self, z: Array) -> Array:
        return np.asarray(self.scale * np.where(z > 0, z, self.alpha * (np.exp(z) - 1)))

    def gradients(self, x: Array, y: Array) -> list[Array]:
        d, a = self.delta(x, y), self.a[1]
        slope = np.where(a > 0, self.scale, a + self.scale * self.alpha)
        below = d @ self.w[1].T * slope
        sums = [own.sum(axis=0, keepdims=True) for own in (below, d)]
        return [x.T @ below, a.T @ d, *sums]


@pytest.mark.parametrize("hidden", ["selu", None])
@pytest.mark.parametrize("constants", [(1.0507, 1.67326), (1.05, 1.67), (1.050701, 1.673263)])
def test_rounded_constants_of_selu_are_a_convention(
    constants: tuple[float, float], hidden: str | None
) -> None:
    make = type("Net", (_Selu,), dict(zip(("scale", "alpha"), constants, strict=True)))
    spec = Spec(hidden=hidden, output="softmax" if hidden else None)
    report = examine(network(make, spec=spec, step=None), only=("forward", "gradient"))
    statuses = [(verdict.status, verdict.cause) for verdict in report.verdicts]
    assert statuses == [(CONVENTION, None), (EQUAL, None)]
    assert "selu with {:.9g} and {:.9g}".format(*constants) in report.verdicts[0].message


def test_a_number_beside_the_sum_of_softmax_is_fitted() -> None:
    rng = np.random.default_rng(0)
    layers = [Layer(rng.standard_normal((n, m)), None) for n, m in ((5, 6), (4, 5))]
    x = rng.standard_normal((7, 6))
    name = "softmax with 0.25 beside the sum of unshifted exponentials"
    form = Form(("tanh",), name)
    found = find_beside_sum(layers, x, run(form, layers, x).output, 1e-9)
    assert found == form
    assert wrong_output(name) == "softmax-sum-shifted"
    for other in ("softmax", "sigmoid", "softmax shifted by row and summed over the samples"):
        observed = run(Form(("tanh",), other), layers, x).output
        assert find_beside_sum(layers, x, observed, 1e-9) is None


@pytest.mark.parametrize(
    "name",
    [
        "logits over their sum",
        "shifted logits over their sum",
        "softmax shifted by class",
        "softmax with 0.5 beside the sum",
        "softmax with 0.5 beside the sum of unshifted exponentials",
    ],
)
def test_derivatives_of_outputs_that_nobody_means_are_theirs(name: str) -> None:
    rng = np.random.default_rng(1)
    z, upstream, way = rng.standard_normal((3, 2, 5))
    own = output(name)
    moved = (own.value(z + 1e-6 * way) - own.value(z - 1e-6 * way)) / 2e-6
    assert (own.back(upstream, z) * way).sum() == pytest.approx((upstream * moved).sum(), rel=1e-5)


class _Fed(Classifier):
    """A hidden layer gets the inputs; the backward pass is as it was meant."""

    sizes = (12, 12, 12, 10)
    is_consistent = False

    def forward(self, x: Array) -> Array:
        super().forward(x)
        self.a[2] = self.activation(x @ self.w[1] + self.b[1])
        self.a[3] = self.last(self.a[2] @ self.w[2] + self.b[2])
        return self.a[-1]

    def gradients(self, x: Array, y: Array) -> list[Array]:
        d = self.delta(x, y)
        if self.is_consistent:
            self.a[1] = x
        below = (d @ self.w[2].T) * (self.a[2] > 0)
        first = (below @ self.w[1].T) * (x @ self.w[0] + self.b[0] > 0)
        pairs = [(x, first), (self.a[1], below), (self.a[2], d)]
        return [a.T @ e for a, e in pairs] + [e.sum(axis=0, keepdims=True) for _, e in pairs]


@pytest.mark.parametrize("is_consistent", [False, True])
def test_a_gradient_is_not_blamed_for_a_layer_that_is_fed_with_the_inputs(
    is_consistent: bool, tmp_path: Any
) -> None:
    make = type("Fed", (_Fed,), {"is_consistent": is_consistent})
    spec = Spec(hidden="relu", output="softmax")
    report = examine(network(make, step=None, spec=spec))
    [verdict] = report.of("forward")
    assert (verdict.cause, verdict.tensor) == ("layer-fed-with-inputs", "z2")
    assert [v.status for v in report.of("gradient")] == [EQUAL]
    assert report.evidence is not None
    report.evidence.save(tmp_path / "evidence.npz")
    loaded = Evidence.load(tmp_path / "evidence.npz").form
    assert loaded is not None
    assert loaded.from_inputs == (1,)


def _over_sum(z: Array) -> Array:
    return np.asarray(z / z.sum(axis=1, keepdims=True))


def test_a_loss_is_not_blamed_for_outputs_that_are_no_probabilities() -> None:
    declared = network(variant(last=_over_sum))
    verdict = only(ask(declared, loss.examine))
    assert (verdict.status, verdict.cause) == (UNCHECKED, None)
    found = [v for v in ask(declared, gradient.examine) if v.status == DIFFERS]
    assert {v.cause for v in found} == {"softmax-without-exponential"}


@pytest.mark.parametrize(
    ("declared", "cause"), [(None, "softmax-not-normalized"), ("sigmoid", "another-output")]
)
def test_an_exponential_is_a_softmax_or_another_output(declared: str | None, cause: str) -> None:
    made = network(variant(last=np.exp), spec=Spec("relu", declared))
    [verdict] = examine(made, only="forward").verdicts
    assert (verdict.status, verdict.cause) == (DIFFERS, cause)
    assert "a sigmoid without its 1 +" in verdict.message


def test_an_exponential_is_one_of_rates_where_labels_are_any_numbers() -> None:
    made = network(variant(last=np.exp), labels="targets")
    assert only(examine(made, only="forward").verdicts).status == EQUAL
    made = replace(made, spec=Spec(output="softmax"))
    assert only(examine(made, only="forward").verdicts).cause == "softmax-not-normalized"


def test_the_same_output_is_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    searched = []

    def search(*given: Any) -> None:
        searched.append(given)

    monkeypatch.setattr(forward_aspect, "find", search)
    monkeypatch.setattr(forward_aspect, "find_rescaled", search)
    monkeypatch.setattr(forward_aspect, "find_measured", lambda *_: None)
    inquiry = Inquiry.begin(Subject(network()), Spec(), 0)
    for _ in range(2):
        again = inquiry.into(Subject(network()))
        forward_aspect.examine(again)
        assert again.form is None
    assert len(searched) == 1


def test_forms_that_end_otherwise_share_their_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    layers = [drawn_layer(9, 12, rng), drawn_layer(8, 9, rng), drawn_layer(10, 8, rng)]
    inputs, passes = rng.standard_normal((7, 12)), []
    through = forward._up_to_logits

    def counted(*given: Any) -> Any:
        passes.append(given)
        return through(*given)

    monkeypatch.setattr(forward, "_up_to_logits", counted)
    assert forward.find(layers, inputs, rng.standard_normal((7, 10)), 1e-9) is None
    assert 0 < 5 * len(passes) < len(set(forward.candidates(layers)))


@pytest.mark.parametrize("number", [1e-9, 1e-8, 1e-7])
@pytest.mark.parametrize("spec", [Spec(), Spec("relu", "softmax", "cross_entropy", "mean")])
def test_a_number_that_is_added_to_softmax_is_found(number: float, spec: Spec) -> None:
    made = variant(last=lambda z: softmax(z) + number, guard=0.0)
    report = examine(network(made, spec=spec), arbiter=pytorch())
    assert not report.failures
    [verdict] = report.of("forward")
    assert verdict.status == CONVENTION
    assert f"softmax plus {number:g}" in verdict.message
    for aspect in ("loss", "gradient", "optimizer", "stability"):
        assert {v.status for v in report.of(aspect)} <= {EQUAL, CONVENTION}
