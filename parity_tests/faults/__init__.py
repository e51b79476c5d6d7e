"""Faults to plant in the library, each with the checks that must notice it.

A fault is a change to the source of one function, as somebody might have written it. Planting it
compiles the changed source in the function's own module and puts the result in its place; a fault
whose text no longer occurs is an error, so the catalogue cannot go stale in silence.
"""

from parity_tests.faults import (
    activations,
    data,
    initializers,
    layers,
    losses,
    optimizers,
    schedulers,
    signatures,
    training,
)
from parity_tests.faults.fault import Fault, planted

__all__ = ["FAULTS", "Fault", "planted"]

_MODULES = (
    initializers,
    layers,
    activations,
    losses,
    optimizers,
    schedulers,
    signatures,
    data,
    training,
)

FAULTS: tuple[Fault, ...] = tuple(fault for module in _MODULES for fault in module.FAULTS)
