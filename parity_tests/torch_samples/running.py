"""One sample of PyTorch's, here and there."""

import copy
import inspect
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import numpy_impl as ours
from numpy_impl.parameters import make_parameters
from parity_tests.cases.losses import LOSSES
from parity_tests.cases.optimizers import OPTIMIZERS
from parity_tests.checks.layers import CASES
from parity_tests.checks.losses import unit_of_error
from parity_tests.conditions import derivative, elementwise_conditions
from parity_tests.measures import Comparison, compare_float32, compare_float64
from parity_tests.torch_samples.databases import Sample
from torch_ref import arena_vector, pytorch_class, twin_class, twin_of
from torch_ref.optimizers import default_dtype

Array = NDArray[Any]

SWITCHES = ("inplace",)
"""Arguments that change how something is computed and not what; ours are made without them."""

_STEPS = 5
_SIZE = 200  # entries whose derivatives are taken at a time, where rows are independent


def run(sample: Sample) -> list[Comparison]:
    """Return what was compared; AssertionError if a sample that PyTorch refuses is not refused."""
    rng = np.random.default_rng(7)
    if sample.refused:
        _run_refused(sample)
        return []
    if issubclass(sample.kind, ours.Optimizer):
        return [_run_optimizer(sample, rng)]
    with warnings.catch_warnings():
        # PyTorch announces a change of what KLDivLoss calls a mean.
        warnings.filterwarnings("ignore", message="reduction: 'mean' divides")
        return list(_run_module(sample, rng))


def options_of(sample: Sample) -> dict[str, Any]:
    """Return the arguments of our constructor; what a function has no name for, from its tensors.

    A function of PyTorch takes what its class makes: the weight instead of its shape.
    """
    given = {name: value for name, value in sample.options.items() if name not in SWITCHES}
    if sample.function is not None:
        state, x = sample.state, sample.arguments["input"]
        weight = state.get("weight")
        known: dict[str, Callable[[], Any]] = {
            "in_features": lambda: weight.shape[1],
            "out_features": lambda: weight.shape[0],
            "num_parameters": lambda: weight.numel(),
            "num_features": lambda: x.shape[1],
            "affine": lambda: weight is not None,
            "elementwise_affine": lambda: weight is not None,
            "bias": lambda: state.get("bias") is not None,
            "track_running_stats": lambda: state.get("running_mean") is not None,
        }
        takes = inspect.signature(sample.kind).parameters
        given |= {n: find() for n, find in known.items() if n in takes and n not in given}
    return {name: _as_numpy(value) for name, value in given.items()}


def _as_numpy(value: Any) -> Any:
    return value.detach().numpy() if isinstance(value, torch.Tensor) else value


def make_ours(sample: Sample) -> Any:
    """Return our layer or loss, with parameters that are zero or not drawn yet."""
    takes = inspect.signature(sample.kind).parameters
    given = {"rng": np.random.default_rng(0), "dtype": _name(sample.dtype)}
    extra = {name: value for name, value in given.items() if name in takes}
    return sample.kind(**options_of(sample), **extra)


class Function(torch.nn.Module):
    """A function of PyTorch's with its arguments, as a module that owns its tensors.

    Parameters
    ----------
    sample : Sample
        With a function.
    """

    def __init__(self, sample: Sample) -> None:
        super().__init__()
        assert sample.function is not None
        self.function = sample.function
        self.options = {n: value for n, value in sample.options.items() if n not in SWITCHES}
        self.with_mode = sample.training is not None
        self.names = [*sample.state]
        for name, value in sample.state.items():
            if value is not None and name in ("weight", "bias"):
                self.register_parameter(name, torch.nn.Parameter(value.detach().clone()))
            else:
                self.register_buffer(name, None if value is None else value.detach().clone())
        for name, value in list(self.options.items()):
            if isinstance(value, torch.Tensor):
                self.register_buffer(name, value.detach().clone(), persistent=False)
                self.names.append(name)
                del self.options[name]

    def forward(self, x: torch.Tensor, **others: torch.Tensor) -> torch.Tensor:
        """Return the function's value."""
        tensors = {name: getattr(self, name) for name in self.names}
        mode = {"training": self.training} if self.with_mode else {}
        result: torch.Tensor = self.function(x, **others, **tensors, **self.options, **mode)
        return result


