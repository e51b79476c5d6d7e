"""Options, the measurements that the benchmarks share, and the summary."""

import os
import platform
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.contenders import CONTENDERS
from benchmarks.harness import (
    ROOT,
    Measurement,
    check_equal_work,
    measure,
    summarize,
    write_json,
)
from benchmarks.work import BATCH_SIZE, SIZES, Work
from numpy_impl import mlp
from numpy_impl.data import MnistUnavailableError, load_mnist

SUMMARY = pytest.StashKey[dict[str, Any]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the measurement."""
    group = parser.getgroup("benchmarks")
    group.addoption("--rounds", type=int, default=7, help="epochs per contender (default: 7)")
    group.addoption(
        "--summary",
        type=Path,
        default=ROOT / "build" / "bench" / "summary.json",
        help="where to write the figures (default: build/bench/summary.json)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Start the summary."""
    if config.option.rounds < 2:
        raise pytest.UsageError(f"--rounds: expected at least 2, got {config.option.rounds}")
    config.stash[SUMMARY] = {
        "machine": {
            "processor": platform.machine(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "numpy": np.__version__,
            "torch": version("torch"),
        },
        "rows": [],
    }


@pytest.fixture(scope="session")
def summary(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What is written at the end."""
    return request.config.stash[SUMMARY]


@pytest.fixture(scope="session")
def work(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    summary: dict[str, Any],
) -> Path:
    """A file with the work: MNIST, or made-up strokes of the same size."""
    rng = np.random.default_rng(0)
    try:
        data = load_mnist(download=False)
        pixels, labels, summary["data"] = data.train_images, data.train_labels, "MNIST"
    except MnistUnavailableError:
        from parity_tests.lockstep import strokes

        (pixels, labels), summary["data"] = strokes(60_000, rng), "made-up strokes"
    weights = mlp(SIZES, rng=rng).state_dict()
    orders = np.stack(
        [rng.permutation(len(labels)) for _ in range(request.config.option.rounds + 1)]
    )
    path = tmp_path_factory.mktemp("work") / "work.npz"
    Work(
        np.ascontiguousarray(pixels).reshape(len(labels), -1),
        labels.astype(np.int64),
        *weights.values(),
        orders,
    ).save(path)
    return path


@pytest.fixture(scope="session", params=sorted({1, os.cpu_count() or 1}), ids="{}threads".format)
def threads(request: pytest.FixtureRequest) -> int:
    """Threads of BLAS and OpenMP: one, and as many as there are cores."""
    return request.param


@pytest.fixture(scope="session")
def measured(
    request: pytest.FixtureRequest, work: Path, threads: int, summary: dict[str, Any]
) -> dict[str, Measurement]:
    """All contenders, on so many threads."""
    result = measure(list(CONTENDERS), work, rounds=request.config.option.rounds, threads=threads)
    check_equal_work(result)
    summary["rows"] += summarize(result, threads)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    """Write what was measured, if anything was."""
    content = session.config.stash[SUMMARY]
    if content["rows"] or "budget" in content:
        write_json(session.config.option.summary, content)
    return (yield)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print the table."""
    content = config.stash[SUMMARY]
    write = terminalreporter.write_line
    if content["rows"]:
        network = "-".join(map(str, SIZES))
        write(f"\nAn epoch of {network}, batch {BATCH_SIZE}, Adam, on {content['data']}:")
        write("threads  contender          epoch s (low-high)      over ours (95 %)      peak MB")
    for row in content["rows"]:
        seconds, ratio = row["seconds"], row["ratio_to_ours"]
        write(
            f"{row['threads']:7}  {row['contender']:16} "
            f"{seconds['median']:6.3f} ({seconds['low']:.3f}-{seconds['high']:.3f})   "
            f"{ratio['mean']:6.2f} ({ratio['low']:.2f}-{ratio['high']:.2f})   "
            f"{row['peak_rss_mb']:8.0f}"
        )
    if "budget" in content:
        budget = content["budget"]
        write(
            f"Whole training: {budget['seconds']:.1f} s of {budget['limit_seconds']:g} s, "
            f"{budget['peak_rss_mb']:.0f} MB of {budget['limit_mb']:g} MB: "
            f"headroom {budget['headroom_seconds']:.1f} x and {budget['headroom_mb']:.1f} x"
        )
    if content["rows"] or "budget" in content:
        write(f"written to {os.path.relpath(config.option.summary)}")
