"""The work that every contender does: the same data, first weights, orders and settings."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIZES = (784, 128, 10)
BATCH_SIZE = 64
LR = 1e-3
SCALE = 1 / 255  # from bytes to [0, 1]


@dataclass(frozen=True)
class Work:
    """What a contender is given.

    Attributes
    ----------
    pixels : ndarray of uint8, shape (samples, 784)
    labels : ndarray of int64, shape (samples,)
    weights1, bias1, weights2, bias2 : ndarray of float32
        First parameters, in PyTorch's layout: (out_features, in_features) and (out_features,).
    orders : ndarray of int64, shape (epochs, samples)
        The order of the samples in each epoch; the first is for the warm-up.
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    weights1: NDArray[np.float32]
    bias1: NDArray[np.float32]
    weights2: NDArray[np.float32]
    bias2: NDArray[np.float32]
    orders: NDArray[np.int64]

    def state_dict(self) -> dict[str, NDArray[np.float32]]:
        """Return the first parameters under PyTorch's names."""
        return {
            "0.weight": self.weights1,
            "0.bias": self.bias1,
            "2.weight": self.weights2,
            "2.bias": self.bias2,
        }

    def save(self, path: Path) -> None:
        """Write everything to an .npz file, for another process."""
        arrays: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        np.savez(path, **arrays)

    @classmethod
    def load(cls, path: Path) -> "Work":
        """Read what `save` wrote."""
        with np.load(path) as arrays:
            return cls(**arrays)
