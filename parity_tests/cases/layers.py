"""Layers, each in the forms that its constructor allows."""

from typing import Any

import numpy as np

import numpy_impl as ours
from parity_tests.cases.layer_case import ANY, ROWS, LayerCase
from parity_tests.cases.refusal import Refusal
from parity_tests.inputs import BATCH, FEATURES, HIDDEN

_SIZES = {"in_features": FEATURES, "out_features": HIDDEN}
_X = np.zeros((BATCH, FEATURES + 1), np.float32)
_WIDTH = {"num_features": FEATURES}
_BATCHES = ((BATCH, FEATURES), (3, FEATURES, 2), (0, FEATURES))
_SUMS = "sums over the batch and the features, there and back; one large entry makes them cancel"


def _slopes(layer: Any, x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Magnitudes of the slope's terms in a normalization: s (1 + |normalized x|) |weight|."""
    shape = getattr(layer, "normalized_shape", None)
    if shape is None:
        axes: tuple[int, ...] = (0,) if x.ndim == 2 else (0, 2)
    else:
        axes = tuple(range(x.ndim - len(shape), x.ndim))
    x = x.astype(np.float64)
    mean = 0.0 if isinstance(layer, ours.RMSNorm) else x.mean(axis=axes, keepdims=True)
    eps = np.finfo(layer.dtype).eps if layer.eps is None else layer.eps
    scale = 1 / np.sqrt(((x - mean) ** 2).mean(axis=axes, keepdims=True) + eps)
    weight = 1.0 if layer.weight is None else np.abs(layer.weight.data).max()
    slopes: np.ndarray[Any, Any] = scale * (1 + np.abs((x - mean) * scale)) * weight
    return slopes


def _slopes_inside(layer: Any, x: np.ndarray[Any, Any]) -> dict[str, np.ndarray[Any, Any]]:
    """Magnitudes of the terms of a gradient that a normalization hands down to a residual block.

    Where one unit alone is on, and far above all others, the gradient that comes to it is the
    difference of two numbers that are almost the same.
    """
    first, *rest = layer
    if not isinstance(first, ours.Residual):
        return {}
    rows = x.reshape(-1, FEATURES)
    linear, relu = first
    slopes = _slopes(*rest, first.forward(rows))
    below = slopes * (relu.forward(linear.forward(rows)) > 0)
    through = slopes + below @ np.abs(linear.weight.data)
    return {
        "input": through.reshape(x.shape),
        "0.0.weight": below.T @ np.abs(rows),
        "0.0.bias": below.sum(axis=0),
    }


LAYERS: tuple[LayerCase, ...] = (
    LayerCase(
        ours.Linear,
        variants={"default": _SIZES, "no-bias": {**_SIZES, "bias": False}},
        shapes=ANY[:-1],
        terms=FEATURES + HIDDEN + BATCH,
        reason="sums over features, units and the batch",
        refusals=(
            Refusal("in_features", {"in_features": -1}),
            Refusal("in_features", {"in_features": 2.5}),
            Refusal("out_features", {"out_features": "5"}),
            Refusal("out_features", {"out_features": 0}, torch_takes="it makes an empty layer"),
            Refusal("x", inputs=(_X,)),
        ),
    ),
    LayerCase(ours.Identity),
    LayerCase(
        ours.Flatten,
        variants={
            "default": {},
            "inner": {"start_dim": -2, "end_dim": -1},
            "outer": {"start_dim": 0, "end_dim": 1},
        },
        shapes=((BATCH, FEATURES), (1, FEATURES), (3, 2, FEATURES), (3, 2, 5, 7), (0, FEATURES)),
        refusals=(
            Refusal("start_dim", {"start_dim": "0"}),
            Refusal("end_dim", {"end_dim": None}),
            Refusal("x", {"start_dim": 2}),
            Refusal("x", {"start_dim": 1, "end_dim": 0}),
        ),
    ),
    LayerCase(
        ours.Dropout,
        variants={
            "default": {},
            "rare": {"p": 0.1},
            "never": {"p": 0.0},
            "always": {"p": 1.0},
        },
        refusals=(
            Refusal("p", {"p": -0.1}),
            Refusal("p", {"p": 1.5}),
            Refusal("p", {"p": "0.5"}),
            Refusal("p", {"p": float("nan")}),
        ),
    ),
    LayerCase(
        ours.BatchNorm1d,
        variants={
            "default": _WIDTH,
            "eps": {**_WIDTH, "eps": 0.1},
            "momentum": {**_WIDTH, "momentum": 0.37},
            "cumulative": {**_WIDTH, "momentum": None},
            "not-affine": {**_WIDTH, "affine": False},
            "no-bias": {**_WIDTH, "bias": False},
            "untracked": {**_WIDTH, "track_running_stats": False},
            "bare": {**_WIDTH, "affine": False, "track_running_stats": False},
        },
        shapes=_BATCHES,
        terms=4 * BATCH + 4,
        slope_floor=_slopes,
        reason=_SUMS,
        refusals=(
            Refusal("num_features", {"num_features": -1}),
            Refusal("num_features", {"num_features": 2.5}),
            Refusal("momentum", {"momentum": "0.1"}),
            Refusal("eps", {"eps": -1.0}),
            Refusal("eps", {"eps": 0.0}),
            Refusal("affine", {"affine": 1}, torch_takes="anything that is true"),
            Refusal("bias", {"bias": None}, torch_takes="what is false"),
            Refusal("track_running_stats", {"track_running_stats": 0}, torch_takes="as above"),
            Refusal("x", inputs=(_X,)),
            Refusal("x", inputs=(_X[0, :-1],)),
            Refusal("x", inputs=(np.zeros((3, FEATURES, 2, 2), np.float32),)),
            Refusal("x", inputs=(_X[:1, :-1],)),
        ),
    ),
    LayerCase(
        ours.LayerNorm,
        variants={
            "default": {"normalized_shape": FEATURES},
            "eps": {"normalized_shape": [FEATURES], "eps": 0.1},
            "no-bias": {"normalized_shape": FEATURES, "bias": False},
            "not-affine": {"normalized_shape": FEATURES, "elementwise_affine": False},
        },
        shapes=ANY[:-1],
        terms=4 * FEATURES + BATCH,
        slope_floor=_slopes,
        reason=_SUMS,
        refusals=(
            Refusal("normalized_shape", {"normalized_shape": -1}),
            Refusal("normalized_shape", {"normalized_shape": []}),
            Refusal("normalized_shape", {"normalized_shape": [2.5]}),
            Refusal("eps", {"eps": "small"}),
            Refusal("eps", {"eps": -1.0}, torch_takes="it gives NaN"),
            Refusal("elementwise_affine", {"elementwise_affine": 1}, torch_takes="what is true"),
            Refusal("bias", {"bias": None}, torch_takes="what is false"),
            Refusal("x", inputs=(_X,)),
        ),
    ),
    LayerCase(
        ours.LayerNorm,
        variants={"two-axes": {"normalized_shape": [2, FEATURES]}},
        shapes=((3, 2, FEATURES), (5, 3, 2, FEATURES), (2, FEATURES)),
        terms=8 * FEATURES + BATCH,
        slope_floor=_slopes,
        reason=_SUMS,
        refusals=(Refusal("x", inputs=(_X,)),),
    ),
    LayerCase(
        ours.RMSNorm,
        variants={
            "default": {"normalized_shape": FEATURES},
            "eps": {"normalized_shape": [FEATURES], "eps": 0.1},
            "not-affine": {"normalized_shape": FEATURES, "elementwise_affine": False},
        },
        shapes=ANY[:-1],
        terms=4 * FEATURES + BATCH,
        slope_floor=_slopes,
        reason=_SUMS,
        refusals=(
            Refusal("normalized_shape", {"normalized_shape": 0}),
            Refusal("normalized_shape", {"normalized_shape": "13"}),
            Refusal("eps", {"eps": "small"}),
            Refusal("elementwise_affine", {"elementwise_affine": 1}, torch_takes="what is true"),
            Refusal("x", inputs=(_X,)),
        ),
    ),
    LayerCase(
        ours.RMSNorm,
        variants={"two-axes": {"normalized_shape": [2, FEATURES]}},
        shapes=((3, 2, FEATURES), (5, 3, 2, FEATURES), (2, FEATURES)),
        terms=8 * FEATURES + BATCH,
        slope_floor=_slopes,
        reason=_SUMS,
    ),
    LayerCase(
        ours.Residual,
        variants={
            "linear": {"layers": lambda options: [ours.Linear(FEATURES, FEATURES, **options)]},
            "bottleneck": {
                "layers": lambda options: [
                    ours.Linear(FEATURES, HIDDEN, **options),
                    ours.ReLU(),
                    ours.Linear(HIDDEN, FEATURES, **options),
                ]
            },
            "inside": {
                "layers": lambda options: [
                    ours.Residual(ours.Linear(FEATURES, FEATURES, **options), ours.ReLU()),
                    ours.RMSNorm(FEATURES, eps=1e-6, dtype=options["dtype"]),
                ]
            },
        },
        shapes=(*ROWS, (FEATURES,), (3, 2, FEATURES), (0, FEATURES)),
        terms=4 * FEATURES + 2 * HIDDEN + BATCH,
        grads_floor=_slopes_inside,
        reason="sums over the features of every layer and the batch; one large entry cancels",
    ),
)
