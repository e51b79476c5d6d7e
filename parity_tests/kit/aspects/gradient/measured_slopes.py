r"""Derivatives that are of no known form, measured where what comes back is multiplied by them.

Of one sample the error of each layer is known, and what a layer hands back is multiplied by

.. math:: m = \frac{\delta_l}{W_{l+1}^T \delta_{l+1}}

where :math:`m` is :math:`f'(z_l)` if it is right. It is a function of :math:`z_l` alone if it is
the same for two samples that have the same in some units, in other places, beside other values.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.aspects.gradient.account import Account
from parity_tests.kit.aspects.gradient.single_samples import (
    add_up,
    are_near,
    close_of,
    errors_of,
)
from parity_tests.kit.forward import functions, run
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.subject.subject import Batch, Layer, SubjectError
from parity_tests.kit.verdicts import DIFFERS, Verdict, named

Array = NDArray[Any]

# What is handed back is told from nothing from here on, relative to the largest.
_LEAST = 1e-3
# Pre-activations of which the derivative has to be known, and of how many it is told.
_ENOUGH, _TOLD = 6, 5


def of_measured_slope(account: Account) -> list[Verdict]:
    """Name a derivative that is a function of the pre-activation, if that is what is unknown."""
    unknown = [verdict for verdict in account.verdicts if _is_below_the_last(account, verdict)]
    if not unknown or account.inquiry.is_given:
        return []
    first = unknown[0]
    assert first.tensor is not None
    try:
        seen = _seen(account, int(first.tensor[1:]) - 1)
    except SubjectError:
        return []
    if seen:
        cause = "derivative-of-another-function"
        account.tell(first, named("gradient", cause, seen, first.tensor))
    return []


def _is_below_the_last(account: Account, verdict: Verdict) -> bool:
    name, depth = verdict.tensor or "", len(account.inquiry.layers)
    is_unknown = verdict.status == DIFFERS and verdict.cause is None
    return is_unknown and name in {f"W{number}" for number in range(1, depth)}


def _seen(account: Account, number: int) -> str:
    """Return what the derivative of a layer, from 0, is; empty if it is none of z alone."""
    inquiry, form = account.inquiry, account.inquiry.form
    assert form is not None
    pairs = list(_pairs(inquiry, number))
    if not pairs:
        return ""
    z, one, other = (np.concatenate(part) for part in zip(*pairs, strict=True))
    own, close = functions(form)[0][number], close_of(inquiry)
    right = own.slope(z)
    is_told = len(z) >= _ENOUGH and are_near(one, other, close) and not are_near(right, one, close)
    if not is_told or not add_up(account, (number, number + 1)):
        return ""
    order = np.argsort(z)[np.linspace(0, len(z) - 1, _TOLD).astype(int)]
    at, came, wanted = (", ".join(f"{v:.3g}" for v in part[order]) for part in (z, one, right))
    name = f"z{number + 1}"
    return (
        f"what comes back is multiplied by a function of {name} alone, and by another one than "
        f"{own.name}': at {name} = {at} it is {came}, and {own.name}' is {wanted}"
    )


def _pairs(inquiry: Inquiry, number: int) -> Iterator[tuple[Array, Array, Array]]:
    """Yield pre-activations that two samples have in common, and the multipliers of each.

    Half of the units are turned away from what the samples differ by; for the second sample all
    units are in other places.
    """
    form, batch, own = inquiry.form, inquiry.batches[0], inquiry.layers[number]
    assert form is not None
    values = run(form, inquiry.layers, batch.inputs).activations[number]
    units = len(own.weight)
    some = slice(0, (units + 1) // 2)
    for first in range(0, len(batch) - 1, 2):
        apart = values[first] - values[first + 1]
        if not apart.any():
            continue
        weight, places = own.weight.copy(), inquiry.rng.permutation(units)
        weight[some] -= np.outer(weight[some] @ apart, apart) / (apart @ apart)
        bias = own.bias if own.bias is None or own.has_shared_bias else own.bias[places]
        one, two = (batch.part(slice(n, n + 1)) for n in (first, first + 1))
        turned, moved = replace(own, weight=weight), replace(own, weight=weight[places], bias=bias)
        z, multipliers = _multipliers(inquiry, number, turned, one)
        others = np.empty(units)
        _, others[places] = _multipliers(inquiry, number, moved, two)
        is_told = np.isfinite(multipliers[some]) & np.isfinite(others[some])
        yield z[some][is_told], multipliers[some][is_told], others[some][is_told]


def _multipliers(inquiry: Inquiry, number: int, layer: Layer, sample: Batch) -> tuple[Array, Array]:
    """Return pre-activations of one sample, and multipliers of what comes back; NaN if unknown.

    Parameters
    ----------
    layer : Layer
        What stands in the place of that layer.
    """
    form = inquiry.form
    assert form is not None
    with inquiry.elsewhere():
        layers = [*inquiry.layers[:number], layer, *inquiry.layers[number + 1 :]]
        inquiry.layers = inquiry.subject.begin(layers)
        z = run(form, inquiry.layers, sample.inputs).logits[number][0]
        error, above = errors_of(inquiry, sample, (number, number + 1))
    back = above @ inquiry.layers[number + 1].weight
    with np.errstate(all="ignore"):
        return z, np.where(np.abs(back) > _LEAST * np.abs(back).max(), error / back, np.nan)
