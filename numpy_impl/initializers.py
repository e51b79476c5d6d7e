r"""Initial weights: fill an array in place, with the generator handed in.

For a layer :math:`y = W x` with independent weights of mean zero and independent inputs,
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

All functions take a float32 or float64 array, fill it and return it; an empty one stays as it is.
They raise InputError if an argument is out of range, before anything is drawn. Names, orders and
defaults of arguments are those of torch.nn.init, with `rng` for the generator.

References
----------
https://docs.pytorch.org/docs/stable/nn.init.html
"""

# Annotations are not evaluated: np.random is loaded when it is first named, for those who train.
from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from numpy_impl.arrays import (
    FLOAT_DTYPES,
    FloatArray,
    check_choice,
    check_number,
    describe,
    in_words,
)
from numpy_impl.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Ratio by which each nonlinearity shrinks the root mean square of a standard normal signal;
# the values and names are those of torch.nn.init.calculate_gain.
_FIXED_GAINS = {
    "linear": 1.0,
    "sigmoid": 1.0,
    "tanh": 5.0 / 3.0,
    "relu": math.sqrt(2.0),
    "selu": 3.0 / 4.0,
}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Return the recommended gain of a nonlinearity.

    Parameters
    ----------
    nonlinearity : {"linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu"}
        Name of the function behind the layer. PyTorch's names of convolutions are left out.
    param : float, optional
        Negative slope of leaky ReLU, by default 0.01; its gain is sqrt(2 / (1 + param^2)).

    Raises
    ------
    InputError
        For another name, or a slope that is not a finite number.

    References
    ----------
    https://docs.pytorch.org/docs/stable/nn.init.html#torch.nn.init.calculate_gain
    """
    if isinstance(nonlinearity, str) and nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else _check_finite("param", param)
        return math.sqrt(2.0 / (1.0 + slope * slope))
    check_choice("nonlinearity", nonlinearity, sorted([*_FIXED_GAINS, "leaky_relu"]))
    return _FIXED_GAINS[nonlinearity]


def fans(tensor: FloatArray) -> tuple[int, int]:
    """Return (fan_in, fan_out) of a weight of shape (out_features, in_features)."""
    _check_tensor(tensor, matrix=True)
    return tensor.shape[1], tensor.shape[0]


def uniform_(
    tensor: FloatArray, a: float = 0.0, b: float = 1.0, *, rng: np.random.Generator
) -> FloatArray:
    """Fill with draws from the uniform distribution on [a, b).

    Rounded to float32 a draw may be b.
    """
    _check_tensor(tensor)
    # Without the sign of a zero, of which NumPy would make an empty interval.
    a, b = _check_finite("a", a) + 0.0, _check_finite("b", b) + 0.0
    if not 0 <= b - a < math.inf:
        raise InputError("b", f"at least a = {a:g}, at a finite distance", f"{b:g}")
    return _write(tensor, _checked(rng).uniform(a, b, tensor.shape))


def normal_(
    tensor: FloatArray, mean: float = 0.0, std: float = 1.0, *, rng: np.random.Generator
) -> FloatArray:
    """Fill with draws from N(mean, std^2)."""
    _check_tensor(tensor)
    mean, std = _check_finite("mean", mean), check_number("std", std)
    with np.errstate(over="ignore"):
        values = mean + std * _checked(rng).standard_normal(tensor.shape)
    return _write(tensor, values)


def trunc_normal_(
    tensor: FloatArray,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    *,
    rng: np.random.Generator,
) -> FloatArray:
    r"""Fill with draws from N(mean, std^2), those outside [a, b] drawn again.

    Parameters
    ----------
    tensor : ndarray
        Written in place.
    mean, std : float, default 0 and 1
        Of the distribution before it is cut; std is above 0.
    a, b : float, default -2 and 2
        The cuts, a <= b, absolute and not in units of std; may be infinite.
    rng : numpy.random.Generator
        Source of randomness.

    Notes
    -----
    Where the interval holds little of the distribution, the draws come from a curve closer to it.
    With z in units of std from the mean, m the end of the interval that is nearest to 0 and
    :math:`d = |z - m|`, the density :math:`e^{-z^2 / 2}` is proportional to
    :math:`e^{-|m| d} \, e^{-d^2 / 2}`: d is drawn from an exponential distribution, cut at the
    width, and kept with probability :math:`e^{-d^2 / 2}`.

    References
    ----------
    Robert (1995), Simulation of truncated normal variables, https://arxiv.org/abs/0907.4010
    """
    _check_tensor(tensor)
    mean, std = _check_finite("mean", mean), check_number("std", std, exclude_low=True)
    for name, bound in (("a", a), ("b", b)):
        if not isinstance(bound, float | np.floating) or not math.isinf(bound):
            _check_number(name, bound)
    a, b = float(a), float(b)
    if not a <= b:
        raise InputError("b", f"at least a = {a:g}", f"{b:g}")
    low, high = (a - mean) / std, (b - mean) / std
    values, pending = np.empty(tensor.size), np.arange(tensor.size)
    while pending.size:
        draws, kept = _truncated_draws(low, high, pending.size, _checked(rng))
        values[pending[kept]] = draws[kept]
        pending = pending[~kept]
    # The cut once more, for rounding.
    with np.errstate(over="ignore"):
        values = mean + std * values
    return _write(tensor, values.clip(a, b).reshape(tensor.shape))


def _truncated_draws(
    low: float, high: float, count: int, rng: np.random.Generator
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Return draws, and which of them are from the standard normal distribution on [low, high]."""
    if (math.erf(high / math.sqrt(2)) - math.erf(low / math.sqrt(2))) / 2 > 0.3:
        draws = rng.standard_normal(count)
        return draws, (low <= draws) & (draws <= high)
    nearest = min(max(0.0, low), high)
    rate, width = abs(nearest), high - low
    if rate == 0:
        draws = rng.uniform(low, high, count)
        return draws, rng.random(count) < np.exp(-draws * draws / 2)
    # Solved for d: u = (1 - exp(-rate d)) / (1 - exp(-rate width)).
    distance = -np.log1p(rng.random(count) * math.expm1(-rate * width)) / rate
    # Beyond 1e154 the square would overflow; nothing is kept from about 40 on.
    kept = rng.random(count) < np.exp(-(np.minimum(distance, 1e3) ** 2) / 2)
    return nearest + math.copysign(1.0, nearest) * distance, kept


