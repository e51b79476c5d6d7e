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


@pytest.mark.parametrize(("case", "variant"), FORMS)
def test_losses_are_computed_in_float64_and_rounded_once(case: Any, variant: str) -> None:
    narrow = [np.asarray(array) for array in drawn(case, FLOAT32)]
    wide = [array.astype(FLOAT64) if array.dtype == FLOAT32 else array for array in narrow]
    found = []
    for arrays in (narrow, wide):
        loss = case.make(variant, "none", FLOAT32)
        losses = np.asarray(loss(*arrays))
        assert losses.dtype == arrays[0].dtype
        upstream = normal(np.random.default_rng(1), losses.shape)
        grads = loss.backward(upstream)
        found.append([losses, *(grads if isinstance(grads, tuple) else (grads,))])
    for here, there in zip(*found, strict=True):
        assert np.array_equal(here, there.astype(FLOAT32), equal_nan=True)


@pytest.mark.parametrize(("case", "variant"), FORMS)
def test_targets_are_in_the_precision_of_the_input(case: Any, variant: str) -> None:
    first, *others = (np.asarray(array) for array in drawn(case, FLOAT64))
    rounded = [other.astype(FLOAT32) if other.dtype == FLOAT64 else other for other in others]
    loss = case.make(variant, "sum", FLOAT32)
    values = [loss(first.astype(FLOAT32), *targets) for targets in (others, rounded)]
    assert np.array_equal(values[0], values[1], equal_nan=True)


def few() -> tuple[np.ndarray, np.ndarray]:
    """Logits in float32, and labels."""
    rng = np.random.default_rng(0)
    return normal(rng, (BATCH, CLASSES)).astype(FLOAT32), rng.integers(0, CLASSES, BATCH)


@pytest.mark.parametrize("classes", [3, 32, 33, 70])
def test_labels_of_a_matrix_are_computed_in_its_precision(classes: int) -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        logits = normal(rng, (1, classes)).astype(FLOAT32)
        label = rng.integers(0, classes, 1)
        for ignored in (-100, classes):
            value = ours.CrossEntropyLoss(ignore_index=ignored)(logits, label)
            shifted = logits[0] - logits.max()
            total = np.dot(np.exp(shifted)[np.newaxis], np.ones(classes, FLOAT32))
            # As Python's floats: beside a float, NumPy would round it to float32 first.
            assert value == float(np.log(total)[0] - shifted[label[0]])


def test_a_batch_of_another_precision_is_not_kept() -> None:
    logits, labels = few()
    loss, fresh = ours.CrossEntropyLoss(), ours.CrossEntropyLoss()
    loss(logits.astype(FLOAT64), labels)
    assert loss(logits, labels) == fresh(logits, labels)
    assert loss.backward().dtype == FLOAT32
    assert np.array_equal(loss.backward(), fresh.backward())


def test_any_class_may_be_ignored() -> None:
    logits, labels = few()
    for ignored in range(CLASSES + 1):
        loss = ours.CrossEntropyLoss(ignore_index=ignored)
        counted = labels != ignored
        value = loss(logits, labels)
        assert value == pytest.approx(ours.CrossEntropyLoss()(logits[counted], labels[counted]))
        assert (loss.backward()[~counted] == 0).all()
    alone = ours.CrossEntropyLoss(ignore_index=7)
    assert alone(np.zeros((2, 1)), np.array([0, 7])) == 0.0


def test_logits_that_are_far_apart() -> None:
    logits = np.array([[-3e38, 3e38], [3e38, -3e38]], FLOAT32)
    loss = ours.CrossEntropyLoss()
    with np.errstate(all="raise", under="ignore"):
        assert loss(logits, np.array([1, 0])) == 0.0
        assert np.array_equal(loss.backward(), np.zeros((2, 2)))


def test_probabilities_are_numbers_or_refused() -> None:
    logits, _ = few()
    for kind in (np.float16, np.longdouble):
        targets = np.full((BATCH, CLASSES), 0.25, kind)
        wanted = ours.CrossEntropyLoss()(logits, targets.astype(FLOAT32))
        assert ours.CrossEntropyLoss()(logits, targets) == wanted


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int16, np.int32, np.uint32, np.uint64])
def test_labels_of_any_integers(kind: type) -> None:
    logits, labels = few()
    wanted = ours.CrossEntropyLoss()(logits, labels)
    assert ours.CrossEntropyLoss()(logits, labels.astype(kind)) == wanted
    for outside in (100,) if np.iinfo(kind).min == 0 else (100, -2):
        wrong = labels.astype(kind)
        wrong[3] = outside
        refused("targets", ours.CrossEntropyLoss().forward, logits, wrong)


