"""All declarations in one list."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from parity_tests.cases.activations import ACTIVATIONS
from parity_tests.cases.initializers import INITIALIZERS
from parity_tests.cases.layers import LAYERS
from parity_tests.cases.losses import LOSSES
from parity_tests.cases.models import MODELS
from parity_tests.cases.optimizers import OPTIMIZERS
from parity_tests.cases.schedulers import SCHEDULERS


class Declared(NamedTuple):
    """What all declarations have in common.

    Attributes
    ----------
    kind : {"layer", "activation", "loss", "optimizer", "schedule", "initialization", "network"}
    operation : str
        Name of the class or function.
    variants : mapping of str to mapping
        The forms that are checked: name -> arguments.
    case : object
        The declaration.
    """

    kind: str
    operation: str
    variants: Mapping[str, Mapping[str, Any]]
    case: Any


def catalogue() -> Iterator[Declared]:
    """Yield every declaration."""
    for kind, cases in (
        ("layer", LAYERS),
        ("activation", ACTIVATIONS),
        ("loss", LOSSES),
        ("optimizer", OPTIMIZERS),
        ("schedule", SCHEDULERS),
        ("initialization", INITIALIZERS),
    ):
        for case in cases:
            yield Declared(kind, case.operation.__name__, case.variants, case)
    for model in MODELS:
        yield Declared("network", model.name, {"default": {}}, model)
