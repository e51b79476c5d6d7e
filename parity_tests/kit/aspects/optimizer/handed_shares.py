"""How many times steps take each tensor of the gradients that are handed out beside them."""

from collections.abc import Mapping, Sequence

from parity_tests.kit.fitting import fit
from parity_tests.kit.scales import NEAR, Scale, ratio, scale_of
from parity_tests.kit.subject.subject import Layers, by_name

# How many times with each batch, of each tensor.
Shares = Mapping[str, Sequence[float]]
_ONCE = Scale(1.0, 0)


def handed_shares(pairs: Sequence[tuple[Layers, Layers]], tolerance: float) -> Shares:
    """Return how many times the gradients handed out steps take, by the names of the tensors.

    Parameters
    ----------
    pairs : sequence of (handed out, taken)
        One for each batch.
    tolerance : float
        Relative distance up to which one is a multiple of the other.

    Returns
    -------
    Shares
        Empty if what is taken of one tensor is no multiple of what is handed out.
    """
    found: dict[str, list[float]] = {}
    for handed, taken in pairs:
        came = by_name(taken)
        for name, own in by_name(handed).items():
            if own.shape != came[name].shape:
                return {}
            share, residual = fit(came[name], own)
            if not residual <= tolerance:
                return {}
            found.setdefault(name, []).append(share)
    return found


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
        scale = scale_of(own, samples, NEAR, _ONCE)
        if scale is None:
            return ""
        between = ratio(scale, _ONCE, sizes, NEAR)
        names.setdefault("" if between is None else between.text, []).append(name)
    as_it_is = names.pop("", [])
    parts = [f"{text} x what is handed out of {', '.join(of)}" for text, of in names.items()]
    if parts and as_it_is:
        parts.append(f"what is handed out of {', '.join(as_it_is)} as it is")
    return f"a first step takes {', and '.join(parts)}" if parts else ""