def make_theirs(sample: Sample, rng: np.random.Generator) -> torch.nn.Module:
    """Return PyTorch's module, with parameters none of which is at its default."""
    if sample.function is not None:
        return Function(sample)
    options = {name: value for name, value in sample.options.items() if name not in SWITCHES}
    takes = inspect.signature(pytorch_class(sample.kind)).parameters
    dtype = {"dtype": sample.dtype} if "dtype" in takes else {}
    module: torch.nn.Module = pytorch_class(sample.kind)(**options, **dtype)
    for parameter in module.parameters():
        values = torch.tensor(rng.standard_normal(parameter.shape))
        parameter.data = values.to(parameter.dtype)
    return module


def _load(layer: ours.Layer, module: torch.nn.Module) -> None:
    state = {name: tensor.numpy() for name, tensor in module.state_dict().items()}
    for parameter in layer.parameters():
        given = state[parameter.name]
        # A function's weight may be a single number where that of the class is a vector of one.
        parameter.data = given if given.ndim else given.reshape(parameter.shape)
    for name, buffer in layer.buffers().items():
        np.copyto(buffer, state.get(name, 0))


class _Twin:
    """A module in one precision, with what it is called with.

    Attributes
    ----------
    inputs : mapping of str to Tensor
        What derivatives are taken of: floating-point arguments but for targets, then parameters.
    """

    def __init__(self, sample: Sample, module: torch.nn.Module, dtype: torch.dtype) -> None:
        self.module = copy.deepcopy(module).to(dtype)
        self.arguments = {
            name: value.detach().to(dtype) if value.is_floating_point() else value
            for name, value in sample.arguments.items()
        }
        self.parameters = dict(self.module.named_parameters())
        wanted = {
            name: value
            for name, value in self.arguments.items()
            if value.is_floating_point() and name != "target"
        }
        self.inputs = {**wanted, **{n: p.detach() for n, p in self.parameters.items()}}

    def function(self, *tensors: torch.Tensor) -> torch.Tensor:
        """Return the output for these inputs."""
        given = dict(zip(self.inputs, tensors, strict=True))
        values = {name: given[name] for name in self.parameters}
        arguments = {name: given.get(name, value) for name, value in self.arguments.items()}
        x = given["input"]
        others = {name: value for name, value in arguments.items() if name != "input"}
        result: torch.Tensor = torch.func.functional_call(self.module, values, (x,), others)
        return result

    def gradients(self, grad_output: Array) -> tuple[Array, dict[str, Array]]:
        """Return the output, and the derivative with respect to every input."""
        inputs = [tensor.clone().requires_grad_() for tensor in self.inputs.values()]
        output = self.function(*inputs)
        upstream = torch.tensor(np.array(grad_output), dtype=output.dtype)
        grads: Any = [torch.zeros_like(tensor) for tensor in inputs]
        if output.requires_grad:
            grads = torch.autograd.grad(output, inputs, upstream)
        names = zip(self.inputs, grads, strict=True)
        return output.detach().numpy(), {name: grad.numpy() for name, grad in names}

    def set_eps(self, eps: float) -> None:
        """Let the module have another eps."""
        if isinstance(self.module, Function):
            self.module.options["eps"] = eps
        else:
            self.module.eps = eps  # type: ignore[assignment]

    def output(self) -> Array:
        """Return the output, without derivatives."""
        with torch.no_grad():
            return self.function(*self.inputs.values()).numpy()


def _run_module(sample: Sample, rng: np.random.Generator) -> Iterator[Comparison]:
    module = make_theirs(sample, rng)
    mine = make_ours(sample)
    if isinstance(mine, ours.Layer):
        _load(mine, module)
    twins = tuple(_Twin(sample, module, dtype) for dtype in (sample.dtype, torch.float64))
    if isinstance(mine, ours.RMSNorm) and mine.eps is None:
        # By default it is that of the type of the input.
        twins[1].set_eps(float(torch.finfo(sample.dtype).eps))
    if sample.training is not False:
        yield from _differentiated(sample, mine, *twins, rng)
    if isinstance(mine, ours.Layer) and sample.training is not True:
        mine.eval()
        for twin in twins:
            twin.module.eval()
        yield from _evaluated(sample, mine, *twins)


