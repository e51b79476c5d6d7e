r"""Steps of some parameters that have all those before them once more, where others keep nothing.

So it is where some gradients are added to what is kept of them, and never set to zero. A new
network has none of that; by its steps :math:`\Delta_t'` from the same places, whatever the gradient
is,

.. math:: \Delta_t - \Delta_t' = \Delta_{t-1}

which shows in a single number, too.
"""

import numpy as np

from parity_tests.kit.aspects.observing import RATES, precision_of
from parity_tests.kit.aspects.walks import kept_walk, step_of, taken_anew
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.subject.subject import SubjectError, by_name
from parity_tests.kit.verdicts import Verdict, named


def of_accumulated_apart(inquiry: Inquiry) -> list[Verdict]:
    """Return that some parameters are stepped by sums of gradients; empty unless others are not."""
    rate = inquiry.subject.network.lr or RATES[0]
    try:
        walk = kept_walk(inquiry, rate)
        anew = taken_anew(inquiry, walk, rate, inquiry.tolerance)
    except SubjectError:
        return []
    if anew is None:
        return []
    steps, alone = [step_of(walk, n) for n in range(3)], [step_of(own, 0) for own in anew]
    precision, values = precision_of(inquiry), by_name(inquiry.layers)
    names, others = [], []
    for name, first in steps[0].items():
        size = float(np.linalg.norm(first))
        close = 10 * (inquiry.tolerance * size + precision * float(np.linalg.norm(values[name])))
        # How far what a step has beyond that of a new network is from a multiple of the one before.
        off = [
            max(
                float(np.linalg.norm(steps[n + 1][name] - alone[n][name] - times * steps[n][name]))
                for n in range(2)
            )
            for times in (0, 1)
        ]
        if off[0] <= close:
            others.append(name)
        elif off[1] <= close:
            names.append(name)
        else:
            return []
    if not (names and others):
        return []
    seen = (
        f"each step of {', '.join(names)} has all those before it once more, and that of "
        f"{', '.join(others)} has none"
    )
    return [named("optimizer", "step-of-accumulated", seen, names[0])]
