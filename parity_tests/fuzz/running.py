"""Fuzzing a target in a process of its own."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy_impl
from parity_tests.fuzz.targets import TARGETS
from parity_tests.fuzz.trying import Count, Finding, keep

# A reader that does not even come back to Python is stopped after so many times its limit.
_PATIENCE = 10
_PERIOD = 0.1  # seconds
# In memory: a disk takes longer to write a file than a reader to read it.
_SCRATCH = Path("/dev/shm")


def run_target(
    name: str,
    *,
    inputs: int,
    seed: int,
    folder: Path,
    limit: float = 5.0,
    fault: str | None = None,
) -> Count:
    """Make files for a target and have them read.

    Parameters
    ----------
    name : str
        Of the target.
    inputs : int
        How many files.
    seed : int
        Of all that is drawn.
    folder : Path
        Where the files of findings go.
    limit : float, default 5
        Seconds for a file.
    fault : str, optional
        Name of a fault to plant in the reader.
    """
    with tempfile.TemporaryDirectory(dir=_SCRATCH if _SCRATCH.is_dir() else None) as scratch:
        current, output = Path(scratch) / "file", Path(scratch) / "output"
        arguments = [name, seed, inputs, limit, folder, current]
        command = [sys.executable, "-m", "parity_tests.fuzz.child", *map(str, arguments)]
        if fault is not None:
            command += ["--fault", fault]
        root = str(Path(numpy_impl.__file__).parents[1])
        begin = time.perf_counter()
        with output.open("wb") as out:
            process = subprocess.Popen(
                command, stdout=out, env={**os.environ, "PYTHONPATH": root}, cwd=scratch
            )
            try:
                _wait(process, current, _PATIENCE * limit)
            finally:
                process.kill()
                process.wait()
        if process.returncode == 0:
            count = Count(**json.loads(output.read_bytes()))
            count.findings = [Finding(*finding) for finding in count.findings]
            return count
        if process.returncode == 1:
            # An exception that is not the reader's.
            raise RuntimeError(f"the declaration of {name} is at fault")
        crash = Finding("crash", "", f"the process ended with {process.returncode}")
        if not current.exists():
            raise RuntimeError(f"{name}: {crash.what} before it read a file")
        kept = keep(crash, TARGETS[name], current.read_bytes(), folder)
        return Count(seconds=time.perf_counter() - begin, findings=[kept])


def _wait(process: "subprocess.Popen[bytes]", current: Path, patience: float) -> None:
    """Wait for the end of a process, or until it has been at one file for too long."""
    while True:
        try:
            process.wait(_PERIOD)
            return
        except subprocess.TimeoutExpired:
            if current.exists() and time.time() - current.stat().st_mtime > patience:
                return
