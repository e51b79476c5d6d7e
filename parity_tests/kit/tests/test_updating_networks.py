"""Optimizers of networks that update themselves."""
# ruff: noqa: D102

import operator
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from numpy_impl import InputError
from parity_tests.kit.arbiter import pytorch
from parity_tests.kit.aspects.optimizer.aspect import examine as examine_inquiry
from parity_tests.kit.aspects.walks import right_gradient, trajectory
from parity_tests.kit.check import examine as examine_network
from parity_tests.kit.forward import Form
from parity_tests.kit.network import Network
from parity_tests.kit.optimizers.kept import Kept, kept
from parity_tests.kit.optimizers.rules import examine_rule
from parity_tests.kit.scales import Scale
from parity_tests.kit.spec import Spec
from parity_tests.kit.tests.faulty_rules import (
    accumulated,
    counted,
    counted_together,
    decayed,
    momentum_average,
    momentum_by_shape,
    momentum_corrected,
    rmsprop_corrected,
    softened,
    strange,
    uncorrected,
    unscaled,
    velocity_turned,
    velocity_whole,
)
from parity_tests.kit.tests.learners import (
    HALF,
    Learner,
    Updating,
    asked,
    falling,
    kept_as,
    learner,
    plain,
    summed,
    updated_early,
    updating,
    without_derivative,
)
from parity_tests.kit.tests.test_optimizers import of_optimizer
from parity_tests.kit.tests.update_rules import (
    Array,
    State,
    Step,
    Update,
    adam,
    each,
    momentum,
    nesterov,
    radam,
    rule,
    sgd,
    sgd_penalty,
)
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, UNCHECKED


@pytest.mark.parametrize(
    ("step", "kind", "status", "cause"),
    [
        (each(sgd), None, EQUAL, None),
        (each(momentum), None, EQUAL, None),
        (each(momentum), "nesterov", DIFFERS, "nesterov-is-momentum"),
        (each(sgd), "momentum", DIFFERS, "momentum-without-effect"),
        (each(accumulated), "sgd", DIFFERS, "step-of-accumulated"),
        # The first five steps of RAdam are those of corrected momentum.
        (each(momentum_corrected), "radam", DIFFERS, "another-optimizer"),
        (each(momentum_corrected), None, CONVENTION, "momentum-corrected"),
        (each(radam), None, EQUAL, None),
        (each(rmsprop_corrected), "adam", DIFFERS, "another-optimizer"),
        (each(sgd_penalty), None, EQUAL, None),
        (each(strange), "sgd", UNCHECKED, None),
    ],
)
def test_networks_that_update_themselves(
    step: Step, kind: str | None, status: str, cause: str | None
) -> None:
    inquiry = learner(step, Spec(**HALF, optimizer=kind))
    assert [(v.status, v.cause) for v in examine_inquiry(inquiry)] == [(status, cause)]


@pytest.mark.parametrize("kind", [None, "nesterov"])
def test_nesterov_inside_a_network_explains_its_factor(kind: str | None) -> None:
    inquiry = learner(each(nesterov), Spec(**HALF, optimizer=kind))
    inquiry.gradient_scale = Scale(1.9, 1)
    assert [(v.status, v.cause) for v in examine_inquiry(inquiry)] == [(EQUAL, None)]
    inquiry.gradient_scale = Scale(3.8, 1)
    assert [(v.aspect, v.cause) for v in examine_inquiry(inquiry)] == [
        ("gradient", "factor-two"),
        ("optimizer", None),
    ]


@pytest.mark.parametrize(
    ("rule", "status", "cause"),
    [
        (velocity_turned, DIFFERS, "nesterov-velocity-turned"),
        (velocity_whole, DIFFERS, "nesterov-velocity-whole"),
        (nesterov, EQUAL, None),
    ],
)
def test_a_first_step_of_nesterov_is_no_factor_of_the_gradient(
    rule: Update, status: str, cause: str | None
) -> None:
    report = examine_network(
        replace(updating(each(rule), Learner.gradients), spec=Spec(**HALF)),
        only=("gradient", "optimizer"),
    )
    seen = [(v.status, v.cause, v.factor) for v in report.verdicts]
    assert seen == [(EQUAL, None, None), (status, cause, None)]


class Square(Learner):
    """Both matrices have one shape."""

    def __init__(self) -> None:
        super().__init__()
        rng = np.random.default_rng(5)
        self.w1, self.w2 = rng.standard_normal((2, 5, 5))
        self.b2 = np.zeros(5)


def test_a_velocity_shared_by_shape_is_no_fault_of_the_gradient() -> None:
    network = replace(updating(momentum_by_shape, Learner.gradients), make=Square)
    network = replace(network, spec=Spec(**HALF))
    verdicts = examine_network(network, only=("gradient", "optimizer")).verdicts
    assert [(v.status, v.cause) for v in verdicts] == [(EQUAL, None), (DIFFERS, "state-shared")]