def _differentiated(
    sample: Sample, mine: Any, theirs: _Twin, exact: _Twin, rng: np.random.Generator
) -> Iterator[Comparison]:
    output = mine.forward(*(value.numpy() for value in theirs.arguments.values()))
    grad_output = rng.standard_normal(np.shape(output)).astype(_name(sample.dtype))
    back = mine.backward(grad_output)
    grads = dict(zip(exact.inputs, back if isinstance(back, tuple) else (back,), strict=False))
    if isinstance(mine, ours.Layer):
        grads |= {parameter.name: parameter.grad for parameter in mine.parameters()}
    assert grads.keys() == exact.inputs.keys(), f"derivatives of {[*grads]}, of {[*exact.inputs]}"
    units = _units(sample, mine, copy.deepcopy(exact), grad_output)
    there, there_grads = theirs.gradients(grad_output)
    truth, truth_grads = exact.gradients(grad_output)
    terms = _terms(sample)
    rows = {"output": (output, there, truth, units["output"])}
    for name, grad in grads.items():
        shape = grad.shape if truth_grads[name].ndim else ()
        row = grad.reshape(shape), there_grads[name], truth_grads[name], units[name]
        rows[f"gradient of {name}"] = row
    if isinstance(mine, ours.Layer):
        states = [dict(twin.module.named_buffers()) for twin in (theirs, exact)]
        for name, array in mine.buffers().items():
            if all(name in state for state in states):
                pair = [state[name].numpy() for state in states]
                rows[name] = array, pair[0], pair[1], np.abs(pair[1]) + 20.0
    for name, row in rows.items():
        yield _compare(sample.dtype, name, row, terms)


def _evaluated(
    sample: Sample, mine: ours.Layer, theirs: _Twin, exact: _Twin
) -> Iterator[Comparison]:
    x = theirs.arguments["input"].numpy()
    output, truth = mine.forward(x), exact.output()
    units = _units(sample, mine, exact, np.ones(truth.shape))
    row = output, theirs.output(), truth, units["output"]
    yield _compare(sample.dtype, "output in evaluation mode", row, _terms(sample))


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _compare(
    dtype: torch.dtype, name: str, row: tuple[Any, Array, Array, Array], terms: int
) -> Comparison:
    mine, theirs, truth, unit = row
    mine = np.asarray(mine)
    # Beside what is not finite, the rest is as exact as its own size.
    unit = np.where(np.isnan(unit), np.abs(truth), unit)
    assert not (unit < 0).any(), f"{name}: units below zero"
    if dtype == torch.float64:
        return compare_float64(name, mine, truth, unit, terms)
    return compare_float32(name, mine, theirs, truth, unit)


def _declared(kind: type) -> Any:
    """Return the declaration of a layer or a loss."""
    return next(case for case in (*CASES, *LOSSES) if case.operation is kind)


def _terms(sample: Sample) -> int:
    """Return how many roundings there are on the way: those of an entry, and of the longest sum."""
    terms: int = _declared(sample.kind).terms
    elementwise = issubclass(sample.kind, ours.Layer) and sample.kind.elementwise
    return terms if elementwise else terms + sample.arguments["input"].numel()


