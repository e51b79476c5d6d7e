"""Steps of plain descent, whatever the gradient is that they go by."""

import numpy as np

from numpy_impl import InputError
from parity_tests.kit.aspects.first_steps.entrywise import is_growing
from parity_tests.kit.aspects.first_steps.kept_steps import what_is_kept
from parity_tests.kit.aspects.observing import RATES, stepped
from parity_tests.kit.aspects.walks import right_gradient
from parity_tests.kit.inquiry import CLOSE, Inquiry
from parity_tests.kit.subject.subject import SubjectError, flat, tensors


def is_plain(inquiry: Inquiry, loss: str) -> bool:
    """Whether steps keep nothing, go with the learning rate, and are no function of each entry.

    Those of an adaptive optimizer keep something, and what is clipped or made even entry by entry
    is the longer the larger the gradient is, in all samples alike.

    Parameters
    ----------
    loss : str
        That whose gradient is expected, which has to be known.
    """
    if inquiry.subject.network.lr is not None:
        return False
    batch = inquiry.batches[0]
    ones = [batch.part(slice(n, n + 1)) for n in range(len(batch))]
    try:
        found = what_is_kept(inquiry)
        if found is None or found.kind != "nothing" or not found.moves:
            return False
        steps = [stepped(inquiry, one, RATES[0])[0] for one in ones]
        slower = flat(stepped(inquiry, ones[0], RATES[1])[0])
        gradients = [right_gradient(inquiry, loss, inquiry.layers, one) for one in ones]
    except (SubjectError, InputError):
        return False
    first = flat(steps[0])
    if not np.linalg.norm(first - slower) <= CLOSE * np.linalg.norm(first):
        return False
    of_tensors = (zip(*map(tensors, several), strict=True) for several in (gradients, steps))
    return not all(
        is_growing(*(np.concatenate([np.ravel(one) for one in own]) for own in pair))
        for pair in zip(*of_tensors, strict=True)
    )
