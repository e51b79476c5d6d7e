"""Multiples of matrices that are added to the slopes of the loss."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from parity_tests.kit.aspects.gradient.held_to_slopes.met import (
    Loss,
    Met,
    close_of,
    entries_of,
    fits_of,
)
from parity_tests.kit.causes import CAUSES
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, Verdict, named

# Entries from which two numbers are fitted to them.
_ENOUGH = 6


def decays_of(inquiry: Inquiry, met: Met) -> dict[str, float]:
    """Return the multiple of itself that is added to the slope of each matrix that has one."""
    found, close, fits = {}, close_of(inquiry), fits_of(met)
    for name, (came, wanted) in met.pairs.items():
        is_met = name not in fits or fits[name][1] <= close
        if not name.startswith("W") or len(came) < _ENOUGH or is_met:
            continue
        basis = np.stack([wanted, entries_of(inquiry, met, name)], axis=1)
        (factor, share), *_ = np.linalg.lstsq(basis, came, rcond=None)
        left = np.linalg.norm(came - basis @ (factor, share))
        if not factor or left > close * np.linalg.norm(came):
            return {}
        found[name] = float(share)
    return found


def without(inquiry: Inquiry, met: Met, decays: dict[str, float]) -> Met:
    """Return the gradient without the multiples of matrices that are added to it."""
    rest = {
        name: (came - decays[name] * entries_of(inquiry, met, name), wanted)
        if name in decays
        else (came, wanted)
        for name, (came, wanted) in met.pairs.items()
    }
    found = Met.of(rest, met.positions)
    return replace(found, unsummed=met.unsummed, noise=met.noise)


def told_decays(inquiry: Inquiry, decays: dict[str, float], loss: Loss) -> Verdict:
    """Return what is said of multiples of matrices that the loss does not have slopes for."""
    told = " and ".join(f"{share:.4g} x {name}" for name, share in decays.items())
    what = f"the gradient has {told} added to the slope of the loss reported"
    if min(decays.values()) > 0 and not _is_penalized(inquiry, loss):
        message = (
            f"{what}: a penalty on their squares that the loss leaves out or has with another "
            "coefficient, unless it is meant otherwise"
        )
        return Verdict("gradient", CONVENTION, message, None, "weight-decay")
    first = next(iter(decays))
    if _is_turned(inquiry, decays, loss):
        seen = f"{what}, which is twice the penalty: one has it added, the other taken off"
        return named("gradient", "penalty-sign", seen, first)
    message = f"{what}. Look at {CAUSES['weight-decay'].advice}."
    return Verdict("gradient", DIFFERS, message, first, "weight-decay")


def _is_turned(inquiry: Inquiry, decays: dict[str, float], loss: Loss) -> bool:
    r"""Whether what is added is what a penalty in loss and gradient of two signs leaves.

    .. math:: g + \lambda W = (g - \lambda W) + 2 \lambda W
    """
    penalties = _penalties(inquiry, decays, loss)
    return bool(penalties) and all(
        any(
            own and abs(share + 2 * own) <= 10 * close_of(inquiry) * abs(2 * own)
            # Of the last matrix it is known from what the others have.
            for own in ([penalties[name]] if name in penalties else penalties.values())
        )
        for name, share in decays.items()
    )


def _penalties(inquiry: Inquiry, names: Iterable[str], loss: Loss) -> dict[str, float]:
    """Return what `_penalty` does, of all matrices but the last."""
    last = f"W{len(inquiry.layers)}"
    return {
        name: _penalty(inquiry, int(name[1:]) - 1, loss)
        for name in names
        if name.startswith("W") and name != last
    }


def _is_penalized(inquiry: Inquiry, loss: Loss) -> bool:
    """Whether the loss depends on the first matrix where the output does not."""
    return _penalty(inquiry, 0, loss) != 0


def _penalty(inquiry: Inquiry, number: int, loss: Loss) -> float:
    r"""Return how many times itself a penalty on the squares of a matrix adds to its slope.

    .. math:: \ell(2 W) - \ell(W) = \frac{3 \lambda}{2} \|W\|^2

    where the output does not depend on W, as the last matrix is zero. Of that one it is not known,
    and zero is returned.
    """
    depth = len(inquiry.layers)
    if number == depth - 1 or not inquiry.subject.is_chain:
        return 0.0
    values = []
    for stretch in (1.0, 2.0):
        layers = list(inquiry.layers)
        layers[-1] = replace(layers[-1], weight=0.0 * layers[-1].weight)
        layers[number] = replace(layers[number], weight=stretch * layers[number].weight)
        inquiry.subject.set(layers)
        values.append(loss(inquiry.batches[0]))
    inquiry.restore()
    squares = float((inquiry.layers[number].weight ** 2).sum())
    return (values[1] - values[0]) * 2 / (3 * squares)


def is_of_penalty(
    inquiry: Inquiry,
    fits: dict[str, tuple[float, float]],
    decays: dict[str, float],
    loss: Loss,
) -> bool:
    r"""Whether what is added is what a right penalty leaves beside a factor of the rest.

    .. math:: c \, g + \lambda W = c \, (g + \lambda W) + (1 - c) \, \lambda W
    """
    close, penalties = 10 * close_of(inquiry), _penalties(inquiry, fits, loss)
    if not any(penalties.values()):
        return False
    for name in fits:
        if not name.startswith("W"):
            continue
        added, share = 1 - fits[name][0], decays.get(name, 0.0)
        # Of the last matrix it is known from what the others have.
        expected = [penalties[name]] if name in penalties else [0.0, *penalties.values()]
        if not any(abs(share - added * own) <= close * abs(own) for own in expected):
            return False
    return True
