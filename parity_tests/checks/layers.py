"""The layers and activations of the catalogue, in every form: y, dL/dx and dL/dparameter."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

import numpy_impl as ours
from parity_tests.cases.activations import ACTIVATIONS
from parity_tests.cases.layer_case import LayerCase, Shape
from parity_tests.cases.layers import LAYERS
from parity_tests.checks.check import FLOAT32, FLOAT64, Array, Check
from parity_tests.checks.models import check_slopes, compare_all, run_both_ways
from parity_tests.checks.refusals import refusal_checks
from parity_tests.checks.statistics import by_the_worst, judged_by_counts
from parity_tests.conditions import elementwise_conditions, module_conditions
from parity_tests.inputs import DRAWS, LAYOUTS, Repeated, mixed, normal, shape_name
from parity_tests.measures import Comparison, compare_float32, compare_float64, scaled_error
from torch_ref import Autograd, differentiate, from_torch, load_weights, to_torch, twin_of
from torch_ref.layers import MaskedDropout
from torch_ref.twins import DTYPES

CASES: tuple[LayerCase, ...] = (*LAYERS, *ACTIVATIONS)


def checks(seed: int) -> Iterator[Check]:
    """Yield the checks of every layer in every form."""
    for case in CASES:
        operation = case.operation.__name__
        for variant in case.variants:
            make = partial(case.make, variant)
            name = f"{operation}/{variant}"
            for dtype in (FLOAT64, FLOAT32):
                for shape in case.shapes:
                    for draw in DRAWS:
                        where = f"{dtype}-{shape_name(shape)}-{draw}"
                        run = partial(check_layer, case, make, dtype, shape, draw, seed)
                        yield Check(f"layer/{name}/{where}", run)
                run = partial(check_special_values, case, make, dtype, seed)
                yield Check(f"special/{name}/{dtype}", run)
                run = partial(check_evaluation, case, make, dtype, seed)
                yield Check(f"evaluation/{name}/{dtype}", run)
            for layout in LAYOUTS:
                run = partial(check_layout, case, make, layout, seed)
                yield Check(f"layout/{name}/{layout}", run)
            yield Check(f"differences/{name}", partial(check_by_differences, case, make, seed))
            yield Check(f"both-ways/{name}", partial(check_both_ways, make, seed))
            batches = partial(accuracy_batches, case, make, seed)
            yield judged_by_counts(f"accuracy/{name}", batches, _DRAWS)
            if _is_computed_in_blocks(case):
                yield Check(f"blocks/{name}", partial(check_blocks, make, seed))
        yield from refusal_checks(case.operation, case.variants, case.refusals, mixed_input(case))
    yield Check("dropout/draws", partial(check_draws, seed))


def mixed_input(case: LayerCase) -> tuple[Array, ...]:
    """Return an input that the layer takes."""
    return (mixed(np.random.default_rng(0), case.shapes[0]).astype(FLOAT32),)


Make = Callable[[np.random.Generator, np.dtype[Any]], ours.Layer]


def check_layer(
    case: LayerCase, make: Make, dtype: np.dtype[Any], shape: Shape, draw: str, seed: int
) -> list[Comparison]:
    """Output and every gradient against autograd."""

    def drawn(number: int) -> Iterator[Comparison]:
        rng = np.random.default_rng([seed, *shape, number])
        layer = make(rng, dtype)
        x = DRAWS[draw](rng, shape).astype(dtype)
        return _compare(case, layer, x, rng)

    return by_the_worst(drawn)


def _compare(
    case: LayerCase, layer: ours.Layer, x: Array, rng: np.random.Generator
) -> Iterator[Comparison]:
    twin, exact = _twin(layer), _twin(layer).double()
    _set_eps(exact, layer)
    grad_output = normal(rng, np.shape(layer.forward(x))).astype(x.dtype)
    result = run_both_ways(layer, x, grad_output)
    theirs = differentiate(twin, x, grad_output)
    truth = differentiate(exact, x, grad_output, dtype=torch.float64)
    unit = _unit(case, layer, exact, x, grad_output)
    return compare_all(case.terms, x.dtype, result, theirs, truth, unit)


def _twin(layer: ours.Layer) -> torch.nn.Module:
    if isinstance(layer, ours.Dropout):
        # Drawn as the layer does, for one and the same mask.
        return MaskedDropout(
            layer.p, lambda shape: Repeated(np.random.PCG64(0)).random(shape, np.float32) >= layer.p
        )
    twin = twin_of(layer)
    load_weights(twin, layer)
    twin.train(layer.training)
    return twin


def _set_eps(exact: torch.nn.Module, layer: ours.Layer) -> None:
    """Give a twin in float64 the eps that the layer takes in its own precision."""
    if isinstance(layer, ours.RMSNorm) and layer.eps is None:
        exact.eps = float(np.finfo(layer.dtype).eps)  # type: ignore[assignment]


def _unit(
    case: LayerCase, layer: ours.Layer, twin: torch.nn.Module, x: Array, grad_output: Array
) -> Autograd:
    grads: Mapping[str, Array] = {}
    if layer.elementwise:
        values = torch.tensor(np.array(x), dtype=torch.float64)
        upstream = torch.tensor(np.array(grad_output), dtype=torch.float64)
        output, grad_input = elementwise_conditions(twin, values, upstream)
    else:
        output, grad_input, grads = module_conditions(twin, x, grad_output)
    # What is below the smallest normal number is rounded by an absolute amount, and that may be
    # multiplied with x.
    largest = np.abs(x[np.isfinite(x)]).max(initial=0.0)
    floor = np.finfo(x.dtype).smallest_normal * (1 + float(largest))
    if case.floor is not None:
        more = case.floor(x.astype(np.float64))
        output, grad_input = output + more, grad_input + np.abs(grad_output) * more
    if case.slope_floor is not None and x.size:
        slope = case.slope_floor(layer, x)
        grad_input = grad_input + np.abs(grad_output).max() * slope
    if case.grads_floor is not None and x.size:
        terms, upstream = case.grads_floor(layer, x), np.abs(grad_output).max()
        grads = {name: grad + upstream * terms.get(name, 0.0) for name, grad in grads.items()}
        grad_input = grad_input + upstream * terms.get("input", 0.0)
    grads = {name: grad + floor for name, grad in grads.items()}
    return Autograd(output + floor, grad_input + floor, grads)


_ROWS_WITH_LIMITS = (
    (np.inf, 1.0, 0.0),
    (-np.inf, 1.0, 2.0),
    (-np.inf, -np.inf, -np.inf),
    (np.nan, 1.0, 0.0),
    (np.inf, -np.inf, 0.0),
)


def check_special_values(
    case: LayerCase, make: Make, dtype: np.dtype[Any], seed: int
) -> Iterator[Comparison]:
    """Kinks and what is next to them, zeros of both signs, 1e4, infinities and NaN."""
    rng = np.random.default_rng(seed)
    layer = make(rng, dtype)
    kinks = case.kinks(layer) if callable(case.kinks) else case.kinks
    points = [0.0, -0.0, 1e4, -1e4, 88.0, -88.0, 710.0, -710.0, 1e-30, -1e-30]
    for kink in kinks:
        exact = dtype.type(kink)
        points += [exact, np.nextafter(exact, dtype.type(np.inf)), np.nextafter(exact, -np.inf)]
    finite = np.array(points, dtype)
    if not layer.elementwise:
        finite = np.resize(finite, case.shapes[0])
    yield from _compare(case, layer, finite, rng)
    if not layer.elementwise:
        # So small that an eps beside them shows.
        yield from _compare(case, layer, (1e-4 * normal(rng, finite.shape)).astype(dtype), rng)
    if "dim" in layer.arguments:
        rows = np.array(_ROWS_WITH_LIMITS, dtype)
        yield from _limits(layer, rows if layer.config()["dim"] in (1, -1) else rows.T)
    if layer.elementwise:
        yield from _limits(layer, np.array([np.inf, -np.inf, np.nan], dtype))
        if case.exact is not None:
            yield from _compare_exactly(case, case.exact, layer, finite, rng)
        if kinks and dtype == FLOAT32 and not layer.wide:
            # Kinks are where they are in float32, as in PyTorch.
            grad_output = normal(rng, finite.shape).astype(dtype)
            theirs = differentiate(_twin(layer), finite, grad_output)
            yield from _same(layer, finite, grad_output, theirs, "as PyTorch in float32")


def _compare_exactly(
    case: LayerCase,
    exact: Callable[[torch.Tensor], torch.Tensor],
    layer: ours.Layer,
    x: Array,
    rng: np.random.Generator,
) -> Iterator[Comparison]:
    grad_output = normal(rng, x.shape).astype(x.dtype)
    result = run_both_ways(layer, x, grad_output)
    theirs = differentiate(_twin(layer), x, grad_output)
    truth = differentiate(exact, x, grad_output, dtype=torch.float64)
    values, upstream = (torch.tensor(a, dtype=torch.float64) for a in (x, grad_output))
    tiny = np.finfo(x.dtype).smallest_normal
    units = [unit + tiny for unit in elementwise_conditions(exact, values, upstream)]
    return compare_all(case.terms, x.dtype, result, theirs, truth, Autograd(*units, {}))


def _limits(layer: ours.Layer, x: Array) -> Iterator[Comparison]:
    grad_output = np.resize(np.array([0.7, -1.3, 0.5], x.dtype), x.shape)
    # In float32 PyTorch's GELU of infinity is NaN.
    theirs = differentiate(_twin(layer).double(), x, grad_output, dtype=torch.float64)
    yield from _same(layer, x, grad_output, theirs, "at inf, -inf and nan")


def _same(
    layer: ours.Layer, x: Array, grad_output: Array, theirs: Autograd, what: str
) -> Iterator[Comparison]:
    result = run_both_ways(layer, x, grad_output)
    for name in ("output", "grad_input"):
        actual, expected = getattr(result, name), getattr(theirs, name)
        error = scaled_error(actual, expected, np.abs(expected), x.dtype)
        yield Comparison(f"{name} {what}", error, None, 4.0)


def check_evaluation(
    case: LayerCase, make: Make, dtype: np.dtype[Any], seed: int
) -> Iterator[Comparison]:
    """After three batches: what the layer keeps of them, and its output in evaluation mode."""
    rng = np.random.default_rng(seed)
    layer = make(rng, dtype)
    twins = {"theirs": _twin(layer), "truth": _twin(layer).double()}
    _set_eps(twins["truth"], layer)
    kinds = {"theirs": DTYPES[dtype], "truth": torch.float64}
    outputs: dict[str, Array] = {}
    batches = [3 + 2 * normal(rng, case.shapes[0]).astype(dtype) for _ in range(4)]
    for x in batches[:-1]:
        layer.forward(x)
        for name, twin in twins.items():
            twin(torch.tensor(x, dtype=kinds[name]))
    last = batches[-1]
    layer.eval()
    before = {name: array.copy() for name, array in layer.buffers().items()}
    value = layer.forward(last)
    for name, twin in twins.items():
        twin.eval()
        outputs[name] = twin(torch.tensor(last, dtype=kinds[name])).detach().numpy()
    for name, array in layer.buffers().items():
        assert np.array_equal(array, before[name]), f"evaluating changed {name}"
    unit = _unit(case, layer, twins["truth"], last, np.ones(value.shape))
    tensors = {"output": (value, outputs["theirs"], outputs["truth"], unit.output)}
    states = {name: dict(twin.named_buffers()) for name, twin in twins.items()}
    for name, array in layer.buffers().items():
        theirs, truth = (states[key][name].numpy() for key in ("theirs", "truth"))
        tensors[name] = array, theirs, truth, np.abs(truth) + 20.0
    for name, (actual, theirs, truth, condition) in tensors.items():
        if dtype == FLOAT64:
            yield compare_float64(name, actual, truth, condition, case.terms)
        else:
            yield compare_float32(name, actual, theirs, truth, condition)


def check_layout(case: LayerCase, make: Make, layout: str, seed: int) -> None:
    """The result does not depend on strides, and arguments are unchanged bit for bit."""
    rng = np.random.default_rng(seed)
    layer = make(rng, FLOAT64)
    x = normal(rng, case.shapes[0])
    grad_output = normal(rng, np.shape(layer.forward(x)))
    expected = run_both_ways(layer, x, grad_output)
    x_there, grad_there = LAYOUTS[layout](x), LAYOUTS[layout](grad_output)
    result = run_both_ways(layer, x_there, grad_there)
    assert np.array_equal(x, x_there), "forward or backward wrote to x"
    assert np.array_equal(grad_output, grad_there), "backward wrote to grad_output"
    pairs = {"output": (result.output, expected.output)}
    pairs["grad_input"] = result.grad_input, expected.grad_input
    pairs |= {name: (result.grads[name], grad) for name, grad in expected.grads.items()}
    for name, (actual, wanted) in pairs.items():
        # Other strides may take another way through the same sum.
        np.testing.assert_allclose(actual, wanted, rtol=1e-12, atol=1e-13, err_msg=name)


def check_by_differences(case: LayerCase, make: Make, seed: int) -> None:
    """Gradients against differences of the layer's own forward, without PyTorch."""
    rng = np.random.default_rng(seed)
    check_slopes(make(rng, FLOAT64), case.shapes[0], rng)


