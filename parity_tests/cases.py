"""The registry: one declaration per operation, read by every check.

A new operation is one entry here and its formula in `numpy_impl`; nothing else has to be edited.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import numpy_impl as ours
from parity_tests.inputs import BATCH, CLASSES, FEATURES, HIDDEN

Factory = Callable[[np.random.Generator, np.dtype[Any]], ours.Layer | ours.Sequential]


@dataclass(frozen=True)
class ModelCase:
    """A layer or a network.

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
    """

    name: str
    make: Factory
    shapes: tuple[tuple[int, ...], ...]
    terms: int


@dataclass(frozen=True)
class LossCase:
    """A loss in one form of its targets.

    Attributes
    ----------
    name : str
        Stands in the ids of its checks.
    make : callable
        To the loss under test.
    targets : callable
        From a generator and the logits' shape to targets.
    """

    name: str
    make: Callable[[], ours.CrossEntropyLoss]
    targets: Callable[[np.random.Generator, tuple[int, int]], np.ndarray[Any, Any]]


@dataclass(frozen=True)
class OptimizerCase:
    """An optimizer with one set of hyperparameters.

    Attributes
    ----------
    name : str
        Stands in the ids of its checks.
    make : callable
        From parameters to the optimizer under test.
    changes : mapping of int to dict, optional
        Hyperparameters changed before the step of that number, as a schedule would.
    """

    name: str
    make: Callable[[list[ours.Parameter]], ours.Optimizer]
    changes: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)


def _linear(bias: bool) -> Factory:
    return lambda rng, dtype: ours.Linear(FEATURES, HIDDEN, bias, rng=rng, dtype=dtype)


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


_ROWS = ((BATCH, FEATURES), (1, FEATURES))
_ANY = (*_ROWS, (FEATURES,), (3, 2, FEATURES), (0, FEATURES))

MODELS: tuple[ModelCase, ...] = (
    ModelCase("linear", _linear(bias=True), _ANY, FEATURES + HIDDEN + BATCH),
    ModelCase("linear-no-bias", _linear(bias=False), _ANY, FEATURES + HIDDEN + BATCH),
    ModelCase("relu", lambda _rng, _dtype: ours.ReLU(), (*_ANY, ()), 1),
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
    ModelCase("lesson-mlp", _mlp(784, 128, 10), ((131, 784),), 784 + 2 * 128 + 10 + 131),
)


def labels(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray[Any, Any]:
    """Integer labels, the first and the last class among them."""
    rows, classes = shape
    drawn = rng.integers(0, classes, rows)
    drawn[:2] = (0, classes - 1)[:rows]
    return drawn


def one_hot(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray[Any, Any]:
    """Labels as rows of zeros and one 1, integers."""
    return np.eye(shape[1], dtype=np.int64)[labels(rng, shape)]


def probabilities(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray[Any, Any]:
    """Rows of probabilities; the first is one-hot, so there are exact zeros."""
    drawn = rng.dirichlet(np.ones(shape[1]), shape[0])
    drawn[0] = np.eye(shape[1])[0]
    return drawn


def unnormalized(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray[Any, Any]:
    """Rows that do not sum to one; the formula is defined for them as well."""
    return rng.uniform(0.01, 0.99, shape)


_TARGETS = (labels, one_hot, probabilities, unnormalized)

LOSSES: tuple[LossCase, ...] = tuple(
    LossCase(
        f"cross-entropy-{reduction}-{targets.__name__}",
        lambda reduction=reduction: ours.CrossEntropyLoss(reduction),  # type: ignore[misc]
        targets,
    )
    for reduction in ("mean", "sum")
    for targets in _TARGETS
)

_HALVED = {5: {"lr": 0.5e-2}, 50: {"lr": 1e-3}}


def _groups(params: list[ours.Parameter]) -> list[dict[str, Any]]:
    return ours.decay_groups(params, 0.1)


OPTIMIZERS: tuple[OptimizerCase, ...] = (
    OptimizerCase("sgd", lambda p: ours.SGD(p, lr=1e-2)),
    OptimizerCase("sgd-weight-decay", lambda p: ours.SGD(p, lr=1e-2, weight_decay=0.1)),
    OptimizerCase("sgd-momentum", lambda p: ours.SGD(p, lr=1e-2, momentum=0.9)),
    OptimizerCase(
        "sgd-dampening",
        lambda p: ours.SGD(p, lr=1e-2, momentum=0.9, dampening=0.3, weight_decay=0.1),
    ),
    OptimizerCase(
        "sgd-nesterov",
        lambda p: ours.SGD(p, lr=1e-2, momentum=0.9, nesterov=True, weight_decay=0.1),
        _HALVED,
    ),
    OptimizerCase("adam", lambda p: ours.Adam(p)),
    OptimizerCase("adam-lr", lambda p: ours.Adam(p, lr=1e-2), _HALVED),
    OptimizerCase("adam-betas", lambda p: ours.Adam(p, betas=(0.5, 0.9))),
    OptimizerCase("adam-eps", lambda p: ours.Adam(p, eps=1e-3)),
    OptimizerCase("adam-weight-decay", lambda p: ours.Adam(p, weight_decay=0.1)),
    OptimizerCase("adamw", lambda p: ours.AdamW(p)),
    OptimizerCase("adamw-weight-decay", lambda p: ours.AdamW(p, lr=1e-2, weight_decay=0.3)),
    OptimizerCase("adamw-groups", lambda p: ours.AdamW(_groups(p), lr=1e-2), _HALVED),
    OptimizerCase("sgd-groups", lambda p: ours.SGD(_groups(p), lr=1e-2, momentum=0.9), _HALVED),
)
