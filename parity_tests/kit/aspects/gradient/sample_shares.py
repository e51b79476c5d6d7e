r"""By how much each sample is in a gradient.

.. math:: \nabla = \sum_n c_n \nabla L_n

All tensors together are far more numbers than a batch has samples, so that shares are solved for.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numpy_impl import InputError
from parity_tests.kit.aspects.walks import right_gradient
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.penalties import slope_of, slopes_of
from parity_tests.kit.subject.subject import Batch, Layers, by_name, flat

Array = NDArray[Any]

# How much more numbers than samples there have to be, and how closely gradients and shares are met.
ENOUGH, NEAR = 3, 1e-6
_LAST = 2000


@dataclass(frozen=True)
class Apart:
    """A gradient beside those of single samples.

    Attributes
    ----------
    shares : ndarray of shape (samples,)
        By how much each is in it, as solved for.
    alone : ndarray of shape (entries, samples)
        The gradients of the samples.
    whole : ndarray of shape (entries,)
        The gradient, without the penalty that the loss has.
    """

    shares: Array
    alone: Array
    whole: Array

    def is_met(self, shares: Array) -> bool:
        """Whether other shares give the gradient."""
        left = np.linalg.norm(self.whole - self.alone @ shares)
        return bool(left <= NEAR * np.linalg.norm(self.whole))


def apart(
    inquiry: Inquiry, loss: str, batch: Batch, observed: Layers, tensor: str | None = None
) -> Apart | None:
    """Solve for the shares of samples in a gradient; None if there are none that give it.

    Beside them there may be the gradient of the penalty in the loss that is reported.

    Parameters
    ----------
    observed : list of Layer
        The gradient.
    tensor : str, optional
        Of which tensor alone shares are asked, such as ``"W1"``.
    """
    parts = _parts(inquiry, loss, batch, observed, tensor)
    if parts is None or len(parts[0][-_LAST:]) < ENOUGH * len(batch):
        return None
    alone, rests = parts
    return next((found for rest in rests if (found := _solved(alone, rest))), None)


def is_met_by(
    inquiry: Inquiry,
    loss: str,
    batch: Batch,
    observed: Layers,
    tensor: str,
    shares: Array,
) -> bool:
    """Whether given shares of samples give the gradient of a tensor, which may have few entries."""
    parts = _parts(inquiry, loss, batch, observed, tensor)
    if parts is None:
        return False
    alone, rests = parts
    return any(Apart(shares, alone, rest).is_met(shares) for rest in rests)


def _parts(
    inquiry: Inquiry, loss: str, batch: Batch, observed: Layers, tensor: str | None
) -> tuple[Array, list[Array]] | None:
    """Return the gradients of single samples, and that of the batch without what penalties add."""
    ones = [batch.part(slice(n, n + 1)) for n in range(len(batch))]
    try:
        own = [_entries(right_gradient(inquiry, loss, inquiry.layers, one), tensor) for one in ones]
    except (InputError, ValueError):
        return None
    whole, alone = _entries(observed, tensor), np.stack(own, axis=1)
    if len(whole) != len(alone) or not (np.isfinite(alone).all() and np.isfinite(whole).all()):
        return None
    return alone, [whole - penalty for penalty in _penalties(inquiry, tensor)]


def _entries(layers: Layers, tensor: str | None) -> Array:
    return flat(layers) if tensor is None else by_name(layers)[tensor].ravel()


def _solved(alone: Array, whole: Array) -> Apart | None:
    # Those of the last layers are enough to solve for shares.
    shares, _, rank, _ = np.linalg.lstsq(alone[-_LAST:], whole[-_LAST:], rcond=None)
    found = Apart(shares, alone, whole)
    is_told = rank == alone.shape[1] and bool(np.any(shares))
    return found if is_told and found.is_met(shares) else None


def _penalties(inquiry: Inquiry, tensor: str | None) -> Iterator[Array]:
    """Yield what penalties may have added to a gradient: nothing, or that of the loss."""
    arrays = by_name(inquiry.layers)
    asked = arrays if tensor is None else {tensor: arrays[tensor]}
    yield np.zeros(sum(array.size for array in asked.values()))
    if inquiry.penalty is None:
        return
    added = []
    for name, array in asked.items():
        added.append(slope_of(slopes_of(inquiry.penalty.of(name)), array).ravel())
    yield np.concatenate(added)
