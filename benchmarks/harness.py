"""Contenders in child processes, taking turns; what was measured, and what follows from it."""

import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
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


# XLA has no variable for the number of its threads, but one for whether it uses several.
XLA_ONE_THREAD = "--xla_cpu_multi_thread_eigen=false"


# Installing a package compiles it; what is run from its folder is compiled when it is first
# loaded, and kept, unless this forbids it.
NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"


def environment(threads: int) -> dict[str, str]:
    """Return the environment of a process that is to use so many threads."""
    one = {"XLA_FLAGS": XLA_ONE_THREAD} if threads == 1 else {}
    inherited = {name: value for name, value in os.environ.items() if name != NO_BYTECODE}
    return {**inherited, **MALLOC, **one, **dict.fromkeys(THREADS, str(threads))}


class ChildError(Exception):
    """A child ended, hung, or answered something else than was asked for."""


class Child:
    """A process that answers each line of input with a line of JSON.

    Parameters
    ----------
    command : sequence of str
        What to run.
    threads : int
        Threads of BLAS and OpenMP.
    limit : float
        Seconds to wait for an answer.
    root : Path
        The folder to run it in.
    """

    def __init__(
        self, command: Sequence[str], *, threads: int, limit: float = 300.0, root: Path = ROOT
    ) -> None:
        self._name = " ".join(command)
        self._limit = limit
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed in __exit__
        self._process = subprocess.Popen(
            command,
            cwd=root,
            env=environment(threads),
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
    contenders: Sequence[str],
    work: Path,
    *,
    kind: str = "train",
    question: Callable[[int], str] = str,
    rounds: int,
    threads: int,
) -> dict[str, Measurement]:
    """Let contenders take turns at one answer each, after one to warm up.

    The order turns round with every round, so that none always runs after the same other one.

    Parameters
    ----------
    contenders : sequence of str
        Ours among them.
    work : Path
        For `benchmarks.work.Work.load`.
    kind : {"train", "predict"}
        What they do.
    question : callable
        From the number of the round, 0 for the warm-up, to the line that a child is sent.
    rounds : int
        How many answers are counted.
    threads : int
        For each of them.

    Raises
    ------
    ChildError
        If a contender fails or hangs.
    """
    with ExitStack() as stack:
        measured, children = {}, {}
        for name in contenders:
            command = [sys.executable, "-m", "benchmarks.child", kind, name, str(work)]
            children[name] = stack.enter_context(Child(command, threads=threads))
            measured[name] = Measurement(**children[name].ask())
        for number in range(rounds + 1):
            for name in contenders if number % 2 else contenders[::-1]:
                answer = children[name].ask(question(number))
                measurement = measured[name]
                measurement.losses.append(answer["loss"])
                measurement.peak_rss_mb = answer["peak_rss_mb"]
                if number > 0:
                    measurement.seconds.append(answer["seconds"])
                    measurement.cpu_seconds.append(answer["cpu_seconds"])
    return measured


def measure_cold_start(
    commands: Mapping[str, Sequence[str]], *, rounds: int, threads: int
) -> dict[str, Measurement]:
    """Let programs take turns at running from start to end, after one round to warm up.

    What counts is the wall time until the first line of output.

    Raises
    ------
    ChildError
        If a program fails or hangs.
    """
    measured = {name: Measurement(0.0, 0.0) for name in commands}
    for number in range(rounds + 1):
        for name, command in commands.items():
            start = time.perf_counter()
            with Child(command, threads=threads) as child:
                child.ask()
                seconds = time.perf_counter() - start
            measured[name].losses.append(None)
            if number > 0:
                measured[name].seconds.append(seconds)
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
    if expected is None:
        raise ValueError(f"{OURS}: no loss to compare with")
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


def summarize(
    measured: Mapping[str, Measurement], threads: int, kind: str = "epoch"
) -> list[dict[str, Any]]:
    """Return a row per contender, as plain data."""
    rows = []
    for name, measurement in measured.items():
        middle, low, high = ratio(measurement.seconds, measured[OURS].seconds)
        rows.append(
            {
                "kind": kind,
                "contender": name,
                "threads": threads,
                "seconds": {
                    "median": statistics.median(measurement.seconds),
                    "low": min(measurement.seconds),
                    "high": max(measurement.seconds),
                },
                "cpu_seconds": statistics.median(measurement.cpu_seconds or [0.0]),
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
