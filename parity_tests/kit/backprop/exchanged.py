r"""Gradients of a layer that are those of another one, whose parameters have the same shape.

.. math:: G_l = \frac{\partial L}{\partial W_m}, \qquad m \ne l

What is carried back is right then: an index is wrong where gradients are taken, or handed to the
update.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from numpy.typing import NDArray

from parity_tests.kit.backprop.findings import Finding
from parity_tests.kit.candidates.candidate import Candidate
from parity_tests.kit.candidates.decayed import OF_ONE_ARRAY
from parity_tests.kit.fitting import fit
from parity_tests.kit.subject.subject import Layers

Array = NDArray[Any]

OF_ANOTHER = "gradient-of-another-parameter"
# The gradient of the pre-activation below a layer: ``f(delta, number)``.
Back = Callable[[Array, int], Array]


def that_of_another(
    number: int,
    observed: Array,
    layers: Layers,
    rights: Sequence[Candidate],
    back: Back,
    inputs: Sequence[Array],
    tolerance: float,
) -> Finding | None:
    """Return that the gradient of a matrix is that of another one, or None if it is not.

    Parameters
    ----------
    number : int
        Which layer, from 0.
    observed : ndarray
        The gradient of its matrix.
    layers : list of Layer
        The parameters.
    rights : sequence of Candidate
        What the gradient of the last pre-activation should be.
    back : callable
        ``f(delta, number)``, what a right backward pass makes of the gradient of a pre-activation.
    inputs : sequence of ndarray of shape (samples, in_features)
        What goes into each layer.
    tolerance : float
        The largest residual that passes.
    """
    alike = {
        other
        for other, layer in enumerate(layers)
        if other != number and layer.weight.shape == observed.shape
    }
    # Of few numbers, one array is a multiple of another one by chance.
    if not alike or observed.size < OF_ONE_ARRAY:
        return None
    for right in rights:
        for other, delta in _carried(right.value, len(layers), back):
            if other not in alike:
                continue
            factor, residual = fit(observed, delta.T @ inputs[other])
            if factor and residual <= tolerance:
                name, text = f"W{number + 1}", f"that of W{other + 1}"
                return Finding(name, (OF_ANOTHER,), True, factor, residual, text)
    return None


def _carried(delta: Array, depth: int, back: Back) -> Iterator[tuple[int, Array]]:
    """Yield the gradient of each pre-activation, the last first, with the number of its layer."""
    for number in reversed(range(depth)):
        yield number, delta
        if number:
            delta = back(delta, number)
