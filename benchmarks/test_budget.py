"""The whole training, from the start of the process to its end, inside 120 s and 2 GB."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

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
