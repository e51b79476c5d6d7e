"""Layers in terms of ONNX's operators.

Many operators of ONNX have arguments that are float32 in every graph: the slope of LeakyRelu, the
epsilon of BatchNormalization. In a float64 model 0.01 or 1e-5 would not be what they are here. So
layers with arguments are written out in operators without, and with constants of the model's type.
Where the usual form of a function cancels or overflows, another is written that does not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from numpy_impl import activations, layers
from numpy_impl.activations.exponential import SELU_ALPHA, SELU_SCALE
from numpy_impl.activations.normal import ABOVE, BELOW, TAIL_END
from numpy_impl.errors import InputError
from numpy_impl.interop.graph import Array, Graph, Shape, where

Writer = Callable[[Any, Array, Shape], Array]


def write_layers(
    graph: Graph, prefix: str, within: Iterable[layers.Layer], x: Array, shape: Shape
) -> tuple[Array, Shape]:
    """Write layers in a row.

    Parameters
    ----------
    graph : Graph
        Where to.
    prefix : str
        Position of the block that the layers are in, with a dot behind it; empty outside of blocks.
    within : iterable of Layer
        The layers.
    x : Array
        Their input.
    shape : tuple of int or None
        Its shape.

    Returns
    -------
    y : Array
        Their output.
    shape : tuple of int or None
        Its shape.

    Raises
    ------
    InputError
        If a layer is of another kind than those of `numpy_impl`, or does not take the shape.
    """
    for position, layer in enumerate(within):
        name = f"layers[{prefix}{position}]"
        if type(layer) not in WRITERS:
            raise InputError(name, "a layer that ONNX has operators for", type(layer).__name__)
        try:
            result = _shape_behind(layer, shape)
        except InputError as error:
            raise InputError(name, f"{error.argument} of {error.expected}", error.got) from None
        graph.prefix = f"{prefix}{position}."
        x, shape = WRITERS[type(layer)](layer, x, shape), result
    return x, shape


def _shape_behind(layer: layers.Layer, shape: Shape) -> Shape:
    """Return the shape of a layer's output, by what it makes of two inputs of such shapes."""
    dtype = getattr(layer, "dtype", np.float32)
    first, second = (
        layer.infer(np.zeros([some if size is None else size for size in shape], dtype)).shape
        for some in (2, 3)
    )
    return tuple(n if n == other else None for n, other in zip(first, second, strict=True))


def _linear(layer: layers.Linear, x: Array, shape: Shape) -> Array:
    weight = x.graph.constant("weight", layer.weight.data)
    bias = () if layer.bias is None else (x.graph.constant("bias", layer.bias.data),)
    if len(shape) == 2:
        return x.graph.add("Gemm", x, weight, *bias, transB=1)
    y = x.graph.add("MatMul", x, x.graph.add("Transpose", weight, perm=[1, 0]))
    return y + bias[0] if bias else y


def _flatten(layer: layers.Flatten, x: Array, shape: Shape) -> Array:
    start, end = layer.start_dim % len(shape), layer.end_dim % len(shape)
    if start == end:
        return x
    merged = shape[start : end + 1]
    size = -1 if None in merged else math.prod(n for n in merged if n is not None)
    kept = [[0 if n is None else n for n in part] for part in (shape[:start], shape[end + 1 :])]
    return x.reshape([*kept[0], size, *kept[1]])


def _batch_norm(layer: layers.BatchNorm1d, x: Array, shape: Shape) -> Array:
    graph = x.graph

    def channels(name: str, values: Any) -> Array:
        constant = graph.constant(name, values)
        return constant if len(shape) == 2 else constant.reshape([-1, 1])

    if layer.running_mean is None or layer.running_var is None:
        axes = [0] if len(shape) == 2 else [0, 2]
        centered = x - x.mean(axes)
        variance = (centered * centered).mean(axes)
    else:
        centered = x - channels("running_mean", layer.running_mean)
        variance = channels("running_var", layer.running_var)
    return _affine(layer, centered / (variance + layer.eps).sqrt(), channels)


