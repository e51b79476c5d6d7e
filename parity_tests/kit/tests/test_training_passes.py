"""What is said of training passes that drop units, where predictions drop none."""
# ruff: noqa: NPY002

from typing import Any

import numpy as np
import pytest

from numpy_impl import InputError
from parity_tests.kit.check import examine
from parity_tests.kit.recognition import recognize
from parity_tests.kit.tests.asked import Array, Classifier, network
from parity_tests.kit.tests.proposals import names_of
from parity_tests.kit.verdicts import DIFFERS, EQUAL, UNCHECKED, Verdict


class _Dropping(Classifier):
    """A right network that drops units of its first hidden layer, where it is told to."""

    sizes = (5, 8, 6, 3)
    kept, factor, evaluated = 0.7, 1 / 0.7, 1.0

    def passed(self, x: Array, *, trains: bool = False) -> Array:
        self.z = [x @ self.w[0] + self.b[0]]
        a = np.maximum(self.z[0], 0)
        self.mask = np.full(a.shape, self.evaluated)
        if trains:
            self.mask = (np.random.rand(*a.shape) < self.kept) * self.factor
        h = a * self.mask
        self.z.append(h @ self.w[1] + self.b[1])
        self.a = [x, h, np.maximum(self.z[1], 0)]
        return self.last(self.a[2] @ self.w[2] + self.b[2])

    def forward(self, x: Array) -> Array:
        return self.passed(x)

    def training(self, x: Array) -> Array:
        return self.passed(x, trains=True)

    def loss_of(self, p: Array, y: Array) -> float:
        return float(-np.mean(np.sum(y * np.log(p), axis=1)))

    def loss(self, x: Array, y: Array) -> float:
        return self.loss_of(self.forward(x), y)

    def of_training(self, x: Array, y: Array) -> float:
        return self.loss_of(self.training(x), y)

    def below(self, d: Array) -> Array:
        """Return the error of the first layer from that of its values."""
        return np.asarray(d * self.mask * (self.z[0] > 0))

    def back(self, p: Array, y: Array) -> list[Array]:
        d3 = (p - y) / len(y)
        d2 = (d3 @ self.w[2].T) * (self.z[1] > 0)
        d1 = self.below(d2 @ self.w[1].T)
        weights = [a.T @ d for a, d in zip(self.a, (d1, d2, d3), strict=True)]
        return weights + [d.sum(axis=0) for d in (d1, d2, d3)]

    def gradients(self, x: Array, y: Array) -> list[Array]:
        return self.back(self.forward(x), y)

    def of_training_pass(self, x: Array, y: Array) -> list[Array]:
        return self.back(self.training(x), y)

    def step(self, x: Array, y: Array, lr: float) -> None:
        """Take one by a training pass."""
        for array, gradient in zip(self.w + self.b, self.of_training_pass(x, y), strict=True):
            array -= lr * gradient


class _Unmasked(_Dropping):
    def below(self, d: Array) -> Array:
        return np.asarray(d * (self.z[0] > 0))


class _Remasked(_Dropping):
    def below(self, d: Array) -> Array:
        trains = len(np.unique(self.mask)) > 1
        mask = (np.random.rand(*d.shape) < self.kept) * self.factor if trains else 1.0
        return np.asarray(d * mask * (self.z[0] > 0))


class _UnmaskedAndScaled(_Dropping):
    def below(self, d: Array) -> Array:
        scale = self.factor if len(np.unique(self.mask)) > 1 else 1.0
        return np.asarray(d * scale * (self.z[0] > 0))


class _MaskedAlone(_Dropping):
    def below(self, d: Array) -> Array:
        return np.asarray(d * (self.mask > 0) * (self.z[0] > 0))


class _FromBefore(_Dropping):
    def back(self, p: Array, y: Array) -> list[Array]:
        found = super().back(p, y)
        self.a[1] = np.maximum(self.z[0], 0)
        d2 = ((p - y) / len(y) @ self.w[2].T) * (self.z[1] > 0)
        return [found[0], self.a[1].T @ d2, *found[2:]]


class _Unscaled(_Dropping):
    factor = 1.0


