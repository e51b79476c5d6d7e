"""The line of somebody's code that hands a quantity on as it is, found by watching it run."""

from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.locate import multiple_of
from parity_tests.kit.verdicts import Line
from parity_tests.kit.watching import Judge, Watcher, found_by, values_in

Array = NDArray[Any]
# How many lines there may be, of which one alone tells something.
_MOST = 2


def locate_handed_on(
    action: Callable[[], object], wanted: Array, beside: Sequence[Array]
) -> Line | None:
    """Return the line with which a function that is given a multiple of an array returns one.

    Of functions around each other, that is the innermost one.

    Parameters
    ----------
    action : callable
        Runs the code.
    wanted : ndarray
        What is looked for, among arguments and what is returned; of any layout.
    beside : sequence of ndarray
        What it knows besides, as what it would need to do more; one of them is enough.

    Returns
    -------
    Line or None
        None if there is no such function, or if there are several one after the other.
    """
    if wanted.size == 1 or not np.isfinite(wanted).all() or not np.any(wanted):
        return None
    watcher = _OfReturned(multiple_of(wanted, ()))
    watcher.sources = [multiple_of(own, ()) for own in beside]
    found = found_by(watcher, action, _MOST)
    return found[0] if len(found) == 1 else None


class _OfReturned(Watcher):
    """Looks at what functions are given, and at what they return."""

    def __init__(self, judge: Judge) -> None:
        super().__init__(judge)
        self.around: set[FrameType] = set()

    def enter(self, frame: FrameType, event: str, argument: Any) -> Any:
        """Watch a function that is given what is looked for."""
        is_given = any(self.wanted_in([*frame.f_locals.values()]))
        if not is_given or super().enter(frame, event, argument) is None:
            return None
        return self.look

    def look(self, frame: FrameType, event: str, argument: Any) -> Any:
        """Look at what the function returns, unless one that it has called returned it."""
        is_own = event == "return" and frame not in self.around
        if is_own and any(self.wanted_in(argument)) and self.are_any(values_in(frame)):
            self.add(frame.f_code.co_filename, frame.f_lineno)
            caller = frame.f_back
            while caller is not None:
                self.around.add(caller)
                caller = caller.f_back
        return self.look
