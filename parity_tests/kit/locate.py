"""The line of somebody's code that computed a quantity, found by watching it run."""

import linecache
import sys
import sysconfig
from collections.abc import Callable, Iterator
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


def locate(action: Callable[[], object], wanted: Array, *, alone: bool = False) -> Line | None:
    """Return the first line after which an array is there that is a multiple of the one wanted.

    Parameters
    ----------
    action : callable
        Runs the code.
    wanted : ndarray
        What is looked for, among local variables and attributes of ``self``; of any layout. Of
        one number everywhere a multiple says nothing: it has to be that number, which may also
        stand alone.
    alone : bool, default False
        Whether no other line may make one: where the cause is not known, either may be wrong.

    Returns
    -------
    Line or None
        None if it is never there, or if it is zero.
    """
    watcher = _Watcher(wanted, 2 if alone else 1)
    if not watcher.size:
        return None
    before = sys.gettrace()
    sys.settrace(watcher.enter)
    try:
        action()
    finally:
        sys.settrace(before)
    return watcher.found[0] if len(watcher.found) == 1 else None


class _Watcher:
    """Looks at the variables after every line."""

    def __init__(self, wanted: Array, most: int) -> None:
        self.most = most
        self.size = float(np.linalg.norm(wanted)) if np.isfinite(wanted).all() else 0.0
        self.forms = [np.ravel(wanted)]
        self.is_one_number = wanted.size > 1 and not np.ptp(wanted) > _EVEN * np.abs(wanted).max()
        if wanted.ndim == 2 and 1 not in wanted.shape:
            self.forms.append(np.ravel(wanted.T))
        self.found: list[Line] = []
        self.seen: list[Any] = []
        self.last: dict[FrameType, int] = {}

    def enter(self, frame: FrameType, _event: str, _argument: Any) -> Any:
        """Watch a function, unless it is a library's."""
        file = frame.f_code.co_filename
        if len(self.found) == self.most or file.startswith(_LIBRARIES):
            return None
        if not linecache.getline(file, frame.f_lineno):  # made up at run time: nothing to show
            return None
        self.last[frame] = frame.f_lineno
        return self.look

    def look(self, frame: FrameType, event: str, argument: Any) -> Any:
        """Look at what the line before has left."""
        if len(self.found) < self.most and event in ("line", "return"):
            values = list(frame.f_locals.values())
            holder = frame.f_locals.get("self")
            values += list(vars(holder).values()) if hasattr(holder, "__dict__") else []
            if event == "return":
                values.append(argument)
            made = [array for value in values for array in self.wanted_in(value)]
            new = [array for array in made if not any(_is_part(array, old) for old in self.seen)]
            self.seen += new
            if new:
                number = self.last[frame]
                file = frame.f_code.co_filename
                line = Line(file, number, linecache.getline(file, number).strip())
                self.found += [line] * (line not in self.found)
            self.last[frame] = frame.f_lineno
        return self.look

    def wanted_in(self, value: Any) -> Iterator[Any]:
        """Yield the arrays in a value that are multiples of the wanted one."""
        if isinstance(value, (list, tuple)) and len(value) < 20:
            for member in value:
                yield from self.wanted_in(member)
        elif isinstance(value, dict) and len(value) < 50:
            for member in value.values():
                yield from self.wanted_in(member)
        elif self.is_wanted(value):
            yield value

    def is_wanted(self, value: Any) -> bool:
        """Whether it is an array that is a multiple of the wanted one."""
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


def _is_part(array: Any, other: Any) -> bool:
    """Whether an array is another one, or a view of it."""
    return array is other or bool(np.may_share_memory(array, other))
