"""The line of somebody's code that computed a quantity, found by watching it run."""

import linecache
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.verdicts import Line

Array = NDArray[Any]

_LIBRARIES = tuple(
    str(Path(folder).resolve())
    for folder in {*sysconfig.get_paths().values(), Path(np.__file__).parent, Path(__file__).parent}
)

# How far entries that are one number may be apart, where a step shows them.
_EVEN = 1e-6


def locate(action: Callable[[], object], wanted: Array) -> Line | None:
    """Return the first line after which an array is there that is a multiple of the one wanted.

    Parameters
    ----------
    action : callable
        Runs the code.
    wanted : ndarray
        What is looked for, among local variables and attributes of ``self``; of any layout. Of
        one number everywhere a multiple says nothing: it has to be that number, which may also
        stand alone.

    Returns
    -------
    Line or None
        None if it is never there, or if it is zero.
    """
    watcher = _Watcher(wanted)
    if not watcher.size:
        return None
    before = sys.gettrace()
    sys.settrace(watcher.enter)
    try:
        action()
    finally:
        sys.settrace(before)
    return watcher.found


class _Watcher:
    """Looks at the variables after every line."""

    def __init__(self, wanted: Array) -> None:
        self.size = float(np.linalg.norm(wanted)) if np.isfinite(wanted).all() else 0.0
        self.forms = [np.ravel(wanted)]
        self.is_one_number = wanted.size > 1 and not np.ptp(wanted) > _EVEN * np.abs(wanted).max()
        if wanted.ndim == 2 and 1 not in wanted.shape:
            self.forms.append(np.ravel(wanted.T))
        self.found: Line | None = None
        self.last: dict[FrameType, int] = {}

    def enter(self, frame: FrameType, _event: str, _argument: Any) -> Any:
        """Watch a function, unless it is a library's."""
        file = frame.f_code.co_filename
        if self.found is not None or file.startswith(_LIBRARIES):
            return None
        if not linecache.getline(file, frame.f_lineno):  # made up at run time: nothing to show
            return None
        self.last[frame] = frame.f_lineno
        return self.look

    def look(self, frame: FrameType, event: str, argument: Any) -> Any:
        """Look at what the line before has left."""
        if self.found is None and event in ("line", "return"):
            values = list(frame.f_locals.values())
            holder = frame.f_locals.get("self")
            values += list(vars(holder).values()) if hasattr(holder, "__dict__") else []
            if event == "return":
                values.append(argument)
            if any(map(self.is_wanted, values)):
                number = self.last[frame]
                file = frame.f_code.co_filename
                self.found = Line(file, number, linecache.getline(file, number).strip())
            self.last[frame] = frame.f_lineno
        return self.look

    def is_wanted(self, value: Any) -> bool:
        """Whether it is an array that is a multiple of the wanted one."""
        if isinstance(value, (list, tuple)) and len(value) < 20:
            return any(map(self.is_wanted, value))
        if isinstance(value, dict) and len(value) < 50:
            return any(map(self.is_wanted, value.values()))
        if self.is_one_number:
            return self.is_number(value)
        if not isinstance(value, np.ndarray) or value.dtype.kind != "f":
            return False
        if value.size != self.forms[0].size:
            return False
        flat = value.ravel().astype(np.float64)
        size = float(np.linalg.norm(flat))
        if not size or not np.isfinite(size):
            return False
        return any(
            abs(abs(float(flat @ form)) / (size * self.size) - 1) < 1e-10 for form in self.forms
        )

    def is_number(self, value: Any) -> bool:
        """Whether it is the number that is wanted, in every entry or alone."""
        if not isinstance(value, np.ndarray | np.floating) or value.dtype.kind not in "fb":
            return False
        if value.size not in (1, self.forms[0].size):
            return False
        number = self.forms[0][0]
        off = np.abs(np.asarray(value, np.float64) - number).max()
        return bool(off <= _EVEN * abs(number))
