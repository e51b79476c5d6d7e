"""Networks: y, dL/dx and dL/dparameter for a random dL/dy."""

import copy
from collections.abc import Callable, Iterator
from functools import partial
from itertools import zip_longest
from typing import Any

import numpy as np
import torch

import numpy_impl as ours
from numpy_impl.layers.linear import sum_rows
from parity_tests.cases.models import MODELS, ModelCase
from parity_tests.checks.check import FLOAT32, FLOAT64, Array, Check
from parity_tests.checks.statistics import by_the_worst
from parity_tests.conditions import module_conditions
from parity_tests.differences import central_difference
from parity_tests.inputs import DRAWS, FEATURES, LAYOUTS, normal, shape_name
from parity_tests.measures import (
    Comparison,
    compare_float32,
    compare_float64,
    scaled_error,
)
from torch_ref import Autograd, differentiate, to_torch


def checks(seed: int) -> Iterator[Check]:
    """Yield the checks of every case in `MODELS`."""
    for case in MODELS:
        yield from _model_checks(case, seed)
    yield Check("sum-rows/accuracy", partial(check_sum_of_rows, seed))


def _model_checks(case: ModelCase, seed: int) -> Iterator[Check]:
    for dtype in (FLOAT64, FLOAT32):
        for shape in case.shapes:
            for draw in DRAWS:
                name = f"{case.name}/{dtype}-{shape_name(shape)}-{draw}"
                yield Check(f"model/{name}", partial(check_model, case, dtype, shape, draw, seed))
    for layout in LAYOUTS:
        name = f"layout/{case.name}/{layout}"
        yield Check(name, partial(check_layout, case, layout, seed))
    if case.terms < 200 or not case.monotonic:  # differences take two evaluations per scalar
        yield Check(f"differences/{case.name}", partial(check_by_differences, case, seed))


def check_model(
    case: ModelCase, dtype: np.dtype[Any], shape: tuple[int, ...], draw: str, seed: int
) -> list[Comparison]:
    """Output and every gradient against autograd."""
    return by_the_worst(partial(_drawn, case, dtype, shape, draw, seed))


def _drawn(
    case: ModelCase, dtype: np.dtype[Any], shape: tuple[int, ...], draw: str, seed: int, number: int
) -> Iterator[Comparison]:
    rng = np.random.default_rng([seed, *shape, number])
    model = case.make(rng, dtype)
    x = _off_kinks(model, DRAWS[draw](rng, shape).astype(dtype), rng)
    twin = to_torch(model)
    grad_output = DRAWS[draw](rng, _forward(model, x).shape).astype(dtype)
    ours_ = run_both_ways(model, x, grad_output)
    theirs = differentiate(twin, x, grad_output)
    truth = differentiate(twin.double(), x, grad_output, dtype=torch.float64)
    condition = _condition(case, twin, x, grad_output)
    return compare_all(case.terms, dtype, ours_, theirs, truth, condition)


def check_layout(case: ModelCase, layout: str, seed: int) -> Iterator[Comparison]:
    """The result does not depend on strides, and arguments are unchanged bit for bit."""
    rng = np.random.default_rng(seed)
    model = case.make(rng, FLOAT64)
    x = normal(rng, case.shapes[0])
    grad_output = normal(rng, _forward(model, x).shape)
    expected = run_both_ways(model, x, grad_output)
    x_there, grad_there = LAYOUTS[layout](x), LAYOUTS[layout](grad_output)
    result = run_both_ways(model, x_there, grad_there)
    assert np.array_equal(x, x_there), "forward or backward wrote to x"
    assert np.array_equal(grad_output, grad_there), "backward wrote to grad_output"
    # Other strides may take BLAS another way through the same sum.
    condition = _condition(case, to_torch(model), x, grad_output)
    return compare_all(case.terms, FLOAT64, result, expected, expected, condition)


def check_by_differences(case: ModelCase, seed: int) -> None:
    """Gradients against differences of the model's own forward, without PyTorch."""
    rng = np.random.default_rng(seed)
    check_slopes(case.make(rng, FLOAT64), case.shapes[0], rng)


def check_slopes(
    model: ours.Layer | ours.Sequential, shape: tuple[int, ...], rng: np.random.Generator
) -> None:
    """Hold all gradients at an input of this shape to differences of the model's own forward.

    Samples are drawn anew where kinks, near which there is no difference, leave too little to hold.
    """
    for _ in range(8):
        found = dict(_differences(model, normal(rng, shape), rng))
        close = [name for name, (_, _, smooth) in found.items() if smooth.mean() <= 0.8]
        if not close:
            break
    assert not close, f"{close[0]}: too close to kinks to compare"
    for name, (actual, slope, smooth) in found.items():
        off = np.abs(actual - slope)[smooth].max()
        limit = 1e-8 * (1 + np.abs(slope).max())
        assert off <= limit, f"{name}: {off:.3g} from its own forward's slope, limit {limit:.3g}"


