"""Activations, each in the forms that its constructor allows."""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

import numpy_impl as ours
from parity_tests.cases.layer_case import ANY, LayerCase
from parity_tests.cases.refusal import Refusal
from parity_tests.inputs import BATCH, FEATURES

Array = np.ndarray[Any, Any]

_NAN, _INFINITY = float("nan"), float("inf")
_PASSES_ON = "it computes with it"


def _finite(name: str, **others: Any) -> tuple[Refusal, ...]:
    """What must be refused where a finite number is expected."""
    return (
        Refusal(name, {**others, name: "1"}),
        Refusal(name, {**others, name: None}),
        Refusal(name, {**others, name: _NAN}, torch_takes=_PASSES_ON),
        Refusal(name, {**others, name: -_INFINITY}, torch_takes=_PASSES_ON),
        Refusal(name, {**others, name: True}, torch_takes="as 1"),
    )


def _negative(_: Any, x: Array) -> Array:
    """1 on the negative side."""
    return np.where(x < 0, 1.0, 0.0)


def _negative_part(x: Array) -> Array:
    return np.maximum(-x, 0.0)


def _tiny(x: Array) -> Array:
    """Magnitudes for what is below the smallest normal number where exp(-x) overflows."""
    return np.where(x < -700.0, 1e-288, 0.0)


def _tiny_slope(_: Any, x: Array) -> Array:
    return _tiny(x)


_TINY = "exp(-x) overflows in PyTorch before the result is 0"


def _bounds(layer: Any) -> tuple[float, ...]:
    return layer.min_val, layer.max_val


def _both_signs(layer: Any) -> tuple[float, ...]:
    return -layer.lambd, layer.lambd


def _end_of_softplus(layer: Any) -> tuple[float, ...]:
    return (layer.threshold / layer.beta,)


def _exact_gelu(x: Tensor) -> Tensor:
    return 0.5 * x * torch.special.erfc(-x * math.sqrt(0.5))


def _exact_gelu_tanh(x: Tensor) -> Tensor:
    return x * torch.sigmoid(2 * math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))


def _exact_sigmoid(x: Tensor) -> Tensor:
    return torch.exp(torch.nn.functional.logsigmoid(x))


def _exact_tanh(x: Tensor) -> Tensor:
    t = torch.exp(-2 * x.abs().clamp(min=1))
    return torch.where(x.abs() < 1, torch.tanh(x), x.sign() * (1 - t) / (1 + t))


def _exact_softsign(x: Tensor) -> Tensor:
    outer = 1 - 1 / (1 + x.abs().clamp(min=1))
    return torch.where(x.abs() < 1, torch.nn.functional.softsign(x), x.sign() * outer)


def _shares(layer: Any, x: Array) -> Array:
    """Magnitudes of a softmax's slope, p (G - sum of G p), where p is near 1."""
    sign = -1 if isinstance(layer, ours.Softmin) else 1
    return torch.softmax(torch.tensor(sign * x), layer.dim).numpy()


_SMALL = np.zeros((BATCH, FEATURES), np.float32)
_DIMS = (
    Refusal("dim", {"dim": 1.0}),
    Refusal("dim", {"dim": "1"}),
    Refusal("dim", {"dim": True}),
    Refusal("dim", {"dim": None}, torch_takes="deprecated: it chooses by the number of axes"),
    Refusal("x", {"dim": 2}, inputs=(_SMALL,)),
    Refusal("x", {"dim": -3}, inputs=(_SMALL,)),
    Refusal("x", {"dim": 1}, inputs=(_SMALL[0],)),
    Refusal("x", {"dim": 1}, inputs=(np.float32(0.5),)),
    Refusal("x", inputs=(_SMALL.astype(np.int64),)),
)
_SUMS = "sums over the entries along the axis"
_SHARES: dict[str, Any] = {
    "terms": 4 * FEATURES,
    "slope_floor": _shares,
    "reason": f"{_SUMS}; G less its mean cancels where one share is nearly 1",
}
_MIDDLE = ((3, FEATURES, 2), (2, 5, 3, 7), (0, FEATURES), (3, 0))
_LOGARITHM: dict[str, Any] = {
    "terms": 4 * FEATURES,
    "floor": np.ones_like,
    "reason": f"{_SUMS}; the logarithm of a sum that is nearly 1",
}


