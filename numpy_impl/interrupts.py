"""Ctrl-C and SIGTERM, kept until the work under way is in order."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# What asks a process to end: the keyboard, and whoever manages processes.
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def deferred_interrupts() -> Iterator[list[int]]:
    """Collect SIGINT or SIGTERM in the list it yields, where signals can be handled at all.

    The second one raises KeyboardInterrupt at once. Outside the main thread nothing is collected,
    and signals do what they did.
    """
    interrupts: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return

    def note(signum: int, _frame: FrameType | None) -> None:
        if interrupts:
            raise KeyboardInterrupt
        interrupts.append(signum)

    before = {signum: signal.signal(signum, note) for signum in _SIGNALS}
    try:
        yield interrupts
    finally:
        for signum, handler in before.items():
            # None stands for one that was not installed from Python and cannot be put back.
            signal.signal(signum, signal.SIG_DFL if handler is None else handler)
