r"""First steps that tell the signs of a gradient and little more, as adaptive optimizers take them.

.. math:: \theta_0 - \theta_1 = \eta \, \frac{g}{|g| + \epsilon} \approx \eta \operatorname{sign} g

Sums over the wrong axis, factors, masks and all else that shows in sizes do not show in these: no
cause is concluded from them. What shows is whether they go down.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numpy_impl import InputError
from parity_tests.kit.aspects.first_steps.kept_steps import what_is_kept
from parity_tests.kit.aspects.first_steps.shares import expected_of
from parity_tests.kit.aspects.observing import RATES, observe
from parity_tests.kit.aspects.walks import ends, losses_at, right_gradient, walk_on
from parity_tests.kit.fitting import fit
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.optimizers.formulas import LINEAR, read
from parity_tests.kit.penalties import slope_of, slopes_of
from parity_tests.kit.scales import MEAN
from parity_tests.kit.subject.subject import Batch, Layers, SubjectError, by_name
from parity_tests.kit.verdicts import DIFFERS, UNCHECKED, Verdict

Array = NDArray[Any]

# Spread of sizes up to which entries have one, a small decay beside it, and how many there have to
# be.
_SPREAD, _ENOUGH = 5e-2, 4
# How closely steps grow with the gradient.
_UNEVEN = 1e-4
# Next to the largest, an entry of a gradient is not told from none, and of a step neither.
_ROUNDING, _STILL, _SMALL = 1e-12, 1e-6, 1e-2
# How much longer than that of one sample the step on a batch is, if it is several.
_LONGER = 1.2


@dataclass(frozen=True)
class _Opposed:
    """Entries of a tensor that do not go down."""

    tensor: str
    entries: int
    of: int
    is_turned: bool


def of_entrywise(
    inquiry: Inquiry, observed: Layers, loss: str | None, *, is_known: bool = False
) -> list[Verdict]:
    """Return what first steps tell of the gradient, if they tell little but signs; else nothing.

    Parameters
    ----------
    observed : list of Layer
        What a first step takes away, over its learning rate.
    loss : str or None
        The loss that is meant; None for any.
    is_known : bool, default False
        Whether the gradient could be told from what was taken away, right or with a fault in it.
    """
    if not _is_adaptive(inquiry, observed, loss, is_known=is_known):
        return []
    inquiry.is_entrywise = True
    batch = inquiry.batches[0]
    one = ends(batch)[0]
    opposed, size = _opposed(inquiry, one if inquiry.subject.single else batch, loss)
    if opposed and not inquiry.subject.single:
        alone, longest = _opposed(inquiry, one, loss)
        if not alone and size > _LONGER * longest:
            # A step on a batch that is one step after the other goes by other gradients.
            opposed = []
    if not opposed or inquiry.is_loss_unknown:
        message = (
            "only steps show it, and a first step that is no multiple of it, as an adaptive "
            "optimizer's, tells little but signs: "
            f"{'the loss is not known' if opposed else 'no cause is concluded from them'}"
        )
        return [Verdict("gradient", UNCHECKED, message)]
    # Where all steps go up it may be the optimizer's, which is asked.
    inquiry.is_gradient_faulty = not _is_turned(inquiry, opposed)
    first, *others = sorted(opposed, key=lambda one: (-int(one.tensor[1:]), one.tensor))
    likewise = f", likewise on {' and '.join(one.tensor for one in others)}" if others else ""
    message = (
        f"{first.tensor}{likewise}: not the gradient; the first step does not go down in "
        f"{first.entries} of {first.of} entries. As of an adaptive optimizer it tells little but "
        "signs. The cause is unknown."
    )
    return [Verdict("gradient", DIFFERS, message, first.tensor)]


def _is_turned(inquiry: Inquiry, opposed: list[_Opposed]) -> bool:
    """Whether all that moves goes up, in all tensors."""
    return len(opposed) == len(by_name(inquiry.layers)) and all(one.is_turned for one in opposed)


def _is_adaptive(inquiry: Inquiry, observed: Layers, loss: str | None, *, is_known: bool) -> bool:
    """Whether first steps are those of an adaptive optimizer, declared or by their sizes.

    With an eps that is large they have other sizes, but those of a matrix grow with its gradient.
    """
    spec = inquiry.spec
    is_declared = bool(spec.optimizer) and read(str(spec.optimizer), spec.options)[0] not in LINEAR
    spread = _least_spread(_of_one_step(inquiry, observed))
    by_size = is_declared or spread <= _SPREAD
    if not by_size and (is_known or not _is_any_growing(inquiry, observed, loss)):
        return False
    try:
        kept = what_is_kept(inquiry)
    except SubjectError:
        kept = None
    is_linear = kept is not None and kept.kind != "other"
    # Signs are exact, where something is kept or divided by they are not. Those that are not of the
    # gradient in all tensors may be of what an optimizer keeps, which hardly shows in two steps.
    is_exact = spread <= inquiry.tolerance
    return not is_linear or (spread <= _SPREAD and not (is_exact and is_known))


def _of_one_step(inquiry: Inquiry, observed: Layers) -> Layers:
    """Return what one step has taken: of single samples the sizes of several add up to any."""
    if not inquiry.subject.single:
        return observed
    [first, *_] = ends(inquiry.batches[0])
    return observe(inquiry, first)[0]


def _is_any_growing(inquiry: Inquiry, observed: Layers, loss: str | None) -> bool:
    """Whether some matrix goes the further the larger its gradient is, that of a penalty with it.

    Of what is seen of single samples, added up, that tells nothing.
    """
    batch = inquiry.batches[0]
    if inquiry.subject.single:
        return False
    steps, values = by_name(observed), by_name(inquiry.layers)
    scale = (expected_of(inquiry) or MEAN).at(len(batch))
    for name in [loss] if loss is not None else losses_at(inquiry):
        try:
            right = by_name(right_gradient(inquiry, name, inquiry.layers, batch))
        except InputError:
            continue
        for tensor, step in steps.items():
            added = slope_of(_penalty_on(inquiry, tensor), values[tensor])
            gradient = scale * right[tensor] + added
            if not tensor.startswith("W") or step.shape != gradient.shape:
                continue
            # A multiple is that of plain descent.
            is_multiple = fit(step, gradient)[1] <= _UNEVEN
            if not is_multiple and is_growing(gradient.ravel(), step.ravel()):
                return True
    return False


def _penalty_on(inquiry: Inquiry, tensor: str) -> dict[str, float]:
    """Return how many times what is penalized the gradient of a tensor has added."""
    if inquiry.penalty is not None:
        return slopes_of(inquiry.penalty.of(tensor))
    declared = inquiry.spec.weight_decay
    return {"squares": declared} if declared and tensor.startswith("W") else {}


def is_growing(gradient: Array, step: Array) -> bool:
    """Whether a step goes down in every entry, and the further the larger its gradient is."""
    # In units of the largest, so that a weight decay beside it does not count.
    largest = np.abs(step).max()
    if not np.isfinite(step).all() or largest == 0:
        return False
    order = np.argsort(np.abs(gradient))
    sizes = (step * np.sign(gradient))[order] / largest
    has_one = np.abs(gradient[order]) > 0
    moved, others = sizes[has_one], step[order][~has_one] / largest
    return bool(
        (moved > -_UNEVEN).all()
        and (np.diff(moved) > -_UNEVEN).all()
        and (np.abs(others) < _UNEVEN).all()
    )


def is_spread_alike(observed: Layers) -> bool:
    """Whether all entries of a matrix that move go as far, nearly: as by their signs."""
    return _least_spread(observed) <= _SPREAD


def _least_spread(observed: Layers) -> float:
    return min(_spread(layer.weight) for layer in observed)


def _spread(array: Array) -> float:
    """Return by which share of the largest the sizes of all entries that move differ."""
    sizes = np.abs(array)
    top = float(sizes.max(initial=0.0))
    moved = sizes[sizes > _STILL * top]
    if not np.isfinite(top) or len(moved) < _ENOUGH:
        return np.inf
    return float(np.ptp(moved)) / top


def _opposed(inquiry: Inquiry, batch: Batch, loss: str | None) -> tuple[list[_Opposed], float]:
    """Return which tensors' first step does not go down, and the longest way of an entry."""
    rate = inquiry.subject.network.lr or RATES[0]
    before, after = (by_name(layers) for layers in walk_on(inquiry, [batch], rate).layers)
    steps = {name: before[name] - after[name] for name in before}
    longest = max(float(np.abs(step).max()) for step in steps.values())
    found: list[list[_Opposed]] = []
    scale = (expected_of(inquiry) or MEAN).at(len(batch))
    for name in [loss] if loss is not None else losses_at(inquiry):
        try:
            right = by_name(right_gradient(inquiry, name, inquiry.layers, batch))
        except InputError:
            continue
        found.append([])
        for tensor, step in steps.items():
            added = slope_of(_penalty_on(inquiry, tensor), before[tensor])
            of = scale * right[tensor] + added, before[tensor]
            if entries := _against(step, *of):
                is_turned = not _against(-step, *of)
                found[-1].append(_Opposed(tensor, entries, step.size, is_turned))
    return min(found, key=len, default=[]), longest


def _against(step: Array, gradient: Array, values: Array) -> int:
    """Return how many entries do not go down, by the gradient or with a decay beside it."""
    if step.shape != gradient.shape or not np.isfinite(step).all():
        return step.size
    size, longest = np.abs(gradient), float(np.abs(step).max())
    has_one = size > _ROUNDING * size.max()
    moves = np.abs(step) > _STILL * longest
    still = (size > _SMALL * size.max()) & ~moves
    # With a decay w, sign(step) (g + w theta) > 0 bounds w.
    sign = np.sign(step[has_one & moves])
    down, decay = sign * gradient[has_one & moves], sign * values[has_one & moves]
    is_bound = down < 0
    if not still.any() and not (is_bound & (decay <= 0)).any():
        least = np.max(-down[is_bound] / decay[is_bound], initial=0.0)
        limits = decay < 0
        if least <= np.min(-down[limits] / decay[limits], initial=np.inf):
            return 0
    return int(still.sum() + is_bound.sum())
