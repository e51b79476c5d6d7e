"""Large outputs of a network whose forward pass is not known, where these are shares of one.

Its logits cannot be set. But shares of one, as those of softmax, are finite whatever they are of,
and a last layer that is so many times as large makes logits large, whatever is done with them.
"""

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.aspects.stability.overflowing import raised
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.subject.subject import SubjectError
from parity_tests.kit.verdicts import DIFFERS, UNCHECKED, Verdict

_UNKNOWN = "the forward pass is not known"
# How many times as large the last layer is: logits of about 1 are 1000 and more, and with a
# temperature of up to 10 the exponential is of as much.
_LARGER = (1e3, 1e4)


def of_unknown_form(inquiry: Inquiry) -> list[Verdict]:
    """Return whether outputs that add up to one are finite for large logits; no more is asked."""
    subject, inputs = inquiry.subject, inquiry.batches[0].inputs
    usual = inquiry.layers
    matrices = [n for n, layer in enumerate(usual) if layer.weight.ndim == 2]
    try:
        subject.begin(usual)
        if not matrices or not _are_shares(subject.forward(inputs)):
            return [Verdict("stability", UNCHECKED, _UNKNOWN)]
        # Of a network that is no chain, vectors behind the last matrix belong to its layer.
        last = matrices[-1]
        for size in _LARGER:
            subject.begin([*usual[:last], *(layer.times(size) for layer in usual[last:])])
            wrong = _wrong(inquiry)
            if wrong:
                return [_told(f"with the last layer {size:g} x as large, {wrong}")]
    except SubjectError as error:
        return [Verdict("stability", UNCHECKED, f"{_UNKNOWN}; {error}")]
    finally:
        subject.begin(usual)
    message = f"{_UNKNOWN}; outputs are finite with the last layer {_LARGER[-1]:g} x as large"
    return [Verdict("stability", UNCHECKED, message)]


def _are_shares(outputs: NDArray[np.float64]) -> bool:
    """Whether those of every sample are no less than zero and add up to one."""
    is_one = np.allclose(outputs.sum(axis=1), 1.0, rtol=0, atol=1e-6)
    return outputs.shape[1] > 1 and bool((outputs >= 0).all()) and is_one


def _wrong(inquiry: Inquiry) -> str:
    """Return what is wrong with the outputs, in words; empty if they are finite."""
    try:
        outputs = inquiry.subject.forward(inquiry.batches[0].inputs)
    except SubjectError as error:
        if not raised(error):
            raise
        return raised(error)
    share = 1 - np.isfinite(outputs).mean()
    return f"{share:.0%} of the outputs are not finite" if share else ""


def _told(seen: str) -> Verdict:
    message = (
        f"{seen}, and ordinary ones add up to one for each sample, as those of "
        "softmax, which are finite for all logits. The cause is unknown. Look at what the "
        "exponential is taken of: subtract the maximum of each sample first."
    )
    return Verdict("stability", DIFFERS, message, "output")
