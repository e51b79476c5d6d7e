"""What losses do at the edges of their arguments."""

import inspect
import pickle
from typing import Any

import numpy as np
import pytest

import numpy_impl as ours
from numpy_impl.losses.binary import sigmoid_focal_derivative
from parity_tests.cases.losses import LOSSES
from parity_tests.checks.raising import raised, refused
from parity_tests.inputs import BATCH, CLASSES, normal

FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)

FORMS = [
    pytest.param(case, variant, id=f"{case.operation.__name__}-{variant}")
    for case in LOSSES
    for variant in case.variants
]
WEIGHTED = [
    pytest.param(case, name, id=f"{case.operation.__name__}-{name}")
    for case in {case.operation: case for case in reversed(LOSSES)}.values()
    for name in ("weight", "pos_weight")
    if name in inspect.signature(case.operation).parameters
]


def drawn(case: Any, dtype: np.dtype[Any] = FLOAT64, number: int = 0) -> tuple[Any, ...]:
    """What the loss takes."""
    return tuple(case.draw(np.random.default_rng(0), case.shapes[number], dtype))


@pytest.mark.parametrize(("case", "variant"), FORMS)
def test_a_loss_is_its_arguments(case: Any, variant: str) -> None:
    loss = case.make(variant, "sum", FLOAT64)
    arguments = ", ".join(f"{name}={value!r}" for name, value in loss.config().items())
    assert repr(loss) == f"{case.operation.__name__}({arguments})"
    arrays = drawn(case)
    assert loss(*arrays) == loss.forward(*arrays)
    fresh = case.make(variant, "sum", FLOAT64)
    error = raised(RuntimeError, fresh.backward)
    assert str(error).startswith(f"{case.operation.__name__}.backward: there was no forward")


@pytest.mark.parametrize(("case", "name"), WEIGHTED)
def test_weights_are_in_the_precision_of_the_input(case: Any, name: str) -> None:
    arrays = drawn(case, FLOAT32)
    width = arrays[0].shape[1]
    wide = 0.1 + np.arange(width) / 3
    losses = [
        case.operation(**{name: weight}, reduction=reduction)(*arrays)
        for weight in (wide, wide.astype(FLOAT32))
        for reduction in ("mean", "sum")
    ]
    assert losses[:2] == losses[2:]
    refused(name, case.operation, **{name: np.ones(width, int)})
    given = np.ones(width)
    loss = case.operation(**{name: given})
    before = loss(*arrays)
    given[0] = 7.0
    assert loss(*arrays) == before, "the weights are the caller's"


def test_probabilities_are_in_the_precision_of_the_logits() -> None:
    rng = np.random.default_rng(0)
    logits = normal(rng, (BATCH, CLASSES)).astype(FLOAT32)
    wide = rng.dirichlet(np.ones(CLASSES), BATCH)
    loss = ours.CrossEntropyLoss()
    assert loss(logits, wide) == loss(logits, wide.astype(FLOAT32))
    refused("targets", loss.forward, logits, wide * 1j)


def test_the_mean_of_a_divergence_without_a_batch() -> None:
    x, t = np.float64(-0.5), np.float64(0.3)
    total = ours.KLDivLoss("sum")(x, t)
    assert ours.KLDivLoss("batchmean")(x, t) == total
    assert total == 0.3 * (np.log(0.3) + 0.5)


def test_a_variance_is_handed_on() -> None:
    x, t, variance = (np.full((2, 3), value) for value in (0.5, 1.5, 4.0))
    loss = ours.GaussianNLLLoss()
    assert loss(x, t, variance) == loss.forward(x, t, variance) == 0.5 * (np.log(4.0) + 0.25)


