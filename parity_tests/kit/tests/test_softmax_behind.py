"""A softmax in the loss behind an output that has a function of its own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parity_tests.kit.arbiter import pytorch
from parity_tests.kit.check import confirm, examine
from parity_tests.kit.evidence import Evidence
from parity_tests.kit.network import Network
from parity_tests.kit.tests.asked import SLOPES, Array, Classifier, network, relu, sigmoid, softmax
from parity_tests.kit.verdicts import DIFFERS, EQUAL


class _Behind(Classifier):
    """The loss is the cross entropy of a softmax of what the network returns."""

    share = 1.0
    sizes = (12, 9, 10)

    def loss(self, x: Array, y: Array) -> float:
        return float(-np.mean(np.sum(y * np.log(softmax(self.forward(x))), axis=1)))

    def delta(self, x: Array, y: Array) -> Array:
        p = self.forward(x)
        slope = SLOPES[self.last](p)
        return np.asarray((softmax(p) - y) / len(x) * (slope if self.share else 1.0))


class _Underived(_Behind):
    share = 0.0


def _of(make: type[_Behind], last: Callable[[Array], Array]) -> Network:
    return network(type("Behind", (make,), {"last": staticmethod(last)}), loss="loss")


@pytest.mark.parametrize("last", [relu, np.tanh, sigmoid])
def test_pytorch_confirms_gradient_and_steps(last: Any, tmp_path: Path) -> None:
    arbiter = pytorch()
    assert arbiter is not None
    report = examine(_of(_Behind, last), arbiter=arbiter, only=("loss", "gradient", "optimizer"))
    assert {(own.aspect, own.status) for own in report.verdicts} == {
        ("loss", EQUAL),
        ("gradient", EQUAL),
        ("optimizer", EQUAL),
    }
    assert report.spec["arbiter"].endswith("e-16 from it")
    assert report.evidence is not None
    report.evidence.save(tmp_path / "evidence.npz")
    report.evidence = Evidence.load(tmp_path / "evidence.npz")
    confirm(report, arbiter)
    assert report.spec["arbiter"].endswith("e-16 from it")


def test_its_derivative_is_missed_where_it_is_left_out() -> None:
    found = examine(_of(_Underived, np.tanh), only="gradient").failures
    assert found[0].status == DIFFERS
    assert found[0].tensor in ("dL/dz2", "W2")
