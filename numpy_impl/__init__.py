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
