"""What an upstream gradient may be multiplied with in the place of a derivative."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.candidates.candidate import Candidate
from parity_tests.kit.functions import (
    ACTIVATIONS,
    USUAL,
    WRONG_ACTIVATIONS,
    Activation,
)

Array = NDArray[Any]


def multipliers(
    own: Activation | None,
    z: Array,
    a: Array,
    others: dict[str, Array],
    number: int | None = None,
) -> Iterator[Candidate]:
    """Yield what an upstream gradient may be multiplied with in the place of f'(z)."""
    mark = "" if number is None else str(number)
    ones = np.ones_like(z)
    missing = "activation-derivative-missing" if number is not None else "output-derivative-missing"
    on_activation = "derivative-on-activation"
    with np.errstate(all="ignore"):
        if own is not None:
            slope = own.slope(z)
            yield Candidate(ones, "1", (missing,))
            yield Candidate(own.slope(a), f"{own.name}'(a{mark})", (on_activation,))
            if own.slope_from_value is not None:
                yield Candidate(
                    own.slope_from_value(z),
                    f"{own.name}' as of an activation, of z{mark}",
                    ("derivative-on-preactivation",),
                )
                yield Candidate(
                    own.slope_from_value(own.value(a)),
                    f"{own.name}'({own.name}(a{mark}))",
                    (on_activation,),
                )
            yield Candidate(1 - slope, f"(1 - {own.name}'(z{mark}))", ("derivative-inverted",))
            if own.name in WRONG_ACTIVATIONS:
                # What belongs to the function that was meant.
                follows, name = WRONG_ACTIVATIONS[own.name]
                meant = ACTIVATIONS[name]
                yield Candidate(own.slope(z), f"{own.name}' of the entry alone", (follows,))
                yield Candidate(meant.slope(z), f"{name}'(z{mark})", (follows,))
                if meant.slope_from_value is not None:
                    text = f"{name}' from the activation a{mark}"
                    yield Candidate(meant.slope_from_value(a), text, (follows,))
            for text, value in others.items():
                yield Candidate(
                    own.slope(value), f"{own.name}'({text})", ("derivative-of-another-layer",)
                )
            # Before the others: without its number it is the derivative of a function with another.
            for text, miswritten in own.miswritten.items():
                formula = f"({own.name}'(z{mark}) as {text})"
                yield Candidate(miswritten(z), formula, ("derivative-formula",))
        yield Candidate(z, f"z{mark}", ("times-preactivation",))
        yield Candidate(a, f"a{mark}", ("times-activation",))
        for other in ACTIVATIONS.values():
            if other.name == "identity" or (own is not None and other.name == own.name):
                continue
            if other.name in WRONG_ACTIVATIONS:
                continue
            cause = ("derivative-of-another-function",)
            yield Candidate(other.slope(z), f"{other.name}'(z{mark})", cause)
            if other.slope_from_value is not None:
                yield Candidate(
                    other.slope_from_value(a), f"{other.name}' from the activation a{mark}", cause
                )
                yield Candidate(
                    other.slope_from_value(z),
                    f"{other.name}' as of an activation, of z{mark}",
                    cause,
                )
            yield Candidate(other.slope(a), f"{other.name}'(a{mark})", cause)
        if own is not None:
            for text, misread in own.misread.items():
                formula = f"({text.replace('a', f'a{mark}')})"
                yield Candidate(misread(a), formula, ("derivative-formula",))
            # After the others: the square of a leaky slope is another leaky slope.
            slope = own.slope(z)
            yield Candidate(slope**2, f"{own.name}'(z{mark})^2", ("derivative-twice",))
            cause = ("derivative-times-activation",)
            yield Candidate(a * slope, f"a{mark} {own.name}'(z{mark})", cause)


def multipliers_of_gradient(
    own: Activation, carried: Array, sizes: Iterable[float] = (1.0,)
) -> Iterator[Candidate]:
    """Yield derivatives that are evaluated on the gradient itself.

    Parameters
    ----------
    sizes : iterable of float
        What the network's own gradient may be over the one carried back.
    """
    cause = ("derivative-on-gradient",)
    with np.errstate(all="ignore"):
        for size in dict.fromkeys(sizes):
            came = size * carried
            yield Candidate(own.slope(came), f"{own.name}' of the gradient", cause)
            if own.slope_from_value is not None:
                text = f"{own.name}' of the gradient, as of a value"
                yield Candidate(own.slope_from_value(came), text, cause)


def exchanged(
    own: Activation, z: Array, a: Array, carried: Array, number: int
) -> Iterator[Candidate]:
    """Yield what comes if a derivative and what it is multiplied with get each other's arguments.

    ``f'(d) z`` in the place of ``f'(z) d``. It is no multiple of d: that has to be as it was.
    """
    cause = ("derivative-arguments-exchanged",)
    d = "the gradient"
    with np.errstate(all="ignore"):
        value = own.value(carried)
        rules = [
            (own.slope(carried), f"{own.name}' of {d}"),
            *(
                (rule(value), text.replace("a", f"{own.name}({d})"))
                for text, rule in own.misread.items()
            ),
        ]
        for other in (own, *(ACTIVATIONS[name] for name in USUAL)):
            if other.slope_from_value is not None:
                text = f"{other.name}' of {d}, as of a value"
                rules.append((other.slope_from_value(carried), text))
                text = f"{other.name}' of {own.name}({d})"
                rules.append((other.slope_from_value(value), text))
        for factor, text in rules:
            if not np.ptp(factor):
                continue  # of no gradient in particular
            for source, name in ((z, f"z{number}"), (a, f"a{number}")):
                yield Candidate(source * factor, f"{name} * {text}", cause, solved=True)
