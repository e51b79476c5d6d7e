"""Parameters that shrink where gradients are computed: ``self.W *= 0.999`` in a backward pass."""

import numpy as np

from parity_tests.kit.fitting import fit
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.subject.subject import SubjectError, by_name

# How far what is a multiple of a parameter is from being one.
_ROUNDING = 1e-9


def lost_in_gradients(inquiry: Inquiry) -> str:
    """Return which shares of parameters a gradient takes away; empty if it takes anything else."""
    subject, batch = inquiry.subject.another(inquiry.subject.network), inquiry.batches[0]
    subject.set(inquiry.layers)
    try:
        subject.gradients(batch.part(slice(0, 1)) if subject.single else batch)
        after = by_name(subject.get())
    except SubjectError:
        return ""
    told = []
    for name, before in by_name(inquiry.layers).items():
        if np.array_equal(after[name], before):
            continue
        factor, residual = fit(after[name], before)
        if residual > _ROUNDING or after[name].size == 1:
            return ""
        told.append(f"{1 - factor:.6g} x {name}")
    return ", ".join(told)
