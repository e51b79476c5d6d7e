"""Factors of which each layer has its own, by its widths.

So they come of a length that is taken along the wrong axis of what a layer is given, or of the
size of a matrix where the number of samples is meant.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from math import sqrt

_LENGTHS: dict[str, Callable[[int, int], int]] = {
    "its inputs": lambda inputs, _: inputs,
    "its inputs + 1": lambda inputs, _: inputs + 1,
    "its outputs": lambda _, outputs: outputs,
    "its inputs x outputs": lambda inputs, outputs: inputs * outputs,
}
_FORMS: dict[str, Callable[[int], float]] = {
    "1 / ({})": lambda length: 1 / length,
    "({})": float,
    "1 / sqrt({})": lambda length: 1 / sqrt(length),
    "sqrt({})": sqrt,
}


def by_width(
    factors: Mapping[int, Sequence[float]], sizes: Sequence[int], tolerance: float
) -> str | None:
    """Return in words what the factors of each layer are, if they go by its widths.

    Parameters
    ----------
    factors : mapping of int to sequence of float
        Those of the tensors of some layers, by the number of the layer, from 1.
    sizes : sequence of int
        Widths of all layers, the inputs first.
    tolerance : float
        Relative.

    Returns
    -------
    str or None
        None too if they are the same in all layers, which has other reasons.
    """
    return next(_forms(factors, sizes, tolerance), None)


def _forms(
    factors: Mapping[int, Sequence[float]], sizes: Sequence[int], tolerance: float
) -> Iterator[str]:
    for (name, length), (form, value) in product(_LENGTHS.items(), _FORMS.items()):
        wanted = {number: value(length(*sizes[number - 1 : number + 1])) for number in factors}
        is_met = all(
            abs(own / wanted[number] - 1) <= tolerance
            for number, layer in factors.items()
            for own in layer
        )
        if is_met and len(set(wanted.values())) > 1:
            yield form.format(name)
