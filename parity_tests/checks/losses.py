"""Losses: the number and dL/dlogits."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import torch

import numpy_impl as ours
from numpy_impl.losses.cross_entropy import cross_entropy, cross_entropy_backward
from parity_tests.cases.losses import LOSSES, LossCase, labels
from parity_tests.checks.check import FLOAT32, FLOAT64, Array, Check
from parity_tests.differences import central_difference, complex_step
from parity_tests.inputs import (
    BATCH,
    CLASSES,
    DRAWS,
    FEATURES,
    HIDDEN,
    MANY_CLASSES,
    huge,
    normal,
)
from parity_tests.measures import Comparison, compare_float32, compare_float64
from torch_ref import differentiate, twin_of


def checks(seed: int) -> Iterator[Check]:
    """Yield the checks of every case in `LOSSES`, and those of a network with its loss."""
    for case in LOSSES:
        yield from _loss_checks(case, seed)
    yield Check("formula/network/complex-step", partial(check_network_by_complex_step, seed))


def _loss_checks(case: LossCase, seed: int) -> Iterator[Check]:
    for dtype in (FLOAT64, FLOAT32):
        for draw in (*DRAWS, "huge"):
            name = f"loss/{case.name}/{dtype}-{draw}"
            yield Check(name, partial(check_loss, case, dtype, draw, CLASSES, seed))
            many = partial(check_loss, case, dtype, draw, MANY_CLASSES, seed)
            yield Check(f"{name}-{MANY_CLASSES}", many)
    yield Check(f"formula/{case.name}/plain", partial(check_loss_formula, case, seed))
    yield Check(f"differences/{case.name}", partial(check_loss_by_differences, case, seed))


def check_loss(
    case: LossCase, dtype: np.dtype[Any], draw: str, classes: int, seed: int
) -> list[Comparison]:
    """The loss and its gradient against autograd, logits of 1e5 included."""
    rng = np.random.default_rng(seed)
    shape = (BATCH, classes)
    logits = (huge if draw == "huge" else DRAWS[draw])(rng, shape).astype(dtype)
    targets = case.targets(rng, shape)
    if targets.dtype.kind == "f":
        targets = targets.astype(dtype)
    loss = case.make()
    before = logits.copy(), targets.copy()
    value = loss.forward(logits, targets)
    grad = loss.backward()
    assert isinstance(value, float)
    assert grad.dtype == dtype
    assert np.array_equal(logits, before[0]), "the loss wrote to its logits"
    assert np.array_equal(targets, before[1]), "the loss wrote to its targets"

    twin = twin_of(loss)
    # PyTorch takes one-hot rows as probabilities, which must be floating-point.
    theirs_targets = torch.tensor(targets if targets.ndim == 1 else targets.astype(dtype))
    theirs = differentiate(lambda z: twin(z, theirs_targets), logits)
    truth = differentiate(
        lambda z: twin(z, theirs_targets if targets.ndim == 1 else theirs_targets.double()),
        logits,
        dtype=torch.float64,
    )
    value_condition, grad_condition = _loss_condition(loss, logits, targets)
    if dtype == FLOAT64:
        terms = 2 * classes + BATCH
        return [
            compare_float64("loss", np.array(value), truth.output, value_condition, terms),
            compare_float64("logits.grad", grad, truth.grad_input, grad_condition, terms),
        ]
    return [
        compare_float32("loss", np.array(value), theirs.output, truth.output, value_condition),
        compare_float32("logits.grad", grad, theirs.grad_input, truth.grad_input, grad_condition),
    ]


def _loss_condition(
    loss: ours.CrossEntropyLoss, logits: Array, targets: Array
) -> tuple[Array, Array]:
    """Magnitudes of the terms of cross-entropy and of its gradient.

    exp turns the rounding of its argument, |z - max z| eps, into a relative error of its value.
    """
    z = logits.astype(np.float64)
    classes = z.shape[1]
    t = np.eye(classes)[targets] if targets.ndim == 1 else targets.astype(np.float64)
    largest = z.max(axis=1, keepdims=True)
    exponentials = np.exp(z - largest)
    p = exponentials / exponentials.sum(axis=1, keepdims=True)
    per_term = np.abs(z) + np.abs(largest) + np.log(classes)
    over = len(z) if loss.reduction == "mean" else 1
    grad = (p * (1 + np.abs(z - largest)) * t.sum(axis=1, keepdims=True) + t) / over
    # Probabilities below the smallest float32 round to zero; that is an absolute error.
    return (t * per_term).sum() / over, grad + np.finfo(logits.dtype).smallest_normal


def check_loss_formula(case: LossCase, seed: int) -> None:
    """The class against the plain formula, and the formula's gradient against a complex step."""
    rng = np.random.default_rng(seed)
    logits = normal(rng, (BATCH, CLASSES))
    targets = case.targets(rng, logits.shape)
    t = np.eye(CLASSES)[targets] if targets.ndim == 1 else targets.astype(np.float64)
    loss = case.make()
    times = 1 if loss.reduction == "mean" else BATCH
    value, grad = loss.forward(logits, targets), loss.backward()
    plain = cross_entropy_backward(logits, t)
    exact = complex_step(lambda z: _complex_cross_entropy(z, t), logits)
    np.testing.assert_allclose(value, times * cross_entropy(logits, t), rtol=1e-14)
    np.testing.assert_allclose(grad, times * plain, rtol=0, atol=1e-15 * times)
    np.testing.assert_allclose(plain, exact, rtol=0, atol=1e-15)


def _complex_cross_entropy(logits: Array, targets: Array) -> Any:
    """The formula of `cross_entropy` once more: that one returns a float."""
    total = np.exp(logits).sum(axis=1, keepdims=True)
    return (targets * (np.log(total) - logits)).sum() / len(logits)


def check_loss_by_differences(case: LossCase, seed: int) -> None:
    """The gradient belongs to the same function as the value, without PyTorch."""
    rng = np.random.default_rng(seed)
    logits = normal(rng, (BATCH, CLASSES))
    targets = case.targets(rng, logits.shape)
    loss = case.make()
    loss.forward(logits, targets)
    grad = loss.backward()
    expected, smooth = central_difference(
        lambda z: case.make().forward(z, targets), logits, curvature=10.0
    )
    assert smooth.all()
    np.testing.assert_allclose(grad, expected, rtol=0, atol=1e-10 * (1 + np.abs(grad).max()))


def check_network_by_complex_step(seed: int) -> None:
    """A whole network and its loss against a complex step through the written-out formula."""
    rng = np.random.default_rng(seed)
    model = ours.mlp([FEATURES, HIDDEN, CLASSES], rng=rng, dtype=FLOAT64)
    x, y = normal(rng, (BATCH, FEATURES)), labels(rng, (BATCH, CLASSES))
    t = np.eye(CLASSES)[y]
    loss = ours.CrossEntropyLoss()
    loss.forward(model.forward(x), y)
    grad_input = model.backward(loss.backward())
    values = model.state_dict()

    def network(name: str) -> Callable[[Array], Any]:
        def value(data: Array) -> Any:
            v = {**values, "x": x, name: data}
            z1 = v["x"] @ v["0.weight"].T + v["0.bias"]
            z2 = (z1 * (z1.real > 0)) @ v["2.weight"].T + v["2.bias"]
            return _complex_cross_entropy(z2, t)

        return value

    grads = {p.name: p.grad for p in model.parameters()} | {"x": grad_input}
    for name, grad in grads.items():
        exact = complex_step(network(name), x if name == "x" else values[name])
        np.testing.assert_allclose(grad, exact, rtol=0, atol=1e-13, err_msg=name)