class _OfTheOther(_Dropping):
    factor = 1 / 0.3


class _InEvaluation(_Dropping):
    factor, evaluated = 1.0, 0.7


class _PredictingAlone(_Dropping):
    """It keeps the share in evaluation by a pass of its own, which `forward` does not do."""

    factor, share = 1.0, 0.7

    def predict(self, x: Array) -> Array:
        h = self.share * np.maximum(x @ self.w[0] + self.b[0], 0)
        a = np.maximum(h @ self.w[1] + self.b[1], 0)
        return self.last(a @ self.w[2] + self.b[2])


class _PredictingAll(_PredictingAlone):
    share = 1.0


class _PredictingTooLittle(_PredictingAlone):
    factor = 1 / 0.7


class _Twice(_Dropping):
    evaluated = 0.7


class _Multiplied(_Dropping):
    """Kept units are multiplied where they should be divided; in the backward pass they are."""

    factor = 0.7

    def below(self, d: Array) -> Array:
        divided = np.where(self.mask == self.factor, 1 / self.factor, self.mask)
        return np.asarray(d * divided * (self.z[0] > 0))


class _OneMask(_Dropping):
    def passed(self, x: Array, *, trains: bool = False) -> Array:
        if not trains:
            return super().passed(x)
        drawn = np.random.rand
        try:
            row = drawn(self.sizes[1])
            np.random.rand = lambda *shape: np.broadcast_to(row, shape)  # type: ignore[assignment]
            return super().passed(x, trains=True)
        finally:
            np.random.rand = drawn


class _WithAnotherFault(_Dropping):
    def below(self, d: Array) -> Array:
        return np.asarray(d * self.mask)


_PASS = {
    "forward": lambda net, x: net.training(x),
    "loss": lambda net, x, y: net.of_training(x, y),
    "gradients": lambda net, x, y: net.of_training_pass(x, y),
}


def _told(make: type[Classifier], **more: Any) -> list[Verdict]:
    more = {"loss": "loss", "step": None, "training": _PASS, **more}
    report = examine(network(make, **more), only=("forward", "gradient"))
    return [own for own in report.verdicts if own.aspect in ("forward", "gradient")]


def _causes(found: list[Verdict]) -> list[tuple[str, str | None]]:
    return [(own.aspect, own.cause) for own in found if own.status == DIFFERS]


@pytest.mark.parametrize("make", [_Dropping, _InEvaluation])
def test_a_right_training_pass_is_equal_and_has_the_mean_of_evaluation(
    make: type[Classifier],
) -> None:
    *_, plain, found = _told(make)
    assert (plain.status, found.status) == (EQUAL, EQUAL)
    assert found.message.startswith("in the training pass: some entries of all tensors are slopes")
    assert f"and multiplied by {make.factor:.6g}" in found.message  # type: ignore[attr-defined]
    assert found.message.endswith("so that the mean is the same")


@pytest.mark.parametrize(
    ("make", "causes"),
    [
        (_Unmasked, [("gradient", "dropout-not-in-backward")]),
        (_UnmaskedAndScaled, [("gradient", "dropout-not-in-backward")]),
        (_MaskedAlone, [("gradient", "dropout-backward-scale")]),
        (_Remasked, [("gradient", "dropout-new-mask")]),
        (_FromBefore, [("gradient", None)]),
        (_Unscaled, [("forward", "dropout-not-inverted")]),
        (_OfTheOther, [("forward", "dropout-scale")]),
        (_Twice, [("forward", "dropout-scaled-twice")]),
        (_OneMask, [("forward", "dropout-mask-shared")]),
        (_Multiplied, [("forward", "dropout-scale"), ("gradient", "dropout-backward-scale")]),
    ],
)
def test_what_goes_wrong_in_training_alone_shows(
    make: type[Classifier], causes: list[tuple[str, str | None]]
) -> None:
    assert _causes(_told(make)) == causes
    assert _causes(_told(make, training={})) == []


