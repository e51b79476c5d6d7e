"""What is said of a gradient by the slopes that were taken at one place."""

from dataclasses import replace

from parity_tests.kit.aspects.gradient.held_to_slopes.factors import by_tensor, constant
from parity_tests.kit.aspects.gradient.held_to_slopes.met import (
    Loss,
    Met,
    close_alone_of,
    close_of,
    fits_of,
    is_any_off,
    off_alone,
)
from parity_tests.kit.aspects.gradient.held_to_slopes.penalties import (
    decays_of,
    is_of_penalty,
    told_decays,
    without,
)
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.verdicts import EQUAL, Verdict


def plainly(inquiry: Inquiry, met: Met, loss: Loss, how: str) -> list[Verdict]:
    """Judge a gradient by the slopes that were taken, and by nothing else.

    Parameters
    ----------
    how : str
        What a message is told of where, and with what, the slopes were taken.
    """
    beside: list[Verdict] = []
    told = ""
    apart = _apart(inquiry, met)
    decays = {} if apart is None else decays_of(inquiry, met)
    if decays:
        met = without(inquiry, met, decays)
        apart = _apart(inquiry, met)
        if is_of_penalty(inquiry, fits_of(met), decays, loss):
            told = " The penalty is as it should be: the factor is that of the rest."
        else:
            beside = [told_decays(inquiry, decays, loss)]
    if apart is not None:
        found = by_tensor(inquiry, met, loss, how, apart) or [_equal(met.residual, how)]
    elif abs(met.factor - 1) <= close_of(inquiry):
        return beside or [_equal(met.residual, how)]
    else:
        found = constant(inquiry, met, loss)
    return [replace(verdict, message=f"{verdict.message}{told}") for verdict in found] + beside


def _apart(inquiry: Inquiry, met: Met) -> float | None:
    """Return how closely tensors have to be met, each by itself; None if one factor fits all."""
    close, alone = close_of(inquiry), close_alone_of(inquiry)
    if met.residual > close:
        return close
    if any(off_alone(met, alone).values()):
        return alone
    return close if is_any_off(met, close) else None


def _equal(residual: float, how: str) -> Verdict:
    message = f"some entries of all tensors are slopes of the loss reported ({residual:.1g}){how}"
    return Verdict("gradient", EQUAL, message, residual=residual)
