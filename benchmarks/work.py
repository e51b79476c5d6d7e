"""The work that every contender does: the same data, first weights, orders and settings."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIZES = (784, 128, 10)
BATCH_SIZE = 64
LR = 1e-3
SCALE = 1 / 255  # from bytes to [0, 1]

PARAMETER = "parameter:"  # before the names of parameters in a file


@dataclass(frozen=True)
class Work:
    """What a contender is given.

    Attributes
    ----------
    pixels : ndarray of uint8, shape (samples, features)
    labels : ndarray of int64, shape (samples,)
    parameters : dict of str to ndarray of float32
        First parameters under PyTorch's names and in PyTorch's layout: ``0.weight`` of shape
        (out_features, in_features), ``0.bias`` of shape (out_features,), ``2.weight``, ...
    orders : ndarray of int64, shape (epochs, at most samples)
        The order of the samples in each epoch; the first is for the warm-up.
    batch_size : int
        Samples per step. The last batch of an epoch holds the rest.
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    parameters: dict[str, NDArray[np.float32]]
    orders: NDArray[np.int64]
    batch_size: int = BATCH_SIZE

    @property
    def layers(self) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
        """Weights and bias of each linear layer, the one next to the input first."""
        values = list(self.parameters.values())
        return list(zip(values[::2], values[1::2], strict=True))

    @property
    def sizes(self) -> tuple[int, ...]:
        """Width of the input, of each hidden layer, and of the output."""
        return sizes_of(self.parameters)

    def save(self, path: Path) -> None:
        """Write everything to an .npz file, for another process."""
        arrays: dict[str, Any] = {PARAMETER + name: a for name, a in self.parameters.items()}
        np.savez(
            path,
            pixels=self.pixels,
            labels=self.labels,
            orders=self.orders,
            batch_size=self.batch_size,
            **arrays,
        )

    @classmethod
    def load(cls, path: Path) -> "Work":
        """Read what `save` wrote."""
        with np.load(path) as arrays:
            parameters = {
                name.removeprefix(PARAMETER): arrays[name]
                for name in arrays.files
                if name.startswith(PARAMETER)
            }
            return cls(
                arrays["pixels"],
                arrays["labels"],
                parameters,
                arrays["orders"],
                int(arrays["batch_size"]),
            )


def sizes_of(parameters: dict[str, NDArray[np.float32]]) -> tuple[int, ...]:
    """Return the widths of the network that the parameters belong to."""
    weights = list(parameters.values())[::2]
    return (weights[0].shape[1], *(len(weight) for weight in weights))


def draw_parameters(
    sizes: Sequence[int], rng: np.random.Generator
) -> dict[str, NDArray[np.float32]]:
    """Draw the parameters of a network by He initialization, under PyTorch's names."""
    # Only who draws needs the library; the contenders are not to load it by way of this module.
    from numpy_impl import mlp

    return mlp(sizes, rng=rng).state_dict()
