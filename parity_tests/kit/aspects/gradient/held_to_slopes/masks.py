"""Masks of dropout that are left out on the way back, seen where units are dropped."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from parity_tests.kit.aspects.gradient.held_to_slopes.slopes import slopes
from parity_tests.kit.aspects.observing import observe
from parity_tests.kit.fitting import fit
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.subject.subject import Batch, by_name
from parity_tests.kit.verdicts import Verdict, named

# Samples that are asked, draws for each, and entries of each tensor.
_SAMPLES, _DRAWS, _ENTRIES = 4, 4, 32
# Units that are kept, of which a factor is told, and how far it is from 1.
_KEPT, _OFF = 2, 1e-2


@dataclass(frozen=True)
class _Unmasked:
    """Units with a gradient that have no slope, and what those with one are multiplied with."""

    layer: int
    dropped: frozenset[int]
    kept: frozenset[int]
    factor: float
    sample: int = 0


def of_mask(inquiry: Inquiry, loss: Callable[[Batch], float], close: float) -> list[Verdict]:
    r"""Name a mask that the backward pass leaves out; empty if that does not explain it.

    Of one sample, with a mask :math:`m`, slopes of a bias are zero where a unit is dropped, and
    gradients without the mask are not.

    .. math:: \frac{\partial L}{\partial b} = m \odot (W^T \delta) \odot f'(z)

    Parameters
    ----------
    inquiry : Inquiry
        Of a network that draws random numbers for its loss and its gradient.
    loss : callable
        ``f(batch)``, the loss of the training pass.
    close : float
        How closely slopes are met.
    """
    found: list[_Unmasked] = []
    for number in range(_SAMPLES * _DRAWS):
        sample = number // _DRAWS % len(inquiry.batches[0])
        one = inquiry.batches[0].part(slice(sample, sample + 1))
        with inquiry.subject.drawing_alike(int(inquiry.rng.integers(2**31))):
            seen = _unmasked(inquiry, loss, one, close)
        if seen is None:
            return []
        if seen.dropped and seen.kept:
            found.append(replace(seen, sample=sample))
    # The layers below have what comes from it.
    found = [own for own in found if own.layer == max(other.layer for other in found)]
    first = max(found, key=lambda own: len(own.kept), default=None)
    if first is None or len(first.kept) < _KEPT or abs(first.factor - 1) <= _OFF:
        return []  # with a factor of 1 they may be units that a ReLU switches off
    if any(abs(own.factor - first.factor) > close * abs(first.factor) for own in found):
        return []
    if not any(
        one.dropped & other.kept for one in found for other in found if one.sample == other.sample
    ):
        return []
    seen_in = (
        f"with one sample, units of layer {first.layer} that are dropped have no slope and a "
        f"gradient all the same, and those that are kept have {first.factor:.4g} x their slope"
    )
    return [named("gradient", "dropout-not-in-backward", seen_in, f"b{first.layer}")]


def _unmasked(
    inquiry: Inquiry, loss: Callable[[Batch], float], one: Batch, close: float
) -> _Unmasked | None:
    """Return what differs about the bias nearest to the output that differs; None if not a mask."""
    subject = inquiry.subject
    observed, _ = observe(inquiry, one)
    subject.begin(inquiry.layers)
    asked = subject, inquiry.layers, one, _ENTRIES, inquiry.rng, loss
    found = slopes(*asked, is_float32=inquiry.is_float32, of_biases=True)
    tensors = by_name(observed)
    whole = 1.0
    for number in reversed(range(1, len(inquiry.layers) + 1)):
        name = f"b{number}"
        positions, wanted = found.get(name, (np.empty(0, int), np.empty(0)))
        if not len(positions) or positions.max() >= tensors[name].size:
            return None
        came = tensors[name].ravel()[positions]
        if not np.any(came):
            continue
        factor, residual = fit(came, wanted)
        if residual <= close:
            whole = factor if number == len(inquiry.layers) else whole
            continue
        has_none = np.abs(wanted) <= close * np.abs(wanted).max(initial=0.0)
        factor, residual = fit(came[~has_none], wanted[~has_none])
        if residual > close or number == len(inquiry.layers):
            return None
        dropped = has_none & (np.abs(came) > close * np.abs(came).max())
        units = frozenset(map(int, positions[dropped]))
        return _Unmasked(number, units, frozenset(map(int, positions[~has_none])), factor / whole)
    return _Unmasked(0, frozenset(), frozenset(), 1.0)
