"""One file after the other, in this process."""

import hashlib
import signal
import time
import traceback
import tracemalloc
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import NamedTuple, NoReturn

import numpy as np

from parity_tests.fuzz.damage import damage_bytes
from parity_tests.fuzz.target import Target

LONGEST_MESSAGE = 2000


class Finding(NamedTuple):
    """A file that a reader did not treat as it should.

    Attributes
    ----------
    kind : str
        ``exception``, ``warning``, ``time``, ``memory``, ``wrong``, ``refused`` for a right file
        that was, ``message`` for an error that is not a short line, ``crash``.
    place : str
        The last line of the library that had to do with it, where that is known.
    what : str
        In words.
    file : str
        Name of the file that it was.
    """

    kind: str
    place: str
    what: str
    file: str = ""


class _TimeIsUp(BaseException):
    """Nothing that a reader would catch."""


@dataclass
class Count:
    """What became of the files.

    Attributes
    ----------
    inputs : int
        How many there were.
    seconds : float
        How long it took.
    right, refused : int
        Files that were read, and files that were refused.
    findings : list of Finding
        The first of every kind and place.
    """

    inputs: int = 0
    seconds: float = 0.0
    right: int = 0
    refused: int = 0
    findings: list[Finding] = field(default_factory=list)


def content_of(target: Target, seed: int, number: int) -> tuple[bytes, bool]:
    """Return the content of file `number`, and whether it is a right one for sure."""
    rng = np.random.default_rng([seed, number])
    # Of eight files one is right; two are damaged in their bytes alone, four in the way of the
    # format, and one in both.
    way = number % 8
    content = target.make(rng, way not in (0, 1, 2))
    return (damage_bytes(rng, content) if way in (1, 2, 3) else content), way == 0


def try_files(
    target: Target, seed: int, numbers: Iterator[int], folder: Path, current: Path, limit: float
) -> Count:
    """Read files until there are no more numbers.

    Parameters
    ----------
    target : Target
    seed : int
        Of all that is drawn.
    numbers : iterator of int
        Of the files.
    folder : Path
        Where findings are kept.
    current : Path
        Where the file is that is being read, for whoever looks after a crash.
    limit : float
        Seconds for a file.
    """
    count, begin, seen = Count(), time.perf_counter(), set()
    with watching():
        for number in numbers:
            content, right = content_of(target, seed, number)
            current.write_bytes(content)
            finding = try_file(target, content, right, current, limit)
            count.inputs += 1
            if isinstance(finding, Finding):
                # Of files that go wrong in the same place one is enough.
                if finding[:2] not in seen:
                    seen.add(finding[:2])
                    count.findings.append(keep(finding, target, content, folder))
            elif finding:
                count.right += 1
            else:
                count.refused += 1
    count.seconds = time.perf_counter() - begin
    return count


def keep(finding: Finding, target: Target, content: bytes, folder: Path) -> Finding:
    """Write the file of a finding, and what it is about beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{target.name}-{hashlib.sha256(content).hexdigest()[:12]}"
    path.write_bytes(content)
    path.with_suffix(".txt").write_text(
        f"{finding.kind}: {finding.place} {finding.what}\n", "utf-8"
    )
    return finding._replace(file=path.name)


def try_file(
    target: Target, content: bytes, right: bool, path: Path, limit: float
) -> Finding | bool:
    """Return whether a file was read, not refused; or what was wrong about it.

    Only inside of `watching`.
    """
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    refusal: Exception | None = None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        signal.setitimer(signal.ITIMER_REAL, limit)
        try:
            result = target.read(path)
        except target.refusals as error:
            refusal = error
        except _TimeIsUp:
            return Finding("time", "", f"more than {limit:g} s")
        except Warning as error:
            return _raised("warning", error)
        except Exception as error:
            return _raised("exception", error)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        peak = tracemalloc.get_traced_memory()[1] - before
        if peak > target.memory(content):
            what = f"{peak} bytes for a file of {len(content)}, {target.memory(content)} allowed"
            return Finding("memory", "", what)
        if refusal is not None:
            if right:
                return Finding("refused", "", str(refusal))
            return _unclear(str(refusal)) or False
        try:
            target.check(content, result)
        except Exception as error:
            return _raised("wrong", error)
    return True


def _unclear(message: str) -> Finding | None:
    """Return what is wrong with a message: it is a line, short, of characters that can be shown."""
    if len(message) > LONGEST_MESSAGE:
        return Finding("message", "", f"{len(message)} characters: {message[:200]!r}")
    if not message.isprintable():
        return Finding("message", "", repr(message))
    return None


def _raised(kind: str, error: Exception) -> Finding:
    frames = traceback.extract_tb(error.__traceback__)
    last = [frame for frame in frames if "numpy_impl" in frame.filename][-1:] or frames[-1:]
    place = f"{Path(last[0].filename).name}:{last[0].lineno}"
    return Finding(kind, place, f"{type(error).__name__}: {str(error)[:300]}")


@contextmanager
def watching() -> Iterator[None]:
    """Count memory and watch the time while the context lasts."""

    def ring(_signal: int, _frame: FrameType | None) -> NoReturn:
        raise _TimeIsUp

    before = signal.signal(signal.SIGALRM, ring)
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()
        signal.signal(signal.SIGALRM, before)
