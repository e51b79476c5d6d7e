"""Gradients that are limited, by norm and by value."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import torch

import numpy_impl as ours
from numpy_impl.errors import DivergenceError
from numpy_impl.optimizers.clipping import total_norm
from parity_tests.checks.check import FLOAT32, FLOAT64, Array, Check
from parity_tests.checks.raising import raised, refused
from parity_tests.checks.statistics import rarely_farther_over
from parity_tests.inputs import CLASSES, FEATURES, HIDDEN, mixed
from parity_tests.measures import Comparison, compare_float32, compare_float64

_NORMS = (2.0, 1.0, 3.5, float("inf"))
# Less than the norm, more than it, zero, and what only measures.
_LIMITS = (0.7, 1e9, 0.0, float("inf"))


def checks(seed: int) -> Iterator[Check]:
    """Yield the checks of both functions."""
    for dtype in (FLOAT64, FLOAT32):
        for norm_type in _NORMS:
            run = partial(check_norm, dtype, norm_type, seed)
            yield Check(f"clipping/norm/{norm_type}/{dtype}", run)
        yield Check(f"clipping/value/{dtype}", partial(check_value, dtype, seed))
    yield Check("clipping/norm/plain", partial(check_formula, seed))
    yield Check("clipping/norm/extremes", check_extremes)
    yield Check("clipping/norm/not-finite", check_not_finite)
    yield Check("clipping/norm/accuracy", partial(check_accuracy, seed))
    yield Check("refusal/clip_grad_norm_", check_refusals)


def _gradients(
    rng: np.random.Generator, dtype: np.dtype[Any], parts: slice = slice(None)
) -> tuple[list[ours.Parameter], Array]:
    model = ours.mlp([FEATURES, HIDDEN, CLASSES], rng=rng, dtype=dtype)
    model.arena.grads[:] = mixed(rng, (len(model.arena),))
    return model.parameters()[parts], model.arena.grads


def _twins(parameters: list[ours.Parameter], dtype: torch.dtype | None) -> list[torch.Tensor]:
    tensors = [torch.nn.Parameter(torch.tensor(p.data, dtype=dtype)) for p in parameters]
    for parameter, tensor in zip(parameters, tensors, strict=True):
        tensor.grad = torch.tensor(parameter.grad, dtype=dtype)
    return list(tensors)


def _joined(tensors: list[torch.Tensor]) -> Array:
    joined: Array = torch.cat([t.grad.ravel() for t in tensors if t.grad is not None]).numpy()
    return joined


def check_norm(dtype: np.dtype[Any], norm_type: float, seed: int) -> Iterator[Comparison]:
    """Norm and gradients against PyTorch, for all parameters of a model and for some."""
    rng = np.random.default_rng(seed)
    for parts in (slice(None), slice(0, None, 2), slice(1, 2)):
        for limit in _LIMITS:
            parameters, grads = _gradients(rng, dtype, parts)
            untouched = grads.copy()
            twins, exact = _twins(parameters, None), _twins(parameters, torch.float64)
            clip = torch.nn.utils.clip_grad_norm_
            their_norm = clip(twins, limit, norm_type).numpy()
            true_norm = clip(exact, limit, norm_type).numpy()
            norm = np.asarray(ours.clip_grad_norm_(iter(parameters), limit, norm_type))
            value = np.concatenate([p.grad.ravel() for p in parameters])
            truth = _joined(exact)
            if dtype == FLOAT32:
                yield compare_float32("norm", norm, their_norm, true_norm, true_norm)
                yield compare_float32("grads", value, _joined(twins), truth, np.abs(truth))
            else:
                terms = len(value)
                yield compare_float64("norm", norm, true_norm, true_norm, terms)
                yield compare_float64("grads", value, truth, np.abs(truth), terms)
            for parameter in parameters:
                parameter.of(untouched)[...] = parameter.grad
            assert np.array_equal(grads, untouched), "gradients of other parameters changed"


def check_value(dtype: np.dtype[Any], seed: int) -> None:
    """Entries are limited exactly as by PyTorch, infinities and NaN as well."""
    rng = np.random.default_rng(seed)
    for limit in (0.5, 0.0, 1e9, float("inf")):
        parameters, grads = _gradients(rng, dtype)
        grads[:3] = np.inf, -np.inf, np.nan
        twins = _twins(parameters, None)
        torch.nn.utils.clip_grad_value_(twins, limit)
        ours.clip_grad_value_(parameters, limit)
        value = np.concatenate([p.grad.ravel() for p in parameters])
        np.testing.assert_array_equal(value, _joined(twins))


def check_formula(seed: int) -> None:
    """The norm taken in blocks against the plain formula."""
    rng = np.random.default_rng(seed)
    layer = ours.Linear(97, 89, rng=rng, dtype=FLOAT64)
    grads = layer.weight.arena.grads
    grads[:] = mixed(rng, (len(grads),))
    for norm_type in _NORMS:
        norm = ours.clip_grad_norm_(layer.parameters(), float("inf"), norm_type)
        np.testing.assert_allclose(norm, total_norm(grads, norm_type), rtol=1e-13)
    assert ours.clip_grad_norm_([], 1.0) == 0.0


def check_extremes() -> None:
    """Squares that overflow or vanish in float32 do neither harm."""
    layer = ours.Linear(4, 3, bias=False, rng=np.random.default_rng(0))
    for size in (1e-30, 1e25):
        for norm_type in _NORMS:
            layer.weight.arena.grads[:] = size
            norm = ours.clip_grad_norm_(layer.weight, 1.0, norm_type)
            expected = size * 12 ** (1 / norm_type)
            np.testing.assert_allclose(norm, expected, rtol=1e-6)
            clipped = size / max(1.0, expected)
            np.testing.assert_allclose(layer.weight.grad, clipped, rtol=1e-6)


def check_not_finite() -> None:
    """A norm that is not finite is an error where that is asked for, and PyTorch's else."""
    for bad in (np.inf, -np.inf, np.nan):
        for norm_type in _NORMS:
            parameters, grads = _gradients(np.random.default_rng(0), FLOAT64)
            grads[1] = bad
            before, twins = grads.copy(), _twins(parameters, None)
            clip = partial(ours.clip_grad_norm_, parameters, 1.0, norm_type)
            raised(DivergenceError, clip, error_if_nonfinite=True)
            np.testing.assert_array_equal(grads, before)
            norm = ours.clip_grad_norm_(parameters, 1.0, norm_type)
            theirs = torch.nn.utils.clip_grad_norm_(twins, 1.0, norm_type)
            np.testing.assert_equal(norm, float(theirs))
            value = np.concatenate([p.grad.ravel() for p in parameters])
            np.testing.assert_array_equal(value, _joined(twins))


