"""What the declarations share: right arguments, and short ways to say what an argument takes."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

import numpy_impl as ours
from parity_tests.arguments.trying import Argument, frozen, using
from parity_tests.arguments.values import Array, Shape
from parity_tests.inputs import BATCH, CLASSES, FEATURES, HIDDEN

FLOAT32 = np.dtype(np.float32)


def rng(seed: int = 0) -> np.random.Generator:
    """A fresh generator."""
    return np.random.default_rng(seed)


def numbers(*shape: int, seed: int = 1) -> Array:
    """Normal numbers in float32."""
    return rng(seed).standard_normal(shape).astype(np.float32)


X = numbers(BATCH, FEATURES)
G = numbers(BATCH, CLASSES, seed=2)
Y = rng(3).integers(0, CLASSES, BATCH)


def always(value: Any) -> Callable[[], Any]:
    """Return a function that returns a copy of an array, or a value as it is."""
    return value.copy if isinstance(value, np.ndarray) else lambda: value


def any_shape(_: Shape) -> bool:
    """Every shape will do."""
    return True


def last(width: int) -> Callable[[Shape], bool]:
    """Return whether the last axis is that wide."""
    return lambda shape: bool(shape) and shape[-1] == width


def floats(value: Array, **options: Any) -> Argument:
    """An argument of floating-point numbers."""
    return Argument("floats", always(value), **options)


def labels(value: Array = Y, **options: Any) -> Argument:
    """An argument of labels."""
    return Argument("labels", always(value), **options)


def thing(make: Callable[[], Any], **options: Any) -> Argument:
    """An argument of a class of ours."""
    return Argument("object", make, **options)


def a_function(value: Any, **options: Any) -> Argument:
    """An argument that is a function."""
    return Argument("function", always(value), **options)


GENERATOR = Argument("generator", rng)
DTYPE = Argument("dtype", always(np.float32))
TRUE, FALSE = Argument("bool", always(True)), Argument("bool", always(False))


def count(value: int, **options: Any) -> Argument:
    """An argument that is an integer."""
    return Argument("int", always(value), **options)


def number(value: float, **options: Any) -> Argument:
    """An argument that is a number."""
    return Argument("float", always(value), **options)


_KINDS = {
    "int": "int",
    "float": "float",
    "bool": "bool",
    "str": "text",
    "DTypeLike": "dtype",
    "np.random.Generator": "generator",
    "ArrayLike": "floats",
}
_DEFAULTS = {"int": 3, "float": 0.5}


def of_signature(
    function: Callable[..., Any], usual: Mapping[str, Any], special: Mapping[str, Argument]
) -> dict[str, Argument]:
    """Return what a function takes, as its annotations say.

    Parameters
    ----------
    function : callable
        With annotations.
    usual : mapping
        Values for arguments that have no default, or another one here.
    special : mapping
        What annotations do not say.
    """
    arguments = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if name in special:
            arguments[name] = special[name]
            continue
        kind, _, none = str(parameter.annotation).partition(" | ")
        value = usual.get(name, parameter.default)
        if kind == "np.random.Generator":
            arguments[name] = replace(GENERATOR, optional=none == "None")
        elif none in ("", "None") and kind in _KINDS:
            # None is the default: it has a value of its kind here, to be tried with others.
            value = _DEFAULTS.get(kind) if value is None else value
            arguments[name] = Argument(_KINDS[kind], always(value), optional=none == "None")
        else:
            arguments[name] = thing(always(value), optional=value is None)
    return arguments


def clean(_: Shape) -> None:
    """Whatever comes of it."""


def atomic(owner: Any, load: Callable[[Any], Any], given: Any, use: Callable[[Any], Any]) -> Any:
    """Let a state be loaded; AssertionError if one that is refused has changed something."""
    before = frozen(owner.state_dict())
    try:
        load(given)
    except ours.InputError:
        assert frozen(owner.state_dict()) == before, "a refused state has changed something"
        raise
    return using(lambda: owner, use)


def model(seed: int = 0, dtype: Any = np.float32) -> ours.Sequential:
    """A small network."""
    return ours.mlp([FEATURES, HIDDEN, CLASSES], rng=rng(seed), dtype=dtype)