def test_average_inside_a_network_explains_its_factor() -> None:
    inquiry = learner(each(momentum_average), Spec(**HALF))
    inquiry.gradient_scale = Scale(0.1, 1)
    (verdict,) = examine_inquiry(inquiry)
    assert (verdict.status, verdict.cause) == (CONVENTION, "momentum-average")


@pytest.mark.parametrize(
    ("step", "status", "cause"),
    [
        (each(adam), EQUAL, None),
        (each(uncorrected), DIFFERS, "adam-no-bias-correction"),
        (counted(lambda _: 1), DIFFERS, "adam-step-constant"),
        *(
            (counted_together(1, order=order), DIFFERS, "adam-step-per-tensor")
            # From the last layer to the first, its matrix before its bias or after it.
            for order in ((2, 3, 0, 1), (3, 2, 1, 0))
        ),
    ],
)
def test_adam_inside_a_network(step: Step, status: str, cause: str | None) -> None:
    inquiry = learner(step, Spec(**HALF, optimizer="adam"))
    inquiry.gradient_scale = None
    assert [(v.status, v.cause) for v in examine_inquiry(inquiry)] == [(status, cause)]


def told(network: Network, aspect: str) -> list[tuple[str, str | None, float | None]]:
    report = examine_network(network)
    factors = [v.factor and round(v.factor, 6) for v in report.of(aspect)]
    return [
        (v.status, v.cause, factor) for v, factor in zip(report.of(aspect), factors, strict=True)
    ]


def test_average_of_a_sum_is_not_taken_for_a_batch_size_that_is_fixed() -> None:
    network = updating(each(momentum_average), summed)
    assert told(network, "gradient") == [(CONVENTION, "factor-batch", 7.0)]
    assert told(network, "optimizer") == [(CONVENTION, "momentum-average", 0.1)]
    declared = replace(network, spec=Spec(**HALF))
    assert told(declared, "gradient") == [(DIFFERS, "factor-batch", 7.0)]
    assert told(declared, "optimizer") == [(CONVENTION, "momentum-average", 0.1)]


def test_corrected_momentum_by_faulty_gradients_is_not_taken_for_radam() -> None:
    network = updating(each(momentum_corrected), without_derivative)
    handed = replace(network, gradients=without_derivative, spec=Spec(**HALF))
    assert told(handed, "optimizer") == [(CONVENTION, "momentum-corrected", None)]


def test_momentum_of_a_sum_is_no_average() -> None:
    network = updating(each(momentum), summed)
    assert told(network, "gradient") == [(CONVENTION, "factor-batch", 7.0)]
    assert told(network, "optimizer") == [(EQUAL, None, None)]


def test_factor_of_the_gradient_shows_beside_eps() -> None:
    network = replace(updating(each(adam), summed), spec=Spec(**HALF))
    assert told(network, "gradient") == [(DIFFERS, "factor-batch", 7.0)]
    assert told(network, "optimizer") == [(EQUAL, None, None)]


def test_decay_of_all_parameters_is_a_convention() -> None:
    network = replace(updating(each(decayed), Learner.gradients), spec=Spec(**HALF))
    [(status, cause, _)] = told(network, "gradient")
    assert (status, cause) == (CONVENTION, "weight-decay")
    assert told(network, "optimizer") == [(EQUAL, None, None)]
    report = examine_network(network, arbiter=pytorch())
    assert report.failures == []
    assert "matrices and biases" in str(report)


def test_decay_of_biases_that_the_loss_does_not_have_is_a_fault() -> None:
    def loss(net: Learner, x: Array, y: Array) -> float:
        squares = float((net.w1**2).sum() + (net.w2**2).sum())
        return float(((net.forward(x) - y) ** 2).sum() / (2 * len(x)) + 0.005 * squares)

    network = replace(updating(each(decayed), Learner.gradients), loss=loss)
    [verdict] = examine_network(network, only="gradient").failures
    assert (verdict.cause, verdict.tensor) == ("weight-decay", "b1")


def test_gradient_is_not_blamed_for_an_optimizer_that_is_not_known() -> None:
    network = replace(updating(each(softened), Learner.gradients), spec=Spec(**HALF))
    assert told(network, "gradient") == [(UNCHECKED, None, None)]
    assert told(network, "optimizer") == [(UNCHECKED, None, None)]
    declared = replace(network, spec=Spec(**HALF, optimizer="rmsprop"))
    assert told(declared, "optimizer") == [(DIFFERS, None, None)]


def test_optimizer_that_is_not_known_does_not_hide_a_fault_of_the_gradient() -> None:
    network = replace(updating(each(softened), without_derivative), spec=Spec(**HALF))
    assert [status for status, _, _ in told(network, "gradient")] == [DIFFERS]