def constant_(tensor: FloatArray, val: float) -> FloatArray:
    """Fill with one number."""
    _check_tensor(tensor)
    return _write(tensor, np.full(tensor.shape, _check_finite("val", val)))


def ones_(tensor: FloatArray) -> FloatArray:
    """Fill with ones."""
    return constant_(tensor, 1.0)


def zeros_(tensor: FloatArray) -> FloatArray:
    """Fill with zeros."""
    return constant_(tensor, 0.0)


def eye_(tensor: FloatArray) -> FloatArray:
    """Fill with ones on the main diagonal and zeros elsewhere: what fits passes unchanged.

    The array is a matrix, of any shape.
    """
    _check_tensor(tensor, matrix=True)
    tensor[...] = np.eye(*tensor.shape)
    return tensor


def orthogonal_(tensor: FloatArray, gain: float = 1.0, *, rng: np.random.Generator) -> FloatArray:
    r"""Fill with a random matrix of orthonormal rows or columns, whichever are fewer, times `gain`.

    It is Q of the QR decomposition of a normal matrix, with the sign of each column such that R has
    a positive diagonal. That makes the decomposition unique, and Q uniformly distributed.

    Parameters
    ----------
    tensor : ndarray of shape (out_features, in_features)
        Written in place.
    gain : float, default 1
        Length of the rows or columns.
    rng : numpy.random.Generator
        Source of randomness.

    References
    ----------
    Saxe et al. (2014), Exact solutions to the nonlinear dynamics of learning,
    https://arxiv.org/abs/1312.6120
    Mezzadri (2007), How to generate random matrices from the classical compact groups,
    https://arxiv.org/abs/math-ph/0609050
    """
    _check_tensor(tensor, matrix=True)
    gain = _check_finite("gain", gain)
    rows, columns = tensor.shape
    if tensor.size:
        q, r = np.linalg.qr(_checked(rng).standard_normal((max(rows, columns), min(rows, columns))))
        q *= gain * np.copysign(1.0, np.diag(r))
        return _write(tensor, q if rows >= columns else q.T)
    return tensor


def sparse_(
    tensor: FloatArray, sparsity: float, std: float = 0.01, *, rng: np.random.Generator
) -> FloatArray:
    """Fill with draws from N(0, std^2), and zeros at random places of each column.

    Parameters
    ----------
    tensor : ndarray of shape (out_features, in_features)
        Written in place. A column is what one input sends to all outputs.
    sparsity : float
        Share of each column that is zero, from 0 to 1; ``ceil(sparsity * out_features)`` entries.
    std : float, default 0.01
        Standard deviation of the others, at least 0.
    rng : numpy.random.Generator
        Source of randomness.

    References
    ----------
    Martens (2010), Deep learning via Hessian-free optimization,
    https://www.cs.toronto.edu/~jmartens/docs/Deep_HessianFree.pdf
    """
    _check_tensor(tensor, matrix=True)
    if check_number("sparsity", sparsity) > 1:
        raise InputError("sparsity", "a number of at most 1", f"{sparsity:g}")
    std = check_number("std", std)
    rows, columns = tensor.shape
    with np.errstate(over="ignore"):
        values = std * _checked(rng).standard_normal((rows, columns))
    # The order of random numbers is a random permutation.
    order = rng.random((rows, columns)).argsort(axis=0)
    values[order[: math.ceil(sparsity * rows)], np.arange(columns)] = 0.0
    return _write(tensor, values)


def xavier_uniform_(
    tensor: FloatArray, gain: float = 1.0, *, rng: np.random.Generator
) -> FloatArray:
    """Fill with U(-b, b), b = gain sqrt(6 / (fan_in + fan_out)). See `xavier_normal_`."""
    return _fill_uniform(tensor, _xavier_std(tensor, gain), rng)


