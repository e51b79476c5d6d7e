"""Entries of a gradient beside the slopes of the loss, and how they fit together."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.aspects.gradient.held_to_slopes.slopes import noise_of, slopes
from parity_tests.kit.aspects.observing import observe
from parity_tests.kit.fitting import fit
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.subject.subject import Batch, by_name
from parity_tests.kit.verdicts import DIFFERS, UNCHECKED, Verdict

Array = NDArray[Any]
Loss = Callable[[Batch], float]

# Entries of each tensor whose slopes are taken, and how closely they are met: in double precision
# and in single.
_ENTRIES, EXACT, _SINGLE = 12, 1e-5, 2e-2
# In single precision the slopes of one tensor may be off by more than those of all together.
_SINGLE_ALONE = 0.1
# Entries of which a multiple tells something.
ENOUGH_OF_ONE = 3
# By how much parameters are moved to see whether a loss is the same when they are back, and what
# rounding makes of it.
_AWAY, _ROUNDING = 1.25, 1e-12
# A multiple that is larger is one of rounding.
_BEYOND = 1e6


def close_of(inquiry: Inquiry) -> float:
    """Return how closely slopes are met by all tensors together."""
    return _SINGLE if inquiry.is_float32 else EXACT


def close_alone_of(inquiry: Inquiry) -> float:
    """Return how closely slopes are met by each tensor alone."""
    return _SINGLE_ALONE if inquiry.is_float32 else EXACT


@dataclass(frozen=True)
class Met:
    """Entries of the gradient beside the slopes, by tensor, and how they fit together.

    `unsummed` are tensors that came with a row for each sample, and are summed here; `rough` those
    by whose entries the loss is nowhere smooth; `noise` is how far any slope may be off.
    """

    pairs: dict[str, tuple[Array, Array]]
    positions: dict[str, Array]
    factor: float
    residual: float
    unsummed: tuple[str, ...] = ()
    rough: tuple[str, ...] = ()
    noise: float = 0.0

    @property
    def is_flat(self) -> bool:
        """Whether nothing came where nothing is expected, which tells nothing."""
        return not any(np.any(part) for pair in self.pairs.values() for part in pair)

    @classmethod
    def of(cls, pairs: dict[str, tuple[Array, Array]], positions: dict[str, Array]) -> "Met":
        """Return them with the factor that all have in common."""
        came, wanted = (np.concatenate(part) for part in zip(*pairs.values(), strict=True))
        return cls(pairs, positions, *fit(came, wanted))


def met_slopes(inquiry: Inquiry, batch: Batch, loss: Loss) -> Met | Verdict:
    """Return the gradient of a batch beside slopes; a verdict where they cannot be compared."""
    subject = inquiry.subject
    observed, _ = observe(inquiry, batch)
    subject.begin(inquiry.layers)
    asked = (subject, inquiry.layers, batch, _ENTRIES, inquiry.rng, loss)
    sloped = slopes(
        *asked, is_float32=inquiry.is_float32, renewed=is_of_calls_before(inquiry, loss)
    )
    own = by_name(inquiry.layers)
    pairs, places = {}, {}
    unsummed = []
    for name, came in by_name(observed).items():
        tensor = came
        if came.shape == (len(batch), *own[name].shape):
            tensor = came.sum(axis=0)
            unsummed.append(name)
        if name in sloped and len(sloped[name][0]):
            positions, wanted = sloped[name]
            if positions.max() >= tensor.size:
                return of_another_shape(name)
            pairs[name], places[name] = (tensor.ravel()[positions], wanted), positions
    if not pairs:
        return Verdict("gradient", UNCHECKED, "the loss is nowhere smooth")
    rough = tuple(name for name in by_name(observed) if name not in pairs)
    noise = noise_of(loss(batch), is_float32=inquiry.is_float32)
    found = Met.of(pairs, places)
    return replace(found, unsummed=tuple(unsummed), rough=rough, noise=noise)


def is_of_calls_before(inquiry: Inquiry, loss: Loss) -> bool:
    """Whether the loss depends on losses before by other parameters, as with running averages."""
    subject, usual, batch = inquiry.subject, inquiry.layers, inquiry.batches[0]
    subject.begin(usual)
    before = loss(batch)
    subject.set([layer.times(_AWAY) for layer in usual])
    loss(batch)
    subject.set(usual)
    return not np.isclose(loss(batch), before, rtol=_ROUNDING, atol=0.0, equal_nan=True)


def entries_of(inquiry: Inquiry, met: Met, name: str) -> Array:
    """Return the entries of a matrix whose slopes were taken."""
    entries: Array = by_name(inquiry.layers)[name].ravel()[met.positions[name]]
    return entries


def fits_of(met: Met) -> dict[str, tuple[float, float]]:
    """Return the factor of each tensor, and what it leaves.

    What is nothing beside the others, as the gradient of a bias in front of a normalization, is
    rounding, of which there is no factor: it is left out.
    """
    whole = np.sqrt(sum(float(wanted @ wanted) for _, wanted in met.pairs.values()))
    least = EXACT * whole
    return {
        name: fit(came, wanted)
        for name, (came, wanted) in met.pairs.items()
        if np.linalg.norm([came, wanted]) > least
    }


def off_alone(met: Met, close: float) -> dict[str, bool]:
    """Return whether a tensor is off its slopes by more than what those may be off themselves."""
    off = {}
    for name, (_, residual) in fits_of(met).items():
        came, _ = met.pairs[name]
        least = met.noise * np.sqrt(len(came))
        off[name] = residual > close and residual * float(np.linalg.norm(came)) > least
    return off


def is_any_off(met: Met, close: float) -> bool:
    """Whether a tensor has a factor of its own, that is small beside all others."""
    fits = fits_of(met)
    if any(residual > close for _, residual in fits.values()):
        return False
    return any(
        abs(factor / met.factor - 1) > close and len(met.positions[name]) >= ENOUGH_OF_ONE
        for name, (factor, _) in fits.items()
    )


def of_another_shape(name: str) -> Verdict:
    """Return the verdict on a gradient with a shape that no sum over samples explains."""
    return off_its_slopes(name, np.nan, np.inf, "it has another shape than its parameter")


def off_its_slopes(name: str, factor: float, residual: float, what: str) -> Verdict:
    """Return the verdict on a tensor that is no multiple of its slopes, for a reason unknown."""
    nearest = (
        f"; the nearest multiple is {factor:.4g} x, which leaves {residual:.2g} of its norm"
        if np.isfinite(residual)
        else ""
    )
    if abs(factor) > _BEYOND:
        nearest = "; next to what came, the slope is nothing"
    message = f"{name}: {what}{nearest}. The cause is unknown."
    return Verdict("gradient", DIFFERS, message, name, None, None, residual)
