"""Slopes of the loss that a network reports, entry by entry, whatever its forward pass is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.subject.subject import Batch, Layer, Layers, Subject

Array = NDArray[Any]


@dataclass(frozen=True)
class _Differences:
    """How slopes are taken.

    Attributes
    ----------
    step : float
        Relative to parameters of about 1: the error of a central difference is h^2 from its
        curvature and eps / h from rounding.
    smooth : float
        How far the slopes of two steps may differ where the loss is smooth.
    least : float
        What is added to a slope for that.
    """

    step: float
    smooth: float
    least: float


_DOUBLE = _Differences(1e-5, 1e-6, 1.0)
# In single precision two digits are left; where they are not, the two steps show it.
_SINGLE = _Differences(1e-2, 1e-2, 0.0)
# How many times a loss is rounded, at most, while it is summed.
_ROUNDINGS = 8


def noise_of(loss: float, *, is_float32: bool = False) -> float:
    r"""Return how far a slope may be off, whatever its size.

    .. math:: \frac{n \, \epsilon \, |\ell|}{2 h} + \text{least}
    """
    how, precision = (_SINGLE, np.float32) if is_float32 else (_DOUBLE, np.float64)
    rounding = _ROUNDINGS * float(np.finfo(precision).eps) * abs(loss) / (2 * how.step)
    return rounding + how.smooth * how.least


def slopes(
    subject: Subject,
    layers: Layers,
    batch: Batch,
    entries: int,
    rng: np.random.Generator,
    loss: Callable[[Batch], float],
    *,
    is_float32: bool = False,
    of_biases: bool = False,
    renewed: bool = False,
) -> dict[str, tuple[Array, Array]]:
    """Return slopes of a loss for some entries of every parameter.

    Parameters
    ----------
    subject : Subject
        Gets the parameters at which the loss is asked.
    entries : int
        Of each tensor at most.
    loss : callable
        ``f(batch)``, the loss by the parameters that the network has.
    is_float32 : bool, default False
        Whether parameters or losses are single precision: about two digits are right then.
    of_biases : bool, default False
        Whether those of biases are all that is asked.
    renewed : bool, default False
        Whether each loss is asked of a new network, as where a call leaves something for the next.

    Returns
    -------
    dict of str to (ndarray of int, ndarray)
        By the tensor's name: positions in the flattened tensor, (out, in) for a matrix, and the
        slopes there. Entries next to a kink are left out.
    """
    found = {}
    how = _SINGLE if is_float32 else _DOUBLE
    write = subject.begin if renewed else subject.set
    write(layers)
    middle = loss(batch)
    for number, layer in enumerate(layers):
        for name, tensor in ((f"W{number + 1}", layer.weight), (f"b{number + 1}", layer.bias)):
            if tensor is None or (of_biases and name.startswith("W")):
                continue
            chosen = rng.permutation(tensor.size)[:entries]
            pairs = [
                _slope(write, layers, batch, (number, name[0]), int(position), loss, how, middle)
                for position in chosen
            ]
            smooth = [n for n, pair in enumerate(pairs) if pair is not None]
            values = np.array([pairs[n] for n in smooth], np.float64)
            found[name] = chosen[smooth], values
    write(layers)
    return found


def _slope(
    write: Callable[[Layers], Layers],
    layers: Layers,
    batch: Batch,
    where: tuple[int, str],
    position: int,
    loss: Callable[[Batch], float],
    how: _Differences,
    middle: float,
) -> float | None:
    r"""Return the slope of one entry, None where the loss is not smooth.

    At a kink, differences of all steps are the same mean of two slopes. What tells it is that the
    slopes on both sides differ by as much with every step:

    .. math:: \frac{\ell(h) - 2 \ell(0) + \ell(-h)}{h} = h \ell'' + O(h^3)

    Parameters
    ----------
    middle : float
        The loss by the parameters as they are.
    """
    number, is_weight = where[0], where[1] == "W"
    found, bends = [], []
    for step in (how.step, 2 * how.step):
        ends, places = [], []
        for sign in (1, -1):
            moved = list(layers)
            layer = layers[number]
            tensor = layer.weight if is_weight else layer.bias
            assert tensor is not None
            tensor = tensor.copy()
            tensor.flat[position] += sign * step
            moved[number] = Layer(tensor, layer.bias) if is_weight else Layer(layer.weight, tensor)
            # What is written is rounded to the precision of the parameters.
            kept = write(moved)[number]
            places.append(np.ravel(kept.weight if is_weight else kept.bias)[position])
            ends.append(loss(batch))
        found.append(float((ends[0] - ends[1]) / (places[0] - places[1])))
        bends.append(float((ends[0] - 2 * middle + ends[1]) / step))
    allowed = how.smooth * (how.least + abs(found[0]))
    near = abs(found[0] - found[1]) <= allowed and abs(2 * bends[0] - bends[1]) <= 2 * allowed
    # The curvature of the smaller step is a fourth of that of the larger.
    return found[0] + (found[0] - found[1]) / 3 if near else None
