"""What dropout does to the units that it keeps in a training pass."""

import numpy as np

from parity_tests.kit.aspects.drawn import is_ever_another
from parity_tests.kit.aspects.observing import is_another, observe
from parity_tests.kit.functions import activation
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.subject.subject import Layer, SubjectError

# How often it is drawn, and how closely the factors of all units are one.
_DRAWS, _NEAR = 8, 1e-6


def drops(inquiry: Inquiry) -> bool:
    """Whether the gradient of the same batch is ever another one."""
    network = inquiry.subject.network
    if network.gradients is None and network.backward is None and network.step is None:
        return False
    try:
        first, _ = observe(inquiry, inquiry.batches[0])
        return is_ever_another(
            inquiry.subject,
            lambda: observe(inquiry, inquiry.batches[0])[0],
            lambda again: is_another(first, again),
        )
    except SubjectError:
        return False


def training_factor(inquiry: Inquiry, name: str) -> float | None:
    r"""Return what the last hidden layer's units that are kept are multiplied with in training.

    With the matrices before and behind that layer at zero its activations and the error are those
    of the biases, whatever is dropped, and the gradient of a single sample shows the mask m:

    .. math:: \frac{\partial L}{\partial W} = \delta \, (s \, m \odot f(b))^T, \qquad
              \frac{\partial L}{\partial b} = \delta

    Parameters
    ----------
    name : str
        The activation of that layer, without any factor.

    Returns
    -------
    float or None
        s; None if the units do not have one in common, or there are no biases.
    """
    *below, hidden, last = inquiry.layers
    if hidden.bias is None or last.bias is None or last.has_shared_bias:
        return None
    # Beyond zero every usual activation has a value.
    before = Layer(0.0 * hidden.weight, 0.5 + np.abs(hidden.bias))
    assert before.bias is not None
    value = activation(name).value(before.bias)
    seen = []
    with inquiry.elsewhere():
        try:
            inquiry.layers = [*below, before, Layer(0.0 * last.weight, last.bias)]
            for _ in range(_DRAWS):
                shown = observe(inquiry, inquiry.batches[0].part(slice(0, 1)))[0][-1]
                assert shown.bias is not None
                error = np.ravel(shown.bias)
                masked = error @ shown.weight / (error @ error)
                left = np.linalg.norm(shown.weight - np.outer(error, masked))
                if not left <= _NEAR * np.linalg.norm(shown.weight):
                    return None
                seen.append(masked / value)
        except SubjectError:
            return None
    factors = np.concatenate(seen)
    kept = factors[np.abs(factors) > _NEAR]
    if not len(kept) or np.ptp(kept) > _NEAR * np.abs(kept).max():
        return None
    return float(kept.mean())
