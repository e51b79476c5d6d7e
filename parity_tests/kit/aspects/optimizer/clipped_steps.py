"""First steps of gradients with an upper limit, beside those that are handed out."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.causes import CAUSES
from parity_tests.kit.fitting import fit
from parity_tests.kit.subject.subject import Layers, flat, tensors
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, Verdict

Array = NDArray[Any]
# How closely the norms of two steps are one limit.
_NEAR = 1e-5


def of_clipped(pairs: Sequence[tuple[Layers, Layers]], tolerance: float) -> Verdict | None:
    """Return that first steps are those of gradients with an upper limit to their norm.

    Parameters
    ----------
    pairs : sequence of (handed out, taken)
        One for each batch.
    tolerance : float
        Relative distance up to which one is a multiple of the other.
    """
    norms = []
    for handed, taken in pairs:
        wanted, came = flat(handed), flat(taken)
        if wanted.shape != came.shape:
            return None
        factor, residual = fit(came, wanted)
        if not residual <= tolerance or not 0 < factor <= 1 + 1e-9:
            return None
        norms.append((factor, float(np.linalg.norm(came))))
    limited = [norm for factor, norm in norms if factor < 1 - 1e-9]
    free = [norm for factor, norm in norms if factor >= 1 - 1e-9]
    if not limited or max(limited) - min(limited) > 1e-9 * limited[0]:
        return None
    limit = float(f"{limited[0]:.3g}")
    # Of a single one any norm may be the limit.
    if len(limited) == 1 and abs(limited[0] - limit) > 1e-9 * limit:
        return None
    if any(norm > limited[0] * (1 + 1e-9) for norm in free):
        return None
    return _limited_to(limit)


def _limited_to(limit: float) -> Verdict:
    message = (
        f"{CAUSES['step-clipped'].title}: the norm of all gradients together is at most {limit:g} "
        "in a step"
    )
    return Verdict("optimizer", CONVENTION, message, None, "step-clipped")


def of_clipped_rest(pairs: Sequence[tuple[Layers, Layers]], tolerance: float) -> Verdict | None:
    """Return the same of steps that leave some tensors as they are: these are in the norm as well.

    Parameters
    ----------
    pairs, tolerance
        As for `of_clipped`.
    """
    norms = []
    for handed, taken in pairs:
        every = [*zip(tensors(handed), tensors(taken), strict=True)]
        moved = [(wanted, came) for wanted, came in every if came.any()]
        if len(moved) in (0, len(every)) or any(one.shape != other.shape for one, other in moved):
            return None
        wanted, came = (
            np.concatenate([own.ravel() for own in side]) for side in zip(*moved, strict=True)
        )
        factor, residual = fit(came, wanted)
        if not residual <= tolerance or not 0 < factor < 1:
            return None
        norms.append(factor * float(np.linalg.norm(flat(handed))))
    # Some add a little to the norm that they divide by.
    is_one = len(norms) > 1 and np.ptp(norms) <= _NEAR * norms[0]
    return _limited_to(float(f"{norms[0]:.3g}")) if is_one else None


def of_clipped_parts(pairs: Sequence[tuple[Layers, Layers]], tolerance: float) -> Verdict | None:
    r"""Return that first steps are those of gradients with a limit to entries, or to each norm.

    .. math:: \Delta = -\eta \min(\max(g, -c), c), \qquad
              \Delta_k = -\eta \, g_k \min\Big(1, \frac{c}{\lVert g_k \rVert}\Big)

    Parameters
    ----------
    pairs, tolerance
        As for `of_clipped`.
    """
    every = [
        (wanted, came)
        for handed, taken in pairs
        for wanted, came in zip(tensors(handed), tensors(taken), strict=True)
    ]
    if not every or any(wanted.shape != came.shape for wanted, came in every):
        return None
    limits = {
        "no entry is": max(float(np.abs(came).max()) for _, came in every),
        "the norm of no tensor is": max(float(np.linalg.norm(came)) for _, came in every),
    }
    for what, limit in limits.items():
        expected = [
            np.clip(wanted, -limit, limit) if "entry" in what else _shortened(wanted, limit)
            for wanted, _ in every
        ]
        pairs_met = zip(expected, every, strict=True)
        are_met = all(
            np.linalg.norm(own - came) <= tolerance * np.linalg.norm(came) + 1e-12
            for own, (_, came) in pairs_met
        )
        if are_met and limit > 0:
            title = CAUSES["step-clipped"].title
            message = f"{title}: {what} larger than {limit:.3g} in a step"
            return Verdict("optimizer", CONVENTION, message, None, "step-clipped")
    return None


def _shortened(array: Array, limit: float) -> Array:
    """Return an array whose norm is at most so large."""
    norm = float(np.linalg.norm(array))
    return array if norm <= limit else array * (limit / norm)


def of_clipped_apart(of_gradient: list[Verdict]) -> Verdict | None:
    """Return that entries or norms have an upper limit, if that is all there is about steps."""
    clipped = next((own for own in of_gradient if own.cause == "step-clipped"), None)
    if clipped is None or any(verdict.status == DIFFERS for verdict in of_gradient):
        return None
    return replace(clipped, aspect="optimizer")