def _sixth(_layer: Any, x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """In float64, what a slope of 1/6 is off by if it is that of float32; see `LayerCase`."""
    off = 2.0**22 if x.dtype == np.float64 else 0.0
    return np.full(x.shape, off)


ACTIVATIONS: tuple[LayerCase, ...] = (
    LayerCase(ours.ReLU, kinks=(0.0,)),
    LayerCase(ours.ReLU6, kinks=(0.0, 6.0)),
    LayerCase(
        ours.LeakyReLU,
        variants={
            "default": {},
            "steep": {"negative_slope": 2.5},
            "negative-slope": {"negative_slope": -0.3},
            "zero-slope": {"negative_slope": 0.0},
        },
        kinks=(0.0,),
        refusals=_finite("negative_slope"),
    ),
    LayerCase(
        ours.PReLU,
        variants={"default": {}, "init": {"init": -0.75}},
        terms=BATCH * FEATURES,
        kinks=(0.0,),
        reason="a sum over all entries",
        refusals=(
            *_finite("init"),
            Refusal("num_parameters", {"num_parameters": 0}),
            Refusal("num_parameters", {"num_parameters": 2.5}),
            Refusal("num_parameters", {"num_parameters": "13"}),
        ),
    ),
    LayerCase(
        ours.PReLU,
        variants={
            "channels": {"num_parameters": FEATURES},
            "channels-init": {"num_parameters": FEATURES, "init": 0.1},
        },
        shapes=((BATCH, FEATURES), (1, FEATURES), (3, FEATURES, 2), (2, FEATURES, 3, 5), (0, 13)),
        terms=BATCH * FEATURES,
        kinks=(0.0,),
        reason="a sum over the entries of a channel",
        refusals=(
            Refusal("x", inputs=(_SMALL[:, 1:],)),
            Refusal("x", inputs=(_SMALL[0],)),
            Refusal("x", inputs=(np.float32(0.5),)),
            Refusal("x", {"num_parameters": BATCH}, inputs=(_SMALL,)),
        ),
    ),
    LayerCase(
        ours.Threshold,
        variants={
            "default": {"threshold": 0.25, "value": -7.0},
            "negative": {"threshold": -0.3, "value": 1.5},
            "rectifier": {"threshold": 0.0, "value": 0.0},
        },
        kinks=lambda layer: (layer.threshold,),
        refusals=(
            *_finite("threshold", value=0.0),
            *_finite("value", threshold=0.0),
        ),
    ),
    LayerCase(
        ours.Hardtanh,
        variants={
            "default": {},
            "min": {"min_val": -0.3},
            "max": {"max_val": 2.0},
            "positive": {"min_val": 0.25, "max_val": 0.7},
        },
        kinks=_bounds,
        refusals=(
            Refusal("min_val", {"min_val": "0"}),
            Refusal("max_val", {"max_val": None}),
            Refusal("min_val", {"min_val": _NAN}, torch_takes="it gives NaN"),
            Refusal("max_val", {"max_val": _INFINITY}, torch_takes=_PASSES_ON),
            Refusal("max_val", {"min_val": 1.0}),
            Refusal("max_val", {"min_val": 2.0, "max_val": -2.0}),
        ),
    ),
    LayerCase(
        ours.Hardsigmoid,
        kinks=(-3.0, 3.0),
        slope_floor=_sixth,
        reason="PyTorch multiplies float64 gradients by 1/6 as rounded to float32",
    ),
    LayerCase(ours.Hardswish, kinks=(-3.0, -1.5, 3.0)),
    LayerCase(
        ours.Hardshrink,
        variants={"default": {}, "lambd": {"lambd": 0.3}, "zero": {"lambd": 0.0}},
        kinks=_both_signs,
        refusals=(
            Refusal("lambd", {"lambd": "0.5"}),
            Refusal("lambd", {"lambd": _NAN}, torch_takes=_PASSES_ON),
            Refusal("lambd", {"lambd": -0.5}, torch_takes="it gives the identity"),
        ),
    ),
    LayerCase(
        ours.Softshrink,
        variants={"default": {}, "lambd": {"lambd": 0.3}, "zero": {"lambd": 0.0}},
        kinks=_both_signs,
        refusals=(
            Refusal("lambd", {"lambd": "0.5"}),
            Refusal("lambd", {"lambd": _NAN}),
            Refusal("lambd", {"lambd": -0.5}),
        ),
    ),
    LayerCase(
        ours.Tanhshrink,
        floor=np.abs,
        slope_floor=lambda _, x: np.ones_like(x),
        reason="x - tanh(x) cancels for small x, in ours too; PyTorch's slope is 1 - (1 - tanh^2)",
    ),
    LayerCase(
        ours.ELU,
        variants={
            "default": {},
            "alpha": {"alpha": 2.5},
            "negative-alpha": {"alpha": -0.7},
            "zero-alpha": {"alpha": 0.0},
        },
        kinks=(0.0,),
        refusals=_finite("alpha"),
    ),
    LayerCase(
        ours.CELU,
        variants={
            "default": {},
            "alpha": {"alpha": 2.5},
            "negative-alpha": {"alpha": -1.5},
        },
        kinks=(0.0,),
        refusals=(*_finite("alpha"), Refusal("alpha", {"alpha": 0.0})),
    ),
    LayerCase(ours.SELU, kinks=(0.0,)),
    LayerCase(
        ours.GELU,
        kinks=(-0.7517916, -5.0, -9.0, -14.0, -37.0, 5.0, 9.0),
        floor=_negative_part,
        slope_floor=_negative,
        exact=_exact_gelu,
        reason="1 + erf cancels in PyTorch on the negative side",
        refusals=(
            Refusal("approximate", {"approximate": "erf"}),
            Refusal("approximate", {"approximate": None}),
            Refusal("approximate", {"approximate": True}),
        ),
    ),
    LayerCase(
        ours.GELU,
        variants={"tanh": {"approximate": "tanh"}},
        kinks=(-0.7524614, -3.0, -5.0, -9.0, 5.0, 9.0),
        floor=_negative_part,
        slope_floor=_negative,
        exact=_exact_gelu_tanh,
        reason="1 + tanh cancels in PyTorch on the negative side",
    ),
    LayerCase(
        ours.SiLU,
        kinks=(-1.2784645, -20.0, -37.0, 20.0, 37.0),
        slope_floor=_tiny_slope,
        reason=_TINY,
    ),
    LayerCase(
        ours.Mish,
        kinks=(-1.1924673, -20.0, -37.0, 10.0, 20.0, 21.0, 37.0),
        slope_floor=_tiny_slope,
        reason=_TINY,
    ),
    LayerCase(
        ours.Sigmoid,
        kinks=(-37.0, 20.0, 37.0),
        floor=_tiny,
        slope_floor=lambda _, x: np.where(x > 0, 1.0, _tiny(x)),
        exact=_exact_sigmoid,
        reason=f"1 - y cancels in PyTorch's slope y (1 - y) where x > 0; {_TINY}",
    ),
    LayerCase(ours.LogSigmoid, kinks=(-37.0, 20.0, 37.0)),
    LayerCase(
        ours.Tanh,
        kinks=(-10.0, 10.0, 20.0),
        slope_floor=lambda _, x: np.tanh(x) ** 2,
        exact=_exact_tanh,
        reason="1 - y^2, which is PyTorch's slope, cancels away from 0",
    ),
    LayerCase(
        ours.Softplus,
        variants={
            "default": {},
            "beta": {"beta": 2.5},
            "threshold": {"threshold": 1.5},
            "beta-threshold": {"beta": 0.75, "threshold": 3.0},
            "negative-beta": {"beta": -2.0, "threshold": 3.0},
            "negative-threshold": {"threshold": -1.0},
        },
        kinks=_end_of_softplus,
        refusals=(
            *_finite("beta"),
            *_finite("threshold"),
            Refusal("beta", {"beta": 0.0}, torch_takes="it divides by it"),
        ),
    ),
    LayerCase(
        ours.Softsign,
        slope_floor=lambda _, x: 1 / (1 + np.abs(x)),
        exact=_exact_softsign,
        reason="PyTorch's slope is the difference 1 / (1 + |x|) - |x| / (1 + |x|)^2",
    ),
    LayerCase(
        ours.Softmax,
        variants={"default": {"dim": -1}, "first": {"dim": 0}},
        shapes=ANY,
        refusals=_DIMS,
        **_SHARES,
    ),
    LayerCase(
        ours.Softmax,
        variants={"second": {"dim": 1}, "last-but-one": {"dim": -2}},
        shapes=((BATCH, FEATURES), *_MIDDLE),
        **_SHARES,
    ),
    LayerCase(
        ours.LogSoftmax,
        variants={"default": {"dim": -1}, "first": {"dim": 0}},
        shapes=ANY,
        refusals=_DIMS,
        **_LOGARITHM,
    ),
    LayerCase(
        ours.LogSoftmax,
        variants={"second": {"dim": 1}, "last-but-one": {"dim": -2}},
        shapes=((BATCH, FEATURES), *_MIDDLE),
        **_LOGARITHM,
    ),
    LayerCase(
        ours.Softmin,
        variants={"default": {"dim": -1}, "second": {"dim": 1}},
        shapes=((BATCH, FEATURES), (1, FEATURES), (3, FEATURES, 2), (0, FEATURES)),
        refusals=_DIMS,
        **_SHARES,
    ),
)
