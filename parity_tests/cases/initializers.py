"""Initial weights."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from numpy_impl import initializers
from parity_tests.cases.refusal import Refusal


@dataclass(frozen=True)
class InitializerCase:
    """A function that fills weights.

    Attributes
    ----------
    operation : callable
        The function under test; its twin is that of the same name in torch.nn.init.
    variants : mapping of str to mapping
        Arguments beside the array and the generator, under a name for the form they make.
    random : bool
        Whether it draws. If not, the results must be equal.
    uniform : bool
        Whether the values fill an interval evenly. Its ends are then held against PyTorch's.
    twin : tuple of str and mapping, optional
        Name and further arguments of PyTorch's function, where that is called otherwise.
    refusals : tuple of Refusal
        What must be refused; their input is the array.
    """

    operation: Callable[..., Any]
    variants: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: {"default": {}})
    random: bool = True
    uniform: bool = False
    twin: tuple[str, Mapping[str, Any]] | None = None
    refusals: tuple[Refusal, ...] = ()


_NO_MATRIX = Refusal("tensor", inputs=(np.zeros(3),))
_INTEGERS = Refusal("tensor", inputs=(np.zeros((5, 3), np.int64),))
_NAN, _INFINITY = float("nan"), float("inf")
_TAKEN = "its range is not checked"

_KAIMING: Mapping[str, Mapping[str, Any]] = {
    "default": {},
    "fan-out": {"mode": "fan_out"},
    "slope": {"a": 0.7},
    "tanh": {"nonlinearity": "tanh"},
    "selu": {"nonlinearity": "selu", "mode": "fan_out"},
    "relu": {"a": 5.0, "nonlinearity": "relu"},
}
_KAIMING_REFUSALS = (
    _NO_MATRIX,
    Refusal("a", {"a": _NAN}),
    Refusal("a", {"a": "0"}),
    Refusal("mode", {"mode": "fan_avg"}),
    Refusal("nonlinearity", {"nonlinearity": "gelu"}),
    Refusal("nonlinearity", {"nonlinearity": "conv2d"}, torch_takes="convolutions are linear"),
)

INITIALIZERS: tuple[InitializerCase, ...] = (
    InitializerCase(
        initializers.uniform_,
        {"default": {}, "shifted": {"a": -0.3, "b": 0.7}, "empty": {"a": 0.5, "b": 0.5}},
        uniform=True,
        refusals=(
            _INTEGERS,
            Refusal("a", {"a": _NAN}),
            Refusal("b", {"a": 1.0, "b": 0.0}),
            Refusal("b", {"b": _INFINITY}),
            Refusal("b", {"a": -1e308, "b": 1e308}),
        ),
    ),
    InitializerCase(
        initializers.normal_,
        {"default": {}, "shifted": {"mean": -0.3, "std": 0.02}, "point": {"mean": 2.0, "std": 0}},
        refusals=(
            _INTEGERS,
            Refusal("mean", {"mean": _INFINITY}, torch_takes=_TAKEN),
            Refusal("std", {"std": -1.0}),
        ),
    ),
    InitializerCase(
        initializers.trunc_normal_,
        {
            "default": {},
            "narrow": {"mean": 0.1, "std": 0.02, "a": 0.06, "b": 0.13},
            "one-sided": {"mean": 0.0, "std": 1.0, "a": 0.3, "b": 8.0},
            "tail": {"mean": 0.0, "std": 1.0, "a": 1.2, "b": 2.0},
            "lower-tail": {"mean": 1.0, "std": 0.5, "a": -0.2, "b": 0.1},
            "slice": {"mean": 0.0, "std": 1.0, "a": -0.01, "b": 0.75},
            "wide": {"mean": 0.5, "std": 0.1, "a": -9.0, "b": 9.0},
        },
        refusals=(
            _INTEGERS,
            Refusal("mean", {"mean": _NAN}, torch_takes="it fills with NaN"),
            Refusal("std", {"std": 0.0}),
            Refusal("std", {"std": -1.0}, torch_takes="the distribution is not the one asked for"),
            Refusal("a", {"a": _NAN}),
            Refusal("b", {"b": None}),
            Refusal("b", {"a": 1.0, "b": -1.0}),
        ),
    ),
    InitializerCase(
        initializers.constant_,
        {"value": {"val": -0.37}, "zero": {"val": 0}},
        random=False,
        refusals=(
            Refusal("tensor", inputs=([1.0],)),
            Refusal("val", {"val": _NAN}, torch_takes="it is a number to fill with"),
            Refusal("val", {"val": None}),
        ),
    ),
    InitializerCase(initializers.ones_, random=False, refusals=(Refusal("tensor", inputs=(1.0,)),)),
    InitializerCase(
        initializers.zeros_, random=False, refusals=(Refusal("tensor", inputs=(None,)),)
    ),
    InitializerCase(initializers.eye_, random=False, refusals=(_NO_MATRIX,)),
    InitializerCase(
        initializers.orthogonal_,
        {"default": {}, "gain": {"gain": 1.7}, "negative": {"gain": -0.5}},
        refusals=(
            _NO_MATRIX,
            Refusal("gain", {"gain": _NAN}, torch_takes=_TAKEN),
            Refusal("gain", {"gain": None}),
        ),
    ),
    InitializerCase(
        initializers.sparse_,
        {
            "tenth": {"sparsity": 0.1},
            "most": {"sparsity": 0.93, "std": 2.0},
            "none": {"sparsity": 0.0},
            "all": {"sparsity": 1.0},
        },
        refusals=(
            _NO_MATRIX,
            Refusal("sparsity", {"sparsity": 1.1}, torch_takes=_TAKEN),
            Refusal("sparsity", {"sparsity": -0.1}, torch_takes=_TAKEN),
            Refusal("std", {"std": -1.0}),
        ),
    ),
    InitializerCase(
        initializers.xavier_uniform_,
        {"default": {}, "gain": {"gain": 5 / 3}},
        uniform=True,
        refusals=(_NO_MATRIX, Refusal("gain", {"gain": -1.0})),
    ),
    InitializerCase(
        initializers.xavier_normal_,
        {"default": {}, "gain": {"gain": 5 / 3}},
        refusals=(_NO_MATRIX, Refusal("gain", {"gain": -1.0})),
    ),
    InitializerCase(
        initializers.kaiming_uniform_, _KAIMING, uniform=True, refusals=_KAIMING_REFUSALS
    ),
    InitializerCase(initializers.kaiming_normal_, _KAIMING, refusals=_KAIMING_REFUSALS),
    InitializerCase(
        initializers.lecun_uniform_,
        uniform=True,
        twin=("kaiming_uniform_", {"nonlinearity": "linear"}),
        refusals=(_NO_MATRIX,),
    ),
    InitializerCase(
        initializers.lecun_normal_,
        twin=("kaiming_normal_", {"nonlinearity": "linear"}),
        refusals=(_NO_MATRIX,),
    ),
)
