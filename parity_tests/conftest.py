"""What the suite says about itself: versions, and how many tests were planned, run and skipped."""

import os
from collections.abc import Iterator, Sequence

# OpenBLAS and OpenMP threads of one process get in each other's way: on two cores a training step
# in lockstep takes five to ten times as long. Both read their number when they are loaded, and
# whoever wants another number has set it by then.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

from pathlib import Path

import numpy as np
import pytest
import torch

from parity_tests.cases.catalogue import catalogue
from parity_tests.report import Collector, write_report
from parity_tests.report.writing import summary_lines


class Tally:
    """Counts tests by what became of them.

    Attributes
    ----------
    planned : int
        Tests that were selected.
    run, skipped, expected_failures : int
        Tests that passed or failed, were skipped, and failed as they were expected to.
    """

    def __init__(self) -> None:
        self.planned = self.run = self.skipped = self.expected_failures = 0

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note how many tests there will be."""
        self.planned = len(session.items)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """Note how many tests there will be, where several processes run them."""
        self.planned = len(ids)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what became of a test."""
        if hasattr(report, "wasxfail"):
            self.expected_failures += report.skipped
        elif report.skipped:
            self.skipped += 1
        elif report.when == "call":
            self.run += 1

    def __str__(self) -> str:
        return (
            f"planned {self.planned}, run {self.run}, skipped {self.skipped}, "
            f"expected failures {self.expected_failures}"
        )


TALLY = pytest.StashKey[Tally]()
COLLECTOR = pytest.StashKey[Collector]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option for the report."""
    parser.getgroup("parity").addoption(
        "--parity-report",
        type=Path,
        metavar="DIR",
        help="write report.json, report.md and report.html into this folder",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Start counting."""
    config.stash[COLLECTOR] = Collector()
    config.pluginmanager.register(config.stash[COLLECTOR])
    config.stash[TALLY] = Tally()
    config.pluginmanager.register(config.stash[TALLY])


def pytest_report_header() -> list[str]:
    """Say what is compared with what."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return [
        f"parity: NumPy {np.__version__} with {blas['name']} {blas['version']}, "
        f"PyTorch {torch.__version__} on {torch.get_num_threads()} thread"
    ]


def pytest_report_collectionfinish(items: Sequence[pytest.Item]) -> str:
    """Say how many tests are planned."""
    return f"parity: planned {len(items)}"


@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    """Fail a run in which not a single test ran: nothing is green by accident."""
    tally = session.config.stash[TALLY]
    if tally.planned and not tally.run and not session.config.option.collectonly:
        session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED
    return (yield)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say how many tests were planned, run and skipped."""
    terminalreporter.write_line(f"parity: {config.stash[TALLY]}")
    folder = config.option.parity_report
    if folder is not None:
        report = write_report(folder, config.stash[COLLECTOR].outcomes, catalogue())
        for line in summary_lines(report["totals"]):
            terminalreporter.write_line(f"parity: {line}")
        terminalreporter.write_line(f"parity: report in {folder}")
