"""Run a module in a process of its own, which strangers' code may crash, hang or fill as it likes.

The parent calls `run_apart`, the child `set_limits` and `answering`.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MEGABYTE = 2**20

Answer = Callable[[dict[str, Any]], None]

_ROOT = Path(__file__).resolve().parents[2]
_ANSWERS = "NUMPY_MLP_ANSWERS"
_LINES = 5  # of what was printed last


@dataclass(frozen=True)
class Ending:
    """How a process ended, and what it said until then.

    Attributes
    ----------
    code : int or None
        The exit code, negative for a signal; None if it took too long and was ended.
    answers : list of dict
        What it has answered.
    printed : str
        The last lines that it printed.
    """

    code: int | None
    answers: list[dict[str, Any]]
    printed: str

    def describe(self, seconds: float) -> str:
        """Return how it ended, as half a sentence; `seconds` was its limit."""
        if self.code is None:
            return f"it took more than {seconds:g} s and was ended"
        if self.code < 0:
            with contextlib.suppress(ValueError):
                return f"it crashed ({signal.Signals(-self.code).name})"
            return f"it crashed (signal {-self.code})"
        return f"it ended by itself (exit code {self.code})"


def run_apart(module: str, request: str, folder: Path, seconds: float) -> Ending:
    """Run ``python -m module request`` until it ends, for so many seconds at most.

    What it starts is ended with it. It gets no input, one BLAS thread, and ``folder/work`` as its
    current and its temporary folder.

    Parameters
    ----------
    module : str
        Of this project.
    request : str
        Its only argument.
    folder : Path
        An empty folder, for the answers and what it prints.
    seconds : float
        Limit of wall time, its start included.
    """
    work, answers, output = folder / "work", folder / "answers", folder / "output"
    work.mkdir()
    with output.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", module, request],
            cwd=work,
            env=_environment(work, answers),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            # Also if the wait is interrupted.
            _end(process)
    return Ending(code, [json.loads(line) for line in _complete_lines(answers)], _printed(output))


def set_limits(memory: int) -> None:
    """Limit this process to so many MB of memory, where the system can (not Windows and macOS)."""
    try:
        import resource
    except ImportError:  # Windows
        return

    def limit(which: int, amount: int) -> None:
        hard = resource.getrlimit(which)[1]
        if hard != resource.RLIM_INFINITY:
            amount = min(amount, hard)
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(which, (amount, hard))

    # The data segment with all private memory: the address space as a whole counts what BLAS
    # reserves and never touches.
    limit(resource.RLIMIT_DATA, memory * MEGABYTE)
    limit(resource.RLIMIT_CORE, 0)
    # A loop that prints fills no disk.
    limit(resource.RLIMIT_FSIZE, 64 * MEGABYTE)


@contextlib.contextmanager
def answering() -> Iterator[Answer]:
    """Give a function that hands something to the parent at once.

    It takes a dictionary; under the key ``"text"`` there may be the finished line of JSON instead.
    """
    # An open descriptor, written to directly, is beyond what strangers do to streams.
    answers = os.open(os.environ.pop(_ANSWERS), os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def answer(entry: dict[str, Any]) -> None:
        text = entry.pop("text", None)
        line = text if text is not None else json.dumps(entry)
        rest = f"{line}\n".encode()
        while rest:
            rest = rest[os.write(answers, rest) :]

    try:
        yield answer
    finally:
        os.close(answers)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a process that has not ended, and what it has started."""
    if process.returncode is None:
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:  # Windows
            process.kill()
        process.wait()


def _environment(work: Path, answers: Path) -> dict[str, str]:
    paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        # Nothing is left behind in folders that are not ours.
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONIOENCODING": "utf-8",
        "TMPDIR": str(work),
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        _ANSWERS: str(answers),
    }


def _complete_lines(path: Path) -> list[str]:
    """Return the lines of a file; the last one may have been cut off by the end of the process."""
    if not path.exists():
        return []
    return path.read_text(encoding="utf-8").rpartition("\n")[0].splitlines()


def _printed(path: Path) -> str:
    with path.open("rb") as stream:
        stream.seek(0, os.SEEK_END)
        stream.seek(max(stream.tell() - 4096, 0))
        lines = stream.read().decode("utf-8", "replace").split("\n")
    return " | ".join([line.strip() for line in lines if line.strip()][-_LINES:])
