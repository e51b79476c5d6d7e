"""Widths of the layers of networks that are made to be asked."""

from collections.abc import Sequence
from dataclasses import dataclass

# A gradient's tensors have different sizes, and their factors cannot be mixed up.
_INPUTS, _HIDDEN, _SECOND, _OUTPUTS = 12, 9, 8, 10
_SAMPLES = 7


@dataclass(frozen=True)
class Widths:
    """Widths of the layers of a network that is made to be asked.

    Attributes
    ----------
    inputs : int
    hidden : tuple of tuple of int
        Widths of hidden layers, those that are tried first in front. By default these are small,
        and no two of them the same; two layers first, since some faults show in the second only.
    outputs : int
    """

    inputs: int = _INPUTS
    hidden: tuple[tuple[int, ...], ...] = ((_HIDDEN, _SECOND), (_HIDDEN,))
    outputs: int = _OUTPUTS

    @classmethod
    def of(cls, sizes: Sequence[int]) -> "Widths":
        """Return those of a network of given sizes, from the inputs to the outputs."""
        inputs, *hidden, outputs = sizes
        return cls(inputs, (tuple(hidden),), outputs)

    @property
    def wholes(self) -> list[tuple[int, ...]]:
        """From the inputs to the outputs, those that are tried first in front."""
        return [(self.inputs, *hidden, self.outputs) for hidden in self.hidden]

    def nth(self, number: int) -> int:
        """Return the width of a hidden layer, from 0; layers beyond the last are one narrower."""
        widths = self.hidden[0] or (_HIDDEN,)
        return widths[number] if number < len(widths) else max(widths[-1] - 1, 1)

    def chain(self, matrices: int) -> list[int]:
        """Return widths for so many matrices, from the inputs to the outputs."""
        return [self.inputs, *map(self.nth, range(matrices - 1)), self.outputs]

    @property
    def data(self) -> dict[str, str]:
        """Code of samples and of one-hot labels, for what is made for its data."""
        classes = max(self.outputs, _SAMPLES)
        columns = f", :{self.outputs}" if classes > self.outputs else ""
        return {
            "inputs": f"np.random.randn({_SAMPLES}, {self.inputs})",
            "labels": f"np.eye({classes})[:{_SAMPLES}{columns}]",
        }
