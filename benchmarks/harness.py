"""Contenders in child processes, taking turns; what was measured, and what follows from it."""

import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import scipy.stats

from benchmarks.contenders import OURS

ROOT = Path(__file__).parent.parent

# Read when BLAS, OpenMP and the allocator are loaded, so it is the parent that sets them.
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
# glibc keeps freed memory instead of giving it back to the system after every batch; in bytes.
MALLOC = {"MALLOC_TRIM_THRESHOLD_": "268435456", "MALLOC_MMAP_THRESHOLD_": "268435456"}


class ChildError(Exception):
    """A child ended, hung, or answered something else than was asked for."""


class Child:
    """A process that answers each line of input with a line of JSON.

    Parameters
    ----------
    command : sequence of str
        What to run, in the project's folder.
    threads : int
        Threads of BLAS and OpenMP.
    limit : float
        Seconds to wait for an answer.
    """

    def __init__(self, command: Sequence[str], *, threads: int, limit: float = 120.0) -> None:
        self._name = " ".join(command)
        self._limit = limit
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed in __exit__
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **MALLOC, **dict.fromkeys(THREADS, str(threads))},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

    def __enter__(self) -> "Child":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            # What could not be sent to a dead process is of no interest.
            with suppress(BrokenPipeError):
                stream.close()

    def ask(self, line: str | None = None) -> dict[str, Any]:
        """Send a line, if any, and return the answer; ChildError without one."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        watchdog = threading.Timer(self._limit, self._process.kill)
        watchdog.start()
        try:
            if line is not None:
                self._process.stdin.write(line + "\n")
                self._process.stdin.flush()
            answer = self._process.stdout.readline()
            late = watchdog.finished.is_set()
        except BrokenPipeError:
            answer, late = "", False
        finally:
            watchdog.cancel()
        if not answer:
            status = self._process.wait()
            self._errors.seek(0)
            what = f"no answer in {self._limit:g} s" if late else f"ended with status {status}"
            raise ChildError(f"{self._name}: {what}\n{self._errors.read()}")
        try:
            parsed: dict[str, Any] = json.loads(answer)
        except json.JSONDecodeError:
            raise ChildError(f"{self._name}: answered {answer!r}, not JSON") from None
        return parsed

    def finish(self) -> int:
        """End the input and return the status that the process ends with."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        return self._process.wait(self._limit)


@dataclass
class Measurement:
    """What a contender did; the lists hold a figure per round.

    Attributes
    ----------
    import_seconds, first_step_seconds : float
        Wall time until the contender was ready, and of its first step, compilation included.
    seconds, cpu_seconds : list of float
        Wall and processor time of an epoch.
    losses : list of float or None
        Mean loss of an epoch, the warm-up first.
    peak_rss_mb : float
        Largest resident set of the process, in MB of 10^6 bytes.
    """

    import_seconds: float
    first_step_seconds: float
    seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)
    losses: list[float | None] = field(default_factory=list)
    peak_rss_mb: float = 0.0


def measure(
    contenders: Sequence[str], work: Path, *, rounds: int, threads: int
) -> dict[str, Measurement]:
    """Let contenders take turns at one epoch each, after an epoch to warm up.

    The order turns round with every round, so that none always runs after the same other one.

    Raises
    ------
    ChildError
        If a contender fails or hangs.
    """
    with ExitStack() as stack:
        children = {
            name: stack.enter_context(
                Child([sys.executable, "-m", "benchmarks.child", name, str(work)], threads=threads)
            )
            for name in contenders
        }
        measured = {name: Measurement(**child.ask()) for name, child in children.items()}
        for number in range(rounds + 1):
            for name in contenders if number % 2 else contenders[::-1]:
                answer = children[name].ask(str(number))
                measurement = measured[name]
                measurement.losses.append(answer["loss"])
                measurement.peak_rss_mb = answer["peak_rss_mb"]
                if number > 0:
                    measurement.seconds.append(answer["seconds"])
                    measurement.cpu_seconds.append(answer["cpu_seconds"])
    return measured


def check_equal_work(measured: Mapping[str, Measurement], tolerance: float = 1e-3) -> None:
    """Raise ValueError unless all contenders had the same losses in the warm-up epoch.

    In later epochs rounding errors have grown too far for a tolerance this narrow.

    Parameters
    ----------
    measured : mapping of str to Measurement
        Ours must be among them.
    tolerance : float
        Largest relative difference.
    """
    expected = measured[OURS].losses[0]
    assert expected is not None
    for name, measurement in measured.items():
        loss = measurement.losses[0]
        if loss is not None and not math.isclose(loss, expected, rel_tol=tolerance):
            raise ValueError(f"{name}: loss {loss:.6g} after the same epoch as {expected:.6g}")


def ratio(theirs: Sequence[float], ours: Sequence[float]) -> tuple[float, float, float]:
    """Return how many times as long theirs take: the mean and its 95 % interval.

    The mean is geometric, over the rounds; the interval is Student's, of the logarithms.

    Raises
    ------
    ValueError
        If there are fewer than two rounds, or not equally many.
    """
    logs = [math.log(a / b) for a, b in zip(theirs, ours, strict=True)]
    if len(logs) < 2:
        raise ValueError(f"an interval needs two rounds, there were {len(logs)}")
    mean = statistics.fmean(logs)
    half = float(scipy.stats.t.ppf(0.975, len(logs) - 1)) * scipy.stats.sem(logs)
    return math.exp(mean), math.exp(mean - half), math.exp(mean + half)


def summarize(measured: Mapping[str, Measurement], threads: int) -> list[dict[str, Any]]:
    """Return a row per contender, as plain data."""
    rows = []
    for name, measurement in measured.items():
        middle, low, high = ratio(measurement.seconds, measured[OURS].seconds)
        rows.append(
            {
                "contender": name,
                "threads": threads,
                "seconds": {
                    "median": statistics.median(measurement.seconds),
                    "low": min(measurement.seconds),
                    "high": max(measurement.seconds),
                },
                "cpu_seconds": statistics.median(measurement.cpu_seconds),
                "ratio_to_ours": {"mean": middle, "low": low, "high": high},
                "import_seconds": measurement.import_seconds,
                "first_step_seconds": measurement.first_step_seconds,
                "peak_rss_mb": measurement.peak_rss_mb,
                "loss": measurement.losses[0],
            }
        )
    return rows


def write_json(path: Path, content: Any) -> None:
    """Write a file whole or not at all."""
    text = json.dumps(content, indent=2) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    temporary.write_text(text)
    temporary.replace(path)
