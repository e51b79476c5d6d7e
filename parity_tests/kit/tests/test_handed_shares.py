"""Steps that take gradients that are handed out beside them a number of times."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from parity_tests.kit.aspects.optimizer.handed_shares import handed_shares, share_of_all
from parity_tests.kit.check import examine
from parity_tests.kit.network import Network
from parity_tests.kit.subject.subject import Layer
from parity_tests.kit.tests.learners import Learner, summed
from parity_tests.kit.tests.test_steps import beside, loss, params
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, Verdict

Array = NDArray[Any]
Gradients = Callable[[Learner, Array, Array], list[Array]]


def taking(gradients: Gradients, share: Callable[[int], float], decay: float = 0.0) -> Network:
    """Return a network whose steps take its gradients so many times, by the size of the batch."""

    def step(net: Learner, x: Array, y: Array, lr: float) -> None:
        for array, gradient in zip(params(net), gradients(net, x, y), strict=True):
            array -= lr * (share(len(x)) * gradient + decay * (array.ndim > 1) * array)

    return beside(step, gradients)


def total(net: Learner, x: Array, y: Array) -> float:
    return len(x) * loss(net, x, y)


def entropy(net: Learner, x: Array, y: Array) -> float:
    p = net.forward(x)
    return float(-(y * np.log(p) + (1 - y) * np.log(1 - p)).sum())


def twice_divided(net: Learner, x: Array, y: Array) -> list[Array]:
    return [gradient / len(x) for gradient in net.gradients(x, y)]


def biases_averaged(net: Learner, x: Array, y: Array) -> list[Array]:
    w1, b1, w2, b2 = summed(net, x, y)
    return [w1, b1 / len(x), w2, b2 / len(x)]


def of(network: Network, aspect: str = "optimizer", **more: Any) -> list[Verdict]:
    declared = Network(**{**vars(network), **more})
    return list(examine(declared, only=aspect).verdicts)


def told(verdicts: list[Verdict]) -> list[tuple[str, str | None]]:
    return [(verdict.status, verdict.cause) for verdict in verdicts]


def once(_: int) -> float:
    return 1.0


def half(_: int) -> float:
    return 0.5


def mean(samples: int) -> float:
    return 1 / samples


def test_a_fault_that_gradients_have_is_not_said_of_steps_that_divide_them() -> None:
    # It is also the gradient of another loss, which steps must not be told to have.
    network = taking(summed, mean, decay=0.02)
    assert {v.cause for v in of(network, "gradient", loss=entropy)} == {"derivative-twice"}
    assert told(of(network, loss=entropy)) == [
        (EQUAL, None),
        (CONVENTION, "weight-decay"),
        (CONVENTION, "factor-batch"),
    ]


def test_a_factor_of_some_gradients_is_not_said_of_steps_that_divide_all() -> None:
    network = taking(biases_averaged, mean, decay=0.02)
    assert told(of(network, "gradient", loss=total)) == [(DIFFERS, "bias-scaled")]
    assert DIFFERS not in [verdict.status for verdict in of(network, loss=total)]


@pytest.mark.parametrize("gradients", [Learner.gradients, twice_divided, biases_averaged])
def test_half_a_rate_is_that_of_the_gradients_handed_out(gradients: Gradients) -> None:
    [verdict] = of(taking(gradients, half))
    assert (verdict.status, verdict.cause) == (DIFFERS, "step-scaled")
    assert verdict.factor == pytest.approx(0.5)


def test_steps_that_make_up_for_some_of_a_factor_are_told_what_is_left() -> None:
    [verdict] = of(taking(summed, lambda samples: 2 / samples))
    assert verdict.cause == "step-scaled"
    assert verdict.factor == pytest.approx(2)
    assert "2 x the gradient expected" in verdict.message


def test_steps_that_go_up_by_gradients_with_a_factor_are_told() -> None:
    [verdict] = of(taking(twice_divided, lambda _: -1.0))
    assert (verdict.status, verdict.cause) == (DIFFERS, "step-sign")


def test_descent_on_the_mean_of_a_loss_that_is_a_sum_is_a_convention() -> None:
    network = taking(summed, mean)
    assert told(of(network, "gradient", loss=total)) == [(EQUAL, None)]
    assert told(of(network, loss=total)) == [(EQUAL, None), (CONVENTION, "factor-batch")]
    # Of a mean that is divided once more, no loss is the mean.
    assert told(of(taking(Learner.gradients, mean))) == [(DIFFERS, "step-scaled")]
    halved = taking(summed, lambda samples: 0.5 / samples)
    assert told(of(halved, loss=total)) == [(DIFFERS, "step-scaled")]


def test_a_factor_of_biases_shows_beside_descent_on_the_mean() -> None:
    def step(net: Learner, x: Array, y: Array, lr: float) -> None:
        w1, b1, w2, b2 = summed(net, x, y)
        for array, gradient, count in zip(params(net), (w1, b1, w2, b2), (0, 3, 0, 3), strict=True):
            array -= lr * gradient / (count or len(x))

    found = of(beside(step, summed), loss=total)
    [fault] = [verdict for verdict in found if verdict.status == DIFFERS]
    assert (fault.tensor, fault.cause) == ("b1", "bias-scaled")
    assert fault.factor == pytest.approx(7 / 3)
    assert (CONVENTION, "factor-batch") in told(found)


def test_shares_are_told_beside_what_penalties_add() -> None:
    rng = np.random.default_rng(0)
    layers = [Layer(rng.standard_normal((3, 2)), rng.standard_normal(2))]
    pairs = []
    for samples in (7, 4):
        own = Layer(rng.standard_normal((3, 2)), rng.standard_normal(2))
        penalty = 0.1 * layers[0].weight + 0.2 * np.sign(layers[0].weight)
        weight = own.weight / samples + penalty
        assert own.bias is not None
        pairs.append(([own], [Layer(weight, own.bias / samples)]))
    shares = handed_shares(pairs, 1e-9, layers)
    share = share_of_all(shares, (7, 4))
    assert share is not None
    assert share.power == 1
    assert share.constant == pytest.approx(1.0)
    assert not handed_shares(pairs, 1e-9)
    assert share_of_all({**shares, "b1": [1.0, 1.0]}, (7, 4)) is None
