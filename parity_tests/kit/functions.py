"""Activations, their derivatives, and the ways in which derivatives are written.

A derivative is written from the pre-activation z or from the activation a = f(z); each is right
when it is given what it is written for. Sigmoid's is ``s(z) (1 - s(z))`` or ``a (1 - a)``.
"""

import contextlib
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

import numpy_impl as ours
from numpy_impl import InputError
from numpy_impl.activations.exponential import SELU_ALPHA, SELU_SCALE
from numpy_impl.activations.sigmoid import sigmoid

Array = NDArray[Any]
Function = Callable[[Array], Array]


@dataclass(frozen=True)
class Activation:
    """A function of one entry.

    Attributes
    ----------
    name : str
        As in a `Spec`.
    value : callable
        f.
    slope : callable
        f' of the pre-activation.
    slope_from_value : callable or None
        f' of the activation, where it is ever written so.
    misread : mapping of str to callable
        What is written for `slope_from_value` by mistake, by its formula.
    miswritten : mapping of str to callable
        What is written for `slope` by mistake, by its formula.
    jacobian : callable or None
        ``f(upstream, z)``, where an entry depends on the others of its sample too; `slope` is then
        what comes of the entry alone.
    """

    name: str
    value: Function
    slope: Function
    slope_from_value: Function | None = None
    misread: Mapping[str, Function] = field(default_factory=dict, compare=False)
    miswritten: Mapping[str, Function] = field(default_factory=dict, compare=False)
    jacobian: Callable[[Array, Array], Array] | None = field(default=None, compare=False)

    def back(self, upstream: Array, z: Array) -> Array:
        """Return the upstream gradient times the derivative."""
        if self.jacobian is not None:
            return self.jacobian(upstream, z)
        return np.asarray(upstream * self.slope(z))


def _of_layer(
    name: str,
    layer: ours.Layer,
    from_value: Function | None = None,
    misread: Mapping[str, Function] = MappingProxyType({}),
    miswritten: Mapping[str, Function] = MappingProxyType({}),
) -> Activation:
    def value(u: Array) -> Array:
        return np.asarray(layer.forward(u))

    def slope(u: Array) -> Array:
        layer.forward(u)
        return np.asarray(layer.backward(np.ones_like(u)))

    return Activation(name, value, slope, from_value, misread, miswritten)


def _positive(a: Array) -> Array:
    return (a > 0).astype(np.float64)


def _of_two_sides(value: Function, slope: Function) -> Mapping[str, Function]:
    """Return what is written for a derivative that is 1 above zero.

    Parameters
    ----------
    value, slope : callable
        The function and its derivative below zero.
    """
    return {
        "1 above zero and -f' below": lambda u: np.where(u > 0, 1.0, -slope(u)),
        "1 + f' above zero and f' below": lambda u: (u > 0) + slope(u),
        "f' above zero and 1 below": lambda u: np.where(u > 0, slope(u), 1.0),
        "1 above zero and f below": lambda u: np.where(u > 0, 1.0, value(u)),
    }


def _leaky(slope: float) -> Activation:
    return _of_layer(
        f"leaky_relu:{slope:g}",
        ours.LeakyReLU(slope),
        lambda a: np.where(a > 0, 1.0, slope),
        miswritten=_of_two_sides(lambda u: slope * u, lambda u: np.full_like(u, slope)),
    )


def _elu(alpha: float) -> Activation:
    def below(u: Array) -> Array:
        return np.asarray(alpha * np.expm1(u))

    # With alpha = 1 these two are right.
    without_alpha: Mapping[str, Function] = {
        "1 above zero and exp(z) below": lambda u: np.where(u > 0, 1.0, np.exp(u)),
        "1 above zero and f + 1 below": lambda u: np.where(u > 0, 1.0, below(u) + 1),
    }
    return _of_layer(
        f"elu:{alpha:g}",
        ours.ELU(alpha),
        lambda a: np.where(a > 0, 1.0, a + alpha),
        miswritten={**_of_two_sides(below, lambda u: alpha * np.exp(u)), **without_alpha},
    )


