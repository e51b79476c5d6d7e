"""The suite tested by its own faults: each planted one is caught by the checks named for it."""

import pytest

from parity_tests.checks import Check, all_checks
from parity_tests.faults import FAULTS, Fault, planted

CHECKS = list(all_checks())


@pytest.mark.parametrize("fault", [pytest.param(fault, id=fault.name) for fault in FAULTS])
def test_fault_is_caught(fault: Fault) -> None:
    named = {prefix: _starting_with(prefix) for prefix in fault.caught_by}
    with planted(fault):
        missed = [prefix for prefix, checks in named.items() if not any(map(_fails, checks))]
    assert not missed, f"{fault.name!r} passes {missed}"
    assert not any(_fails(checks[0]) for checks in named.values()), "the fault is still planted"


def test_every_kind_of_check_catches_a_fault() -> None:
    kinds = {_kind(check.id) for check in CHECKS}
    proven = {_kind(prefix) for fault in FAULTS for prefix in fault.caught_by}
    assert kinds <= proven, f"no fault for {sorted(kinds - proven)}"


def test_a_stale_fault_is_an_error() -> None:
    stale = Fault(
        "stale", "numpy_impl.layers.linear", "Linear.backward_into", "no such text", "", ()
    )
    with pytest.raises(ValueError, match="occurs 0 times"), planted(stale):
        pass


def _starting_with(prefix: str) -> list[Check]:
    checks = [check for check in CHECKS if check.id.startswith(prefix)]
    assert checks, f"no check is called {prefix}..."
    return checks


def _fails(check: Check) -> bool:
    try:
        check.run()
    except Exception:  # a fault may as well make NumPy warn or refuse
        return True
    return False


def _kind(check_id: str) -> str:
    """``model/relu/...`` -> ``model``; contracts are kinds of their own: ``contract/copies``."""
    family, *rest = check_id.split("/")
    return f"{family}/{rest[-1]}" if family == "contract" else family
