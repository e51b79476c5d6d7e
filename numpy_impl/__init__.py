"""A multi-layer perceptron in pure NumPy.

Data flows one way: batch -> layers -> loss -> layers back -> gradients -> optimizer -> parameters.

>>> import numpy as np
>>> from numpy_impl import Adam, CrossEntropyLoss, mlp
>>> rng = np.random.default_rng(0)
>>> model, loss = mlp([2, 16, 2], rng=rng), CrossEntropyLoss()
>>> optimizer = Adam(model.parameters(), lr=0.05)
>>> x = np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]], dtype=np.float32)
>>> for _ in range(100):
...     value = loss(model(x), [0, 1, 1, 0])
...     _ = model.backward(loss.backward())
...     optimizer.step()
>>> model.predict(x).argmax(axis=1).tolist()
[0, 1, 1, 0]
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy_impl.activations import ReLU
    from numpy_impl.checkpoint import load_model, save_model
    from numpy_impl.data.loader import DataLoader
    from numpy_impl.errors import (
        CheckpointError,
        DataError,
        DivergenceError,
        InputError,
        MissingExtraError,
    )
    from numpy_impl.layers import Layer, Linear
    from numpy_impl.losses import CrossEntropyLoss
    from numpy_impl.metrics import accuracy, confusion_matrix
    from numpy_impl.model import Sequential, Workspace, mlp
    from numpy_impl.optimizers import SGD, Adam, AdamW, Optimizer, decay_groups
    from numpy_impl.parameters import Parameter, ParameterArena
    from numpy_impl.training import Callback, History, Trainer, evaluate

__version__ = "0.1.0"

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "Callback",
    "CheckpointError",
    "CrossEntropyLoss",
    "DataError",
    "DataLoader",
    "DivergenceError",
    "History",
    "InputError",
    "Layer",
    "Linear",
    "MissingExtraError",
    "Optimizer",
    "Parameter",
    "ParameterArena",
    "ReLU",
    "Sequential",
    "Trainer",
    "Workspace",
    "accuracy",
    "confusion_matrix",
    "decay_groups",
    "evaluate",
    "load_model",
    "mlp",
    "save_model",
]

# A module is imported when a name of it is first asked for: who predicts does not wait for what
# only those need who train.
_HOMES = {
    "ReLU": "numpy_impl.activations",
    "load_model": "numpy_impl.checkpoint",
    "save_model": "numpy_impl.checkpoint",
    "DataLoader": "numpy_impl.data.loader",
    "CheckpointError": "numpy_impl.errors",
    "DataError": "numpy_impl.errors",
    "DivergenceError": "numpy_impl.errors",
    "InputError": "numpy_impl.errors",
    "MissingExtraError": "numpy_impl.errors",
    "Layer": "numpy_impl.layers",
    "Linear": "numpy_impl.layers",
    "CrossEntropyLoss": "numpy_impl.losses",
    "accuracy": "numpy_impl.metrics",
    "confusion_matrix": "numpy_impl.metrics",
    "Sequential": "numpy_impl.model",
    "Workspace": "numpy_impl.model",
    "mlp": "numpy_impl.model",
    "Adam": "numpy_impl.optimizers",
    "AdamW": "numpy_impl.optimizers",
    "Optimizer": "numpy_impl.optimizers",
    "SGD": "numpy_impl.optimizers",
    "decay_groups": "numpy_impl.optimizers",
    "Parameter": "numpy_impl.parameters",
    "ParameterArena": "numpy_impl.parameters",
    "Callback": "numpy_impl.training",
    "History": "numpy_impl.training",
    "Trainer": "numpy_impl.training",
    "evaluate": "numpy_impl.training",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