def _scaled_tanh(scale: float) -> Activation:
    # LeCun et al. (1998), Efficient BackProp, section 4.4: 1.7159 tanh(2 x / 3).
    rate = 2 / 3
    return Activation(
        f"scaled_tanh:{scale:g}",
        lambda u: scale * np.tanh(rate * u),
        lambda u: scale * rate * (1 - np.tanh(rate * u) ** 2),
        lambda a: rate / scale * (scale**2 - a**2),
        miswritten={
            f"{scale * rate:.6g} (1 - a^2)": lambda u: (
                scale * rate * (1 - (scale * np.tanh(rate * u)) ** 2)
            )
        },
    )


# 1 - a^2 and a (1 - a) with the square or the brackets elsewhere, a sign turned, a factor missing.
_OF_TANH: Mapping[str, Function] = {
    "(1 - a)^2": lambda a: (1 - a) ** 2,
    "1 - a": lambda a: 1 - a,
    "1 + a^2": lambda a: 1 + a**2,
    "a^2": np.square,
}
_OF_SIGMOID: Mapping[str, Function] = {
    "1 - a": lambda a: 1 - a,
    "a (1 + a)": lambda a: a * (1 + a),
    "(1 - a)^2": lambda a: (1 - a) ** 2,
    "a^2": np.square,
}

_PLAIN = (
    Activation("identity", lambda u: u, np.ones_like, np.ones_like),
    _of_layer("relu", ours.ReLU(), _positive),
    _of_layer("sigmoid", ours.Sigmoid(), lambda a: a * (1 - a), _OF_SIGMOID),
    _of_layer("tanh", ours.Tanh(), lambda a: 1 - a**2, _OF_TANH),
    _of_layer("softplus", ours.Softplus(), lambda a: 1 - np.exp(-a)),
    _of_layer("silu", ours.SiLU()),
    _of_layer("gelu", ours.GELU()),
    _of_layer("gelu_tanh", ours.GELU(approximate="tanh")),
    _of_layer("relu6", ours.ReLU6(), lambda a: ((a > 0) & (a < 6)).astype(np.float64)),
    _of_layer("selu", ours.SELU()),
    _of_layer("mish", ours.Mish()),
    _of_layer("softsign", ours.Softsign(), lambda a: (1 - np.abs(a)) ** 2),
    _of_layer("hardtanh", ours.Hardtanh(), lambda a: (np.abs(a) < 1).astype(np.float64)),
    _of_layer("hardsigmoid", ours.Hardsigmoid()),
    Activation("sine", np.sin, np.cos),
    Activation("arctan", np.arctan, lambda u: 1 / (1 + u**2)),
    Activation("square", np.square, lambda u: 2 * u),
    Activation("exponential", np.exp, np.exp, lambda a: a),
    Activation("gaussian", lambda u: np.exp(-(u**2)), lambda u: -2 * u * np.exp(-(u**2))),
)

# What is taken of its own value, by a layer and by the network that calls it. Of ReLU and its like
# that changes nothing, or makes another one of the kind.
_TWICE = ("sigmoid", "tanh", "softplus", "silu", "gelu", "softsign")


def _twice(own: Activation) -> Activation:
    return Activation(
        f"{own.name} of {own.name}",
        lambda u: own.value(own.value(u)),
        lambda u: own.slope(own.value(u)) * own.slope(u),
    )


# What is taken of z - max(z) by mistake.
_OF_MINUS_MAXIMUM = ("sigmoid", "tanh", "softplus")


def _less_the_largest(inner: Activation) -> Activation:
    """An activation of z - max(z) of the sample, as softmax is taken."""

    def shifted(u: Array) -> Array:
        return np.asarray(u - u.max(axis=-1, keepdims=True))

    def jacobian(upstream: Array, u: Array) -> Array:
        part = upstream * inner.slope(shifted(u))
        is_largest = np.arange(u.shape[-1]) == u.argmax(axis=-1)[..., np.newaxis]
        return np.asarray(part - is_largest * part.sum(axis=-1, keepdims=True))

    return Activation(
        f"{inner.name} of z - max(z)",
        lambda u: inner.value(shifted(u)),
        lambda u: inner.slope(shifted(u)),
        inner.slope_from_value,
        jacobian=jacobian,
    )


