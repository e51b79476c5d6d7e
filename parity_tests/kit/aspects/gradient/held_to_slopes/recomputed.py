"""Slopes of the loss reported beside a gradient that is recomputed, where none can be seen.

Adaptive steps tell by which gradient they are taken, and show little of it but signs.
"""

from dataclasses import replace

import numpy as np

from parity_tests.kit.aspects.gradient.held_to_slopes.decimals import decimals_of
from parity_tests.kit.aspects.gradient.held_to_slopes.met import Met, close_of, off_alone
from parity_tests.kit.aspects.gradient.held_to_slopes.slopes import noise_of, slopes
from parity_tests.kit.aspects.walks import right_gradient
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.subject.subject import SubjectError, by_name
from parity_tests.kit.verdicts import Verdict, named

# Entries whose slopes are taken; and what is left of the gradient, at least, where the loss is
# another one, and not the same with something beside its probabilities.
_ENTRIES, _FAR = 12, 0.1


def of_recomputed(inquiry: Inquiry, loss: str) -> list[Verdict]:
    """Return that a loss is reported whose slopes are not the gradient that steps go by, if so.

    Asked is the last bias, to which penalties on the weights add nothing.

    Parameters
    ----------
    inquiry : Inquiry
        Into a network with a loss of no known form.
    loss : str
        The loss by whose gradient its steps were recomputed.
    """
    subject, batch = inquiry.subject, inquiry.batches[0]
    reported, name = subject.loss_of_pass, f"b{len(inquiry.layers)}"
    if subject.network.loss is None and subject.loss_of_output is None:
        return []
    try:
        if inquiry.is_float32 or decimals_of(inquiry, reported) is not None:
            return []
        asked = (subject, inquiry.layers, batch, _ENTRIES, inquiry.rng, reported)
        positions, wanted = slopes(*asked).get(name, ((), ()))
        noise = noise_of(reported(batch))
    except SubjectError:
        return []
    finally:
        inquiry.restore()
    if not np.any(wanted):
        return []
    came = by_name(right_gradient(inquiry, loss, inquiry.layers, batch))[name].ravel()[positions]
    met = replace(Met.of({name: (came, np.asarray(wanted))}, {name: positions}), noise=noise)
    if met.residual < _FAR or not off_alone(met, close_of(inquiry)).get(name, False):
        return []
    seen = (
        f"steps go by that of the {loss.replace('_', ' ')}, and the loss reported is another "
        f"function, by its slopes ({name})"
    )
    return [named("gradient", "gradient-of-another-loss", seen, f"dL/dz{len(inquiry.layers)}")]
