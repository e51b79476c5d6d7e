"""How many times steps take each tensor of the gradients that are handed out beside them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.aspects.walks import right_gradient
from parity_tests.kit.fitting import fit
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.penalties import PENALTIES, SUMS
from parity_tests.kit.scales import NEAR, Scale, ratio, scale_of
from parity_tests.kit.subject.subject import Layers, by_name, tensors

Array = NDArray[Any]
# How many times with each batch, of each tensor.
Shares = Mapping[str, Sequence[float]]
ONCE = Scale(1.0, 0)


def handed_shares(
    pairs: Sequence[tuple[Layers, Layers]], tolerance: float, layers: Layers | None = None
) -> Shares:
    r"""Return how many times the gradients handed out steps take, by the names of the tensors.

    .. math:: \theta_0 - \theta_1 = \eta (c \, g + w \, \theta_0 + s \operatorname{sign} \theta_0)

    Parameters
    ----------
    pairs : sequence of (handed out, taken)
        One for each batch.
    tolerance : float
        Relative distance up to which one is a multiple of the other.
    layers : list of Layer, optional
        The parameters :math:`\theta_0`, where a penalty on them may be added.

    Returns
    -------
    Shares
        Empty if what is taken of one tensor is no such sum.
    """
    values = {} if layers is None else by_name(layers)
    found: dict[str, list[float]] = {}
    for handed, taken in pairs:
        came = by_name(taken)
        for name, own in by_name(handed).items():
            if own.shape != came[name].shape:
                return {}
            share = _share_of(came[name], own, values.get(name), tolerance)
            if share is None:
                return {}
            found.setdefault(name, []).append(share)
    return found


def _share_of(came: Array, own: Array, value: Array | None, tolerance: float) -> float | None:
    """Return how many times one tensor is taken, alone or beside what penalties add."""
    share, residual = fit(came, own)
    if residual <= tolerance:
        return share
    basis = [own] if value is None else [own, *(PENALTIES[name].slope(value) for name in SUMS)]
    if came.size <= len(basis) or not np.isfinite([came, *basis]).all():
        return None
    columns = np.stack([column.ravel() for column in basis], axis=1)
    shares, *_ = np.linalg.lstsq(columns, came.ravel(), rcond=None)
    left = np.linalg.norm(came.ravel() - columns @ shares)
    return float(shares[0]) if left <= tolerance * np.linalg.norm(came) else None


def is_handed(pairs: Sequence[tuple[Layers, Layers]], tolerance: float, times: float = 1.0) -> bool:
    """Whether first steps go down by the gradients as they are handed out, or by so many times."""
    for handed, taken in pairs:
        for wanted, came in zip(tensors(handed), tensors(taken), strict=True):
            try:
                # A bias gradient of one number is taken by all units.
                whole = np.broadcast_to(times * wanted, came.shape)
            except ValueError:
                return False
            left = np.linalg.norm(came - whole)
            # What is as small as rounding of the parameters does not show in steps.
            if not left <= tolerance * np.linalg.norm(whole) + 1e-12:
                return False
    return bool(pairs)


def are_scaled_apart(inquiry: Inquiry) -> bool:
    """Whether gradients handed out are those of a loss but for factors that some tensors have."""
    handed, loss = inquiry.evidence.answers[0].gradients, inquiry.gradient_loss
    if inquiry.form is None or loss is None or handed is None:
        return False
    right = right_gradient(inquiry, loss, inquiry.layers, inquiry.batches[0])
    shares = handed_shares([(right, handed)], inquiry.tolerance)
    factors = [factor for own in shares.values() for factor in own]
    return bool(factors) and bool(np.ptp(factors) > NEAR * np.max(np.abs(factors)))


def share_of_all(shares: Shares, samples: Sequence[int]) -> Scale | None:
    """Return how many times steps take all tensors, if that is the same; else None.

    Parameters
    ----------
    samples : sequence of two ints
        The sizes of both batches.
    """
    scales = [scale_of(own, samples, NEAR, ONCE) for own in shares.values()]
    known = [scale for scale in scales if scale is not None]
    if not known or len(known) < len(scales):
        return None
    return known[0] if all(scale.is_near(known[0]) for scale in known) else None


def told_of_shares(shares: Shares, samples: Sequence[int], sizes: Sequence[int]) -> str:
    """Return how many times steps take what is handed out; nothing if once of all, or unknown.

    Parameters
    ----------
    samples : sequence of two ints
        The sizes of both batches.
    sizes : sequence of int
        Widths of all layers.
    """
    names: dict[str, list[str]] = {}
    for name, own in shares.items():
        scale = scale_of(own, samples, NEAR, ONCE)
        if scale is None:
            return ""
        between = ratio(scale, ONCE, sizes, NEAR)
        names.setdefault("" if between is None else between.text, []).append(name)
    as_it_is = names.pop("", [])
    parts = [f"{text} x what is handed out of {', '.join(of)}" for text, of in names.items()]
    if parts and as_it_is:
        parts.append(f"what is handed out of {', '.join(as_it_is)} as it is")
    return f"a first step takes {', and '.join(parts)}" if parts else ""