def _layer_norm(layer: layers.LayerNorm, x: Array, _: Shape) -> Array:
    axes = range(-len(layer.normalized_shape), 0)
    centered = x - x.mean(axes)
    variance = (centered * centered).mean(axes)
    return _affine(layer, centered / (variance + layer.eps).sqrt(), x.graph.constant)


def _rms_norm(layer: layers.RMSNorm, x: Array, _: Shape) -> Array:
    eps = float(np.finfo(layer.dtype).eps) if layer.eps is None else layer.eps
    square = (x * x).mean(range(-len(layer.normalized_shape), 0))
    return _affine(layer, x / (square + eps).sqrt(), x.graph.constant)


def _affine(layer: Any, normal: Array, constant: Callable[[str, Any], Array]) -> Array:
    if layer.weight is not None:
        normal = normal * constant("weight", layer.weight.data)
    bias = getattr(layer, "bias", None)
    return normal if bias is None else normal + constant("bias", bias.data)


def _residual(layer: layers.Residual, x: Array, shape: Shape) -> Array:
    inner, _ = write_layers(x.graph, x.graph.prefix, layer, x, shape)
    return x + inner


def _prelu(layer: activations.PReLU, x: Array, shape: Shape) -> Array:
    slope = x.graph.constant("weight", layer.weight.data)
    if layer.num_parameters > 1 and len(shape) > 2:
        slope = slope.reshape([-1, *[1] * (len(shape) - 2)])
    return where(x > 0.0, x, slope * x)


def _expm1(x: Array) -> Array:
    """Return exp(x) - 1 for x <= 0: 2 t / (1 - t) with t = tanh(x / 2), where nothing cancels."""
    t = (0.5 * x).tanh()
    return (t + t) / (1.0 - t)


def _log1p(t: Array) -> Array:
    """Return log(1 + t) for t from 0 to 1.

    With u = 1 + t as it is rounded, log(u) t / (u - 1), in which the error of u is in both: what
    small t lose in the sum is not lost in the product (Goldberg 1991, What every computer scientist
    should know about floating-point arithmetic, theorem 4).
    """
    u = 1.0 + t
    return where(u.equals(1.0), t, u.log() * (t / (u - 1.0)))


def _log1p_falling(x: Array) -> Array:
    return _log1p((-abs(x)).exp())


def _elu(x: Array, alpha: float) -> Array:
    return where(x < 0.0, alpha * _expm1(x.minimum(0.0)), x)


def _celu(layer: activations.CELU, x: Array, _: Shape) -> Array:
    z = x.minimum(0.0) / layer.alpha
    # For z > 0, exp(z) - 1 = -exp(z) (exp(-z) - 1).
    power = _expm1(z) if layer.alpha > 0 else -(z.exp() * _expm1(-z))
    return where(x < 0.0, layer.alpha * power, x)


def _softplus(layer: activations.Softplus, x: Array, _: Shape) -> Array:
    z = layer.beta * x
    smooth = (z.maximum(0.0) + _log1p_falling(z)) / layer.beta
    return where(z > layer.threshold, x, smooth)


def _sigmoid(x: Array) -> Array:
    """Return 1 / (1 + exp(-x)) as `numpy_impl.activations.sigmoid.sigmoid` does.

    The operator Sigmoid is right to a rounding of 1, not of the value, in ONNX Runtime.
    """
    t = (-abs(x)).exp()
    return where(x < 0.0, t, 1.0) / (1.0 + t)


def _gelu(layer: activations.GELU, x: Array, _: Shape) -> Array:
    if layer.approximate == "tanh":
        u = math.sqrt(2.0 / math.pi) * (x * (1.0 + 0.044715 * (x * x)))
        return x * _sigmoid(2.0 * u)
    if x.graph.dtype == np.float32:
        return 0.5 * x * (1.0 + x.graph.add("Erf", x / math.sqrt(2.0)))
    # ONNX Runtime has Erf for float32 alone.
    return x * _normal(x)


