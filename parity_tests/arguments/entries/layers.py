"""Layers and activations."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

import numpy_impl as ours
from parity_tests.arguments.entries.common import (
    FALSE,
    FLOAT32,
    TRUE,
    X,
    any_shape,
    clean,
    count,
    floats,
    last,
    number,
    numbers,
    of_signature,
    rng,
)
from parity_tests.arguments.trying import Argument, Entry, using
from parity_tests.arguments.values import Array, Shape
from parity_tests.checks.layers import CASES
from parity_tests.inputs import BATCH, FEATURES

_SHAPES: Mapping[str, Callable[[Shape], bool | None]] = {
    "Linear": last(FEATURES),
    "LayerNorm": last(FEATURES),
    "RMSNorm": last(FEATURES),
    # A batch of one has no variance in training.
    "BatchNorm1d": lambda s: len(s) in (2, 3) and s[1] == FEATURES and (s[0] != 1 or None),
    "Flatten": lambda s: len(s) >= 2,
    "Residual": last(FEATURES),
    "Softmax": clean,
    "LogSoftmax": clean,
    "Softmin": clean,
}
"""Shapes that layers take, where that is not every one."""

_LAYER_ARGUMENTS: Mapping[str, Mapping[str, Argument]] = {
    "Hardtanh": {"min_val": number(-1.0, also=("max_val",))},
    "LayerNorm": {"normalized_shape": count(FEATURES, taken=("0-d array",))},
    "RMSNorm": {
        "normalized_shape": count(FEATURES),
        "eps": number(1e-3, optional=True),
    },
}


def layer_entries() -> Iterator[Entry]:
    """Yield the entry points of every layer and activation."""
    # One declaration of each is enough here.
    for case in {case.operation: case for case in reversed(CASES)}.values():
        kind: Any = case.operation
        variant = "default" if "default" in case.variants else next(iter(case.variants))
        usual = dict(case.variants[variant])
        make = partial(case.make, variant)
        name = kind.__name__
        if kind is ours.Residual:
            make = _residual  # type: ignore[assignment]
        else:
            special = _LAYER_ARGUMENTS.get(name, {})
            arguments = of_signature(kind, usual, special)
            yield from _entry(name, partial(_make_layer, kind), arguments)
        layer = make(rng(), FLOAT32)
        shape = (BATCH, FEATURES)
        yield from _layer_methods(name, partial(make, dtype=FLOAT32), layer, numbers(*shape))


def _entry(name: str, call: Callable[..., Any], arguments: dict[str, Argument]) -> Iterator[Entry]:
    if arguments:
        yield Entry(name, call, arguments)


def _make_layer(kind: Any, **arguments: Any) -> Any:
    return using(lambda: kind(**arguments), _seen_layer)


def _seen_layer(layer: Any) -> Any:
    x = X.astype(getattr(layer, "dtype", None) or _dtype_of(layer))
    y = layer.forward(x)
    grad = layer.backward(np.ones_like(y))
    return [y, grad, layer.infer(x), layer.config(), _seen_parameters(layer)]


def _dtype_of(layer: Any) -> Any:
    parameters = layer.parameters()
    return parameters[0].arena.dtype if parameters else FLOAT32


def _seen_parameters(layer: Any) -> Any:
    return [[p.name, p.data, p.grad] for p in layer.parameters()] + [layer.buffers()]


def _residual(generator: np.random.Generator, dtype: Any) -> ours.Residual:
    layer = ours.Linear(FEATURES, FEATURES, rng=generator, dtype=dtype)
    return ours.Residual(layer, ours.Tanh())


def _layer_methods(
    name: str, make: Callable[..., Any], layer: ours.Layer, x: Array
) -> Iterator[Entry]:
    dtype = (
        FLOAT32 if layer.parameters() or name in ("BatchNorm1d", "LayerNorm", "RMSNorm") else None
    )
    y = layer.forward(x)
    given = floats(x, fits=_SHAPES.get(name, any_shape), dtype=dtype)
    out = Argument("out", lambda: np.zeros_like(y), optional=True)

    def forward(method: str, training: bool, x: Any, out: Any = None) -> Any:
        layer = make(rng())
        if not training:
            layer.eval()
        result = getattr(layer, method)(x, out=out)
        assert out is None or result is out
        return [result, _seen_parameters(layer)]

    for method in ("forward", "infer", "__call__"):
        entry = f"{name}.{method}"
        yield Entry(entry, partial(forward, method, True), {"x": given})
        if method == "forward":
            yield Entry(entry, partial(forward, method, False), {"x": given})
        yield Entry(entry, partial(forward, method, True, x), {"out": out})

    def backward(**arguments: Any) -> Any:
        layer = make(rng())
        layer.forward(x)
        return [layer.backward(**arguments), _seen_parameters(layer)]

    upstream = numbers(*y.shape, seed=5)
    arguments = {"grad_output": floats(upstream, dtype=FLOAT32)}
    yield Entry(f"{name}.backward", backward, arguments)
    out = Argument("out", lambda: np.zeros_like(x), optional=True)
    flags = {"need_input_grad": TRUE, "accumulate": FALSE}
    yield Entry(f"{name}.backward", backward, {**arguments, "out": out, **flags})
    yield Entry(
        f"{name}.out_features",
        lambda in_features: make(rng()).out_features(in_features),
        {"in_features": count(FEATURES, also=("x", "start_dim", "layers"))},
    )