@pytest.mark.parametrize(
    ("make", "causes"),
    [
        (_PredictingAlone, []),
        (_PredictingAll, [("forward", "dropout-not-inverted")]),
        (_PredictingTooLittle, [("forward", "dropout-scaled-twice")]),
    ],
)
def test_the_mean_is_that_of_the_pass_that_predicts(
    make: type[Classifier], causes: list[tuple[str, str | None]]
) -> None:
    assert _causes(_told(make, evaluation="predict")) == causes


def test_a_pass_that_predicts_in_no_known_form_tells_nothing_of_the_mean() -> None:
    found = _told(_Unscaled, evaluation=lambda net, x: np.sin(net.forward(x)))
    assert _causes(found) == []


def test_a_factor_that_is_of_the_share_that_is_dropped_is_told() -> None:
    [verdict] = [own for own in _told(_OfTheOther) if own.status == DIFFERS]
    assert "that is 1 / the share that is dropped" in verdict.message


def test_a_fault_that_evaluation_has_too_is_told_once() -> None:
    found = _told(_WithAnotherFault)
    assert _causes(found) == [("gradient", "activation-derivative-missing")]
    assert found[-1].status == UNCHECKED
    assert "it was not asked: the gradient has a fault without it" in found[-1].message


@pytest.mark.parametrize("more", [{"loss": None}, {}])
def test_without_a_loss_of_training_that_of_its_outputs_is_taken(more: dict[str, Any]) -> None:
    training = {name: _PASS[name] for name in ("forward", "gradients")}
    assert _causes(_told(_Dropping, training=training, **more)) == []
    expected = [("gradient", "dropout-not-in-backward")]
    assert _causes(_told(_Unmasked, training=training, **more)) == expected


class _Penalized(_Dropping):
    """Its penalty is divided by the number of samples."""

    share = 0.4

    def loss(self, x: Array, y: Array) -> float:
        squares = sum(float((w**2).sum()) for w in self.w)
        return super().loss(x, y) + self.share / 2 / len(x) * squares

    def back(self, p: Array, y: Array) -> list[Array]:
        found = super().back(p, y)
        weights = [g + self.share / len(y) * w for g, w in zip(found, self.w, strict=False)]
        return weights + found[len(weights) :]


class _PenalizedUnmasked(_Penalized, _Unmasked):
    pass


class _PenalizedUnscaled(_Penalized):
    factor = 1.0


class _PenalizedAlone(_Penalized):
    def of_training_pass(self, x: Array, y: Array) -> list[Array]:
        return _Dropping.back(self, self.training(x), y)


@pytest.mark.parametrize(
    ("make", "causes"),
    [
        (_Penalized, []),
        (_PenalizedUnmasked, [("gradient", "dropout-not-in-backward")]),
        (_PenalizedUnscaled, [("forward", "dropout-not-inverted")]),
    ],
)
def test_the_penalty_of_the_loss_reported_is_one_of_training(
    make: type[Classifier], causes: list[tuple[str, str | None]]
) -> None:
    training = {name: _PASS[name] for name in ("forward", "gradients")}
    assert _causes(_told(make, training=training)) == causes


def test_a_penalty_that_training_leaves_out_shows() -> None:
    training = {name: _PASS[name] for name in ("forward", "gradients")}
    [verdict] = [own for own in _told(_PenalizedAlone, training=training) if own.cause]
    assert verdict.cause == "weight-decay"
    assert "to the slope of that loss of its outputs with its penalty" in verdict.message


def test_steps_by_a_training_pass_are_held_to_its_loss() -> None:
    more = {"gradients": None, "step": "step", "training": {"forward": _PASS["forward"]}}
    assert [own.status for own in _told(_Dropping, **more)] == [EQUAL, EQUAL]
    assert _causes(_told(_Unmasked, **more)) == [("gradient", "dropout-not-in-backward")]
    assert _causes(_told(_Unscaled, **more)) == [("forward", "dropout-not-inverted")]


class _Shuffling(_Dropping):
    """Its step draws the order of its samples before the mask."""

    def order(self, samples: int) -> Array:
        return np.random.permutation(samples)

    def step(self, x: Array, y: Array, lr: float) -> None:
        order = self.order(len(x))
        super().step(x[order], y[order], lr)


class _ShufflingUnmasked(_Shuffling, _Unmasked):
    pass