def _normal(x: Array) -> Array:
    """Return the normal distribution as `numpy_impl.activations.normal.normal` does."""
    t = abs(x).minimum(TAIL_END)
    tail = (-0.5 * (t * t)).exp() / (2.0 + t * (_polynomial(ABOVE, t) / _polynomial(BELOW, t)))
    return where(x < 0.0, tail, 1.0 - tail)


def _polynomial(coefficients: Sequence[float], x: Array) -> Array:
    *lower, highest = coefficients
    value = highest * x + lower[-1]
    for coefficient in reversed(lower[:-1]):
        value = value * x + coefficient
    return value


def _mish(_layer: activations.Mish, x: Array, _: Shape) -> Array:
    power = x.minimum(20.0).exp()
    w = power * (power + 2.0)
    return x * (w / (w + 2.0))


def _same(_layer: layers.Layer, x: Array, _: Shape) -> Array:
    return x


def _by(operator: str) -> Writer:
    """Return the writer of a layer that is an operator without arguments."""
    return lambda _layer, x, _: x.graph.add(operator, x)


WRITERS: Mapping[type, Writer] = {
    layers.Linear: _linear,
    layers.Identity: _same,
    layers.Dropout: _same,
    layers.Flatten: _flatten,
    layers.BatchNorm1d: _batch_norm,
    layers.LayerNorm: _layer_norm,
    layers.RMSNorm: _rms_norm,
    layers.Residual: _residual,
    activations.ReLU: _by("Relu"),
    activations.ReLU6: lambda _layer, x, _: x.clip(0.0, 6.0),
    activations.LeakyReLU: lambda layer, x, _: where(x > 0.0, x, layer.negative_slope * x),
    activations.PReLU: _prelu,
    activations.Threshold: lambda layer, x, _: where(x <= layer.threshold, layer.value, x),
    activations.Hardtanh: lambda layer, x, _: x.clip(layer.min_val, layer.max_val),
    activations.Hardsigmoid: lambda _layer, x, _: (x + 3.0).clip(0.0, 6.0) / 6.0,
    activations.Hardswish: lambda _layer, x, _: (x + 3.0).clip(0.0, 6.0) * x / 6.0,
    activations.Hardshrink: lambda layer, x, _: where(abs(x) <= layer.lambd, 0.0, x),
    activations.Softshrink: lambda layer, x, _: x - x.clip(-layer.lambd, layer.lambd),
    activations.Tanhshrink: lambda _layer, x, _: x - x.tanh(),
    activations.ELU: lambda layer, x, _: _elu(x, layer.alpha),
    activations.CELU: _celu,
    activations.SELU: lambda _layer, x, _: SELU_SCALE * _elu(x, SELU_ALPHA),
    activations.GELU: _gelu,
    activations.SiLU: lambda _layer, x, _: x * _sigmoid(x),
    activations.Mish: _mish,
    activations.Sigmoid: lambda _layer, x, _: _sigmoid(x),
    activations.LogSigmoid: lambda _layer, x, _: x.minimum(0.0) - _log1p_falling(x),
    activations.Tanh: _by("Tanh"),
    activations.Softplus: _softplus,
    activations.Softsign: lambda _layer, x, _: x / (1.0 + abs(x)),
    activations.Softmax: lambda layer, x, _: x.graph.add("Softmax", x, axis=layer.dim),
    activations.LogSoftmax: lambda layer, x, _: x.graph.add("LogSoftmax", x, axis=layer.dim),
    activations.Softmin: lambda layer, x, _: x.graph.add("Softmax", -x, axis=layer.dim),
}
"""Layer -> what writes it, from the layer, its input and the shape of that, and returns its output.

By the very class: what somebody has derived from one may compute something else.
"""
