"""What a gradient is held to, where the loss reported is one by a logarithm of another base."""

from collections.abc import Sequence
from dataclasses import replace
from math import copysign

from parity_tests.kit.scales import NEAR, Scale, ratio
from parity_tests.kit.verdicts import CONVENTION, Verdict

_OF_LOGARITHMS = frozenset({"cross_entropy", "binary_cross_entropy"})
_BASE = "loss-log-base"
_UNIT = Scale(1.0, 0)


def held_to(
    reported: tuple[str, Scale], own: float, samples: int, sizes: Sequence[int]
) -> tuple[str, Scale]:
    r"""Return the loss whose gradient is meant: by the natural logarithm, or by that of the base.

    .. math:: \frac{\partial}{\partial p} (-\log_b p) = -\frac{1}{p \ln b}

    The base of the logarithm is told of the loss. A gradient without it is that of the loss that is
    meant; one that has it is that of the loss as it is.

    Parameters
    ----------
    reported : tuple of (str, Scale)
        Name and scale of the loss.
    own : float
        The factor of the gradient, of the last matrix or of all tensors; 0 if it is not known.
    samples : int
        The size of the batch that has it.
    sizes : sequence of int
        Widths of all layers.
    """
    name, scale = reported
    natural = Scale(copysign(1.0, scale.constant), scale.power)
    between = ratio(scale, natural, sizes, NEAR)
    if name not in _OF_LOGARITHMS or between is None or between.causes != (_BASE,):
        return reported
    times = own / scale.at(samples)
    if times and any(_is_plain(times * n, sizes) for n in (1, samples, 1 / samples)):
        return reported
    return name, natural


def meant_by_gradient(
    verdicts: Sequence[Verdict], reported: tuple[str, Scale] | None, own: Scale | None
) -> list[Verdict]:
    """Take the base for a convention where the gradient is the derivative of that very loss.

    Parameters
    ----------
    verdicts : sequence of Verdict
        What was said so far.
    reported : tuple of (str, Scale) or None
        Name and scale of the loss.
    own : Scale or None
        That of the gradient; None if it is not known to be right.
    """
    if reported is None or own is None or not own.is_near(reported[1]):
        return list(verdicts)
    return [
        replace(
            verdict,
            status=CONVENTION,
            message=f"{verdict.account}; the gradient is the derivative of that",
        )
        if verdict.cause == _BASE
        else verdict
        for verdict in verdicts
    ]


def _is_plain(times: float, sizes: Sequence[int]) -> bool:
    """Whether a factor has a meaning without a logarithm."""
    between = ratio(Scale(times, 0), _UNIT, sizes, NEAR)
    return between is None or {_BASE, "factor-constant"}.isdisjoint(between.causes)