def test_the_doors_of_a_gaussian_likelihood() -> None:
    x = normal(np.random.default_rng(0), (BATCH, CLASSES))
    variance = 0.1 + x**2
    loss = ours.GaussianNLLLoss()
    assert isinstance(pickle.loads(pickle.dumps(loss)), ours.GaussianNLLLoss)
    refused("target", loss.forward, x, x > 0, variance)
    refused("var", loss.forward, x, x, variance > 0)
    narrow = [array.astype(FLOAT32) for array in (x, x + 1, variance)]
    wide = [narrow[0], *(array.astype(FLOAT64) for array in narrow[1:])]
    assert loss(*wide) == loss(*narrow)
    loss(narrow[0], x + 1, variance)
    assert all(grad.dtype == FLOAT32 for grad in loss.backward())
    loss(x, x + 1, variance)
    with np.errstate(all="raise"):
        expected = loss.backward()
    out = np.empty((2, *x.shape))
    for given in (out, tuple(out)):
        for grad, wanted in zip(loss.backward(out=given), expected, strict=True):
            assert np.array_equal(grad, wanted)
    refused("out", loss.backward, out=(out[0], out[0]))
    refused("out", loss.backward, out=(out[0], variance))
    each = ours.GaussianNLLLoss(reduction="none")
    each(x, x + 1, variance)
    refused("out", each.backward, out[0], out=(out[1], out[0]))
    for shape in ((CLASSES,), (BATCH, 2), (BATCH, CLASSES, 1), (1, 1)):
        refused("var", loss.forward, x, x, np.ones(shape))


def test_a_gaussian_likelihood_at_the_ends() -> None:
    loss = ours.GaussianNLLLoss(eps=1e-300, reduction="sum")
    x, t = np.zeros((2, 3)), np.full((2, 3), 1e150)
    with np.errstate(all="warn", under="ignore"):
        loss(x, t, np.full((2, 1), 1e-20))
        grads = loss.backward()
        assert np.isinf(grads[1]).all()
        loss(np.array([[np.inf, -np.inf]]), np.zeros((1, 2)), np.ones((1, 1)))
        loss.backward()


def test_focal_loss_with_few_classes() -> None:
    # One class, another one that is not possible, and two that are alike.
    labels = np.zeros(1, int)
    for logits in ([[3.0]], [[3.0, -np.inf]], [[1e4, -1e4, -1e4]], [[0.0, 0.0]]):
        for gamma in (0.0, 2.0):
            loss = ours.FocalLoss(gamma)
            value = loss(np.array(logits), labels)
            grad = loss.backward()
            if gamma == 0:
                plain = ours.CrossEntropyLoss()
                assert value == pytest.approx(plain(np.array(logits), labels), abs=1e-15)
                np.testing.assert_allclose(grad, plain.backward(), atol=1e-15)
            assert np.isfinite(grad).all()


def test_the_ends_of_alpha() -> None:
    x, t = np.array([0.3, -1.2]), np.array([1.0, 0.0])
    for alpha in (0.0, 1.0, -1.0):
        each = ours.SigmoidFocalLoss(alpha, reduction="none")(x, t)
        whole = ours.SigmoidFocalLoss(0.5, reduction="none")(x, t)
        share = {0.0: (0.0, 2.0), 1.0: (2.0, 0.0), -1.0: (2.0, 2.0)}[alpha]
        np.testing.assert_allclose(each, whole * share, rtol=1e-15)
    for alpha in (-1.5, -0.5, 1.5):
        refused("alpha", ours.SigmoidFocalLoss, alpha)
    assert sigmoid_focal_derivative(np.array([1e4]), np.array([1.0]), 0.25, 0.5) == 0.0


def test_what_goes_back_to_a_variance_overflows_in_silence() -> None:
    loss = ours.GaussianNLLLoss(reduction="sum")
    loss(np.zeros((2, 3), FLOAT32), np.full((2, 3), 1e30, FLOAT32), np.ones((2, 1), FLOAT32))
    with np.errstate(all="warn", under="ignore"):
        assert np.isinf(loss.backward()[1]).all()


def test_many_losses_are_added_up_in_float64() -> None:
    rng = np.random.default_rng(0)
    logits = normal(rng, (9000, CLASSES)).astype(FLOAT32)
    labels = rng.integers(0, CLASSES, 9000)
    each = ours.CrossEntropyLoss(reduction="none")(logits, labels)
    total = ours.CrossEntropyLoss(reduction="sum")(logits, labels)
    assert abs(total - each.astype(FLOAT64).sum()) < 1e-9 * total
