"""What dropout does to the units that it keeps in a training pass."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.aspects.drawn import drawing_apart, is_ever_another
from parity_tests.kit.aspects.observing import is_another, observe
from parity_tests.kit.functions import activation
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.subject.subject import Layer, Layers, SubjectError

# How closely the factors of all units are one.
_NEAR = 1e-6


@dataclass(frozen=True)
class Kept:
    """What is kept of the inputs or of a hidden layer.

    Attributes
    ----------
    factor : float
        What inputs or units that are kept are multiplied with.
    shares : ndarray
        Of each draw, how many of them are kept, between 0 and 1.
    units : int
        How many there are.
    """

    factor: float
    shares: NDArray[np.float64]
    units: int

    @property
    def share(self) -> float:
        """How many are kept on average."""
        return float(self.shares.mean())

    @property
    def margin(self) -> float:
        """How far from that the share of all draws may be.

        Where each draw keeps as many, that is a whole number of units.
        """
        spread = float(self.shares.std() / np.sqrt(len(self.shares)))
        return 6 * spread if spread > _NEAR else 1 / self.units


def in_training(inquiry: Inquiry) -> Inquiry:
    """Return an inquiry into the training pass; the same where none is declared."""
    subject = inquiry.subject
    if not subject.network.training:
        return inquiry
    return inquiry.into(subject.another(subject.network.in_training()))


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


def kept_of(inquiry: Inquiry, number: int, name: str, draws: int, samples: int = 1) -> Kept | None:
    r"""Return what units of a hidden layer that are kept are multiplied with in training.

    With the matrices before and behind that layer at zero its activations and the error are those
    of the biases, whatever is dropped, and the gradient of a single sample shows the mask m:

    .. math:: \frac{\partial L}{\partial W} = \delta \, (s \, m \odot f(b))^T, \qquad
              \frac{\partial L}{\partial b} = \delta

    Parameters
    ----------
    number : int
        Which layer, from 0.
    name : str
        The activation of that layer, without any factor.
    draws : int
        How often it is asked.
    samples : int, default 1
        Of how many samples. The gradient of several shows a mask that they have in common.

    Returns
    -------
    Kept or None
        None if the units do not have s in common, or there are no biases.
    """
    layers = list(inquiry.layers)
    hidden, behind = layers[number : number + 2]
    if hidden.bias is None or behind.bias is None or behind.has_shared_bias:
        return None
    # Beyond zero every usual activation has a value, and a slope.
    bias = 0.5 + np.abs(hidden.bias)
    layers[number] = Layer(0.0 * hidden.weight, bias)
    is_last = number + 2 == len(layers)
    layers[number + 1] = Layer(
        0.0 * behind.weight, behind.bias if is_last else 0.5 + np.abs(behind.bias)
    )
    value = np.ravel(activation(name).value(bias))
    return _kept(inquiry, layers, number + 1, value, draws, samples)


def kept_of_inputs(inquiry: Inquiry, draws: int) -> Kept | None:
    r"""Return what inputs that are kept are multiplied with in training.

    With the first matrix at zero the error of its layer is that of the biases, whatever is dropped,
    and the gradient of a single sample shows the mask m:

    .. math:: \frac{\partial L}{\partial W_1} = \delta_1 \, (s \, m \odot x)^T, \qquad
              \frac{\partial L}{\partial b_1} = \delta_1

    Parameters
    ----------
    draws : int
        How often it is asked.

    Returns
    -------
    Kept or None
        None if the inputs do not have s in common, or there are no biases.
    """
    first, *others = inquiry.layers
    if first.bias is None or first.has_shared_bias:
        return None
    bias = 0.5 + np.abs(first.bias) if others else first.bias
    layers = [Layer(0.0 * first.weight, bias), *others]
    return _kept(inquiry, layers, 0, inquiry.batches[0].inputs[0], draws)


def _kept(
    inquiry: Inquiry,
    layers: Layers,
    number: int,
    value: NDArray[np.float64],
    draws: int,
    samples: int = 1,
) -> Kept | None:
    """Return what a layer gets of the values before it, which the gradient of its matrix shows.

    Parameters
    ----------
    layers : list of Layer
        Parameters by which no mask changes these values, or the error of that layer but for a mask
        of its own.
    number : int
        Which layer, from 0.
    value : ndarray
        The values of each sample where nothing is dropped.
    draws : int
        How often it is asked.
    """
    is_seen = value != 0
    seen = []
    with inquiry.elsewhere(), drawing_apart(inquiry.subject):
        try:
            inquiry.layers = layers
            for _ in range(draws):
                shown = observe(inquiry, inquiry.batches[0].part(slice(0, samples)))[0][number]
                assert shown.bias is not None
                error = np.ravel(shown.bias)
                if not error.any():
                    continue  # all units above are dropped
                masked = error @ shown.weight / (error @ error)
                left = np.linalg.norm(shown.weight - np.outer(error, masked))
                if not left <= _NEAR * np.linalg.norm(shown.weight):
                    return None
                seen.append(masked[is_seen] / value[is_seen])
        except SubjectError:
            return None
    factors = np.asarray(seen)
    is_kept = np.abs(factors) > _NEAR
    kept = factors[is_kept]
    if not len(kept) or np.ptp(kept) > _NEAR * np.abs(kept).max():
        return None
    return Kept(float(kept.mean()), is_kept.mean(axis=1), is_kept.shape[1])
