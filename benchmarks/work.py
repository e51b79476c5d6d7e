"""The work that every contender does: the same data, first weights, orders and settings."""

import itertools
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numpy_impl import mlp

SIZES = (784, 128, 10)
BATCH_SIZE = 64
LR = 1e-3
SCALE = 1 / 255  # from bytes to [0, 1]


@dataclass(frozen=True)
class Work:
    """What a contender is given.

    Attributes
    ----------
    pixels : ndarray of uint8, shape (samples, inputs)
    labels : ndarray of int64, shape (samples,)
    orders : ndarray of int64, shape (epochs, samples of an epoch)
        The order of the samples in each epoch; the first is for the warm-up.
    weights : tuple of ndarray of float32, shape (outputs, inputs) each
        First weights of the layers, in PyTorch's layout. Biases start at zero.
    batch_size : int
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    orders: NDArray[np.int64]
    weights: tuple[NDArray[np.float32], ...]
    batch_size: int = BATCH_SIZE

    @property
    def sizes(self) -> tuple[int, ...]:
        """Widths of the network, from the input to the output."""
        return (self.weights[0].shape[1], *(len(weight) for weight in self.weights))

    def state_dict(self) -> dict[str, NDArray[np.float32]]:
        """Return the first parameters under PyTorch's names."""
        state = {}
        for number, weight in enumerate(self.weights):
            state[f"{2 * number}.weight"] = weight
            state[f"{2 * number}.bias"] = np.zeros(len(weight), np.float32)
        return state

    def inputs(self, rows: int) -> NDArray[np.float32]:
        """Return the first samples, scaled."""
        return self.pixels[:rows] * np.float32(SCALE)

    def save(self, path: Path) -> None:
        """Write everything to an .npz file, for another process."""
        weights = {f"weights{number}": weight for number, weight in enumerate(self.weights)}
        np.savez(
            path,
            pixels=self.pixels,
            labels=self.labels,
            orders=self.orders,
            batch_size=self.batch_size,
            **weights,
        )

    @classmethod
    def load(cls, path: Path) -> "Work":
        """Read what `save` wrote, or make what a `Recipe` in a .json file says."""
        if path.suffix == ".json":
            return Recipe(**json.loads(path.read_text())).make()
        with np.load(path) as arrays:
            names = (f"weights{number}" for number in itertools.count())
            weights = tuple(
                arrays[name] for name in itertools.takewhile(arrays.__contains__, names)
            )
            return cls(
                arrays["pixels"],
                arrays["labels"],
                arrays["orders"],
                weights,
                int(arrays["batch_size"]),
            )


@dataclass(frozen=True)
class Recipe:
    """How to make up work of any size, from a seed: random bytes, and labels that mean nothing.

    Attributes
    ----------
    sizes : sequence of int
        Widths of the network.
    batch_size : int
    samples : int
        Rows of the data set.
    steps : int
        Length of an epoch, whose samples are drawn from all rows.
    epochs : int
    """

    sizes: Sequence[int]
    batch_size: int
    samples: int
    steps: int
    epochs: int

    @property
    def operations(self) -> int:
        """Multiplications and additions of a step, were all gradients computed."""
        weights = sum(a * b for a, b in itertools.pairwise(self.sizes))
        return 6 * self.batch_size * weights

    def make(self) -> Work:
        """Return the work; the same in every process."""
        rng = np.random.default_rng(0)
        pixels = np.frombuffer(rng.bytes(self.samples * self.sizes[0]), np.uint8)
        labels = rng.integers(0, self.sizes[-1], self.samples)
        orders = rng.integers(0, self.samples, (self.epochs, self.steps * self.batch_size))
        weights = mlp(self.sizes, rng=rng).state_dict()
        matrices = tuple(value for name, value in weights.items() if name.endswith("weight"))
        return Work(pixels.reshape(self.samples, -1), labels, orders, matrices, self.batch_size)

    def save(self, path: Path) -> None:
        """Write the recipe to a .json file, for another process."""
        path.write_text(json.dumps(asdict(self)))


def log_probabilities(outputs: NDArray[Any]) -> NDArray[np.float64]:
    """Return the logarithms of the probabilities that logits, or probabilities, stand for."""
    values = np.asarray(outputs, np.float64)
    if (values >= 0).all() and np.allclose(values.sum(axis=1), 1, atol=1e-5):
        result: NDArray[np.float64] = np.log(values)
        return result
    shifted: NDArray[np.float64] = values - values.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
