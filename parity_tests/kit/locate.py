"""The line of somebody's code that computed a quantity, found by watching it run."""

import ast
import linecache
import sys
import sysconfig
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_tests.kit.verdicts import Line

Array = NDArray[Any]


def paths_of(folder: str | Path) -> set[str]:
    """Return the paths that code in a folder may have: as it is given, and where links lead.

    An environment may be a link; its code then has the path by which it was reached.
    """
    return {str(Path(folder).absolute()), str(Path(folder).resolve())}


_LIBRARIES = tuple(
    path
    for folder in {*sysconfig.get_paths().values(), Path(np.__file__).parent, Path(__file__).parent}
    for path in paths_of(folder)
)

# How far entries that are one number may be apart, where a step shows them.
_EVEN = 1e-6
# Lines of which numbers are kept.
_MOST = 200
Runs = Sequence[tuple[Callable[[], object], Array]]


def locate(
    action: Callable[[], object],
    wanted: Array,
    *,
    alone: bool = False,
    given: Sequence[Array] = (),
    behind: Array | None = None,
) -> Line | None:
    """Return the first line after which an array is there that is a multiple of the one wanted.

    Parameters
    ----------
    action : callable
        Runs the code.
    wanted : ndarray
        What is looked for, among local variables and attributes of ``self``; of any layout. Of
        one number everywhere a multiple says nothing: it has to be that number.
    alone : bool, default False
        Whether no other line may make one: where the cause is not known, either may be wrong.
    given : sequence of ndarray
        What is there from the start, as parameters are: of one output, a sum of what is carried
        back is a multiple of its matrix.
    behind : ndarray, optional
        What has to be there before: of a backward pass, the gradient above. What is made in the
        forward pass, as a mask of dropout, is none of its derivatives.

    Returns
    -------
    Line or None
        None if it is never there, if it is zero, or if it has one entry: see `locate_number`.
    """
    if wanted.size == 1 or not np.isfinite(wanted).all() or not np.any(wanted):
        return None
    watcher = _Watcher(_even(wanted) if is_one_number(wanted) else _multiple(wanted, given))
    watcher.begins = None if behind is None else _multiple(behind, given)
    found = _found_by(watcher, action, 2 if alone else 1)
    return found[0] if len(found) == 1 else None


def is_one_number(wanted: Array) -> bool:
    """Whether all entries are the same."""
    return bool(wanted.size == 1 or not np.ptp(wanted) > _EVEN * np.abs(wanted).max())


def locate_number(runs: Runs, *, alone: bool = False) -> Line | None:
    """Return the first line that makes what is wanted of every run, where that is one number.

    Any number is a multiple of any other, and many are the same by chance. So what is found has to
    be in the same proportion to what is wanted in all runs, which are asked for different numbers.

    Parameters
    ----------
    runs : sequence of (action, wanted)
        What runs the code, as with two batches, and an array of one number that is looked for. It
        may stand alone.
    alone : bool, default False
        Whether no other line may make one.

    Returns
    -------
    Line or None
        None if it is never there, if it is zero, or if all runs are asked for the same number.
    """
    numbers = [float(wanted.flat[0]) for _, wanted in runs]
    apart = _EVEN * max(map(abs, numbers))
    if not np.isfinite(numbers).all() or not all(numbers) or np.ptp(numbers) <= apart:
        return None
    shares: list[dict[Line, list[float]]] = []
    for (action, wanted), number in zip(runs, numbers, strict=True):
        watcher = _Watcher(_number(wanted.size))
        _found_by(watcher, action, _MOST)
        own: dict[Line, list[float]] = {}
        for line, seen in watcher.made:
            own.setdefault(line, []).append(seen / number)
        shares.append(own)
    first, *others = shares
    found = [
        line
        for line, own in first.items()
        if any(all(_is_among(share, of.get(line, ())) for of in others) for share in own)
    ]
    return found[0] if found and not (alone and len(found) > 1) else None


def _is_among(share: float, shares: Sequence[float]) -> bool:
    return any(abs(share - other) <= _EVEN * abs(share) for other in shares)


def _found_by(watcher: "_Watcher", action: Callable[[], object], most: int) -> list[Line]:
    """Return the lines that make what a watcher looks for, at most so many."""
    watcher.most = most
    before = sys.gettrace()
    sys.settrace(watcher.enter)
    try:
        action()
    finally:
        sys.settrace(before)
    return watcher.found


# What a value is told by from what it was before; None if it is not what is looked for.
Judge = Callable[[Any], float | None]


def _multiple(wanted: Array, given: Sequence[Array]) -> Judge:
    """Look for multiples of an array, of any layout, that are none of some that are given."""
    known = [np.ravel(way) for own in given if own.size == wanted.size for way in (own, own.T)]
    forms = [np.ravel(wanted)]
    if wanted.ndim == 2 and 1 not in wanted.shape:
        forms.append(np.ravel(wanted.T))
    length = float(np.linalg.norm(wanted))

    def judge(value: Any) -> float | None:
        if not isinstance(value, np.ndarray) or value.dtype.kind != "f":
            return None
        if value.size != wanted.size:
            return None
        flat = value.ravel().astype(np.float64)
        size = float(np.linalg.norm(flat))
        if not size or not np.isfinite(size):
            return None
        cosines = (abs(float(flat @ form)) / (size * length) for form in forms)
        if not any(abs(cosine - 1) < 1e-10 for cosine in cosines):
            return None
        return None if any(np.array_equal(flat, own) for own in known) else 1.0

    return judge


