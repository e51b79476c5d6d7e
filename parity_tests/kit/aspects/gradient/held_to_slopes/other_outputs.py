"""Slopes where outputs are smaller or larger than those of the parameters that were drawn."""

from dataclasses import replace

import numpy as np

from parity_tests.kit.aspects.first_steps.limited_norms import limits_reached
from parity_tests.kit.aspects.gradient.held_to_slopes.met import Loss, met_slopes
from parity_tests.kit.aspects.gradient.held_to_slopes.plain import plainly
from parity_tests.kit.aspects.gradient.mixed_margins import with_mixed_margins
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.verdicts import CONVENTION, DIFFERS, EQUAL, Verdict

# Probabilities that are extreme, and what a last layer is made smaller by.
_EXTREME, _SMALLER = 1e-4, (0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
# The standard deviation of outputs at which margins of 1 are kept and missed, and what a last layer
# is made larger by at most.
_WIDE, _LARGEST = 2.5, 100.0
# What biases of hidden layers are made larger by.
_BIASES = 6.0
# By how much a small number in the loss may change slopes where outputs are not extreme.
GUARDED = 1e-2


def at_ordinary_outputs(inquiry: Inquiry, loss: Loss, how: str, *, is_near: bool) -> list[Verdict]:
    """Judge with a smaller last layer where outputs are extreme; empty if that explains nothing.

    A loss that keeps its probabilities from 0 is flat there, and its gradient need not be. What is
    before the last layer stays as it is, and a fault there shows as before.

    Parameters
    ----------
    is_near : bool
        Whether the gradient is so near to the slopes that a small number in the loss may be the
        difference. Then outputs that are less extreme are made smaller as well.
    """
    usual = inquiry.layers
    # Of a network that is no chain, vectors behind the last matrix belong to its layer.
    matrices = [n for n, layer in enumerate(usual) if layer.weight.ndim == 2]
    if not matrices:
        return []
    last = matrices[-1]
    with inquiry.elsewhere():
        is_extreme = _is_extreme(inquiry)
        if not (is_near or is_extreme):
            return []
        why = "since outputs are" if is_extreme else "where probabilities are less"
        for size in _SMALLER:
            smaller = [layer.times(size) for layer in usual[last:]]
            inquiry.layers = inquiry.subject.begin([*usual[:last], *smaller])
            if _is_extreme(inquiry):
                continue
            told = f"; with the last layer {size:g} x as large, {why} extreme{how}"
            met = met_slopes(inquiry, inquiry.batches[0], loss)
            found = [met] if isinstance(met, Verdict) else plainly(inquiry, met, loss, told)
            if all(v.cause or v.status in (EQUAL, CONVENTION) for v in found):
                return found
            if not is_near:
                return []
        return []


def at_wider_outputs(inquiry: Inquiry, loss: Loss, how: str) -> list[Verdict]:
    """Judge again where outputs are so large that margins are kept and missed; empty if it fits.

    Of an unknown loss of numbers, a mask may be the same for all samples where outputs are small.
    Steps that shorten such parameters tell nothing of it.
    """
    usual, form, batch = inquiry.layers, inquiry.form, inquiry.batches[0]
    if not inquiry.is_loss_unknown or form is None:
        return []
    if inquiry.hinge_reported:
        asked = (inquiry.subject, form, inquiry.hinge_reported, batch, inquiry.rng)
        wider, which = with_mixed_margins(*asked), "by other parameters"
    else:
        spread = float(np.std(inquiry.subject.forward(batch.inputs)))
        if form.output != "identity" or not _WIDE / _LARGEST < spread < _WIDE:
            return []
        size = _WIDE / spread
        wider = [*usual[:-1], usual[-1].times(size)]
        which = f"with the last layer {size:.3g} x as large"
    with inquiry.elsewhere():
        inquiry.layers = inquiry.subject.begin(wider)
        if not inquiry.hinge_reported and _is_extreme(inquiry):
            return []
        met = met_slopes(inquiry, batch, loss)
        if isinstance(met, Verdict) or met.residual <= GUARDED or limits_reached(inquiry):
            return []
        told = f"; {which}, for both sides of margins{how}"
        return [v for v in plainly(inquiry, met, loss, told) if v.status == DIFFERS]


def at_larger_biases(inquiry: Inquiry, loss: Loss, how: str) -> list[Verdict]:
    """Judge again where biases decide which units are on; empty if it fits there as well.

    A mask that leaves the bias out is the same wherever the sum before it is much larger. The last
    layer is made so small that outputs are not extreme.
    """
    usual = inquiry.layers
    larger = [
        layer if layer.bias is None else replace(layer, bias=_BIASES * layer.bias)
        for layer in usual[:-1]
    ]
    with inquiry.elsewhere():
        for size in (1.0, *_SMALLER):
            inquiry.layers = inquiry.subject.begin([*larger, usual[-1].times(size)])
            if _is_extreme(inquiry):
                continue
            met = met_slopes(inquiry, inquiry.batches[0], loss)
            if isinstance(met, Verdict) or met.residual <= GUARDED or limits_reached(inquiry):
                return []
            told = f"; with biases of hidden layers {_BIASES:g} x as large{how}"
            return [v for v in plainly(inquiry, met, loss, told) if v.status == DIFFERS]
        return []


def _is_extreme(inquiry: Inquiry) -> bool:
    """Whether a probability, or that of logits, is so near to 0 that a loss may keep it away."""
    outputs = inquiry.subject.forward(inquiry.batches[0].inputs)
    if ((outputs < 0) | (outputs > 1)).any():
        # Two logits, or one and zero, are as far apart as the logarithms of two probabilities.
        logits = np.insert(outputs, 0, 0.0, axis=1)
        return bool(np.ptp(logits, axis=1).max() > -np.log(_EXTREME))
    return bool((outputs < _EXTREME).any() or (outputs > 1 - _EXTREME).any())
