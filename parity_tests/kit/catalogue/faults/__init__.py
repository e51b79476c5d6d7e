"""Faults to plant in networks that are right, with the name that the kit must give to each."""

from parity_tests.kit.catalogue.faults import (
    beginnings,
    biases,
    carried,
    derivatives,
    factors,
    inside,
    losses,
    optimizers,
    outputs,
    unnamed,
    updates,
)
from parity_tests.kit.catalogue.faults.fault import Fault

__all__ = ["FAULTS", "Fault"]

_MODULES = (
    outputs,
    losses,
    factors,
    derivatives,
    carried,
    biases,
    updates,
    optimizers,
    inside,
    beginnings,
    unnamed,
)

FAULTS: tuple[Fault, ...] = tuple(fault for module in _MODULES for fault in module.FAULTS)
