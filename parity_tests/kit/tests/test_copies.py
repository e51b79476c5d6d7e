"""Copies of parameters that a new network keeps are set with the parameters."""

from types import SimpleNamespace

import numpy as np
import pytest

from parity_tests.kit.check import examine
from parity_tests.kit.spec import Spec
from parity_tests.kit.subject.copies import copies_of
from parity_tests.kit.subject.subject import Subject
from parity_tests.kit.tests.asked import Array, Classifier, Draw, he, network
from parity_tests.kit.verdicts import DIFFERS, EQUAL, UNCHECKED

_SPEC = Spec("relu", "softmax", "cross_entropy", "mean", "momentum", {"momentum": 0.9})


class _KeepsTheLast(Classifier):
    """A right momentum, of parameters and those of the step before."""

    is_late = False

    def __init__(self) -> None:
        super().__init__()
        self.last_ones = [p.copy() for p in self.w + self.b]

    def step(self, x: Array, y: Array, lr: float) -> None:
        gradients = self.gradients(x, y)
        for p, last, g in zip(self.w + self.b, self.last_ones, gradients, strict=True):
            change = 0.9 * (p - last) - lr * g
            last[...] = p + change if self.is_late else p
            p += change


class _KeepsThemTooLate(_KeepsTheLast):
    """The parameters are those after the update, so that they are always the present ones."""

    is_late = True


def _from_one_seed(fan_in: int, fan_out: int) -> Array:
    return np.random.default_rng([fan_in, fan_out]).normal(0, 0.3, (fan_in, fan_out))


@pytest.mark.parametrize("draw", [he, _from_one_seed])
@pytest.mark.parametrize("is_handed_out", [True, False])
def test_a_momentum_of_parameters_kept_is_right(draw: Draw, is_handed_out: bool) -> None:
    make = type("Net", (_KeepsTheLast,), {"draw": staticmethod(draw)})
    declared = network(make, spec=_SPEC)
    if not is_handed_out:
        declared = network(make, spec=_SPEC, gradients=None)
    report = examine(declared)
    told = {verdict.aspect: verdict.status for verdict in report.verdicts}
    assert told["gradient"] == told["optimizer"] == told["side effects"] == EQUAL


@pytest.mark.parametrize("draw", [he, _from_one_seed])
def test_a_momentum_without_effect_is_named(draw: Draw) -> None:
    make = type("Net", (_KeepsThemTooLate,), {"draw": staticmethod(draw)})
    report = examine(network(make, spec=_SPEC, gradients=None))
    told = {verdict.aspect: (verdict.status, verdict.cause) for verdict in report.verdicts}
    assert told["gradient"] == (EQUAL, None)
    assert told["optimizer"] == (DIFFERS, "momentum-without-effect")
    assert UNCHECKED not in [status for status, _ in told.values()]


_W, _B = np.arange(6.0).reshape(2, 3), np.zeros(3)


def test_a_copy_of_a_bias_of_zeros_is_told_from_a_velocity_by_what_is_beside_it() -> None:
    net = SimpleNamespace(
        W=_W, b=_B, W_last=_W.copy(), b_last=_B.copy(), v_b=_B.copy(), velocity=[0 * _W, _B.copy()]
    )
    net.kept = {"W": _W.copy(), "b": _B.copy()}
    expected = {id(net.W_last): 0, id(net.b_last): 1, id(net.kept["W"]): 0, id(net.kept["b"]): 1}
    assert {id(copy): position for copy, position in copies_of(net, [_W, _B])} == expected


def test_names_in_a_dict_tell_copies_as_attributes_do() -> None:
    net = {"W": _W, "b": _B, "old_W": _W.copy(), "old_b": _B.copy(), "m_b": _B.copy()}
    found = {id(copy): position for copy, position in copies_of(net, [_W, _B])}
    assert found == {id(net["old_W"]): 0, id(net["old_b"]): 1}


def test_views_and_arrays_that_may_not_be_written_to_are_no_copies() -> None:
    constant = _W.copy()
    constant.flags.writeable = False
    assert copies_of([_W, _W[:1], constant], [_W]) == []


def test_only_a_new_network_has_its_copies_set() -> None:
    subject = Subject(network(_KeepsTheLast))
    layers = subject.get()
    subject.begin(layers)
    assert np.array_equal(subject.net.last_ones[0], layers[0].weight.T)
    for layer in layers:
        layer.weight[...] += 1.0
    subject.set(layers)
    assert np.array_equal(subject.net.last_ones[0] + 1.0, layers[0].weight.T)
