"""Somebody's code, watched line by line as it runs."""

import ast
import linecache
import sys
import sysconfig
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from parity_tests.kit.verdicts import Line

# What a value is told by from what it was before; None if it is not what is looked for.
Judge = Callable[[Any], float | None]


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


def found_by(watcher: "Watcher", action: Callable[[], object], most: int) -> list[Line]:
    """Return the lines that make what a watcher looks for, at most so many."""
    watcher.most = most
    before = sys.gettrace()
    sys.settrace(watcher.enter)
    try:
        action()
    finally:
        sys.settrace(before)
    return watcher.found


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


class Watcher:
    """Looks at the variables after every line."""

    def __init__(self, judge: Judge) -> None:
        self.judge = judge
        self.begins: Judge | None = None
        self.sources: list[Judge] = []
        self.is_of_others = False
        self.near: set[FrameType] = set()
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
            kept = _kept_in(frame)
            if not self.last[frame]:
                # What is kept when a function begins, no line is known to have made.
                self.seen += [pair for value in kept for pair in self.wanted_in(value)]
            values = [*frame.f_locals.values(), *kept]
            if event == "return":
                values.append(argument)
            made = [pair for value in values for pair in self.wanted_in(value)]
            new = [pair for pair in made if not any(_is_as(pair, old) for old in self.seen)]
            self.seen += new
            if self.begins and any(self.begins(own) is not None for own in single_values(values)):
                self.begins = None
            if self.sources and self.are_any(values):
                self.near.add(frame)
            if new and number and not self.begins:
                self.is_of_others |= bool(self.sources) and frame not in self.near
                line = self.add(file, number)
                self.made += [(line, told) for _, told in new]
            self.last[frame] = frame.f_lineno
        return self.look

    def add(self, file: str, number: int) -> Line:
        """Keep a line, once, and return it."""
        line = Line(file, number, linecache.getline(file, number).strip())
        self.found += [line] * (line not in self.found)
        return line

    def are_any(self, values: Sequence[Any]) -> bool:
        """Whether one of the sources is among some values."""
        every = list(single_values(values))
        return any(judge(own) is not None for judge in self.sources for own in every)

    def wanted_in(self, value: Any) -> Iterator[tuple[Any, float]]:
        """Yield what is looked for in a value, with what it is told by."""
        for own in single_values([value]):
            told = self.judge(own)
            if told is not None:
                yield own, told


def single_values(values: Iterable[Any]) -> Iterator[Any]:
    """Yield values, and those in lists and dictionaries that are not too long."""
    for value in values:
        if isinstance(value, (list, tuple)) and len(value) < 20:
            yield from single_values(value)
        elif isinstance(value, dict) and len(value) < 50:
            yield from single_values(value.values())
        else:
            yield value


def values_in(frame: FrameType) -> list[Any]:
    """Return local variables, and what ``self`` keeps."""
    return [*frame.f_locals.values(), *_kept_in(frame)]


def _kept_in(frame: FrameType) -> list[Any]:
    holder = frame.f_locals.get("self")
    return list(vars(holder).values()) if hasattr(holder, "__dict__") else []


def _is_as(pair: tuple[Any, float], old: tuple[Any, float]) -> bool:
    """Whether a value has been there as it is."""
    return pair[1] == old[1] and _is_part(pair[0], old[0])


def _is_part(array: Any, other: Any) -> bool:
    """Whether an array is another one, or a view of it."""
    return array is other or bool(np.may_share_memory(array, other))
