"""What is wrong on the way back is named where it is, and what is right is not blamed for it."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from parity_tests.kit.aspects.gradient import aspect as gradient
from parity_tests.kit.candidates.candidate import Candidate, distinct
from parity_tests.kit.candidates.hidden import hidden_deltas, right_hidden_deltas
from parity_tests.kit.candidates.multipliers import multipliers
from parity_tests.kit.check import examine
from parity_tests.kit.forward import Form, run
from parity_tests.kit.functions import activation
from parity_tests.kit.network import Network
from parity_tests.kit.probe import drawn_layer
from parity_tests.kit.spec import Spec
from parity_tests.kit.tests.asked import Array, Classifier, ask, network, sigmoid, softmax, variant
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, Verdict

_SMALL = (12, 9, 10)


class _Small(Classifier):
    """A hidden layer; what is carried back, and the steps, can be replaced."""

    sizes = _SMALL

    def own(self, e: Array) -> Array:
        """Return what the last matrix gets for the error."""
        return e

    def carried(self, e: Array, _dw: Array) -> Array:
        return np.asarray(e @ self.w[1].T)

    def slope(self) -> Array:
        a = self.a[1]
        return np.asarray(a > 0 if self.activation is Classifier.activation else 1 - a**2)

    def gradients(self, x: Array, y: Array) -> list[Array]:
        e = self.delta(x, y)
        d2 = self.own(e)
        dw = self.a[1].T @ d2
        d1 = self.carried(e, dw) * self.slope()
        return [x.T @ d1, dw, d1.sum(axis=0, keepdims=True), d2.sum(axis=0, keepdims=True)]


def _told(verdicts: list[Verdict]) -> list[tuple[str | None, str | None]]:
    return [(v.tensor, v.cause) for v in verdicts if v.status == DIFFERS]


def _tanh(**parts: Any) -> type[_Small]:
    return type("Tanh", (_Small,), {"activation": staticmethod(np.tanh), **parts})


# Lower layers that are right


def _probability_again(net: _Small, e: Array) -> Array:
    p = net.a[-1]
    return e * p * (1 - p)


def _softmax_again(net: _Small, e: Array) -> Array:
    p = softmax(net.a[-1])
    return e * p * (1 - p)


@pytest.mark.parametrize(
    ("last", "own", "spec", "cause"),
    [
        (softmax, _softmax_again, ("softmax", "cross_entropy"), "softmax-jacobian-diagonal"),
        (sigmoid, _probability_again, ("sigmoid", "binary_cross_entropy"), "derivative-twice"),
    ],
)
def test_layers_below_that_have_the_true_gradient_are_not_blamed(
    last: Any, own: Any, spec: tuple[str, str], cause: str
) -> None:
    make = _tanh(own=own, last=staticmethod(last))
    declared = network(make, loss=None, spec=Spec("tanh", *spec, "mean"))
    assert _told(ask(declared, gradient.examine)) == [("W2", cause)]


def test_an_error_that_is_carried_back_by_the_slope_of_another_loss_is_named() -> None:
    class Absolute(_Small):
        activation = staticmethod(np.tanh)
        last = staticmethod(np.tanh)

        def delta(self, x: Array, y: Array) -> Array:
            return np.sign(self.forward(x) - y) / len(x)

        def own(self, e: Array) -> Array:
            return np.asarray(e * (1 - self.a[-1] ** 2))

    spec = Spec("tanh", "tanh", "absolute_error", "mean")
    verdicts = ask(network(Absolute, loss=None, labels="targets", spec=spec), gradient.examine)
    assert _told(verdicts) == [("W1", "error-without-derivative")]


def test_an_error_that_is_carried_back_through_a_gradient_is_named() -> None:
    make = _tanh(carried=lambda _, e, dw: e @ dw.T)
    assert _told(ask(network(make), gradient.examine)) == [("W1", "carried-through-gradient")]


def test_an_error_that_is_carried_back_with_the_output_in_it_is_named() -> None:
    make = _tanh(carried=lambda net, e, _: (e * net.a[-1]) @ net.w[1].T)
    told = _told(ask(network(make, step=None), gradient.examine))
    assert told == [("W1", "times-activation")]


@pytest.mark.parametrize("is_sign", [False, True])
def test_a_gradient_that_is_one_number_with_all_batches_is_named(is_sign: bool) -> None:
    def gradients(net: Classifier, x: Array, y: Array) -> list[Array]:
        *found, right = net.gradients(x, y)
        return [*found, np.sign(right) if is_sign else 0.5 + 0 * right]

    class Net(_Small):
        sizes = (12, 9, 1)
        last = staticmethod(lambda z: z)

        def loss(self, x: Array, y: Array) -> float:
            return float(np.sum((self.forward(x) - y) ** 2) / 2 / len(x))

    [(tensor, cause)] = _told(
        ask(network(Net, gradients=gradients, step=None, labels="targets"), gradient.examine)
    )
    assert (tensor, cause == "gradient-constant") == ("b2", not is_sign)


def test_an_error_that_is_carried_back_through_another_layers_matrix_is_named() -> None:
    make = _tanh(sizes=(9, 9, 9), carried=lambda net, e, _: e @ net.w[0].T)
    assert _told(ask(network(make), gradient.examine)) == [("W1", "weight-of-another-layer")]


# Matrices that are taken the other way round


class _Square(Classifier):
    """The second of three matrices is square, and used transposed."""

    sizes = (12, 9, 9, 10)
    activation = staticmethod(np.tanh)
    is_turned = is_carried_wrongly = False

    def forward(self, x: Array) -> Array:
        turned = self.w
        self.w = [turned[0], turned[1].T, turned[2]]
        try:
            return super().forward(x)
        finally:
            self.w = turned

    def gradients(self, x: Array, y: Array) -> list[Array]:
        whole = self.w
        d3 = self.delta(x, y)
        d2 = d3 @ whole[2].T * (1 - self.a[2] ** 2)
        d1 = d2 @ (whole[1].T if self.is_carried_wrongly else whole[1]) * (1 - self.a[1] ** 2)
        middle = self.a[1].T @ d2 if self.is_turned else d2.T @ self.a[1]
        biases = [d.sum(axis=0, keepdims=True) for d in (d1, d2, d3)]
        return [x.T @ d1, middle, self.a[2].T @ d3, *biases]


_OF_SQUARE = Spec("tanh", "softmax", "cross_entropy", "mean")


def test_a_gradient_of_transposed_matrices_is_that_of_the_forward_pass() -> None:
    declared = network(_Square, spec=_OF_SQUARE)
    [forward] = examine(declared, only="forward").verdicts
    assert (forward.status, forward.cause) == (CONVENTION, "forward-transposed")
    assert _told(ask(declared, gradient.examine)) == []


@pytest.mark.parametrize(
    ("is_turned", "is_carried_wrongly", "told"),
    [
        (True, True, ("W2", "forward-transposed")),
        (True, False, ("W2", "gradient-transposed")),
        (False, True, ("W1", "weight-transposed")),
    ],
)
def test_a_gradient_that_is_not_of_the_transposed_matrices_is_wrong(
    is_turned: bool, is_carried_wrongly: bool, told: tuple[str, str]
) -> None:
    parts = {"is_turned": is_turned, "is_carried_wrongly": is_carried_wrongly}
    declared = network(type("Turned", (_Square,), parts), spec=_OF_SQUARE)
    verdicts = ask(declared, gradient.examine)
    assert _told(verdicts) == [told]
    assert {verdict.aspect for verdict in verdicts} == {"gradient"}


def test_a_backward_pass_with_the_activation_that_a_forward_pass_leaves_out_is_told_once() -> None:
    class Linear(_Small):
        def forward(self, x: Array) -> Array:
            self.z = x @ self.w[0] + self.b[0]
            self.a = [x, np.tanh(self.z), softmax(self.z @ self.w[1] + self.b[1])]
            return self.a[-1]

        def slope(self) -> Array:
            return np.asarray(1 - self.a[1] ** 2)

    spec = Spec("tanh", "softmax", "cross_entropy", "mean")
    verdicts = ask(network(Linear, spec=spec), gradient.examine)
    assert _told(verdicts) == [("W2", "another-activation")]


# Limits


def _limited(gradients: list[Array], limit: float) -> list[Array]:
    return [np.clip(one, -limit, limit) for one in gradients]


def test_biases_are_limited_with_their_matrices() -> None:
    def clipped(net: Classifier, x: Array, y: Array) -> list[Array]:
        return _limited(net.gradients(x, y), 0.1)

    verdicts = ask(network(variant(sizes=_SMALL), gradients=clipped), gradient.examine)
    assert _told(verdicts) == [("W2", "gradient-clipped")]
    assert "likewise on b2 and W1 and b1" in verdicts[0].message


def test_what_is_limited_is_explained_below_the_limit() -> None:
    class Late(_Small):
        sizes = (12, 9, 1)
        last = staticmethod(lambda z: z)

        def loss(self, x: Array, y: Array) -> float:
            return float(np.mean((self.forward(x) - y) ** 2))

        def step(self, x: Array, y: Array, lr: float) -> None:
            d = (self.forward(x) - y) / len(x)
            dw, db = _limited([self.a[1].T @ d, d.sum(axis=0, keepdims=True)], _LIMIT)
            self.w[1] -= lr * dw
            self.b[1] -= lr * db
            d = d @ self.w[1].T * self.slope()
            dw, db = _limited([x.T @ d, d.sum(axis=0, keepdims=True)], _LIMIT)
            self.w[0] -= lr * dw
            self.b[0] -= lr * db

    spec = Spec("relu", "identity", "squared_error", "mean")
    declared = network(Late, gradients=None, labels="targets", spec=spec)
    verdicts = ask(declared, gradient.examine)
    assert _told(verdicts) == [("W1", "update-order"), ("dL/dz2", "factor-two")]
    assert [v.cause for v in verdicts if v.status == CONVENTION] == ["step-clipped"]


_LIMIT = 0.6


# Factors


def test_a_factor_that_matrices_have_with_one_batch_is_not_that_of_biases_alone() -> None:
    def halved(net: Classifier, x: Array, y: Array) -> list[Array]:
        found = [0.5 * one for one in net.gradients(x, y)]
        share = 1.7 if len(x) == 5 else 1.0
        return [share * one if len(one) > 1 else one for one in found]

    told = _told(ask(network(variant(sizes=_SMALL), gradients=halved), gradient.examine))
    assert ("b2", "factor-two") in told
    assert "bias-scaled" not in [cause for _, cause in told]


class _OneOutput(_Small):
    sizes = (12, 9, 1)
    activation = staticmethod(np.tanh)
    last = staticmethod(sigmoid)


def test_a_bias_of_one_entry_has_the_factor_that_two_batches_show() -> None:
    def quarter(net: Classifier, x: Array, y: Array) -> list[Array]:
        found = net.gradients(x, y)
        return [*found[:2], *(0.25 * len(x) * one for one in found[2:])]

    def odd(net: Classifier, x: Array, y: Array) -> list[Array]:
        found = net.gradients(x, y)
        return [*found[:3], np.cos(found[3])]

    spec = Spec("tanh", "sigmoid", "binary_cross_entropy", "mean")
    declared = network(_OneOutput, loss=None, spec=spec, gradients=quarter)
    [verdict] = ask(declared, gradient.examine)
    assert verdict.cause == "bias-scaled"
    assert "on b2, b1" in verdict.message
    declared = network(_OneOutput, loss=None, spec=spec, gradients=odd)
    [verdict] = ask(declared, gradient.examine)
    assert (verdict.tensor, verdict.cause) == ("b2", None)
    assert "of one number, it is" in verdict.message


@pytest.mark.parametrize("reported", ["loss", None])
def test_a_factor_of_a_matrix_is_told_beside_its_fault(reported: str | None) -> None:
    def doubly(net: _Small, x: Array, y: Array) -> list[Array]:
        e = net.delta(x, y)
        d1 = (e @ net.w[1].T) * (1 - np.tanh(net.a[1]) ** 2)
        dw = [x.T @ d1 / x.shape[1], net.a[1].T @ e]
        return [*dw, d1.sum(axis=0, keepdims=True), e.sum(axis=0, keepdims=True)]

    verdicts = ask(network(_tanh(), loss=reported, gradients=doubly), gradient.examine)
    faults = [("W1", "derivative-on-activation"), ("W1", "factor-features")]
    assert _told(verdicts) == faults
    assert "W1" in verdicts[-1].message
    assert verdicts[-1].factor == pytest.approx(1 / 12)


def test_a_bias_alone_without_the_derivative_is_of_no_other_loss() -> None:
    def halved(net: Classifier, x: Array, y: Array) -> float:
        return float(((net.forward(x) - y) ** 2).sum() / 2)

    def left_out(net: Classifier, x: Array, y: Array) -> list[Array]:
        error = net.forward(x) - y
        p = net.a[-1]
        d2 = error * p * (1 - p)
        d1 = d2 @ net.w[1].T * (1 - net.a[1] ** 2)
        return [x.T @ d1, net.a[1].T @ d2, d1.sum(axis=0, keepdims=True), error.sum(axis=0)[None]]

    make = _tanh(last=staticmethod(sigmoid))
    declared = network(make, loss=halved, gradients=left_out, labels="targets")
    assert _told(ask(declared, gradient.examine)) == [("b2", "output-derivative-missing")]


def test_a_gradient_of_zeros_that_is_handed_out_is_said_to_be_that() -> None:
    def cut_off(net: Classifier, x: Array, y: Array) -> list[Array]:
        return [np.zeros_like(g) for g in net.gradients(x, y)]

    [verdict] = ask(network(_tanh(), gradients=cut_off), gradient.examine)
    assert verdict.cause == "not-updated"
    assert "all zeros" in verdict.message
    assert "never updated" not in verdict.message


def test_one_number_in_all_entries_of_a_matrix_is_no_sign() -> None:
    def of_output(net: Classifier, x: Array, y: Array) -> list[Array]:
        w1, w2, b1, b2 = net.gradients(x, y)
        return [w1, np.full_like(w2, (net.a[-1] * net.delta(x, y)).sum()), b1, b2]

    def of_signs(net: Classifier, x: Array, y: Array) -> list[Array]:
        w1, w2, b1, b2 = net.gradients(x, y)
        return [w1, np.sign(w2), b1, b2]

    make = type("Rectified", (_OneOutput,), {"activation": staticmethod(Classifier.activation)})
    spec = Spec("relu", "sigmoid", "binary_cross_entropy", "mean")
    for handed, cause in ((of_output, None), (of_signs, "gradient-sign")):
        [verdict] = ask(network(make, loss=None, spec=spec, gradients=handed), gradient.examine)
        assert (verdict.tensor, verdict.cause) == ("W2", cause)
        assert cause or "all entries of W2 are one number" in verdict.message


_BINARY = Spec("tanh", "sigmoid", "binary_cross_entropy", "mean")


@pytest.mark.parametrize("seed", range(4))
def test_a_bias_that_gets_the_one_number_of_the_next_is_the_only_one_told(seed: int) -> None:
    def of_next(net: Classifier, x: Array, y: Array) -> list[Array]:
        dw1, dw2, db1, db2 = net.gradients(x, y)
        return [dw1, dw2, np.ones_like(db1) * db2, db2]

    declared = network(_OneOutput, loss=None, spec=_BINARY, gradients=of_next)
    assert _told(ask(declared, gradient.examine, seed)) == [("b1", None)]


def test_biases_that_have_the_gradient_of_each_other_are_no_fault_of_what_is_carried_back() -> None:
    def exchanged(net: Classifier, x: Array, y: Array) -> list[Array]:
        dw1, dw2, db1, db2 = net.gradients(x, y)
        return [dw1, dw2, db2, db1]

    make = type("Alike", (_Small,), {"sizes": (12, 10, 10)})
    declared = network(make, gradients=exchanged)
    [verdict] = ask(declared, gradient.examine)
    assert (verdict.status, verdict.cause) == (DIFFERS, "gradient-of-another-parameter")
    told = "Yours is that of b1 and that of b2, in this order, on b2, likewise on b1 ("
    assert told in verdict.message


class _OnlyPositive(_OneOutput):
    def own(self, e: Array) -> Array:
        return e * (e > 0)


@pytest.mark.parametrize("seed", range(8))
def test_what_one_batch_shows_and_another_does_not_is_not_named(seed: int) -> None:
    declared = network(_OnlyPositive, loss=None, spec=_BINARY)
    told = _told(ask(declared, gradient.examine, seed))
    assert told
    assert {cause for _, cause in told} <= {None, "not-updated", "error-of-another-form"}


@pytest.mark.parametrize("hidden", [np.tanh, Classifier.activation])
def test_one_number_in_all_entries_of_a_bias_is_no_sum_of_several_faults(hidden: Any) -> None:
    def ones(net: Classifier, x: Array, y: Array) -> list[Array]:
        found = net.gradients(x, y)
        return [*found[:2], *(np.ones_like(one) for one in found[2:])]

    make = type("Ones", (_Small,), {"activation": staticmethod(hidden)})
    verdicts = ask(network(make, gradients=ones), gradient.examine)
    assert {cause for _, cause in _told(verdicts)} == {"gradient-constant"}, verdicts


def test_steps_by_one_number_are_not_said_to_be_limited() -> None:
    def step(net: Classifier, x: Array, y: Array, lr: float) -> None:
        net.step(x, y, lr)
        before = net.b[0] + lr * net.gradients(x, y)[2]
        net.b[0][...] = before - lr / len(x)

    declared = network(variant(sizes=_SMALL), gradients=None, step=step)
    verdicts = ask(declared, gradient.examine)
    assert [v.tensor for v in verdicts if v.status == DIFFERS] == ["b1"]
    assert not any(v.cause for v in verdicts), verdicts


def test_a_sigmoid_without_its_one_is_no_softmax() -> None:
    class OfLogits(_Small):
        last = staticmethod(lambda z: z)

        def loss(self, x: Array, y: Array) -> float:
            z = self.forward(x)
            return float(np.mean(np.logaddexp(0, z) - y * z))

        def delta(self, x: Array, y: Array) -> Array:
            return np.asarray((np.exp(self.forward(x)) - y) / y.size)

    told = _told(ask(network(OfLogits), gradient.examine))
    assert told
    assert "softmax-not-normalized" not in [cause for _, cause in told]


def test_a_gradient_with_fewer_axes_than_its_parameter_is_of_another_shape() -> None:
    def of_labels(net: Classifier, x: Array, y: Array) -> list[Array]:
        found = net.gradients(x, y)
        return [y.argmax(axis=1) @ (net.a[1] - 0.5), *found[1:]]

    verdicts = ask(network(_tanh(), gradients=of_labels), gradient.examine)
    assert ("W1", "gradient-shape") in _told(verdicts)


@pytest.mark.parametrize(("factor", "others"), [(1, []), (3, [("dL/dz2", "factor-constant")])])
def test_a_gradient_of_another_shape_gives_the_others_no_factor(
    factor: int, others: list[tuple[str, str]]
) -> None:
    class Summed(_tanh()):  # type: ignore[misc]
        def loss(self, x: Array, y: Array) -> float:
            return len(x) * super().loss(x, y)

        def delta(self, x: Array, y: Array) -> Array:
            return len(x) * super().delta(x, y)

    def other(net: Classifier, x: Array, y: Array) -> list[Array]:
        return [np.ones((2, 3)), *(factor * one for one in net.gradients(x, y)[1:])]

    verdicts = ask(network(Summed, gradients=other), gradient.examine)
    assert _told(verdicts) == [("W1", "gradient-shape"), *others]


def test_pre_activations_in_the_place_of_a_gradient_are_of_no_gradient() -> None:
    def swapped(net: Classifier, x: Array, y: Array) -> list[Array]:
        found = net.gradients(x, y)
        return [x.T @ (x @ net.w[0] + net.b[0]), *found[1:]]

    verdicts = ask(network(_tanh(), gradients=swapped), gradient.examine)
    assert _told(verdicts) == [("W1", None)]


def test_a_bias_that_takes_the_square_of_its_gradient_carries_none_back() -> None:
    def squared(net: Classifier, x: Array, y: Array) -> list[Array]:
        e = len(x) * net.delta(x, y)
        return [*net.gradients(x, y)[:3], (e**2).sum(axis=0, keepdims=True) / len(x)]

    verdicts = ask(network(_tanh(), gradients=squared), gradient.examine)
    assert _told(verdicts) == [("b2", None)]


# Single samples


class _OneByOne(_Small):
    """Every sample is an update of its own, with the last layer first."""

    sizes = (12, 4, 10)

    def step(self, x: Array, y: Array, lr: float) -> None:
        for n in range(len(x)):
            one = slice(n, n + 1)
            d = self.forward(x[one]) - y[one]
            self.w[1] -= lr * self.a[1].T @ d
            self.b[1] -= lr * d
            d = d @ self.w[1].T * self.slope()
            self.w[0] -= lr * x[one].T @ d
            self.b[0] -= lr * d


def test_samples_with_several_live_units_are_asked() -> None:
    spec = Spec("relu", "softmax", "cross_entropy", "mean")
    declared = network(_OneByOne, gradients=None, spec=spec)
    assert _told(ask(declared, gradient.examine, seed=2)) == [("W1", "update-order")]


# Masks


class _Dropped(_Small):
    sizes = (5, 8, 3)
    is_masked = True

    def training(self, x: Array) -> Array:
        a = np.maximum(x @ self.w[0] + self.b[0], 0)
        self.mask = (np.random.rand(*a.shape) > 0.4) / 0.6  # noqa: NPY002
        self.a = [x, a * self.mask]
        self.live = a > 0
        return self.last(self.a[1] @ self.w[1] + self.b[1])

    def of_training(self, x: Array, y: Array) -> float:
        return float(-np.mean(np.sum(y * np.log(self.training(x) + 1e-12), axis=1)))

    def delta(self, x: Array, y: Array) -> Array:
        return (self.training(x) - y) / len(x)

    def slope(self) -> Array:
        return np.asarray(self.live * (self.mask if self.is_masked else 1.0))


class _Unmasked(_Dropped):
    is_masked = False


class _Unswitched(_Dropped):
    def slope(self) -> Array:
        return np.asarray(self.mask)


def _of_training(make: type[Classifier]) -> Network:
    spec = Spec("relu", "softmax", "cross_entropy", "mean")
    return network(make, loss="of_training", spec=spec)


def test_a_mask_that_the_backward_pass_leaves_out_is_named() -> None:
    for make, cause in ((_Unmasked, "dropout-not-in-backward"), (_Unswitched, None)):
        [verdict] = ask(_of_training(make), gradient.examine)
        assert (verdict.status, verdict.tensor, verdict.cause) == (DIFFERS, "b1", cause)
    [verdict] = ask(_of_training(_Dropped), gradient.examine)
    assert verdict.status == EQUAL


def test_right_ways_below_are_the_first_of_all() -> None:
    rng = np.random.default_rng(3)
    form = Form(("tanh",), "softmax")
    layers = [drawn_layer(9, 12, rng), drawn_layer(10, 9, rng)]
    passed = run(form, layers, rng.standard_normal((7, 12)))
    chosen, other = (Candidate(rng.standard_normal((7, 10)), "dz2") for _ in range(2))
    wrong = replace(chosen, causes=("derivative-twice",), also=["update-order"])
    rights = right_hidden_deltas(form, passed, layers, 0, [wrong, other])
    every = hidden_deltas(form, passed, layers, None, 0, [wrong, other], [])
    assert [right.text for right in rights] == [own.text for own in every[:2]]
    for right, own in zip(rights, every, strict=False):
        np.testing.assert_allclose(right.value, own.value, rtol=1e-14)
        assert right.causes == own.causes == ()
        assert right.also == own.also == []
    assert all(own.causes for own in every[2:])


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("leaky_relu:0.1", lambda z: np.where(z > 0, 1, -0.1)),
        ("leaky_relu:0.1", lambda z: (z > 0) + 0.1),
        ("leaky_relu:0.1", lambda z: np.where(z > 0, 0.1, 1)),
        ("leaky_relu:0.1", lambda z: np.where(z > 0, 1, 0.1 * z)),
        ("elu:1", lambda z: np.where(z > 0, 1, np.expm1(z))),
        ("elu:0.5", lambda z: np.where(z > 0, 1, -0.5 * np.exp(z))),
        ("elu:0.5", lambda z: np.where(z > 0, 1, np.exp(z))),
        ("elu:0.5", lambda z: np.where(z > 0, 1, 0.5 * np.expm1(z) + 1)),
    ],
)
def test_a_side_of_a_derivative_that_is_written_wrongly_is_named(name: str, wrong: Any) -> None:
    own, z = activation(name), np.random.default_rng(4).standard_normal((7, 9))
    right = Candidate(own.slope(z), "f'")
    every = distinct([right, *multipliers(own, z, own.value(z), {}, 1)])
    [found] = [c for c in every if np.allclose(c.value, wrong(z), rtol=1e-12, atol=0)]
    assert (found.causes, found.also) == (("derivative-formula",), [])
    assert (right.causes, right.also) == ((), [])