# Those that nobody means, as they come if brackets, a sign or a letter are left out.
_MISWRITTEN = (
    Activation(
        "1 / 1 + exp(-z)",
        lambda u: 1 + np.exp(-u),
        lambda u: -np.exp(-u),
    ),
    Activation(
        "1 / (1 + exp(z))",
        lambda u: sigmoid(-u),
        lambda u: -sigmoid(u) * sigmoid(-u),
    ),
    Activation(
        "(exp(z) - exp(-z)) / exp(z) + exp(-z)",
        lambda u: 1 - np.exp(-2 * u) + np.exp(-u),
        lambda u: 2 * np.exp(-2 * u) - np.exp(-u),
    ),
    Activation("tan", np.tan, lambda u: 1 + np.tan(u) ** 2, lambda a: 1 + a**2),
    *(_twice(own) for own in _PLAIN if own.name in _TWICE),
    *(_less_the_largest(own) for own in _PLAIN if own.name in _OF_MINUS_MAXIMUM),
)
# Their causes, and what is meant.
WRONG_ACTIVATIONS = {
    "1 / 1 + exp(-z)": ("function-without-brackets", "sigmoid"),
    "1 / (1 + exp(z))": ("sigmoid-of-negative", "sigmoid"),
    "(exp(z) - exp(-z)) / exp(z) + exp(-z)": ("function-without-brackets", "tanh"),
    "tan": ("tan-for-tanh", "tanh"),
    **{f"{name} of {name}": ("activation-twice", name) for name in _TWICE},
    **{f"{name} of z - max(z)": ("activation-shifted", name) for name in _OF_MINUS_MAXIMUM},
}

# Decimals to which the two constants of SELU are written where they are not written in full.
_DECIMALS = range(2, 9)


def _selu(scale: float, alpha: float) -> Activation:
    elu = _elu(alpha)
    return Activation(
        f"selu with {scale:.9g} and {alpha:.9g}",
        lambda u: scale * elu.value(u),
        lambda u: scale * elu.slope(u),
    )


def _shorter(number: float, decimals: int) -> tuple[float, float]:
    """Return a number rounded, and cut off."""
    power = 10**decimals
    return round(number, decimals), math.floor(number * power) / power


def _rounded_selus() -> list[Activation]:
    """Return SELU with both constants to as many decimals, or the second one to one less."""
    pairs = {
        (scale, alpha): None
        for decimals in _DECIMALS
        for of_alpha in (decimals, decimals - 1)
        for scale in _shorter(SELU_SCALE, decimals)
        for alpha in _shorter(SELU_ALPHA, of_alpha)
        if of_alpha in _DECIMALS
    }
    return [_selu(*pair) for pair in pairs]


_OF_ROUNDED = {own.name: own for own in _rounded_selus()}
# What is meant by each. They are looked for after all that is exact.
ROUNDED = dict.fromkeys(_OF_ROUNDED, "selu")

# Those with a number: how they are made, and the numbers that are tried where none is given.
_NUMBERED: dict[str, tuple[Callable[[float], Activation], tuple[float, ...]]] = {
    "leaky_relu": (_leaky, (0.01, 0.1, 0.2, 0.02, 0.05, 0.3, 0.001)),
    "elu": (_elu, (1.0, 0.1)),
    "scaled_tanh": (_scaled_tanh, (1.7159,)),
}

ACTIVATIONS: dict[str, Activation] = {a.name: a for a in (*_PLAIN, *_MISWRITTEN)} | {
    made.name: made for make, numbers in _NUMBERED.values() for made in map(make, numbers)
}
# The name of a function that has none, and is asked of a network.
UNNAMED = "unnamed"
# As they are tried one after the other, the usual ones first.
USUAL = ("relu", "sigmoid", "tanh", "leaky_relu:0.01", "identity")


