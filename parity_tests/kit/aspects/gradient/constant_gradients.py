r"""Gradients of one number, whatever the samples are.

.. math:: \frac{\partial L}{\partial b_j} = c \quad \text{for all } j \text{ and all batches}

as where the derivative of :math:`z` by the bias, which is 1, is taken for that of the loss.
"""

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numpy_impl import InputError
from parity_tests.kit.aspects.observing import observe
from parity_tests.kit.aspects.walks import right_gradient
from parity_tests.kit.backprop.findings import Explanation, Finding
from parity_tests.kit.inquiry import Inquiry
from parity_tests.kit.probe import batch as drawn_batch
from parity_tests.kit.subject.subject import Batch, Layers, SubjectError, by_name

Array = NDArray[Any]

CAUSE = "gradient-constant"
# How closely all entries are one number, and how many batches more are asked.
_NEAR, _MORE = 1e-9, 8


def with_constants(
    inquiry: Inquiry, seen: Sequence[Layers], explanations: Sequence[Explanation]
) -> list[Explanation]:
    """Name gradients that are one number with all batches.

    What is expected of them has to have both signs: limits and signs of it are not one number then.

    Parameters
    ----------
    seen : sequence of two lists of Layer
        The gradients of both batches.
    explanations : sequence of two Explanation
        What they were found to be.
    """
    loss, tensors = explanations[0].loss, [by_name(own) for own in seen]
    shapes = {name: array.shape for name, array in by_name(inquiry.layers).items()}
    constant = [
        name
        for name, shape in shapes.items()
        if all(own[name].shape == shape for own in tensors)
        and _are_one_number(*(own[name] for own in tensors))
    ]
    if loss is None or not constant:
        return [*explanations]
    found = {}
    for name in constant:
        if _is_of_both_signs(inquiry, loss, name, tensors[0][name]):
            text = f"{tensors[0][name].flat[0]:.6g} in all entries, with all batches"
            found[name] = Finding(name, (CAUSE,), True, 1.0, 0.0, text, relative=True)
    return [
        replace(own, findings=[found.get(f.tensor, f) for f in own.findings])
        for own in explanations
    ]


def _is_of_both_signs(inquiry: Inquiry, loss: str, name: str, constant: Array) -> bool:
    """Whether a gradient stays one number until what is expected of it has had both signs."""
    rng, size = copy.deepcopy(inquiry.rng), len(inquiry.batches[0])
    others = range(0 if inquiry.is_given else _MORE)
    signs: set[float] = set()
    try:
        for batch in inquiry.batches:
            signs |= _signs(inquiry, loss, name, batch)
        for _ in others:
            if {-1.0, 1.0} <= signs:
                break
            batch = drawn_batch(inquiry.subject, size, rng)
            observed, _ = observe(inquiry, batch)
            if not _are_one_number(constant, by_name(observed)[name]):
                return False
            signs |= _signs(inquiry, loss, name, batch)
    except (InputError, SubjectError):
        return False
    return {-1.0, 1.0} <= signs


def _signs(inquiry: Inquiry, loss: str, name: str, batch: Batch) -> set[float]:
    expected = by_name(right_gradient(inquiry, loss, inquiry.layers, batch))[name]
    return {float(sign) for sign in np.sign(expected).ravel()}


def _are_one_number(one: Array, other: Array) -> bool:
    """Whether all entries of both are the same number, and not zero."""
    own = np.concatenate([one.ravel(), other.ravel()])
    size = np.abs(own).max()
    return bool(np.isfinite(size) and size > 0 and np.ptp(own) <= _NEAR * size)
