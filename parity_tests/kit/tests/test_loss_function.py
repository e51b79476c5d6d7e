"""Losses on their own: right ones, conventions, and each fault by its name."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import numpy_impl as ours
from numpy_impl import InputError
from parity_tests.kit.layers.loss_function import LossUnderTest, examine_loss
from parity_tests.kit.tests.test_layers import OF_LOSSES
from parity_tests.kit.verdicts import ASPECTS, CONVENTION, DIFFERS, UNCHECKED, Verdict

Array = NDArray[Any]
Function = Callable[..., Any]


def causes(verdicts: list[Verdict]) -> set[str | None]:
    return {verdict.cause for verdict in verdicts if verdict.status == DIFFERS}


def told(verdicts: list[Verdict]) -> str:
    return "\n".join(f"{v.aspect}: {v.status}: {v.cause}: {v.message}" for v in verdicts)


def softmax(z: Array) -> Array:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def sigmoid(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


def log_softmax(z: Array) -> Array:
    z = z - z.max(axis=1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=1, keepdims=True))


def ce(z: Array, y: Array) -> Any:
    return -(y * log_softmax(z)).sum() / len(z)


def ce_gradient(z: Array, y: Array) -> Any:
    return (softmax(z) - y) / len(z)


def ce_of_labels(z: Array, labels: Array) -> Any:
    p = softmax(z)
    loss = -np.log(p[np.arange(len(z)), labels] + 1e-7).mean()
    p[np.arange(len(z)), labels] -= 1
    return loss, p / len(z)


def nll(p: Array, y: Array) -> Any:
    return -np.mean(np.sum(y * np.log(np.clip(p, 1e-15, 1)), axis=1))


def nll_gradient(p: Array, y: Array) -> Any:
    return -y / (p + 1e-9) / len(p)


def bce(p: Array, y: Array) -> Any:
    p = np.clip(p, 1e-12, 1 - 1e-12)
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


def bce_gradient(p: Array, y: Array) -> Any:
    return (p - y) / (p * (1 - p)) / p.size


def logits_bce(z: Array, y: Array) -> Any:
    return np.mean(np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z))))


def logits_bce_gradient(z: Array, y: Array) -> Any:
    return (sigmoid(z) - y) / z.size


def mse(x: Array, y: Array) -> Any:
    return ((x - y) ** 2).mean()


def mse_gradient(x: Array, y: Array) -> Any:
    return 2 * (x - y) / x.size


def huber(x: Array, y: Array) -> Any:
    d = np.abs(x - y)
    return np.where(d < 1, d**2 / 2, d - 0.5).mean()


def margins_of(x: Array, y: Array) -> Array:
    own = (x * y).sum(axis=1, keepdims=True)
    return np.where(y == 1, 0.0, np.maximum(0, x - own + 1))


def margins(x: Array, y: Array) -> Any:
    return margins_of(x, y).sum() / len(x)


def margins_gradient(x: Array, y: Array) -> Any:
    over = 1.0 * (margins_of(x, y) > 0)
    return (over - y * over.sum(axis=1, keepdims=True)) / len(x)


def of(like: str, value: Function, gradient: Function | None = None, **more: Any) -> LossUnderTest:
    return LossUnderTest(value, gradient, like, **more)


def entropy(value: Function = ce, gradient: Function | None = ce_gradient, **more: Any) -> Any:
    return of("CrossEntropyLoss", value, gradient, **more)


def own(like: str, **more: Any) -> LossUnderTest:
    loss = getattr(ours, like)()
    return of(like, lambda x, y: (loss(x, y), loss.backward()), **more)


def log_of_numbers(z: Array) -> Array:
    return np.array([[math.log(1 + math.exp(value)) for value in row] for row in z])


RIGHT: dict[str, LossUnderTest] = {
    "cross-entropy of one-hot": entropy(),
    "value only": entropy(gradient=None),
    "of labels, both at once": entropy(ce_of_labels, None, labels="integers"),
    "in columns": entropy(
        lambda z, y: ce(z.T, y.T), lambda z, y: ce_gradient(z.T, y.T).T, batch="columns"
    ),
    "a column of labels": entropy(
        lambda z, y: ce_of_labels(z, y.ravel()), None, labels="integer_column"
    ),
    "summed": entropy(lambda z, y: ce(z, y) * len(z), lambda z, y: softmax(z) - y),
    "mean over entries": entropy(
        lambda z, y: -(y * log_softmax(z)).mean(), lambda z, y: (softmax(z) - y) / z.size
    ),
    "declared": entropy(options={"reduction": "mean"}),
    "of probabilities": entropy(nll, nll_gradient, from_logits=False),
    "gradient of the logits": entropy(nll, lambda p, y: (p - y) / len(p), from_logits=False),
    "binary": of("BCELoss", bce, bce_gradient),
    "binary, one output": of("BCELoss", bce, bce_gradient, outputs=1),
    "binary from logits": of("BCEWithLogitsLoss", logits_bce, logits_bce_gradient),
    "squares": of("MSELoss", mse, mse_gradient),
    "half squares": of(
        "MSELoss",
        lambda x, y: 0.5 * ((x - y) ** 2).sum() / len(x),
        lambda x, y: (x - y) / len(x),
    ),
    "absolute": of(
        "L1Loss", lambda x, y: np.abs(x - y).mean(), lambda x, y: np.sign(x - y) / x.size
    ),
    **{f"this project's {name}": own(name) for name in ("MSELoss", "L1Loss", "HuberLoss")},
    **{f"this project's {name}": own(name) for name in ("SmoothL1Loss", "SoftMarginLoss")},
    **{f"this project's {name}": own(name) for name in ("BCELoss", "BCEWithLogitsLoss")},
    "this project's MultiMarginLoss": own("MultiMarginLoss", labels="integers"),
    "margins": of("MultiMarginLoss", margins, margins_gradient, labels="one_hot"),
    "huber": of("HuberLoss", huber, lambda x, y: np.clip(x - y, -1, 1) / x.size),
    "huber for the smooth one": of("SmoothL1Loss", lambda x, y: huber(x, y) * x.size),
    "this project's CrossEntropyLoss": own("CrossEntropyLoss", labels="integers"),
}


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize("seed", range(5))
def test_right_losses_do_not_differ(name: str, seed: int) -> None:
    verdicts = examine_loss(RIGHT[name], seed)
    assert not causes(verdicts), told(verdicts)
    assert all(v.status != UNCHECKED and v.aspect in ASPECTS for v in verdicts), told(verdicts)


def diagonal(z: Array, y: Array) -> Array:
    p = softmax(z)
    return -y / p * p * (1 - p) / len(z)


def edits(z: Array, y: Array) -> Array:
    z -= z.max(axis=1, keepdims=True)
    return ce(z, y)


def unshifted(z: Array, y: Array) -> Any:
    return -(y * (z - np.log(np.exp(z).sum(axis=1, keepdims=True)))).sum() / len(z)


def one_shift(z: Array, y: Array) -> Any:
    e = np.exp(z - z.max())
    p = e / e.sum(axis=1, keepdims=True)
    return -np.log(p[y > 0]).mean()


FAULTS: dict[str, tuple[LossUnderTest, set[str | None]]] = {
    "without log": (
        entropy(lambda z, y: -(y * softmax(z)).sum() / len(z), None),
        {"loss-without-log"},
    ),
    "sign": (entropy(lambda z, y: -ce(z, y), None), {"loss-sign"}),
    "sign of the value alone": (
        entropy(lambda z, y: -ce(z, y), lambda z, y: (softmax(z) - y) / len(z)),
        {"loss-sign"},
    ),
    "sign of both": (
        entropy(lambda z, y: -ce(z, y), lambda z, y: (y - softmax(z)) / len(z)),
        {"loss-sign", "sign"},
    ),
    "log2": (entropy(lambda z, y: ce(z, y) / np.log(2), None), {"loss-log-base"}),
    "softmax twice": (entropy(lambda z, y: ce(softmax(z), y), None), {"softmax-twice"}),
    "softmax twice, of probabilities": (
        entropy(ce, None, from_logits=False),
        {"softmax-twice"},
    ),
    "not reduced": (
        entropy(lambda z, y: -(y * log_softmax(z)).sum(axis=1) / len(z), None),
        {"loss-not-reduced"},
    ),
    "another loss": (
        entropy(lambda z, y: ((softmax(z) - y) ** 2).sum(axis=1).mean(), None),
        {"another-loss"},
    ),
    "unknown": (entropy(lambda z, y: np.tanh(ce(z, y)), None), {None}),
    "declared a mean, is a sum": (
        entropy(lambda z, y: ce(z, y) * len(z), None, options={"reduction": "mean"}),
        {"factor-batch"},
    ),
    "gradient summed": (entropy(ce, lambda z, y: softmax(z) - y), {"factor-batch"}),
    "gradient over classes": (
        entropy(ce, lambda z, y: (softmax(z) - y) / z.size),
        {"factor-classes"},
    ),
    "gradient's sign": (entropy(ce, lambda z, y: (y - softmax(z)) / len(z)), {"sign"}),
    "gradient diagonal": (entropy(ce, diagonal), {"softmax-jacobian-diagonal"}),
    "gradient without the target": (
        entropy(ce, lambda z, _: softmax(z) / len(z)),
        {"target-not-subtracted"},
    ),
    "gradient through softmax missing": (
        entropy(ce, lambda z, y: -y / softmax(z) / len(z)),
        {"output-derivative-missing"},
    ),
    "gradient unknown": (entropy(ce, lambda z, y: np.sin(3 * z) - y), {None}),
    "gradient of log-cosh": (
        entropy(ce, lambda z, y: np.tanh(z - y)),
        {"gradient-of-another-loss"},
    ),
    "huber, squares": (of("HuberLoss", mse), {"another-loss"}),
    "absolute, huber": (of("L1Loss", huber), {"another-loss"}),
    "absolute, gradient of huber": (
        of("L1Loss", lambda x, y: np.abs(x - y).mean(), lambda x, y: np.clip(x - y, -1, 1)),
        {"gradient-of-another-loss"},
    ),
    "margins for the entropy": (entropy(margins, None), {"another-loss"}),
    "margins, squared": (
        of("MultiMarginLoss", lambda x, y: (margins_of(x, y) ** 2).sum() / len(x)),
        {"another-loss"},
    ),
    "margins, gradient of squares": (
        of("MultiMarginLoss", margins, lambda x, y: (x - y) / len(x)),
        {"gradient-of-another-loss"},
    ),
    "log of zero of Python's numbers": (
        entropy(lambda p, y: -sum(map(math.log, p[y > 0])) / len(p), None, from_logits=False),
        {"log-of-zero"},
    ),
    "overflow of Python's numbers": (
        of("BCEWithLogitsLoss", lambda z, y: np.mean(log_of_numbers(z) - z * y)),
        {"overflow"},
    ),
    "gradient of another loss": (
        entropy(
            ce,
            lambda z, y: (
                (lambda p: p * ((p - y) - ((p - y) * p).sum(1, keepdims=True)))(softmax(z)) / len(z)
            ),
        ),
        {"gradient-of-another-loss"},
    ),
    "of probabilities, gradient of squares": (
        of("BCELoss", bce, lambda p, _: p / p.size),
        {"target-not-subtracted"},
    ),
    "binary, one term": (
        of("BCELoss", lambda p, y: -np.mean(y * np.log(p)), None),
        {"loss-one-term", "log-of-zero"},
    ),
    "binary, gradient of one term": (
        of("BCELoss", bce, lambda p, y: -y / p / p.size),
        {"loss-one-term"},
    ),
    "squares, root": (of("MSELoss", lambda x, y: np.sqrt(mse(x, y))), {"loss-not-squared"}),
    "squares, two dropped": (
        of("MSELoss", mse, lambda x, y: (x - y) / x.size),
        {"factor-two"},
    ),
    "squares, absolute": (of("MSELoss", lambda x, y: np.abs(x - y).mean()), {"another-loss"}),
    "log of zero": (
        entropy(lambda z, y: -(y * np.log(softmax(z))).sum() / len(z), None),
        {"log-of-zero"},
    ),
    "log of zero, of probabilities": (
        entropy(lambda p, y: -(y * np.log(p)).sum() / len(p), None, from_logits=False),
        {"log-of-zero"},
    ),
    "no shift": (entropy(unshifted, None), {"softmax-no-shift"}),
    "one shift": (entropy(one_shift, None), {"softmax-one-shift"}),
    "overflow": (
        of("BCEWithLogitsLoss", lambda z, y: np.mean(np.log(1 + np.exp(z)) - z * y)),
        {"overflow"},
    ),
    "input edited": (entropy(edits, None), {"input-edited"}),
}


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("seed", range(3))
def test_faults_are_named_and_nothing_else(name: str, seed: int) -> None:
    declaration, expected = FAULTS[name]
    verdicts = examine_loss(declaration, seed)
    assert causes(verdicts) == expected, told(verdicts)


def test_every_cause_has_a_fault() -> None:
    planted = {cause for _, expected in FAULTS.values() for cause in expected}
    assert planted >= OF_LOSSES


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("summed", "batch size"),
        ("half squares", "1/2"),
        ("of labels, both at once", "1e-07 is added inside the logarithm"),
        ("of probabilities", "1e-09 is added to the denominator"),
        ("of probabilities", "is cut off"),
        ("gradient of the logits", "with respect to the logits"),
    ],
)
def test_conventions_are_told(name: str, text: str) -> None:
    verdicts = examine_loss(RIGHT[name])
    told_ = [v.message for v in verdicts if v.status == CONVENTION]
    assert any(text in message for message in told_), told(verdicts)


def test_factors_are_numbers() -> None:
    verdicts = examine_loss(FAULTS["gradient summed"][0])
    (verdict,) = [v for v in verdicts if v.status == DIFFERS]
    assert verdict.factor == pytest.approx(7)


def test_an_unknown_value_is_held_to_its_own_derivative() -> None:
    def value(x: Array, y: Array) -> Any:
        return np.tanh(x - y).sum() ** 2

    def gradient(x: Array, y: Array) -> Any:
        return 2 * np.tanh(x - y).sum() * (1 - np.tanh(x - y) ** 2)

    found = {v.aspect: v for v in examine_loss(of("MSELoss", value, gradient))}
    assert found["loss"].status == DIFFERS
    assert found["loss"].cause is None
    assert found["gradient"].status != DIFFERS


def test_a_loss_that_raises_says_so() -> None:
    (verdict,) = examine_loss(entropy(lambda z, y: z @ y, None))
    assert verdict.status == UNCHECKED
    assert "value" in verdict.message
    (verdict,) = examine_loss(entropy(ce, lambda _z, _y: 3.0))
    assert "gradient" in verdict.message


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"like": "CTCLoss"}, "like"),
        ({"labels": "words"}, "labels"),
        ({"batch": "vector"}, "batch"),
        ({"outputs": 7}, "outputs"),
        ({"outputs": 0}, "outputs"),
    ],
)
def test_declarations_are_checked(arguments: dict[str, Any], name: str) -> None:
    with pytest.raises(InputError, match=rf"^{name}: "):
        LossUnderTest(ce, **arguments)


def test_options_are_checked() -> None:
    with pytest.raises(InputError, match=r"^options: "):
        examine_loss(of("HuberLoss", mse, options={"slope": 2}))


@pytest.mark.parametrize(
    ("gradient", "told"),
    [
        (lambda p, t: p - t, "the loss of a probability of 0 is infinite"),
        (
            lambda p, t: (1 - t) / (1 - p) - t / p,
            "the loss of a probability of 0 is infinite, and so is its gradient",
        ),
    ],
)
def test_an_infinite_loss_says_of_its_gradient_what_is_seen(gradient: Function, told: str) -> None:
    @np.errstate(all="ignore")
    def value(p: Array, t: Array) -> float:
        return -float(np.where(t > 0, np.log(p), np.log(1 - p)).sum())

    with np.errstate(all="ignore"):
        verdicts = examine_loss(of("BCELoss", value, gradient), 0)
    assert [v.message for v in verdicts if v.aspect == "stability"] == [told]
