"""What PyTorch's databases have for a class of `numpy_impl`, found by its name."""

import ast
import functools
import importlib
import inspect
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

import numpy_impl as ours
from parity_tests.checks.signatures import public_kinds
from torch_ref import pytorch_class

SOURCES = ("modules", "functions", "optimizers")

_SEED = 20


@dataclass(frozen=True)
class Sample:
    """A sample of PyTorch's, taken apart.

    Attributes
    ----------
    kind : type
        Our class.
    source : str
        One of `SOURCES`.
    dtype : torch.dtype
        Of its floating-point tensors.
    options : mapping of str to object
        Arguments of PyTorch's constructor, or of PyTorch's function beside those below.
    arguments : mapping of str to object
        What ``forward`` takes, the input first.
    state : mapping of str to Tensor or None
        Parameters and buffers that a function is given.
    training : bool or None
        The mode that a function is asked for; None to run in both modes.
    function : callable, optional
        PyTorch's function; None for a class.
    refused : bool
        Whether PyTorch raises an error.
    """

    kind: type
    source: str
    dtype: torch.dtype
    options: Mapping[str, Any]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    state: Mapping[str, torch.Tensor | None] = field(default_factory=dict)
    training: bool | None = None
    function: Callable[..., Any] | None = None
    refused: bool = False

    def __str__(self) -> str:
        options = _described(self.options)
        arguments = _described({**self.arguments, **self.state})
        mode = "" if self.training is None else f", training={self.training}"
        refused = ", which PyTorch refuses" if self.refused else ""
        return f"{self.kind.__name__}({options}) of ({arguments}{mode}){refused}"


