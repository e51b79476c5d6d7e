"""Penalties on parameters: what the loss has, and what the gradient has added for it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from parity_tests.kit.arbiter import pytorch
from parity_tests.kit.check import examine
from parity_tests.kit.network import Network
from parity_tests.kit.spec import Spec
from parity_tests.kit.tests import asked
from parity_tests.kit.tests.asked import Classifier, sigmoid
from parity_tests.kit.tests.learners import Learner
from parity_tests.kit.tests.test_steps import beside, params
from parity_tests.kit.tests.test_steps import loss as of_data
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, Verdict

Array = NDArray[Any]
Parameters = dict[str, Array]
# What stands in the loss: coefficients of squares and of absolute values.
Coefficients = Mapping[str, tuple[float, float]]

_NAMES = ("W1", "b1", "W2", "b2")
_ELASTIC = {"W1": (0.05, 0.02), "W2": (0.05, 0.02)}
_BIASES = {"b1": (0.1, 0.0), "b2": (0.1, 0.0)}


def _make() -> Parameters:
    rng = np.random.default_rng()
    weights = [rng.standard_normal((n, m)) * np.sqrt(2 / n) for n, m in ((12, 9), (9, 10))]
    return {"W1": weights[0], "b1": np.zeros(9), "W2": weights[1], "b2": np.zeros(10)}


def _log_probabilities(net: Parameters, x: Array) -> Array:
    z: Array = np.maximum(x @ net["W1"] + net["b1"], 0) @ net["W2"] + net["b2"]
    z = z - z.max(axis=1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=1, keepdims=True))


def _forward(net: Parameters, x: Array) -> Array:
    p: Array = np.exp(_log_probabilities(net, x))
    return p


def _gradients(net: Parameters, x: Array, y: Array) -> list[Array]:
    hidden = np.maximum(x @ net["W1"] + net["b1"], 0)
    d2 = (_forward(net, x) - y) / len(x)
    d1 = d2 @ net["W2"].T * (hidden > 0)
    return [x.T @ d1, d1.sum(axis=0), hidden.T @ d2, d2.sum(axis=0)]


def _network(loss: Coefficients, gradient: Coefficients, spec: Spec | None = None) -> Network:
    def value(net: Parameters, x: Array, y: Array) -> float:
        entropy = -(y * _log_probabilities(net, x)).sum() / len(x)
        penalty = sum(
            squares * (net[name] ** 2).sum() + absolute * np.abs(net[name]).sum()
            for name, (squares, absolute) in loss.items()
        )
        return float(entropy + penalty)

    def gradients(net: Parameters, x: Array, y: Array) -> list[Array]:
        result = _gradients(net, x, y)
        for position, name in enumerate(_NAMES):
            squares, absolute = gradient.get(name, (0.0, 0.0))
            result[position] += 2 * squares * net[name] + absolute * np.sign(net[name])
        return result

    parameters = " ".join(_NAMES)
    return Network(
        _make, parameters, forward=_forward, gradients=gradients, loss=value, spec=spec or Spec()
    )


def _of(network: Network, aspect: str | list[str]) -> list[Verdict]:
    return list(examine(network, arbiter=pytorch(), only=aspect).verdicts)


@pytest.mark.parametrize(
    "penalty",
    [
        _ELASTIC,
        _BIASES,
        {**_ELASTIC, **_BIASES},
        {"b1": (0.05, 0.2), "b2": (0.05, 0.2)},
        {**_ELASTIC, "b1": (0.05, 0.2), "b2": (0.05, 0.2)},
        dict.fromkeys(_NAMES, (0.0, 0.03)),
        dict.fromkeys(_NAMES, (0.02, 0.03)),
        {"W1": (0.05, 0.0)},
        {"W2": (0.0, 0.03)},
        {"W1": (0.05, 0.0), "W2": (0.02, 0.0)},
        {"W1": (0.05, 0.0), "W2": (0.0, 0.02)},
        {"W1": (1e-4, 0.0), "W2": (5e-6, 2e-5), "b1": (0.0, 1e-4)},
    ],
)
def test_the_gradient_of_a_penalty_is_right(penalty: Coefficients) -> None:
    network = _network(penalty, penalty)
    assert examine(network, arbiter=pytorch()).failures == []
    assert [verdict.status for verdict in _of(network, "gradient")] == [EQUAL]


@pytest.mark.parametrize(
    ("gradient", "cause"), [(_ELASTIC, None), ({"W2": _ELASTIC["W2"]}, "weight-decay")]
)
def test_single_samples_show_a_penalty(gradient: Coefficients, cause: str | None) -> None:
    verdicts = _of(replace(_network(_ELASTIC, gradient), batch="row"), ["loss", "gradient"])
    status = EQUAL if cause is None else DIFFERS
    assert [(v.status, v.cause) for v in verdicts] == [(EQUAL, None), (status, cause)]
    assert "0.05 x the squares of the weights and 0.02 x" in verdicts[0].message


def test_a_loss_tells_what_it_penalizes() -> None:
    [verdict] = _of(_network(_ELASTIC, _ELASTIC), "loss")
    told = "0.05 x the squares of the weights and 0.02 x the absolute values of the weights"
    assert told in verdict.message
    [verdict] = _of(_network(everything := dict.fromkeys(_NAMES, (0.1, 0.0)), everything), "loss")
    assert "0.1 x the squares of the weights and biases" in verdict.message
    own = {"W1": (0.05, 0.0), "W2": (0.0, 0.02)}
    [verdict] = _of(_network(own, own), "loss")
    told = "0.05 x the squares of W1 and 0.02 x the absolute values of W2"
    assert told in verdict.message


@pytest.mark.parametrize("penalty", [{"W1": (5e-4, 0.0), "W2": (5e-4, 0.0)}, _ELASTIC])
@pytest.mark.parametrize("spec", [Spec(), Spec("relu", "softmax", "cross_entropy", "mean")])
def test_a_loss_that_is_rounded_to_single_precision_has_its_penalty(
    penalty: Coefficients, spec: Spec
) -> None:
    network = _network(penalty, penalty, spec)
    loss = network.loss
    assert callable(loss)
    report = examine(
        replace(network, loss=lambda net, x, y: np.float32(loss(net, x, y))), arbiter=pytorch()
    )
    assert report.failures == []
    [verdict] = report.of("loss")
    assert verdict.status == EQUAL
    assert f"{penalty['W1'][0]:g} x the squares of the weights" in verdict.message
    assert [v.status for v in report.of("gradient")] == [EQUAL]


def test_the_declared_loss_is_taken_where_another_one_has_the_same_values() -> None:
    # Of probabilities Huber's loss is half the squares.
    def value(net: Parameters, x: Array, y: Array) -> float:
        squares = ((_forward(net, x) - y) ** 2).sum() / len(x)
        return float(squares + 0.05 * sum((net[name] ** 2).sum() for name in ("W1", "W2")))

    for spec in (Spec(), Spec(loss="squared_error")):
        network = replace(_network({}, {}, spec), loss=value, gradients=None)
        [verdict] = _of(network, "loss")
        assert verdict.status != "differs"
        assert "squared error" in verdict.message


@pytest.mark.parametrize(
    ("loss", "gradient", "tensor", "told"),
    [
        (_ELASTIC, {"W1": (0.05, 0.0), "W2": (0.05, 0.0)}, "W1", "0.1 x W1 added"),
        (_ELASTIC, {"W1": (0.05, 0.02), "W2": (0.05, 0.0)}, "W2", "0.1 x W2 added"),
        (_ELASTIC, {}, "W1", "nothing added"),
        (_BIASES, {"W1": (0.1, 0.0), "W2": (0.1, 0.0)}, "W1", "nothing belongs to that"),
        (_BIASES, {}, "b1", "nothing added, and 0.2 x b1 belongs to that"),
        (_ELASTIC, {**_ELASTIC, **_BIASES}, "b1", "0.2 x b1 added"),
        ({"W1": (0.05, 0.0)}, {"W1": (0.05, 0.0), "W2": (0.05, 0.0)}, "W2", "0.1 x W2 added"),
        ({"W1": (0.05, 0.0), "W2": (0.02, 0.0)}, {"W1": (0.05, 0.0)}, "W2", "nothing added"),
    ],
)
def test_what_the_loss_has_not_is_told(
    loss: Coefficients, gradient: Coefficients, tensor: str, told: str
) -> None:
    [verdict] = examine(_network(loss, gradient)).failures
    assert (verdict.aspect, verdict.cause, verdict.tensor) == ("gradient", "weight-decay", tensor)
    assert told in verdict.message


_TAKEN_OFF = {name: (-squares, -absolute) for name, (squares, absolute) in _ELASTIC.items()}


@pytest.mark.parametrize(
    ("loss", "gradient", "told"),
    [
        (_TAKEN_OFF, _ELASTIC, []),
        (_TAKEN_OFF, _TAKEN_OFF, [("W1", "penalty-sign")]),
        (_TAKEN_OFF, {}, [("W1", "weight-decay")]),
        ({"W2": (-0.05, 0.0)}, {"W2": (0.05, 0.0)}, []),
    ],
)
def test_a_penalty_that_a_loss_takes_off_is_told_of_the_loss(
    loss: Coefficients, gradient: Coefficients, told: list[tuple[str, str]]
) -> None:
    first, *others = examine(_network(loss, gradient), only=("loss", "gradient")).failures
    assert (first.aspect, first.cause) == ("loss", "penalty-sign")
    assert "0.05 x the squares of" in first.message
    assert [(verdict.tensor, verdict.cause) for verdict in others] == told


@pytest.mark.parametrize("outputs", [10, 1])
def test_what_a_loss_adds_to_matrices_makes_it_no_other_loss_of_the_output(outputs: int) -> None:
    last = sigmoid if outputs == 1 else asked.softmax

    class Net(asked.variant(activation=np.tanh, last=last, sizes=(12, 9, outputs))):  # type: ignore[misc]
        def loss(self, x: Array, y: Array) -> float:
            p = self.forward(x)
            rest = (1 - y) * np.log(1 - p) if outputs == 1 else 0.0
            entropy = -np.sum(y * np.log(p) + rest) / len(x)
            return float(entropy + 0.1 * (self.w[0] ** 4).sum())

    [verdict] = examine(asked.network(Net, step=None), only="gradient").verdicts
    assert (verdict.status, verdict.tensor, verdict.cause) == (DIFFERS, "W1", None)


@pytest.mark.parametrize("loss", [{}, {"W1": (0.05, 0.0), "W2": (0.05, 0.0)}])
@pytest.mark.parametrize(
    ("gradient", "tensor", "factor"),
    [
        ({}, "W1", 0.0),
        ({"W1": (0.05, 0.0)}, "W2", 0.0),
        ({"W1": (0.1, 0.0), "W2": (0.1, 0.0)}, "W1", 2.0),
    ],
)
def test_a_declared_decay_is_looked_for(
    loss: Coefficients, gradient: Coefficients, tensor: str, factor: float
) -> None:
    [verdict] = examine(_network(loss, gradient, Spec(weight_decay=0.1))).failures
    assert (verdict.cause, verdict.tensor) == ("weight-decay", tensor)
    assert verdict.factor == pytest.approx(factor)


def test_a_declared_decay_is_no_excuse_for_another_in_the_loss() -> None:
    right = {"W1": (0.05, 0.0), "W2": (0.05, 0.0)}
    assert examine(_network(right, right, Spec(weight_decay=0.1))).failures == []
    other = {"W1": (0.01, 0.0), "W2": (0.01, 0.0)}
    [verdict] = examine(_network(other, right, Spec(weight_decay=0.1))).failures
    assert "the loss has 0.01 x the squares of the weights" in verdict.message


@pytest.mark.parametrize(
    ("gradient", "told"),
    [
        (_ELASTIC, "the gradient of the matrices has 0.1 x the matrix itself and 0.02 x the signs"),
        (dict.fromkeys(_NAMES, (0.05, 0.0)), "of the matrices and biases has 0.1 x"),
        ({"W1": (0.05, 0.0)}, "the gradient has 0.1 x W1 added and no more"),
    ],
)
def test_what_no_loss_speaks_of_may_be_meant(gradient: Coefficients, told: str) -> None:
    [verdict] = _of(_network({}, gradient), "gradient")
    assert (verdict.status, verdict.cause) == (CONVENTION, "weight-decay")
    assert told in verdict.message


def test_nothing_more_is_not_said_where_something_is_not_known() -> None:
    penalized = _network({}, {"W2": (0.05, 0.0)})

    def gradients(net: Parameters, x: Array, y: Array) -> list[Array]:
        first, *others = penalized.gradients(net, x, y)  # type: ignore[operator, misc]
        return [first**3, *others]

    *_, verdict = _of(replace(penalized, gradients=gradients), "gradient")
    assert "0.1 x W2 added, unless" in verdict.message
    assert "what else W1 may have is not known" in verdict.message


@pytest.mark.parametrize("declared", [None, 0.1])
@pytest.mark.parametrize("share", [1.0, 0.5])
def test_a_step_may_add_what_belongs_to_the_penalty(share: float, declared: float | None) -> None:
    squares = {"W1": (0.05, 0.0), "W2": (0.05, 0.0)}
    penalized = _network(squares, squares).gradients

    def step(net: Parameters, x: Array, y: Array, lr: float) -> None:
        whole, plain = penalized(net, x, y), _gradients(net, x, y)  # type: ignore[operator, misc]
        for name, full, part in zip(_NAMES, whole, plain, strict=True):
            net[name] = net[name] - lr * (part + share * (full - part))

    # It is in the loss that is reported, or a loss without it is, and it is declared.
    network = _network({} if declared else squares, {}, Spec(weight_decay=declared))
    report = examine(replace(network, step=step), only=("gradient", "optimizer"))
    said = [(v.status, v.cause) for v in report.verdicts]
    if share == 1:
        assert said == [(CONVENTION, "weight-decay"), (EQUAL, None)]
    else:
        assert {v.aspect for v in report.failures} == {"gradient", "optimizer"}


@pytest.mark.parametrize(
    ("sizes", "decays", "told"),
    [
        ((6, 4, 2, 4, 6), (1, 1, 1, 1), "1 x b1, 1 x b2, 1 x b3, 1 x b4 added and no more"),
        ((5, 4, 1), (0.1, 0.1), "0.1 x b1, 0.1 x b2 added and no more"),
        # Of two numbers alone, some formula is nearly always a multiple.
        ((6, 4, 2, 4, 6), (0, 1, 0, 0), "b2: not the gradient; the nearest multiple"),
    ],
)
def test_biases_of_few_units_may_have_the_penalty_of_the_others(
    sizes: tuple[int, ...], decays: tuple[float, ...], told: str
) -> None:
    def delta(net: Any, x: Array, y: Array) -> Array:
        return np.asarray((net.forward(x) - y) / y.size)

    def loss(net: Any, x: Array, y: Array) -> float:
        p = net.forward(x)
        return float(-np.mean(y * np.log(p + 1e-12) + (1 - y) * np.log(1 - p + 1e-12)))

    def step(net: Any, x: Array, y: Array, lr: float) -> None:
        found = net.gradients(x, y)
        shares = (*(0.0 for _ in decays), *decays)
        for array, gradient, share in zip(net.w + net.b, found, shares, strict=True):
            array -= lr * (gradient + share * array)

    made = asked.variant(sizes=sizes, activation=np.tanh, last=sigmoid, delta=delta)
    network = asked.network(made, gradients=None, loss=loss, step=step)
    of_gradient, of_steps = examine(network, only=("gradient", "optimizer")).verdicts
    assert told in of_gradient.message
    assert of_steps.status == EQUAL


@pytest.mark.parametrize("decays", [(0.1, 0.1, 0.1), (0.0, 0.1, 0.0)])
def test_a_decay_before_the_backward_pass_is_no_constant_factor(decays: tuple[float, ...]) -> None:
    def step(net: Any, x: Array, y: Array, lr: float) -> None:
        net.forward(x)
        for w, share in zip(net.w, decays, strict=True):
            w *= 1 - lr * share
        d = (net.a[-1] - y) / len(x)
        for n in reversed(range(3)):
            w, b, a = net.w[n], net.b[n], net.a[n]
            above = d @ w.T * (a > 0)
            w -= lr * a.T @ d
            b -= lr * d.sum(axis=0, keepdims=True)
            d = above

    made = asked.variant(sizes=(7, 6, 5, 4))
    network = asked.network(made, gradients=None, step=step)
    [told] = examine(network, only="gradient").failures
    assert (told.cause, told.tensor) == ("update-order", f"dL/dz{2 if decays[2] else 1}")


def test_a_penalty_alone_is_no_multiple_of_a_loss() -> None:
    """What is reported is the penalty of one layer: the last that was assigned, and not added."""

    def loss(net: Parameters, x: Array, y: Array) -> float:  # noqa: ARG001
        return float(0.05 * (net["W1"] ** 2).sum())

    spec = Spec("relu", "softmax", "cross_entropy", "mean")
    network = replace(_network({}, {}, spec), loss=loss)
    [verdict] = examine(network, only="loss").verdicts
    assert (verdict.status, verdict.cause, verdict.factor) == (DIFFERS, "another-loss", None)


def test_a_step_that_goes_up_has_its_penalty_with_it() -> None:
    """In float32 the loss does not show exactly what the biases have."""
    squares = {"W1": (0.05, 0.0), "W2": (0.05, 0.0)}
    network = _network(squares, squares)
    gradients: Callable[..., list[Array]] = network.gradients  # type: ignore[assignment]

    def step(net: Parameters, x: Array, y: Array, lr: float) -> None:
        for name, gradient in zip(_NAMES, gradients(net, x, y), strict=True):
            net[name] += (lr * gradient).astype(net[name].dtype)

    def make() -> Parameters:
        net = _make()
        return net | {name: net[name].astype(np.float32) for name in ("b1", "b2")}

    found = examine(replace(network, make=make, step=step), only="optimizer").failures
    assert [verdict.cause for verdict in found] == ["step-sign"]


def test_a_penalty_that_comes_alone_is_not_the_gradient() -> None:
    penalty = {**_ELASTIC, **_BIASES}
    network = _network(penalty, penalty)
    right: Callable[..., list[Array]] = network.gradients  # type: ignore[assignment]

    def alone(net: Parameters, x: Array, y: Array) -> list[Array]:
        pairs = zip(right(net, x, y), _gradients(net, x, y), strict=True)
        return [whole - part for whole, part in pairs]

    wrong = Network(_make, network.parameters, forward=_forward, gradients=alone)
    [verdict] = examine(wrong).failures
    assert verdict.cause == "not-updated"
    assert "nothing but its penalty" in verdict.message


@pytest.mark.parametrize("loss", [_ELASTIC, {}])
def test_all_tensors_with_another_share_are_told(loss: Coefficients) -> None:
    spec = None if loss else Spec(weight_decay=0.1)
    other = {"W1": (0.01, 0.0), "W2": (0.01, 0.0)}
    [verdict] = examine(_network(loss, other, spec)).failures
    assert (verdict.cause, verdict.tensor) == ("weight-decay", "W1")
    assert "of W1 has 0.02 x W1 added" in verdict.message
    assert "of W2 has 0.02 x W2 added" in verdict.message


class _InsideOne(Classifier):
    """A number stands in one of two logarithms alone."""

    sizes = (12, 9, 6)
    activation: Any = staticmethod(np.tanh)
    last: Any = staticmethod(sigmoid)

    def loss(self, x: Array, y: Array) -> float:
        p = self.forward(x)
        return float(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p + 1e-8)))


@pytest.mark.parametrize("seed", range(3))
def test_what_a_number_inside_one_logarithm_makes_is_no_penalty(seed: int) -> None:
    network = asked.network(_InsideOne, gradients=None, step=None)
    [verdict] = examine(network, seed=seed, only="loss").verdicts
    assert "binary cross entropy" in verdict.message
    assert "squares" not in verdict.message
    assert "absolute values" not in verdict.message


@pytest.mark.parametrize("normed", [("W1", "W2"), ("W2",)])
def test_a_norm_is_no_sum_of_absolute_values(normed: tuple[str, ...]) -> None:
    def value(net: Parameters, x: Array, y: Array) -> float:
        entropy = -(y * _log_probabilities(net, x)).sum() / len(x)
        return float(entropy + sum(0.05 * np.linalg.norm(net[name]) for name in normed))

    def right(net: Parameters, x: Array, y: Array) -> list[Array]:
        result = _gradients(net, x, y)
        for name in normed:
            result[_NAMES.index(name)] += 0.05 * net[name] / np.linalg.norm(net[name])
        return result

    def of_squares(net: Parameters, x: Array, y: Array) -> list[Array]:
        result = _gradients(net, x, y)
        for name in normed:
            result[_NAMES.index(name)] += 0.1 * net[name]
        return result

    network = replace(_network({}, {}), loss=value, gradients=right)
    assert examine(network, arbiter=pytorch()).failures == []
    [verdict] = _of(network, "loss")
    assert "0.05 x the norm of W2" in verdict.message
    [verdict] = _of(replace(network, gradients=of_squares), "gradient")
    assert (verdict.tensor, verdict.cause) == (normed[0], "weight-decay")
    assert f"0.1 x {normed[0]} added, and 0.05 x {normed[0]} over the norm" in verdict.message


@pytest.mark.parametrize("own", [1.0, 2.0])
def test_a_factor_of_all_but_the_penalty_is_no_fault_of_the_penalty(own: float) -> None:
    def summed(net: Parameters, x: Array, y: Array) -> list[Array]:
        result = [len(x) * one for one in _gradients(net, x, y)]
        for name, share in (("W1", own), ("W2", 1.0)):
            result[_NAMES.index(name)] += share * 0.1 * net[name]
        return result

    def value(net: Parameters, x: Array, y: Array) -> float:
        squares = sum(float((net[name] ** 2).sum()) for name in ("W1", "W2"))
        return float(-(y * _log_probabilities(net, x)).sum() / len(x) + 0.05 * squares)

    network = replace(_network({}, {}), loss=value, gradients=summed)
    verdict, *others = _of(network, "gradient")
    assert verdict.cause == "factor-batch"
    assert "on all 4 tensors, in what comes from the data," in verdict.message
    # The penalty of one is held to that of the loss.
    assert [other.factor for other in others] == ([pytest.approx(own)] if own != 1 else [])


@pytest.mark.parametrize(("share", "is_missing"), [(0.1, False), (0.05, True), (0.0, True)])
def test_a_step_may_add_a_penalty_beside_another_fault_of_the_gradient(
    share: float, is_missing: bool
) -> None:
    def loss(net: Learner, x: Array, y: Array) -> float:
        return of_data(net, x, y) + 0.05 * float((net.w1**2).sum() + (net.w2**2).sum())

    def gradients(net: Learner, x: Array, y: Array) -> list[Array]:
        *_, w2, b2 = net.gradients(x, y)
        p = net.forward(x)
        d = ((p - y) * p * (1 - p) / len(x)) @ net.w2.T * net.a**2
        return [x.T @ d, d.sum(axis=0), w2, b2]

    def step(net: Learner, x: Array, y: Array, lr: float) -> None:
        for array, gradient in zip(params(net), gradients(net, x, y), strict=True):
            array -= lr * (gradient + share * array * (array.ndim == 2))

    found = examine(beside(step, gradients, loss=loss), only=("gradient", "optimizer"))
    missing = ["weight-decay"] if is_missing else []
    assert [verdict.cause for verdict in found.failures] == ["derivative-formula", *missing]
    added = [v for v in found.verdicts if "added by the training step" in v.message]
    assert bool(added) != is_missing