def activation(name: str) -> Activation:
    """Return the activation of a name.

    Raises
    ------
    InputError
        If there is none.
    """
    plain, _, number = name.partition(":")
    factor, is_scaled, base = name.partition(" x ")
    whole, is_stretched, rate = name.removesuffix(" z").partition(" of ")
    if name in ACTIVATIONS or name in _OF_ROUNDED:
        return ACTIVATIONS.get(name) or _OF_ROUNDED[name]
    with contextlib.suppress(ValueError):
        if is_scaled:
            return _scaled(float(factor), activation(base))
        if is_stretched:
            return _stretched(float(rate), activation(whole))
        if plain in _NUMBERED:
            make, usual = _NUMBERED[plain]
            return make(float(number) if number else usual[0])
    raise InputError("activation", f"one of {sorted({*ACTIVATIONS, *_NUMBERED})}", repr(name))


def scaled(factor: float, name: str) -> str:
    """Return the name of a multiple of an activation."""
    return f"{factor:.12g} x {name}"


def stretched(rate: float, name: str) -> str:
    """Return the name of an activation of a multiple of z."""
    return f"{name} of {rate:.12g} z"


def _scaled(factor: float, own: Activation) -> Activation:
    from_value = own.slope_from_value
    name, value = scaled(factor, own.name), partial(_times, factor, own.value)
    slope = partial(_times, factor, own.slope)
    if from_value is None:
        return Activation(name, value, slope)
    # Written for the value without the factor, it is given the one with it.
    miswritten = {
        f"{factor:.6g} {own.name}' from the activation": lambda u: factor * from_value(value(u))
    }
    return Activation(
        name, value, slope, lambda a: factor * from_value(a / factor), miswritten=miswritten
    )


def _times(factor: float, function: Function, u: Array) -> Array:
    return np.asarray(factor * function(u))


def _stretched(rate: float, own: Activation) -> Activation:
    from_value = own.slope_from_value
    return Activation(
        stretched(rate, own.name),
        lambda u: own.value(rate * u),
        lambda u: rate * own.slope(rate * u),
        None if from_value is None else lambda a: rate * from_value(a),
    )


