"""First steps of gradients with an upper limit, beside those that are handed out."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from parity_tests.kit.causes import CAUSES
from parity_tests.kit.fitting import fit
from parity_tests.kit.subject.subject import Layers, flat
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, Verdict


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
    message = (
        f"{CAUSES['step-clipped'].title}: the norm of all gradients together is at most {limit:g} "
        "in a step"
    )
    return Verdict("optimizer", CONVENTION, message, None, "step-clipped")


def of_clipped_apart(of_gradient: list[Verdict]) -> Verdict | None:
    """Return that entries or norms have an upper limit, if that is all there is about steps."""
    clipped = next((own for own in of_gradient if own.cause == "step-clipped"), None)
    if clipped is None or any(verdict.status == DIFFERS for verdict in of_gradient):
        return None
    return replace(clipped, aspect="optimizer")