def check_both_ways(make: Make, seed: int) -> None:
    """To PyTorch and back, and to a file and back: the same layer with the same state."""
    rng = np.random.default_rng(seed)
    model = ours.Sequential(make(rng, FLOAT32))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.npz"
        ours.save_model(path, model)
        loaded = ours.load_model(path).model
    for other in (from_torch(to_torch(model)), loaded):
        assert repr(other) == repr(model)
        state = other.state_dict()
        assert state.keys() == model.state_dict().keys()
        for name, array in model.state_dict().items():
            assert np.array_equal(state[name], array), name


def _is_computed_in_blocks(case: LayerCase) -> bool:
    operation = case.operation
    return "dim" in operation.arguments or (operation.elementwise and not operation.random)


def check_blocks(make: Make, seed: int) -> None:
    """An input of more than one block of entries gives what its parts give."""
    rng = np.random.default_rng(seed)
    layer = make(rng, FLOAT64)
    x, grad_output = mixed(rng, (139, 131)), normal(rng, (139, 131))
    whole = run_both_ways(layer, x, grad_output)
    axis = 1 if getattr(layer, "dim", -1) in (0, -2) else 0
    pieces = [np.array_split(array, 5, axis) for array in (x, grad_output)]
    parts = [run_both_ways(layer, *piece) for piece in zip(*pieces, strict=True)]
    for name in ("output", "grad_input"):
        expected = np.concatenate([getattr(part, name) for part in parts], axis)
        np.testing.assert_allclose(
            getattr(whole, name), expected, rtol=1e-14, atol=1e-300, err_msg=name
        )


def check_draws(seed: int) -> None:
    """Masks differ from batch to batch, are those of the seed, and keep 1 - p of a long input."""
    x = np.ones((211, 199))
    first, again = (ours.Dropout(0.3, rng=np.random.default_rng(seed)) for _ in range(2))
    masks = [first.forward(x) for _ in range(2)]
    assert not np.array_equal(*masks), "two batches have the same mask"
    narrow = again.forward(x.astype(FLOAT32))
    assert np.array_equal(masks[0] > 0, narrow > 0), "the mask depends on the precision"
    deviation = np.sqrt(0.3 * 0.7 / x.size)
    for mask in masks:
        assert abs((mask > 0).mean() - 0.7) < 6 * deviation, "another share than 1 - p is kept"


# Forms of an operation are judged by so many batches each.
_DRAWS = 40


def accuracy_batches(case: LayerCase, make: Make, seed: int) -> Iterator[list[Comparison]]:
    """Yield float32 batches: the error is no more often larger than PyTorch's than smaller."""
    rng = np.random.default_rng([seed, 7])
    for _ in range(_DRAWS):
        layer = make(rng, FLOAT32)
        x = (3 * normal(rng, case.shapes[0])).astype(FLOAT32)
        yield list(_compare(case, layer, x, rng))
