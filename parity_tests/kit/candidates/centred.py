r"""Errors of the outputs from which their mean over the batch is taken away.

.. math:: \delta_n - \frac{1}{N} \sum_m \delta_m

Their sum over the samples is zero, and so is the gradient of the bias. That of the matrix is the
same as with inputs of which the mean is taken away: the bias tells which of both it is.
"""

from collections.abc import Collection, Iterable, Iterator

from parity_tests.kit.candidates.candidate import Candidate


def centred(rights: Iterable[Candidate], losses: Collection[str | None]) -> Iterator[Candidate]:
    """Yield right gradients of the last pre-activation less their mean over the samples.

    Parameters
    ----------
    rights : iterable of Candidate
        Their values are of shape (samples, outputs).
    losses : collection of str
        Those whose gradients are tried.
    """
    for right in rights:
        if right.guard is None and right.loss in losses:
            value = right.value - right.value.mean(axis=0)
            text = f"{right.text} less its mean over the samples"
            yield Candidate(value, text, ("error-centred",), right.loss)