EARLY = (DIFFERS, "update-order", None)


@pytest.mark.parametrize(
    ("change", "kind", "status", "cause"),
    [
        (plain, None, EQUAL, None),
        (plain, "momentum", DIFFERS, "momentum-without-effect"),
        (plain, "adam", DIFFERS, "another-optimizer"),
        (kept_as(0.9, 1.0), None, EQUAL, None),
        (kept_as(0.9, 1.0), "momentum", EQUAL, None),
        (kept_as(0.9, 1.0), "nesterov", DIFFERS, "nesterov-is-momentum"),
        (kept_as(0.9, 1.0), "sgd", DIFFERS, "another-optimizer"),
        (kept_as(0.8, 1.0), "momentum", EQUAL, None),
        (kept_as(0.9, 1.0, True), "nesterov", EQUAL, None),
        (kept_as(0.9, 1.0, True), None, EQUAL, None),
        (kept_as(0.9, 0.1), None, CONVENTION, "momentum-average"),
        (kept_as(0.9, 0.1), "momentum", CONVENTION, "momentum-average"),
        (kept_as(0.9, 0.1, True), "nesterov", CONVENTION, "momentum-average"),
        (kept_as(1.0, 1.0), "sgd", DIFFERS, "step-of-accumulated"),
    ],
)
def test_what_steps_keep_shows_beside_a_fault_of_the_gradient(
    change: Callable[..., Array], kind: str | None, status: str, cause: str | None
) -> None:
    network = updated_early(change, kind)
    # A factor of 1 - momentum is the optimizer's, though there are ten outputs.
    assert told(network, "gradient") == [EARLY]
    [(*found, _)] = told(network, "optimizer")
    assert found == [status, cause]


def test_factor_of_the_gradient_shows_beside_momentum_and_another_fault() -> None:
    network = updated_early(kept_as(0.9, 0.5), "momentum")
    assert told(network, "gradient") == [EARLY, (DIFFERS, "factor-two", 0.5)]
    assert told(network, "optimizer") == [(EQUAL, None, None)]
    network = updated_early(kept_as(0.9, 0.2), "momentum")
    assert told(network, "gradient") == [EARLY, (DIFFERS, "factor-two", 2.0)]
    assert told(network, "optimizer") == [(CONVENTION, "momentum-average", 0.1)]


def test_factor_is_not_judged_where_steps_keep_what_is_not_known() -> None:
    network = updated_early(falling)
    assert told(network, "gradient") == [EARLY, (UNCHECKED, None, None)]
    assert told(network, "optimizer") == [(UNCHECKED, None, None)]


def test_what_networks_share_is_not_taken_for_no_state() -> None:
    shared = State()

    def change(_: Updating, name: str, gradient: Array) -> Array:
        before: Array = shared.__dict__.get(name, 0.0 * gradient)
        shared.__dict__[name] = gradient
        return gradient + 1e-9 * before

    assert told(updated_early(change), "optimizer") == [(UNCHECKED, None, None)]


@pytest.mark.parametrize(
    ("momenta", "expected"),
    [
        ((0.0, 0.0), Kept("nothing")),
        ((0.875, 0.875), Kept("momentum", 0.875)),
        ((0.9, 0.5), Kept("other")),
        ((0.9, 0.0), Kept("other")),
    ],
)
def test_kept_is_of_all_tensors(momenta: tuple[float, float], expected: Kept) -> None:
    rng = np.random.default_rng(0)
    gradients = [[rng.standard_normal((4, 3)), rng.standard_normal(6)] for _ in range(3)]
    steps: list[list[Array]] = [gradients[0]]
    for gradient in gradients[1:]:
        velocities = zip(momenta, steps[-1], gradient, strict=True)
        steps.append([momentum * before + g for momentum, before, g in velocities])
    assert kept(steps, gradients[1:]) == expected


@pytest.mark.parametrize("kind", ["sgd", None])
def test_decay_that_nobody_declares_is_asked_at_a_second_rate(kind: str | None) -> None:
    (verdict,) = examine_rule(rule(each(unscaled), kind), 1)
    assert (verdict.status, verdict.cause) == (CONVENTION, "decay-not-scaled")
    assert verdict.factor == pytest.approx(0.01)
    scaled = each(lambda _, p, g, lr: operator.isub(p, lr * (g + 0.01 * p)))
    (verdict,) = examine_rule(rule(scaled, kind), 1)
    assert "weight_decay 0.01" in verdict.message


