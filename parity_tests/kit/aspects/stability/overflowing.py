r"""Formulas that overflow where the function itself is finite, and arithmetic that raises.

NumPy gives infinity or NaN where :math:`e^z` is too large, and Python's ``math.exp`` raises. A
formula is therefore evaluated in two ways: as NumPy does it, and with every overflow, division by
zero and invalid operation raising an exception.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.functions import output as output_of
from parity_tests.kit.functions import softmax
from parity_tests.kit.subject.subject import SubjectError

Array = NDArray[Any]
Function = Callable[[Array], Array]


def _message_of_log() -> str:
    """Return what Python says of the logarithm of 0, which is a ValueError."""
    try:
        math.log(0.0)
    except ValueError as error:
        return str(error)
    return ""


_LOG_OF_ZERO = _message_of_log()


def raised(error: SubjectError) -> str:
    """Return the arithmetic exception behind an error, in words; empty if it is another one.

    Parameters
    ----------
    error : SubjectError
        Raised from what a network's own code has raised.
    """
    cause = error.__cause__
    of_logarithm = type(cause) is ValueError and str(cause) == _LOG_OF_ZERO
    if not (isinstance(cause, ArithmeticError) or of_logarithm):
        return ""
    return f"it raises {type(cause).__name__}: {cause}"


@dataclass(frozen=True)
class Naive:
    """A formula that overflows.

    Attributes
    ----------
    cause : str
        Key of `CAUSES`.
    text : str
        The formula.
    value : callable
        The function, from pre-activations.
    """

    cause: str
    text: str
    value: Function


def _ratio_of_powers(u: Array, v: Array) -> Array:
    shares: Array = (np.exp(u) - np.exp(v)) / (np.exp(u) + np.exp(v))
    return shares


_ELEMENTWISE: dict[str, tuple[Naive, ...]] = {
    "sigmoid": (
        Naive("sigmoid-overflow", "exp(z) / (1 + exp(z))", lambda z: np.exp(z) / (1 + np.exp(z))),
    ),
    "tanh": tuple(
        Naive("tanh-overflow", text, value)
        for text, value in (
            ("(exp(z) - exp(-z)) / (exp(z) + exp(-z))", lambda z: _ratio_of_powers(z, -z)),
            ("(exp(2 z) - 1) / (exp(2 z) + 1)", lambda z: _ratio_of_powers(2 * z, 0 * z)),
            ("(1 - exp(-2 z)) / (1 + exp(-2 z))", lambda z: _ratio_of_powers(0 * z, -2 * z)),
        )
    ),
    "softplus": (
        Naive("exponential-overflow", "log(1 + exp(z))", lambda z: np.log(1 + np.exp(z))),
    ),
    "silu": (
        Naive(
            "exponential-overflow",
            "z exp(z) / (1 + exp(z))",
            lambda z: z * np.exp(z) / (1 + np.exp(z)),
        ),
    ),
    "mish": (
        Naive(
            "exponential-overflow",
            "z tanh(log(1 + exp(z))), of exponentials",
            lambda z: z * ((1 + np.exp(z)) ** 2 - 1) / ((1 + np.exp(z)) ** 2 + 1),
        ),
    ),
}
_SLOPES: dict[str, tuple[Naive, ...]] = {
    "sigmoid": tuple(
        Naive("derivative-overflow", text, value)
        for text, value in (
            ("exp(z) / (1 + exp(z))^2", lambda z: np.exp(z) / (1 + np.exp(z)) ** 2),
            ("exp(-z) / (1 + exp(-z))^2", lambda z: np.exp(-z) / (1 + np.exp(-z)) ** 2),
        )
    ),
    "tanh": tuple(
        Naive("derivative-overflow", text, value)
        for text, value in (
            (
                "1 - ((exp(z) - exp(-z)) / (exp(z) + exp(-z)))^2",
                lambda z: 1 - _ratio_of_powers(z, -z) ** 2,
            ),
            (
                "4 exp(2 z) / (exp(2 z) + 1)^2",
                lambda z: 4 * np.exp(2 * z) / (np.exp(2 * z) + 1) ** 2,
            ),
        )
    ),
    "softplus": (
        Naive(
            "derivative-overflow", "exp(z) / (1 + exp(z))", lambda z: np.exp(z) / (1 + np.exp(z))
        ),
    ),
}
# Those that are finite where infinity is a number.
_FINITE: dict[str, tuple[str, Function]] = {
    "sigmoid": ("1 / (1 + exp(-z))", lambda z: 1 / (1 + np.exp(-z))),
    "tanh": ("2 / (1 + exp(-2 z)) - 1", lambda z: 2 / (1 + np.exp(-2 * z)) - 1),
    "silu": ("z / (1 + exp(-z))", lambda z: z / (1 + np.exp(-z))),
}
_AXES: dict[str, int | None] = {"softmax over the samples": 0, "softmax over the whole batch": None}


def formulas(name: str) -> tuple[Naive, ...]:
    """Return the formulas of a function, by its name in a `Form`, that overflow."""
    if name in _ELEMENTWISE:
        return _ELEMENTWISE[name]
    if name == "log_softmax":
        of_softmax = (*formulas("softmax"), Naive("log-of-zero", "softmax", softmax))
        return tuple(
            Naive(n.cause, f"log of {n.text}", lambda z, n=n: np.log(n.value(z)))
            for n in of_softmax
        )
    if name in ("softmax", *_AXES):
        return _naive_softmax("z", lambda z: z, _AXES.get(name, 1))
    if name == "softmax of negated logits":
        return _naive_softmax("-z", np.negative, 1)
    inner = name.removeprefix("softmax of ")
    if inner == name:
        return ()
    within = tuple(
        Naive(n.cause, f"softmax of {n.text}", lambda z, n=n: softmax(n.value(z)))
        for n in formulas(inner)
    )
    return (*_naive_softmax(f"{inner}(z)", output_of(inner).value, 1), *within)


def slopes(name: str) -> tuple[Naive, ...]:
    """Return the derivatives of a function, by its name, that overflow."""
    return _SLOPES.get(name, ())


def _naive_softmax(text: str, inner: Function, axis: int | None) -> tuple[Naive, ...]:
    """Return softmax of something along an axis with no shift, and with one for all samples."""

    def shares(z: Array, shifted: bool = False, eps: float = 0.0) -> Array:
        u = inner(z)
        exponentials = np.exp(u - u.max() if shifted else u)
        fractions: Array = exponentials / (exponentials.sum(axis=axis, keepdims=True) + eps)
        return fractions

    top = f"exp({text}) / "
    plain = Naive("softmax-no-shift", f"{top}sum(exp({text}))", shares)
    if axis is None:
        return (plain,)
    one = f"exp({text} - its maximum in the batch) / "
    return (
        plain,
        Naive("softmax-no-shift", f"{top}(sum + eps)", lambda z: shares(z, False, 1e-9)),
        Naive("softmax-global-shift", f"{one}sum", lambda z: shares(z, True)),
        Naive("softmax-global-shift", f"{one}(sum + eps)", lambda z: shares(z, True, 1e-9)),
    )


# With a temperature it overflows later: here from 1420 on.
OF_HALVES = _naive_softmax("z / 2", lambda z: z / 2, 1)[0]


def raising(name: str) -> tuple[Naive, ...]:
    """Return the formulas of a function that raise an exception for large arguments.

    Their `value` raises FloatingPointError there.
    """
    finite: tuple[Naive, ...] = ()
    if name in _FINITE:
        text, value = _FINITE[name]
        finite = (Naive("exponential-overflow", text, value),)
    return tuple(replace(n, value=_strict(n.value)) for n in (*formulas(name), *finite))


def _strict(value: Function) -> Function:
    def call(z: Array) -> Array:
        with np.errstate(over="raise", divide="raise", invalid="raise"):
            return value(z)

    return call
