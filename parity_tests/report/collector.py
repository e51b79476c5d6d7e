"""What a test run leaves for the report."""

from collections.abc import Sequence
from typing import NamedTuple

import pytest

from parity_tests.checks import Check
from parity_tests.measures import Comparison

_PROPERTY = "comparisons"


class Outcome(NamedTuple):
    """A check that was run.

    Attributes
    ----------
    check_id : str
    passed : bool
    comparisons : list of Comparison
        None where the check compares in another way or failed before.
    """

    check_id: str
    passed: bool
    comparisons: list[Comparison]


def run_and_note(check: Check, properties: list[tuple[str, object]]) -> None:
    """Run a check and leave what it compared among a test's properties, also if it fails."""
    comparisons = check.compare()
    # Plain data: reports of tests go from process to process.
    rows = [(c.tensor, c.ours, c.theirs, c.limit) for c in comparisons]
    properties.append((_PROPERTY, [check.id, rows]))
    check.judge(comparisons)


class Collector:
    """A pytest plugin that keeps the outcomes of all checks.

    Attributes
    ----------
    outcomes : list of Outcome
        In the order in which they came.
    """

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what a check compared and what became of it."""
        if report.when != "call":
            return
        for name, value in report.user_properties:
            if name == _PROPERTY and isinstance(value, Sequence):
                check_id, rows = value
                comparisons = [Comparison(*row) for row in rows]
                self.outcomes.append(Outcome(str(check_id), report.passed, comparisons))
