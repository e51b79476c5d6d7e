"""Options, the measurements that the benchmarks share, and the summary."""

import os
import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.contenders import TRAINING, chosen
from benchmarks.harness import (
    ROOT,
    Measurement,
    check_equal_work,
    measure,
    summarize,
    write_json,
)
from benchmarks.scaling import ALLOWED, growth, too_slow
from benchmarks.table import epoch_lines, prediction_lines, scaling_lines
from benchmarks.work import BATCH_SIZE, SIZES, Work
from numpy_impl import mlp
from numpy_impl.data import MnistUnavailableError, load_mnist

_PACKAGES = ("torch", "jax", "optax", "onnxruntime", "scikit-learn")
SUMMARY = pytest.StashKey[dict[str, Any]]()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the measurement."""
    group = parser.getgroup("benchmarks")
    group.addoption("--rounds", type=int, default=7, help="epochs per contender (default: 7)")
    group.addoption("--full", action="store_true", help="all contenders, and the scaling curves")
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
            **{name: found for name in _PACKAGES if (found := _version(name))},
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
    state = mlp(SIZES, rng=rng).state_dict()
    orders = np.stack(
        [rng.permutation(len(labels)) for _ in range(request.config.option.rounds + 1)]
    )
    path = tmp_path_factory.mktemp("work") / "work.npz"
    Work(
        np.ascontiguousarray(pixels).reshape(len(labels), -1),
        labels.astype(np.int64),
        orders,
        (state["0.weight"], state["2.weight"]),
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
    names = chosen(TRAINING, full=request.config.option.full)
    result = measure(names, work, rounds=request.config.option.rounds, threads=threads)
    check_equal_work(result)
    summary["rows"] += summarize(result, threads)
    return result


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test per contender."""
    if "contender" in metafunc.fixturenames:
        metafunc.parametrize("contender", chosen(TRAINING, full=metafunc.config.option.full))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the scaling curves out of the quick table."""
    if not config.option.full:
        left_out = [item for item in items if item.path.name == "test_scaling.py"]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


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
        write(f"\n{network}, batch {BATCH_SIZE}, Adam, float32, on {content['data']}:")
        for line in (*epoch_lines(content["rows"]), *prediction_lines(content["rows"])):
            write(line)
    if "scaling" in content:
        for line in scaling_lines(content["scaling"]):
            write(line)
        slow = too_slow(content["scaling"])
        write(f"points slower than {ALLOWED} x PyTorch's best: {len(slow)}", red=bool(slow))
        for row in slow:
            write(f"  {row['knob']} {row['value']}: {row['ratio_to_torch']:.2f} x", red=True)
        fast = [row for row in growth(content["scaling"]) if row["excess"] > ALLOWED]
        write(f"stretches on which time grows {ALLOWED} x as much as the work: {len(fast)}")
        for row in fast:
            write(f"  {row['knob']} {row['start']} to {row['stop']}: {row['excess']:.2f} x")
    if "budget" in content:
        budget = content["budget"]
        write(
            f"Whole training: {budget['seconds']:.1f} s of {budget['limit_seconds']:g} s, "
            f"{budget['peak_rss_mb']:.0f} MB of {budget['limit_mb']:g} MB: "
            f"headroom {budget['headroom_seconds']:.1f} x and {budget['headroom_mb']:.1f} x"
        )
    if "allocations" in content:
        taken = content["allocations"]
        write(
            f"A step: {taken['minor_faults_per_step']:g} page faults, "
            f"{taken['peak_bytes_in_a_step']:.0f} bytes for a moment"
        )
    if content["rows"] or "budget" in content:
        write(f"written to {os.path.relpath(config.option.summary)}")
