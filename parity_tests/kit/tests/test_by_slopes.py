"""A gradient of an unknown forward pass is split into what the loss, a factor and decay give."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from parity_tests.kit.aspects.gradient import aspect as gradient
from parity_tests.kit.aspects.gradient.held_to_slopes.slopes import slopes
from parity_tests.kit.check import examine
from parity_tests.kit.network import Network
from parity_tests.kit.subject.subject import Batch, Layer, Layers
from parity_tests.kit.tests.asked import Array, Classifier, ask, causes, network, only, softmax
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, UNCHECKED


def _sizes(units: int) -> Array:
    return 1 + np.arange(units) / 20


class _Bent(Classifier):
    """The activation is none that is known, nor the same function in every unit."""

    sizes = (12, 9, 10)
    penalty = 0.0

    def forward(self, x: Array) -> Array:
        self.a = [x]
        for w, b in zip(self.w[:-1], self.b[:-1], strict=True):
            self.a.append(_sizes(w.shape[1]) * np.tanh(self.a[-1] @ w + b) ** 3)
        self.a.append(self.last(self.a[-1] @ self.w[-1] + self.b[-1]))
        return self.a[-1]

    def loss(self, x: Array, y: Array) -> float:
        squares = sum(float((w**2).sum()) for w in self.w)
        return super().loss(x, y) + self.penalty * squares / 2

    def gradients(self, x: Array, y: Array) -> list[Array]:
        d = self.delta(x, y)
        dw: list[Array] = []
        db: list[Array] = []
        for n in reversed(range(len(self.w))):
            dw.insert(0, self.a[n].T @ d + self.penalty * self.w[n])
            db.insert(0, d.sum(axis=0, keepdims=True))
            if n:
                sizes = _sizes(len(self.w[n]))
                t = np.cbrt(self.a[n] / sizes)
                d = (d @ self.w[n].T) * sizes * 3 * t**2 * (1 - t**2)
        return dw + db


class _Penalized(_Bent):
    penalty = 0.3


Change = Callable[[list[Array], list[Array], int], list[Array]]


def _asked(make: type[Classifier], change: Change) -> Any:
    def gradients(net: Any, x: Array, y: Array) -> list[Array]:
        return change(net.gradients(x, y), net.w, len(x))

    return ask(network(make, gradients=gradients), gradient.examine)


def _decayed(share: float) -> Change:
    return lambda found, w, _n: [g + share * v for g, v in zip(found, w, strict=False)] + found[2:]


def _scaled(where: slice, factor: Callable[[int], float]) -> Change:
    def change(found: list[Array], _w: list[Array], n: int) -> list[Array]:
        found[where] = [factor(n) * g for g in found[where]]
        return found

    return change


@pytest.mark.parametrize("make", [_Bent, _Penalized])
def test_a_right_gradient_is_equal(make: type[Classifier]) -> None:
    assert only(_asked(make, lambda found, _w, _n: found)).status == EQUAL


class _Clipped(_Bent):
    """Large logits, whose probabilities the loss keeps from 0."""

    last = staticmethod(lambda z: softmax(20 * z))

    def loss(self, x: Array, y: Array) -> float:
        p = np.clip(self.forward(x), 1e-7, 1)
        return float(-np.mean(np.sum(y * np.log(p), axis=1)))

    def delta(self, x: Array, y: Array) -> Array:
        return 20 * super().delta(x, y)


@pytest.mark.parametrize("seed", range(3))
def test_a_loss_that_is_clipped_where_outputs_are_extreme_is_asked_elsewhere(seed: int) -> None:
    verdict = only(ask(network(_Clipped), gradient.examine, seed))
    assert verdict.status == EQUAL
    assert "since outputs are extreme" in verdict.message


def test_a_fault_shows_where_outputs_are_extreme() -> None:
    verdict = only(_asked(_Clipped, lambda found, _w, _n: [np.abs(found[0]), *found[1:]]))
    assert (verdict.status, verdict.cause) == (DIFFERS, None)
    assert causes(_asked(_Clipped, _scaled(slice(1, 2), float))) == ["factor-batch"]


def test_a_multiple_of_the_weights_is_told_apart() -> None:
    verdict = only(_asked(_Bent, _decayed(0.1)))
    assert (verdict.status, verdict.cause) == (CONVENTION, "weight-decay")
    assert "0.1 x W1 and 0.1 x W2" in verdict.message


@pytest.mark.parametrize("share", [0.3, -0.3])
def test_a_penalty_twice_or_not_at_all_is_none_that_is_meant(share: float) -> None:
    assert causes(_asked(_Penalized, _decayed(share))) == ["weight-decay"]


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_penalty_with_another_sign_than_the_loss_has_is_named(sign: float) -> None:
    made = type("Made", (_Bent,), {"penalty": 0.3 * sign})
    assert causes(_asked(made, _decayed(-0.6 * sign))) == ["penalty-sign"]


@pytest.mark.parametrize("where", [slice(None), slice(1, 2), slice(3, 4)])
def test_a_factor_that_is_another_one_for_each_batch_is_no_constant(where: slice) -> None:
    verdict = only(_asked(_Bent, _scaled(where, lambda n: n / (n + 1000))))
    assert (verdict.status, verdict.cause) == (DIFFERS, None)
    assert "another one for each batch, 0.00695134 x with 7" in verdict.message
    assert "The cause is unknown" in verdict.message


def test_a_factor_shows_beside_decay() -> None:
    def change(found: list[Array], w: list[Array], n: int) -> list[Array]:
        return _decayed(0.1)([2 * g for g in found], w, n)

    verdicts = _asked(_Bent, change)
    assert causes(verdicts) == ["factor-two"]
    assert [v.cause for v in verdicts if v.status == CONVENTION] == ["weight-decay"]


@pytest.mark.parametrize(
    ("where", "factor", "cause", "tensors"),
    [
        (slice(0, 1), lambda _: -1.0, "sign", "W1"),
        (slice(1, 2), float, "factor-batch", "W2"),
        (slice(0, 1), lambda n: float(n**2), "factor-batch", "W1"),
        (slice(2, 4), lambda n: 1.0 / n, "bias-scaled", "b2, b1"),
    ],
)
def test_tensors_have_factors_of_their_own(
    where: slice, factor: Callable[[int], float], cause: str, tensors: str
) -> None:
    verdict = only(_asked(_Bent, _scaled(where, factor)))
    assert (verdict.status, verdict.cause) == (DIFFERS, cause)
    assert f"on {tensors} and not" in verdict.message


class _Deep(_Bent):
    """Derivatives of the activation that may have a factor."""

    sizes = (12, 9, 8, 10)
    factor: Callable[[int], float] = staticmethod(lambda _n: 2.0)

    def gradients(self, x: Array, y: Array) -> list[Array]:
        found = super().gradients(x, y)
        depth, factor = len(self.w), type(self).factor(len(x))
        powers = [factor ** (depth - 1 - n) for n in range(depth)]
        return [power * g for power, g in zip(powers * 2, found, strict=True)]


class _DeepPenalized(_Deep):
    """A penalty that is right beside the factor of the rest."""

    penalty = 0.3

    def gradients(self, x: Array, y: Array) -> list[Array]:
        self.penalty = 0.0
        found = super().gradients(x, y)
        del self.penalty
        beside = zip(found, self.w, strict=False)
        return [g + self.penalty * w for g, w in beside] + found[len(self.w) :]


class _DeepByBatch(_Deep):
    factor = staticmethod(lambda n: 1.0 / n)


class _DeepNearly(_Deep):
    """A factor that two batches show as exactly as slopes are known."""

    factor = staticmethod(lambda n: 0.7 * (1 + 1e-6 * (n == 7)))


def test_a_derivative_with_a_factor_is_one_fault_of_all_layers() -> None:
    verdict = only(ask(network(_Deep), gradient.examine))
    assert (verdict.status, verdict.cause, verdict.tensor) == (DIFFERS, "factor-constant", "dL/dz2")
    assert verdict.factor == pytest.approx(2)
    assert "the derivative of the hidden activation, which is 2 x" in verdict.message
    verdict = only(ask(network(_DeepPenalized), gradient.examine))
    assert (verdict.cause, verdict.tensor) == ("factor-constant", "dL/dz2")
    assert "the factor is that of the rest" in verdict.message
    verdict = only(ask(network(_DeepByBatch), gradient.examine))
    assert (verdict.cause, verdict.tensor) == ("factor-batch", "dL/dz2")
    verdict = only(ask(network(_DeepNearly), gradient.examine))
    assert "has another 0.700001 x: 7/10. The factor comes in" in verdict.message


def test_a_norm_that_all_batches_have_is_one_that_is_clipped_to() -> None:
    def change(found: list[Array], _w: list[Array], _n: int) -> list[Array]:
        norm = np.sqrt(sum(float((g**2).sum()) for g in found))
        return [0.01 * g / norm for g in found]

    assert causes(_asked(_Bent, change)) == ["gradient-clipped"]


def test_what_is_no_multiple_has_no_name() -> None:
    def change(found: list[Array], _w: list[Array], _n: int) -> list[Array]:
        return [np.abs(found[0]), *found[1:]]

    verdict = only(_asked(_Bent, change))
    assert (verdict.status, verdict.tensor, verdict.cause) == (DIFFERS, "W1", None)


def test_a_factor_near_one_that_means_something_gets_no_name_of_it() -> None:
    # ln 2 is 0.69315.
    assert causes(_asked(_Bent, _scaled(slice(0, 4), lambda _: 0.693))) == ["factor-constant"]
    assert causes(_asked(_Bent, _scaled(slice(0, 4), lambda _: float(np.log(2))))) == [
        "loss-log-base"
    ]
    # So it is of a softmax of powers of 2, whose loss has the natural logarithm.
    assert causes(_asked(_Bent, _scaled(slice(0, 4), lambda _: float(1 / np.log(2))))) == [
        "factor-constant"
    ]


class _Margins(Classifier):
    """max(0, 1 - t p) of every class, with t = 1 or -1; the derivative has no mask."""

    last: Any = staticmethod(lambda z: z)

    def loss(self, x: Array, y: Array) -> float:
        return float(np.mean(np.maximum(0, 1 - (2 * y - 1) * self.forward(x))))

    def delta(self, x: Array, y: Array) -> Array:
        self.forward(x)
        return (1 - 2 * y) / y.size


def test_a_gradient_is_held_to_the_loss_reported_and_not_to_a_guessed_one() -> None:
    report = examine(network(_Margins, step=None))
    [verdict] = [v for v in report.of("gradient") if v.status == DIFFERS]
    assert verdict.cause is None
    # Without its mask the derivative is near to the slope of its loss, and to that of no other.
    told = re.search(r"not the slope of the loss .* multiple is ([\d.]+) x", verdict.message)
    assert told is not None
    assert 0.5 < float(told[1]) < 2


@pytest.mark.parametrize("factor", [1, -1])
def test_what_divides_by_targets_is_asked_with_none_that_is_zero(factor: int) -> None:
    class Net(_Margins):
        sizes = (12, 9, 3)

        def loss(self, x: Array, y: Array) -> float:
            return float(np.mean(np.abs((self.forward(x) - y) / y)))

        def delta(self, x: Array, y: Array) -> Array:
            return np.asarray(factor * np.sign(self.forward(x) - y) / np.abs(y) / y.size)

    report = examine(network(Net, step=None, labels="targets"), only=("loss", "gradient"))
    told = [(v.aspect, v.status, v.cause) for v in report.verdicts]
    right = ("gradient", EQUAL, None) if factor == 1 else ("gradient", DIFFERS, "sign")
    assert told == [("loss", UNCHECKED, None), right]


@pytest.mark.parametrize(
    ("told", "of_fault"),
    [
        (lambda value: round(value, 4), UNCHECKED),
        (lambda value: round(value, 6), UNCHECKED),
        (np.float32, DIFFERS),
    ],
)
def test_a_loss_of_a_few_digits_blames_no_gradient(told: Any, of_fault: str) -> None:
    def loss(net: _Bent, x: Array, y: Array) -> Any:
        return told(net.loss(x, y))

    right = only(ask(network(_Bent, loss=loss), gradient.examine))
    assert (right.status, "a few digits" in right.message) == (EQUAL, True)

    def squared(net: _Bent, x: Array, y: Array) -> list[Array]:
        return [g * np.abs(g) for g in net.gradients(x, y)]

    faulty = ask(network(_Bent, loss=loss, gradients=squared), gradient.examine)
    assert {verdict.status for verdict in faulty} == {of_fault}


class _SingleBent(_Bent):
    def __init__(self) -> None:
        super().__init__()
        self.w = [w.astype(np.float32) for w in self.w]
        self.b = [b.astype(np.float32) for b in self.b]


@pytest.mark.parametrize("make", [_Bent, _SingleBent])
def test_a_factor_of_a_tensor_that_is_small_beside_the_others_is_told(make: Any) -> None:
    def gradients(net: _Bent, x: Array, y: Array) -> list[Array]:
        dw1, dw2, db1, db2 = net.gradients(x, y)
        return [dw1, dw2, 1.05 * db1, db2]

    told = ask(network(make, gradients=gradients), gradient.examine)
    assert [(v.tensor, round(v.factor or 0.0, 3)) for v in told] == [("b1", 1.05)]


@pytest.mark.parametrize("make", [_Bent, _SingleBent])
def test_a_penalty_of_matrices_that_are_small_beside_the_others_is_told(make: Any) -> None:
    def gradients(net: _Bent, x: Array, y: Array) -> list[Array]:
        dw1, *others = net.gradients(x, y)
        share = 0.5 * np.linalg.norm(dw1) / np.linalg.norm(net.w[0])
        return [dw1 + share * net.w[0], *others]

    def loss(net: _Bent, x: Array, y: Array) -> float:
        return net.loss(x, y) + 30 * float((net.b[1] ** 2).sum())

    def beside(net: _Bent, x: Array, y: Array) -> list[Array]:
        dw1, dw2, db1, db2 = gradients(net, x, y)
        return [dw1, dw2, db1, db2 + 60 * net.b[1]]

    told = only(ask(network(make, loss=loss, gradients=beside), gradient.examine))
    assert (told.status, told.cause) == (CONVENTION, "weight-decay")
    assert "x W1 added" in told.message


def test_slopes_next_to_a_kink_are_left_out() -> None:
    layers = [Layer(np.array([[1.0, 0.0, 1e-9]]), None)]

    class _Subject:
        def set(self, layers: Layers) -> Layers:
            self.layers = layers
            return layers

    asked = _Subject()

    def loss(_: Batch) -> float:
        return float(np.maximum(asked.layers[0].weight, 0).sum())

    batch = Batch.of(np.zeros((1, 3)), np.zeros(1, int), 1)
    rng = np.random.default_rng(0)
    positions, found = slopes(asked, layers, batch, 3, rng, loss)["W1"]  # type: ignore[arg-type]
    assert (positions.tolist(), found.tolist()) == ([0], [pytest.approx(1)])


class _Centred(_Bent):
    """The first bias is in front of a mean that is taken off, so that no loss has a slope by it."""

    def forward(self, x: Array) -> Array:
        z = x @ self.w[0] + self.b[0]
        z = z - z.mean(axis=0)
        self.a = [x, np.tanh(z) ** 3]
        self.a.append(self.last(self.a[-1] @ self.w[1] + self.b[1]))
        return self.a[-1]

    def gradients(self, x: Array, y: Array) -> list[Array]:
        d2 = self.delta(x, y)
        t = np.cbrt(self.a[1])
        d1 = d2 @ self.w[1].T * 3 * t**2 * (1 - t**2)
        d1 = d1 - d1.mean(axis=0)
        return [x.T @ d1, self.a[1].T @ d2, d1.sum(axis=0, keepdims=True), d2.sum(0, keepdims=True)]


def test_what_has_no_slope_has_no_factor() -> None:
    assert only(_asked(_Centred, lambda found, _w, _n: found)).status == EQUAL
    [told] = _asked(_Centred, _scaled(slice(None), lambda _: 3.5))
    assert "on all tensors" in told.message


class _Running:
    """Batch norm by running averages, which a new network begins with its first batch."""

    turned = 1.0

    def __init__(self) -> None:
        rng = np.random.default_rng(3)
        self.w1, self.w2 = rng.standard_normal((6, 5)), rng.standard_normal((5, 3))
        self.gamma, self.beta = np.ones(5), np.zeros(5)
        self.var: Array | None = None

    def forward(self, x: Array) -> Array:
        z = x @ self.w1
        own = z.var(axis=0)
        self.var = own if self.var is None else 0.9 * self.var + 0.1 * own
        self.scale = np.sqrt(self.var + 1e-5)
        self.normed = (z - z.mean(axis=0)) / self.scale
        self.a = np.tanh(self.gamma * self.normed + self.beta)
        output: Array = self.a @ self.w2
        return output

    def loss(self, x: Array, y: Array) -> float:
        return float(((self.forward(x) - y) ** 2).mean())

    def gradients(self, x: Array, y: Array) -> list[Array]:
        d = 2 * (self.forward(x) - y) / y.size
        da = d @ self.w2.T * (1 - self.a**2)
        dn = da * self.gamma
        through = self.normed * (dn * self.normed).mean(axis=0)
        dz = (dn - dn.mean(axis=0) - self.turned * through) / self.scale
        return [x.T @ dz, (da * self.normed).sum(axis=0), da.sum(axis=0), self.a.T @ d]


class _RunningTurned(_Running):
    turned = -1.0


@pytest.mark.parametrize(("make", "tensor"), [(_Running, None), (_RunningTurned, "w1")])
def test_a_loss_of_running_averages_is_asked_of_new_networks(make: Any, tensor: Any) -> None:
    declared = Network(
        make,
        "w1 gamma beta w2",
        "forward",
        gradients="gradients",
        loss="loss",
        labels="targets",
    )
    report = examine(declared)
    assert [v.tensor for v in report.of("gradient") if v.status == DIFFERS] == [tensor] * bool(
        tensor
    )
    assert "random" not in str(report)


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_what_is_not_finite_has_no_penalty(value: float) -> None:
    def change(found: list[Array], _w: list[Array], _n: int) -> list[Array]:
        return [found[0] + value, *found[1:]]

    verdict = only(_asked(_Bent, change))
    assert (verdict.status, verdict.cause, verdict.tensor) == (DIFFERS, None, "W1")
    assert verdict.message.startswith("W1: it has infinities or NaN")


class _Standardized(Classifier):
    """Inputs are divided by so little that biases hardly decide which units are on."""

    sizes = (12, 9, 10)
    with_bias = True

    def forward(self, x: Array) -> Array:
        x = (x - 0.13) / (0.31 + 0.01 * np.arange(x.shape[1]))
        return super().forward(x)

    def gradients(self, x: Array, y: Array) -> list[Array]:
        d2 = self.delta(x, y)
        z = self.a[0] @ self.w[0] + (self.b[0] if self.with_bias else 0.0)
        d1 = (d2 @ self.w[1].T) * (z > 0)
        weights, biases = zip(
            *((a.T @ d, d.sum(axis=0)) for a, d in zip(self.a, (d1, d2), strict=False)),
            strict=True,
        )
        return [*weights, *(bias[np.newaxis] for bias in biases)]


class _WithoutBias(_Standardized):
    with_bias = False


def test_a_mask_without_the_bias_shows_where_biases_are_large() -> None:
    right = only(ask(network(_Standardized), gradient.examine))
    assert (right.status, right.cause) == (EQUAL, None)
    wrong = only(ask(network(_WithoutBias), gradient.examine))
    assert wrong.status == DIFFERS
    assert "biases of hidden layers 6 x as large" in wrong.message


class _Moving(_Bent):
    """Every call moves a mean of the inputs, which is taken off them."""

    mean: Any = 0.0

    def forward(self, x: Array) -> Array:
        self.mean = 0.9 * self.mean + 0.1 * x.mean(axis=0)
        return super().forward(x - self.mean)


def test_a_loss_that_every_call_moves_has_no_slopes() -> None:
    verdict = only(ask(network(_Moving), gradient.examine))
    assert verdict.status == UNCHECKED
    assert "of the calls before" in verdict.message
