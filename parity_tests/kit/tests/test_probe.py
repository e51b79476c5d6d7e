"""Every layer is alive in what is asked, and what is asked shows factors, penalties and sizes."""
# What changes a gradient is given parameters and samples, whether it needs them or not.
# ruff: noqa: ARG001, ARG005

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from parity_tests.kit.check import examine
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.network import Network
from parity_tests.kit.probe import batch
from parity_tests.kit.spec import Spec
from parity_tests.kit.subject.subject import Subject
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, UNCHECKED, Verdict

Array = NDArray[Any]
Parameters = dict[str, Array]
Change = Callable[[Parameters, dict[str, Array], int], None]

_SEEDS = (0, 3, 7)
_RECTIFIED = Spec("relu", "relu", "squared_error", "mean")
_LINEAR = Spec("relu", "identity", "squared_error", "mean")


def _unchanged(p: Parameters, g: dict[str, Array], n: int) -> None:
    """Leave the gradient as it is."""


def _rectified(sizes: tuple[int, ...], spec: Spec, change: Change = _unchanged) -> Network:
    count = len(sizes) - 1
    names = [f"{kind}{k}" for k in range(1, count + 1) for kind in "Wb"]

    def make() -> Parameters:
        rng = np.random.default_rng()
        shapes = [s for a, b in pairwise(sizes) for s in ((a, b), (b,))]
        return {name: rng.standard_normal(shape) for name, shape in zip(names, shapes, strict=True)}

    def passed(p: Parameters, x: Array) -> tuple[list[Array], list[Array]]:
        a, z = [x], []
        for k in range(1, count + 1):
            z.append(a[-1] @ p[f"W{k}"] + p[f"b{k}"])
            is_linear = k == count and spec.output == "identity"
            a.append(z[-1] if is_linear else np.maximum(z[-1], 0))
        return a, z

    def gradients(p: Parameters, x: Array, y: Array) -> list[Array]:
        a, z = passed(p, x)
        d, found = 2 * (a[-1] - y) / len(x), {}
        for k in range(count, 0, -1):
            if k < count or spec.output != "identity":
                d = d * (z[k - 1] > 0)
            found |= {f"W{k}": a[k - 1].T @ d, f"b{k}": d.sum(axis=0)}
            d = d @ p[f"W{k}"].T
        change(p, found, len(x))
        return [found[name] for name in names]

    return Network(
        make,
        " ".join(names),
        lambda p, x: passed(p, x)[0][-1],
        gradients=gradients,
        labels="targets",
        spec=spec,
    )


def _told(network: Network, seed: int = 0) -> list[Verdict]:
    return [v for v in examine(network, seed, "gradient").verdicts if v.status != "equal"]


def _scaled(factors: Callable[[str, int], float]) -> Change:
    def change(p: Parameters, g: dict[str, Array], n: int) -> None:
        for name in g:
            g[name] = factors(name, n) * g[name]

    return change


@pytest.mark.parametrize("seed", _SEEDS)
@pytest.mark.parametrize(
    ("sizes", "spec"),
    [((12, 9, 8, 1), _RECTIFIED), ((2, 4, 1), _RECTIFIED), ((4, 2, 2, 2, 1), _LINEAR)],
)
def test_no_layer_is_dead(sizes: tuple[int, ...], spec: Spec, seed: int) -> None:
    assert _told(_rectified(sizes, spec), seed) == []
    [verdict] = _told(_rectified(sizes, spec, _scaled(lambda name, n: 3.0)), seed)
    assert (verdict.cause, verdict.factor) == ("factor-constant", pytest.approx(3))


def test_biases_have_both_signs() -> None:
    """Of one sign alone, a constant that a step adds is a penalty on magnitudes."""
    subject = Subject(_rectified((6, 5, 4), _LINEAR))
    for seed in range(20):
        layers = Inquiry.begin(subject, _LINEAR, seed).layers
        assert all(np.ptp(np.sign(np.asarray(layer.bias))) > 0 for layer in layers)


@pytest.mark.parametrize("samples", [1, 2, 5])
def test_the_last_class_and_the_first_are_asked(samples: int) -> None:
    subject = Subject(replace(_rectified((6, 5, 10), _LINEAR), labels="integers"))
    labels = [batch(subject, samples, np.random.default_rng(seed)).labels for seed in range(5)]
    wanted = {9, 0} if samples > 1 else {9}
    assert all(wanted <= {*own.tolist()} for own in labels)