def test_decay_that_does_not_move_with_the_rate_shows_in_steps() -> None:
    network = replace(updating(each(unscaled), Learner.gradients), spec=Spec(**HALF))
    [(*found, taken)] = told(network, "optimizer")
    assert found == [CONVENTION, "decay-not-scaled"]
    assert taken == 0.01
    declared = replace(network, spec=Spec(**HALF, weight_decay=0.01))
    assert told(declared, "optimizer") == [(DIFFERS, "decay-not-scaled", None)]


def test_decay_that_does_not_move_with_the_rate_is_no_penalty_of_another_size() -> None:
    def loss(net: Learner, x: Array, y: Array) -> float:
        squares = np.sum(net.w1**2) + np.sum(net.w2**2)
        return float(np.sum((net.forward(x) - y) ** 2) / 2 / len(x) + 0.005 * squares)

    network = replace(updating(each(unscaled), Learner.gradients), loss=loss)
    assert told(network, "optimizer") == [(DIFFERS, "decay-not-scaled", None)]
    assert [status for status, *_ in told(network, "gradient")] == [EQUAL]


@pytest.mark.parametrize("lr", [None, 0.07])
def test_decay_is_not_said_to_stay_where_the_rate_does(lr: float | None) -> None:
    def step(net: Learner, x: Array, y: Array, _: float) -> None:
        net.state.lr = 0.07
        each(decayed)(net.state, [net.w1, net.b1, net.w2, net.b2], net.gradients(x, y))

    network = Network(
        Learner, parameters="w1 b1 w2 b2", forward="forward", step=step, lr=lr, spec=Spec(**HALF)
    )
    assert "decay-not-scaled" not in [cause for _, cause, _ in told(network, "optimizer")]


class Rectified(Learner):
    """A hidden layer of rectified units, whose derivative the gradient leaves out."""

    def forward(self, x: Array) -> Array:
        self.a = np.maximum(x @ self.w1 + self.b1, 0)
        output: Array = 1 / (1 + np.exp(-(self.a @ self.w2 + self.b2)))
        return output


def test_fault_of_a_gradient_that_is_not_seen_is_not_the_optimizers() -> None:
    def step(net: Rectified, x: Array, y: Array, lr: float) -> None:
        net.state.lr = lr
        params = [net.w1, net.b1, net.w2, net.b2]
        each(momentum)(net.state, params, without_derivative(net, x, y))

    network = Network(
        Rectified,
        parameters="w1 b1 w2 b2",
        forward="forward",
        step=step,
        batch="row",
        spec=Spec(**HALF, optimizer="momentum"),
    )
    inquiry = asked(network)
    inquiry.form = Form(("relu",), "sigmoid")
    inquiry.gradient_scale = None
    assert [verdict.status for verdict in examine_inquiry(inquiry)] == [UNCHECKED]


def test_count_of_samples_inside_a_network_is_no_count_of_steps() -> None:
    def taken(net: Learner, x: Array, y: Array, lr: float) -> None:
        net.state.lr = lr
        step = counted(lambda _: len(x))
        step(net.state, [net.w1, net.b1, net.w2, net.b2], net.gradients(x, y))

    spec = Spec(**HALF, optimizer="adam")
    network = Network(Learner, parameters="w1 b1 w2 b2", forward="forward", step=taken, spec=spec)
    inquiry = asked(network)
    inquiry.gradient_scale = None
    (verdict,) = examine_inquiry(inquiry)
    assert (verdict.status, verdict.cause) == (DIFFERS, "adam-step-constant")
    assert "count = samples" in verdict.message


def test_trajectory_alternates() -> None:
    inquiry = learner(each(sgd), Spec(**HALF))
    same, turns = trajectory(inquiry, 3, 0.1)
    first, second, third = map(len, turns.batches)
    assert first == third != second
    np.testing.assert_array_equal(same.layers[1][0].weight, turns.layers[1][0].weight)
    assert not np.array_equal(same.layers[2][0].weight, turns.layers[2][0].weight)
    with pytest.raises(InputError, match="steps"):
        trajectory(inquiry, 0, 0.1)


def test_right_gradient_is_the_slope() -> None:
    inquiry = learner(each(sgd), Spec(**HALF))
    batch = inquiry.batches[0]
    found = right_gradient(inquiry, "squared_error", inquiry.layers, batch)
    inquiry.restore()
    expected = inquiry.subject.net.gradients(batch.inputs, batch.targets)
    np.testing.assert_allclose(found[0].weight.T / len(batch), expected[0], rtol=1e-12)
    np.testing.assert_allclose(found[1].bias / len(batch), expected[3], rtol=1e-12)


def test_optimizer_of_a_network_is_examined() -> None:
    network = Network(
        Learner,
        parameters="w1 b1 w2 b2",
        forward="forward",
        gradients="gradients",
        optimizer=rule(each(uncorrected), "adam"),
    )
    verdicts = examine_inquiry(asked(network))
    assert of_optimizer(verdicts) == [(DIFFERS, "adam-no-bias-correction")]
