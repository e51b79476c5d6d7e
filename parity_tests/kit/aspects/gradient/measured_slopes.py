r"""Derivatives that are of no known form, measured where what comes back is multiplied by them.

The gradient of one sample is a product, by whose factor what a layer hands back is known:

.. math:: \frac{\partial L}{\partial W_l} = \delta_l a_{l-1}^T, \qquad
          m = \frac{\delta_l}{W_{l+1}^T \delta_{l+1}}

where :math:`m` is :math:`f'(z_l)` if it is right. It is a function of :math:`z_l` alone if it is
the same for two samples that have the same in some units, and other values in the rest.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.aspects.gradient.account import Account
from parity_tests.kit.aspects.observing import observe
from parity_tests.kit.forward import functions, run
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.subject.subject import Batch, SubjectError
from parity_tests.kit.verdicts import DIFFERS, Verdict, named

Array = NDArray[Any]

# How many times the distance that rounding makes two quotients may be apart.
TIMES = 1e3
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
        seen = _seen(account.inquiry, int(first.tensor[1:]) - 1)
    except SubjectError:
        return []
    if seen:
        told = named("gradient", "derivative-of-another-function", seen, first.tensor)
        account.verdicts = [told if own is first else own for own in account.verdicts]
    return []


def _is_below_the_last(account: Account, verdict: Verdict) -> bool:
    name, depth = verdict.tensor or "", len(account.inquiry.layers)
    is_unknown = verdict.status == DIFFERS and verdict.cause is None
    return is_unknown and name in {f"W{number}" for number in range(1, depth)}


def _seen(inquiry: Inquiry, number: int) -> str:
    """Return what the derivative of a layer, from 0, is; empty if it is none of z alone."""
    form = inquiry.form
    assert form is not None
    close, own = TIMES * inquiry.tolerance, functions(form)[0][number]
    pairs = list(_pairs(inquiry, number))
    z, one, other = (
        (np.concatenate(part) for part in zip(*pairs, strict=True)) if pairs else [[]] * 3
    )
    if len(z) < _ENOUGH or not np.all(np.abs(one - other) <= close * np.maximum(1.0, np.abs(one))):
        return ""
    right = own.slope(z)
    if np.all(np.abs(one - right) <= close * np.maximum(1.0, np.abs(right))):
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

    Half of the units are turned away from what the samples differ by.
    """
    form, batch, own = inquiry.form, inquiry.batches[0], inquiry.layers[number]
    assert form is not None
    values = run(form, inquiry.layers, batch.inputs).activations[number]
    some = slice(0, (len(own.weight) + 1) // 2)
    for first in range(0, len(batch) - 1, 2):
        apart = values[first] - values[first + 1]
        if not apart.any():
            continue
        weight = own.weight.copy()
        weight[some] -= np.outer(weight[some] @ apart, apart) / (apart @ apart)
        with inquiry.elsewhere():
            layers = list(inquiry.layers)
            layers[number] = replace(own, weight=weight)
            inquiry.layers = inquiry.subject.begin(layers)
            samples = (batch.part(slice(n, n + 1)) for n in (first, first + 1))
            (z, one), (_, other) = (_multipliers(inquiry, number, sample) for sample in samples)
        is_told = np.isfinite(one[some]) & np.isfinite(other[some])
        yield z[some][is_told], one[some][is_told], other[some][is_told]


def _multipliers(inquiry: Inquiry, number: int, sample: Batch) -> tuple[Array, Array]:
    """Return pre-activations of one sample, and multipliers of what comes back; NaN if unknown."""
    form = inquiry.form
    assert form is not None
    passed = run(form, inquiry.layers, sample.inputs)
    observed, _ = observe(inquiry, sample)
    z = passed.logits[number][0]
    delta, above = (
        factor_of_product(observed[n].weight, passed.activations[n][0], TIMES * inquiry.tolerance)
        for n in (number, number + 1)
    )
    back = above @ inquiry.layers[number + 1].weight
    with np.errstate(all="ignore"):
        multipliers = np.where(np.abs(back) > _LEAST * np.abs(back).max(), delta / back, np.nan)
    return z, multipliers


def factor_of_product(product: Array, values: Array, close: float) -> Array:
    """Return what a product of two vectors has beside these; NaN if it is no such product."""
    size = float(values @ values)
    factor = product @ values / size if size else np.full(len(product), np.nan)
    is_product = np.linalg.norm(product - np.outer(factor, values)) <= close * np.linalg.norm(
        product
    )
    return factor if is_product else np.full(len(product), np.nan)
