"""Optimizers: the parameters after 1, 10 and 100 steps on given gradients."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import torch

import numpy_impl as ours
from numpy_impl.optimizers.adam import adam_step
from numpy_impl.optimizers.sgd import sgd_step
from parity_tests.cases.optimizers import OPTIMIZERS, OptimizerCase
from parity_tests.checks.check import FLOAT32, FLOAT64, Array, Check
from parity_tests.inputs import CLASSES, FEATURES, HIDDEN, gradient_sequence
from parity_tests.measures import Comparison, compare_float32, compare_float64
from torch_ref import arena_vector, to_torch, twin_of_optimizer


def checks(seed: int) -> Iterator[Check]:
    """Yield the checks of every case in `OPTIMIZERS`."""
    for case in OPTIMIZERS:
        yield from _optimizer_checks(case, seed)
    yield Check("optimizer/long-vectors", partial(check_long_vectors, seed))
    yield Check("groups/decay", partial(check_decay_groups, seed))


def _optimizer_checks(case: OptimizerCase, seed: int) -> Iterator[Check]:
    for dtype in (FLOAT64, FLOAT32):
        for steps in (1, 10, 100):
            name = f"optimizer/{case.name}/{dtype}-{steps}"
            yield Check(name, partial(check_optimizer, case, dtype, steps, seed))
    yield Check(f"formula/{case.name}/plain", partial(check_optimizer_formula, case, seed))


def check_optimizer(
    case: OptimizerCase, dtype: np.dtype[Any], steps: int, seed: int
) -> list[Comparison]:
    """Parameters after some steps against torch.optim."""
    rng = np.random.default_rng(seed)
    model = ours.mlp([FEATURES, HIDDEN, CLASSES], rng=rng, dtype=dtype)
    gradients = gradient_sequence(rng, steps, len(model.arena), dtype)
    optimizer = case.make(model.parameters())
    theirs, _ = _torch_steps(case, model, optimizer, gradients, None)
    truth, path = _torch_steps(case, model, optimizer, gradients, torch.float64)
    for step, gradient in enumerate(gradients):
        _change(optimizer, case, step)
        model.arena.grads[:] = gradient
        optimizer.step()
    value = model.arena.values
    if dtype == FLOAT64:
        # A step is about eight operations on its own length and one rounding of the sum so far.
        return [compare_float64("parameters", value, truth, path, terms=8 + steps)]
    return [compare_float32("parameters", value, theirs, truth, path)]


def _torch_steps(
    case: OptimizerCase,
    model: ours.Sequential,
    optimizer: ours.Optimizer,
    gradients: Array,
    dtype: torch.dtype | None,
) -> tuple[Array, Array]:
    """Return the parameters as one vector, and |start| plus the magnitudes of all steps."""
    twin = to_torch(model, dtype)
    stepper = twin_of_optimizer(optimizer, twin.named_parameters())
    tensors = list(twin.parameters())

    now = arena_vector(tensors)
    path = np.abs(now)
    for step, gradient in enumerate(gradients):
        _change(stepper, case, step)
        for parameter, tensor in zip(model.parameters(), tensors, strict=True):
            part = parameter.of(gradient)
            tensor.grad = torch.tensor(part, dtype=tensor.dtype)
        stepper.step()
        before, now = now, arena_vector(tensors)
        path = path + np.abs(now - before)
    return now, path


def _change(optimizer: Any, case: OptimizerCase, step: int) -> None:
    for group in optimizer.param_groups:
        group.update(case.changes.get(step, {}))


def check_optimizer_formula(case: OptimizerCase, seed: int) -> None:
    """The in-place optimizer against its plain formula, parameter by parameter."""
    rng = np.random.default_rng(seed)
    model = ours.mlp([FEATURES, HIDDEN, CLASSES], rng=rng, dtype=FLOAT64)
    optimizer = case.make(model.parameters())
    gradients = gradient_sequence(rng, 10, len(model.arena), FLOAT64)
    groups = {p.name: group for group in optimizer.param_groups for p in group["params"]}
    values = model.state_dict()
    moments: dict[str, list[Any]] = {name: [] for name in values}
    for step, gradient in enumerate(gradients):
        _change(optimizer, case, step)
        model.arena.grads[:] = gradient
        optimizer.step()
        for p in model.parameters():
            grad = p.of(gradient)
            options = {k: v for k, v in groups[p.name].items() if k != "params"}
            state = moments[p.name]
            if isinstance(optimizer, ours.SGD):
                values[p.name], *moments[p.name] = sgd_step(
                    values[p.name], grad, *(state or [None]), **options
                )
            else:
                values[p.name], *moments[p.name] = adam_step(
                    values[p.name],
                    grad,
                    *(state or [np.zeros(p.shape), np.zeros(p.shape)]),
                    step + 1,
                    **options,
                    decoupled=isinstance(optimizer, ours.AdamW),
                )
    for p in model.parameters():
        size = np.abs(values[p.name]).max()
        np.testing.assert_allclose(
            p.data, values[p.name], rtol=0, atol=1e-14 * size, err_msg=p.name
        )


def check_long_vectors(seed: int) -> None:
    """More parameters than are updated at a time are all updated, once."""
    rng = np.random.default_rng(seed)
    layer = ours.Linear(761, 401, rng=rng, dtype=FLOAT64)
    value, grad = layer.weight.arena.values.copy(), rng.standard_normal(401 * 762)
    layer.weight.arena.grads[:] = grad
    ours.Adam(layer.parameters()).step()
    expected, _, _ = adam_step(value, grad, np.zeros_like(grad), np.zeros_like(grad), 1)
    np.testing.assert_allclose(layer.weight.arena.values, expected, rtol=0, atol=1e-14)


def check_decay_groups(seed: int) -> None:
    """Decay groups hold every parameter once, and only matrices shrink."""
    rng = np.random.default_rng(seed)
    model = ours.mlp([FEATURES, HIDDEN, CLASSES], rng=rng, dtype=FLOAT64)
    model.arena.values += 1.0
    before = model.state_dict()
    groups = ours.decay_groups(model.parameters(), 0.5)
    names = [parameter.name for group in groups for parameter in group["params"]]
    assert sorted(names) == sorted(before)
    ours.AdamW(groups, lr=0.1).step()  # all gradients are zero
    for name, value in model.state_dict().items():
        expected = 0.95 * before[name] if name.endswith("weight") else before[name]
        np.testing.assert_allclose(value, expected, rtol=1e-15, err_msg=name)
