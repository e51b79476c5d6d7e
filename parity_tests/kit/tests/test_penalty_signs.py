"""Whether a penalty is turned, or the data beside it, or both."""

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import pytest

from parity_tests.kit.check import examine
from parity_tests.kit.network import Network
from parity_tests.kit.spec import Spec
from parity_tests.kit.tests.learners import HALF, Learner
from parity_tests.kit.tests.update_rules import Array
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, Verdict

SHARE = 0.01
Told = tuple[str, str | None, str | None]
Gradients = Callable[[Learner, Array, Array], list[Array]]
OF_SIGN = (DIFFERS, "sign", "dL/dz2")
GROWING = (DIFFERS, "penalty-sign", "W1")


def loss(net: Learner, x: Array, y: Array) -> float:
    return float(np.sum((net.forward(x) - y) ** 2) / 2 / len(x))


def penalized(net: Learner, x: Array, y: Array) -> float:
    return float(loss(net, x, y) + SHARE / 2 * (np.sum(net.w1**2) + np.sum(net.w2**2)))


def signed(data: float, penalty: float) -> Gradients:
    """Return gradients with signs of what comes from the data, and of the penalty."""

    def gradients(net: Learner, x: Array, y: Array) -> list[Array]:
        own = zip((net.w1, net.b1, net.w2, net.b2), net.gradients(x, y), strict=True)
        return [data * g + penalty * SHARE * p * (p.ndim > 1) for p, g in own]

    return gradients


def stepping(gradients: Gradients, sign: float = 1.0) -> Callable[..., None]:
    """Return steps that take gradients off, or add them."""

    def step(net: Learner, x: Array, y: Array, lr: float) -> None:
        arrays = (net.w1, net.b1, net.w2, net.b2)
        for array, gradient in zip(arrays, gradients(net, x, y), strict=True):
            array -= sign * lr * gradient

    return step


NETWORK = Network(Learner, parameters="w1 b1 w2 b2", forward="forward", loss=penalized)


def told_of(verdicts: Iterable[Verdict]) -> list[Told]:
    return [(verdict.status, verdict.cause, verdict.tensor) for verdict in verdicts]


def told(network: Network, aspect: str = "gradient") -> list[Told]:
    return told_of(examine(network, only=aspect).of(aspect))


@pytest.mark.parametrize(
    ("data", "penalty", "expected"),
    [(1, 1, [(EQUAL, None, None)]), (-1, 1, [OF_SIGN]), (1, -1, [GROWING]), (-1, -1, [OF_SIGN])],
)
@pytest.mark.parametrize("is_declared", [False, True])
@pytest.mark.parametrize("is_handed", [False, True])
def test_the_one_that_is_turned_is_told_alone(
    data: int,
    penalty: int,
    expected: list[Told],
    is_declared: bool,
    is_handed: bool,
) -> None:
    gradients = signed(data, penalty)
    network = replace(NETWORK, step=stepping(gradients))
    if is_handed:
        network = replace(NETWORK, gradients=gradients)
    if is_declared:
        network = replace(network, loss=loss, spec=Spec(**HALF, weight_decay=SHARE))
    assert told(network) == expected


def test_one_matrix_that_climbs_as_a_whole_has_no_other_fault() -> None:
    def climbing(net: Learner, x: Array, y: Array) -> list[Array]:
        w1, *others = signed(1, 1)(net, x, y)
        return [-w1, *others]

    assert told(replace(NETWORK, step=stepping(climbing))) == [(DIFFERS, "sign", "W1")]


@pytest.mark.parametrize("is_penalized", [True, False])
@pytest.mark.parametrize("penalty", [1, -1])
def test_steps_that_add_gradients_turn_the_penalty_with_them(
    penalty: int, is_penalized: bool
) -> None:
    gradients = signed(-1, penalty)
    network = replace(NETWORK, gradients=gradients, step=stepping(gradients, -1.0))
    if not is_penalized:
        network = replace(network, loss=loss)
    first, *others = told(network)
    assert first == (CONVENTION, "sign", None)
    assert (GROWING in others) == (penalty > 0)
    # What was told of the gradients is not told of steps by them.
    assert told(network, "optimizer") == [(EQUAL, None, None)]


def test_a_penalty_that_no_loss_has_is_turned_with_the_data() -> None:
    network = replace(NETWORK, loss=loss, step=stepping(signed(-1, -1)))
    *_, verdict = examine(network, only="gradient").verdicts
    assert (verdict.status, verdict.cause) == (CONVENTION, "weight-decay")
    assert "0.01 x the matrix itself added: a penalty of 0.005 x their squares" in verdict.message
    assert verdict.message.endswith("its sign is turned as that of the rest is")


@pytest.mark.parametrize(("penalty", "expected"), [(1, []), (-1, [GROWING])])
def test_steps_that_add_gradients_may_have_a_penalty_of_their_own(
    penalty: int, expected: list[Told]
) -> None:
    network = replace(NETWORK, gradients=signed(-1, 0), step=stepping(signed(1, penalty)))
    assert told(network)[0] == (CONVENTION, "sign", None)
    of_steps = told(network, "optimizer")
    assert [found for found in of_steps if found[0] == DIFFERS] == expected


def test_steps_by_turned_gradients_may_add_the_penalty() -> None:
    network = replace(NETWORK, gradients=signed(-1, 0), step=stepping(signed(-1, 1)))
    report = examine(network, only=("gradient", "optimizer"))
    assert [(v.aspect, v.cause) for v in report.failures] == [("gradient", "sign")]
    assert (CONVENTION, "weight-decay", None) in told_of(report.of("gradient"))


def adding(share: float) -> Callable[..., None]:
    """Return steps with momentum of the biases, which add a share of the matrices themselves."""

    def step(net: Learner, x: Array, y: Array, lr: float) -> None:
        kept = net.state.__dict__
        for name, gradient in zip(("w1", "b1", "w2", "b2"), net.gradients(x, y), strict=True):
            array = getattr(net, name)
            before = share * array if array.ndim > 1 else 0.9 * kept.get(name, 0.0)
            kept[name] = before - lr * gradient
            array += kept[name]

    return step


@pytest.mark.parametrize(
    ("share", "cause"), [(0.9, "parameters-added"), (SHARE, "penalty-sign"), (-SHARE, None)]
)
def test_a_large_share_of_parameters_is_no_penalty(share: float, cause: str | None) -> None:
    network = replace(NETWORK, loss=loss, gradients="gradients", step=adding(share))
    assert told(network) == [(EQUAL, None, None)]
    of_steps = told(network, "optimizer")
    assert [found for found in of_steps if found[1] in ("parameters-added", "penalty-sign")] == (
        [(DIFFERS, cause, "W1")] if cause else []
    )


@pytest.mark.parametrize(("data", "penalty"), [(-1, 1), (1, -1)])
def test_decay_without_the_rate_is_told_once(data: int, penalty: int) -> None:
    def step(net: Learner, x: Array, y: Array, lr: float) -> None:
        decays = [penalty * SHARE * array for array in (net.w1, net.w2)]
        stepping(signed(data, 0))(net, x, y, lr)
        net.w1 -= decays[0]
        net.w2 -= decays[1]

    report = examine(replace(NETWORK, loss=loss, step=step), only=("gradient", "optimizer"))
    assert told_of(report.of("gradient")) == [OF_SIGN if data < 0 else GROWING]
    assert (CONVENTION, "decay-not-scaled", None) in told_of(report.of("optimizer"))
    [verdict] = report.failures
    if data > 0:
        assert "a step adds 0.01 x W1, 0.01 x W2, whatever the learning rate is" in verdict.message