def _differences(
    model: ours.Layer | ours.Sequential, x: Array, rng: np.random.Generator
) -> Iterator[tuple[str, tuple[Array, Array, Array]]]:
    """Yield every gradient, its difference, and where there is one, each under its name."""
    grad_output = normal(rng, _forward(model, x).shape)
    gradients = run_both_ways(model, x, grad_output)

    def loss(x: Array) -> float:
        return float((grad_output * model.forward(x)).sum())

    def along(parameter: ours.Parameter, data: Array) -> float:
        before = parameter.data.copy()
        parameter.data = data
        value = loss(x)
        parameter.data = before
        return value

    yield "input", (gradients.grad_input, *central_difference(loss, x))
    for parameter in model.parameters():
        slope, smooth = central_difference(partial(along, parameter), parameter.data.copy())
        yield parameter.name, (gradients.grads[parameter.name], slope, smooth)


def _off_kinks(model: ours.Sequential, x: Array, rng: np.random.Generator) -> Array:
    """Draw samples anew whose pre-activations are so near to a kink that rounding decides."""
    for _ in range(100):
        near = _near_kinks(model, x)
        if not near.any():
            break
        x[near] = normal(rng, (int(near.sum()), x.shape[-1]))
    return x


# Roundings that may separate a pre-activation from its exact value.
_ROUNDINGS = 64


def _near_kinks(model: ours.Sequential, x: Array) -> Array:
    """Return which samples have a pre-activation of a rectifier next to zero, but not zero."""
    near = np.zeros(x.shape[:-1], bool)
    value, limit = x.astype(FLOAT64), _ROUNDINGS * np.finfo(x.dtype).eps
    for layer, following in zip_longest(model, list(model)[1:]):
        if isinstance(layer, ours.Linear):
            weight = layer.weight.data.astype(FLOAT64)
            bias = 0.0 if layer.bias is None else layer.bias.data.astype(FLOAT64)
            size = np.abs(value) @ np.abs(weight).T + np.abs(bias)
            value = value @ weight.T + bias
            if isinstance(following, ours.ReLU):
                near |= ((np.abs(value) < limit * size) & (value != 0)).any(axis=-1)
        elif isinstance(layer, ours.ReLU):
            value = np.maximum(value, 0)
        else:
            break  # no other layer of these networks has a kink
    return near


def _forward(model: ours.Layer | ours.Sequential, x: Array) -> Array:
    return np.array(model.forward(x))


def run_both_ways(model: ours.Layer | ours.Sequential, x: Array, grad_output: Array) -> Autograd:
    """Return the output and all gradients of a model of ours."""
    output = model.forward(x)
    # Whatever was there before must be overwritten.
    for parameter in model.parameters():
        parameter.grad.fill(np.nan)
    grad_input = model.backward(grad_output)
    assert grad_input is not None
    grads = {parameter.name: parameter.grad.copy() for parameter in model.parameters()}
    return Autograd(output, grad_input, grads)


def _condition(case: ModelCase, twin: torch.nn.Module, x: Array, grad_output: Array) -> Autograd:
    """What rounding errors are measured by."""
    if not case.monotonic:
        return Autograd(*module_conditions(copy.deepcopy(twin).double(), x, grad_output))
    # The same expressions with every term's magnitude.
    magnitudes = copy.deepcopy(twin).double()
    with torch.no_grad():
        for parameter in magnitudes.parameters():
            parameter.abs_()
    return differentiate(magnitudes, np.abs(x), np.abs(grad_output), dtype=torch.float64)


def compare_all(
    terms: int,
    dtype: np.dtype[Any],
    actual: Autograd,
    theirs: Autograd,
    truth: Autograd,
    condition: Autograd,
) -> Iterator[Comparison]:
    """Yield the comparison of every tensor."""
    assert sorted(actual.grads) == sorted(truth.grads), "other parameters than the twin"
    for name, of in _tensors(truth):
        tensors = of(actual), of(theirs), of(truth), of(condition)
        assert of(actual).dtype == dtype, f"{name} is {of(actual).dtype}, not {dtype}"
        if dtype == FLOAT64:
            yield compare_float64(name, tensors[0], tensors[2], tensors[3], terms)
        else:
            yield compare_float32(name, *tensors)


def _tensors(result: Autograd) -> Iterator[tuple[str, Callable[[Autograd], Array]]]:
    yield "output", lambda r: r.output
    yield "grad_input", lambda r: r.grad_input
    for name in result.grads:
        yield f"{name}.grad", lambda r, name=name: r.grads[name]  # type: ignore[misc]


def check_sum_of_rows(seed: int) -> None:
    """Rounding errors of a bias gradient do not grow with the batch.

    A sum in order of n positive float32 numbers is off by tens of units for n = 4,099.
    """
    rng = np.random.default_rng(seed)
    for batch in (0, 1, 31, 32, 33, 67, 1021, 4099):
        rows = rng.uniform(0.5, 1.5, (batch, FEATURES)).astype(np.float32)
        truth = rows.astype(np.float64).sum(axis=0)
        error = scaled_error(sum_rows(rows), truth, truth, np.float32)
        assert error <= 4.0, f"{batch} rows: off by {error:.3g} units"