class _Sorting(_Shuffling):
    """It draws a number for a single sample, too."""

    def order(self, samples: int) -> Array:
        return np.argsort(np.random.rand(samples))


def test_a_step_that_draws_the_order_of_its_samples_is_held_to_one() -> None:
    more = {"gradients": None, "step": "step", "training": {"forward": _PASS["forward"]}}
    assert [own.status for own in _told(_Shuffling, **more)] == [EQUAL, EQUAL]
    assert [own.aspect for own in _told(_ShufflingUnmasked, **more) if own.status == DIFFERS] == [
        "gradient"
    ]
    *_, last = _told(_Sorting, **more)
    assert last.status == UNCHECKED
    assert "draws other random numbers" in last.message


def test_what_is_kept_is_judged_where_loss_and_gradient_are_of_training_alone() -> None:
    more = {"loss": "of_training", "gradients": "of_training_pass", "training": {}}
    assert _causes(_told(_Dropping, **more)) == []
    assert _causes(_told(_Unscaled, **more)) == [("forward", "dropout-not-inverted")]


class _OfInputs(_Dropping):
    """A network that drops inputs, and leaves the derivative of its rectifier out."""

    def passed(self, x: Array, *, trains: bool = False) -> Array:
        return super().passed(x * (np.random.rand(*x.shape) < 0.7) / 0.7 if trains else x)

    def below(self, d: Array) -> Array:
        return np.asarray(d)


def test_a_derivative_left_out_behind_inputs_that_are_dropped_is_no_mask() -> None:
    more = {"loss": "of_training", "gradients": "of_training_pass", "training": {}}
    found = _told(_OfInputs, **more)
    assert [cause for aspect, cause in _causes(found) if aspect == "gradient"] == [None]


def test_only_what_a_pass_consists_of_may_be_another_in_training() -> None:
    for training in ({"make": dict}, {"forward": 1}):
        with pytest.raises(InputError, match="training"):
            network(_Dropping, training=training)


# Recognized

_SOURCE = """
import numpy as np

class Dropout:
    def __init__(self):
        self.training = True
    def masked(self, a):
        return (np.random.rand(*a.shape) > 0.5) * 2 if self.training else np.ones_like(a)

class Net:
    def __init__(self, n_in=12, n_hidden=9, n_out=10):
        self.W1, self.b1 = np.random.randn(n_in, n_hidden) * 0.3, np.zeros(n_hidden)
        self.W2, self.b2 = np.random.randn(n_hidden, n_out) * 0.3, np.zeros(n_out)
        ATTRIBUTE
    def masked(self, a, trains):
        return (np.random.rand(*a.shape) > 0.5) * 2 if trains else np.ones_like(a)
    def forward(self, X ARGUMENT):
        self.X, self.h = X, np.tanh(X @ self.W1 + self.b1)
        self.mask = MASK
        self.d = self.h * self.mask
        self.p = 1 / (1 + np.exp(-(self.d @ self.W2 + self.b2)))
        return self.p
    def loss(self, y):
        return -np.sum(y * np.log(self.p) + (1 - y) * np.log(1 - self.p)) / len(y)
    def backward(self, y):
        d2 = (self.p - y) / len(y)
        d1 = (d2 @ self.W2.T) * self.mask * (1 - self.h**2)
        self.dW1, self.db1 = self.X.T @ d1, d1.sum(axis=0)
        self.dW2, self.db2 = self.d.T @ d2, d2.sum(axis=0)
"""
_SWITCH = """
    def train(self):
        self.training = True
    def eval(self):
        self.training = False
"""


def _source(mask: str, argument: str = "", attribute: str = "pass") -> str:
    parts = {"MASK": mask, " ARGUMENT": argument, "ATTRIBUTE": attribute}
    source = _SOURCE
    for name, text in parts.items():
        source = source.replace(name, text)
    return source


_BY_ATTRIBUTE = _source("self.masked(self.h, self.training)", attribute="self.training = True")
_BY_LAYER = _source("self.drop.masked(self.h)", attribute="self.drop = Dropout()")
_BY_DEFAULT = _source("self.masked(self.h, train)", ", train=True")
_TOLD = _source("self.masked(self.h, train)", ", train=False")
_OFF_BY_DEFAULT = _BY_ATTRIBUTE.replace(
    "        self.training = True", "        self.training = False"
)