def check_accuracy(seed: int) -> None:
    """In float32, the norm of many gradients is not as a rule less precise than PyTorch's."""
    rng = np.random.default_rng(seed)
    layer = ours.Linear(211, 97, rng=rng)

    def excess(_: int) -> dict[str, float]:
        layer.weight.arena.grads[:] = rng.standard_normal(len(layer.weight.arena))
        twins, exact = _twins(layer.parameters(), None), _twins(layer.parameters(), torch.float64)
        clip = torch.nn.utils.clip_grad_norm_
        theirs, truth = float(clip(twins, 1.0)), float(clip(exact, 1.0))
        norm = ours.clip_grad_norm_(layer.parameters(), 1.0)
        return {"norm": abs(norm - truth) - abs(theirs - truth)}

    rarely_farther_over(60, excess)


def check_refusals() -> None:
    """Limits and orders that make no sense are refused before anything is changed."""
    parameters, grads = _gradients(np.random.default_rng(0), FLOAT64)
    before = grads.copy()
    for name, arguments in (
        ("max_norm", (-1.0,)),
        ("max_norm", (float("nan"),)),
        ("norm_type", (1.0, 0.0)),
        ("norm_type", (1.0, -2.0)),
        ("norm_type", (1.0, "fro")),
    ):
        refused(name, ours.clip_grad_norm_, parameters, *arguments)
    for limit in (-1.0, float("nan"), "1"):
        refused("clip_value", ours.clip_grad_value_, parameters, limit)
    for bad in (3, [grads]):
        refused("parameters", ours.clip_grad_norm_, bad, 1.0)
    np.testing.assert_array_equal(grads, before)