def test_rows_that_are_not_one_hot_are_named() -> None:
    logits, labels = few()
    rows = np.eye(logits.shape[1], dtype=int)[labels]
    rows[3] = 1
    refused("targets", ours.CrossEntropyLoss().forward, logits, rows)


def test_where_a_label_is_wrong() -> None:
    labels = np.zeros((2, 4), int)
    labels[1, 2] = 7
    error = raised(ours.InputError, ours.CrossEntropyLoss().forward, np.zeros((2, 3, 4)), labels)
    assert error.got == "7 at (1, 2)"
    error = raised(ours.InputError, ours.CrossEntropyLoss().forward, np.zeros((4, 3)), labels[1])
    assert error.got == "7 at 2"


def test_a_ragged_gradient_is_told_as_one() -> None:
    loss = ours.CrossEntropyLoss(reduction="none")
    loss(*few())
    error = raised(ours.InputError, loss.backward, [[1.0], [1.0, 2.0]])
    said = error.argument, error.expected, error.got
    assert said == ("grad_output", "numbers", "a ragged list")


def test_a_mean_over_nothing_is_quiet() -> None:
    logits = np.array([[0.0, 1.0], [0.0, 1.0]])
    with np.errstate(all="raise"):
        opposite = ours.CrossEntropyLoss(weight=[1.0, -1.0])
        assert opposite(logits, np.array([0, 1])) == np.inf
        assert np.isinf(opposite.backward()).all()
        weightless = ours.CrossEntropyLoss(weight=[0.0, 0.0])
        assert np.isnan(weightless(logits, np.array([0, 1])))
        assert np.isnan(weightless.backward(0.0)).all()


def test_what_goes_back_to_a_variance_cancels_in_silence() -> None:
    loss = ours.GaussianNLLLoss(reduction="none")
    loss(np.zeros((1, 2)), np.zeros((1, 2)), np.ones((1, 1)))
    with np.errstate(all="raise"):
        assert np.isnan(loss.backward(np.array([[np.inf, -np.inf]]))[1]).all()


@pytest.mark.parametrize("out", [3, (np.zeros((1, 2)),), np.zeros((3, 1, 2))])
def test_what_a_gaussian_likelihood_writes_to_is_two_arrays(out: Any) -> None:
    loss = ours.GaussianNLLLoss()
    loss(np.zeros((1, 2)), np.zeros((1, 2)), np.ones((1, 2)))
    error = raised(ours.InputError, loss.backward, out=out)
    assert (error.argument, error.expected) == ("out", "a tuple of two arrays")
    assert error.got


def test_a_weight_beyond_the_precision_of_the_input_is_named() -> None:
    loss = ours.BCELoss(weight=np.array([1e300, 1.0]))
    refused("weight", loss.forward, np.full((3, 2), 0.5, np.float32), np.zeros((3, 2), np.float32))
    of_classes = ours.CrossEntropyLoss(weight=np.array([1e300, 1.0]))
    refused("weight", of_classes.forward, np.zeros((3, 2), np.float32), np.zeros(3, int))


@pytest.mark.parametrize(
    ("loss", "name", "expected"),
    [
        (ours.CrossEntropyLoss(), "targets", "labels or rows"),
        (ours.NLLLoss(), "target", "integer labels of shape (2,)"),
    ],
)
def test_labels_that_are_no_array_are_named(loss: ours.Loss, name: str, expected: str) -> None:
    error = raised(ours.InputError, loss.forward, np.zeros((2, 3)), [[0], [1, 2]])
    assert (error.argument, error.expected) == (name, expected)


def test_what_is_expected_of_a_gradient_that_is_no_array() -> None:
    loss = ours.MSELoss(reduction="none")
    loss(np.zeros((2, 2)), np.ones((2, 2)))
    error = raised(ours.InputError, loss.backward, [[0], [1, 2]])
    assert (error.argument, error.expected) == ("grad_output", "numbers")