def _even(wanted: Array) -> Judge:
    """Look for arrays that are one number everywhere, as of a mask that is always true."""
    number, judge_number = wanted.flat[0], _number(wanted.size)

    def judge(value: Any) -> float | None:
        is_as_large = isinstance(value, np.ndarray) and value.size == wanted.size
        found = judge_number(value) if is_as_large else None
        return None if found is None or abs(found - number) > _EVEN * abs(number) else found

    return judge


def _number(size: int) -> Judge:
    """Look for numbers, alone or in every entry of an array of some size."""

    def judge(value: Any) -> float | None:
        if not isinstance(value, np.ndarray | np.floating) or value.dtype.kind not in "fb":
            return None
        if value.size not in (1, size):
            return None
        entries = np.asarray(value, np.float64).ravel()
        is_told = np.isfinite(entries).all() and entries[0] and is_one_number(entries)
        return float(entries[0]) if is_told else None

    return judge


def _declarations(file: str) -> list[range]:
    """Return the lines of a file that declare a network, which hand on what others compute."""
    try:
        tree = ast.parse("".join(linecache.getlines(file)))
    except SyntaxError:
        return []
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    return [
        range(call.lineno, (call.end_lineno or call.lineno) + 1)
        for call in calls
        if ast.unparse(call.func).split(".")[-1] == "Network"
    ]


class _Watcher:
    """Looks at the variables after every line."""

    def __init__(self, judge: Judge) -> None:
        self.judge = judge
        self.begins: Judge | None = None
        self.most = 1
        self.found: list[Line] = []
        self.made: list[tuple[Line, float]] = []
        self.seen: list[tuple[Any, float]] = []
        self.last: dict[FrameType, int] = {}
        self.declared: dict[str, list[range]] = {}

    def enter(self, frame: FrameType, _event: str, _argument: Any) -> Any:
        """Watch a function, unless it is a library's."""
        file = frame.f_code.co_filename
        if len(self.found) == self.most or file.startswith(_LIBRARIES):
            return None
        if not linecache.getline(file, frame.f_lineno):  # made up at run time: nothing to show
            return None
        if file not in self.declared:
            self.declared[file] = _declarations(file)
        if any(frame.f_code.co_firstlineno in lines for lines in self.declared[file]):
            return None
        self.last[frame] = 0
        return self.look

    def place_of(self, frame: FrameType) -> tuple[str, int]:
        """Return file and number of the line before: at its beginning that of a function's call.

        What is there when a function begins, its ``def`` has not made. The number is 0 where the
        caller is not watched.
        """
        number, caller = self.last[frame], frame.f_back
        if number or caller is None or caller not in self.last:
            return frame.f_code.co_filename, number
        return caller.f_code.co_filename, self.last[caller]

    def look(self, frame: FrameType, event: str, argument: Any) -> Any:
        """Look at what the line before has left."""
        if len(self.found) < self.most and event in ("line", "return"):
            file, number = self.place_of(frame)
            holder = frame.f_locals.get("self")
            kept = list(vars(holder).values()) if hasattr(holder, "__dict__") else []
            if not self.last[frame]:
                # What is kept when a function begins, no line is known to have made.
                self.seen += [pair for value in kept for pair in self.wanted_in(value)]
            values = [*frame.f_locals.values(), *kept]
            if event == "return":
                values.append(argument)
            made = [pair for value in values for pair in self.wanted_in(value)]
            new = [pair for pair in made if not any(_is_as(pair, old) for old in self.seen)]
            self.seen += new
            if self.begins and any(self.begins(own) is not None for own in _single_values(values)):
                self.begins = None
            if new and number and not self.begins:
                line = Line(file, number, linecache.getline(file, number).strip())
                self.found += [line] * (line not in self.found)
                self.made += [(line, told) for _, told in new]
            self.last[frame] = frame.f_lineno
        return self.look

    def wanted_in(self, value: Any) -> Iterator[tuple[Any, float]]:
        """Yield what is looked for in a value, with what it is told by."""
        for own in _single_values([value]):
            told = self.judge(own)
            if told is not None:
                yield own, told


def _single_values(values: Iterable[Any]) -> Iterator[Any]:
    """Yield values, and those in lists and dictionaries that are not too long."""
    for value in values:
        if isinstance(value, (list, tuple)) and len(value) < 20:
            yield from _single_values(value)
        elif isinstance(value, dict) and len(value) < 50:
            yield from _single_values(value.values())
        else:
            yield value


def _is_as(pair: tuple[Any, float], old: tuple[Any, float]) -> bool:
    """Whether a value has been there as it is."""
    return pair[1] == old[1] and _is_part(pair[0], old[0])


def _is_part(array: Any, other: Any) -> bool:
    """Whether an array is another one, or a view of it."""
    return array is other or bool(np.may_share_memory(array, other))