@pytest.mark.parametrize(
    ("source", "evaluation", "training"),
    [
        (_BY_DEFAULT, "net.forward(x, False)", "net.forward(x)"),
        (_TOLD, "net.forward(x)", "net.forward(x, True)"),
        (
            _BY_ATTRIBUTE,
            "(setattr(net, 'training', False), net.forward(x))[-1]",
            "net.forward(x)",
        ),
        (
            _BY_LAYER,
            "(setattr(net.drop, 'training', False), net.forward(x))[-1]",
            "net.forward(x)",
        ),
        (_OFF_BY_DEFAULT, "net.forward(x)", "(setattr(net, 'training', True), net.forward(x))[-1]"),
        (_BY_ATTRIBUTE + _SWITCH, "(net.eval(), net.forward(x))[-1]", "net.forward(x)"),
        (
            _OFF_BY_DEFAULT + _SWITCH,
            "net.forward(x)",
            "(net.train(), net.forward(x))[-1]",
        ),
    ],
)
def test_a_switch_is_found_and_what_training_is_with_it(
    source: str, evaluation: str, training: str
) -> None:
    fields = recognize(names_of(source)["Net"], names_of(source)).fields
    assert fields["forward"] == f"lambda net, x: {evaluation}"
    assert f"'forward': lambda net, x: {training}, " in fields["training"]
    for name in ("backward", "loss"):
        assert f"{name!r}: {fields[name].replace(evaluation, training)}" in fields["training"]


_PREDICTING = """
    def predict(self, X):
        return 1 / (1 + np.exp(-(0.5 * np.tanh(X @ self.W1 + self.b1) @ self.W2 + self.b2)))
"""


def test_another_pass_that_predicts_is_recognized() -> None:
    names = names_of(_TOLD.replace("> 0.5) * 2", "> 0.5)") + _PREDICTING)
    proposal = recognize(names["Net"], names)
    assert proposal.fields["evaluation"] == "lambda net, x: net.predict(x)"
    found = examine(proposal.network, only=("forward", "gradient")).verdicts
    assert {own.status for own in found} == {EQUAL}
    same = _PREDICTING.replace("0.5 * ", "")
    noisy = _PREDICTING.replace("0.5", "np.random.rand()")
    for other in (
        same,
        noisy,
        "\n    def predict(self, X):\n        return self.forward(X) > 0.5\n",
    ):
        names = names_of(_TOLD + other)
        assert "evaluation" not in recognize(names["Net"], names).fields


@pytest.mark.parametrize("argument", ["", ", verbose=False", ", train=True"])
def test_a_network_that_drops_nothing_has_no_training_pass(argument: str) -> None:
    source = _source("np.ones_like(self.h)", argument)
    assert "training" not in recognize(names_of(source)["Net"], names_of(source)).fields


def test_a_training_pass_that_is_recognized_is_examined() -> None:
    for source in (_BY_ATTRIBUTE, _BY_LAYER):
        names = names_of(source)
        report = examine(recognize(names["Net"], names).network, only="gradient")
        assert [own.status for own in report.verdicts] == [EQUAL, EQUAL]
    names = names_of(_BY_LAYER.replace("* self.mask * (1", "* (1"))
    report = examine(recognize(names["Net"], names).network, only="gradient")
    assert [own.cause for own in report.failures] == ["dropout-not-in-backward"]


