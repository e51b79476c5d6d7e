"""How long predictions take: of one sample, of 10,000, and the first one after the start."""

import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.cold_start import PROGRAMS, write_files
from benchmarks.contenders import PREDICTION, chosen
from benchmarks.harness import check_equal_work, measure, measure_cold_start, summarize
from benchmarks.work import Work

# Rows of a batch -> calls in a round, some tenths of a second for the fastest.
CALLS = {1: 10_000, 10_000: 20}


@pytest.mark.parametrize("rows", CALLS)
def test_prediction(
    request: pytest.FixtureRequest, work: Path, threads: int, rows: int, summary: dict[str, Any]
) -> None:
    result = measure(
        chosen(PREDICTION, full=request.config.option.full),
        work,
        kind="predict",
        question=lambda _: f"{CALLS[rows]} {rows}",
        rounds=request.config.option.rounds,
        threads=threads,
    )
    check_equal_work(result)
    summary["rows"] += summarize(result, threads, f"predict {rows}")


def test_cold_start(
    request: pytest.FixtureRequest,
    work: Path,
    threads: int,
    tmp_path: Path,
    summary: dict[str, Any],
) -> None:
    names = [
        name for name in chosen(PREDICTION, full=request.config.option.full) if name in PROGRAMS
    ]
    files = write_files(Work.load(work), tmp_path, names)
    commands = {
        name: [sys.executable, "-m", "benchmarks.cold_start", name, str(path)]
        for name, path in files.items()
    }
    result = measure_cold_start(commands, rounds=request.config.option.rounds, threads=threads)
    summary["rows"] += summarize(result, threads, "cold start")
