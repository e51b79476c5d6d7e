r"""What the gradient of one sample tells: it is a product, by whose factor the error is known.

.. math:: \frac{\partial L}{\partial W_l} = \delta_l a_{l-1}^T + \lambda W_l, \qquad
          \frac{\partial L}{\partial b_l} = \delta_l

What a penalty adds shows where the product is nothing: across :math:`a_{l-1}`.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.aspects.gradient.account import Account
from parity_tests.kit.aspects.observing import observe
from parity_tests.kit.fitting import fit
from parity_tests.kit.forward import run
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.subject.subject import Batch, Layer

Array = NDArray[Any]

# How many times the distance that rounding makes two numbers may be apart.
_TIMES = 1e3


def close_of(inquiry: Inquiry) -> float:
    """Return how near two numbers are that were measured and should be the same."""
    return _TIMES * inquiry.tolerance


def are_near(one: Array, other: Array, close: float) -> bool:
    """Whether numbers are the same, relative to what they are or to 1; NaN is no number."""
    return bool(np.all(np.abs(one - other) <= close * np.maximum(1.0, np.abs(one))))


def errors_of(inquiry: Inquiry, sample: Batch, numbers: Sequence[int]) -> list[Array]:
    """Return the error of some layers, from 0, for one sample; NaN where it has no single one.

    A bias has the same as the matrix.
    """
    assert inquiry.form is not None
    values = run(inquiry.form, inquiry.layers, sample.inputs).activations
    observed, _ = observe(inquiry, sample)
    layers, close = inquiry.layers, close_of(inquiry)
    return [_error(observed[n], layers[n], values[n][0], close) for n in numbers]


def _error(observed: Layer, layer: Layer, values: Array, close: float) -> Array:
    product, bias = observed.weight, observed.bias
    unknown = np.full(len(product), np.nan)
    size = float(values @ values)
    if not size:
        return unknown
    error = product @ values / size
    left = product - np.outer(error, values)
    if not np.linalg.norm(left) <= close * np.linalg.norm(product):
        across = layer.weight - np.outer(layer.weight @ values / size, values)
        share, residual = fit(left, across)
        if residual > close:
            return unknown
        error = (product - share * layer.weight) @ values / size
    is_shared = bias is None or bias.size != error.size
    return error if is_shared or are_near(np.ravel(bias), error, close) else unknown


def add_up(account: Account, numbers: Sequence[int]) -> bool:
    """Whether the gradient of a batch is that of its samples, one multiple of their sum.

    Parameters
    ----------
    numbers : sequence of int
        Layers, from 0, of which that is asked.
    """
    inquiry, batch = account.inquiry, account.inquiry.batches[0]
    alone = [observe(inquiry, batch.part(slice(n, n + 1)))[0] for n in range(len(batch))]
    factors = []
    for number in numbers:
        total = sum(own[number].weight for own in alone)
        factor, residual = fit(account.gradients[0][number].weight, np.asarray(total))
        if not residual <= close_of(inquiry):
            return False
        factors.append(factor)
    return bool(np.ptp(factors) <= close_of(inquiry) * abs(factors[0]))