def unrounded(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names of activations whose constants are rounded without these."""
    return tuple(ROUNDED.get(name, name) for name in names)


def in_full(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names of activations with the slope or scale that is left out behind them."""
    return tuple(name if name == UNNAMED else activation(name).name for name in names)


@dataclass(frozen=True)
class Output:
    """The function of the last layer, on rows.

    Attributes
    ----------
    name : str
        As in a `Spec`.
    value : callable
        From pre-activations to outputs.
    back : callable
        ``back(upstream, z)``, the upstream gradient times the Jacobian.
    elementwise : Activation or None
        The function, if each output depends on its own pre-activation alone.
    inner : Activation or None
        What softmax is taken of.
    """

    name: str
    value: Function
    back: Callable[[Array, Array], Array]
    elementwise: Activation | None = None
    inner: Activation | None = None

    def at(self, z: Array) -> Function:
        """Return `back` for one z: what is the same for all upstream gradients is computed once."""
        own, inner = self.elementwise, self.inner
        if own is not None and own.jacobian is None:
            slope = own.slope(z)
            return lambda upstream: np.asarray(upstream * slope)
        if inner is not None:
            a, slope = inner.value(z), inner.slope(z)
            return lambda upstream: np.asarray(_softmax_back(upstream, a) * slope)
        return lambda upstream: self.back(upstream, z)


def _shifted(z: Array, axis: int | None) -> Array:
    exponentials: Array = np.exp(z - z.max(axis=axis, keepdims=True))
    return exponentials


def softmax(z: Array, axis: int | None = 1) -> Array:
    """Return softmax along an axis, or over all entries."""
    exponentials = _shifted(z, axis)
    shares: Array = exponentials / exponentials.sum(axis=axis, keepdims=True)
    return shares


def _softmax_back(upstream: Array, z: Array, axis: int | None = 1) -> Array:
    p = softmax(z, axis)
    product: Array = p * (upstream - (upstream * p).sum(axis=axis, keepdims=True))
    return product


def _over_sum(z: Array) -> Array:
    with np.errstate(all="ignore"):
        return np.asarray(z / z.sum(axis=1, keepdims=True))


def _over_sum_back(upstream: Array, z: Array) -> Array:
    shares = _over_sum(z)
    with np.errstate(all="ignore"):
        total = z.sum(axis=1, keepdims=True)
        product: Array = (upstream - (upstream * shares).sum(axis=1, keepdims=True)) / total
    return product


def _without_largest(z: Array) -> Array:
    return np.asarray(z - z.max(axis=1, keepdims=True))


def _softmax_by_class(z: Array) -> Array:
    return softmax(z - z.max(axis=0, keepdims=True))


def _softmax_by_class_back(upstream: Array, z: Array) -> Array:
    back = _softmax_back(upstream, z - z.max(axis=0, keepdims=True))
    is_largest = np.arange(len(z))[:, np.newaxis] == z.argmax(axis=0)
    product: Array = back - is_largest * back.sum(axis=0, keepdims=True)
    return product


def _shifted_over_sum_back(upstream: Array, z: Array) -> Array:
    back = _over_sum_back(upstream, _without_largest(z))
    is_largest = np.arange(z.shape[1]) == z.argmax(axis=1)[:, np.newaxis]
    product: Array = back - is_largest * back.sum(axis=1, keepdims=True)
    return product


def _softmax_after(inner: Activation) -> Output:
    """Softmax of another activation."""
    return Output(
        f"softmax of {inner.name}",
        lambda z: softmax(inner.value(z)),
        lambda upstream, z: _softmax_back(upstream, inner.value(z)) * inner.slope(z),
        inner=inner,
    )


def _elementwise(inner: Activation) -> Output:
    return Output(inner.name, inner.value, inner.back, inner)


_ROW_SUMS = Output(
    "normalized sigmoid",
    lambda z: sigmoid(z) / sigmoid(z).sum(axis=1, keepdims=True),
    lambda upstream, z: _normalized_back(upstream, z),
)


def _normalized_back(upstream: Array, z: Array) -> Array:
    s = sigmoid(z)
    total = s.sum(axis=1, keepdims=True)
    inner = upstream / total - (upstream * s).sum(axis=1, keepdims=True) / total**2
    product: Array = inner * s * (1 - s)
    return product


OUTPUTS: dict[str, Output] = {
    output.name: output
    for output in (
        Output("softmax", softmax, _softmax_back),
        *(
            _elementwise(ACTIVATIONS[name])
            for name in ("identity", "sigmoid", "tanh", "relu", "leaky_relu:0.01", "softplus")
        ),
        Output(
            "log_softmax",
            lambda z: np.log(softmax(z)),
            lambda upstream, z: upstream - softmax(z) * upstream.sum(axis=1, keepdims=True),
        ),
        Output(
            "softmax over the samples",
            partial(softmax, axis=0),
            partial(_softmax_back, axis=0),
        ),
        Output(
            "softmax over the whole batch",
            partial(softmax, axis=None),
            partial(_softmax_back, axis=None),
        ),
        Output(
            "softmax of negated logits",
            lambda z: softmax(-z),
            lambda upstream, z: -_softmax_back(upstream, -z),
        ),
        Output(
            "softmax of softmax",
            lambda z: softmax(softmax(z)),
            lambda upstream, z: _softmax_back(_softmax_back(upstream, softmax(z)), z),
        ),
        Output("softmax shifted by class", _softmax_by_class, _softmax_by_class_back),
        Output(
            "softmax shifted by row and summed over the samples",
            lambda z: _shifted(z, 1) / _shifted(z, 1).sum(axis=0, keepdims=True),
            lambda upstream, z: upstream * _shifted(z, 1),
        ),
        Output(
            "softmax shifted by row and summed over the whole batch",
            lambda z: _shifted(z, 1) / _shifted(z, 1).sum(),
            lambda upstream, z: upstream * _shifted(z, 1),
        ),
        Output(
            "exponential of shifted logits",
            lambda z: _shifted(z, 1),
            lambda upstream, z: upstream * _shifted(z, 1),
        ),
        Output("logits over their sum", _over_sum, _over_sum_back),
        Output(
            "shifted logits over their sum",
            lambda z: _over_sum(_without_largest(z)),
            _shifted_over_sum_back,
        ),
        *(_softmax_after(ACTIVATIONS[name]) for name in ("relu", "sigmoid", "tanh")),
        _ROW_SUMS,
        _elementwise(ACTIVATIONS["exponential"]),
        *map(_elementwise, _MISWRITTEN),
    )
}
# Those that nobody means.
WRONG_OUTPUTS = {
    "softmax over the samples": "softmax-over-samples",
    "softmax over the whole batch": "softmax-over-batch",
    "softmax of negated logits": "softmax-negated",
    "softmax of softmax": "softmax-twice",
    "softmax shifted by class": "softmax-shifted-by-class",
    "softmax shifted by row and summed over the samples": "softmax-over-samples",
    "softmax shifted by row and summed over the whole batch": "softmax-over-batch",
    "exponential of shifted logits": "softmax-not-normalized",
    "logits over their sum": "softmax-without-exponential",
    "shifted logits over their sum": "softmax-without-exponential",
    "exponential": "softmax-not-normalized",
    **{name: cause for name, (cause, _) in WRONG_ACTIVATIONS.items()},
}


# What exponentials are taken of.
SHIFTS: Mapping[str, Function] = {"": _without_largest, " of unshifted exponentials": np.asarray}
_BESIDE = "softmax with "


def beside_sum(number: float, kind: str = "") -> str:
    """Return the name of softmax with a number beside the sum, of one of `SHIFTS`."""
    return f"{_BESIDE}{number:.12g} beside the sum{kind}"


def is_beside_sum(name: str) -> bool:
    """Whether an output function is softmax with a number beside the sum."""
    return name.startswith(_BESIDE)


_ADDED = "softmax plus "


def with_added(number: float) -> str:
    """Return the name of softmax to whose values a number is added."""
    return f"{_ADDED}{number:.6g}"


def has_small_number(name: str) -> bool:
    """Whether an output function is softmax with a number beside the sum or behind it."""
    return is_beside_sum(name) or name.startswith(_ADDED)


def _softmax_plus(number: float, name: str) -> Output:
    plain = OUTPUTS["softmax"]
    return Output(name, lambda z: plain.value(z) + number, plain.back)


def shortened(name: str) -> str:
    """Return the name of an output function for the reader, with six digits of its number."""
    number, is_beside, kind = name.removeprefix(_BESIDE).partition(" beside the sum")
    if not is_beside_sum(name):
        return name
    return f"{_BESIDE}{float(number):.6g}{is_beside}{kind}"


def _softmax_beside(number: float, shifted: Function, name: str) -> Output:
    def value(z: Array) -> Array:
        exponentials = np.exp(shifted(z))
        return np.asarray(exponentials / (exponentials.sum(axis=1, keepdims=True) + number))

    def back(upstream: Array, z: Array) -> Array:
        p = value(z)
        product = p * (upstream - (upstream * p).sum(axis=1, keepdims=True))
        # z - max(z) changes with the largest, which cancels where nothing is beside the sum.
        is_largest = shifted(z) == 0 if shifted is _without_largest else np.zeros_like(z)
        return np.asarray(product - is_largest * product.sum(axis=1, keepdims=True))

    return Output(name, value, back)


def is_of_rates(
    name: str, outputs: int, declared: str | None, *, are_numbers: bool = False
) -> bool:
    """Whether an output function is exp(z) and stands for no softmax.

    Of a single output there is none; rates, as those of Poisson, are positive numbers.

    Parameters
    ----------
    declared : str or None
        The output function that is meant.
    are_numbers : bool, default False
        Whether labels may be any numbers, and are no classes.
    """
    is_softmax = declared == "softmax" or (declared is None and not are_numbers)
    return name == "exponential" and (outputs == 1 or not is_softmax)


def wrong_output(name: str) -> str | None:
    """Return what is wrong about an output function; None if it may be meant."""
    return "softmax-sum-shifted" if is_beside_sum(name) else WRONG_OUTPUTS.get(name)


def output(name: str) -> Output:
    """Return the output function of a name.

    Raises
    ------
    InputError
        If there is none.
    """
    if name in OUTPUTS:
        return OUTPUTS[name]
    number, is_beside, kind = name.removeprefix(_BESIDE).partition(" beside the sum")
    if is_beside_sum(name) and is_beside and kind in SHIFTS:
        return _softmax_beside(float(number), SHIFTS[kind], name)
    if name.startswith(_ADDED):
        return _softmax_plus(float(name.removeprefix(_ADDED)), name)
    return _elementwise(activation(name))