def test_a_factor_of_one_batch_alone_is_a_difference() -> None:
    change = _scaled(lambda name, n: 3.0 if n < 6 and name == "W1" else 1.0)
    [verdict] = _told(_rectified((12, 9, 4), _LINEAR, change))
    assert (verdict.status, verdict.cause, verdict.tensor) == (DIFFERS, None, "W1")


def test_a_division_by_the_batch_in_every_layer_is_told_of_all() -> None:
    change = _scaled(lambda name, n: float(n) ** (int(name[1]) - 3))
    [verdict] = _told(_rectified((12, 9, 8, 4), _LINEAR, change))
    assert (verdict.cause, verdict.tensor) == ("factor-batch", "dL/dz2")
    change = _scaled(lambda name, n: float(n) ** -2 if name[1] == "1" else 1.0)
    assert [v.cause for v in _told(_rectified((12, 9, 4), _LINEAR, change))] == ["factor-batch"]


@pytest.mark.parametrize(
    ("declared", "cause"), [(None, "factor-constant"), (0.01, "decay-of-gradient")]
)
def test_what_all_tensors_share_is_taken_out_first(declared: float | None, cause: str) -> None:
    change = _scaled(lambda name, n: n * (1.01 if name[0] == "W" else 1.0))
    spec = replace(_LINEAR, weight_decay=declared)
    verdicts = _told(_rectified((12, 9, 4), spec, change))
    assert [v.cause for v in verdicts] == ["factor-batch", cause]
    assert verdicts[1].factor == pytest.approx(1.01)


@pytest.mark.parametrize("declared", [None, 0.0, 0.001])
@pytest.mark.parametrize("share", [-0.1, 0.1])
def test_a_penalty_on_biases_is_told(declared: float | None, share: float) -> None:
    def change(p: Parameters, g: dict[str, Array], n: int) -> None:
        for name in g:
            g[name] = g[name] + (share if name[0] == "b" else declared or 0.0) * p[name]

    spec = replace(_LINEAR, weight_decay=declared)
    [verdict] = _told(_rectified((12, 9, 4), spec, change))
    wanted = (DIFFERS, "penalty-sign") if share < 0 else (CONVENTION, "weight-decay")
    assert (verdict.status, verdict.cause) == wanted


@pytest.mark.parametrize("size", [4, 9])
def test_a_batch_of_one_size_is_asked_with_that_size(size: int) -> None:
    def of_one_size(p: Parameters, g: dict[str, Array], n: int) -> None:
        g["W1"] = 11 * g["W1"] + 0 * (np.ones(size) @ np.ones(n))

    verdicts = _told(_rectified((12, 9, 3), _LINEAR, of_one_size))
    assert [v.cause for v in verdicts] == ["batch-size-fixed", "factor-constant"]
    assert ("9 is the width of a layer" in verdicts[0].message) == (size == 9)


def test_a_network_that_raises_after_any_batch_keeps_no_size() -> None:
    right = _rectified((12, 9, 4), _LINEAR)

    def forward(p: Any, x: Array) -> Any:
        if "asked" in p:
            raise ValueError("asked before")
        assert callable(right.forward)
        return right.forward(p, x)

    def gradients(p: Any, x: Array, y: Array) -> Any:
        p["asked"] = True
        assert callable(right.gradients)
        return right.gradients(p, x, y)

    network = replace(right, forward=forward, gradients=gradients)
    verdicts = list(examine(network, only="side effects").of("side effects"))
    assert [v.status for v in verdicts] == [UNCHECKED]
    assert "the same one too" in verdicts[0].message


@pytest.mark.parametrize("is_inferred", [False, True])
def test_one_hot_labels_of_the_classes_present_are_no_fixed_size(is_inferred: bool) -> None:
    right = _rectified((12, 9, 4), _LINEAR)

    def gradients(p: Any, x: Array, labels: Array) -> Any:
        y = np.zeros((len(labels), len(np.unique(labels))))
        y[np.arange(len(labels)), labels] = 1
        assert callable(right.gradients)
        return right.gradients(p, x, y)

    def step(p: Any, x: Array, labels: Array, lr: float) -> None:
        names = ("W1", "b1", "W2", "b2")
        for name, gradient in zip(names, gradients(p, x, labels), strict=True):
            p[name] -= lr * np.asarray(gradient)

    way: dict[str, Any] = {"gradients": None, "step": step} if is_inferred else {}
    network = replace(right, labels="integers", **{"gradients": gradients, **way})
    report = examine(network)
    [verdict] = report.failures
    assert (verdict.aspect, verdict.cause) == ("gradient", "one-hot-by-labels-present")
    assert [v.status for v in report.of("gradient")][1:] == [EQUAL]