def _units(sample: Sample, mine: Any, twin: _Twin, grad_output: Array) -> dict[str, Array]:
    """Return the unit of error of the output and of the derivative of every input."""
    if isinstance(mine, ours.Loss):
        arrays = tuple(value.numpy() for value in twin.arguments.values())
        shapes = [grad_output.shape, *(tensor.shape for tensor in twin.inputs.values())]
        if not arrays[0].ndim:  # the unit of a single number is found for a batch of one
            arrays = tuple(np.reshape(array, 1) for array in arrays)
            grad_output = np.reshape(grad_output, 1 if mine.reduction == "none" else ())
        measured = copy.copy(mine)
        if getattr(mine, "weight", None) is not None:
            # PyTorch draws weights below zero, too. Terms are measured by their magnitudes.
            measured.weight = np.asarray(np.abs(mine.weight))
        found = unit_of_error(_declared(sample.kind), measured, twin_of, arrays, grad_output)
        named = zip(("output", *twin.inputs), (found.value, *found.grads), shapes, strict=True)
        return {name: np.reshape(unit, shape) for name, unit, shape in named}
    x, upstream = twin.inputs["input"], torch.tensor(np.array(grad_output), dtype=torch.float64)
    tensors = [*twin.inputs.values()]
    if mine.elementwise and len(tensors) == 1:
        pair = elementwise_conditions(twin.module, x, upstream)
        units = dict(zip(("output", "input"), pair, strict=True))
    elif mine.rowwise and x.ndim > 1 and x.numel() > _SIZE:
        units = _by_pieces(twin, upstream)
    else:
        units = _whole(twin, tensors, upstream)
    case, values = _declared(sample.kind), x.numpy()
    if case.floor is not None:
        more = case.floor(values)
        units["output"] = units["output"] + more
        units["input"] = units["input"] + np.abs(grad_output) * more
    if case.slope_floor is not None and values.size:
        slope = case.slope_floor(mine, values)
        largest = np.abs(grad_output).max()
        units["input"] = units["input"] + largest * slope
        if "weight" in units:
            # Where a group has one number, PyTorch's difference from the mean is not quite zero.
            units["weight"] = units["weight"] + largest * np.abs(slope * values).max()
    floor = float(torch.finfo(sample.dtype).smallest_normal)
    return {name: unit + floor for name, unit in units.items()}


def _whole(twin: _Twin, tensors: list[torch.Tensor], upstream: torch.Tensor) -> dict[str, Array]:
    units = {"output": _conditions(twin.function, tensors)}
    for number, name in enumerate(twin.inputs):
        units[name] = _conditions(derivative(twin.function, number), [upstream, *tensors])
    return units


def _by_pieces(twin: _Twin, upstream: torch.Tensor) -> dict[str, Array]:
    """Return what `_whole` does, of a layer that takes every row by itself."""
    x, *parameters = twin.inputs.values()
    step = max(_SIZE * len(x) // x.numel(), 1)
    parts = [
        _whole(twin, [rows, *parameters], above)
        for rows, above in zip(x.split(step), upstream.split(step), strict=True)
    ]
    units: dict[str, Array] = {}
    for name in parts[0]:
        pieces = [part[name] for part in parts]
        by_row = name in ("output", "input")
        units[name] = np.concatenate(pieces) if by_row else np.sum(pieces, axis=0)
    return units


def _conditions(function: Callable[..., torch.Tensor], inputs: list[torch.Tensor]) -> Array:
    """Return what `parity_tests.conditions.conditions` does, all derivatives at once."""
    value = function(*inputs).detach()
    total = value.abs()
    if not value.numel():
        return total.numpy()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="There is a performance drop")
        jacobians = torch.autograd.functional.jacobian(function, tuple(inputs), vectorize=True)
    for jacobian, x in zip(jacobians, inputs, strict=True):
        # An input that is NaN is not rounded.
        terms = torch.nan_to_num(jacobian.abs() * x.abs(), nan=0.0, posinf=torch.inf)
        total = total + terms.sum(dim=tuple(range(value.ndim, jacobian.ndim)))
    return total.detach().numpy()


def _run_refused(sample: Sample) -> None:
    try:
        if issubclass(sample.kind, ours.Optimizer):
            _optimizer(sample, _matrices(sample.dtype, np.random.default_rng(0)))
        else:
            mine = make_ours(sample)
            if isinstance(mine, ours.Layer):
                _load(mine, make_theirs(sample, np.random.default_rng(0)))
            mine.forward(*(_as_numpy(value) for value in sample.arguments.values()))
    except ours.InputError:
        return
    raise AssertionError("PyTorch refuses it, and ours takes it")


def _matrices(dtype: torch.dtype, rng: np.random.Generator) -> ours.Sequential:
    """Return a network whose parameters are matrices, which every optimizer takes."""
    name = _name(dtype)
    sizes = (7, 11, 5)
    layers = [ours.Linear(m, n, bias=False, rng=rng, dtype=name) for m, n in pairwise(sizes)]
    return ours.Sequential(*layers)


def _optimizer(sample: Sample, model: ours.Sequential) -> Any:
    given = sample.arguments.get("params")
    parameters = model.parameters() if given is None else _own(given, sample.dtype)
    return sample.kind(parameters, **sample.options)


