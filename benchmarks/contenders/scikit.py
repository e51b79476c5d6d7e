"""scikit-learn's MLPClassifier, an epoch at a time."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.neural_network import MLPClassifier

from benchmarks.work import BATCH_SIZE, LR, SCALE, Work


class GivenValues(np.random.RandomState):
    """A generator that draws the given arrays, whatever is asked for.

    It is how the classifier comes to the first parameters of all: it draws the weights and the
    bias of each layer, one after the other.
    """

    def __init__(self, values: list[NDArray[Any]]) -> None:
        super().__init__(0)
        self._values = iter(values)

    def uniform(self, low: Any = 0.0, high: Any = 1.0, size: Any = None) -> Any:  # noqa: ARG002
        """Return the next of the given arrays, which must be of the size asked for."""
        value = next(self._values)
        if value.shape != np.empty(size).shape:
            raise ValueError(f"asked for shape {size}, to give shape {value.shape}")
        return value


def build(
    parameters: dict[str, NDArray[np.float32]], sizes: tuple[int, ...], batch_size: int = BATCH_SIZE
) -> MLPClassifier:
    """Return the classifier that begins with the given parameters at its first `partial_fit`."""
    return MLPClassifier(
        hidden_layer_sizes=sizes[1:-1],
        solver="adam",
        alpha=0.0,
        batch_size=batch_size,
        learning_rate_init=LR,
        shuffle=False,
        random_state=GivenValues([value.T for value in parameters.values()]),
    )


def make(work: Work) -> Callable[[NDArray[Any]], float]:
    """Return the epoch; see `benchmarks.contenders`."""
    pixels = work.pixels.astype(np.float32) * np.float32(SCALE)
    model = build(work.parameters, work.sizes, work.batch_size)
    classes = np.arange(work.sizes[-1])

    def epoch(order: NDArray[Any]) -> float:
        model.partial_fit(pixels[order], work.labels[order], classes)
        return float(model.loss_)

    return epoch