# Its forward pass drops units, and what predicts tells it not to, and multiplies by the share.
_OF_KEPT = """
import numpy as np

class Net:
    def __init__(self, n_in=12, n_hidden=9, n_out=10, keep=0.8):
        self.W1, self.b1 = np.random.randn(n_in, n_hidden) / 3, np.zeros(n_hidden)
        self.W2, self.b2 = np.random.randn(n_hidden, n_out) / 3, np.zeros(n_out)
        self.keep = keep
    def forward(self, X, train=True):
        self.X, self.h = X, np.tanh(X @ self.W1 + self.b1)
        self.mask = (np.random.rand(*self.h.shape) < self.keep) if train else self.keep
        self.d = self.h * self.mask
        e = np.exp(self.d @ self.W2 + self.b2)
        self.p = e / e.sum(axis=1, keepdims=True)
        return self.p
    def predict(self, X):
        return self.forward(X, train=False)
    def loss(self, y):
        return -np.mean(np.log(self.p[np.arange(len(y)), y]))
    def backward(self, y):
        d2 = (self.p - np.eye(len(self.b2))[y]) / len(y)
        d1 = (d2 @ self.W2.T) * self.mask * (1 - self.h**2)
        return [self.X.T @ d1, d1.sum(axis=0), self.d.T @ d2, d2.sum(axis=0)]
"""


@pytest.mark.parametrize(
    ("evaluated", "causes"), [("self.keep", []), ("1.0", [("forward", "dropout-not-inverted")])]
)
def test_a_training_pass_is_found_beside_what_predicts(
    evaluated: str, causes: list[tuple[str, str | None]]
) -> None:
    names = names_of(_OF_KEPT.replace("else self.keep", f"else {evaluated}"))
    proposal = recognize(names["Net"], names)
    assert "net.predict(x)" in proposal.fields["forward"]
    assert "'forward': lambda net, x: net.forward(x" in proposal.fields["training"]
    found = examine(proposal.network, only=("forward", "gradient")).verdicts
    assert _causes(found) == causes
    assert found[-1].aspect == "gradient"
    assert found[-1].message.startswith("in the training pass")


# What predicts with units dropped is no pass that is trained.
_OF_SEVERAL = """
    def predict_several(self, X):
        h = np.tanh(X @ self.W1 + self.b1) * (np.random.rand(len(X), len(self.b1)) < 0.5) / 0.5
        e = np.exp(h @ self.W2 + self.b2)
        return e / e.sum(axis=1, keepdims=True)
"""


def test_a_pass_that_only_predicts_is_no_training_pass() -> None:
    plain = _OF_KEPT.replace(
        "(np.random.rand(*self.h.shape) < self.keep) if train else self.keep", "1"
    )
    names = names_of(plain + _OF_SEVERAL)
    proposal = recognize(names["Net"], names)
    assert "training" not in proposal.fields
    assert examine(proposal.network, only="gradient").failures == []


class _Momentum(_Dropping):
    """Its steps have a velocity."""

    def step(self, x: Array, y: Array, lr: float) -> None:
        velocities = vars(self).setdefault("velocities", [0.0] * 6)
        found = self.of_training_pass(x, y)
        for n, (array, gradient) in enumerate(zip(self.w + self.b, found, strict=True)):
            velocities[n] = 0.9 * velocities[n] + gradient
            array -= lr * velocities[n]


class _Uncorrected(_Dropping):
    """Its steps are those of Adam, without the corrections."""

    def step(self, x: Array, y: Array, lr: float) -> None:
        moments = vars(self).setdefault("moments", [(0.0, 0.0)] * 6)
        found = self.of_training_pass(x, y)
        for n, (array, g) in enumerate(zip(self.w + self.b, found, strict=True)):
            m, v = moments[n]
            moments[n] = m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
            array -= lr * m / (np.sqrt(v) + 1e-8)


class _Cubed(_Dropping):
    def step(self, x: Array, y: Array, lr: float) -> None:
        for array, gradient in zip(self.w + self.b, self.of_training_pass(x, y), strict=True):
            array -= lr * gradient**3


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (_Dropping, (EQUAL, None)),
        (_Momentum, (EQUAL, None)),
        (_Uncorrected, (DIFFERS, "adam-no-bias-correction")),
        (_Cubed, (UNCHECKED, None)),
    ],
)
def test_steps_that_drop_units_go_by_the_training_pass_of_the_same_numbers(
    make: type[Classifier], told: tuple[str, str | None]
) -> None:
    declared = network(make, loss="loss", step="step", training=_PASS)
    verdicts = examine(declared, only="optimizer").verdicts
    assert [(own.status, own.cause) for own in verdicts] == [told]
