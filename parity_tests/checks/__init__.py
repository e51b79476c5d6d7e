"""The checks: for every case of the registry, what must hold, as a function that raises if not.

One generator feeds everybody: pytest runs the checks as tests, and the catalogue of planted faults
runs them to see that they notice.
"""

from collections.abc import Iterator

from parity_tests.checks import (
    contracts,
    data,
    erf,
    initializers,
    layers,
    lockstep,
    losses,
    models,
    optimizers,
    schedulers,
    signatures,
)
from parity_tests.checks.check import Check

__all__ = ["Check", "all_checks"]

# In the order in which data flows.
_MODULES = (
    initializers,
    erf,
    layers,
    models,
    losses,
    optimizers,
    schedulers,
    signatures,
    data,
    contracts,
    lockstep,
)


def all_checks(seed: int = 0) -> Iterator[Check]:
    """Yield every check, with inputs drawn from this seed."""
    for module in _MODULES:
        yield from module.checks(seed)
