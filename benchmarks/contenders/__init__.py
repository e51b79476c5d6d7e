"""Who is measured in training: a module each, with ``make(work, **options)``.

`make` returns the function that is timed. It takes the order of the samples, trains on them in
mini-batches, and returns the mean loss, or None where there is no such thing.
"""

import importlib
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any, NamedTuple

from numpy.typing import NDArray

from benchmarks.work import Work

Epoch = Callable[[NDArray[Any]], float | None]

OURS = "NumPy"
EAGER = "PyTorch eager"
FUSED = "PyTorch fused"
FLOOR = "matrix products"


class Contender(NamedTuple):
    """One that is measured.

    Attributes
    ----------
    module : str
        Where it is, in the package of the table.
    options : mapping
        What its function is given besides the work.
    needs : tuple of str
        Packages it imports, besides NumPy.
    quick : bool
        Whether it is measured without ``--full`` as well.
    slow : bool
        Whether it takes so long to start that the self-tests leave it to the measurement.
    """

    module: str
    options: Mapping[str, Any] = {}
    needs: tuple[str, ...] = ()
    quick: bool = False
    slow: bool = False


# By name in the table. Ours comes first: the ratios are to it.
CONTENDERS: dict[str, Contender] = {
    OURS: Contender("ours", quick=True),
    "plain NumPy": Contender("plain", quick=True),
    "lesson": Contender("lesson"),
    EAGER: Contender("pytorch", {"fused": False}, ("torch",), quick=True),
    FUSED: Contender("pytorch", {"fused": True}, ("torch",), quick=True),
    "PyTorch compile": Contender("pytorch", {"compiled": True}, ("torch",), slow=True),
    "PyTorch loader": Contender("pytorch", {"loader": True}, ("torch",)),
    "JAX jit": Contender("jax_optax", {"scan": False}, ("jax", "optax")),
    "JAX scan": Contender("jax_optax", {"scan": True}, ("jax", "optax")),
    "scikit-learn": Contender("scikit", needs=("sklearn",)),
    FLOOR: Contender("floor", quick=True),
}


def choose(table: Mapping[str, Contender], *, full: bool) -> list[str]:
    """Return the names to measure: all, or the quick ones."""
    return [name for name, contender in table.items() if full or contender.quick]


def importable(table: Mapping[str, Contender]) -> list[str]:
    """Return the names of those whose packages are installed."""
    return [name for name, contender in table.items() if all(map(find_spec, contender.needs))]


def make(name: str, work: Work) -> Epoch:
    """Import a contender, and nothing of the others, and make its epoch."""
    contender = CONTENDERS[name]
    module = importlib.import_module(f"{__name__}.{contender.module}")
    epoch: Epoch = module.make(work, **contender.options)
    return epoch
