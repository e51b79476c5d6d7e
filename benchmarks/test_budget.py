"""The whole training inside 120 s and 2 GB; a step of it without new memory."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.harness import Child
from numpy_impl.app.train import BUDGET_MB, BUDGET_SECONDS


def test_a_whole_training_stays_inside_the_budget(tmp_path: Path, summary: dict[str, Any]) -> None:
    run = tmp_path / "run"
    command = [sys.executable, "-m", "numpy_impl", "train", "--epochs", "10", "--output", str(run)]
    start = time.perf_counter()
    subprocess.run(
        command,
        check=True,
        capture_output=True,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        timeout=2 * BUDGET_SECONDS,
    )
    seconds = time.perf_counter() - start
    result = json.loads((run / "summary.json").read_text())
    summary["budget"] = {
        "dataset": result["dataset"],
        "test_accuracy": result["test_accuracy"],
        "seconds": seconds,
        "limit_seconds": BUDGET_SECONDS,
        "headroom_seconds": BUDGET_SECONDS / seconds,
        "peak_rss_mb": result["peak_rss_mb"],
        "limit_mb": BUDGET_MB,
        "headroom_mb": BUDGET_MB / result["peak_rss_mb"],
    }
    assert seconds < BUDGET_SECONDS
    assert result["peak_rss_mb"] < BUDGET_MB


def test_a_step_takes_no_memory(summary: dict[str, Any]) -> None:
    with Child([sys.executable, "-m", "benchmarks.allocations", "1000"], threads=1) as child:
        allocations = child.ask()
    summary["allocations"] = allocations
    assert allocations["minor_faults_per_step"] < 0.05
    # NumPy takes 32 KiB to iterate where shapes are broadcast; one layer's weights are 400 KB.
    assert allocations["peak_bytes_in_a_step"] < 48 * 1024
