"""What a measured process does to itself, before and after the contender is loaded."""

import os
import re
from pathlib import Path

from numpy_impl.app.memory import peak_rss_mb

# What the parent sets; see `benchmarks.harness`.
THREADS_VARIABLE = "OPENBLAS_NUM_THREADS"


def thread_count() -> int:
    """Return how many threads this process was given; without a word, as many as cores."""
    return int(os.environ.get(THREADS_VARIABLE) or os.cpu_count() or 1)


def keep_to_cores(count: int) -> None:
    """Keep this process, and the threads it will start, to so many cores.

    A library that pays no attention to the variables then gets no more than the others. Does
    nothing where there are no more cores, or where the system does not know how.
    """
    if not hasattr(os, "sched_setaffinity"):
        return
    allowed = sorted(os.sched_getaffinity(0))
    if count < len(allowed):
        os.sched_setaffinity(0, allowed[:count])


def peak_family_mb(root: int | None = None, proc: Path = Path("/proc")) -> float | None:
    """Return the peak resident sets of a process and its living descendants, in MB, summed.

    Pages that a forked process shares with its parent are counted in both, so that the sum is an
    upper bound. A descendant that has already ended is not counted.

    Parameters
    ----------
    root : int, optional
        Identifier of the process; by default this one.
    proc : path
        Where the kernel lists the processes; without it, the peak of this process alone.

    Returns
    -------
    float or None
        In MB of 10^6 bytes; None on a system that reports nothing.
    """
    root = root or os.getpid()
    children: dict[int, list[int]] = {}
    for folder in proc.glob("[0-9]*"):
        parent = _parent(folder / "status")
        if parent is not None:
            children.setdefault(parent, []).append(int(folder.name))
    family = [root]
    for process in family:
        family += children.get(process, [])
    if len(family) == 1 and root == os.getpid():
        return peak_rss_mb()
    return sum(
        peak_rss_mb(status) or 0.0
        for process in family
        if (status := proc / str(process) / "status").exists()
    )


def _parent(status: Path) -> int | None:
    try:
        found = re.search(r"^PPid:\s*(\d+)$", status.read_text(), re.MULTILINE)
    except OSError:  # ended meanwhile
        return None
    return int(found[1]) if found else None
