"""How many threads a process was given, and the cores for them."""

import os


def threads() -> int:
    """Return how many threads the parent gave this process."""
    return int(os.environ.get("OPENBLAS_NUM_THREADS", "1"))


def keep_to_cores() -> None:
    """Keep this process to as many cores as it was given threads, where the system can do that.

    Some libraries start more threads than they are told to.
    """
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: threads()])
