"""Who is measured: a module each, with ``make`` for training and ``make_predict`` for inference.

``make(work, **options)`` returns the function that is timed: it takes the order of the samples,
trains on them in mini-batches, and returns the mean loss, or None where there is no such thing.
``make_predict(work, **options)`` returns a function from inputs of float32 to logits or
probabilities.
"""

import importlib
import importlib.util
from collections.abc import Callable
from typing import Any, NamedTuple

from numpy.typing import NDArray

from benchmarks.work import Work

Epoch = Callable[[NDArray[Any]], float | None]
Predict = Callable[[NDArray[Any]], NDArray[Any]]

OURS = "NumPy"
FLOOR = "matrix products"


class Contender(NamedTuple):
    """Where a contender is found.

    Attributes
    ----------
    module : str
        In this package.
    package : str
        What it needs to be installed.
    options : dict
        For `make` and `make_predict`.
    quick : bool
        Whether it belongs to the quick table.
    """

    module: str
    package: str
    options: dict[str, Any]
    quick: bool


# Name in the table -> contender. Ours comes first: the ratios are to it.
TRAINING = {
    OURS: Contender("ours", "numpy", {}, True),
    "plain NumPy": Contender("plain", "numpy", {}, True),
    "lesson's NumPy": Contender("lesson", "numpy", {}, False),
    "PyTorch eager": Contender("pytorch", "torch", {"mode": "eager"}, True),
    "PyTorch fused": Contender("pytorch", "torch", {"mode": "fused"}, True),
    "PyTorch compiled": Contender("pytorch", "torch", {"mode": "compiled"}, False),
    "PyTorch DataLoader": Contender("pytorch", "torch", {"mode": "loader"}, False),
    "JAX jit": Contender("with_jax", "jax", {"mode": "jit"}, False),
    "JAX scan": Contender("with_jax", "jax", {"mode": "scan"}, False),
    "scikit-learn": Contender("scikit", "sklearn", {}, False),
    FLOOR: Contender("floor", "numpy", {}, True),
}
PREDICTION = {
    OURS: Contender("ours", "numpy", {}, True),
    "plain NumPy": Contender("plain", "numpy", {}, True),
    "PyTorch eager": Contender("pytorch", "torch", {"mode": "eager"}, True),
    "ONNX Runtime": Contender("with_onnx", "onnxruntime", {}, False),
    "scikit-learn": Contender("scikit", "sklearn", {}, True),
}


def chosen(table: dict[str, Contender], *, full: bool) -> list[str]:
    """Return the names of a table's contenders: all of them, or the quick ones."""
    return [name for name, contender in table.items() if full or contender.quick]


def installed(table: dict[str, Contender]) -> list[str]:
    """Return the names of those whose package is there."""
    return [name for name, entry in table.items() if importlib.util.find_spec(entry.package)]


def make(name: str, work: Work) -> Epoch:
    """Import a contender, and nothing of the others, and make its epoch."""
    entry = TRAINING[name]
    epoch: Epoch = _module(entry).make(work, **entry.options)
    return epoch


def make_predict(name: str, work: Work) -> Predict:
    """Import a contender, and nothing of the others, and make its inference."""
    entry = PREDICTION[name]
    predict: Predict = _module(entry).make_predict(work, **entry.options)
    return predict


def _module(entry: Contender) -> Any:
    return importlib.import_module(f"{__name__}.{entry.module}")
