"""Masks of dropout that the backward pass leaves out or draws anew, seen in single samples."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.aspects.gradient.held_to_slopes.slopes import slopes
from parity_tests.kit.aspects.observing import observe
from parity_tests.kit.fitting import fit
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.subject.subject import Batch, by_name
from parity_tests.kit.verdicts import Verdict, named

Array = NDArray[np.float64]

# Samples that are asked, draws for each, and entries of each tensor.
_SAMPLES, _DRAWS, _ENTRIES = 4, 4, 32
# Units that are kept, of which a factor is told, and how far it is from 1.
_KEPT, _OFF = 2, 1e-2


@dataclass(frozen=True)
class _Unmasked:
    """What differs about the units of a layer.

    Those that are `dropped` have a gradient and no slope, those that are `silent` the other way
    round; those that are `kept` have both, and `factor` x their slope; those that are `off` have
    neither. `values` are those of the layer before, by which the gradient of the matrix is made.
    """

    layer: int
    dropped: frozenset[int]
    silent: frozenset[int]
    kept: frozenset[int]
    off: frozenset[int]
    factor: float
    values: Array
    sample: int = 0


def of_mask(inquiry: Inquiry, loss: Callable[[Batch], float], close: float) -> list[Verdict]:
    r"""Name a mask that the backward pass leaves out, or draws anew; empty if that is not all.

    Of one sample, with a mask :math:`m`, slopes of a bias are zero where a unit is dropped, and
    gradients without the mask are not. Those with another mask are not zero there, and are
    elsewhere.

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
        if seen.kept and (seen.dropped or seen.silent):
            found.append(replace(seen, sample=sample))
    # The layers below have what comes from it.
    found = [own for own in found if own.layer == max(other.layer for other in found)]
    if any(own.silent for own in found):
        return _of_new_mask(found)
    first = max(found, key=lambda own: len(own.kept), default=None)
    if first is None or len(first.kept) < _KEPT:
        return []
    if abs(first.factor - 1) <= _OFF and not _is_no_relu(found):
        return []
    if any(abs(own.factor - first.factor) > close * abs(first.factor) for own in found):
        return []
    if not _are_other(found, lambda own: own.dropped):
        return []
    seen_in = (
        f"with one sample, units of layer {first.layer} that are dropped have no slope and a "
        f"gradient all the same, and those that are kept have {first.factor:.4g} x their slope"
    )
    return [named("gradient", "dropout-not-in-backward", seen_in, f"b{first.layer}")]


def _of_new_mask(found: list[_Unmasked]) -> list[Verdict]:
    """Name a mask that is drawn anew: both drop other units each time, and agree where they can."""
    are_slopes = all(abs(own.factor - 1) <= _OFF for own in found)
    if not (
        are_slopes
        and _are_other(found, lambda own: own.dropped)
        and _are_other(found, lambda own: own.silent)
    ):
        return []
    layer = found[0].layer
    seen = (
        f"with one sample, some units of layer {layer} have a slope and no gradient, some have a "
        "gradient and no slope, others each time, and the gradient of the rest is its slope"
    )
    return [named("gradient", "dropout-new-mask", seen, f"b{layer}")]


def _is_no_relu(found: list[_Unmasked]) -> bool:
    """Whether units without a slope are dropped, and no ReLU without its derivative is seen.

    What it switches off has a gradient, and none when it is dropped; and it switches off the same
    units each time, if nothing is dropped before.
    """
    return not _are_other(found, lambda own: own.off) and all(
        np.allclose(one.values, other.values, rtol=_OFF)
        for one in found
        for other in found
        if one.sample == other.sample
    )


def _are_other(found: list[_Unmasked], units: Callable[[_Unmasked], frozenset[int]]) -> bool:
    """Whether some units of a sample are kept another time."""
    return any(
        units(one) & other.kept for one in found for other in found if one.sample == other.sample
    )


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
        has_slope = np.abs(wanted) > close * np.abs(wanted).max(initial=0.0)
        has_came = np.abs(came) > close * np.abs(came).max()
        both = has_slope & has_came
        factor, residual = fit(came[both], wanted[both])
        if residual > close or number == len(inquiry.layers):
            return None
        dropped, silent, kept, off = (
            frozenset(map(int, positions[own]))
            for own in (has_came & ~has_slope, has_slope & ~has_came, both, ~has_slope & ~has_came)
        )
        error = tensors[name].ravel()
        values = error @ tensors[f"W{number}"].reshape(len(error), -1) / (error @ error)
        return _Unmasked(number, dropped, silent, kept, off, factor / whole, values)
    return _Unmasked(0, *(frozenset[int]() for _ in range(4)), 1.0, np.empty(0))
