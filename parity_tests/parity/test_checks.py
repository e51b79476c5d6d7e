"""Every check of the registry, as a test."""

import pytest

from parity_tests.checks import Check, all_checks
from parity_tests.report.collector import run_and_note


@pytest.mark.parametrize("check", [pytest.param(check, id=check.id) for check in all_checks()])
def test_check(check: Check, request: pytest.FixtureRequest) -> None:
    if request.config.option.parity_report is None:
        check.run()
    else:
        run_and_note(check, request.node.user_properties)
