"""What is written to or remembered is named, and what is meant is not blamed."""

from typing import Any

import numpy as np
import pytest

from parity_tests.kit import check_network
from parity_tests.kit.aspects.initialization import aspect as initialization
from parity_tests.kit.aspects.observing import is_accumulated
from parity_tests.kit.aspects.side_effects import aspect as side_effects
from parity_tests.kit.aspects.stability import aspect as stability
from parity_tests.kit.check import examine
from parity_tests.kit.network import Network
from parity_tests.kit.subject.subject import Subject
from parity_tests.kit.tests.asked import (
    Array,
    Classifier,
    LooksAhead,
    Unfused,
    ask,
    causes,
    he,
    network,
    only,
    sigmoid,
    variant,
)
from parity_tests.kit.tests.faulty_rules import accumulated
from parity_tests.kit.tests.learners import Learner
from parity_tests.kit.tests.learners import asked as begun
from parity_tests.kit.tests.test_steps import beside, params, stepping
from parity_tests.kit.tests.update_rules import State, adam, each
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, UNCHECKED


class _ScalesInputs(Classifier):
    def forward(self, x: Array) -> Array:
        x *= 0.5
        return super().forward(x)


class _WritesLabels(Classifier):
    def delta(self, x: Array, y: Array) -> Array:
        p = self.forward(x)
        y -= p
        return -y / len(x)


class _Shrinks(Classifier):
    def forward(self, x: Array) -> Array:
        for w in self.w:
            w *= 0.99
        return super().forward(x)


class _Accumulates(Classifier):
    def __init__(self) -> None:
        super().__init__()
        self.g = [np.zeros_like(p) for p in self.w + self.b]

    def gradients(self, x: Array, y: Array) -> list[Array]:
        for kept, g in zip(self.g, super().gradients(x, y), strict=True):
            kept += g
        return self.g


class _AccumulatesAsMeant(_Accumulates):
    def zero_grad(self) -> None:
        for g in self.g:
            g[...] = 0


class _ForgetsMatrices(_AccumulatesAsMeant):
    """Before every pass gradients are set to zero, but for those of the matrices."""

    def zero_grad(self) -> None:
        for g in self.g[len(self.w) :]:
            g[...] = 0

    def gradients(self, x: Array, y: Array) -> list[Array]:
        self.zero_grad()
        return super().gradients(x, y)


class _AccumulatesBetweenSteps(_Accumulates):
    def step(self, x: Array, y: Array, lr: float) -> None:
        for g in self.g:
            g[...] = 0
        super().step(x, y, lr)


class _Remembers(Classifier):
    known: list[Array] | None = None

    def gradients(self, x: Array, y: Array) -> list[Array]:
        self.known = self.known or super().gradients(x, y)
        return self.known


class _FixedBuffer(Classifier):
    buffer: Array | None = None

    def forward(self, x: Array) -> Array:
        if self.buffer is None:
            self.buffer = np.empty_like(x)
        self.buffer[...] = x
        return super().forward(self.buffer)


class _Squeezes(Classifier):
    def forward(self, x: Array) -> Array:
        return super().forward(x.squeeze())[:, :]

    def delta(self, x: Array, y: Array) -> Array:
        p = self.forward(x).squeeze()
        if p.ndim == 1:
            raise IndexError("axis 1 is out of bounds")
        return (p - y) / len(x)


