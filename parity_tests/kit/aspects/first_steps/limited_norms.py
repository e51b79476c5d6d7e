r"""Steps after which weights that are longer than a largest norm are shortened to it.

.. math:: w \leftarrow w' \min\Big(1, \frac{c}{\lVert w' \rVert}\Big), \qquad w' = w - \eta g

where w are the weights into a unit, those out of one, a whole matrix, or single entries, whose norm
is their absolute value. By smaller weights than that, steps show the gradient.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.aspects.observing import RATES, is_inferred, observe
from parity_tests.kit.aspects.walks import ends, right_gradient
from parity_tests.kit.backprop.findings import Explanation
from parity_tests.kit.causes import CAUSES
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.penalties import slope_of
from parity_tests.kit.probe import parameters
from parity_tests.kit.subject.subject import Batch, Layers, SubjectError, by_name
from parity_tests.kit.verdicts import CONVENTION, UNCHECKED, Verdict

Array = NDArray[Any]
CAUSE = "norm-limited"
OF_LIMITED = "only steps show it, after which several norms of weights are the same"
# How closely several norms are one number, and how far weights are from multiples of others.
_NEAR, _APART = 1e-9, 1e-6
# Entries that have one absolute value by chance: the largest one, after each of two steps.
_FEW = 2
# What of the limit weights are that are asked instead.
SHARES = (0.1, 0.01, 1e-3)
# How many times as large as usual weights are that no limit lets stay so, and how often such are
# drawn.
_LONG, _DRAWS = 100.0, 2
_ENTRY = "entry"
_OF = {
    _ENTRY: "each entry",
    1: "the weights into each unit",
    0: "the weights out of each unit",
    None: "the matrix",
}


@dataclass(frozen=True)
class Limit:
    """What norm weights have at most.

    Attributes
    ----------
    tensor : str
        Name of the matrix.
    axis : int, str or None
        Over which axis of it; None for all of it, ``"entry"`` for each entry by itself.
    norm : float
        The largest norm.
    """

    tensor: str
    axis: int | str | None
    norm: float

    def norms(self, weight: Array) -> Array:
        """Return the norms of what is limited, of a shape that goes with the weight's."""
        if isinstance(self.axis, str):
            return np.abs(weight)
        squares: Array = np.sum(weight**2, axis=self.axis, keepdims=True)
        return np.sqrt(squares)

    def applied(self, weight: Array) -> Array:
        """Return the weights, those that are longer shortened to the norm."""
        with np.errstate(all="ignore"):
            return weight * np.fmin(1.0, self.norm / self.norms(weight))


def limits_of(before: Layers, after: Sequence[Layers | None]) -> list[Limit]:
    """Return the largest norms that several weights have alike after steps, one a matrix.

    Parameters
    ----------
    before : list of Layer
        The parameters before each step.
    after : sequence of list of Layer or None
        What comes of steps on different batches.
    """
    several = [by_name(own) for own in after if own is not None]
    if not several:
        return []
    found = []
    for name, start in by_name(before).items():
        weights = [own[name] for own in several]
        if start.ndim != 2 or any(np.array_equal(start, own) for own in weights):
            continue
        for axis in _OF:
            vectors = np.concatenate([_vectors(own, axis) for own in weights])
            norms = np.linalg.norm(vectors, axis=1)
            top = float(norms.max(initial=0.0))
            if not np.isfinite(top) or not top:
                break
            is_longest = norms >= top * (1 - _NEAR)
            # Those that are multiples of one another, as of a step that repeats one, show no limit,
            # nor do entries that were the same before, or where others are the same as well.
            if axis == _ENTRY:
                begun = np.tile(np.abs(start).ravel(), len(several))[is_longest]
                rest = np.sort(norms[~is_longest][: int((~is_longest[: start.size]).sum())])
                is_alone = len(rest) > 1 and np.diff(rest).min() > _NEAR * top
                are_apart = np.ptp(begun) > _APART * top and len(begun) > _FEW and is_alone
            else:
                longest = vectors[is_longest] / top
                are_apart = (np.abs(longest @ longest[0]) < 1 - _APART).any()
            if are_apart:
                found.append(Limit(name, axis, top))
                break
    return found


def limits_reached(inquiry: Inquiry, seen: Sequence[Layers | None] | None = None) -> list[Limit]:
    """Return the largest norms to which steps by the parameters that are asked with shorten some.

    One vector of weights has the norm of no other one: of a network with one output, steps on both
    batches tell a limit, or, where one of them stays below it, steps by parameters that are far too
    long.

    Parameters
    ----------
    seen : sequence of list of Layer or None, optional
        What came of a step on each batch, if that was asked.

    Raises
    ------
    SubjectError
        If a step fails.
    """
    if not (is_inferred(inquiry) and inquiry.subject.is_chain):
        return []
    after = _stepped_to(inquiry) if seen is None else seen
    found = limits_of(inquiry.layers, after)
    # What is kept outside of a network would have something of such long ones for ever.
    if found or inquiry.subject.outputs > 1:
        return found
    several = [by_name(own) for own in after if own is not None]
    return [
        limit
        for limit in _limits_of_long(inquiry)
        if any(limit.norms(own[limit.tensor]).max() >= limit.norm * (1 - _NEAR) for own in several)
    ]


