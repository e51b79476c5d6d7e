"""What a network is asked with: parameters and batches in which faults show."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.subject import Batch, Layer, Layers, Subject

Array = NDArray[Any]


def batch_sizes(subject: Subject) -> tuple[int, int]:
    """Return two numbers of samples unlike any width, so that a factor tells where it is from."""
    taken = {*subject.sizes, *(2 * size for size in subject.sizes)}
    free = [number for number in (7, 5, 3, 11, 13, 17, 19) if number not in taken]
    return free[0], free[1]


def parameters(subject: Subject, rng: np.random.Generator) -> Layers:
    """Return parameters of a size that neither dies out nor saturates, with biases not zero.

    Where they form no chain of layers, what is constant and not zero, as a gain is, stays near to
    that.
    """
    if not subject.is_chain:
        return [Layer(_drawn_near(now.weight, rng), None) for now in subject.get()]
    return [drawn_layer(*now.weight.shape, rng, bias=now.bias is not None) for now in subject.get()]


def drawn_layer(fan_out: int, fan_in: int, rng: np.random.Generator, *, bias: bool = True) -> Layer:
    """Return parameters of a layer, as `parameters` does."""
    weight = 1.5 / np.sqrt(fan_in) * rng.standard_normal((fan_out, fan_in))
    return Layer(weight, 0.3 * rng.standard_normal(fan_out) if bias else None)


def _drawn_near(made: Array, rng: np.random.Generator) -> Array:
    if made.ndim < 2 or 1 in made.shape:
        middle = float(made.flat[0]) if made.size and np.ptp(made) == 0 else 0.0
        return np.asarray(middle + 0.3 * rng.standard_normal(made.shape))
    # A square root of both widths serves either layout.
    return np.asarray(1.5 / made.size**0.25 * rng.standard_normal(made.shape))


def batch(subject: Subject, samples: int, rng: np.random.Generator) -> Batch:
    """Return samples of both signs, with labels in which classes repeat and others are absent."""
    inputs = rng.standard_normal((samples, subject.sizes[0]))
    classes = max(subject.outputs, 2)
    labels = rng.integers(0, classes, samples)
    # The last class is there, so that one-hot labels that are sized by it have all columns.
    labels[0] = classes - 1
    if subject.outputs == 1:
        labels[:2] = 1, 0
    return subject.batch(inputs, labels)
