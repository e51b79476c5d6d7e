"""Who is measured: a module each, with ``make(work, **options)``.

`make` returns the function that is timed. It takes the order of the samples, trains on them in
mini-batches, and returns the mean loss, or None where there is no such thing.
"""

import importlib
from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from benchmarks.work import Work

Epoch = Callable[[NDArray[Any]], float | None]

OURS = "NumPy"

# Name in the table -> module and options. Ours comes first: the ratios are to it.
CONTENDERS: dict[str, tuple[str, dict[str, Any]]] = {
    OURS: ("ours", {}),
    "plain NumPy": ("plain", {}),
    "PyTorch eager": ("pytorch", {"fused": False}),
    "PyTorch fused": ("pytorch", {"fused": True}),
    "matrix products": ("floor", {}),
}


def make(name: str, work: Work) -> Epoch:
    """Import a contender, and nothing of the others, and make its epoch."""
    module, options = CONTENDERS[name]
    epoch: Epoch = importlib.import_module(f"{__name__}.{module}").make(work, **options)
    return epoch