class _KeepsActivations(Classifier):
    """Quantities of all batches are in one list, and the first ones are taken from it."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[Array] = []

    def delta(self, x: Array, y: Array) -> Array:
        found = super().delta(x, y)
        self.kept += self.a
        self.a = self.kept[: len(self.a)]
        return found


class _KeepsOutput(Classifier):
    output: Array | None = None

    def delta(self, x: Array, y: Array) -> Array:
        p = self.forward(x)
        if self.output is None or len(self.output) != len(p):
            self.output = p
        return (self.output - y) / len(x)


class _MixesBatches(Classifier):
    """The derivative of the loss is averaged over all batches of one size."""

    mean: Array | None = None

    def delta(self, x: Array, y: Array) -> Array:
        own = super().delta(x, y)
        same = self.mean is not None and self.mean.shape == own.shape
        self.mean = (own + self.mean) / 2 if same else own
        return self.mean


class _WritesOutput(Classifier):
    def delta(self, x: Array, y: Array) -> Array:
        p = self.forward(x)
        self.a.pop()
        p -= y
        return p / len(x)


class _TakesOutput(Classifier):
    given: Array

    def delta(self, x: Array, y: Array) -> Array:
        self.given -= y
        error, self.given = self.given / len(x), np.zeros(0)
        return error


class _RaisesLater(Classifier):
    def delta(self, x: Array, y: Array) -> Array:
        if hasattr(self, "other"):
            raise IndexError("list index out of range")
        self.other = self.a
        return super().delta(x, y)


class _Aliases(Classifier):
    def gradients(self, x: Array, y: Array) -> list[Array]:
        grads = super().gradients(x, y)
        self.w[0] = grads[0].copy()
        return [self.w[0], *grads[1:]]


@pytest.mark.parametrize(
    ("make", "cause"),
    [
        (_ScalesInputs, "inputs-changed"),
        (_WritesLabels, "labels-changed"),
        (_Shrinks, "parameters-changed"),
        (_Accumulates, "gradient-accumulated"),
        (_Remembers, "gradient-stale"),
        (_KeepsActivations, "activations-kept"),
        (_KeepsOutput, "activations-kept"),
        (_MixesBatches, None),
        (_FixedBuffer, "batch-size-kept"),
        (_RaisesLater, "second-call-raises"),
        (_Squeezes, "one-sample-raises"),
        (_Aliases, "gradient-aliases-parameter"),
    ],
)
def test_side_effects_are_named(make: type[Classifier], cause: str | None) -> None:
    assert cause in causes(ask(network(make), side_effects.examine))


@pytest.mark.parametrize("is_copied", [False, True])
def test_an_output_that_is_handed_over_and_written_to_is_told(is_copied: bool) -> None:
    def gradients(net: _TakesOutput, x: Array, y: Array) -> list[Array]:
        output = net.forward(x)
        net.a.pop()
        net.given = output.copy() if is_copied else output
        return net.gradients(x, y)

    found = causes(ask(network(_TakesOutput, gradients=gradients), side_effects.examine))
    assert found == [] if is_copied else ["output-changed"]


def test_what_a_network_asks_its_forward_pass_for_is_its_own() -> None:
    assert not causes(ask(network(_WritesOutput), side_effects.examine))


@pytest.mark.parametrize(
    ("make", "cause"),
    [
        (_Accumulates, "gradient-accumulated"),
        (_Remembers, "gradient-stale"),
        (_KeepsActivations, "activations-kept"),
    ],
)
def test_memory_shows_in_steps_alone(make: type[Classifier], cause: str) -> None:
    declared = network(make, gradients=None, loss=None)
    assert causes(ask(declared, side_effects.examine)) == [cause]


@pytest.mark.parametrize("is_reset", [False, True])
def test_a_share_of_some_gradients_that_is_kept_is_told(is_reset: bool) -> None:
    class _KeepsShare(Classifier):
        kept: Any = 0.0

        def gradients(self, x: Array, y: Array) -> list[Array]:
            *others, last = super().gradients(x, y)
            self.kept = (len(x) * last + self.kept) / len(x)
            return [*others, self.kept]

        def step(self, x: Array, y: Array, lr: float) -> None:
            if is_reset:
                self.kept = 0.0
            super().step(x, y, lr)

    [verdict] = [v for v in ask(network(_KeepsShare), side_effects.examine) if v.tensor]
    if is_reset:
        assert (verdict.status, verdict.cause) == (UNCHECKED, None)
    else:
        assert (verdict.cause, verdict.tensor) == ("gradient-accumulated", "b3")
    assert "noise" not in verdict.message


def test_gradients_that_are_left_out_where_others_are_set_to_zero_are_told() -> None:
    [verdict] = [
        v
        for v in ask(network(_ForgetsMatrices, step=None), side_effects.examine)
        if v.status == DIFFERS
    ]
    assert verdict.cause == "gradient-accumulated"
    assert "leaves out W1 and W2 and W3" in verdict.message


@pytest.mark.parametrize("changes", [{}, {"gradients": None, "loss": None}])
def test_sums_that_are_kept_outside_of_the_networks_are_told(changes: dict[str, Any]) -> None:
    kept: list[Array] = []

    class _AccumulatesOutside(Classifier):
        def gradients(self, x: Array, y: Array) -> list[Array]:
            own = super().gradients(x, y)
            kept[:] = [a + b for a, b in zip(kept, own, strict=True)] if kept else own
            return list(kept)

    report = check_network(
        network(_AccumulatesOutside, **changes),
        on_fail="report",
        only=["gradient", "side effects"],
    )
    assert [verdict.cause for verdict in report.failures] == ["gradient-accumulated"] * 2
    assert "kept outside of the networks" in report.failures[0].message


def test_rates_that_grow_are_no_gradients_that_add_up() -> None:
    class _WarmingUp(Classifier):
        def __init__(self) -> None:
            super().__init__()
            self.t = 0

        def step(self, x: Array, y: Array, lr: float) -> None:
            self.t += 1
            super().step(x, y, lr * min(1, self.t / 3))

    verdict = only(ask(network(_WarmingUp, gradients=None), side_effects.examine))
    assert verdict.status == EQUAL


def test_sums_that_no_sample_changes_are_no_rates_that_grow() -> None:
    class _Penalty(Classifier):
        def __init__(self) -> None:
            super().__init__()
            self.kept = [np.zeros_like(p) for p in self.w + self.b]

        def gradients(self, *_: Array) -> list[Array]:
            for kept, p in zip(self.kept, self.w, strict=False):
                kept += 0.1 * p
            return self.kept

    verdict = only(ask(network(_Penalty, step=None), side_effects.examine))
    assert (verdict.status, verdict.cause) == (DIFFERS, "gradient-accumulated")


def test_a_velocity_in_a_global_name_is_not_called_random() -> None:
    kept: list[Array] = []

    class _Global(Classifier):
        def step(self, x: Array, y: Array, lr: float) -> None:
            own = self.gradients(x, y)
            kept[:] = [0.9 * v + g for v, g in zip(kept, own, strict=True)] if kept else own
            for p, v in zip(self.w + self.b, kept, strict=True):
                p -= lr * v

    report = examine(network(_Global, gradients=None, loss=None))
    told = [v for aspect in ("gradient", "side effects") for v in report.of(aspect)]
    assert [v.status for v in told] == [UNCHECKED] * 2
    assert all("kept outside of the networks" in v.message for v in told)


def test_gradients_that_are_meant_to_add_up_are_a_convention() -> None:
    for make, step in ((_AccumulatesAsMeant, None), (_AccumulatesBetweenSteps, "step")):
        verdicts = ask(network(make, step=step), side_effects.examine)
        assert not causes(verdicts)
        assert "gradient-accumulated" in [verdict.cause for verdict in verdicts]
    assert causes(ask(network(_AccumulatesAsMeant), side_effects.examine))


class _OfAdam(_Accumulates):
    """Its first steps are as long by sums as by what is added."""

    begins_anew = ends_anew = False

    def __init__(self) -> None:
        super().__init__()
        self.state = [(np.zeros_like(p), np.zeros_like(p)) for p in self.w + self.b]
        self.t = 0

    def reset(self) -> None:
        for g in self.g:
            g[...] = 0

    def step(self, x: Array, y: Array, lr: float) -> None:
        if self.begins_anew:
            self.reset()
        self.t += 1
        grads = self.gradients(x, y)
        for p, (m, v), g in zip(self.w + self.b, self.state, grads, strict=True):
            m[...] = 0.9 * m + 0.1 * g
            v[...] = 0.999 * v + 0.001 * g**2
            root = np.sqrt(v / (1 - 0.999**self.t))
            p -= lr * m / (1 - 0.9**self.t) / (root + 1e-8)
        if self.ends_anew:
            self.reset()


@pytest.mark.parametrize(
    ("begins", "ends", "status"),
    [(False, False, DIFFERS), (True, False, CONVENTION), (False, True, CONVENTION)],
)
def test_sums_are_meant_where_a_step_begins_or_ends_with_zeros(
    begins: bool, ends: bool, status: str
) -> None:
    make = type("Made", (_OfAdam,), {"begins_anew": begins, "ends_anew": ends})
    verdict = only(ask(network(make), side_effects.examine))
    assert (verdict.status, verdict.cause) == (status, "gradient-accumulated")


class _Momentum(Classifier):
    def __init__(self) -> None:
        super().__init__()
        self.v = [np.zeros_like(p) for p in self.w + self.b]

    def step(self, x: Array, y: Array, lr: float) -> None:
        for p, v, g in zip(self.w + self.b, self.v, self.gradients(x, y), strict=True):
            v *= 0.9
            v += g
            p -= lr * v


class _Updates(Classifier):
    def gradients(self, x: Array, y: Array) -> list[Array]:
        grads = super().gradients(x, y)
        for p, g in zip(self.w + self.b, grads, strict=True):
            p -= 0.1 * g
        return grads


class _Buffers(Classifier):
    out = np.zeros((0, 0))

    def forward(self, x: Array) -> Array:
        p = super().forward(x)
        if self.out.shape != p.shape:
            self.out = np.empty_like(p)
        self.out[...] = p
        return self.out


class _Noisy(Classifier):
    def gradients(self, x: Array, y: Array) -> list[Array]:
        noise = np.random.randn()  # noqa: NPY002
        return [g * (1 + 0.1 * noise) for g in super().gradients(x, y)]


class _Drops(Classifier):
    def forward(self, x: Array) -> Array:
        return super().forward(x * (np.random.rand(*x.shape) > 0.3))  # noqa: NPY002


class _BatchNormalized(Classifier):
    def forward(self, x: Array) -> Array:
        return super().forward((x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-5))


@pytest.mark.parametrize(
    ("make", "status"),
    [
        (Classifier, EQUAL),
        (variant(activation=sigmoid), EQUAL),
        (_Momentum, EQUAL),
        (_Updates, CONVENTION),
        (_Buffers, CONVENTION),
        (_BatchNormalized, CONVENTION),
        (_Noisy, UNCHECKED),
        (_Drops, UNCHECKED),
        (LooksAhead, CONVENTION),
    ],
)
def test_conventions_are_no_side_effects(make: type[Classifier], status: str) -> None:
    verdicts = ask(network(make), side_effects.examine)
    assert {verdict.status for verdict in verdicts} == {status}, verdicts


def test_what_is_random_is_told_so_and_nothing_else() -> None:
    for make, what in ((_Drops, "outputs"), (_Noisy, "gradients")):
        verdict = only(ask(network(make, step=None), side_effects.examine))
        assert f"other {what}" in verdict.message
        assert "random, by dropout or noise" in verdict.message


class _Shuffles(Classifier):
    """A step updates after every sample, in a random order."""

    def step(self, x: Array, y: Array, lr: float) -> None:
        for n in np.random.permutation(len(x)):  # noqa: NPY002
            super().step(x[n : n + 1], y[n : n + 1], lr)


def test_a_random_order_is_not_called_dropout() -> None:
    verdict = only(ask(network(_Shuffles, gradients=None), side_effects.examine))
    assert verdict.status == UNCHECKED
    assert "random order" in verdict.message


class _DrawsBeside(Classifier):
    def __init__(self) -> None:
        super().__init__()
        self.beside = np.random.randn(12)  # noqa: NPY002

    def forward(self, x: Array) -> Array:
        return super().forward(x + self.beside)


def test_what_is_drawn_beside_the_parameters_is_not_called_dropout() -> None:
    verdict = only(ask(network(_DrawsBeside), side_effects.examine))
    assert verdict.status == UNCHECKED
    assert "drawn anew" in verdict.message


def test_an_output_that_training_moves_beside_the_parameters_is_told() -> None:
    verdict = only(ask(network(LooksAhead), side_effects.examine))
    assert (verdict.status, verdict.tensor) == (CONVENTION, "output")
    assert "velocity" in verdict.message


def test_gradients_that_update_are_told() -> None:
    verdict = only(ask(network(_Updates), side_effects.examine))
    assert verdict.cause == "gradient-updates"


def test_momentum_in_steps_alone_is_no_side_effect() -> None:
    verdicts = ask(network(_Momentum, gradients=None), side_effects.examine)
    assert only(verdicts).status == EQUAL


def test_what_cannot_be_asked_is_not_checked() -> None:
    declared = network(gradients=lambda net, x, y: net.nothing(x, y), step=None)
    assert not causes(ask(declared, side_effects.examine))


def one_at_a_time(base: type[Classifier]) -> type[Classifier]:
    class Net(base):  # type: ignore[misc,valid-type]
        def gradients(self, x: Array, y: Array) -> list[Array]:
            if len(x) > 1:
                raise ValueError("non-broadcastable output operand")
            return super().gradients(x, y)

    return Net


def test_networks_whose_gradients_refuse_batches_are_asked_with_one_sample() -> None:
    for base, wanted in ((Classifier, []), (_Accumulates, ["gradient-accumulated"])):
        declared = network(one_at_a_time(base), step=None)
        assert causes(ask(declared, side_effects.examine)) == wanted
    declared = network(one_at_a_time(Unfused), step=None)
    assert causes(ask(declared, stability.examine)) == ["gradient-divides-by-zero"]


def test_gradients_that_are_refused_are_not_said_to_be_asked() -> None:
    declared = network(gradients=lambda net, x, y: net.nothing(x, y), step=None)
    verdict = only(ask(declared, side_effects.examine))
    assert verdict.status == EQUAL
    assert "not asked" in verdict.message


class _Samples:
    """One sample at a time, in columns."""

    def __init__(self) -> None:
        self.w = [he(9, 12), he(10, 9)]
        self.b = [np.zeros((9, 1)), np.zeros((10, 1))]

    def forward(self, x: Array) -> Array:
        self.a = sigmoid(self.w[0] @ x + self.b[0])
        return sigmoid(self.w[1] @ self.a + self.b[1])

    def gradients(self, x: Array, y: Array) -> list[Array]:
        d = self.forward(x) - y
        e = (self.w[1].T @ d) * self.a * (1 - self.a)
        return [e @ x.T, d @ self.a.T, e, d]


def test_single_samples_are_not_blamed() -> None:
    declared = Network(
        _Samples, lambda net: net.w + net.b, "forward", lambda n, x, y: n.gradients(x, y),
        batch="column",
    )  # fmt: skip
    for asked in (side_effects.examine, stability.examine, initialization.examine):
        assert not causes(ask(declared, asked))


@pytest.mark.parametrize("form", ["rows", "columns", "vector", "column", "row"])
def test_what_is_written_to_is_a_copy_of_one_sample_too(form: str) -> None:
    def forward(_: Any, x: Any) -> Any:
        x *= -1
        return x

    declared = Network(lambda: [np.ones((4, 4))], "0", forward, batch=form)
    inputs = np.ones((1, 4))
    Subject(declared).forward(inputs)
    np.testing.assert_array_equal(inputs, np.ones((1, 4)))


def test_a_loss_that_keeps_those_before_is_told() -> None:
    class Mean(Classifier):
        def __init__(self) -> None:
            super().__init__()
            self.losses: list[float] = []

        def loss(self, x: Array, y: Array) -> float:
            self.losses.append(super().loss(x, y))
            return float(np.mean(self.losses))

    verdict = only(ask(network(Mean, step=None), side_effects.examine))
    assert (verdict.status, verdict.tensor) == (CONVENTION, "loss")
    assert "running mean" in verdict.message


def test_a_tensor_with_a_factor_is_no_influence_of_samples() -> None:
    class Bent(Classifier):
        """No form that is known, of which samples may be coupled."""

        sizes = (12, 9, 10)

        def forward(self, x: Array) -> Array:
            self.a = [x, np.tanh(x @ self.w[0] + self.b[0]) ** 3]
            self.a.append(self.last(self.a[1] @ self.w[1] + self.b[1]))
            return self.a[-1]

        def gradients(self, x: Array, y: Array) -> list[Array]:
            d = self.delta(x, y)
            t = np.cbrt(self.a[1])
            below = (d @ self.w[1].T) * 3 * t**2 * (1 - t**2)
            db = d.sum(axis=0, keepdims=True) / len(x)
            return [x.T @ below, self.a[1].T @ d, below.sum(axis=0, keepdims=True), db]

    verdict = only(ask(network(Bent, step=None, loss=None), side_effects.examine))
    assert verdict.status == EQUAL


def _summing(net: Learner, x: Array, y: Array, lr: float) -> None:
    kept = [np.zeros_like(p) for p in params(net)]
    for sample in range(len(x)):
        part = slice(sample, sample + 1)
        for p, v, g in zip(params(net), kept, net.gradients(x[part], y[part]), strict=True):
            v += g
            p -= lr * v


def _overflowing(net: Learner, x: Array, y: Array, lr: float) -> None:
    """The first step goes far, the second farther, and the third one has no end."""
    for p, g in zip(params(net), net.gradients(x, y), strict=True):
        p -= lr * (g + 1e100 * p**2)


@pytest.mark.parametrize(("step", "expected"), [(_summing, True), (_overflowing, False)])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_steps_without_end_are_not_added_to_those_before(step: Any, expected: bool) -> None:
    assert is_accumulated(begun(beside(step, None))) == expected


def _times_their_number(s: State, p: Array, g: Array, lr: float) -> None:
    before = p.copy()
    adam(s, p, g, lr)
    p -= (s.t - 1) * (before - p)


@pytest.mark.parametrize(
    ("update", "cause"),
    [(accumulated, "gradient-accumulated"), (_times_their_number, None), (adam, None)],
)
def test_adaptive_steps_that_grow_with_their_number_are_no_sums(
    update: Any, cause: str | None
) -> None:
    report = examine(beside(stepping(each(update)), None), only=("gradient", "side effects"))
    assert {v.cause for v in report.of("side effects") if v.status == DIFFERS} == {cause} - {None}
