"""Constant factors, and where they come from.

A gradient or a loss is compared with that of the loss summed over samples and outputs. With two
batch sizes N the observed factor is k N^-p, and power and constant tell what it is made of: a mean
has p = 1, a mean over all entries k = 1 / outputs too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations

import numpy as np


@dataclass(frozen=True)
class Scale:
    """k N^-power."""

    constant: float
    power: int

    def at(self, samples: int) -> float:
        """Return the factor for a batch."""
        return self.constant * float(samples) ** -self.power

    def is_near(self, other: "Scale") -> bool:
        """Whether it is another one but for rounding."""
        is_close = abs(self.constant / other.constant - 1) <= NEAR
        return self.power == other.power and is_close


# That of a mean over the samples, which a loss usually is.
MEAN = Scale(1.0, 1)
# How closely two factors are one: but for rounding, and where something small may be left out.
NEAR, ROUGH = 1e-6, 1e-3
_POWERS = (1, 0, 2, -1)
# Those of a gradient that is divided, or multiplied, by the samples in every layer.
IN_LAYERS = (*_POWERS, 3, -2, 4, -3, 5, -4, 6, -5)


def scale_of(
    factors: Sequence[float],
    samples: Sequence[int],
    tolerance: float,
    expected: Scale | None = None,
    powers: Sequence[int] = _POWERS,
) -> Scale | None:
    """Return the scale that explains the factors of two batches, or None.

    Parameters
    ----------
    factors : sequence of two floats
        Observed.
    samples : sequence of two ints
        The batches.
    tolerance : float
        Relative.
    expected : Scale, optional
        Whose power is taken where the batches are of one size, which does not tell it, unless
        the size itself is the factor. Without, that with the constant nearest to 1.
    powers : sequence of int, optional
        Those that are tried, the likeliest first.
    """
    (first, second), (n, m) = factors, samples
    if not np.isfinite(factors).all() or first == 0 or second == 0:
        return None
    if n == m:
        powers = sorted((1, 0), key=lambda power: abs(np.log(abs(first) * float(n) ** power)))
        if expected is not None:
            whole = abs(first / expected.at(n))
            off = next((k for k in (1, -1) if abs(whole * float(n) ** k - 1) <= 10 * tolerance), 0)
            powers = (expected.power + off,)
    for power in powers:
        if abs(first * float(n) ** power - second * float(m) ** power) <= tolerance * abs(
            first * float(n) ** power
        ):
            return Scale(first * float(n) ** power, power)
    return None


# Numbers from which on no fraction is told.
_LARGE = 1e6
# A batch size that is written into the code is at least this.
_SMALLEST_NOMINAL = 8
_OF_HIDDEN = "width of a hidden layer"


@dataclass(frozen=True)
class Ratio:
    """What is observed over what is expected.

    Attributes
    ----------
    causes : tuple of str
        Where it comes from.
    text : str
        As a product.
    """

    causes: tuple[str, ...]
    text: str


def ratio(observed: Scale, expected: Scale, sizes: Sequence[int], tolerance: float) -> Ratio | None:
    """Return where the ratio of two scales comes from; None if they are the same.

    Parameters
    ----------
    sizes : sequence of int
        Widths of all layers.
    """
    power = expected.power - observed.power
    constant = observed.constant / expected.constant
    causes: list[str] = []
    parts: list[str] = []
    if constant < 0:
        causes.append("sign")
        parts.append("-1")
        constant = -constant
    named = _constant(constant, sizes, tolerance)
    if power:
        whole = _whole(1 / constant, tolerance)
        unnamed = named is not None and named[0][0] == "factor-constant"
        # One more than a width: columns with a column of ones.
        is_size = whole is not None and whole >= _SMALLEST_NOMINAL and whole - 1 not in sizes
        widths = _of_widths(whole, sizes) if whole is not None else None
        # What is a width itself may be one whichever number it is.
        is_either = widths is not None and (whole in sizes[1:-1] or not _is_usual(whole))
        if power == 1 and unnamed and is_size and is_either:
            causes += ["factor-batch", "factor-constant"]
            parts.append(f"batch size / {whole} ({widths}, or a batch size that is written down)")
            named = None
        elif power == 1 and unnamed and is_size:
            causes.append("factor-nominal-batch")
            parts.append(f"batch size / {whole}")
            named = None
        else:
            causes.append("factor-batch")
            text = f"batch size^{power}" if power > 0 else f"1 / batch size^{-power}"
            parts.append({1: "batch size", -1: "1 / batch size"}.get(power, text))
    if named is not None:
        causes += [cause for cause, _ in named]
        parts += [text for _, text in named]
    if not causes:
        return None
    return Ratio(tuple(causes), " x ".join(parts))


def _whole(value: float, tolerance: float) -> int | None:
    nearest = round(value)
    return nearest if nearest > 0 and abs(value - nearest) <= 10 * tolerance * nearest else None


def _is_usual(number: int | None) -> bool:
    """Whether a number is one that batches usually have: 16, 32, 64 and so on, 50, 100."""
    return number is not None and (number & (number - 1) == 0 or number % 50 == 0)


def _of_widths(number: int, sizes: Sequence[int]) -> str | None:
    """Return a number as a hidden width, or as twice a width, half of one or a product of two."""
    if number in sizes[1:-1]:
        return _OF_HIDDEN
    names = ("inputs", *(_OF_HIDDEN for _ in sizes[1:-1]), "outputs")
    several = [(size, f"{size} ({name})") for size, name in zip(sizes, names, strict=True)]
    several += [(2, "2")]
    for (one, first), (other, second) in combinations(several, 2):
        if one * other == number:
            return f"{second} x {first}" if other == 2 else f"{first} x {second}"
    return next((f"{text} / 2" for size, text in several if size == 2 * number), None)


def _constant(value: float, sizes: Sequence[int], tolerance: float) -> list[tuple[str, str]] | None:
    """Return the parts of a constant, None for 1."""
    if abs(value - 1) <= 10 * tolerance:
        return None
    outputs, features = sizes[-1], sizes[0]
    named: list[tuple[float, list[tuple[str, str]]]] = []
    twos = [(2.0, "2"), (0.5, "1/2")]
    classes = [(float(outputs), str(outputs)), (1.0 / outputs, f"1/{outputs}")]
    if outputs > 2:
        named += [(v, [("factor-classes", f"{t} (outputs)")]) for v, t in classes]
    named += [(v, [("factor-two", t)]) for v, t in twos]
    if outputs > 2:
        named += [
            (v * w, [("factor-classes", f"{t} (outputs)"), ("factor-two", u)])
            for v, t in classes
            for w, u in twos
        ]
    named += [
        (v, [("factor-features", f"{t} (inputs)")])
        for v, t in ((float(features), str(features)), (1.0 / features, f"1/{features}"))
    ]
    named += [
        (v, [("factor-constant", f"{t} ({_OF_HIDDEN})")])
        for size in sizes[1:-1]
        for v, t in ((float(size), str(size)), (1.0 / size, f"1/{size}"))
    ]
    for number, parts in named:
        if abs(value - number) <= 10 * tolerance * number:
            return parts
    logs = {"log2": np.log(2), "log10": np.log(10)}
    for text, base in logs.items():
        for number, what in (
            (1 / base, f"1 / ln of the base of {text}"),
            (base, f"ln of its base, {text}"),
        ):
            if abs(value - number) <= 10 * tolerance * number:
                return [("loss-log-base", what)]
    fraction = Fraction(value).limit_denominator(64)
    # Of larger numbers, the nearest fraction is rounding.
    exact = abs(float(fraction) - value) <= 10 * tolerance * value and value < _LARGE
    return [("factor-constant", str(fraction) if exact else f"{value:.6g}")]
