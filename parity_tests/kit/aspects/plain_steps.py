"""Steps of plain descent, whatever the gradient is that they go by."""

import numpy as np

from parity_tests.kit.aspects.entrywise import is_spread_alike
from parity_tests.kit.aspects.kept_steps import what_is_kept
from parity_tests.kit.aspects.observing import RATES, stepped
from parity_tests.kit.aspects.walks import ends
from parity_tests.kit.inquiry import CLOSE, Inquiry
from parity_tests.kit.subject import SubjectError, flat


def is_plain(inquiry: Inquiry) -> bool:
    """Whether steps keep nothing, go with the learning rate, and are not as long in all entries.

    Those of an adaptive optimizer keep something, and those by signs alone are as long everywhere.
    """
    if inquiry.subject.network.lr is not None:
        return False
    batch = inquiry.batches[0]
    if inquiry.subject.single or inquiry.is_one_by_one:
        batch, _ = ends(batch)
    try:
        found = what_is_kept(inquiry)
        one, other = (stepped(inquiry, batch, rate)[0] for rate in RATES)
    except SubjectError:
        return False
    if found is None or found.kind != "nothing" or not found.moves or is_spread_alike(one):
        return False
    size = float(np.linalg.norm(flat(one)))
    return bool(np.linalg.norm(flat(one) - flat(other)) <= CLOSE * size)
