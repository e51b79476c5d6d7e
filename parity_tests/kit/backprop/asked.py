"""A layer whose gradient is asked."""

from collections.abc import Sequence
from dataclasses import dataclass

from parity_tests.kit.candidates.candidate import Candidate
from parity_tests.kit.subject.subject import Layer


@dataclass(frozen=True)
class Asked:
    """What is known of a layer before its gradient is.

    Attributes
    ----------
    number : int
        Which one, from 0.
    observed : Layer
        The gradients.
    own : Layer
        The parameters.
    inputs : sequence of Candidate
        What may be taken for its input, the right one first.
    tolerance : float
        Relative distance up to which a recomputed tensor is taken for the observed one.
    right : Candidate, optional
        What the gradient of the pre-activation should be, if that may be zero and no candidate.
    loss : str, optional
        The loss that is meant.
    limit : float, optional
        What no entry of any gradient is larger than, where several are as large.
    """

    number: int
    observed: Layer
    own: Layer
    inputs: Sequence[Candidate]
    tolerance: float
    right: Candidate | None = None
    loss: str | None = None
    limit: float | None = None
