"""A bias that is subtracted, as a threshold is, is one with the other sign."""

from typing import Any

import numpy as np
import pytest

from parity_tests.kit.arbiter import pytorch
from parity_tests.kit.check import examine
from parity_tests.kit.network import Network
from parity_tests.kit.spec import Spec
from parity_tests.kit.tests.asked import Array, Classifier, network
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, UNCHECKED

_CAUSE = "bias-subtracted"


class _Subtracted(Classifier):
    """W a - b in some layers, all or one."""

    layers: tuple[int, ...] = (0, 1, 2)
    sign = -1.0

    def forward(self, x: Array) -> Array:
        kept = self.b
        self.b = [-b if n in self.layers else b for n, b in enumerate(kept)]
        try:
            return super().forward(x)
        finally:
            self.b = kept

    def gradients(self, x: Array, y: Array) -> list[Array]:
        count = len(self.w)
        found = super().gradients(x, y)
        return found[:count] + [
            self.sign * d if n in self.layers else d for n, d in enumerate(found[count:])
        ]


@pytest.mark.parametrize(
    ("layers", "is_declared", "is_inferred"),
    [((0, 1, 2), False, False), ((0, 1), True, True), ((1,), True, False)],
)
def test_a_right_gradient_of_it_is_right(
    layers: tuple[int, ...], is_declared: bool, is_inferred: bool
) -> None:
    more: dict[str, Any] = {"gradients": None} if is_inferred else {}
    if is_declared:
        more["spec"] = Spec("relu", "softmax", "cross_entropy", "mean")
    made = type("Made", (_Subtracted,), {"layers": layers})
    report = examine(network(made, **more), arbiter=pytorch())
    assert report.failures == []
    first, *_ = report.of("forward")
    assert (first.status, first.cause) == (CONVENTION, _CAUSE)
    for number in layers:
        assert f"b{number + 1}" in first.message
    for aspect in ("loss", "gradient", "optimizer", "stability", "side effects"):
        assert {verdict.status for verdict in report.of(aspect)} <= {EQUAL, CONVENTION}


def test_a_gradient_that_is_that_of_one_added_has_the_wrong_sign() -> None:
    report = examine(network(type("Made", (_Subtracted,), {"sign": 1.0})))
    assert [v.cause for v in report.failures if v.aspect == "gradient"] == ["sign"]
    assert {v.aspect for v in report.failures} == {"gradient"}
    assert {round(v.factor or 0.0, 9) for v in report.failures} == {-1.0}
    assert {v.tensor for v in report.failures} <= {"b1", "b2", "b3"}


def _of_thresholds(last: float) -> Network:
    def make() -> list[Array]:
        rng = np.random.default_rng()
        return [rng.uniform(-1, 1, (9, 13)), rng.uniform(-1, 1, (4, 10))]

    def run(p: list[Array], x: Array) -> list[Array]:
        a = [np.append(x, last)]
        for w in p:
            a.append(np.append(np.tanh(w @ a[-1]), last))
        return a

    def gradients(p: list[Array], x: Array, y: Array) -> list[Array]:
        first, second, third = run(p, x)
        d2 = (third[:-1] - y) * (1 - third[:-1] ** 2)
        d1 = p[1][:, :-1].T @ d2 * (1 - second[:-1] ** 2)
        return [np.outer(d1, first), np.outer(d2, second)]

    return Network(
        make=make,
        parameters=lambda p: p,
        forward=lambda p, x: run(p, x)[-1][:-1],
        gradients=gradients,
        batch="vector",
        labels="targets",
        bias="last_column",
        spec=Spec("tanh", "tanh", "squared_error", "half mean"),
    )


def test_a_column_of_thresholds_meets_an_input_of_minus_one() -> None:
    report = examine(_of_thresholds(-1.0), arbiter=pytorch())
    assert [v.cause for v in report.of("forward")] == [_CAUSE, None]
    assert [v.status for v in report.of("gradient")] == [EQUAL]
    assert {v.status for v in report.verdicts}.isdisjoint({DIFFERS, UNCHECKED})
    added = examine(_of_thresholds(1.0))
    assert [v.status for v in added.of("forward")] == [EQUAL]


def test_biases_are_told_with_the_sign_that_they_are_made_with() -> None:
    class Made(_Subtracted):
        def __init__(self) -> None:
            super().__init__()
            self.b = [b + 0.1 for b in self.b]

    [verdict] = examine(network(Made), only="initialization").verdicts
    assert "biases are 0.1" in verdict.message
