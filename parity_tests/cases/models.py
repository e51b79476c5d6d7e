"""Networks."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import numpy_impl as ours
from parity_tests.inputs import BATCH, CLASSES, FEATURES, HIDDEN

Factory = Callable[[np.random.Generator, np.dtype[Any]], ours.Sequential]


@dataclass(frozen=True)
class ModelCase:
    """A network.

    Attributes
    ----------
    name : str
        Stands in the ids of its checks.
    make : callable
        From a generator and a dtype to the object under test.
    shapes : tuple of shapes
        Of inputs it takes.
    terms : int
        Length of the sums on the way, added up over the layers and over the batch: what the
        float64 bound is derived from.
    monotonic : bool
        Whether the same network of the magnitudes of weights and inputs gives the unit of error,
        as it does for affine maps and rectifiers. Otherwise autograd does, which takes longer.
    """

    name: str
    make: Factory
    shapes: tuple[tuple[int, ...], ...]
    terms: int
    monotonic: bool = True


def _mlp(*sizes: int) -> Factory:
    def make(rng: np.random.Generator, dtype: np.dtype[Any]) -> ours.Sequential:
        model = ours.mlp(sizes, rng=rng, dtype=dtype)
        for parameter in model.parameters():
            # Biases that are not zero, so that one left out shows.
            if parameter.ndim == 1:
                parameter.data = 0.3 * rng.standard_normal(parameter.shape)
        return model

    return make


def _without_bias(rng: np.random.Generator, dtype: np.dtype[Any]) -> ours.Sequential:
    return ours.Sequential(
        ours.Linear(FEATURES, HIDDEN, bias=False, rng=rng, dtype=dtype),
        ours.ReLU(),
        ours.Linear(HIDDEN, CLASSES, bias=False, rng=rng, dtype=dtype),
    )


def _blocks(rng: np.random.Generator, dtype: np.dtype[Any]) -> ours.Sequential:
    """Normalization, a smooth activation, a residual block and log-probabilities."""
    model = ours.Sequential(
        # A bias here would be subtracted again with the mean: its gradient is zero.
        ours.Linear(FEATURES, HIDDEN, bias=False, rng=rng, dtype=dtype),
        ours.BatchNorm1d(HIDDEN, dtype=dtype),
        ours.GELU(),
        ours.Residual(
            ours.LayerNorm(HIDDEN, dtype=dtype),
            ours.Linear(HIDDEN, HIDDEN, rng=rng, dtype=dtype),
            ours.SiLU(),
        ),
        ours.Linear(HIDDEN, CLASSES, rng=rng, dtype=dtype),
        ours.LogSoftmax(dim=-1),
    )
    for parameter in model.parameters():
        if parameter.ndim == 1:
            parameter.data = rng.uniform(0.5, 1.5, parameter.shape)
    return model


_ROWS = ((BATCH, FEATURES), (1, FEATURES))
_ANY = (*_ROWS, (FEATURES,), (3, 2, FEATURES), (0, FEATURES))

MODELS: tuple[ModelCase, ...] = (
    ModelCase("softmax-regression", _mlp(FEATURES, CLASSES), _ROWS, FEATURES + CLASSES + BATCH),
    ModelCase(
        "mlp", _mlp(FEATURES, HIDDEN, CLASSES), _ANY, FEATURES + 2 * HIDDEN + CLASSES + BATCH
    ),
    ModelCase("mlp-no-bias", _without_bias, _ROWS, FEATURES + 2 * HIDDEN + CLASSES + BATCH),
    ModelCase(
        "deep-mlp",
        _mlp(FEATURES, 17, HIDDEN, CLASSES),
        _ROWS,
        FEATURES + 2 * 17 + 2 * HIDDEN + CLASSES + BATCH,
    ),
    ModelCase(
        "blocks",
        _blocks,
        ((BATCH, FEATURES),),
        # Every layer takes up the errors of those before it.
        8 * (FEATURES + 4 * HIDDEN + CLASSES + BATCH),
        monotonic=False,
    ),
    ModelCase("lesson-mlp", _mlp(784, 128, 10), ((131, 784),), 784 + 2 * 128 + 10 + 131),
)