def xavier_normal_(
    tensor: FloatArray, gain: float = 1.0, *, rng: np.random.Generator
) -> FloatArray:
    """Fill with N(0, gain^2 2 / (fan_in + fan_out)): Glorot initialization.

    Parameters
    ----------
    tensor : ndarray of shape (out_features, in_features)
        Written in place.
    gain : float, default 1
        At least 0; see `calculate_gain`.
    rng : numpy.random.Generator
        Source of randomness.

    References
    ----------
    Glorot and Bengio (2010), Understanding the difficulty of training deep feedforward
    neural networks, https://proceedings.mlr.press/v9/glorot10a.html
    """
    return normal_(tensor, 0.0, _xavier_std(tensor, gain), rng=rng)


def _xavier_std(tensor: FloatArray, gain: float) -> float:
    return check_number("gain", gain) * math.sqrt(2.0 / max(sum(fans(tensor)), 1))


def kaiming_uniform_(
    tensor: FloatArray,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    *,
    rng: np.random.Generator,
) -> FloatArray:
    """Fill with U(-bound, bound), bound = gain sqrt(3 / fan). See `kaiming_normal_`."""
    return _fill_uniform(tensor, _kaiming_std(tensor, a, mode, nonlinearity), rng)


def kaiming_normal_(
    tensor: FloatArray,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    *,
    rng: np.random.Generator,
) -> FloatArray:
    """Fill with N(0, gain^2 / fan): He initialization.

    Parameters
    ----------
    tensor : ndarray of shape (out_features, in_features)
        Written in place.
    a : float, default 0
        Negative slope of the leaky ReLU behind the layer; 0 is ReLU.
    mode : {"fan_in", "fan_out"}
        Keep the variance of the forward or of the backward signal.
    nonlinearity : str
        See `calculate_gain`.
    rng : numpy.random.Generator
        Source of randomness.

    References
    ----------
    He et al. (2015), Delving deep into rectifiers, https://arxiv.org/abs/1502.01852
    """
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity), rng=rng)


def _kaiming_std(tensor: FloatArray, a: float, mode: str, nonlinearity: str) -> float:
    fan_in, fan_out = fans(tensor)
    if not isinstance(mode, str) or mode not in ("fan_in", "fan_out"):
        raise InputError("mode", "'fan_in' or 'fan_out'", in_words(mode))
    fan = fan_in if mode == "fan_in" else fan_out
    return calculate_gain(nonlinearity, _check_finite("a", a)) / math.sqrt(max(fan, 1))


def lecun_uniform_(tensor: FloatArray, *, rng: np.random.Generator) -> FloatArray:
    """Fill with U(-bound, bound), bound = sqrt(3 / fan_in). See `lecun_normal_`."""
    return kaiming_uniform_(tensor, nonlinearity="linear", rng=rng)


def lecun_normal_(tensor: FloatArray, *, rng: np.random.Generator) -> FloatArray:
    """Fill with N(0, 1 / fan_in).

    PyTorch's name for it is ``kaiming_normal_(tensor, nonlinearity="linear")``.

    References
    ----------
    LeCun et al. (1998), Efficient BackProp,
    https://doi.org/10.1007/3-540-49430-8_2
    """
    return kaiming_normal_(tensor, nonlinearity="linear", rng=rng)


def _fill_uniform(tensor: FloatArray, std: float, rng: np.random.Generator) -> FloatArray:
    """Fill with draws from the uniform distribution around 0 with this standard deviation."""
    bound = math.sqrt(3.0) * std
    return uniform_(tensor, -bound, bound, rng=rng)


def _write(tensor: FloatArray, values: FloatArray) -> FloatArray:
    """Write values to the array and return it; InputError if its type cannot hold them."""
    largest = float(np.abs(values).max(initial=0.0))
    if largest > float(np.finfo(tensor.dtype).max):
        raise InputError("tensor", f"a type that holds {largest:g}", str(tensor.dtype))
    tensor[...] = values
    return tensor


def _check_tensor(tensor: FloatArray, *, matrix: bool = False) -> None:
    if not isinstance(tensor, np.ndarray) or tensor.dtype not in FLOAT_DTYPES:
        raise InputError("tensor", "a float32 or float64 array to fill", describe(tensor))
    if not tensor.flags.writeable:
        raise InputError("tensor", "an array that can be written to", "one that is read-only")
    if tensor.size and not all(
        tensor.strides[n] for n in range(tensor.ndim) if tensor.shape[n] > 1
    ):
        raise InputError("tensor", "memory for every entry", "a broadcast view")
    if matrix and tensor.ndim != 2:
        raise InputError("tensor", "shape (out_features, in_features)", describe(tensor))


def _check_finite(name: str, value: float) -> float:
    return check_number(name, value, low=-math.inf, exclude_low=True)


def _check_number(name: str, value: float) -> None:
    try:
        _check_finite(name, value)
    except InputError as error:
        raise InputError(
            name, "a number", error.got if error.got != "nan" else describe(value)
        ) from None


def _checked(rng: np.random.Generator) -> np.random.Generator:
    if not isinstance(rng, np.random.Generator):
        raise InputError("rng", "a numpy.random.Generator", describe(rng))
    return rng
