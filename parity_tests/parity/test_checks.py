"""Every check of the registry, as a test."""

import pytest

from parity_tests.checks import Check, all_checks


@pytest.mark.parametrize("check", [pytest.param(check, id=check.id) for check in all_checks()])
def test_check(check: Check) -> None:
    check.run()
