"""``python -m benchmarks.gate``: tell whether the library has become slower.

Every benchmark is given as the ratio of the library's processor time to that of
`benchmarks.frozen`, the two taking turns in one process. A process is one sample, since what
differs between processes (where their memory lies) stays the same within one: the mean over
several, with Student's 95 % interval, is held against the ratio in the baseline file, which allows
5 % more.

========================================  =============================================
the whole interval is above the limit     measured again, see below; *fail* if it is so twice
the whole interval is below the limit     *pass*
the limit is inside, interval over 5 %    *inconclusive*: too noisy to tell
the limit is inside, interval up to 5 %   *pass*: slower by less than can be told
no ratio in the baseline, or no benchmark *fail*
========================================  =============================================

The exit status is 0 for pass, 1 for fail, 3 for inconclusive, and 2 if nothing could be measured.
The baseline is written with ``--update`` only. It holds ratios, which carry over between machines
of one kind, but not from one maker's processors to another's: the file has a baseline for each, and
where there is none nothing can be told (*inconclusive*): make one first. Nor do they carry over
exactly: what lies at the edge of a cache takes longer beside busy neighbours, in the library and in
the frozen code by different factors. So the second measurement takes turns with the library of the
commit that the baseline was made at, on the same machine at the same time, and is the ratio to
that, times the baseline. Where the commit cannot be had it is measured as the first was.
"""

import argparse
import hashlib
import json
import math
import platform
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.gate_child import BENCHMARKS
from benchmarks.harness import ROOT, Child, ChildError, ratio, write_json

FROZEN = Path(__file__).parent / "frozen.py"
CHECKSUM = "3cc47dd5214deff61ac4fbd351b11541fbfcec37f43973cede7f5c1749cb0ff7"
BASELINE = Path(__file__).parent / "baseline.json"
REPORT = ROOT / "build" / "bench" / "gate.json"

# What a ratio may be over its baseline, and how wide an interval may be, as factors.
ALLOWED = 1.05
TOO_WIDE = 1.05

# What a measurement runs, and what it is compared with.
MEASURED = ("benchmarks", "numpy_impl")

STATUS = {"pass": 0, "fail": 1, "inconclusive": 3}


def processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Return who made the processor, such as ``"AuthenticAMD"``; where none says so, its kind."""
    try:
        lines = cpuinfo.read_text().splitlines()
    except OSError:
        lines = []
    makers = [line.partition(":")[2].strip() for line in lines if line.startswith("vendor_id")]
    return makers[0] if makers else platform.machine()


class Interval(NamedTuple):
    """A ratio to the frozen code, with its 95 % interval."""

    mean: float
    low: float
    high: float


class Baseline(NamedTuple):
    """The ratios of a processor, and the commit that they were measured at, if it is known."""

    ratios: Mapping[str, float]
    commit: str | None


class Result(NamedTuple):
    """What became of a benchmark; `measured` is None if it was not measured."""

    name: str
    verdict: str
    measured: Interval | None
    baseline: float | None


Measure = Callable[[Sequence[str]], Mapping[str, Interval]]


class GateError(Exception):
    """Nothing can be said: the yardstick is not the pinned one, or a file is missing."""


def check_frozen(path: Path = FROZEN, checksum: str = CHECKSUM) -> None:
    """Raise GateError unless the frozen code is the pinned one."""
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != checksum:
        raise GateError(f"{path.name}: expected sha256 {checksum}, got {found}; it must not change")


def verdict(measured: Interval, baseline: float) -> str:
    """Return "pass", "fail" or "inconclusive" for one measurement."""
    limit = baseline * ALLOWED
    if measured.low > limit:
        return "fail"
    if measured.high > limit and measured.high / measured.low > TOO_WIDE:
        return "inconclusive"
    return "pass"


def judge(
    measure: Measure, again: Measure, names: Sequence[str], baseline: Mapping[str, float]
) -> list[Result]:
    """Measure all benchmarks, those that fail once more, and return what became of each."""
    known = [name for name in names if name in baseline]
    measured = dict(measure(known)) if known else {}
    suspects = [name for name in known if verdict(measured[name], baseline[name]) == "fail"]
    if suspects:
        measured.update(again(suspects))
    results = [
        Result(name, verdict(measured[name], baseline[name]), measured[name], baseline[name])
        for name in known
    ]
    results += [Result(name, "fail", None, None) for name in names if name not in baseline]
    results += [
        Result(name, "fail", None, ratio) for name, ratio in baseline.items() if name not in names
    ]
    return results


def overall(results: Sequence[Result]) -> str:
    """Return the verdict on all of them: the worst, and an empty list is not a pass."""
    verdicts = {result.verdict for result in results}
    if "fail" in verdicts or not verdicts:
        return "fail"
    return "inconclusive" if "inconclusive" in verdicts else "pass"


def git(*arguments: str, root: Path = ROOT) -> bytes | None:
    """Return what git prints; None if it fails, has no history here, or is not installed."""
    try:
        return subprocess.run(
            ["git", *arguments],
            cwd=root,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return None


def current_commit(root: Path = ROOT) -> str | None:
    """Return the commit of what is measured; None if it has been changed since."""
    if git("diff", "--quiet", "HEAD", "--", *MEASURED, root=root) is None:
        return None
    head = git("rev-parse", "HEAD", root=root)
    return head.decode().strip() if head else None


@contextmanager
def library_of(commit: str | None, root: Path = ROOT) -> Iterator[Path | None]:
    """Give a folder with what is measured as it was at a commit; None if it cannot be had."""
    archive = git("archive", commit, *MEASURED, root=root) if commit else None
    if archive is None:
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=BytesIO(archive)) as files:
            files.extractall(folder, filter="data")
        yield Path(folder)


def ask_child(names: Sequence[str], *, pairs: int, planted: str, root: Path) -> dict[str, float]:
    """Return the ratio of each benchmark in one fresh process."""
    command = [sys.executable, "-m", "benchmarks.gate_child", str(pairs), planted, *names]
    with Child(command, threads=1, root=root) as child:
        return {name: math.exp(value) for name, value in child.ask().items()}


def measure_in_children(
    names: Sequence[str],
    *,
    children: int,
    pairs: int,
    planted: str = "none",
    beside: Path | None = None,
) -> dict[str, Interval]:
    """Return the interval of each benchmark over so many fresh processes.

    With `beside`, a folder with another state of the library, it is of the ratio to that.
    """
    ours: list[dict[str, float]] = []
    theirs: list[dict[str, float]] = []
    for _ in range(children):
        ours.append(ask_child(names, pairs=pairs, planted=planted, root=ROOT))
        theirs.append(
            ask_child(names, pairs=pairs, planted="none", root=beside)
            if beside
            else dict.fromkeys(names, 1.0)
        )
    return {
        name: Interval(*ratio([own[name] for own in ours], [other[name] for other in theirs]))
        for name in names
    }


def load_baselines(path: Path) -> dict[str, Baseline]:
    """Return the baselines by processor; GateError if the file is not one of this yardstick."""
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError:
        raise GateError(f"{path}: no such file; make it with --update") from None
    if content["frozen_sha256"] != CHECKSUM:
        raise GateError(f"{path}: made with another frozen.py; make it anew with --update")
    return {
        maker: Baseline(baseline["benchmarks"], baseline["commit"])
        for maker, baseline in content["processors"].items()
    }


def save_baseline(path: Path, measured: Mapping[str, Interval]) -> None:
    """Write the baseline of this processor, and leave those of others in the file."""
    others: dict[str, Any] = {}
    if path.exists():
        content = json.loads(path.read_text())
        others = content["processors"] if content["frozen_sha256"] == CHECKSUM else {}
    ratios = {name: round(interval.mean, 4) for name, interval in measured.items()}
    entry = {"numpy": np.__version__, "commit": current_commit(), "benchmarks": ratios}
    own = {processor(): entry}
    write_json(path, {"frozen_sha256": CHECKSUM, "processors": {**others, **own}})


def _line(result: Result) -> str:
    measured, baseline = result.measured, result.baseline
    middle = f"{measured.mean:.3f} ({measured.low:.3f}-{measured.high:.3f})" if measured else "-"
    numbers = f"{baseline:9.3f}  {baseline * ALLOWED:6.3f}" if baseline else f"{'-':>9}  {'-':>6}"
    return f"{result.name:24}  {middle:>22}  {numbers}  {result.verdict}"


def _report(results: Sequence[Result], path: Path) -> None:
    print(f"{'benchmark':24}  {'over frozen (95 %)':>22}   baseline   limit  verdict")
    for result in results:
        print(_line(result))
    rows: list[dict[str, Any]] = [
        {**result._asdict(), "measured": result.measured and result.measured._asdict()}
        for result in results
    ]
    write_json(path, {"verdict": overall(results), "benchmarks": rows})
    print(f"verdict: {overall(results).upper()}")


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, compare, and say so; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gate", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--short", action="store_true", help="fewer processes, for every day")
    parser.add_argument("--update", action="store_true", help="measure and write the baseline")
    parser.add_argument(
        "--plant",
        default="none",
        help="slow the library down: none, twice, allocate, or spin15 for 15 %% more time",
    )
    parser.add_argument("--baseline", type=Path, default=BASELINE, help="the baseline file")
    parser.add_argument("--report", type=Path, default=REPORT, help="where to write the figures")
    arguments = parser.parse_args(argv)
    children, pairs = (4, 15) if arguments.short else (7, 31)
    if arguments.update:
        # Its error is in every verdict to come.
        children = 20

    def measure(names: Sequence[str]) -> dict[str, Interval]:
        return measure_in_children(names, children=children, pairs=pairs, planted=arguments.plant)

    try:
        check_frozen()
        if arguments.update:
            save_baseline(arguments.baseline, measure(list(BENCHMARKS)))
            print(f"written: {arguments.baseline}")
            return 0
        baselines = load_baselines(arguments.baseline)
        if processor() not in baselines:
            print(f"verdict: INCONCLUSIVE: no baseline for {processor()}; make it with --update")
            return STATUS["inconclusive"]
        baseline = baselines[processor()]

        def again(names: Sequence[str]) -> dict[str, Interval]:
            with library_of(baseline.commit) as folder:
                if folder is None:
                    return measure(names)
                print(f"beside commit {baseline.commit}, once more: {', '.join(names)}")
                ratios = measure_in_children(
                    names, children=children, pairs=pairs, planted=arguments.plant, beside=folder
                )
            return {
                name: Interval(*(value * baseline.ratios[name] for value in interval))
                for name, interval in ratios.items()
            }

        results = judge(measure, again, list(BENCHMARKS), baseline.ratios)
    except (GateError, ChildError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    _report(results, arguments.report)
    return STATUS[overall(results)]


if __name__ == "__main__":
    sys.exit(main())
