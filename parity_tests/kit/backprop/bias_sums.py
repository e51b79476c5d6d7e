"""The sums over a batch that the gradient of a bias may be: the right one, and those that occur.

Hundreds of gradients of a pre-activation are tried, so each kind of sum is made of all at once.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.candidates.candidate import Candidate
from parity_tests.kit.fitting import fits
from parity_tests.kit.subject.subject import Layer

Array = NDArray[Any]


@dataclass(frozen=True)
class Match:
    """A sum that the gradient of a bias is, up to a factor.

    Attributes
    ----------
    delta : Candidate
        The gradient that is summed.
    causes : tuple of str
        What is wrong about the sum itself; empty if nothing is.
    text : str
        The sum, as a formula.
    factor, residual : float
        See `parity_tests.kit.fitting.fit`.
    """

    delta: Candidate
    causes: tuple[str, ...]
    text: str
    factor: float
    residual: float


@dataclass(frozen=True)
class _Kind:
    """A kind of sum, made of a stack (gradients, samples, units) for a bias of a shape.

    Attributes
    ----------
    only : str or None
        A cause that a gradient must have for it.
    """

    causes: tuple[str, ...]
    text: str
    of: Callable[[Array, tuple[int, ...]], Array]
    is_possible: Callable[[int, int], bool] = lambda _samples, _units: True
    only: str | None = None


def _in_half_precision(parts: Callable[[int], int]) -> Callable[[Array, tuple[int, ...]], Array]:
    def summed(stack: Array, _shape: tuple[int, ...]) -> Array:
        number = parts(stack.shape[1])
        with np.errstate(over="ignore"):
            total = (stack / number).astype(np.float16).sum(axis=1)
        return number * total.astype(np.float64)

    return summed


def _collapsed(stack: Array, shape: tuple[int, ...]) -> Array:
    totals = stack.sum(axis=(1, 2))
    return np.broadcast_to(totals.reshape(-1, *(1 for _ in shape)), (len(stack), *shape))


def _spread(stack: Array, _shape: tuple[int, ...]) -> Array:
    # As of a sum over the units that an update has spread over the samples.
    return np.broadcast_to(stack.sum(axis=2, keepdims=True), stack.shape)


def _several(samples: int, _units: int) -> bool:
    return samples > 1


def _several_of_both(samples: int, units: int) -> bool:
    return samples > 1 and units > 1


_KINDS = (
    _Kind((), "sum of {} over the samples", lambda stack, _: stack.sum(axis=1)),
    *(
        _Kind(
            ("half-precision",),
            "sum of {}, in float16",
            _in_half_precision(parts),
            only="half-precision",
        )
        for parts in (lambda _samples: 1, lambda samples: samples)
    ),
    _Kind(
        ("bias-collapsed",),
        "sum or mean of {} over samples and units",
        _collapsed,
        lambda _samples, units: units > 1,
    ),
    _Kind(("bias-not-summed",), "{} of every sample", lambda stack, _: stack, _several),
    _Kind(
        ("bias-not-summed",),
        "{} of every sample",
        lambda stack, _: stack.transpose(0, 2, 1),
        _several,
    ),
    _Kind(("bias-of-one-sample",), "{} of the first sample", lambda s, _: s[:, 0], _several),
    _Kind(("bias-of-one-sample",), "{} of the last sample", lambda s, _: s[:, -1], _several),
    _Kind(
        ("bias-wrong-axis",),
        "sum of {} over the units",
        lambda stack, _: stack.sum(axis=2),
        _several_of_both,
    ),
    _Kind(("bias-wrong-axis",), "sum of {} over the units", _spread, _several_of_both),
)


# Of a bias that is one number for all units.
_OF_SHARED = (
    _Kind((), "sum or mean of {} over samples and units", _collapsed),
    _Kind(
        ("bias-of-one-sample",),
        "sum over the units of {} of the first sample",
        lambda stack, _: stack[:, 0].sum(axis=1, keepdims=True),
        _several,
    ),
    _Kind(
        ("bias-of-one-sample",),
        "sum over the units of {} of the last sample",
        lambda stack, _: stack[:, -1].sum(axis=1, keepdims=True),
        _several,
    ),
    _Kind(
        ("bias-not-summed",), "sum of {} over the samples alone", lambda stack, _: stack.sum(axis=1)
    ),
    _Kind(
        ("bias-not-summed",),
        "sum of {} over the units alone",
        lambda stack, _: stack.sum(axis=2),
        _several,
    ),
    _Kind(("bias-not-summed",), "{} of every sample", lambda stack, _: stack, _several),
)


def right_sum(delta: Array, layer: Layer) -> Array:
    r"""Return the gradient of a layer's bias.

    .. math:: \frac{\partial L}{\partial b_j} = \sum_n \delta_{nj}, \qquad
              \frac{\partial L}{\partial b} = \sum_n \sum_j \delta_{nj}

    the second of a bias that is one number for all units.

    Parameters
    ----------
    delta : ndarray of shape (samples, units)
        The gradient of the pre-activation.
    layer : Layer
        The parameters.

    Returns
    -------
    ndarray of shape (units,) or (1,)
    """
    return delta.sum().reshape(1) if layer.has_shared_bias else delta.sum(axis=0)


def matching_sums(
    observed: Array, deltas: Sequence[Candidate], tolerance: float, *, is_shared: bool = False
) -> Iterator[Match]:
    """Yield the sums that are the observed gradient up to a factor, in the order of the deltas.

    Parameters
    ----------
    observed : ndarray
        The gradient of a bias, not all zero.
    deltas : sequence of Candidate
        Gradients of the pre-activation, all of one shape. Where one has an ``upstream``, the bias
        is added after the function.
    tolerance : float
        The largest residual that passes.
    is_shared : bool, default False
        Whether the bias is one number for all units.
    """
    summed = list(_summed(deltas))
    if not summed:
        return
    stack = np.stack([value for _, _, _, value in summed])
    found: list[tuple[int, int, Match]] = []
    for place, kind in enumerate(_OF_SHARED if is_shared else _KINDS):
        numbers = [
            number
            for number, (delta, *_) in enumerate(summed)
            if kind.only is None or kind.only in delta.causes
        ]
        if not numbers or not kind.is_possible(*stack.shape[1:]):
            continue
        chosen = stack if kind.only is None else stack[numbers]
        totals = kind.of(chosen, observed.shape)
        if totals.shape[1:] != observed.shape:
            continue
        factors, residuals = fits(observed, totals)
        for fitted in np.flatnonzero(residuals <= tolerance):
            number = numbers[fitted]
            delta, causes, text, _ = summed[number]
            match = Match(
                delta,
                (*causes, *kind.causes),
                kind.text.format(text),
                float(factors[fitted]),
                float(residuals[fitted]),
            )
            found.append((number, place, match))
    for _, _, match in sorted(found, key=lambda entry: entry[:2]):
        yield match


def _summed(
    deltas: Sequence[Candidate],
) -> Iterator[tuple[Candidate, tuple[str, ...], str, Array]]:
    """Yield what may be summed: its candidate, what is wrong about that, a text and the values."""
    for delta in deltas:
        if delta.upstream is None:
            yield delta, (), delta.text, delta.value
        else:
            yield delta, (), "the gradient of the layer's output", delta.upstream
            yield delta, ("bias-outside-activation",), delta.text, delta.value
