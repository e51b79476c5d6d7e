r"""Schemes of initial weights, and the ways in which their scale goes wrong.

A scheme says the standard deviation of a matrix by the number of its inputs and outputs. A matrix
that is drawn is measured: from n entries with kurtosis k, the standard deviation is known up to

.. math:: \frac{\Delta s}{s} = \sqrt{\frac{k - 1}{4 n}}

which is 1 % for 5,000 normal ones. Two scales are told apart only if they are further from each
other than that allows.

References
----------
He et al. (2015), Delving deep into rectifiers, https://arxiv.org/abs/1502.01852
Glorot and Bengio (2010), Understanding the difficulty of training deep feedforward neural
networks, https://proceedings.mlr.press/v9/glorot10a.html
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from numpy_impl import InputError

Array = NDArray[np.float64]

# Of a normal distribution that is cut at two standard deviations: its own, over that of the uncut.
_CUT = 0.8796256610342398
# A measured scale is a given one if it is no further away than this many standard errors.
_ERRORS = 4.5
# Entries from which it is no chance that all have one sign, or that all are the largest.
_SIGNS = 30
# The least share of entries at the bounds of a distribution that is clipped to them.
_BOUND = 0.002


@dataclass(frozen=True)
class Scheme:
    """How large initial weights are.

    Attributes
    ----------
    name : str
        As in a `Spec`.
    text : str
        For the reader, with the formula.
    std : callable
        ``std(fan_in, fan_out)``.
    distribution : {"normal", "uniform"} or None
        None if either will do.
    """

    name: str
    text: str
    std: Callable[[float, float], float]
    distribution: str | None = None


def _he(fan_in: float, _: float) -> float:
    return math.sqrt(2 / fan_in)


def _xavier(fan_in: float, fan_out: float) -> float:
    return math.sqrt(2 / (fan_in + fan_out))


def _xavier_relu(fan_in: float, fan_out: float) -> float:
    return math.sqrt(2) * _xavier(fan_in, fan_out)


def _lecun(fan_in: float, _: float) -> float:
    return math.sqrt(1 / fan_in)


SCHEMES: dict[str, Scheme] = {
    scheme.name: scheme
    for scheme in (
        Scheme("he_normal", "He's, sqrt(2 / fan_in), normal", _he, "normal"),
        Scheme("he_uniform", "He's, sqrt(2 / fan_in), uniform", _he, "uniform"),
        Scheme(
            "xavier_normal", "Xavier's, sqrt(2 / (fan_in + fan_out)), normal", _xavier, "normal"
        ),
        Scheme(
            "xavier_uniform", "Xavier's, sqrt(2 / (fan_in + fan_out)), uniform", _xavier, "uniform"
        ),
        Scheme(
            "xavier_relu_normal",
            "Xavier's with ReLU's gain, sqrt(4 / (fan_in + fan_out)), normal",
            _xavier_relu,
            "normal",
        ),
        Scheme(
            "xavier_relu_uniform",
            "Xavier's with ReLU's gain, sqrt(4 / (fan_in + fan_out)), uniform",
            _xavier_relu,
            "uniform",
        ),
        Scheme("lecun_normal", "LeCun's, sqrt(1 / fan_in), normal", _lecun, "normal"),
        Scheme("lecun_uniform", "LeCun's, sqrt(1 / fan_in), uniform", _lecun, "uniform"),
        Scheme(
            "pytorch",
            "nn.Linear's, uniform up to 1 / sqrt(fan_in)",
            lambda fan_in, _: math.sqrt(1 / (3 * fan_in)),
            "uniform",
        ),
    )
}
FAMILIES: dict[str, Scheme] = {
    "he": Scheme("he", "He's, sqrt(2 / fan_in)", _he),
    "xavier": Scheme("xavier", "Xavier's, sqrt(2 / (fan_in + fan_out))", _xavier),
    "lecun": Scheme("lecun", "LeCun's, sqrt(1 / fan_in)", _lecun),
    "xavier_relu": Scheme(
        "xavier_relu", "Xavier's with ReLU's gain, sqrt(4 / (fan_in + fan_out))", _xavier_relu
    ),
}
# Section 4.2.1 of Glorot and Bengio has the bound for tanh; that for the sigmoid is four times as
# large in https://deeplearning.net/tutorial/mlp.html. PyTorch's calculate_gain has 5/3 for tanh.
_GAINS = ((4.0, "4", "the sigmoid"), (5 / 3, "5/3", "tanh"))


def variants(meant: Scheme) -> Iterator[Scheme]:
    r"""Yield what a scheme becomes by a convention.

    The bias may count as an input, as in :math:`\sqrt{6 / (1 + n_{in} + n_{out})}`; and Xavier's
    may have the gain of the activation behind it.
    """
    yield Scheme(
        meant.name,
        f"{meant.text}, with the bias counted as an input",
        lambda fan_in, fan_out: meant.std(fan_in + 1, fan_out),
        meant.distribution,
    )
    for gain, text, activation in _GAINS if meant.std is _xavier else ():
        yield Scheme(
            meant.name,
            f"{text} x {meant.text}, with the gain of {activation}",
            partial(_times_xavier, gain),
            meant.distribution,
        )


def _times_xavier(gain: float, fan_in: int, fan_out: int) -> float:
    return gain * _xavier(fan_in, fan_out)


_OTHER_NAMES = {"kaiming": "he", "glorot": "xavier"}


def scheme(name: str) -> Scheme:
    """Return the scheme of a name.

    Parameters
    ----------
    name : str
        One of `SCHEMES` or `FAMILIES`; ``kaiming`` and ``glorot`` are He and Xavier. A fixed scale
        is ``"normal:0.01"``, its standard deviation, or ``"uniform:0.5"``, its bound.

    Raises
    ------
    InputError
        If there is none.
    """
    family, mark, rest = name.lower().partition("_")
    plain = _OTHER_NAMES.get(family, family) + mark + rest
    if plain in SCHEMES:
        return SCHEMES[plain]
    if plain in FAMILIES:
        return FAMILIES[plain]
    kind, _, number = name.partition(":")
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if kind in ("normal", "uniform") and value > 0:
        std = value if kind == "normal" else value / math.sqrt(3)
        text = f"{kind} with {'std' if kind == 'normal' else 'bound'} {value:g}"
        return Scheme(name, text, lambda _in, _out: std, kind)
    known = [*SCHEMES, *FAMILIES, "normal:STD", "uniform:BOUND"]
    raise InputError("initialization", f"one of {known}", repr(name))


@dataclass(frozen=True)
class Drawn:
    """Entries of an initial matrix, of one or of many constructions.

    Attributes
    ----------
    values : ndarray
        Entries.
    fan_in, fan_out : int
        Inputs and outputs of the layer.
    extra : int
        Rows that the code may count as inputs, too: the bias, if it is part of the matrix.
    """

    values: Array
    fan_in: int
    fan_out: int
    extra: int = 0

    @cached_property
    def mean(self) -> float:
        """Mean of the entries."""
        return float(self.values.mean())

    @cached_property
    def std(self) -> float:
        """Standard deviation of the entries."""
        return float(self.values.std())

    @cached_property
    def kurtosis(self) -> float:
        """Fourth moment over the square of the second: 3 if normal, 1.8 if uniform."""
        if self.std == 0:
            return math.nan
        return float((((self.values - self.mean) / self.std) ** 4).mean())

    @cached_property
    def tolerance(self) -> float:
        """How far the standard deviation may be from the true one, relative to it."""
        if self.std == 0:
            return 0.0
        # The estimate of few entries with a low kurtosis would be too sure of itself.
        spread = max(self.kurtosis, 1.8) - 1
        return 0.003 + _ERRORS * math.sqrt(spread / (4 * self.values.size))

    @cached_property
    def distribution(self) -> str:
        """Kind of the distribution, ``"unknown"`` if there are too few entries."""
        size = self.values.size
        if self.std <= 1e-12 * abs(self.mean) or self.std == 0:
            return "constant"
        if size < 50:
            return "unknown"
        top = float(np.abs(self.values - self.mean).max()) / self.std
        if top < 1.8 * (1 + self.tolerance) and self.kurtosis < 2.1:
            return "uniform"
        if self.share_at_bounds:
            return "clipped normal"
        if top < 2.35 and size >= 2000:
            return "truncated normal"
        allowed = 0.15 + _ERRORS * math.sqrt(24 / size)
        return "normal" if abs(self.kurtosis - 3) <= allowed else "other"

    @cached_property
    def share_at_bounds(self) -> float:
        """Share of the entries that are exactly the largest or its opposite, 0 if it is no clip."""
        sizes = np.abs(self.values)
        is_bound = sizes == sizes.max()
        share, inner = float(is_bound.mean()), self.values[~is_bound]
        # Of a few numbers, as integers are, some are the largest anyway.
        is_any = len(np.unique(inner)) < 0.9 * len(inner)
        return 0.0 if share < _BOUND or is_bound.sum() < _SIGNS or is_any else share

    @cached_property
    def _cut(self) -> tuple[float, ...]:
        r"""What the standard deviation may be of that of the uncut distribution.

        .. math:: \operatorname{Var} \operatorname{clip}(z, -c, c) =
                  1 - p - 2 c \varphi(c) + c^2 p, \qquad p = 2 (1 - \Phi(c))
        """
        if self.distribution == "truncated normal":
            return 1.0, _CUT
        if self.distribution == "clipped normal":
            share, normal = self.share_at_bounds, NormalDist()
            bound = normal.inv_cdf(1 - share / 2)
            inner = 1 - share - 2 * bound * normal.pdf(bound)
            return 1.0, math.sqrt(inner + bound**2 * share)
        return (1.0,)

    @cached_property
    def centred(self) -> bool:
        """Whether the mean is zero as far as can be told."""
        return abs(self.mean) <= (0.02 + _ERRORS / math.sqrt(self.values.size)) * self.std

    @property
    def gain(self) -> float:
        """Standard deviation of a pre-activation, for independent inputs of mean 0, variance 1."""
        return math.hypot(self.std, self.mean) * math.sqrt(self.fan_in)

    @property
    def is_one_signed(self) -> bool:
        """Whether random entries all have one sign, which a few have by chance."""
        is_alike = bool((self.values >= 0).all() or (self.values <= 0).all())
        return is_alike and self.values.size >= _SIGNS and self.distribution != "constant"

    def has_std(self, std: float) -> bool:
        """Return whether the entries may have this standard deviation."""
        if not std:
            return not self.std
        return any(abs(self.std / (std * f) - 1) <= self.tolerance for f in self._cut)

    def follows(self, scheme: Scheme) -> bool:
        """Return whether the entries may be of a scheme; the kind of distribution is not asked."""
        fans = {self.fan_in, self.fan_in + self.extra}
        return self.centred and any(self.has_std(scheme.std(fan, self.fan_out)) for fan in fans)

    def comes_from(self, mistake: "Mistake") -> bool:
        """Return whether the entries may come from a mistake."""
        fans = {self.fan_in, self.fan_in + self.extra}
        return (
            self.centred
            and self.is_kind(mistake.distribution)
            and any(self.has_std(mistake.std(fan, self.fan_out)) for fan in fans)
        )

    def is_kind(self, distribution: str | None) -> bool:
        """Return whether the kind of distribution is one, as far as can be told."""
        own = self.distribution.removeprefix("truncated ").removeprefix("clipped ")
        return distribution is None or own in (distribution, "unknown")


@dataclass(frozen=True)
class Mistake:
    """A scale that comes out if a scheme is written wrongly.

    Attributes
    ----------
    cause : str
        Key of `parity_tests.kit.causes.CAUSES`.
    text : str
        What the standard deviation is then.
    std : callable
        ``std(fan_in, fan_out)``.
    distribution : {"normal", "uniform"} or None
        The kind with which the mistake is made; None if with either.
    """

    cause: str
    text: str
    std: Callable[[float, float], float]
    distribution: str | None = None


def inverted(meant: Scheme) -> Iterator[Mistake]:
    r"""Yield the mistakes of dividing by the scale, by a standard deviation or by a bound.

    .. math:: s' = 1 / s, \qquad b' = 1 / b, \quad s' = \frac{1}{3 s} \quad
              \text{with } s = b / \sqrt{3}
    """
    cause = "initialization-scale-inverted"
    for kind, text, share in (("normal", "", 1.0), ("uniform", "the bound of ", 3.0)):
        yield Mistake(
            cause,
            f"1 over {text}{meant.text}" + (" as a bound" if share > 1 else ""),
            lambda fan_in, fan_out, share=share: 1 / (share * meant.std(fan_in, fan_out)),
            kind,
        )


# The number over the fan in the variance of the families whose scale is a root of a fraction.
_OVER_FAN = {_he: 2.0, _xavier: 2.0, _xavier_relu: 4.0}


def multiplied(meant: Scheme) -> Mistake | None:
    r"""Return the mistake of a product under the root for a fraction: sqrt(2 n) for sqrt(2 / n).

    None for a scheme of which that is `inverted`, or that has no fraction of a fan.

    .. math:: \sqrt{c \, n} = c \Big/ \sqrt{c / n}
    """
    number = _OVER_FAN.get(meant.std)
    if number is None:
        return None
    fan = "fan_in" if meant.std is _he else "(fan_in + fan_out)"
    return Mistake(
        "initialization-fan-multiplied",
        f"sqrt({number:g} * {fan}), where {meant.text}, is a fraction",
        lambda fan_in, fan_out: number / meant.std(fan_in, fan_out),
    )


def root_of_number(meant: Scheme) -> Mistake | None:
    r"""Return the mistake of a root of the number alone: sqrt(2) / n for sqrt(2 / n), or None.

    .. math:: \sqrt{c} / n = (c / n) / \sqrt{c}
    """
    number = _OVER_FAN.get(meant.std)
    if number is None:
        return None
    fan = "fan_in" if meant.std is _he else "(fan_in + fan_out)"
    return Mistake(
        "initialization-root-of-number",
        f"sqrt({number:g}) / {fan}, the root of the number alone",
        lambda fan_in, fan_out: meant.std(fan_in, fan_out) ** 2 / math.sqrt(number),
    )


def root_missing(meant: Scheme) -> Mistake:
    """Return the mistake of a variance for the standard deviation: 2 / n for sqrt(2 / n)."""
    return Mistake(
        "initialization-root-missing",
        f"the square of {meant.text}",
        lambda fan_in, fan_out: meant.std(fan_in, fan_out) ** 2,
    )


def fan_missing(meant: Scheme) -> Mistake | None:
    """Return the mistake of a number that is not divided by the fan: sqrt(2) for sqrt(2 / n).

    None for a scheme of which that is a round number, which is meant.
    """
    if meant.std not in (_he, _xavier):
        return None
    return Mistake(
        "initialization-fan-missing", f"sqrt(2), where {meant.text}, is a fraction", _root_of_two
    )


def _root_of_two(_in: float, _out: float) -> float:
    return math.sqrt(2)


def growing(meant: Scheme) -> Iterator[Mistake]:
    """Yield the mistakes by which a scale goes up with the widths, which nobody means."""
    yield from inverted(meant)
    yield from filter(None, (multiplied(meant),))
    if meant.std in (_xavier, _xavier_relu):
        yield from _without_brackets(_OVER_FAN[meant.std])


def shrinking(meant: Scheme) -> Iterator[Mistake]:
    """Yield the mistakes by which a scale goes down with the widths and not with their root.

    1 / n may be meant, and 2 / n is He's without its root.
    """
    if meant.std in _OVER_FAN:
        yield root_missing(meant)
        yield from filter(None, (root_of_number(meant),))


# Numbers of which the variance is a multiple, in formulas without a name.
FANS: tuple[tuple[str, Callable[[float, float], float]], ...] = (
    ("fan_in", lambda fan_in, _: fan_in),
    ("(fan_in + fan_out)", lambda fan_in, fan_out: fan_in + fan_out),
    ("fan_out", lambda _, fan_out: fan_out),
)
# Their numerators, beside those that have a name.
_NUMERATORS = (0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 12.0)


def formulas(weights: Sequence[Drawn]) -> list[str]:
    """Return the formulas without a name that give all matrices their standard deviations."""
    return [
        f"sqrt({number:g} / {text})"
        for text, fan in FANS
        for number in _NUMERATORS
        if all(
            drawn.centred and drawn.has_std(math.sqrt(number / fan(drawn.fan_in, drawn.fan_out)))
            for drawn in weights
        )
    ]


def _without_brackets(number: float) -> Iterator[Mistake]:
    """Yield what sqrt(number / (fan_in + fan_out)) becomes without the brackets.

    Of a bound it is three times the number.
    """
    cause = "initialization-without-brackets"
    yield Mistake(
        cause,
        f"1 / sqrt(fan_in + fan_out / {number:g})",
        lambda fan_in, fan_out: 1 / math.sqrt(fan_in + fan_out / number),
    )
    for share, kind in ((1.0, "normal"), (3.0, "uniform")):
        yield Mistake(
            cause,
            f"sqrt({share * number:g} / fan_in + fan_out)" + (" as a bound" if share > 1 else ""),
            lambda fan_in, fan_out, share=share: math.sqrt(
                (share * number / fan_in + fan_out) / share
            ),
            kind,
        )


def mistakes(meant: Scheme, inputs: int) -> Iterator[Mistake]:
    """Yield what a scheme becomes by one mistake, the usual ones first.

    Parameters
    ----------
    meant : Scheme
        The scheme.
    inputs : int
        Of the network.
    """
    root = math.sqrt(3)
    std = meant.std
    yield from inverted(meant)
    yield from filter(None, (multiplied(meant), root_of_number(meant)))
    yield Mistake(
        "initialization-fans-swapped",
        "the same with fan_out for fan_in",
        lambda fan_in, fan_out: std(fan_out, fan_in),
    )
    yield root_missing(meant)
    # Some divide by the standard deviation that a truncated distribution has.
    for text, cut in (("", 1.0), ("1 / 0.88 of ", _CUT)):
        yield Mistake(
            "initialization-root-twice",
            f"the square root of {text}it",
            lambda fan_in, fan_out, cut=cut: math.sqrt(std(fan_in, fan_out) / cut),
        )
    yield Mistake(
        "initialization-bound-for-std",
        "the scale over sqrt(3), by a uniform distribution with the scale as its bound",
        lambda fan_in, fan_out: std(fan_in, fan_out) / root,
        "uniform",
    )
    yield Mistake(
        "initialization-bound-for-std",
        "the scale times sqrt(3), by a normal distribution with the bound as its scale",
        lambda fan_in, fan_out: std(fan_in, fan_out) * root,
        "normal",
    )
    if meant.std in (_xavier, _xavier_relu):
        yield from _without_brackets(_OVER_FAN[meant.std])
    for other in FAMILIES.values():
        yield Mistake("initialization-another-scheme", other.text, other.std)
    other = SCHEMES["pytorch"]
    yield Mistake("initialization-another-scheme", other.text, other.std, "uniform")
    for text, factor in (("half", 0.5), ("twice", 2.0)):
        yield Mistake(
            "initialization-factor-two",
            f"that of {text} the variance",
            lambda fan_in, fan_out, factor=factor: std(fan_in, fan_out) * math.sqrt(factor),
        )
    yield Mistake(
        "initialization-wrong-fan",
        f"the same with {inputs} for fan_in in every layer",
        lambda _, fan_out: std(inputs, fan_out),
    )
    yield Mistake(
        "initialization-wrong-fan",
        "the same with the number of weights for fan_in",
        lambda fan_in, fan_out: std(fan_in * fan_out, fan_out),
    )
