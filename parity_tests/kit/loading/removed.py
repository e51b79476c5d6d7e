"""What NumPy and Python have removed and older networks use, put back while they are asked."""

import ast
import builtins
import collections
import collections.abc
import functools
import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from parity_tests.kit.loading.sources import attributes, plain_names

# By what it was.
_OF_NUMPY = {
    "int": int,
    "float": float,
    "bool": bool,
    "complex": complex,
    "object": object,
    "str": str,
    "float_": np.float64,
    "product": np.prod,
    "cumproduct": np.cumprod,
    "mat": np.asmatrix,
    "row_stack": np.vstack,
    "Inf": np.inf,
    "infty": np.inf,
    "NaN": np.nan,
}
_OF_PYTHON = {
    "xrange": range,
    "unicode": str,
    "basestring": str,
    "long": int,
    "unichr": chr,
    "raw_input": input,
    "reduce": functools.reduce,
}
_REMOVED: Mapping[ModuleType, Mapping[str, Any]] = {
    np: _OF_NUMPY,
    builtins: _OF_PYTHON,
    collections: {name: getattr(collections.abc, name) for name in collections.abc.__all__},
    itertools: {"izip": zip, "imap": map, "ifilter": filter, "izip_longest": itertools.zip_longest},
    time: {"clock": time.perf_counter},
}


Names = Sequence[tuple[ModuleType, str]]


def restore() -> Names:
    """Put back what is not there, and return it."""
    added = [
        (module, name)
        for module, removed in _REMOVED.items()
        for name in removed
        if name not in module.__dict__
    ]
    for module, name in added:
        setattr(module, name, _REMOVED[module][name])
    return added


def remove(added: Names) -> None:
    """Take away what `restore` has put back."""
    for module, name in added:
        delattr(module, name)


def notes(tree: ast.Module, file: str, added: Names) -> Iterator[str]:
    """Yield in a sentence each what code uses of what was put back, and where first.

    Parameters
    ----------
    tree : ast.Module
        The code.
    file : str
        Where it is from.
    added : sequence of tuple
        What was put back: the module and the name.
    """
    places: dict[tuple[ModuleType, str], str] = {}
    for module in dict.fromkeys(module for module, _ in added):
        used = attributes(tree, module.__name__, file)
        for name, place, line in plain_names(tree, file) if module is builtins else used:
            where = f"{Path(place).name}, line {line}"
            places.setdefault((module, name), where)
    library = {np: f"numpy {np.__version__}", builtins: "Python 3"}
    for module, name in added:
        if (module, name) in places:
            told = library.get(module, module.__name__)
            yield f"{places[module, name]}: {told} has no {name}; it is taken as it was"