def _stepped_to(inquiry: Inquiry) -> list[Layers | None]:
    """Return the parameters after a step on each batch; of single samples, on two of them."""
    batches = inquiry.batches
    if inquiry.subject.single:
        batches = ends(batches[0])
    return [observe(inquiry, batch)[1] for batch in batches]


def _limits_of_long(inquiry: Inquiry) -> list[Limit]:
    """Return the largest norms to which weights are shortened that are far longer than usual."""
    rng, after = np.random.default_rng(0), []
    with inquiry.elsewhere(), np.errstate(all="ignore"), suppress(SubjectError):
        for _ in range(_DRAWS):
            long = [layer.times(_LONG) for layer in parameters(inquiry.subject, rng)]
            inquiry.layers = inquiry.subject.begin(long)
            after.append(_stepped_to(inquiry)[0])
        return limits_of(inquiry.layers, after)
    return []


def take_shorter(inquiry: Inquiry, limits: Sequence[Limit]) -> bool:
    """Ask with weights of which no step reaches a limit; return whether such are found.

    What is said of the limits is that they are not known, until their steps are recomputed.
    """
    usual, subject = inquiry.layers, inquiry.subject
    inquiry.of_limits = [unjudged(limits)]
    for share in () if inquiry.is_given else SHARES:
        inquiry.layers = inquiry.evidence.layers = subject.set(shorter(usual, limits, share))
        if not limits_reached(inquiry):
            return True
    inquiry.layers = inquiry.evidence.layers = subject.set(usual)
    return False


def _vectors(weight: Array, axis: int | str | None) -> Array:
    """Return the weights over an axis, one vector in a row."""
    if isinstance(axis, str):
        return weight.reshape(-1, 1)
    if axis is None:
        return weight.reshape(1, -1)
    return weight if axis else weight.T


def shorter(layers: Layers, limits: Sequence[Limit], share: float) -> Layers:
    """Return parameters of which no weights are longer than a share of the limit."""
    own = by_name(layers)
    longest = max(float(limit.norms(own[limit.tensor]).max()) / limit.norm for limit in limits)
    times = share / max(longest, share)
    return [layer.times(times) for layer in layers]


def verdict_on(
    inquiry: Inquiry,
    limits: Sequence[Limit],
    explanation: Explanation,
    usual: Layers,
    after: Layers | None,
) -> Verdict:
    """Return that steps limit norms, if that with the gradient gives a step by usual weights.

    Parameters
    ----------
    explanation : Explanation
        Of steps by smaller weights on the first batch.
    usual, after : list of Layer
        The usual weights, and what the step on that batch makes of them.
    """
    batch = inquiry.batches[0]
    if after is None or not _is_of(inquiry, limits, explanation, usual, after, batch):
        return unjudged(limits)
    message = (
        f"{CAUSES[CAUSE].title} ({_told(limits)}), and is by the gradient as long as none is "
        "reached"
    )
    return Verdict("optimizer", CONVENTION, message, None, CAUSE)


def unjudged(limits: Sequence[Limit]) -> Verdict:
    """Return that steps which limit norms are not judged."""
    message = f"after a step several norms are the same ({_told(limits)}): why is not known"
    return Verdict("optimizer", UNCHECKED, message)


def _told(limits: Sequence[Limit]) -> str:
    return "; ".join(f"{limit.tensor}: {_OF[limit.axis]}, {limit.norm:.6g}" for limit in limits)


def _is_of(
    inquiry: Inquiry,
    limits: Sequence[Limit],
    explanation: Explanation,
    usual: Layers,
    after: Layers,
    batch: Batch,
) -> bool:
    if not explanation.is_right or explanation.loss is None:
        return False
    rate = inquiry.subject.network.lr or RATES[0]
    right = by_name(right_gradient(inquiry, explanation.loss, usual, batch))
    old, new = by_name(usual), by_name(after)
    applied = {limit.tensor: limit.applied for limit in limits}
    for finding in explanation.findings:
        name = finding.tensor
        gradient = finding.factor * right[name] + slope_of(finding.decay, old[name])
        expected = old[name] - rate * gradient
        expected = applied[name](expected) if name in applied else expected
        off = np.linalg.norm(new[name] - expected)
        if not off <= 10 * inquiry.tolerance * np.linalg.norm(new[name]):
            return False
    return True