def _own(given: Any, dtype: torch.dtype) -> Any:
    """Return parameters of ours, or groups of them, alike to those of PyTorch's."""
    tensors: dict[int, torch.Tensor] = {}

    def walk(value: Any, replace: Callable[[torch.Tensor], Any]) -> Any:
        if isinstance(value, torch.Tensor):
            return replace(value)
        if isinstance(value, dict):
            return {**value, "params": walk(value["params"], replace)}
        return [walk(entry, replace) for entry in value]

    walk(given, lambda tensor: tensors.setdefault(id(tensor), tensor))
    shapes = {str(key): tuple(tensor.shape) for key, tensor in tensors.items()}
    own = {parameter.name: parameter for parameter in make_parameters(shapes, _name(dtype))}
    return walk(given, lambda tensor: own[str(id(tensor))])


def _run_optimizer(sample: Sample, rng: np.random.Generator) -> Comparison:
    """Compare the parameters after some steps, on random gradients or down a random bowl."""
    model = _matrices(sample.dtype, rng)
    size = len(model.arena)
    gradients = rng.standard_normal((_STEPS, size)).astype(model.arena.dtype)
    # One that asks for the loss again gets a function to minimize, all others gradients.
    asks = inspect.signature(pytorch_class(sample.kind).step).parameters["closure"]  # type: ignore[attr-defined]
    bowl = Bowl(rng, gradients[0]) if asks.default is inspect.Parameter.empty else None
    results = []
    path = np.abs(model.arena.values.astype(np.float64))
    for dtype in (sample.dtype, torch.float64):
        there = _There(sample, model, dtype)
        with default_dtype(dtype):
            for gradient in gradients:
                before = arena_vector(there.tensors)
                there.step(gradient, bowl)
                if dtype == torch.float64:
                    path = path + np.abs(arena_vector(there.tensors) - before)
        results.append(arena_vector(there.tensors))
    optimizer = _optimizer(sample, model)
    for gradient in gradients:
        if bowl is None:
            model.arena.grads[:] = gradient
            optimizer.step()
        else:
            optimizer.step(partial(_closure, model, bowl))
    case = next(case for case in OPTIMIZERS if case.operation is sample.kind)
    row = model.arena.values, results[0], results[1], path
    return _compare(sample.dtype, "parameters", row, round((8 + _STEPS) * case.conditioned))


class Bowl:
    """A quadratic function of all parameters, and its derivative.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws how steep it is along every axis.
    lowest : ndarray
        Where it is zero.
    """

    def __init__(self, rng: np.random.Generator, lowest: Array) -> None:
        self.lowest = lowest
        self.steep = rng.uniform(0.5, 2.0, lowest.shape)

    def __call__(self, values: Array) -> tuple[float, Array]:
        """Return value and derivative."""
        off = values - self.lowest.astype(values.dtype)
        slope = self.steep.astype(values.dtype) * off
        return float(off @ slope) / 2, slope


def _closure(model: ours.Sequential, bowl: Bowl) -> float:
    loss, model.arena.grads[:] = bowl(model.arena.values)
    return loss


class _There:
    """An optimizer of PyTorch's over a network's parameters, in one precision."""

    def __init__(self, sample: Sample, model: ours.Sequential, dtype: torch.dtype) -> None:
        self.parameters = model.parameters()
        self.tensors = [torch.nn.Parameter(_tensor(p.data, dtype)) for p in self.parameters]
        self.stepper = twin_class(sample.kind)(self.tensors, **sample.options)

    def step(self, gradient: Array, bowl: Bowl | None) -> None:
        """Take a step along a gradient, or down a bowl."""
        if bowl is None:
            self._set(gradient)
            self.stepper.step()
        else:
            self.stepper.step(partial(self._closure, bowl))

    def _closure(self, bowl: Bowl) -> torch.Tensor:
        loss, slope = bowl(arena_vector(self.tensors))
        self._set(slope)
        return torch.tensor(loss)

    def _set(self, gradient: Array) -> None:
        for parameter, tensor in zip(self.parameters, self.tensors, strict=True):
            tensor.grad = _tensor(parameter.of(gradient), tensor.dtype)


def _tensor(array: Array, dtype: torch.dtype) -> torch.Tensor:
    return torch.tensor(np.array(array, order="C")).to(dtype)
