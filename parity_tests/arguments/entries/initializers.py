"""Initial values."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from numpy_impl.initializers import calculate_gain, fans
from parity_tests.arguments.entries.common import always, number, of_signature
from parity_tests.arguments.trying import Argument, Entry
from parity_tests.cases.initializers import INITIALIZERS


def initializer_entries() -> Iterator[Entry]:
    """Yield the functions that fill weights."""
    matrix = ("eye_", "orthogonal_", "sparse_", "xavier_", "kaiming_", "lecun_")
    for case in INITIALIZERS:
        name = case.operation.__name__
        usual = dict(next(iter(case.variants.values())))
        kind = "matrix" if name.startswith(matrix) else "tensor"
        tensor = Argument(kind, lambda: np.zeros((5, 3), np.float32), written=True)
        arguments = of_signature(case.operation, usual, {"tensor": tensor})
        for argument in ("a", "b", "mean", "std", "val", "gain"):
            if argument in arguments:
                arguments[argument] = replace(arguments[argument], also=("tensor", "a", "b"))

        def call(operation: Any = case.operation, **given: Any) -> Any:
            result = operation(**given)
            assert result is given["tensor"]
            return np.asarray(result)

        yield Entry(name, call, arguments)
    fan = Argument("matrix", lambda: np.zeros((5, 3), np.float32))
    yield Entry("fans", fans, {"tensor": fan})
    yield Entry(
        "calculate_gain",
        calculate_gain,
        {
            "nonlinearity": Argument("text", always("leaky_relu")),
            "param": number(0.5, optional=True),
        },
    )