def _described(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={_short(value)}" for name, value in values.items())


def _short(value: Any) -> str:
    if isinstance(value, torch.Tensor) and value.ndim:
        return f"{str(value.dtype).removeprefix('torch.')}{tuple(value.shape)}"
    return repr(value)


def kinds(source: str) -> list[type]:
    """Return the classes of `numpy_impl` that a database may have samples for."""
    bases = ours.Optimizer if source == "optimizers" else (ours.Layer, ours.Loss)
    return [kind for kind in public_kinds() if issubclass(kind, bases)]


@functools.cache
def samples(kind: type, source: str, dtype: torch.dtype) -> tuple[Sample, ...]:
    """Return what a database has for a class in one precision, drawn from a fixed seed."""
    find = {"modules": _of_modules, "functions": _of_functions, "optimizers": _of_optimizers}
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what PyTorch warns of while it draws is its own affair
        torch.manual_seed(_SEED)
        return tuple(find[source](kind, dtype))


@functools.cache
def _database(source: str) -> tuple[Any, ...]:
    """Import a database, which takes seconds, when it is first asked for."""
    name, module = {
        "modules": ("module_db", "common_modules"),
        "functions": ("op_db", "common_methods_invocations"),
        "optimizers": ("optim_db", "common_optimizers"),
    }[source]
    with warnings.catch_warnings():
        # It misses packages that only PyTorch's own test runs need, and says so.
        warnings.simplefilter("ignore")
        found = getattr(importlib.import_module(f"torch.testing._internal.{module}"), name)
    return tuple(found)


def _of_modules(kind: type, dtype: torch.dtype) -> Iterator[Sample]:
    for info in _database("modules"):
        if info.module_cls.__name__ != kind.__name__ or dtype not in info.supported_dtypes("cpu"):
            continue
        how = {"requires_grad": False, "training": True}
        for found in info.module_inputs_func(info, "cpu", dtype, **how):
            yield _of_module(kind, dtype, found, refused=False)
        if info.module_error_inputs_func is not None:
            for error in info.module_error_inputs_func(info, "cpu", dtype, **how):
                yield _of_module(kind, dtype, error.module_error_input, refused=True)


def _of_module(kind: type, dtype: torch.dtype, found: Any, *, refused: bool) -> Sample:
    made_of, called_with = found.constructor_input, found.forward_input
    twin = pytorch_class(kind)
    options = inspect.signature(twin).bind(*made_of.args, **made_of.kwargs).arguments
    arguments: Mapping[str, Any] = {}
    if called_with is not None:  # it is where the constructor is what refuses
        forward = inspect.signature(twin.forward)  # type: ignore[attr-defined]
        bound = forward.bind(None, *called_with.args, **called_with.kwargs).arguments
        arguments = _with_input({name: value for name, value in bound.items() if name != "self"})
    return Sample(kind, "modules", dtype, options, arguments, refused=refused)


def _plain(name: str) -> str:
    """Return a name of a class or a function without what these differ by."""
    name = name.rpartition(".")[2].lower().replace("_", "")
    name = name.replace("binarycrossentropy", "bce")
    return name.removesuffix("loss").removesuffix("1d")


def _of_functions(kind: type, dtype: torch.dtype) -> Iterator[Sample]:
    for info in _database("functions"):
        home, _, short = info.name.rpartition(".")
        if home not in ("", "nn.functional") or _plain(short) != _plain(kind.__name__):
            continue
        if dtype not in info.supported_dtypes("cpu"):
            continue
        for found in info.sample_inputs("cpu", dtype, requires_grad=False):
            yield _of_function(kind, dtype, info, found, refused=False)
        if info.error_inputs_func is not None and dtype == torch.float32:
            for error in info.error_inputs("cpu"):
                yield _of_function(kind, dtype, info, error.sample_input, refused=True)


def _of_function(kind: type, dtype: torch.dtype, info: Any, found: Any, *, refused: bool) -> Sample:
    signature = _signature(info)
    bound = signature.bind(found.input, *found.args, **found.kwargs)
    bound.apply_defaults()
    given = _with_input(bound.arguments)
    training = given.pop("training", None)
    _, _, *others = inspect.signature(pytorch_class(kind).forward).parameters  # type: ignore[attr-defined]
    takes = inspect.signature(kind).parameters
    arguments = {name: given.pop(name) for name in ["input", *others] if name in given}
    state = {}
    if issubclass(kind, ours.Layer):
        names = ("weight", "bias", "running_mean", "running_var")
        state = {name: given.pop(name) for name in names if name in given}
    defaults = {name: parameter.default for name, parameter in signature.parameters.items()}
    options = {
        name: value
        for name, value in given.items()
        if name in takes or not _same(value, defaults[name])
    }
    return Sample(
        kind, "functions", dtype, options, arguments, state, training, info.op, refused=refused
    )


def _with_input(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments in their order, the first under the name ``input``."""
    (_, first), *others = arguments.items()
    return {"input": first, **dict(others)}


def _same(value: Any, default: Any) -> bool:
    return value is default or (not isinstance(value, torch.Tensor) and bool(value == default))


def _signature(info: Any) -> inspect.Signature:
    """Return the signature of a function; of one that is not written in Python, as documented."""
    short = info.name.rpartition(".")[2]
    functions = [getattr(torch.nn.functional, short, info.op), info.op]
    for function in functions:
        try:
            return inspect.signature(function)
        except ValueError:
            continue
    for function in functions:
        match = re.search(r"^\w+\((.*)\) ->", (function.__doc__ or "").strip())
        if match is None:
            continue
        parsed = ast.parse(f"def f({match[1]}): pass").body[0]
        assert isinstance(parsed, ast.FunctionDef)
        scope: dict[str, Any] = {}
        exec(compile(ast.Module([parsed], []), "<documentation>", "exec"), scope)
        return inspect.signature(scope["f"])
    raise LookupError(f"{info.name} has no signature")


def _of_optimizers(kind: type, dtype: torch.dtype) -> Iterator[Sample]:
    for info in _database("optimizers"):
        if info.optim_cls.__name__ != kind.__name__:
            continue
        for found in info.optim_inputs_func(device="cpu", dtype=dtype):
            yield _of_optimizer(kind, dtype, found, refused=False)
        if info.optim_error_inputs_func is not None:
            for error in info.optim_error_inputs_func(device="cpu", dtype=dtype):
                yield _of_optimizer(kind, dtype, error.optimizer_error_input, refused=True)


def _of_optimizer(kind: type, dtype: torch.dtype, found: Any, *, refused: bool) -> Sample:
    arguments = {} if found.params is None else {"params": found.params}
    return Sample(kind, "optimizers", dtype, dict(found.kwargs), arguments, refused=refused)
