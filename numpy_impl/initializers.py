r"""Initial weights: fill an array in place, with the generator handed in.

All of them draw with mean zero and differ in the variance only. For a layer
:math:`y = W x` with independent weights and inputs,
:math:`\operatorname{Var} y = n_\text{in} \operatorname{Var} W \cdot E[x^2]`, so a signal keeps its
size from layer to layer when :math:`\operatorname{Var} W` makes up for the number of inputs and
for what the activation takes away:

========  ================================  ===============================
name      variance                          meant for
========  ================================  ===============================
LeCun     1 / fan_in                        linear units, SELU
Xavier    2 / (fan_in + fan_out)            tanh, sigmoid
Kaiming   2 / fan_in (He)                   ReLU, which halves the signal
========  ================================  ===============================

A uniform distribution on (-a, a) has variance a^2 / 3, hence a = sqrt(3 variance).
Weights are (out_features, in_features), as in PyTorch: fan_in is the second axis.
The draws are made in float64 and rounded, so that one seed gives the same weights in both
precisions.
"""

# Annotations are not evaluated: np.random is loaded when it is first named, for those who train.
from __future__ import annotations

import math

import numpy as np

from numpy_impl.arrays import FloatArray, describe
from numpy_impl.errors import InputError

# Ratio by which each nonlinearity shrinks the root mean square of a standard normal signal;
# the values and names are those of torch.nn.init.calculate_gain.
_FIXED_GAINS = {
    "linear": 1.0,
    "sigmoid": 1.0,
    "tanh": 5.0 / 3.0,
    "relu": math.sqrt(2.0),
    "selu": 3.0 / 4.0,
}


def calculate_gain(nonlinearity: str, a: float = 0.0) -> float:
    """Return the recommended gain of a nonlinearity.

    Parameters
    ----------
    nonlinearity : {"linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu"}
        Name of the function behind the layer.
    a : float, default 0
        Negative slope of leaky ReLU; its gain is sqrt(2 / (1 + a^2)).

    Raises
    ------
    InputError
        For another name.

    References
    ----------
    https://docs.pytorch.org/docs/stable/nn.init.html#torch.nn.init.calculate_gain
    """
    if nonlinearity == "leaky_relu":
        return math.sqrt(2.0 / (1.0 + a * a))
    if nonlinearity not in _FIXED_GAINS:
        raise InputError(
            "nonlinearity", f"one of {sorted([*_FIXED_GAINS, 'leaky_relu'])}", repr(nonlinearity)
        )
    return _FIXED_GAINS[nonlinearity]


def fans(weight: FloatArray) -> tuple[int, int]:
    """Return (fan_in, fan_out) of a weight of shape (out_features, in_features)."""
    if weight.ndim != 2:
        raise InputError("weight", "shape (out_features, in_features)", describe(weight))
    return weight.shape[1], weight.shape[0]


def normal_(weight: FloatArray, *, std: float, rng: np.random.Generator) -> None:
    """Fill with draws from N(0, std^2)."""
    weight[...] = std * rng.standard_normal(weight.shape)


def uniform_(weight: FloatArray, *, bound: float, rng: np.random.Generator) -> None:
    """Fill with draws from the uniform distribution on [-bound, bound)."""
    weight[...] = rng.uniform(-bound, bound, weight.shape)


def _kaiming_std(weight: FloatArray, a: float, mode: str, nonlinearity: str) -> float:
    fan_in, fan_out = fans(weight)
    if mode not in ("fan_in", "fan_out"):
        raise InputError("mode", "'fan_in' or 'fan_out'", repr(mode))
    fan = fan_in if mode == "fan_in" else fan_out
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


def kaiming_normal_(
    weight: FloatArray,
    *,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    rng: np.random.Generator,
) -> None:
    """Fill with N(0, gain^2 / fan): He initialization.

    Parameters
    ----------
    weight : ndarray of shape (out_features, in_features)
        Written in place.
    a : float, default 0
        Negative slope of the leaky ReLU behind the layer; 0 is ReLU.
    mode : {"fan_in", "fan_out"}
        Keep the variance of the forward or of the backward signal.
    nonlinearity : str
        See `calculate_gain`.
    rng : numpy.random.Generator
        Source of randomness.

    Raises
    ------
    InputError
        For a weight that is not 2-D, an unknown mode or nonlinearity.

    References
    ----------
    He et al. (2015), Delving deep into rectifiers, https://arxiv.org/abs/1502.01852
    """
    normal_(weight, std=_kaiming_std(weight, a, mode, nonlinearity), rng=rng)


def kaiming_uniform_(
    weight: FloatArray,
    *,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    rng: np.random.Generator,
) -> None:
    """Fill with U(-bound, bound), bound = gain sqrt(3 / fan). See `kaiming_normal_`."""
    uniform_(weight, bound=math.sqrt(3.0) * _kaiming_std(weight, a, mode, nonlinearity), rng=rng)


def xavier_normal_(weight: FloatArray, *, gain: float = 1.0, rng: np.random.Generator) -> None:
    """Fill with N(0, gain^2 2 / (fan_in + fan_out)): Glorot initialization.

    Raises
    ------
    InputError
        For a weight that is not 2-D.

    References
    ----------
    Glorot and Bengio (2010), Understanding the difficulty of training deep feedforward
    neural networks, https://proceedings.mlr.press/v9/glorot10a.html
    """
    normal_(weight, std=gain * math.sqrt(2.0 / sum(fans(weight))), rng=rng)


def xavier_uniform_(weight: FloatArray, *, gain: float = 1.0, rng: np.random.Generator) -> None:
    """Fill with U(-b, b), b = gain sqrt(6 / (fan_in + fan_out)). See `xavier_normal_`."""
    uniform_(weight, bound=gain * math.sqrt(6.0 / sum(fans(weight))), rng=rng)


def lecun_normal_(weight: FloatArray, *, rng: np.random.Generator) -> None:
    """Fill with N(0, 1 / fan_in).

    Raises
    ------
    InputError
        For a weight that is not 2-D.

    References
    ----------
    LeCun et al. (1998), Efficient BackProp,
    https://doi.org/10.1007/3-540-49430-8_2
    """
    normal_(weight, std=1.0 / math.sqrt(fans(weight)[0]), rng=rng)


def lecun_uniform_(weight: FloatArray, *, rng: np.random.Generator) -> None:
    """Fill with U(-bound, bound), bound = sqrt(3 / fan_in). See `lecun_normal_`."""
    uniform_(weight, bound=math.sqrt(3.0 / fans(weight)[0]), rng=rng)
