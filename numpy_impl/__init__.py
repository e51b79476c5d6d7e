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
    from numpy_impl.activations import *
    from numpy_impl.callbacks import *
    from numpy_impl.checkpoint import *
    from numpy_impl.checkpoint_folder import *
    from numpy_impl.data.loader import *
    from numpy_impl.errors import *
    from numpy_impl.layers import *
    from numpy_impl.losses import *
    from numpy_impl.metrics import *
    from numpy_impl.model import *
    from numpy_impl.optimizers import *
    from numpy_impl.parameters import *
    from numpy_impl.schedulers import *
    from numpy_impl.training import *

__version__ = "0.1.0"

# The modules whose `__all__` is public here too. They are imported in this order until one has the
# name that was asked for: who predicts does not wait for what only those need who train.
_MODULES = (
    "errors",
    "parameters",
    "layers",
    "activations",
    "model",
    "checkpoint",
    "losses",
    "optimizers",
    "schedulers",
    "metrics",
    "data.loader",
    "checkpoint_folder",
    "callbacks",
    "training",
)


def __getattr__(name: str) -> Any:
    if name == "__all__":
        return sorted(public for module in _MODULES for public in _module(module).__all__)
    for module in () if name.startswith("_") else _MODULES:
        if name in _module(module).__all__:
            value = globals()[name] = getattr(_module(module), name)
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _module(name: str) -> Any:
    return importlib.import_module(f"{__name__}.{name}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__getattr__("__all__")})
