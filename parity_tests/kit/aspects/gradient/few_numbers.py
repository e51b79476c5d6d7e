"""Matrices of so few entries that a factor and a penalty explain any: two batches tell."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from parity_tests.kit.backprop.findings import Explanation, Finding
from parity_tests.kit.scales import NEAR, scale_of
from parity_tests.kit.subject.subject import Layers


def without_chance(
    layers: Layers, explanations: Sequence[Explanation], samples: Sequence[int], tolerance: float
) -> list[Explanation]:
    r"""Take matrices for unknown whose penalty is another one with each batch.

    Of two entries, a factor c and a share of the weights always solve

    .. math:: G = c \, \delta^T a + \lambda W

    so that only what two batches have in common says that there is a penalty.

    Parameters
    ----------
    layers : list of Layer
        Parameters.
    explanations : sequence of two Explanation
        Of two batches.
    samples : sequence of two ints
        Their sizes.
    tolerance : float
        Relative distance up to which a tensor is taken for a multiple of another.
    """
    first, second = explanations
    chance: dict[str, int] = {}
    for one, other in zip(first.findings, second.findings, strict=True):
        size = layers[int(one.tensor[1:]) - 1].weight.size
        shares = max(len(one.decay), len(other.decay))
        is_few = one.tensor.startswith("W") and shares and size <= 1 + shares
        if is_few and not _are_alike(one, other, samples, max(NEAR, tolerance)):
            chance[one.tensor] = size
    return [
        replace(
            own,
            findings=[_unknown(f, chance[f.tensor]) if f.tensor in chance else f for f in found],
        )
        for own, found in ((own, own.findings) for own in explanations)
    ]


def _are_alike(one: Finding, other: Finding, samples: Sequence[int], tolerance: float) -> bool:
    """Whether the factors of two batches, and all shares, go with a power of their sizes."""
    if set(one.decay) != set(other.decay):
        return False
    pairs = [(one.factor, other.factor), *((one.decay[k], other.decay[k]) for k in one.decay)]
    return all(scale_of(pair, samples, tolerance) is not None for pair in pairs)


def _unknown(finding: Finding, size: int) -> Finding:
    text = (
        f"the {size} entries of {finding.tensor} are a multiple of what was expected beside one "
        "of the weights, as any numbers are, and with another batch other multiples"
    )
    return replace(
        finding, causes=("unknown",), known=False, residual=np.inf, text=text, also=[], decay={}
    )
